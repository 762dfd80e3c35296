"""The process behind a simulated board: SSH and SFTP on 127.0.0.1, confined to the board's folder.

It takes only the key that lies in the board's folder, shows only ``home/`` over SFTP, and runs
commands there with an environment of its own. A command is killed, with all that it started, when
its channel closes; the server ends when its standard input closes, or when nobody was connected
for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import secrets
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import asyncssh
import psutil

from finn_tui.base import subprocesses
from finn_tui.rehearsal.board_shell import Shell

IDLE_SECONDS = 900.0
_BLOCK = 64 * 1024
_ON_BOARD = Path(__file__).resolve().parent / "on_board"
#: In the environment of a command and all that it starts: a number of its own.
_MARK = "BOARD_COMMAND"
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG, prctl(2)


async def serve(folder: Path, python: Path, idle: float = IDLE_SECONDS) -> None:
    """Serve the board in ``folder`` until standard input closes.

    Writes one JSON line to standard output once it listens: ``port, client_key, host_key, home``.

    Args:
        folder: made if it is not there, for its owner only.
        python: interpreter of the driver's environment; first in the commands' ``PATH``.
        idle: seconds without a connection after which it ends by itself.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    home, keys = folder / "home", folder / "keys"
    home.mkdir(exist_ok=True)
    keys.mkdir(exist_ok=True, mode=0o700)
    host_key = asyncssh.read_private_key(_key(keys / "host"))
    client_file = _key(keys / "client")
    client_key = asyncssh.read_private_key(client_file)
    board = _Board(home, python)
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=board.connection,
        server_host_keys=[host_key],
        authorized_client_keys=asyncssh.import_authorized_keys(
            client_key.export_public_key().decode()
        ),
        process_factory=board.run,
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=os.fsencode(home)),
        encoding=None,
        allow_scp=False,
        agent_forwarding=False,
        keepalive_interval=15,
    )
    ready = {
        "port": server.get_port(),
        "client_key": str(client_file),
        "host_key": host_key.export_public_key().decode().strip(),
        "home": str(home),
    }
    print(json.dumps(ready), flush=True)
    try:
        await _until_alone(board, idle)
    finally:
        board.kill_all()
        server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await server.wait_closed()


def _key(path: Path) -> Path:
    """Create a private key file unless it exists; two servers may start at the same time."""
    if not path.exists():
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.touch(mode=0o600)
        partial.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
        # Whoever links first wins; a link never replaces a file.
        with contextlib.suppress(FileExistsError):
            os.link(partial, path)
        partial.unlink()
    return path


async def _until_alone(board: _Board, idle: float) -> None:
    loop = asyncio.get_running_loop()
    closed = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(name, closed.set)

    def listen() -> None:
        # Only the end of the pipe means anything.
        if not os.read(sys.stdin.fileno(), 4096):
            closed.set()
            loop.remove_reader(sys.stdin.fileno())

    loop.add_reader(sys.stdin.fileno(), listen)
    since = loop.time()
    while not closed.is_set():
        if board.connections:
            since = loop.time()
        elif loop.time() - since > idle:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(idle, 5.0)):
                await closed.wait()


def environment(home: Path, python: Path) -> dict[str, str]:
    """What commands on the board find in their environment.

    Args:
        home: the board's file system.
        python: interpreter of the driver's environment.
    """
    return {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "USER": "xilinx",
        "LOGNAME": "xilinx",
        "SHELL": "/bin/sh",
        "LANG": "C.UTF-8",
        "TMPDIR": str(home),
        "PYTHONPATH": str(_ON_BOARD),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


class _Board:
    def __init__(self, home: Path, python: Path) -> None:
        self.connections = 0
        self._home = home
        self._commands: set[_Command] = set()
        self._environment = environment(home, python)
        self._orphans_die = _die_with_parent()

    def connection(self) -> asyncssh.SSHServer:
        return _Connection(self)

    def kill_all(self) -> None:
        for command in list(self._commands):
            command.end()

    async def run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """Run one command, from its start to its exit status."""
        if process.command is None:
            await self._login(process)
            return
        mark = secrets.token_hex(8)
        child = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            process.command,
            cwd=self._home,
            env={**self._environment, _MARK: mark},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            preexec_fn=self._orphans_die,
        )
        assert child.stdin is not None
        command = _Command(child.pid, mark)
        self._commands.add(command)
        # Not asyncssh's redirect: it fails, and the connection with it, on an early close.
        feeding = asyncio.create_task(_feed(process.stdin, child.stdin))
        draining = asyncio.create_task(_both(child, process))
        hung_up = asyncio.create_task(process.wait_closed())
        try:
            await asyncio.wait((draining, hung_up), return_when=asyncio.FIRST_COMPLETED)
            if not hung_up.done():
                code = await child.wait()
                process.exit(code if code >= 0 else 128 - code)
        finally:
            for task in (feeding, draining, hung_up):
                task.cancel()
            command.end()
            self._commands.discard(command)
            # Not its wait: what it printed last may be in a pipe that nobody reads any more.
            await subprocesses.exit_code(child)
            subprocesses.release(child)

    async def _login(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """A shell in a terminal, from its start to its exit status."""
        if process.get_terminal_type() is None:
            process.stderr.write(b"SIMULATED board: a login shell needs a terminal\n")
            process.exit(1)
            return
        mark = secrets.token_hex(8)
        shell = Shell(process)
        child = await shell.start(
            str(self._home), {**self._environment, _MARK: mark}, self._orphans_die
        )
        command = _Command(child.pid, mark)
        self._commands.add(command)
        serving = asyncio.create_task(shell.serve())
        hung_up = asyncio.create_task(process.wait_closed())
        try:
            await asyncio.wait((serving, hung_up), return_when=asyncio.FIRST_COMPLETED)
            if not hung_up.done():
                code = await subprocesses.end(child, 1.0)
                process.exit(code if code >= 0 else 128 - code)
        finally:
            for task in (serving, hung_up):
                task.cancel()
            command.end()
            self._commands.discard(command)
            await subprocesses.exit_code(child)


class _Command:
    """The processes of one command."""

    def __init__(self, pid: int, mark: str) -> None:
        self._mark = mark
        try:
            self._leader: psutil.Process | None = psutil.Process(pid)
        except psutil.NoSuchProcess:
            self._leader = None

    def end(self) -> None:
        """Kill what is left of it, in sessions of their own as well."""
        # asyncio has waited for a leader that ended: its number, and with it that of its group,
        # may be another process's by now.
        if self._leader is not None and self._leader.is_running():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._leader.pid, signal.SIGKILL)
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(_MARK) == self._mark:
                    process.kill()


async def _feed(source: asyncssh.SSHReader[bytes], sink: asyncio.StreamWriter) -> None:
    """Pass what the client sends to the command, until either ends."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await source.read(_BLOCK):
            sink.write(data)
            await sink.drain()
    sink.close()


async def _both(
    child: asyncio.subprocess.Process, process: asyncssh.SSHServerProcess[bytes]
) -> None:
    assert child.stdout is not None and child.stderr is not None
    async with asyncio.TaskGroup() as group:
        group.create_task(_drain(child.stdout, process.stdout))
        group.create_task(_drain(child.stderr, process.stderr))


async def _drain(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
    """Pass what the command prints to the client."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await source.read(_BLOCK):
            sink.write(data)
            await sink.drain()


class _Connection(asyncssh.SSHServer):
    def __init__(self, board: _Board) -> None:
        self._board = board

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._board.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._board.connections -= 1

    def password_auth_supported(self) -> bool:
        return False


def _die_with_parent() -> Callable[[], None] | None:
    """Called in each child before it starts: a killed server takes its commands with it (Linux)."""
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return None
    return lambda: prctl(_DIE_WITH_PARENT, signal.SIGKILL)
