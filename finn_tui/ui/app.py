"""The app: its screens, its controllers, and the way of messages from work to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path, PurePath
from typing import Any, ClassVar, TypeVar

from textual import events
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.signal import Signal
from textual.theme import Theme

from finn_tui.base import paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import for_terminal, one_line
from finn_tui.lab.models.presets import load_presets
from finn_tui.lab.workbench import Workbench
from finn_tui.ui import crash, theming
from finn_tui.ui.actions import keymap
from finn_tui.ui.actions import table as actions
from finn_tui.ui.actions.table import BY_ID
from finn_tui.ui.controllers.board_work import BoardJob, board_job
from finn_tui.ui.controllers.boards import BoardController
from finn_tui.ui.controllers.builds import BuildController
from finn_tui.ui.controllers.console import ConsoleController
from finn_tui.ui.controllers.course import CourseController
from finn_tui.ui.controllers.doctor import DoctorController
from finn_tui.ui.controllers.hosts import HostController
from finn_tui.ui.controllers.leaving import LeavingController
from finn_tui.ui.controllers.logs import LogController
from finn_tui.ui.controllers.machine_doctor import MachineDoctorController
from finn_tui.ui.controllers.models import ModelController, ModelOpened
from finn_tui.ui.controllers.paste import PasteController
from finn_tui.ui.controllers.settings import SettingsController
from finn_tui.ui.controllers.solver import SolverController
from finn_tui.ui.controllers.sweep import SweepController
from finn_tui.ui.controllers.training import TrainingController
from finn_tui.ui.controllers.viewer import ViewerController
from finn_tui.ui.controllers.waiting import WaitingController
from finn_tui.ui.late_screens import mode, palette
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.state import AppState, Topic
from finn_tui.ui.tune.folding_keeper import KEEP_SECONDS
from finn_tui.ui.type_ahead import TypeAhead
from finn_tui.ui.work_table import Handlers, work_table
from finn_tui.ui.workers import Workers

R = TypeVar("R")

#: How often it is looked whether settings were changed by hand: one stat of a file.
_SETTINGS_SECONDS = 1.0
#: How long the first frame waits for a model; from the cache it takes a tenth of that.
_CACHED_SECONDS = 0.3


class FinnTuiApp(Workers):
    """The terminal cockpit for FINN."""

    TITLE = "finn-tui"
    # The first screen's with it: style sheets that come later are all parsed again.
    CSS_PATH: ClassVar[list[str | PurePath]] = ["app.tcss", "tune/screen.tcss"]
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        name: mode(name) for name in ("flow", "tune", "runs", "board", "results", "learn")
    }
    DEFAULT_MODE = "tune"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("app")]
    COMMANDS: ClassVar[set[Any]] = {palette}
    COMMAND_PALETTE_BINDING = "ctrl+p"
    NOTIFICATION_TIMEOUT = 4.0

    def __init__(
        self,
        lab: Workbench,
        start_model: str | None = None,
        *,
        board_job: BoardJob = board_job,
        settle: Callable[[], None] | None = None,
        before_screen: Callable[[], None] | None = None,
    ) -> None:
        """Create the app of a workspace.

        Args:
            lab: the workspace.
            start_model: opened at the start, None for none.
            board_job: does the work on the board, replaced in tests.
            settle: called when the app, and when each of its modes, is shown for the first time;
                ``gc.freeze`` takes what was loaded for it out of Python's garbage collection.
            before_screen: called just before the app takes the terminal.
        """
        themes, self._problems = theming.load_themes()
        keys, problems = keymap.read_keymap()
        self._problems += problems
        self.lab = lab
        self.state = AppState(lab.workspace, keys)
        self._start_model = start_model
        self.crash_log: Path | None = None
        self._settle = settle
        self._before_screen = before_screen
        self._settled: set[str] = set()
        super().__init__()
        self._type_ahead = TypeAhead(self, super().on_event)
        self.state_changed: Signal[Topic] = Signal(self, "state")
        self.state.publish = self._publish
        self.models = ModelController(self)
        self.hosts = HostController(self)
        self.builds = BuildController(self)
        self.training = TrainingController(self)
        self.paste = PasteController(self)
        self.boards = BoardController(self, board_job, self.paste)
        self.doctor = DoctorController(self, self.boards.credentials, self.paste)
        # Not "console": that is Textual's own.
        self.console_controller = ConsoleController(self, self.boards.credentials)
        self.machine_doctor = MachineDoctorController(self)
        self.solver = SolverController(self)
        self.logs = LogController(self)
        self.sweeps = SweepController(self)
        self.course = CourseController(self)
        self.viewer = ViewerController(self)
        self.settings = SettingsController(self)
        self.waiting = WaitingController(self, self.hosts)
        self.leaving = LeavingController(self, self.models, self.boards, self.viewer, self.exit)
        self._controllers = (
            self.models,
            self.hosts,
            self.builds,
            self.boards,
            self.paste,
            self.doctor,
            self.machine_doctor,
            self.console_controller,
            self.solver,
            self.logs,
            self.sweeps,
            self.viewer,
            self.training,
            self.course,
            self.leaving,
        )
        self.work_table = work_table(
            Handlers(
                self.models,
                self.builds,
                self.training,
                self.boards,
                self.paste,
                self.doctor,
                self.machine_doctor,
                self.console_controller,
                self.solver,
                self.logs,
                self.sweeps,
                self.course,
                self.viewer,
                self.hosts,
                lambda: self.screen_stack,
                self.waiting.show_progress,
                self.waiting.outlook_failed,
            )
        )
        for theme in themes:
            self.register_theme(theme)
        chosen, problems = theming.chosen_theme()
        self._problems += problems
        self._problems += [
            str(error) for error in load_presets(self.lab.workspace.root)[1].values()
        ]
        chosen = chosen if chosen in self.available_themes else theming.DEFAULT
        # Not by assignment, which would have everything parsed for Textual's own theme first.
        self.set_reactive(FinnTuiApp.theme, chosen)
        self.set_keymap(keys)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Return none of Textual's commands: the table of actions has them."""
        return ()

    async def on_load(self) -> None:
        """Start opening the model; a cached one is open before the first frame."""
        self.hosts.begin()
        if self._start_model:
            self.state.opening = self._start_model
            opening = self.start(WorkKind.OPEN, self.models.open_model(self._start_model))
            waiting = asyncio.ensure_future(opening.wait())
            # Whether the worker fails or is cancelled is for its own messages to say.
            waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.wait({waiting}, timeout=_CACHED_SECONDS)
            if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                opened = waiting.result()
                if isinstance(opened, ModelOpened):
                    self.models.take_model(opened)
        if self._before_screen is not None:
            self._before_screen()

    async def on_event(self, event: events.Event) -> None:
        """Hand keys to widgets one after the other."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self._type_ahead.take(event)
        else:
            await super().on_event(event)

    def on_mount(self) -> None:
        """Report problems in the user's files, and watch the runs."""
        folder = f"{paths.config_dir()}/"
        for problem in (problem.replace(folder, "") for problem in self._problems):
            self.notify(
                problem, title="a file of yours", severity="warning", timeout=10, markup=False
            )
        if self.lab.workspace.problem is not None:
            self.settings.show_problem(self.lab.workspace.problem)
        else:
            self.settings.ask_about_notify()
        self.set_interval(_SETTINGS_SECONDS, self.settings.look)
        self.set_interval(KEEP_SECONDS, self.models.keep)
        self.theme_changed_signal.subscribe(self, self._keep_theme)
        self.mode_change_signal.subscribe(self, self._mode_shown)
        self._mode_shown(self.current_mode)
        self.call_after_refresh(self.builds.watch_runs)
        self.call_after_refresh(self.builds.follow_hosts)
        self.call_after_refresh(self.boards.offer_queue)

    def on_unmount(self) -> None:
        """Write the working folding, and leave the queue of the board to the next app."""
        self.models.keep_last()
        self.state.board.queue.close()
        self.hosts.end()

    def _publish(self, topic: Topic) -> None:
        if self.is_running:
            self.state_changed.publish(topic)

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

    def _mode_shown(self, mode: str) -> None:
        # Once each: what is garbage at this moment is never collected.
        if self._settle is not None and mode not in self._settled:
            self._settled.add(mode)
            self.call_after_refresh(self._settle)

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
        """Show the Flow screen."""
        self.switch_mode("flow")

    def do_app_tune(self) -> None:
        """Show the Tune screen."""
        self.switch_mode("tune")

    def do_app_runs(self) -> None:
        """Show the Runs screen."""
        self.switch_mode("runs")

    def do_app_board(self) -> None:
        """Show the Board screen."""
        self.switch_mode("board")

    def do_app_results(self) -> None:
        """Show the Results screen."""
        self.switch_mode("results")

    def do_app_learn(self) -> None:
        """Show the Learn screen."""
        self.switch_mode("learn")

    def do_app_help(self) -> None:
        """Show the keys of the screen."""
        from finn_tui.ui.dialogs.help import Help

        place = getattr(self.screen, "place", "")
        self.push_screen(Help(place), self._do_chosen)

    def _do_chosen(self, id: str | None) -> None:
        if id is not None:
            self.call_after_refresh(self.action_do, id)

    def do_app_palette(self) -> None:
        """Open the palette."""
        self.action_command_palette()

    def do_app_theme(self) -> None:
        """Choose a theme."""
        self.search_themes()

    async def action_quit(self) -> None:
        """Quit by ctrl+q, which Textual binds itself."""
        self.leaving.do_app_quit()

    def action_help_quit(self) -> None:
        """Say how to quit: ctrl+c ends most other programs."""
        keys = keymap.keys_of(actions.BY_ID["app.quit"], self.state.keymap)
        text = f"{' or '.join(keymap.key_name(key) for key in keys)} quits; builds go on."
        self.notify(text, title="ctrl+c does not quit", markup=False)

    # What controllers and screens use, see ``AppContext``

    def action_do(self, id: str) -> None:
        """Do an action of the table, or say why it is disabled."""
        action = BY_ID[id]
        why = action.disabled_reason(self.state) if action.disabled_reason is not None else None
        if why is not None:
            self.notify(why, title=action.title, severity="warning", markup=False)
            return
        focused = self.screen.focused
        chain = [*focused.ancestors_with_self] if focused is not None else [self.screen, self]
        for node in (*chain, self, *self._controllers):
            method = getattr(node, action.method, None)
            if method is not None:
                method()
                return

    def show_error(
        self,
        error: FinnTuiError,
        answers: tuple[tuple[str, str], ...] = (),
        then: Callable[[str | None], None] | None = None,
        again: Callable[[], None] | None = None,
    ) -> None:
        """Show an error and what to do about it.

        Args:
            error: what happened.
            answers: (key, label) of what the user can do.
            then: called with the chosen key, or None.
            again: does what failed, where it needed a login that the user gives now.
        """
        from finn_tui.ui.dialogs.choose import show_error

        host = self.hosts.refused_by(error)
        if not host:
            self.push_screen(show_error(error, answers), then)
            return

        def answered(answer: str | None) -> None:
            if answer == "l":
                self.hosts.log_in(host, again)
            elif then is not None:
                then(answer)

        answers = (*answers, ("l", f"log in to {host}"))
        fix = "Press l to be asked again, now or later in the list of hosts (f4)."
        shown = FinnTuiError(error.what, error.why, fix, kind=error.kind, detail=error.detail)
        self.push_screen(show_error(shown, answers), answered)

    def picture(self, title: str) -> str:
        """Return the screen as SVG."""
        return self.export_screenshot(title=title)

    def confirm(
        self,
        title: str,
        facts: Sequence[tuple[str, str]],
        yes: str,
        pending: str,
        outlook: Coroutine[Any, Any, WorkResult],
        then: Callable[[], None],
    ) -> None:
        """Ask before something expensive begins.

        Args:
            title: what is to be done.
            facts: what is known of it, as texts with their roles.
            yes: the word for doing it.
            pending: what ``outlook`` looks up.
            outlook: more facts, which come while the bar is shown.
            then: does it.
        """
        self.waiting.confirm(title, facts, yes, pending, outlook, then)

    def close_working(self, kind: WorkKind) -> None:
        """Close the progress of ended work."""
        self.waiting.close(kind)

    def show_dialog(
        self, dialog: Screen[R], then: Callable[[R | None], None] | None = None
    ) -> None:
        """Show a dialog.

        Args:
            dialog: the screen to push.
            then: called with its answer.
        """
        self.push_screen(dialog, then)

    def show_mode(self, mode: str) -> None:
        """Show one of the six screens."""
        self.switch_mode(mode)

    def after_refresh(self, callback: Callable[..., None], *arguments: Any) -> None:
        """Call a function once the screen is drawn."""
        self.call_after_refresh(callback, *arguments)

    def change_settings(self, **changes: Any) -> None:
        """Change settings of the workspace and write them."""
        self.settings.change(**changes)

    def write_to_terminal(self, text: str) -> None:
        """Write escape sequences to the terminal."""
        if self._driver is not None:
            self._driver.write(text)
            self._driver.flush()

    # Ends

    def _handle_exception(self, error: Exception) -> None:
        # The boundary of the whole app: what arrives here is a defect of ours. Textual restores
        # the terminal; the traceback goes to a file that can be sent to us.
        self.crash_log = crash.record(error, "the app") or self.crash_log
        super()._handle_exception(error)
