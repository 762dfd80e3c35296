"""The doctor of build machines: examines one, and makes changes that the user agrees to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.ui.context import AppContext
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.controllers.hosts import host_rows
from finn_tui.ui.dialogs.confirm import Confirm
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.toolkit.listing import Column, Content, Row

if TYPE_CHECKING:
    from finn_tui.hosts.catalogue import Host
    from finn_tui.lab.doctor.changes import Change
    from finn_tui.lab.doctor.check import Check, Report
    from finn_tui.ui.doctor.screen import MachineDoctorScreen


@dataclass
class MachineExamined(WorkResult):
    """A machine was examined."""

    kind = WorkKind.MACHINE
    report: Report


@dataclass
class HostsListed(WorkResult):
    """The hosts of hosts.toml are known."""

    kind = WorkKind.MACHINE_CHANGE
    hosts: Sequence[Host]


@dataclass
class ChangePreviewed(WorkResult):
    """What changes would do is known.

    Attributes:
        changes: those that are left to be asked for; the lines are of the first.
    """

    kind = WorkKind.MACHINE_CHANGE
    title: str
    changes: Sequence[Change]
    lines: Sequence[str]


@dataclass
class ChangeMade(WorkResult):
    """A change was made; ``undo`` is the command that takes it back."""

    kind = WorkKind.MACHINE_CHANGE
    title: str
    changes: Sequence[Change]
    undo: str


class MachineDoctorController(Controller):
    """At most one examination."""

    def __init__(self, context: AppContext) -> None:
        """Create the controller."""
        super().__init__(context)
        self._screen: MachineDoctorScreen | None = None
        self._undo: list[str] = []

    def do_app_doctor(self) -> None:
        """Examine this machine."""
        from finn_tui.ui.doctor.screen import MachineDoctorScreen

        if self._screen is not None:
            return
        screen = self._screen = MachineDoctorScreen(self.look, self.fix, self.choose)

        def closed(_: None) -> None:
            self._screen = None
            self.context.stop(WorkKind.MACHINE)

        self.context.show_dialog(screen, closed)
        self.look()

    def look(self) -> None:
        """Examine the machine of the screen that is open."""
        if self._screen is not None:
            host = self._screen.host
            self._screen.set_state(f"examining {host or 'this machine'} ...")
            self.context.start(WorkKind.MACHINE, self._examine(host))

    def choose(self) -> None:
        """Ask for another machine."""
        self.context.start(WorkKind.MACHINE_CHANGE, self._list_hosts())

    def listed(self, message: HostsListed) -> None:
        """Show the machines; the chosen one is examined."""
        from finn_tui.ui.dialogs.choose import ChooseDialog

        screen = self._screen
        if screen is None:
            return

        def chosen(key: str | None) -> None:
            if key is not None and key != screen.host:
                screen.show_host(key)
                self.look()

        rows = [Row("", [("this machine", ""), ("", "dim"), ("", "dim")])]
        rows += host_rows(message.hosts, self.state.hosts)
        content = Content([Column("", 20), Column(""), Column("", 16)], rows)
        hint = "" if message.hosts else "finn-tui hosts add NAME ADDRESS names a host"
        dialog = ChooseDialog("doctor of", content, screen.host, hint=hint)
        self.context.show_dialog(dialog, chosen)

    def advanced(self, progress: Progress) -> None:
        """Say what is waited for."""
        if self._screen is not None:
            self._screen.set_state(f"{progress.message} ...")

    def examined(self, message: MachineExamined) -> None:
        """Show what was found."""
        if self._screen is not None:
            self._screen.set_report(message.report)

    def failed(self, error: FinnTuiError) -> None:
        """Say why nothing was found."""
        if self._screen is not None:
            self._screen.set_error(error)

    def fix(self, check: Check) -> None:
        """Show the first change of a check and ask for it."""
        self._undo = []
        self._ask(check.title, check.changes)

    def previewed(self, message: ChangePreviewed) -> None:
        """Ask with the exact lines of the change."""
        first, *others = message.changes

        def answered(agreed: bool | None) -> None:
            if agreed:
                made = self._make(message.title, first, others)
                self.context.start(WorkKind.MACHINE_CHANGE, made)
            else:
                self._ask(message.title, others)

        lines = [(line, _role(line)) for line in message.lines]
        title = f"{message.title}: make this change?"
        self.context.show_dialog(Confirm(title, (), "change", lines=lines), answered)

    def made(self, message: ChangeMade) -> None:
        """Ask for the next change of the check, or say how all are undone."""
        self._undo.append(message.undo)
        self._ask(message.title, message.changes)

    def change_failed(self, error: FinnTuiError) -> None:
        """Say why the change was not made."""
        self.context.show_error(error)

    def _ask(self, title: str, changes: Sequence[Change]) -> None:
        if changes:
            self.context.start(WorkKind.MACHINE_CHANGE, self._preview(title, changes))
        elif self._undo and self._screen is not None:
            undo = "   and   ".join(self._undo)
            self._screen.say(
                f"Changed. Undo: {undo}   A new terminal has the new variables; r looks again."
            )

    async def _preview(self, title: str, changes: Sequence[Change]) -> ChangePreviewed:
        lines = await asyncio.to_thread(changes[0].preview)
        return ChangePreviewed(title, changes, lines)

    async def _make(self, title: str, change: Change, others: Sequence[Change]) -> ChangeMade:
        undo = await asyncio.to_thread(change.apply)
        return ChangeMade(title, others, undo)

    async def _list_hosts(self) -> HostsListed:
        from finn_tui.hosts import catalogue

        known = await asyncio.to_thread(catalogue.hosts)
        return HostsListed(list(known.values()))

    async def _examine(self, host: str) -> MachineExamined:
        from finn_tui.lab.doctor import examine

        tell = self.context.progress_of(WorkKind.MACHINE)
        workspace = self.lab.workspace
        if host:
            return MachineExamined(await examine.examine_named(host, workspace, tell))
        return MachineExamined(await examine.examine(workspace, tell))


def _role(line: str) -> str:
    """How a line of a difference is drawn."""
    if line.startswith(("+++", "---", "@@")):
        return "dim"
    return {"+": "good", "-": "bad"}.get(line[:1], "")
