"""The doctor of a build machine over the window: each check with its fix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from finn_tui.ui.dialogs.checks import CheckKey, CheckRow, ChecksDialog

if TYPE_CHECKING:
    from finn_tui.lab.doctor.check import Check, Report


class MachineDoctorScreen(ChecksDialog):
    """The checks of a machine as a list."""

    def __init__(
        self,
        look: Callable[[], None],
        fix: Callable[[Check], None],
        choose: Callable[[], None],
    ) -> None:
        """Make the screen; ``set_report`` fills it.

        Args:
            look: examines the machine again.
            fix: asks for the changes of a check.
            choose: asks for another machine.
        """
        super().__init__("doctor: this machine", look, detail_lines=10)
        self._fix_check = fix
        self._choose = choose
        #: Name of the host that is shown; empty for this machine.
        self.host = ""
        self._report: Report | None = None

    def show_host(self, host: str) -> None:
        """Begin with another machine; empty for this one."""
        self.host = host
        self._title = f"doctor: {host or 'this machine'}"
        self._rows = self._report = None

    def set_report(self, report: Report) -> None:
        """Show what was found."""
        self._report = report
        self._title = f"doctor: {report.host or 'this machine'}, {report.machine}"
        self.set_rows(
            [
                CheckRow(
                    check.id, check.title, check.verdict, check.value, check.why, check.fix, group
                )
                for group, checks in report.groups.items()
                for check in checks
            ]
        )

    def keys(self) -> Sequence[CheckKey]:
        """Fix where the check under the cursor can be changed from here, and look again."""
        check = self._check()
        fix = CheckKey("f", "fix, after asking", self._fix)
        host = CheckKey("h", "another machine", self._choose)
        return [*([fix] if check is not None and check.changes else []), *super().keys(), host]

    def _check(self) -> Check | None:
        row = self.chosen
        checks = self._report.checks if self._report is not None else ()
        return next((check for check in checks if row is not None and check.id == row.key), None)

    def _fix(self) -> None:
        check = self._check()
        if check is not None:
            self._fix_check(check)
