"""Terminals on boards: opens one, and ends it when its screen is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.ui.context import AppContext
from finn_tui.ui.controllers import board_questions
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.messages import WorkKind, WorkResult

if TYPE_CHECKING:
    from finn_tui.ui.console.screen import ConsoleScreen
    from finn_tui.ui.controllers.board_work import Credentials


@dataclass
class ConsoleEnded(WorkResult):
    """The shell on the board has ended; its last lines stay on the screen."""

    kind = WorkKind.CONSOLE


class ConsoleController(Controller):
    """At most one terminal, on the machine that the Board screen shows."""

    def __init__(self, context: AppContext, credentials: Callable[[str], Credentials]) -> None:
        """Create the controller.

        Args:
            context: of the app.
            credentials: of a machine, shared with its jobs.
        """
        super().__init__(context)
        self._credentials = credentials
        self._screen: ConsoleScreen | None = None
        self._machine = ""

    def do_board_console(self) -> None:
        """Open a terminal on the machine."""
        # pyte is imported for those who open a terminal only.
        from finn_tui.ui.console.screen import ConsoleScreen

        self._machine = self.state.board.machine
        screen = ConsoleScreen(self._machine, simulated=self._machine == "simulated")
        self._screen = screen

        def left(_: None) -> None:
            if self._screen is screen:
                self._screen = None
                self.context.stop(WorkKind.CONSOLE)

        self.context.show_dialog(screen, left)
        self.context.start(WorkKind.CONSOLE, self._serve(screen, self._machine))

    def advanced(self, progress: Progress) -> None:
        """Say what is waited for."""
        if self._screen is not None:
            self._screen.set_state(progress.message)

    def failed(self, error: FinnTuiError) -> None:
        """Show why there is no terminal; ask where an answer helps."""
        screen, self._screen = self._screen, None
        if screen is not None and screen.is_current:
            screen.dismiss(None)
        credentials = self._credentials(self._machine)
        if not board_questions.ask(
            self.context,
            error,
            self._machine,
            credentials,
            self.do_board_console,
            lambda: None,
        ):
            self.context.show_error(error)

    async def _serve(self, screen: ConsoleScreen, machine: str) -> ConsoleEnded:
        credentials = self._credentials(machine)
        async with self.lab.board(
            machine,
            self.context.progress_of(WorkKind.CONSOLE),
            trust=credentials.trust,
            password=credentials.password,
            passphrases=credentials.passphrases,
        ) as link:
            console = await link.console(*screen.terminal_size)
            try:
                await screen.serve(console)
            finally:
                await console.close()
        return ConsoleEnded()
