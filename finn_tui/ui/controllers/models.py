"""The app's half that opens models: choosing one, its board, and the settings that stay."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from finn_tui.base.errors import FinnTuiError
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.folding_keeper import KEEP_SECONDS
from finn_tui.ui.messages import FifosPriced, GraphRead, ModelOpened, TargetsListed, WorkKind
from finn_tui.ui.tune.state import Notice, TuneState


class ModelController(Controller):
    """Models and their boards."""

    def open_named(self, model: str, board: str | None = None, folding: str | None = None) -> None:
        """Open a model by its name; the screen says so while it is prepared."""
        self.state.opening = model
        self.start(WorkKind.OPEN, self.open_model(model, board, folding))
        self.redraw()

    def do_app_open_model(self) -> None:
        """Choose a model."""
        from finn_tui.lab.models import shown_names
        from finn_tui.lab.presets import presets
        from finn_tui.ui.dialogs.choose import ChooseDialog
        from finn_tui.ui.toolkit.listing import Column, Content, Row
        from finn_tui.ui.toolkit.text_input import why_no_file

        files = (".onnx",)
        try:
            known = presets()
        except FinnTuiError as error:
            self.show_error(error)
            return
        titles = shown_names(self.lab.workspace)
        rows = [
            Row(
                name,
                [(name, ""), (preset.title, "dim"), ("prepared" if name in titles else "", "dim")],
            )
            for name, preset in known.items()
        ]
        rows += [
            Row(name, [(title, ""), ("of this workspace", "dim"), ("prepared", "dim")])
            for name, title in sorted(titles.items())
            if name not in known
        ]
        width = min(24, max([14, *map(len, titles.values())]))
        present = self.state.tune.opened.model.name if self.state.tune is not None else None

        def take(model: str | None) -> None:
            if model is not None:
                self.leave_folding(lambda: self.open_named(model))

        self.push_screen(
            ChooseDialog(
                "Open a model",
                Content([Column("model", width), Column(""), Column("", 9)], rows),
                present,
                free=lambda text: why_no_file(text, "model", files),
                files=files,
                hint="letters narrow the list; or type the path of an .onnx file (QONNX)",
            ),
            take,
        )

    def on_mount(self) -> None:
        """Keep the folding that is edited from now on."""
        self.set_interval(KEEP_SECONDS, self._keep)

    def on_unmount(self) -> None:
        """Keep what happened since the last look; whatever ends the app."""
        if self.state.tune is not None:
            with contextlib.suppress(FinnTuiError):
                self.keeper.write(self.keeper.snapshot(self.state.tune))

    def _keep(self) -> None:
        tune = self.state.tune
        if tune is not None and not self.keeping and self.keeper.due(tune):
            self.start(WorkKind.KEEP, self.keep_folding(tune))

    def not_kept(self, error: FinnTuiError) -> None:
        """Say once that an end of the app would lose changes; it is tried again and again."""
        if not self.keeper.told:
            self.keeper.told = True
            text = f"{error.what}. {error.why}"
            self.notify(
                text, title="the folding is not kept", severity="warning", timeout=10, markup=False
            )

    def leave_folding(self, then: Callable[[], None]) -> None:
        """Go on once the folding is kept; ask if that fails and unsaved changes would be lost."""
        tune = self.state.tune
        try:
            if tune is not None:
                self.keeper.write(self.keeper.snapshot(tune))
        except FinnTuiError as error:
            why = f"{error.what}. {error.why}"
        else:
            why = ""
        if not why or tune is None or not tune.editor.unsaved:
            then()
            return
        from finn_tui.ui.dialogs.choose import confirm

        self.push_screen(
            confirm(
                "The folding has changes that are not saved",
                f"They would be lost; w on Tune saves them. {why}",
                "go on without them",
            ),
            lambda answer: then() if answer == "y" else None,
        )

    def take_model(self, message: ModelOpened) -> None:
        """A model is there to be folded; nothing is drawn yet."""
        state, working = self.state, message.working
        if state.tune is None or state.tune.opened is not message.opened:
            tune = state.tune = TuneState(message.opened, message.folding_name)
            if working is not None:
                tune.folding_name, tune.saved_name = working.folding_name, working.saved_name
                tune.locked = set(working.locked)
                if tune.editor.unsaved:
                    tune.notice = Notice("as you left it; its changes are not saved, w saves them")
            self.keeper.begin(tune)
            state.flow.stage, state.opening, state.opening_at = -1, "", None

    def model_opened(self, message: ModelOpened) -> None:
        """A model is there to be folded."""
        self.close_working(WorkKind.OPEN)
        self.take_model(message)
        if message.problem is not None:
            self.show_error(message.problem)
        # The next start goes on where this one was.
        if self.lab.workspace.settings.model != message.opened.model.name:
            self.keep_settings(model=message.opened.model.name)
        self.redraw()

    def choose_target(self, tune: TuneState) -> None:
        """Another board for the model."""
        self.start(WorkKind.TARGETS, self.list_targets(tune))

    def targets_listed(self, message: TargetsListed) -> None:
        """Choose among the boards."""
        from finn_tui.ui.dialogs.choose import ChooseDialog
        from finn_tui.ui.toolkit.listing import Column, Content, Row

        tune = message.tune
        rows = [
            Row(
                name,
                [
                    (name, ""),
                    (device.part, "dim"),
                    (f"{device.budget.get('LUT', 0):,}" if device.budget else "?", ""),
                    (f"{device.budget.get('BRAM_18K', 0):,}" if device.budget else "", ""),
                    (f"{device.budget.get('DSP', 0):,}" if device.budget else "", ""),
                ],
            )
            for name, device in sorted(message.devices.items())
        ]
        columns = [
            Column("board", 18),
            Column("part"),
            Column("LUT", 9, True),
            Column("BRAM18", 7, True),
            Column("DSP", 6, True),
        ]

        def take(board: str | None) -> None:
            if board is not None and board != tune.editor.device.board:
                self.leave_folding(lambda: self._retarget(tune, board))

        hint = "letters narrow the list; another part is prepared anew"
        content = Content(columns, rows)
        self.push_screen(ChooseDialog("Board", content, tune.editor.device.board, hint=hint), take)

    def _retarget(self, tune: TuneState, board: str) -> None:
        self.keep_settings(board=board)
        self.open_named(tune.opened.model.name, board)

    def opening_failed(self, error: FinnTuiError) -> None:
        """A model could not be opened."""
        self.opening_ended()
        self.show_error(error)

    def opening_ended(self) -> None:
        """Nothing is being opened any more."""
        self.state.opening = ""
        self.close_working(WorkKind.OPEN)
        self.redraw()

    def graph_read(self, message: GraphRead) -> None:
        """The nodes of a stage."""
        flow = self.state.flow
        flow.reading, flow.error = None, None
        flow.graphs[message.path] = message.graph
        self.redraw()

    def graph_failed(self, error: FinnTuiError) -> None:
        """The nodes of a stage cannot be read: the screen says so in their place."""
        flow = self.state.flow
        flow.reading, flow.error = None, error
        self.redraw()

    def fifos_priced(self, message: FifosPriced) -> None:
        """FIFOs of the present folding have a cost now."""
        self.redraw()

    def pricing_failed(self, error: FinnTuiError) -> None:
        """FIFOs of the present folding have no cost."""
        if self.state.tune is not None:
            self.state.tune.notice = Notice(f"not priced: {error.what}", "warn")
        self.redraw()
