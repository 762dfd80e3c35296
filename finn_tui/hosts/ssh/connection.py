"""The transport over SSH and SFTP; ``login`` makes the connection. Timeouts bound everything."""

from __future__ import annotations

import asyncio
import contextlib
import time

import asyncssh

from finn_tui.hosts import command_end
from finn_tui.hosts.machine import Machine
from finn_tui.hosts.remote_files import RemoteFiles
from finn_tui.hosts.ssh import login_shell
from finn_tui.hosts.ssh.errors import LOGIN_SECONDS, translated
from finn_tui.hosts.ssh.process import SshConsole, SshProcess
from finn_tui.hosts.ssh.sftp_files import SftpFiles
from finn_tui.hosts.transport import (
    MOST_OUTPUT,
    Console,
    RemoteProcess,
    took_too_long,
)

#: For the start of a command; a machine's sshd may be slow, its disk stuck.
SESSION_SECONDS = 30.0
_CONSOLE_WINDOW = 32 << 10
#: Bytes of a command's input that are handed to asyncssh at once.
_PIECE = 256 << 10
# OpenSSH opens ten sessions a connection (MaxSessions); SFTP, lock and agent take three of them.
_COMMANDS = 6


class SshConnection:
    """The transport over SSH and SFTP; see ``Transport``.

    Attributes:
        connection: asyncssh's connection.
    """

    def __init__(self, machine: Machine, connection: asyncssh.SSHClientConnection) -> None:
        self.machine = machine
        self.connection = connection
        self._sftp: asyncio.Future[asyncssh.SFTPClient] | None = None
        self._running = asyncio.Semaphore(_COMMANDS)
        self._ending = asyncio.Lock()

    @property
    def is_closed(self) -> bool:
        """See ``Transport``."""
        return self.connection.is_closed()

    def translated(self) -> contextlib.AbstractContextManager[None]:
        """See ``Transport``."""
        return translated(self.machine)

    async def files(self, base: str) -> RemoteFiles:
        """See ``Transport``."""
        return await SftpFiles.open(self, await self._sftp_session(), base)

    async def _sftp_session(self) -> asyncssh.SFTPClient:
        # Begun once and waited for by all: a session of one that does not answer is never given
        # back, and OpenSSH allows ten.
        if self._sftp is None or (self._sftp.done() and _has_failed(self._sftp)):
            self._sftp = asyncio.ensure_future(self.connection.start_sftp_client())
            # Looked at also where nobody waits for it any more: asyncio prints a failure that
            # nobody has seen into the user's terminal.
            self._sftp.add_done_callback(_has_failed)
        async with asyncio.timeout(LOGIN_SECONDS):
            return await asyncio.shield(self._sftp)

    async def round_trip(self) -> float:
        """Seconds until the machine has answered the smallest question that there is."""
        with translated(self.machine):
            sftp = await self._sftp_session()
            began = time.monotonic()
            async with asyncio.timeout(SESSION_SECONDS):
                await sftp.realpath(".")
            return time.monotonic() - began

    async def stream(self, command: str) -> RemoteProcess:
        """See ``Transport``."""
        async with asyncio.timeout(SESSION_SECONDS):
            line = login_shell.portable(command)
            process = await self.connection.create_process(line, encoding=None)
        return SshProcess(process)

    async def console(self, columns: int, rows: int) -> Console:
        """See ``Transport``."""
        with translated(self.machine):
            async with asyncio.timeout(SESSION_SECONDS):
                process = await self.connection.create_process(
                    term_type="xterm-256color",
                    term_size=(columns, rows),
                    encoding=None,
                    # What is on its way is shown before ctrl-C is seen to work.
                    window=_CONSOLE_WINDOW,
                )
            return SshConsole(process)

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """See ``Transport``."""
        mark = command_end.new_mark()
        line = login_shell.line_of(command_end.marked(mark, *command))
        try:
            # The wait for others' commands is theirs to bound; they all are.
            async with self._running, asyncio.timeout(timeout):
                try:
                    return await self._run(line, stdin)
                except asyncio.CancelledError:
                    await self._end(mark)
                    raise
        except TimeoutError:
            raise took_too_long(self.machine, command[0], timeout) from None

    async def _run(self, line: str, stdin: bytes) -> tuple[int, bytes, bytes]:
        with translated(self.machine):
            process = await self.connection.create_process(
                line, encoding=None, stdin=asyncssh.PIPE if stdin else asyncssh.DEVNULL
            )
            try:
                out, err, _ = await asyncio.gather(
                    _most(process.stdout), _most(process.stderr), _give(process.stdin, stdin)
                )
                await process.wait_closed()
            finally:
                process.close()
        return process.exit_status if process.exit_status is not None else 255, out, err

    async def _end(self, mark: str) -> None:
        """End a command that took too long, or is not wanted any more."""

        async def run(command: tuple[str, ...], stdin: bytes) -> None:
            # A session more than commands have; each goes on until its own process has ended.
            async with self._ending:
                await self._run(login_shell.line_of(command), stdin)

        if not self.is_closed:
            await command_end.end(mark, run)


def _has_failed(session: asyncio.Future[asyncssh.SFTPClient]) -> bool:
    return session.cancelled() or session.exception() is not None


async def _give(writer: asyncssh.SSHWriter[bytes], data: bytes) -> None:
    """Write a command's input, as far as it takes it, and end it."""
    if not data:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for start in range(0, len(data), _PIECE):
            writer.write(data[start : start + _PIECE])
            await writer.drain()
        writer.write_eof()


async def _most(reader: asyncssh.SSHReader[bytes]) -> bytes:
    """What a command prints; what it prints beyond all measure is read and dropped."""
    data = bytearray()
    while piece := await reader.read(1 << 16):
        data += piece[: MOST_OUTPUT - len(data)]
    return bytes(data)
