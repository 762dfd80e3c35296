"""The SSH connection to a machine: host key checked, everything bounded by timeouts."""

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
from finn_tui.hosts.machine import Machine
from finn_tui.hosts.remote_files import RemoteFiles
from finn_tui.hosts.ssh.openssh_files import (
    KeyEncrypted,
    encrypted_keys,
    key_path,
    known_hosts,
    known_hosts_file,
    read_key,
    remember,
    usable_config,
)
from finn_tui.hosts.ssh.process import SshConsole, SshProcess
from finn_tui.hosts.ssh.sftp_files import SftpFiles
from finn_tui.hosts.transport import (
    MOST_OUTPUT,
    Console,
    LoginRefused,
    RemoteProcess,
    took_too_long,
)

CONNECT_SECONDS = 10.0
LOGIN_SECONDS = 20.0
KEEPALIVE_SECONDS = 15.0
#: For the start of a command; a machine's sshd may be slow, its disk stuck.
SESSION_SECONDS = 30.0
_CONSOLE_WINDOW = 32 << 10
#: Bytes of a command's input that are handed to asyncssh at once.
_PIECE = 256 << 10
# OpenSSH opens ten sessions a connection (MaxSessions); SFTP, lock and agent take three of them.
_COMMANDS = 6


class HostKeyUnknown(FinnTuiError):
    """The machine's key was never seen.

    Attributes:
        fingerprint: ``SHA256:...``, to be compared with the machine's own and passed as ``trust``.
    """

    def __init__(self, machine: Machine, fingerprint: str) -> None:
        """For a machine that showed a key of that fingerprint."""
        self.fingerprint = fingerprint
        super().__init__(
            f"{machine.name} ({machine.address}) is not known yet",
            f"It shows the host key {fingerprint}. Whoever answers at this address could show one.",
            "Compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the "
            f"{machine.word}'s own console, then `finn-tui {machine.word}s test {machine.name} "
            f"--trust {fingerprint}`.",
            kind=machine.word,
        )


class HostKeyChanged(FinnTuiError):
    """The machine's key is another one than before.

    Attributes:
        fingerprint: of the key that it shows now.
    """

    def __init__(self, machine: Machine, fingerprint: str) -> None:
        """For a machine that showed a key of that fingerprint."""
        self.fingerprint = fingerprint
        files = f"{known_hosts_file()} or ~/.ssh/known_hosts"
        anew = (
            "its SD card was written anew" if machine.word == "board" else "it was installed anew"
        )
        super().__init__(
            f"{machine.name} ({machine.address}) has another host key than before",
            f"It shows {fingerprint} now. Either {anew}, or the address went "
            f"to another machine, or somebody stands between you and the {machine.word}. "
            "Nothing was sent.",
            f"If you know why it changed, remove its line from {files} and trust the new key.",
            kind=machine.word,
        )


class SshConnection:
    """The transport over SSH and SFTP; see ``Transport``.

    Attributes:
        connection: asyncssh's connection.
    """

    def __init__(self, machine: Machine, connection: asyncssh.SSHClientConnection) -> None:
        self.machine = machine
        self.connection = connection
        self._sftp: asyncssh.SFTPClient | None = None
        self._opening = asyncio.Lock()
        self._running = asyncio.Semaphore(_COMMANDS)

    @property
    def is_closed(self) -> bool:
        """See ``Transport``."""
        return self.connection.is_closed()

    def translated(self) -> contextlib.AbstractContextManager[None]:
        """See ``Transport``."""
        return translated(self.machine)

    async def files(self, base: str) -> RemoteFiles:
        """See ``Transport``."""
        async with self._opening:
            if self._sftp is None:
                async with asyncio.timeout(LOGIN_SECONDS):
                    self._sftp = await self.connection.start_sftp_client()
        return await SftpFiles.open(self, self._sftp, base)

    async def stream(self, command: str) -> RemoteProcess:
        """See ``Transport``."""
        async with asyncio.timeout(SESSION_SECONDS):
            process = await self.connection.create_process(command, encoding=None)
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
        with translated(self.machine):
            try:
                # The wait for others' commands is theirs to bound; they all are.
                async with self._running, asyncio.timeout(timeout):
                    process = await self.connection.create_process(
                        shlex.join(command),
                        encoding=None,
                        stdin=asyncssh.PIPE if stdin else asyncssh.DEVNULL,
                    )
                    try:
                        out, err, _ = await asyncio.gather(
                            _most(process.stdout),
                            _most(process.stderr),
                            _give(process.stdin, stdin),
                        )
                        await process.wait_closed()
                    finally:
                        process.close()
            except TimeoutError:
                raise took_too_long(self.machine, command[0], timeout) from None
        return process.exit_status if process.exit_status is not None else 255, out, err


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


@contextlib.asynccontextmanager
async def connect(
    machine: Machine,
    on_progress: OnProgress = ignore,
    *,
    trust: bool | str = False,
    password: str | None = None,
    passphrases: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """Connect to a machine as the user's OpenSSH configuration says.

    Args:
        machine: its address, and what goes before the configuration.
        on_progress: told what is waited for.
        trust: what to do with a host key that was never seen: refuse it (False), or remember it if
            its fingerprint is this one (str), or whatever it is (True, on explicit request only).
            A key that changed is refused in any case.
        password: for logging in, if keys do not do; kept in memory only.
        passphrases: of encrypted keys, by their files; kept in memory only.

    Raises:
        HostKeyUnknown, HostKeyChanged, KeyEncrypted: see there.
        FinnTuiError: no answer, refused, not let in.
    """
    on_progress(Progress(machine.word, f"connecting to {machine.name} ({machine.address})"))
    with translated(machine):
        connection = await _open(machine, trust, password, passphrases, on_progress)
    async with closing(connection):
        yield connection


@contextlib.asynccontextmanager
async def connect_known(
    machine: Machine, host_key: str
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """Connect with nothing but what is given: no configuration, no agent, no other host key.

    Args:
        machine: its address, port, user and key.
        host_key: its public host key, as a line of OpenSSH's.
    """
    with translated(machine):
        connection = await asyncssh.connect(
            machine.address,
            machine.port,
            username=machine.user,
            client_keys=[machine.key],
            known_hosts=asyncssh.import_known_hosts(
                f"[{machine.address}]:{machine.port} {host_key}\n"
            ),
            config=None,
            agent_path=None,
            connect_timeout=CONNECT_SECONDS,
            login_timeout=LOGIN_SECONDS,
            keepalive_interval=KEEPALIVE_SECONDS,
        )
    async with closing(connection):
        yield connection


@contextlib.asynccontextmanager
async def closing(connection: asyncssh.SSHClientConnection) -> AsyncIterator[None]:
    """Close a connection at the end of the block."""
    try:
        yield
    finally:
        connection.close()
        # A machine that went away does not answer; what counts is that we let go of it.
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
    machine: Machine,
    trust: bool | str,
    password: str | None,
    passphrases: Mapping[str, str],
    on_progress: OnProgress,
) -> asyncssh.SSHClientConnection:
    client = _Client(trust)
    options = await asyncio.to_thread(_options, machine, password, passphrases)
    with usable_config(machine.word, host=machine.address, **options) as (config, notes):
        for note in notes:
            on_progress(Progress(machine.word, note))
        options["config"] = config
        try:
            try:
                connection = await _attempt(machine, client, options)
            except (asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost, ConnectionResetError):
                # Only those kinds of key were asked for that are known of this machine; one
                # has none of them any more hangs up. Ask for all, to see what it shows now.
                options["server_host_key_algs"] = "default"
                connection = await _attempt(machine, client, options)
        except asyncssh.HostKeyNotVerifiable as error:
            if client.shown is None:
                raise _refused(machine, str(error)) from error
            if client.is_revoked():
                raise _refused(
                    machine, "Its host key is marked @revoked in known_hosts."
                ) from error
            fingerprint = client.shown.get_fingerprint()
            if _entries(*client.address):
                raise HostKeyChanged(machine, fingerprint) from error
            raise HostKeyUnknown(machine, fingerprint) from error
        except ValueError as error:
            # A name that is none, keys and settings that asyncssh cannot read.
            raise _refused(machine, str(error) or type(error).__name__) from error
        except asyncssh.PermissionDenied as error:
            # Encrypted keys were left out in favour of the agent, which did not have them.
            keys = await asyncio.to_thread(encrypted_keys, machine.key, config, machine.address)
            unopened = [key for key in keys if str(key) not in passphrases]
            if unopened and password is None:
                raise KeyEncrypted(unopened[0], word=machine.word) from error
            raise
    if client.shown is not None:
        host, _, port = client.address
        try:
            await asyncio.to_thread(remember, client.shown, host, port)
        except BaseException:
            connection.abort()
            raise
    return connection


def _options(
    machine: Machine, password: str | None, passphrases: Mapping[str, str]
) -> dict[str, Any]:
    """What the catalogue sets; the user's ~/.ssh/config has the say over the rest."""
    options: dict[str, Any] = {}
    if machine.port:
        options["port"] = machine.port
    if machine.user:
        options["username"] = machine.user
    if machine.key:
        options["client_keys"] = [str(key_path(machine.key))]
        options["ignore_encrypted"] = True
        try:
            if str(key_path(machine.key)) not in passphrases:
                read_key(machine.key, word=machine.word)
        except KeyEncrypted:
            if not os.environ.get("SSH_AUTH_SOCK"):
                raise
    if passphrases:
        options["client_keys"] = [
            read_key(key, text, word=machine.word) for key, text in passphrases.items()
        ]
    if password is not None:
        options["password"] = password
    return options


async def _attempt(
    machine: Machine, client: _Client, options: Mapping[str, Any]
) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        machine.address,
        client_factory=lambda: client,
        known_hosts=known_hosts(),
        connect_timeout=CONNECT_SECONDS,
        login_timeout=LOGIN_SECONDS,
        keepalive_interval=KEEPALIVE_SECONDS,
        **options,
    )


def _refused(machine: Machine, why: str) -> FinnTuiError:
    return FinnTuiError(
        f"the SSH connection to {machine.name} failed",
        why,
        f"Try `ssh {machine.login}` to see more.",
        kind=machine.word,
    )


@contextlib.contextmanager
def translated(machine: Machine) -> Iterator[None]:
    """What SSH and sockets raise, as errors that say what to do."""
    where = machine.where
    power = "power, network cable and address" if machine.word == "board" else "network and address"
    try:
        yield
    except FinnTuiError:
        raise
    except ConnectionRefusedError as error:
        raise FinnTuiError(
            f"{where} refuses the connection",
            "Something answers at this address, but no SSH server on that port.",
            f"Check host and port in {machine.catalogue}, and that the {machine.word} has finished "
            "booting.",
            kind=machine.word,
        ) from error
    except socket.gaierror as error:
        raise FinnTuiError(
            f"the name {machine.address} cannot be resolved",
            str(error),
            f"Use the {machine.word}'s address, or add the name to ~/.ssh/config or /etc/hosts.",
            kind=machine.word,
        ) from error
    except (TimeoutError, asyncssh.ConnectionLost, ConnectionError) as error:
        silent = isinstance(error, TimeoutError)
        raise FinnTuiError(
            f"{where} does not answer" if silent else f"the line to {where} broke",
            str(error) or f"No answer within {CONNECT_SECONDS:g} to {LOGIN_SECONDS:g} s.",
            f"Check {power}; then run the same command again: what was "
            "already sent is not sent twice.",
            kind=machine.word,
        ) from error
    except asyncssh.PermissionDenied as error:
        raise LoginRefused(
            machine,
            str(error),
            f"Copy your key with `ssh-copy-id {machine.login}`"
            ", or give the password when asked (--ask-password).",
        ) from error
    except asyncssh.SFTPError as error:
        raise FinnTuiError(
            f"a file operation on {where} failed",
            error.reason,
            f"The {machine.word}'s disk may be full or the folder not writable; "
            "look at `df -h` there.",
            kind=machine.word,
        ) from error
    except (asyncssh.Error, OSError) as error:
        raise _refused(machine, str(error)) from error
