"""The app: modes, actions, and the handlers that change its state."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from textual.app import SystemCommand
from textual.binding import BindingType
from textual.command import Provider
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from finn_tui.errors import FinnTuiError
from finn_tui.lab.session import Lab
from finn_tui.ui import actions, crash, theming
from finn_tui.ui.actions import BY_ID
from finn_tui.ui.messages import (
    BoardDone,
    BoardRead,
    BuildBegun,
    Failed,
    GraphRead,
    ModelOpened,
    RunFollowed,
    RunsRead,
    Told,
)
from finn_tui.ui.screens.base import ModeScreen
from finn_tui.ui.state import AppState
from finn_tui.ui.tune import Tune
from finn_tui.ui.work import BoardJob, Credentials, Workers, board_job


def _mode(name: str) -> Callable[[], Screen[Any]]:
    """A screen that is imported when it is first shown."""

    def make() -> Screen[Any]:
        from importlib import import_module

        module = import_module(f"finn_tui.ui.screens.{name}")
        screen: Screen[Any] = getattr(module, f"{name.capitalize()}Screen")()
        return screen

    return make


def _palette() -> type[Provider]:
    from finn_tui.ui.palette import ActionCommands

    return ActionCommands


class FinnTuiApp(Workers):
    """The terminal cockpit for FINN."""

    TITLE = "finn-tui"
    CSS_PATH = "app.tcss"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        name: _mode(name) for name in ("flow", "tune", "runs", "board", "results")
    }
    DEFAULT_MODE = "tune"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("app")]
    COMMANDS: ClassVar[set[Any]] = {_palette}
    COMMAND_PALETTE_BINDING = "ctrl+p"
    NOTIFICATION_TIMEOUT = 4.0

    def __init__(
        self, lab: Lab, start_model: str | None = None, *, board_job: BoardJob = board_job
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
        self.board_job = board_job
        self._start_model = start_model
        self._credentials: dict[str, Credentials] = {}
        self._crash_log: Any = None
        super().__init__()
        for theme in themes:
            self.register_theme(theme)
        chosen = theming.chosen_theme()
        self.theme = chosen if chosen in self.available_themes else theming.DEFAULT
        self.set_keymap(keymap)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """None of Textual's own: the table of actions has them."""
        return ()

    def on_mount(self) -> None:
        """Open the model, and look at the runs."""
        for problem in self._problems:
            self.notify(problem, title="a file of yours", severity="warning", timeout=10,
                        markup=False)  # fmt: skip
        self.theme_changed_signal.subscribe(self, lambda theme: theming.keep_choice(theme.name))
        if self._start_model:
            self._open(self._start_model)
        self.call_after_refresh(self.watch_runs)

    # Actions

    @property
    def mode_screen(self) -> ModeScreen | None:
        """The mode's screen, below any dialog."""
        for screen in self.screen_stack:
            if isinstance(screen, ModeScreen):
                return screen
        return None

    def action_do(self, id: str) -> None:
        """Do an action of the table, or say why it cannot be done now."""
        action = BY_ID[id]
        why = action.why_not(self.state) if action.why_not is not None else None
        if why is not None:
            self.notify(why, title=action.title, severity="warning", markup=False)
            return
        focused = self.screen.focused
        chain = [*focused.ancestors_with_self] if focused is not None else [self.screen, self]
        for node in (*chain, self):
            method = getattr(node, action.method, None)
            if method is not None:
                method()
                return

    def redraw(self) -> None:
        """Draw the mode's screen anew, and a dialog that shows state."""
        screen = self.mode_screen
        if screen is not None and screen.is_mounted and screen is self.screen_stack[0]:
            screen.redraw()

    def trouble(self, error: FinnTuiError, answers: tuple[tuple[str, str], ...] = (),
                then: Callable[[str | None], None] | None = None) -> None:  # fmt: skip
        """Show an error with what to do about it."""
        from finn_tui.ui.screens.pick import trouble

        self.push_screen(trouble(error, answers), then)

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
        from finn_tui.ui.screens.help import Help

        screen = self.mode_screen
        self.push_screen(Help(screen.place if screen is not None else ""), self._do_chosen)

    def _do_chosen(self, id: str | None) -> None:
        if id is not None:
            self.call_after_refresh(self.action_do, id)

    def do_app_palette(self) -> None:
        """The palette."""
        self.action_command_palette()

    def do_app_theme(self) -> None:
        """Choose a theme."""
        self.search_themes()

    async def _close_down(self) -> None:
        self.workers.cancel_all()
        await self.lab.close()
        self.exit(0)

    def do_app_quit(self) -> None:
        """Leave; a board's work is ended first, if the user agrees."""
        if not self.state.board.busy:
            self.run_worker(self._close_down(), group="quit", exit_on_error=False)
            return
        from finn_tui.ui.screens.pick import confirm

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

    # Models

    def _open(self, model: str, board: str | None = None, folding: str | None = None) -> None:
        self.state.opening = model
        self.open_model(model, board, folding)
        self.redraw()

    def do_app_open_model(self) -> None:
        """Choose a model."""
        from finn_tui.lab.presets import presets
        from finn_tui.ui.screens.pick import Pick
        from finn_tui.ui.widgets.listing import Column, Content, Row

        try:
            known = presets()
        except FinnTuiError as error:
            self.trouble(error)
            return
        here = set(self.lab.workspace.models())
        rows = [
            Row(
                name,
                [(name, ""), (preset.title, "dim"), ("prepared" if name in here else "", "dim")],
            )
            for name, preset in known.items()
        ]
        rows += [
            Row(name, [(name, ""), ("of this workspace", "dim"), ("prepared", "dim")])
            for name in sorted(here - set(known))
        ]
        present = self.state.tune.opened.model.name if self.state.tune is not None else None

        def take(model: str | None) -> None:
            if model is not None:
                self._leave_folding(lambda: self._open(model))

        self.push_screen(
            Pick("Open a model", Content([Column("model", 14), Column(""), Column("", 9)], rows),
                 present, free=lambda text: None,
                 hint="letters narrow the list; or type the path of an .onnx file (QONNX)"),
            take,
        )  # fmt: skip

    def _leave_folding(self, then: Callable[[], None]) -> None:
        """Go on, after asking if unsaved changes would be lost."""
        tune = self.state.tune
        if tune is None or not tune.editor.unsaved:
            then()
            return
        from finn_tui.ui.screens.pick import confirm

        self.push_screen(
            confirm(
                "The folding has changes that are not saved",
                "They would be lost; w on Tune saves them.",
                "go on without them",
            ),
            lambda answer: then() if answer == "y" else None,
        )

    def on_model_opened(self, message: ModelOpened) -> None:
        """A model is there to be folded."""
        self.close_working("open")
        state = self.state
        state.opening = ""
        state.tune = Tune(message.opened, message.folding_name)
        state.flow.stage = -1
        self.redraw()

    def choose_target(self, tune: Tune) -> None:
        """Another board for the model."""
        self.run_worker(self._choose_target(tune), group="target", exclusive=True,
                        exit_on_error=False)  # fmt: skip

    async def _choose_target(self, tune: Tune) -> None:
        from finn_tui.lab.devices import devices
        from finn_tui.ui.screens.pick import Pick
        from finn_tui.ui.widgets.listing import Column, Content, Row

        try:
            info = await self.lab.info()
            known = devices(info, self.lab.workspace.settings)
        except FinnTuiError as error:
            self.post_message(Failed("target", error))
            return
        rows = [
            Row(name, [(name, ""), (device.part, "dim"),
                       (f"{device.budget.get('LUT', 0):,}" if device.budget else "?", ""),
                       (f"{device.budget.get('BRAM_18K', 0):,}" if device.budget else "", ""),
                       (f"{device.budget.get('DSP', 0):,}" if device.budget else "", "")])
            for name, device in sorted(known.items())
        ]  # fmt: skip
        columns = [Column("board", 18), Column("part"), Column("LUT", 9, True),
                   Column("BRAM18", 7, True), Column("DSP", 6, True)]  # fmt: skip

        def take(board: str | None) -> None:
            if board is not None and board != tune.editor.device.board:
                self._leave_folding(lambda: self._retarget(tune, board))

        hint = "letters narrow the list; another part is prepared anew"
        content = Content(columns, rows)
        self.push_screen(Pick("Board", content, tune.editor.device.board, hint=hint), take)

    def _retarget(self, tune: Tune, board: str) -> None:
        self.keep_settings(board=board)
        self._open(tune.opened.model.name, board)

    def keep_settings(self, **changes: Any) -> None:
        """Change settings of the workspace and write them."""
        for name, value in changes.items():
            setattr(self.lab.workspace.settings, name, value)
        try:
            self.lab.workspace.save_settings()
        except FinnTuiError as error:
            self.trouble(error)

    # Progress and errors

    def on_told(self, message: Told) -> None:
        """Long work is a step further."""
        if message.work == "board":
            from finn_tui.ui.board import take_progress

            take_progress(self.state.board, message.progress)
            self.redraw()
            return
        from finn_tui.ui.screens.working import Working

        shown = self.screen
        if not isinstance(shown, Working) or shown.work != message.work:
            titles = {"open": f"Opening {self.state.opening}", "build": "Starting the build"}
            if not (self.state.opening or self.state.launching):
                return
            working = Working(titles.get(message.work, message.work), message.work)
            self.push_screen(working)
            self.call_after_refresh(working.tell, message.progress)
            return
        shown.tell(message.progress)

    def close_working(self, work: str) -> None:
        """Take the progress of ended work off the screen."""
        from finn_tui.ui.screens.working import Working

        for screen in self.screen_stack:
            if isinstance(screen, Working) and screen.work == work:
                screen.dismiss(None)

    def on_failed(self, message: Failed) -> None:
        """Work ended with an error."""
        self.close_working(message.work)
        error = message.error
        if message.work == "open":
            self.state.opening = ""
        if message.work == "build":
            self.state.launching = False
            if error.kind == "tools":
                self.trouble(error, (("r", "rehearse with stand-ins (SIMULATED)"),), self._rehearse)
                self.redraw()
                return
        if message.work == "board":
            self._board_failed(error)
            return
        self.trouble(error)
        self.redraw()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Cancelled work is cleared away; a defect of ours is written down and said."""
        worker = event.worker
        if event.state == WorkerState.CANCELLED:
            self._cancelled(worker.group)
        if event.state != WorkerState.ERROR or worker.error is None:
            return
        path = crash.record(worker.error, f"worker {worker.group}")
        where = f"It was written to {path}." if path is not None else ""
        why = f"{type(worker.error).__name__}: {worker.error}"
        fix = f"{where} What you did is not lost; try it again, and report this if it stays."
        self.on_failed(Failed(worker.group, FinnTuiError("a defect of finn-tui", why, fix)))

    def _cancelled(self, group: str) -> None:
        if group == "open":
            self.state.opening = ""
        elif group == "build":
            self.state.launching = False
        elif group == "board":
            from finn_tui.ui.board import stopped

            stopped(self.state.board)
        else:
            return
        if self.is_running:
            self.close_working(group)
            self.redraw()

    # Builds

    def do_app_build(self) -> None:
        """Build the present folding."""
        self._build(None)

    def _build(self, rehearse: bool | None) -> None:
        tune = self.state.tune
        assert tune is not None, "the action is disabled without a model"
        self.state.launching = True
        self.begin_build(tune.opened, rehearse)
        self.redraw()

    def _rehearse(self, answer: str | None) -> None:
        if answer == "r":
            self._build(True)

    def on_build_begun(self, message: BuildBegun) -> None:
        """Show the run that has begun."""
        self.close_working("build")
        self.state.launching = False
        self.state.runs_view.chosen = message.run.id
        self.watch_runs()
        self.switch_mode("runs")

    def on_runs_read(self, message: RunsRead) -> None:
        """The runs are others, or have moved on."""
        before = {run.id: run for run in self.state.runs}
        self.state.runs = message.runs
        if message.results is not None:
            self.state.results, self.state.broken = message.results, message.broken
        if self.state.runs_read:
            for run in message.runs:
                old = before.get(run.id)
                if run.state.final and old is not None and not old.state.final:
                    self._run_ended(run.id, run.state.state, run.simulated)
        self.state.runs_read = True
        self.redraw()

    def _run_ended(self, id: str, state: str, simulated: bool) -> None:
        mark = " SIMULATED" if simulated else ""
        then = "; d deploys and validates it" if state == "succeeded" else "; e says why on Runs"
        severity = "information" if state == "succeeded" else "error"
        self.bell()
        self.notify(f"{id}: {state}{mark}{then}", title="build", severity=severity,  # type: ignore[arg-type]
                    timeout=8, markup=False)  # fmt: skip

    def on_run_followed(self, message: RunFollowed) -> None:
        """News of the run that is shown."""
        from finn_tui.ui.runs import take_update

        if message.run == self.state.runs_view.log_of:
            for update in message.updates:
                take_update(self.state, message.run, update)
            if self.current_mode == "runs":
                self.redraw()

    def on_graph_read(self, message: GraphRead) -> None:
        """The nodes of a stage."""
        flow = self.state.flow
        flow.reading, flow.error = None, message.error
        if message.graph is not None:
            flow.graphs[message.path] = message.graph
        self.redraw()

    # The board

    def do_app_go(self) -> None:
        """Deploy and validate the newest run that has been built."""
        run = self.state.newest_built()
        assert run is not None, "the action is disabled without one"
        self.state.board.run = run.id
        self.start_board("go")
        self.switch_mode("board")

    def start_board(self, job: str) -> None:
        """Begin one of the board's jobs with the run that the Board screen shows."""
        run = self.state.board_run()
        assert run is not None, "the action is disabled without one"
        board = self.state.board
        board.run = run.id
        board.begin(job)
        board.log.clear()
        credentials = self._credentials.setdefault(board.machine, Credentials())
        self.work_on_board(job, run.folder, board.machine, credentials)
        self.redraw()

    def on_board_done(self, message: BoardDone) -> None:
        """A job of the board has ended well."""
        from finn_tui.ui.board import finished

        finished(self.state.board, message.missing)
        if message.missing:
            self.trouble(message.missing[0])
        self.redraw()

    def on_board_read(self, message: BoardRead) -> None:
        """What is known of a run on a board."""
        board = self.state.board
        board.results, board.results_of = message.results, (message.run, message.changed)
        board.sample, board.sample_of = message.sample, (message.run, message.image)
        self.redraw()

    def _board_failed(self, error: FinnTuiError) -> None:
        from finn_tui.ui.board import asks_password, failed, unknown_key

        board = self.state.board
        job = board.busy
        failed(board, error)
        self.redraw()
        credentials = self._credentials.setdefault(board.machine, Credentials())
        fingerprint = unknown_key(error)
        if fingerprint:

            def trusted(answer: str | None) -> None:
                if answer == "t":
                    credentials.trust = fingerprint
                    self.start_board(job)

            self.trouble(error, (("t", "trust this key"),), trusted)
        elif asks_password(error):

            def given(text: str | None) -> None:
                if text:
                    credentials.password = text
                    self.start_board(job)

            def wanted(answer: str | None) -> None:
                if answer == "p":
                    self._ask_password(board.machine, given)

            self.trouble(error, (("p", "give a password"),), wanted)
        else:
            self.trouble(error)

    def _ask_password(self, machine: str, then: Callable[[str | None], None]) -> None:
        from finn_tui.ui.screens.pick import Pick
        from finn_tui.ui.widgets.listing import Content

        self.push_screen(
            Pick(f"Password for {machine}", Content(), free=lambda text: None, secret=True,
                 hint="kept in memory while the app runs, never on disk"),
            then,
        )  # fmt: skip

    # Ends

    def _handle_exception(self, error: Exception) -> None:
        # The boundary of the whole app: what arrives here is a defect of ours. Textual restores
        # the terminal; the traceback goes to a file that can be sent to us.
        self._crash_log = crash.record(error, "the app") or self._crash_log
        super()._handle_exception(error)


def run_app(lab: Lab, start_model: str | None = None) -> None:
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
