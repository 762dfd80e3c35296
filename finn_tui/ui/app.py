"""The app: modes, actions, and the handlers that change its state."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import PurePath
from typing import Any, ClassVar

from textual import on
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.command import Provider
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.theme import Theme

from finn_tui.base import paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.base.text import for_terminal, one_line
from finn_tui.lab.presets import load_presets
from finn_tui.lab.workbench import Workbench
from finn_tui.ui import crash, theming
from finn_tui.ui.actions import table as actions
from finn_tui.ui.controllers.boards import BoardController
from finn_tui.ui.controllers.builds import BuildController
from finn_tui.ui.controllers.logs import LogController
from finn_tui.ui.controllers.models import ModelController
from finn_tui.ui.controllers.solver import SolverController
from finn_tui.ui.folding_keeper import FoldingKeeper
from finn_tui.ui.messages import (
    AdviceReady,
    BoardJobDone,
    BoardResultsRead,
    BuildChecked,
    BuildStarted,
    FastestFound,
    FifosPriced,
    FoldingsListed,
    FrontAdvanced,
    GraphRead,
    LogsListed,
    ModelOpened,
    OutlookReady,
    ProgressUpdated,
    RunsRead,
    SearchAdvanced,
    SharedValuesListed,
    SnapshotTaken,
    SolveFinished,
    TargetsListed,
    UpkeepDone,
    ValuesListed,
    WorkCancelled,
    WorkFailed,
    WorkKind,
    WorkResult,
)
from finn_tui.ui.state import AppState
from finn_tui.ui.workers import BoardJob, Credentials, board_job

#: How long leaving waits for the engine to end.
_CLOSE_SECONDS = 1.0
#: How often it is looked whether settings were changed by hand: one stat of a file.
_SETTINGS_SECONDS = 1.0
#: How long the first frame waits for a model; from the cache it takes a tenth of that.
_CACHED_SECONDS = 0.3


def _mode(name: str) -> Callable[[], Screen[Any]]:
    """A screen that is imported when it is first shown."""

    def make() -> Screen[Any]:
        from importlib import import_module

        module = import_module(f"finn_tui.ui.{name}.screen")
        screen: Screen[Any] = getattr(module, f"{name.capitalize()}Screen")()
        return screen

    return make


def _palette() -> type[Provider]:
    from finn_tui.ui.palette import ActionCommands

    return ActionCommands


@dataclass(frozen=True)
class WorkHandlers:
    """What is done with the messages of one kind of work.

    Attributes:
        results: by the type of the result.
        progress: with each step; None shows none.
        failed: with the error; None shows it as a notice.
        cancelled: when no other work of the kind has taken its place.
    """

    results: Mapping[type[WorkResult], Callable[[Any], None]] = field(default_factory=dict)
    progress: Callable[[Progress], None] | None = None
    failed: Callable[[FinnTuiError], None] | None = None
    cancelled: Callable[[], None] | None = None


class FinnTuiApp(
    ModelController, BoardController, BuildController, SolverController, LogController
):
    """The terminal cockpit for FINN."""

    TITLE = "finn-tui"
    # The first screen's with it: style sheets that come later are all parsed again.
    CSS_PATH: ClassVar[list[str | PurePath]] = ["app.tcss", "tune/screen.tcss"]
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        name: _mode(name) for name in ("flow", "tune", "runs", "board", "results")
    }
    DEFAULT_MODE = "tune"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("app")]
    COMMANDS: ClassVar[set[Any]] = {_palette}
    COMMAND_PALETTE_BINDING = "ctrl+p"
    NOTIFICATION_TIMEOUT = 4.0

    def __init__(
        self, lab: Workbench, start_model: str | None = None, *, board_job: BoardJob = board_job
    ) -> None:
        """The app on a workspace.

        Args:
            start_model: what to open; None waits for the user to choose.
            board_job: does the board's work; another one in tests.
        """
        themes, self._problems = theming.load_themes()
        keymap, problems = actions.read_keymap()
        self._problems += problems
        self.lab = lab
        self.state = AppState(lab.workspace, keymap)
        self.keeper = FoldingKeeper(lab.workspace)
        self.board_job = board_job
        self.settings_seen = lab.workspace.settings
        self._start_model = start_model
        self.credentials: dict[str, Credentials] = {}
        self._crash_log: Any = None
        super().__init__()
        for theme in themes:
            self.register_theme(theme)
        chosen, problems = theming.chosen_theme()
        self._problems += problems
        self._problems += [str(error) for error in load_presets()[1].values()]
        chosen = chosen if chosen in self.available_themes else theming.DEFAULT
        # Not by assignment, which would have everything parsed for Textual's own theme first.
        self.set_reactive(FinnTuiApp.theme, chosen)
        self.set_keymap(keymap)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """None of Textual's own: the table of actions has them."""
        return ()

    async def on_load(self) -> None:
        """Begin to open the model; from the cache, it is there before the first frame."""
        if self._start_model:
            self.state.opening = self._start_model
            opening = self.start(WorkKind.OPEN, self.open_model(self._start_model))
            waiting = asyncio.ensure_future(opening.wait())
            # Whether the worker fails or is cancelled is for its own messages to say.
            waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.wait({waiting}, timeout=_CACHED_SECONDS)
            if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                opened = waiting.result()
                if isinstance(opened, ModelOpened):
                    self.take_model(opened)

    def on_mount(self) -> None:
        """Say what is wrong with the user's files, and look at the runs."""
        folder = f"{paths.config_dir()}/"
        for problem in (problem.replace(folder, "") for problem in self._problems):
            self.notify(
                problem, title="a file of yours", severity="warning", timeout=10, markup=False
            )
        if self.lab.workspace.problem is not None:
            self.show_settings_problem(self.lab.workspace.problem)
        elif self.lab.workspace.settings.notify and not self.lab.workspace.agreed_notify():
            self.notify(
                f"{self.lab.workspace.settings.notify}\nis not started when a build has ended: you "
                "have not agreed to it. `finn-tui build` in a terminal asks.",
                title="notify in finn-tui.toml",
                severity="warning",
                timeout=10,
            )
        self.set_interval(_SETTINGS_SECONDS, self.look_at_settings)
        self.theme_changed_signal.subscribe(self, self._keep_theme)
        self.call_after_refresh(lambda: self.start(WorkKind.RUNS, self.watch_runs()))

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a toast; text from anywhere, never markup. Arguments as Textual's."""
        super().notify(
            for_terminal(message),
            title=one_line(title),
            severity=severity,
            timeout=timeout,
            markup=False,
        )

    def _keep_theme(self, theme: Theme) -> None:
        try:
            theming.keep_choice(theme.name)
        except FinnTuiError as error:
            self.notify(
                str(error),
                title="theme: for now only",
                severity="warning",
                timeout=10,
                markup=False,
            )

    # Actions

    def do_app_flow(self) -> None:
        """Flow."""
        self.switch_mode("flow")

    def do_app_tune(self) -> None:
        """Tune."""
        self.switch_mode("tune")

    def do_app_runs(self) -> None:
        """Runs."""
        self.switch_mode("runs")

    def do_app_board(self) -> None:
        """Board."""
        self.switch_mode("board")

    def do_app_results(self) -> None:
        """Results."""
        self.switch_mode("results")

    def do_app_help(self) -> None:
        """Keys of the screen."""
        from finn_tui.ui.dialogs.help import Help

        place = getattr(self.screen, "place", "")
        self.push_screen(Help(place), self._do_chosen)

    def _do_chosen(self, id: str | None) -> None:
        if id is not None:
            self.call_after_refresh(self.action_do, id)

    def do_app_palette(self) -> None:
        """The palette."""
        self.action_command_palette()

    def do_app_theme(self) -> None:
        """Choose a theme."""
        self.search_themes()

    def _leave(self) -> None:
        self.start(WorkKind.QUIT, self._close_down())

    async def _close_down(self) -> None:
        # The engine ends when its input is closed, which happens at the latest when we end.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.lab.close(), _CLOSE_SECONDS)
        self.exit(0)

    def do_app_quit(self) -> None:
        """Leave; a board's work is ended first, if the user agrees."""
        if not self.state.board.busy:
            self.leave_folding(self._leave)
            return
        from finn_tui.ui.dialogs.choose import confirm

        def answered(answer: str | None) -> None:
            if answer == "y":
                self.state.board.busy = ""
                self.do_app_quit()

        text = "What runs on the board would be ended; builds go on in any case."
        self.push_screen(
            confirm("The board is at work. Leave all the same?", text, "leave"), answered
        )

    async def action_quit(self) -> None:
        """ctrl+q, which Textual binds by itself."""
        self.do_app_quit()

    # Background work

    @cached_property
    def work_table(self) -> Mapping[WorkKind, WorkHandlers]:
        """What is done with the messages of each kind of work."""
        listed = self._to_screens

        def show(kind: WorkKind) -> Callable[[Progress], None]:
            return partial(self._show_progress, kind)

        scan = WorkHandlers({SearchAdvanced: self.log_found})
        return {
            WorkKind.OPEN: WorkHandlers(
                {ModelOpened: self.model_opened},
                show(WorkKind.OPEN),
                self.opening_failed,
                self.opening_ended,
            ),
            WorkKind.GRAPH: WorkHandlers({GraphRead: self.graph_read}, failed=self.graph_failed),
            WorkKind.TARGETS: WorkHandlers({TargetsListed: self.targets_listed}),
            WorkKind.FOLDINGS: WorkHandlers({FoldingsListed: listed("foldings_listed")}),
            WorkKind.VALUES: WorkHandlers(
                {
                    ValuesListed: listed("values_listed"),
                    SharedValuesListed: listed("shared_values_listed"),
                }
            ),
            WorkKind.PRICES: WorkHandlers(
                {FifosPriced: self.fifos_priced}, failed=self.pricing_failed
            ),
            WorkKind.ADVICE: WorkHandlers({AdviceReady: listed("advice_ready")}),
            WorkKind.FASTEST: WorkHandlers({FastestFound: self.fastest_found}),
            WorkKind.SOLVE: WorkHandlers(
                {SolveFinished: self.solved}, self.solve_told, self.solve_failed
            ),
            WorkKind.FRONT: WorkHandlers(
                {FrontAdvanced: self.front_found}, self.front_told, self.front_failed
            ),
            WorkKind.OUTLOOK: WorkHandlers(
                {OutlookReady: listed("outlook_ready")}, failed=self.outlook_failed
            ),
            WorkKind.BUILD: WorkHandlers(
                {BuildStarted: self.build_started, BuildChecked: self.build_checked},
                show(WorkKind.BUILD),
                self.build_failed,
                self.launch_ended,
            ),
            WorkKind.REBUILD: WorkHandlers(
                {}, show(WorkKind.REBUILD), self.rebuild_failed, self.launch_ended
            ),
            WorkKind.UPKEEP: WorkHandlers({UpkeepDone: self.upkeep_done}),
            WorkKind.CANCEL: WorkHandlers(),
            WorkKind.RUNS: WorkHandlers({RunsRead: self.runs_read}),
            WorkKind.FOLLOW: WorkHandlers({SnapshotTaken: self.picture_taken}),
            WorkKind.LOGS: WorkHandlers({LogsListed: self.logs_listed}),
            WorkKind.LOG_ERRORS: scan,
            WorkKind.LOG_SEARCH: scan,
            WorkKind.LOG_ONLY: scan,
            WorkKind.PAGER: WorkHandlers(),
            WorkKind.BOARD: WorkHandlers(
                {BoardJobDone: self.board_done},
                self.board_told,
                self.board_failed,
                self.board_stopped,
            ),
            WorkKind.SAMPLE: WorkHandlers({BoardResultsRead: self.board_read}),
            WorkKind.KEEP: WorkHandlers(failed=self.not_kept),
            WorkKind.QUIT: WorkHandlers(),
        }

    def _to_screens(self, method: str) -> Callable[[Any], None]:
        """Hand a result to the screens that have a method for it."""

        def hand_over(result: WorkResult) -> None:
            for screen in self.screen_stack:
                take = getattr(screen, method, None)
                if take is not None:
                    take(result)

        return hand_over

    @on(WorkResult)
    def _take_result(self, message: WorkResult) -> None:
        self.work_table[message.kind].results[type(message)](message)

    @on(ProgressUpdated)
    def _take_progress(self, message: ProgressUpdated) -> None:
        handler = self.work_table[message.kind].progress
        if handler is not None:
            handler(message.progress)

    @on(WorkFailed)
    def _take_failure(self, message: WorkFailed) -> None:
        handler = self.work_table[message.kind].failed
        (handler or self.show_error)(message.error)
        self.redraw()

    @on(WorkCancelled)
    def _take_cancellation(self, message: WorkCancelled) -> None:
        handler = self.work_table[message.kind].cancelled
        if handler is not None:
            handler()

    def _show_progress(self, kind: WorkKind, progress: Progress) -> None:
        """Show long work that the user waits for, over the screen."""
        from finn_tui.ui.dialogs.working import Working

        shown, state = self.screen, self.state
        if kind is WorkKind.OPEN:
            state.opening_at = progress
        if isinstance(shown, Working) and shown.kind is kind:
            shown.tell(progress)
        elif kind in state.aside:
            self.redraw()
        elif state.opening or state.launching:
            title = f"Opening {state.opening}" if kind is WorkKind.OPEN else "Starting the build"
            working = Working(title, kind)
            working.tell(progress)
            self.push_screen(working, self._set_aside)

    def _set_aside(self, action: str | None) -> None:
        """The user wants to see something else while the work goes on."""
        if action is not None:
            self.state.aside.add(WorkKind.OPEN)
            self.call_after_refresh(self.action_do, action)

    # Ends

    def _handle_exception(self, error: Exception) -> None:
        # The boundary of the whole app: what arrives here is a defect of ours. Textual restores
        # the terminal; the traceback goes to a file that can be sent to us.
        self._crash_log = crash.record(error, "the app") or self._crash_log
        super()._handle_exception(error)


def run_app(lab: Workbench, start_model: str | None = None) -> None:
    """Run the app until the user leaves it.

    Raises:
        SystemExit: 1 after a defect of ours, with the path of its log on stderr.
    """
    import sys

    app = FinnTuiApp(lab, start_model)

    def terminated(*_: object) -> None:
        # `kill` ends the app as q does, so that the terminal is left usable.
        app.call_later(app.exit, 143)

    previous = signal.signal(signal.SIGTERM, terminated)
    try:
        code = app.run()
    finally:
        signal.signal(signal.SIGTERM, previous)
    if app.return_code and app._crash_log is not None:
        print(f"finn-tui stopped because of a defect; see {app._crash_log}", file=sys.stderr)
    if code or app.return_code:
        raise SystemExit(code or app.return_code)
