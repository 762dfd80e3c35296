"""Commands and terminals on a machine over SSH."""

from __future__ import annotations

import asyncio
import contextlib

import asyncssh


class SshProcess:
    """A command in a session of its own; see ``transport.RemoteProcess``."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._process = process

    @property
    def exit_status(self) -> int | None:
        """See ``RemoteProcess``."""
        # asyncssh says -1 of a process that a signal ended.
        status = self._process.exit_status
        return None if status == -1 else status

    def write(self, data: bytes) -> None:
        """See ``RemoteProcess``."""
        self._process.stdin.write(data)

    async def readline(self) -> bytes:
        """See ``RemoteProcess``."""
        return await self._process.stdout.readline()

    async def read_error(self) -> bytes:
        """See ``RemoteProcess``."""
        return await self._process.stderr.readline()

    async def wait(self, seconds: float) -> None:
        """See ``RemoteProcess``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._process.wait_closed()

    def close(self) -> None:
        """See ``RemoteProcess``."""
        with contextlib.suppress(OSError, asyncssh.Error):
            self._process.stdin.write_eof()
        self._process.close()


class SshConsole:
    """A terminal in a session of its own; see ``transport.Console``."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._process = process

    async def read(self) -> bytes:
        """See ``Console``."""
        # A line that breaks ends the terminal, too.
        with contextlib.suppress(OSError, asyncssh.Error):
            return await self._process.stdout.read(1 << 16)
        return b""

    def write(self, data: bytes) -> None:
        """See ``Console``."""
        with contextlib.suppress(OSError):
            self._process.stdin.write(data)

    def resize(self, columns: int, rows: int) -> None:
        """See ``Console``."""
        with contextlib.suppress(OSError):
            self._process.change_terminal_size(columns, rows)

    async def close(self) -> None:
        """See ``Console``."""
        self._process.close()
        with contextlib.suppress(TimeoutError, OSError, asyncssh.Error):
            async with asyncio.timeout(2):
                await self._process.wait_closed()
