"""The board doctor over the window: what stands between a board and a run, each with its fix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from finn_tui.ui.dialogs.checks import CheckKey, CheckRow, ChecksDialog
from finn_tui.ui.toolkit.styled_line import StyledLine

if TYPE_CHECKING:
    from finn_tui.board.doctor import DoctorReport


class DoctorScreen(ChecksDialog):
    """The checks of a board as a list."""

    def __init__(
        self, machine: str, run: str, look: Callable[[], None], ask_sudo: Callable[[], None]
    ) -> None:
        """Make the screen; ``set_report`` fills it.

        Args:
            machine: name of the board.
            run: id of the run that it is examined for; empty for none.
            look: examines it again.
            ask_sudo: asks for the password of sudo, and examines it again.
        """
        super().__init__(f"{machine} doctor", look)
        self.machine = machine
        self._run = run
        self._ask_sudo = ask_sudo
        self._wants_sudo = False
        self._simulated = False

    def note(self, width: int) -> StyledLine:
        """The run."""
        line = StyledLine()
        if self._run:
            line.add(f"  for {self._run if width >= 100 else self._run[-4:]}", "dim")
        return line

    def mark(self) -> StyledLine:
        """Whether it has no FPGA."""
        return StyledLine().add("  SIMULATED" if self._simulated else "", "sim")

    def keys(self) -> Sequence[CheckKey]:
        """Also a password for sudo, where it could help the check of the driver process."""
        sudo = CheckKey("s", "password for sudo", self._sudo)
        return [*super().keys(), *([sudo] if self._wants_sudo else [])]

    def _sudo(self) -> None:
        if not self.is_busy:
            self._ask_sudo()

    def set_report(self, report: DoctorReport) -> None:
        """Show what was found."""
        self._simulated = report.simulated
        self._wants_sudo = any(
            check.name == "sudo" and check.status == "fail" and "password" in check.value
            for check in report.checks
        )
        self.set_rows(
            [
                CheckRow(check.name, check.title, check.status, check.value, fix=check.fix)
                for check in report.checks
            ]
        )
