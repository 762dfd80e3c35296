"""Logging in over SSH as the user's OpenSSH configuration says, jump hosts included."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncssh

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.hosts.machine import Machine
from finn_tui.hosts.ssh import errors
from finn_tui.hosts.ssh.errors import HostKeyChanged, HostKeyUnknown, refused, translated
from finn_tui.hosts.ssh.jumps import jump_hosts
from finn_tui.hosts.ssh.openssh_files import (
    KeyEncrypted,
    identities,
    key_path,
    known_hosts,
    opened_keys,
    read_key,
    remember,
    usable_config,
)
from finn_tui.hosts.ssh.questions import (
    MOST_TRIES,
    LoginAnswers,
    Question,
    QuestionKind,
    Secrets,
)

KEEPALIVE_SECONDS = 15.0
#: Jump hosts whose own jump hosts are followed.
_DEEPEST = 8


@contextlib.asynccontextmanager
async def connect(
    machine: Machine,
    on_progress: OnProgress = ignore,
    *,
    trust: bool | str = False,
    secrets: Secrets | None = None,
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """Connect to a machine, through its jump hosts.

    Args:
        machine: its address, and what goes before the configuration.
        on_progress: told what is waited for.
        trust: what to do with a host key that was never seen: refuse it (False), or remember it if
            its fingerprint is this one (str), or whatever it is (True, on explicit request only).
            A key that changed is refused in any case.
        secrets: passwords and passphrases, and whom to ask for them and about host keys.

    Raises:
        HostKeyUnknown, HostKeyChanged, KeyEncrypted: see there.
        LoginRefused: it does not let us in.
        Unreachable: no answer.
        FinnTuiError: refused for another reason.
    """
    async with contextlib.AsyncExitStack() as stack:
        yield await _Way(on_progress, trust, secrets or Secrets(), stack).to(machine)


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
            connect_timeout=errors.CONNECT_SECONDS,
            login_timeout=errors.LOGIN_SECONDS,
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
    """Sees the host key if it is none of the known ones, and answers what the login asks."""

    def __init__(self, trust: bool | str, answers: LoginAnswers) -> None:
        self._trust = trust
        self._answers = answers
        self.deadline: asyncio.Timeout | None = None
        self.logging_in = False
        self.shown: asyncssh.SSHKey | None = None
        self.address: tuple[str, str, int] = ("", "", 22)

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._wait(errors.LOGIN_SECONDS)

    def _wait(self, seconds: float | None) -> None:
        """Give the other end that much time from now on; None for no end."""
        if self.deadline is not None:
            # It may be over in this moment.
            with contextlib.suppress(RuntimeError):
                now = asyncio.get_running_loop().time()
                self.deadline.reschedule(None if seconds is None else now + seconds)

    async def password_auth_requested(self) -> str | None:
        self.logging_in = True
        self._wait(None)
        try:
            return await self._answers.give_password()
        finally:
            self._wait(errors.LOGIN_SECONDS)

    def kbdint_auth_requested(self) -> str | None:
        return "" if self._answers.has_any else None

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        self.logging_in = True
        self._wait(None)
        try:
            return await self._answers.meet_challenge(name, instructions, prompts)
        finally:
            self._wait(errors.LOGIN_SECONDS)

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


@dataclass(frozen=True)
class _Way:
    """The way to a machine, hop by hop."""

    on_progress: OnProgress
    trust: bool | str
    secrets: Secrets
    stack: contextlib.AsyncExitStack

    async def to(
        self, machine: Machine, tunnel: asyncssh.SSHClientConnection | None = None, depth: int = 0
    ) -> asyncssh.SSHClientConnection:
        """Connect to a machine.

        Args:
            machine: which one.
            tunnel: the connection to the last of its jump hosts; None to look for them.
            depth: how many machines this one leads to.
        """
        what = "the jump host " if machine.jump_for else ""
        self.on_progress(Progress(machine.word, f"connecting to {what}{machine.label}"))
        with translated(machine):
            hops = await asyncio.to_thread(_hops, machine) if tunnel is None else []
        for hop in hops:
            if depth >= _DEEPEST:
                raise refused(machine, "Its jump hosts need jump hosts, and so on without an end.")
            tunnel = await self.to(hop, tunnel, depth + 1)
        with translated(machine, via_jump_host=tunnel is not None):
            connection = await self._logged_in(machine, tunnel)
        await self.stack.enter_async_context(closing(connection))
        return connection

    async def _logged_in(
        self, machine: Machine, tunnel: asyncssh.SSHClientConnection | None
    ) -> asyncssh.SSHClientConnection:
        """Log in; ask for what cannot be asked for in the middle of a login."""
        trust = self.trust
        ask, passphrases = self.secrets.ask, self.secrets.passphrases
        skipped: set[str] = set()
        tries = 0
        while True:
            try:
                return await _open(machine, trust, self, tunnel, skipped)
            except HostKeyUnknown as error:
                if ask is None or trust:
                    raise
                text = f"{error.what}. {error.why}"
                if not await ask(Question(machine, QuestionKind.HOST_KEY, text, hidden=False)):
                    raise
                trust = error.fingerprint
            except KeyEncrypted as error:
                key = str(error.key)
                tries += key in passphrases
                if ask is None or tries == MOST_TRIES:
                    raise
                wrong = "wrong; again the " if passphrases.pop(key, None) else ""
                text = f"{wrong}passphrase of {key}"
                answer = await ask(Question(machine, QuestionKind.PASSPHRASE, text))
                if answer:
                    passphrases[key] = answer
                else:
                    skipped.add(key)


def _hops(machine: Machine) -> list[Machine]:
    """The jump hosts of a machine, the first one first."""
    options = _options(machine)
    with usable_config(machine.word, host=machine.address, **options) as (config, _):
        return jump_hosts(machine, config, options)


def _options(machine: Machine) -> dict[str, Any]:
    """What the catalogue sets; the user's ~/.ssh/config has the say over the rest."""
    options: dict[str, Any] = {}
    if machine.port:
        options["port"] = machine.port
    if machine.user:
        options["username"] = machine.user
    if machine.key:
        options["client_keys"] = [str(key_path(machine.key))]
        options["ignore_encrypted"] = True
    return options


async def _open(
    machine: Machine,
    trust: bool | str,
    way: _Way,
    tunnel: asyncssh.SSHClientConnection | None,
    skipped: set[str],
) -> asyncssh.SSHClientConnection:
    secrets = way.secrets
    options = _options(machine)
    with usable_config(machine.word, host=machine.address, **options) as (config, notes):
        for note in notes:
            way.on_progress(Progress(machine.word, note))
        names = await asyncio.to_thread(identities, machine.key, config, machine.address)
        looked_at = names if machine.key or secrets.ask else []
        locked = await asyncio.to_thread(_locked, looked_at, machine, secrets, skipped)
        if secrets.passphrases and (
            keys := await asyncio.to_thread(opened_keys, names, secrets.passphrases, machine.word)
        ):
            options["client_keys"] = keys
        options |= {"config": config, "tunnel": tunnel}
        # A passphrase is asked for before a password, as by OpenSSH.
        answers = LoginAnswers(machine, secrets, None if locked else secrets.ask)
        client = _Client(trust, answers)
        try:
            try:
                connection = await _attempt(machine, client, options)
            except (asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost, ConnectionResetError):
                # Only those kinds of key were asked for that are known of this machine; one
                # that has none of them any more hangs up. Ask for all, to see what it shows now.
                if client.logging_in:
                    raise
                options["server_host_key_algs"] = "default"
                connection = await _attempt(machine, client, options)
        except asyncssh.HostKeyNotVerifiable as error:
            if client.shown is None:
                raise refused(machine, str(error)) from error
            if client.is_revoked():
                why = "Its host key is marked @revoked in known_hosts."
                raise refused(machine, why) from error
            fingerprint = client.shown.get_fingerprint()
            if _entries(*client.address):
                raise HostKeyChanged(machine, fingerprint) from error
            raise HostKeyUnknown(machine, fingerprint) from error
        except ValueError as error:
            # A name that is none, keys and settings that asyncssh cannot read.
            raise refused(machine, str(error) or type(error).__name__) from error
        except asyncssh.PermissionDenied as error:
            # Encrypted keys were left out in favour of the agent, which did not have them.
            if secrets.password(machine) is None:
                locked = await asyncio.to_thread(_locked, names, machine, secrets, skipped)
                if locked:
                    raise KeyEncrypted(key_path(locked[0]), word=machine.word) from error
            raise
    if answers.password is not None:
        secrets.remember(machine, answers.password)
    if client.shown is not None:
        host, _, port = client.address
        try:
            await asyncio.to_thread(remember, client.shown, host, port)
        except BaseException:
            connection.abort()
            raise
    return connection


def _locked(names: list[str], machine: Machine, secrets: Secrets, skipped: set[str]) -> list[str]:
    """The keys that are encrypted and whose passphrases are not known, nor refused to be given.

    Raises:
        KeyEncrypted: the one that the catalogue names is, and there is no agent that may hold it.
        FinnTuiError: the one that the catalogue names cannot be read.
    """
    locked = []
    for name in names:
        key = str(key_path(name))
        if key in secrets.passphrases or key in skipped:
            continue
        try:
            read_key(name, word=machine.word)
        except KeyEncrypted:
            if machine.key and not os.environ.get("SSH_AUTH_SOCK"):
                raise
            locked.append(name)
        except FinnTuiError:
            if machine.key:
                raise
    return locked


async def _attempt(
    machine: Machine, client: _Client, options: dict[str, Any]
) -> asyncssh.SSHClientConnection:
    async with asyncio.timeout(errors.CONNECT_SECONDS) as deadline:
        client.deadline = deadline
        return await asyncssh.connect(
            machine.address,
            client_factory=lambda: client,
            known_hosts=known_hosts(),
            # ``deadline`` bounds both, and lets a user think.
            connect_timeout=None,
            login_timeout=0,
            keepalive_interval=KEEPALIVE_SECONDS,
            **options,
        )
