"""The simulated board's login shell, in a terminal of its own."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
from collections.abc import Callable

import asyncssh

_BLOCK = 64 * 1024


class Shell:
    """An interactive shell behind a pseudo-terminal."""

    def __init__(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self._process = process
        self._master = -1

    async def start(
        self, home: str, environment: dict[str, str], before: Callable[[], None] | None
    ) -> asyncio.subprocess.Process:
        """Start the shell.

        Args:
            home: where it starts.
            environment: of the board.
            before: called in the child before anything else.
        """
        self._master, slave = os.openpty()
        columns, rows, *_ = self._process.get_terminal_size()
        self._resize(columns, rows)

        def prepare() -> None:
            if before is not None:
                before()
            # The new session has no terminal until it takes one.
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        try:
            return await asyncio.create_subprocess_exec(
                *("bash", "--norc", "-i"),
                cwd=home,
                env={
                    **environment,
                    "TERM": self._process.get_terminal_type() or "xterm",
                    "PS1": "SIMULATED:\\w\\$ ",
                },
                stdin=slave,
                stdout=slave,
                stderr=slave,
                start_new_session=True,
                preexec_fn=prepare,
            )
        finally:
            os.close(slave)

    async def serve(self) -> None:
        """Pass keys and output until the shell or the client ends."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        source = os.fdopen(self._master, "rb", 0)
        sink = os.fdopen(os.dup(self._master), "wb", 0)
        reading, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), source
        )
        writing, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, sink)
        keys = asyncio.create_task(self._keys(writing))
        try:
            # The terminal's end is an error of its own (EIO) on Linux.
            with contextlib.suppress(OSError, asyncssh.Error):
                while data := await reader.read(_BLOCK):
                    self._process.stdout.write(data)
                    await self._process.stdout.drain()
        finally:
            keys.cancel()
            writing.abort()
            reading.close()

    async def _keys(self, writing: asyncio.WriteTransport) -> None:
        while True:
            try:
                data = await self._process.stdin.read(_BLOCK)
            except asyncssh.TerminalSizeChanged as change:
                self._resize(change.width, change.height)
                continue
            except (OSError, asyncssh.Error):
                return
            if not data:
                return
            writing.write(data)

    def _resize(self, columns: int, rows: int) -> None:
        size = struct.pack("HHHH", max(1, min(rows, 1000)), max(1, min(columns, 1000)), 0, 0)
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)
