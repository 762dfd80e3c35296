"""The process of an engine, wherever it runs, behind one interface."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from finn_tui.base import subprocesses
from finn_tui.engine import protocol

_CHUNK = 1 << 16


class EngineProcess(Protocol):
    """An engine's process and its three pipes."""

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for the number of a signal; None while it runs."""

    def write(self, data: bytes) -> None:
        """Give bytes to its standard input, without waiting until it takes them.

        Raises:
            ConnectionError, RuntimeError: it has ended.
        """

    async def drain(self) -> None:
        """Wait until its standard input takes more. Raises as ``write``."""

    async def read_line(self) -> bytes:
        """The next line of its standard output; b"" at the end.

        Raises:
            ValueError: the line has more than ``protocol.MAX_LINE`` bytes.
        """

    async def read_error(self) -> bytes:
        """The next bytes of its standard error; b"" at the end."""

    async def ended(self) -> int:
        """Wait until the process has ended, whatever is with its pipes; its exit code."""

    def how_it_ended(self) -> str:
        """How it ended, for "the engine NAME ended ..."."""

    @property
    def line_broke(self) -> bool:
        """Whether it ended since the line to its host broke."""

    def close_input(self) -> None:
        """Close its standard input, with which an engine ends by itself."""

    def kill(self) -> None:
        """End it by force."""

    async def end(self, patience: float) -> None:
        """Wait for it that many seconds (s), then end it by force."""

    async def release(self) -> None:
        """Let go of its pipes, which a child of its may hold open."""


async def error_lines(process: EngineProcess) -> AsyncIterator[bytes]:
    """The lines of a process's standard error, without their ends."""
    pending = b""
    while chunk := await process.read_error():
        lines = (pending + chunk).split(b"\n")
        pending = lines.pop()
        if len(pending) > _CHUNK:  # a program that never ends its line
            lines.append(pending)
            pending = b""
        for line in lines:
            yield line
    if pending:
        yield pending


class LocalProcess:
    """A child process of this machine; see ``EngineProcess``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr

    @classmethod
    async def start(cls, command: Sequence[str]) -> LocalProcess:
        """Start a command in a session of its own, without this Python's variables.

        Raises:
            OSError: it cannot be started.
        """
        environment = {
            key: value
            for key, value in os.environ.items()
            if key not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
        }
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=protocol.MAX_LINE,
            env=environment,
            start_new_session=True,  # ctrl+c is for the terminal process alone
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """See ``EngineProcess``."""
        return self._process.returncode

    def write(self, data: bytes) -> None:
        """See ``EngineProcess``."""
        self._stdin.write(data)

    async def drain(self) -> None:
        """See ``EngineProcess``."""
        await self._stdin.drain()

    async def read_line(self) -> bytes:
        """See ``EngineProcess``."""
        return await self._stdout.readline()

    async def read_error(self) -> bytes:
        """See ``EngineProcess``."""
        return await self._stderr.read(_CHUNK)

    async def ended(self) -> int:
        """See ``EngineProcess``."""
        return await subprocesses.exit_code(self._process)

    def how_it_ended(self) -> str:
        """See ``EngineProcess``."""
        code = self._process.returncode or 0
        return f"with exit code {code}" if code >= 0 else f"killed by signal {-code}"

    @property
    def line_broke(self) -> bool:
        """See ``EngineProcess``; pipes of this machine do not break."""
        return False

    def close_input(self) -> None:
        """See ``EngineProcess``."""
        self._stdin.close()

    def kill(self) -> None:
        """See ``EngineProcess``."""
        subprocesses.kill(self._process)

    async def end(self, patience: float) -> None:
        """See ``EngineProcess``."""
        await subprocesses.stop(self._process, patience)

    async def release(self) -> None:
        """See ``EngineProcess``."""
        # Pipes that a child of the engine holds stay open else, until the loop has gone.
        subprocesses.release(self._process)
        await asyncio.sleep(0)
