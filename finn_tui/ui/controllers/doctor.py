"""The board doctor: examines the machine that the Board screen shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.ui.context import AppContext
from finn_tui.ui.controllers import board_questions
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.controllers.board_work import Credentials, on_board
from finn_tui.ui.controllers.paste import PasteController
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.state import Topic

if TYPE_CHECKING:
    from finn_tui.board.doctor import DoctorReport
    from finn_tui.board.transport import Transport
    from finn_tui.ui.board.doctor_screen import DoctorScreen


@dataclass
class DoctorReported(WorkResult):
    """A board was examined."""

    kind = WorkKind.DOCTOR
    machine: str
    report: DoctorReport


class DoctorController(Controller):
    """At most one examination, of the machine that the Board screen shows."""

    def __init__(
        self,
        context: AppContext,
        credentials: Callable[[str], Credentials],
        paste: PasteController,
    ) -> None:
        """Create the controller.

        Args:
            context: of the app.
            credentials: of a machine, shared with its jobs.
            paste: reaches boards that only have a terminal.
        """
        super().__init__(context)
        self._credentials = credentials
        self._paste = paste
        self._screen: DoctorScreen | None = None
        self._folder: Path | None = None

    def do_board_doctor(self) -> None:
        """Examine the machine, for the run that is shown."""
        from finn_tui.ui.board.doctor_screen import DoctorScreen

        machine, run = self.state.board.machine, self.state.board_run()
        if self._paste.lacks(machine):
            self._paste.ask(machine, self.do_board_doctor)
            return
        self._folder = run.folder.path if run is not None else None
        run_id = run.id if run is not None else ""
        screen = self._screen = DoctorScreen(machine, run_id, self.look, self._ask_sudo)

        def closed(_: None) -> None:
            self._screen = None
            self.context.stop(WorkKind.DOCTOR)

        self.context.show_dialog(screen, closed)
        self.look()

    def look(self) -> None:
        """Examine the board of the screen that is open."""
        screen = self._screen
        if screen is None:
            return
        screen.set_state("connecting ...")
        credentials = self._credentials(screen.machine)
        credentials.host = self._paste.host(screen.machine)
        self.context.start(
            WorkKind.DOCTOR, self._examine(screen.machine, self._folder, credentials)
        )

    def _ask_sudo(self) -> None:
        screen = self._screen
        if screen is None:
            return
        credentials = self._credentials(screen.machine)

        def entered(text: str | None) -> None:
            if text is not None:
                credentials.sudo_password = text or credentials.password
                self.look()

        board_questions.ask_sudo_password(self.context, screen.machine, credentials, entered)

    def advanced(self, progress: Progress) -> None:
        """Say what is waited for."""
        if self._screen is None:
            return
        if "paste" in progress.data:
            self._paste.follow(progress.data["paste"])
        self._screen.set_state(progress.message)

    def reported(self, message: DoctorReported) -> None:
        """Show what was found."""
        self.state.board.reports[message.machine] = message.report
        if self._screen is not None:
            self._screen.set_report(message.report)
        self.state.publish(Topic.BOARD)

    def failed(self, error: FinnTuiError) -> None:
        """Say why nothing was found; ask where an answer helps."""
        screen = self._screen
        if screen is None:
            return
        screen.set_error(error)
        board_questions.ask(
            self.context,
            error,
            screen.machine,
            self._credentials(screen.machine),
            self.look,
            lambda: None,
        )

    async def _examine(
        self, machine: str, run: Path | None, credentials: Credentials
    ) -> DoctorReported:
        from finn_tui.board.doctor import doctor

        tell = self.context.progress_of(WorkKind.DOCTOR)

        async def examine(link: Transport) -> DoctorReport:
            return await doctor(link, run, tell)

        report = await on_board(self.lab, machine, credentials, examine, tell)
        return DoctorReported(machine, report)
