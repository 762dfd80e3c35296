"""One connection a host, shared by all that need it: watched, and made anew when it broke."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.hosts import latencies
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.local import LocalTransport
from finn_tui.hosts.ssh import login
from finn_tui.hosts.ssh.connection import SshConnection
from finn_tui.hosts.ssh.errors import HostKeyUnknown
from finn_tui.hosts.ssh.openssh_files import KeyEncrypted
from finn_tui.hosts.ssh.questions import Secrets
from finn_tui.hosts.status import HostStatus, LinkState, OnStatus
from finn_tui.hosts.transport import LoginRefused, Transport, Unreachable

#: Between two measurements of a line's latency.
MEASURE_SECONDS = 15.0
#: Between two attempts to reach a host that does not answer: the first time, and at most.
FIRST_WAIT_SECONDS = 1.0
MOST_WAIT_SECONDS = 60.0
#: Until a login or a host key that was refused is tried again, unless the user says so.
REFUSED_WAIT_SECONDS = 600.0


class HostPool:
    """The connections of this process to hosts."""

    def __init__(
        self,
        secrets: Secrets | None = None,
        *,
        on_progress: OnProgress = ignore,
        on_status: OnStatus = lambda status: None,
    ) -> None:
        """Begin without a connection.

        Args:
            secrets: passwords and passphrases, and whom to ask; kept in memory only.
            on_progress: told what is waited for while one is made.
            on_status: told when a connection has another status.
        """
        self._secrets = secrets or Secrets()
        self._on_progress = on_progress
        self._on_status = on_status
        self._lines: dict[str, _Line] = {}

    @contextlib.asynccontextmanager
    async def use(
        self,
        host: Host,
        *,
        trust: bool | str = False,
        patient: bool = False,
        on_progress: OnProgress | None = None,
    ) -> AsyncIterator[Transport]:
        """The connection to a host, made if there is none; it stays when the block ends.

        Args:
            host: from the catalogue; one without an address is this machine.
            trust: what to do with a host key that was never seen; see ``login.connect``.
            patient: whether to wait until a host that does not answer does so again.
            on_progress: told what is waited for; None tells the pool's own.

        Raises:
            Unreachable: it does not answer, or did not a moment ago, or the line broke in the
                block; the next use makes a new one.
            HostKeyUnknown, HostKeyChanged, KeyEncrypted, LoginRefused: the user must do something.
        """
        line = former = self._lines.get(host.name)
        if line is None or line.host != host:
            # In its place before the former one is closed: who comes meanwhile takes this one.
            line = _Line(host, self._secrets, self._on_status)
            self._lines[host.name] = line
            if former is not None:
                await former.close()
        transport = await line.transport(trust, patient, on_progress or self._on_progress)
        with transport.translated():
            yield transport

    def retry(self, name: str) -> None:
        """Let the next use of a host try at once, however often it has failed."""
        if (line := self._lines.get(name)) is not None:
            line.forget_failures()

    async def close(self) -> None:
        """Close all connections."""
        lines = list(self._lines.values())
        self._lines.clear()
        await asyncio.gather(*(line.close() for line in lines))


class _Line:
    """The connection to one host."""

    def __init__(self, host: Host, secrets: Secrets, on_status: OnStatus) -> None:
        self.host = host
        self.status = HostStatus(host.name)
        self._secrets = secrets
        self._on_status = on_status
        self._opening = asyncio.Lock()
        self._open: SshConnection | None = None
        self._held = contextlib.AsyncExitStack()
        self._watching: asyncio.Task[None] | None = None
        self._failures = 0
        self._retry_at = 0.0

    async def transport(
        self, trust: bool | str, patient: bool, on_progress: OnProgress
    ) -> Transport:
        """The open connection; see ``HostPool.use``."""
        if not self.host.is_remote:
            return LocalTransport()
        while True:
            async with self._opening:
                if self._open is not None and not self._open.is_closed:
                    return self._open
                if trust or time.monotonic() >= self._retry_at:
                    try:
                        return await self._connect(trust, on_progress)
                    except Unreachable:
                        if not patient:
                            raise
                elif self.status.problem is not None and (
                    not patient or self.status.state is LinkState.REFUSED
                ):
                    raise self.status.problem
            await asyncio.sleep(max(0.05, self._retry_at - time.monotonic()))

    async def _connect(self, trust: bool | str, on_progress: OnProgress) -> SshConnection:
        await self._let_go()
        self._tell(state=LinkState.CONNECTING, retry_at=None, asks=False)
        machine = self.host.machine
        try:
            connection = await self._held.enter_async_context(
                login.connect(machine, on_progress, trust=trust, secrets=self._secrets)
            )
        except Unreachable as error:
            self._failed(error)
            raise
        except FinnTuiError as error:
            # A server may lock out who tries too often.
            self._retry_at = time.monotonic() + REFUSED_WAIT_SECONDS
            asks = isinstance(error, (HostKeyUnknown, KeyEncrypted, LoginRefused))
            self._tell(state=LinkState.REFUSED, problem=error, latency=None, asks=asks)
            raise
        except BaseException:
            self._tell(state=LinkState.CLOSED)
            raise
        self.forget_failures()
        self._open = SshConnection(machine, connection)
        self._tell(state=LinkState.CONNECTED, problem=None)
        self._watching = asyncio.create_task(self._watch(self._open))
        return self._open

    async def _watch(self, link: SshConnection) -> None:
        """Measure the line until it breaks."""
        while not link.is_closed:
            with contextlib.suppress(FinnTuiError):
                latency = await link.round_trip()
                if self.status.latency is None:
                    await asyncio.to_thread(latencies.remember, self.host, latency)
                self._tell(latency=latency)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MEASURE_SECONDS):
                    await link.connection.wait_closed()
        self._tell(
            state=LinkState.WAITING,
            latency=None,
            problem=Unreachable(
                f"the line to {link.machine.where} broke",
                "The host was shut down, or the network in between.",
                "It is connected again when it is needed.",
                kind="host",
            ),
        )

    def forget_failures(self) -> None:
        """Try at once the next time."""
        self._failures = 0
        self._retry_at = 0.0

    def _failed(self, error: Unreachable) -> None:
        wait = min(FIRST_WAIT_SECONDS * 2**self._failures, MOST_WAIT_SECONDS)
        self._failures = min(self._failures + 1, 20)
        self._retry_at = time.monotonic() + wait
        self._tell(state=LinkState.WAITING, problem=error, latency=None, retry_at=self._retry_at)

    def _tell(self, **changes: object) -> None:
        self.status = replace(self.status, **changes)  # type: ignore[arg-type]
        self._on_status(self.status)

    async def _let_go(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        self._open = None
        await self._held.aclose()

    async def close(self) -> None:
        """Close it, and forget it."""
        async with self._opening:
            await self._let_go()
            self._tell(state=LinkState.CLOSED, latency=None, retry_at=None)
