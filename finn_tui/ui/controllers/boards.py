"""The app's half that works with boards: starting jobs, and what they answer or ask."""

from __future__ import annotations

from collections.abc import Callable

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.messages import BoardJobDone, BoardResultsRead, WorkKind
from finn_tui.ui.workers import Credentials


class BoardController(Controller):
    """Deploy, execute, throughput, validate."""

    def do_app_go(self) -> None:
        """Deploy and validate the newest run that has been built, after asking."""
        from finn_tui.ui.dialogs.plan_text import deploy_facts

        run = self.state.newest_built()
        assert run is not None, "the action is disabled without one"
        id, machine = run.id, self.state.board.machine

        def go() -> None:
            self.state.board.run = id
            self.start_board("go")
            self.switch_mode("board")

        self.confirm(
            f"Deploy to {machine} and validate",
            deploy_facts(run, machine),
            "deploy and validate",
            "looking at what is sent ...",
            self.look_at_package(run.folder),
            go,
        )

    def start_board(self, job: str) -> None:
        """Begin one of the board's jobs with the run that the Board screen shows."""
        run = self.state.board_run()
        assert run is not None, "the action is disabled without one"
        board = self.state.board
        board.run = run.id
        board.begin(job)
        board.log.clear()
        credentials = self.credentials.setdefault(board.machine, Credentials())
        work = self.work_on_board(job, run.folder, board.machine, credentials)
        self.start(WorkKind.BOARD, work)
        self.redraw()

    def board_done(self, message: BoardJobDone) -> None:
        """A job of the board has ended well."""
        from finn_tui.ui.board.view import finished

        finished(self.state.board, message.missing)
        if message.missing:
            self.show_error(message.missing[0])
        self.redraw()

    def board_read(self, message: BoardResultsRead) -> None:
        """What is known of a run on a board."""
        board = self.state.board
        board.results, board.results_of = message.results, (message.run, message.changed)
        board.sample, board.sample_of = message.sample, (message.run, message.image)
        self.redraw()

    def board_told(self, progress: Progress) -> None:
        """A job of the board is a step further."""
        from finn_tui.ui.board.view import take_progress

        take_progress(self.state.board, progress)
        self.redraw()

    def board_stopped(self) -> None:
        """The user has stopped the board's job."""
        from finn_tui.ui.board.view import stopped

        stopped(self.state.board)
        self.redraw()

    def board_failed(self, error: FinnTuiError) -> None:
        """A job of the board ended with an error, some of which the user can answer."""
        from finn_tui.ui.board.view import asks_password, failed, unknown_key

        board = self.state.board
        job = board.busy
        failed(board, error)
        self.redraw()
        credentials = self.credentials.setdefault(board.machine, Credentials())
        fingerprint = unknown_key(error)
        if fingerprint:

            def trusted(answer: str | None) -> None:
                if answer == "t":
                    credentials.trust = fingerprint
                    self.start_board(job)

            self.show_error(error, (("t", "trust this key"),), trusted)
        elif asks_password(error):

            def given(text: str | None) -> None:
                if text:
                    credentials.password = text
                    self.start_board(job)

            def wanted(answer: str | None) -> None:
                if answer == "p":
                    self._ask_password(board.machine, given)

            self.show_error(error, (("p", "give a password"),), wanted)
        else:
            self.show_error(error)

    def _ask_password(self, machine: str, then: Callable[[str | None], None]) -> None:
        from finn_tui.ui.dialogs.ask_text import AskTextDialog

        self.push_screen(
            AskTextDialog(
                f"Password for {machine}",
                secret=True,
                hint="kept in memory while the app runs, never on disk",
            ),
            then,
        )
