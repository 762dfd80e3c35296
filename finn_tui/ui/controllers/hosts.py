"""Connections to hosts: what their logins ask, how they are, and trying them again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts import shared
from finn_tui.hosts.status import HostStatus, LinkState
from finn_tui.ui.context import AppContext
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.controllers.host_questions import HostQuestions
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.state import Topic

if TYPE_CHECKING:
    from finn_tui.hosts.catalogue import Host
    from finn_tui.ui.toolkit.listing import Row

#: Between looks at what only the clock changes: "again in 4 s".
_TICK_SECONDS = 1.0


@dataclass
class HostsRead(WorkResult):
    """hosts.toml was read, for the list of hosts."""

    kind = WorkKind.CONNECT
    hosts: Sequence[Host]


@dataclass
class HostConnected(WorkResult):
    """A host that the user asked for is connected; ``then`` needed it."""

    kind = WorkKind.CONNECT
    host: str
    then: Callable[[], None] | None


def host_rows(hosts: Sequence[Host], statuses: Mapping[str, HostStatus]) -> list[Row]:
    """Return hosts as rows: name, address, and how the connection is.

    Args:
        hosts: of hosts.toml.
        statuses: of those in use, by name.
    """
    from finn_tui.ui.toolkit.frame import host_role
    from finn_tui.ui.toolkit.listing import Row

    now = time.monotonic()
    rows = []
    for host in hosts:
        status = statuses.get(host.name)
        state = ("", "dim") if status is None else (status.words(now), host_role(status))
        rows.append(Row(host.name, [(host.name, ""), (host.address, "dim"), state]))
    return rows


class HostController(Controller):
    """The connections of this app, whoever uses them: engines, builds, runs, the doctor."""

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._questions = HostQuestions(context)
        self._stop_listening: Callable[[], None] = lambda: None

    def begin(self) -> None:
        """Ask in dialogs from now on, and follow how connections are."""
        shared.ask_with(self._questions)
        self._stop_listening = shared.listen(self._changed)
        self.context.start(WorkKind.HOSTS, self._hold())

    def end(self) -> None:
        """Ask nobody: the app ends."""
        shared.ask_with(None)
        self._stop_listening()

    async def _hold(self) -> None:
        """Keep connections open while the app runs, and redraw what counts down."""
        async with shared.held():
            while True:
                await asyncio.sleep(_TICK_SECONDS)
                if any(status.retry_at is not None for status in self.state.hosts.values()):
                    self.state.publish(Topic.HOSTS)

    def _changed(self, status: HostStatus) -> None:
        self.state.hosts = {**self.state.hosts, status.host: status}
        if status.state is LinkState.CLOSED:
            del self.state.hosts[status.host]
        self.state.publish(Topic.HOSTS)

    @property
    def asking(self) -> bool:
        """Whether a login waits for an answer."""
        return self._questions.asking

    def refused_by(self, error: FinnTuiError) -> str:
        """Return the host whose login an error is about; empty if an answer would not help."""
        for status in self.state.hosts.values():
            problem = status.problem
            if status.asks and problem is not None and problem.what == error.what:
                return status.host
        return ""

    def log_in(self, host: str, then: Callable[[], None] | None = None) -> None:
        """Connect to a host now, and ask again what was refused an answer.

        Args:
            host: its name.
            then: called once it is connected; None says so.
        """
        self._questions.ask_again()
        shared.retry(host)
        self.context.start(WorkKind.CONNECT, self._connect(host, then))

    def do_app_hosts(self) -> None:
        """List the hosts with their connections."""
        self.context.start(WorkKind.CONNECT, self._read())

    def listed(self, message: HostsRead) -> None:
        """Show the hosts; the chosen one is connected."""
        from finn_tui.ui.dialogs.choose import ChooseDialog
        from finn_tui.ui.toolkit.listing import Column, Content

        def chosen(name: str | None) -> None:
            if name is not None:
                self.log_in(name)

        rows = host_rows(message.hosts, self.state.hosts)
        if not rows:
            self.context.notify(
                "`finn-tui hosts add NAME ADDRESS` names a machine for builds and engines",
                title="no hosts yet",
            )
            return
        waiting = [name for name, each in self.state.hosts.items() if each.problem is not None]
        content = Content([Column("host", 16), Column("where"), Column("connection", 16)], rows)
        hint = "enter connects now; f3 examines a machine"
        dialog = ChooseDialog("Hosts", content, waiting[0] if waiting else None, hint=hint)
        self.context.show_dialog(dialog, chosen)

    def connected(self, message: HostConnected) -> None:
        """Go on with what needed the host, or say that it is connected."""
        if message.then is not None:
            message.then()
        else:
            self.context.notify("connected", title=message.host)

    async def _read(self) -> HostsRead:
        from finn_tui.hosts import catalogue

        hosts = await asyncio.to_thread(catalogue.hosts)
        return HostsRead([host for host in hosts.values() if host.is_remote])

    async def _connect(self, name: str, then: Callable[[], None] | None) -> HostConnected:
        from finn_tui.hosts import catalogue

        host = await asyncio.to_thread(catalogue.find, name)
        async with shared.held() as pool, pool().use(host):
            return HostConnected(name, then)
