"""The SSH connection to a board: one a board, host key checked, everything bounded by timeouts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import asyncssh

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.board.catalogue import SIMULATED, Board
from finn_tui.board.openssh_files import (
    KeyEncrypted,
    encrypted_keys,
    key_path,
    known_hosts,
    known_hosts_file,
    read_key,
    remember,
    usable_config,
)
from finn_tui.board.remote_files import RemoteFiles
from finn_tui.board.sftp_files import SftpFiles
from finn_tui.board.ssh_process import SshConsole, SshProcess
from finn_tui.board.transport import (
    MOST_OUTPUT,
    Console,
    LoginRefused,
    RemoteProcess,
    Transport,
    took_too_long,
)
from finn_tui.rehearsal import board as rehearsal_board

CONNECT_SECONDS = 10.0
LOGIN_SECONDS = 20.0
KEEPALIVE_SECONDS = 15.0
#: For the start of a command; a board's sshd may be slow, its disk stuck.
SESSION_SECONDS = 30.0
_CONSOLE_WINDOW = 32 << 10
# OpenSSH opens ten sessions a connection (MaxSessions); SFTP, lock and agent take three of them.
_COMMANDS = 6


class HostKeyUnknown(FinnTuiError):
    """The board's key was never seen.

    Attributes:
        fingerprint: ``SHA256:...``, to be compared with the board's own and passed as ``trust``.
    """

    def __init__(self, board: Board, fingerprint: str) -> None:
        """For a board that showed a key of that fingerprint."""
        self.fingerprint = fingerprint
        super().__init__(
            f"{board.name} ({board.host}) is not known yet",
            f"It shows the host key {fingerprint}. Whoever answers at this address could show one.",
            "Compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the board's own "
            f"console, then `finn-tui boards test {board.name} --trust {fingerprint}`.",
            kind="board",
        )


class HostKeyChanged(FinnTuiError):
    """The board's key is another one than before.

    Attributes:
        fingerprint: of the key that it shows now.
    """

    def __init__(self, board: Board, fingerprint: str) -> None:
        """For a board that showed a key of that fingerprint."""
        self.fingerprint = fingerprint
        files = f"{known_hosts_file()} or ~/.ssh/known_hosts"
        super().__init__(
            f"{board.name} ({board.host}) has another host key than before",
            f"It shows {fingerprint} now. Either its SD card was written anew, or the address went "
            "to another machine, or somebody stands between you and the board. Nothing was sent.",
            f"If you know why it changed, remove its line from {files} and trust the new key.",
            kind="board",
        )


class BoardConnection:
    """The transport over SSH and SFTP; see ``Transport``.

    Attributes:
        connection: asyncssh's connection.
    """

    def __init__(
        self, board: Board, connection: asyncssh.SSHClientConnection, sudo_password: str | None
    ) -> None:
        self.board = board
        self.connection = connection
        self.sudo_password = sudo_password
        self._sftp: asyncssh.SFTPClient | None = None
        self._opening = asyncio.Lock()
        self._running = asyncio.Semaphore(_COMMANDS)

    @property
    def is_closed(self) -> bool:
        """See ``Transport``."""
        return self.connection.is_closed()

    def translated(self) -> contextlib.AbstractContextManager[None]:
        """See ``Transport``."""
        return translated(self.board)

    async def files(self) -> RemoteFiles:
        """See ``Transport``."""
        async with self._opening:
            if self._sftp is None:
                async with asyncio.timeout(LOGIN_SECONDS):
                    self._sftp = await self.connection.start_sftp_client()
        return await SftpFiles.open(self, self._sftp)

    async def stream(self, command: str) -> RemoteProcess:
        """See ``Transport``."""
        async with asyncio.timeout(SESSION_SECONDS):
            process = await self.connection.create_process(command, encoding=None)
        return SshProcess(process)

    async def console(self, columns: int, rows: int) -> Console:
        """See ``Transport``."""
        with translated(self.board):
            async with asyncio.timeout(SESSION_SECONDS):
                process = await self.connection.create_process(
                    term_type="xterm-256color",
                    term_size=(columns, rows),
                    encoding=None,
                    # What is on its way is shown before ctrl-C is seen to work.
                    window=_CONSOLE_WINDOW,
                )
            return SshConsole(process)

    async def run(self, *command: str, timeout: float = 30.0) -> tuple[int, bytes, bytes]:
        """See ``Transport``."""
        with translated(self.board):
            try:
                # The wait for others' commands is theirs to bound; they all are.
                async with self._running, asyncio.timeout(timeout):
                    process = await self.connection.create_process(
                        shlex.join(command), encoding=None, stdin=asyncssh.DEVNULL
                    )
                    try:
                        out, err = await asyncio.gather(
                            _most(process.stdout), _most(process.stderr)
                        )
                        await process.wait_closed()
                    finally:
                        process.close()
            except TimeoutError:
                raise took_too_long(self.board, command[0], timeout) from None
        return process.exit_status if process.exit_status is not None else 255, out, err


async def _most(reader: asyncssh.SSHReader[bytes]) -> bytes:
    """What a command prints; what it prints beyond all measure is read and dropped."""
    data = bytearray()
    while piece := await reader.read(1 << 16):
        data += piece[: MOST_OUTPUT - len(data)]
    return bytes(data)


@contextlib.asynccontextmanager
async def connect(
    board: Board,
    on_progress: OnProgress = ignore,
    *,
    trust: bool | str = False,
    password: str | None = None,
    sudo_password: str | None = None,
    passphrases: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Transport]:
    """Connect to a board; for the simulated one, start it first and end it afterwards.

    Args:
        board: from the catalogue.
        on_progress: told what is waited for.
        trust: what to do with a host key that was never seen: refuse it (False), or remember it if
            its fingerprint is this one (str), or whatever it is (True, on explicit request only).
            A key that changed is refused in any case.
        password: for logging in, if keys do not do; kept in memory only.
        sudo_password: for ``sudo`` on the board.
        passphrases: of encrypted keys, by their files; kept in memory only.

    Raises:
        HostKeyUnknown, HostKeyChanged, KeyEncrypted: see there.
        FinnTuiError: no answer, refused, not let in; kind "board".
    """
    if board.url:
        # httpx and websockets are for those only who reach a board so.
        from finn_tui.board.jupyter.connection import connect as connect_to_jupyter

        async with connect_to_jupyter(
            board, on_progress, secret=password, sudo_password=sudo_password
        ) as jupyter:
            yield jupyter
        return
    if board.name != SIMULATED:
        on_progress(Progress("board", f"connecting to {board.name} ({board.host})"))
        with translated(board):
            connection = await _open(board, trust, password, passphrases, on_progress)
        async with _closing(connection):
            yield BoardConnection(board, connection, sudo_password)
        return
    async with rehearsal_board.running(on_progress) as endpoint:
        with translated(board):
            connection = await asyncssh.connect(
                endpoint.host,
                endpoint.port,
                username=endpoint.user,
                client_keys=[str(endpoint.client_key)],
                known_hosts=asyncssh.import_known_hosts(
                    f"[{endpoint.host}]:{endpoint.port} {endpoint.host_key}\n"
                ),
                config=None,
                agent_path=None,
                connect_timeout=CONNECT_SECONDS,
                login_timeout=LOGIN_SECONDS,
                keepalive_interval=KEEPALIVE_SECONDS,
            )
        async with _closing(connection):
            yield BoardConnection(board, connection, None)


@contextlib.asynccontextmanager
async def _closing(connection: asyncssh.SSHClientConnection) -> AsyncIterator[None]:
    try:
        yield
    finally:
        connection.close()
        # A board that went away does not answer; what counts is that we let go of it.
        with contextlib.suppress(TimeoutError, OSError, asyncssh.Error):
            async with asyncio.timeout(2):
                await connection.wait_closed()
        connection.abort()


class _Client(asyncssh.SSHClient):
    """Sees the host key if it is none of the known ones."""

    def __init__(self, trust: bool | str) -> None:
        self._trust = trust
        self.shown: asyncssh.SSHKey | None = None
        self.address: tuple[str, str, int] = ("", "", 22)

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        self.shown = key
        self.address = (host, addr, port)
        if self._trust is False or _entries(host, addr, port) or self.is_revoked():
            return False
        return self._trust is True or self._trust == key.get_fingerprint()

    def is_revoked(self) -> bool:
        """Whether the shown key is marked ``@revoked``; asyncssh asks us before it looks itself."""
        host, addr, port = self.address
        names = (f"[{host}]:{port}", f"[{addr}]:{port}", host, addr)
        known = known_hosts()
        # Name by name: with a port, asyncssh forgets what is revoked for that port.
        return any(self.shown in known.match(name, "", None)[2] for name in names if name)


def _entries(host: str, addr: str, port: int) -> bool:
    """Whether any key of that host is known."""
    return bool(known_hosts().match(host, addr, port)[0])


async def _open(
    board: Board,
    trust: bool | str,
    password: str | None,
    passphrases: Mapping[str, str],
    on_progress: OnProgress,
) -> asyncssh.SSHClientConnection:
    client = _Client(trust)
    options = await asyncio.to_thread(_options, board, password, passphrases)
    with usable_config(host=board.host, **options) as (config, notes):
        for note in notes:
            on_progress(Progress("board", note))
        options["config"] = config
        try:
            try:
                connection = await _attempt(board, client, options)
            except (asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost, ConnectionResetError):
                # Only those kinds of key were asked for that are known of this board; one that
                # has none of them any more hangs up. Ask for all, to see what it shows now.
                options["server_host_key_algs"] = "default"
                connection = await _attempt(board, client, options)
        except asyncssh.HostKeyNotVerifiable as error:
            if client.shown is None:
                raise _refused(board, str(error)) from error
            if client.is_revoked():
                raise _refused(board, "Its host key is marked @revoked in known_hosts.") from error
            fingerprint = client.shown.get_fingerprint()
            if _entries(*client.address):
                raise HostKeyChanged(board, fingerprint) from error
            raise HostKeyUnknown(board, fingerprint) from error
        except ValueError as error:
            # A name that is none, keys and settings that asyncssh cannot read.
            raise _refused(board, str(error) or type(error).__name__) from error
        except asyncssh.PermissionDenied as error:
            # Encrypted keys were left out in favour of the agent, which did not have them.
            keys = await asyncio.to_thread(encrypted_keys, board.key, config, board.host)
            unopened = [key for key in keys if str(key) not in passphrases]
            if unopened and password is None:
                raise KeyEncrypted(unopened[0]) from error
            raise
    if client.shown is not None:
        host, _, port = client.address
        try:
            await asyncio.to_thread(remember, client.shown, host, port)
        except BaseException:
            connection.abort()
            raise
    return connection


def _options(board: Board, password: str | None, passphrases: Mapping[str, str]) -> dict[str, Any]:
    """What boards.toml sets; the user's ~/.ssh/config has the say over the rest."""
    options: dict[str, Any] = {}
    if board.port:
        options["port"] = board.port
    if board.user:
        options["username"] = board.user
    if board.key:
        options["client_keys"] = [str(key_path(board.key))]
        options["ignore_encrypted"] = True
        try:
            if str(key_path(board.key)) not in passphrases:
                read_key(board.key)
        except KeyEncrypted:
            if not os.environ.get("SSH_AUTH_SOCK"):
                raise
    if passphrases:
        options["client_keys"] = [read_key(key, text) for key, text in passphrases.items()]
    if password is not None:
        options["password"] = password
    return options


async def _attempt(
    board: Board, client: _Client, options: Mapping[str, Any]
) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        board.host,
        client_factory=lambda: client,
        known_hosts=known_hosts(),
        connect_timeout=CONNECT_SECONDS,
        login_timeout=LOGIN_SECONDS,
        keepalive_interval=KEEPALIVE_SECONDS,
        **options,
    )


def _refused(board: Board, why: str) -> FinnTuiError:
    return FinnTuiError(
        f"the SSH connection to {board.name} failed",
        why,
        f"Try `ssh {board.user + '@' if board.user else ''}{board.host}` to see more.",
        kind="board",
    )


@contextlib.contextmanager
def translated(board: Board) -> Iterator[None]:
    """What SSH and sockets raise, as errors that say what to do."""
    where = f"{board.name} ({board.host}{f':{board.port}' if board.port else ''})"
    try:
        yield
    except FinnTuiError:
        raise
    except ConnectionRefusedError as error:
        raise FinnTuiError(
            f"{where} refuses the connection",
            "Something answers at this address, but no SSH server on that port.",
            "Check host and port in boards.toml, and that the board has finished booting.",
            kind="board",
        ) from error
    except socket.gaierror as error:
        raise FinnTuiError(
            f"the name {board.host} cannot be resolved",
            str(error),
            "Use the board's address, or add the name to ~/.ssh/config or /etc/hosts.",
            kind="board",
        ) from error
    except (TimeoutError, asyncssh.ConnectionLost, ConnectionError) as error:
        silent = isinstance(error, TimeoutError)
        raise FinnTuiError(
            f"{where} does not answer" if silent else f"the line to {where} broke",
            str(error) or f"No answer within {CONNECT_SECONDS:g} to {LOGIN_SECONDS:g} s.",
            "Check power, network cable and address; then run the same command again: what was "
            "already sent is not sent twice.",
            kind="board",
        ) from error
    except asyncssh.PermissionDenied as error:
        raise LoginRefused(
            board,
            str(error),
            f"Copy your key with `ssh-copy-id {board.user + '@' if board.user else ''}{board.host}`"
            ", or give the password when asked (--ask-password).",
        ) from error
    except asyncssh.SFTPError as error:
        raise FinnTuiError(
            f"a file operation on {where} failed",
            error.reason,
            "The board's disk may be full or the folder not writable; look at `df -h` there.",
            kind="board",
        ) from error
    except (asyncssh.Error, OSError) as error:
        raise _refused(board, str(error)) from error
