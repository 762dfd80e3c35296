"""Models: opening one, its board, its stages, and the working folding."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.foldings import saved_foldings
from finn_tui.ui.context import AppContext
from finn_tui.ui.controllers import handling as handlings
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.controllers.model_choice import choose_model
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.state import ModelSession, RunView, Topic
from finn_tui.ui.tune.folding_keeper import FoldingKeeper, Snapshot
from finn_tui.ui.tune.notice import Notice
from finn_tui.ui.tune.state import TuneState, tune_state

if TYPE_CHECKING:
    from finn_tui.core.device import Device
    from finn_tui.lab.foldings.opened import Opened
    from finn_tui.lab.foldings.working_folding import WorkingFolding
    from finn_tui.lab.models.handling import Handling
    from finn_tui.lab.models.models import Stage


@dataclass
class ModelOpened(WorkResult):
    """A model is prepared and open.

    Attributes:
        working: the folding of an earlier session that it was opened with.
        problem: why that of an earlier session could not be restored.
        fresh: whether it was prepared just now.
    """

    kind = WorkKind.OPEN
    opened: Opened
    folding_name: str
    working: WorkingFolding | None = None
    problem: FinnTuiError | None = None
    fresh: bool = False


@dataclass
class GraphRead(WorkResult):
    """The nodes of one stage."""

    kind = WorkKind.GRAPH
    path: Path
    graph: Mapping[str, Any]


@dataclass
class TargetsListed(WorkResult):
    """The boards that a model can be folded for, by name."""

    kind = WorkKind.TARGETS
    tune: ModelSession
    devices: Mapping[str, Device]


@dataclass
class FifosPriced(WorkResult):
    """FINN has returned the cost of the FIFOs of the present folding."""

    kind = WorkKind.PRICES


class ModelController(Controller):
    """Opens models and chooses their boards."""

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self.keeper = FoldingKeeper(context.lab.workspace)
        self._keeping = False

    def open_named(
        self,
        model: str,
        board: str | None = None,
        folding: str | None = None,
        handling: Handling | None = None,
    ) -> None:
        """Open a model by its name.

        Args:
            model: name, preset or path.
            board: None for the workspace's.
            folding: None for the last or the default one.
            handling: of its input and output, and its steps; None leaves them as they are.
        """
        self.state.opening = model
        self.context.start(WorkKind.OPEN, self.open_model(model, board, folding, handling))
        self.state.publish(Topic.MODEL)

    def do_app_handling(self) -> None:
        """Choose input, output and steps of the open model, and prepare it so."""
        if self.state.tune is None:
            return
        name = self.state.tune.opened.model.name

        def accept(handling: Handling) -> None:
            self.leave_folding(lambda: self.open_named(name, handling=handling))

        handlings.ask_again(self.context, self.state.tune.opened.model, accept)

    def do_app_open_model(self) -> None:
        """Choose a model."""
        present = self.state.tune.opened.model.name if self.state.tune is not None else None

        def accept(model: str | None) -> None:
            if model is not None:
                self.leave_folding(
                    lambda: handlings.ask_first(self.context, model, self.open_named)
                )

        choose_model(self.context, present, accept)

    def keep_last(self) -> None:
        """Write the working folding before the app ends."""
        tune = tune_state(self.state)
        if tune is not None:
            with contextlib.suppress(FinnTuiError):
                self.keeper.write(self.keeper.snapshot(tune))

    def keep(self) -> None:
        """Write the working folding if it has changed."""
        tune = tune_state(self.state)
        if tune is not None and not self._keeping and self.keeper.due(tune):
            self.context.start(WorkKind.KEEP, self._keep_folding(tune))

    def not_kept(self, error: FinnTuiError) -> None:
        """Warn once that the working folding cannot be written."""
        if not self.keeper.warned:
            self.keeper.warned = True
            text = f"{error.what}. {error.why}"
            self.context.notify(
                text,
                title="folding not kept on disk",
                severity="warning",
                timeout=10,
                markup=False,
            )

    def leave_folding(self, then: Callable[[], None]) -> None:
        """Continue once the folding is written; ask if that fails and changes would be lost."""
        tune = tune_state(self.state)
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

        self.context.show_dialog(
            confirm(
                "The folding has changes that are not saved",
                f"They would be lost; w on Tune saves them. {why}",
                "discard the changes",
            ),
            lambda answer: then() if answer == "y" else None,
        )

    def take_model(self, message: ModelOpened) -> None:
        """Store the opened model without drawing."""
        state, working = self.state, message.working
        if state.tune is None or state.tune.opened is not message.opened:
            tune = TuneState(message.opened, message.folding_name)
            state.tune = tune
            if working is not None:
                tune.folding_name, tune.saved_name = working.folding_name, working.saved_name
                tune.locked = set(working.locked)
                if tune.editor.unsaved:
                    tune.notice = Notice("restored with unsaved changes; w saves them")
            self.keeper.begin(tune)
            state.flow.stage, state.opening, state.opening_at = -1, "", None
            state.flow.failed = None

    def model_opened(self, message: ModelOpened) -> None:
        """Show the opened model."""
        self.context.close_working(WorkKind.OPEN)
        self.take_model(message)
        if message.problem is not None:
            self.context.show_error(message.problem)
        model = message.opened.model
        if message.fresh and model.notes and model.preset is None:
            self.context.notify(
                f"{model.notes[0]}\nH shows everything that was assumed, and changes it.",
                title=f"how {model.title} is handled",
                timeout=10,
                markup=False,
            )
        # The next start goes on where this one was.
        if self.lab.workspace.settings.model != message.opened.model.name:
            self.context.change_settings(model=message.opened.model.name)
        self.state.publish(Topic.MODEL)

    def load_run_folding(self, run: RunView) -> None:
        """Load the folding of a run into Tune; open its model first if another one is open."""
        path = str(run.folder.path / "folding.json")
        tune = tune_state(self.state)
        source = run.request.source.get("content")
        if tune is None or (source and tune.opened.model.content != source):
            model, board = run.request.model, run.request.board
            self.leave_folding(lambda: self.open_named(model, board, path))
            self.context.show_mode("tune")
            return
        try:
            folding, notes = self.lab.read_folding(tune.opened, path)
        except FinnTuiError as error:
            self.context.show_error(error)
            return
        name = f"{run.request.folding_name} of {run.id[-4:]}"
        tune.editor.load(folding, name)
        tune.folding_name, tune.saved_name = name, ""
        tune.notice = Notice("; ".join([f"loaded {name}", *notes]))
        self.state.publish(Topic.MODEL)
        self.context.show_mode("tune")

    def choose_target(self, tune: ModelSession) -> None:
        """Choose another board for the model."""
        self.context.start(WorkKind.TARGETS, self._list_targets(tune))

    def targets_listed(self, message: TargetsListed) -> None:
        """Open the dialog with the boards."""
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
            Column("LUT", 9, True, rank=1),
            Column("BRAM18", 7, True, rank=2),
            Column("DSP", 6, True, rank=3),
        ]

        def accept(board: str | None) -> None:
            if board is not None and board != tune.editor.device.board:
                self.leave_folding(lambda: self._retarget(tune, board))

        hint = "type to filter; another part is prepared again"
        content = Content(columns, rows)
        self.context.show_dialog(
            ChooseDialog("Board", content, tune.editor.device.board, hint=hint), accept
        )

    def _retarget(self, tune: ModelSession, board: str) -> None:
        self.context.change_settings(board=board)
        self.open_named(tune.opened.model.name, board)

    def opening_failed(self, error: FinnTuiError) -> None:
        """Show why a model could not be opened, and what can be done about it."""
        self.opening_ended()
        if not isinstance(error, handlings.OpeningFailed):
            self.context.show_error(error)
            return
        handlings.offer(
            self.context,
            error,
            lambda handling: self.open_named(error.model, error.board, handling=handling),
        )

    def opening_ended(self) -> None:
        """Record that no model is being opened."""
        self.state.opening = ""
        self.context.close_working(WorkKind.OPEN)
        self.state.publish(Topic.MODEL)

    def graph_read(self, message: GraphRead) -> None:
        """Show the nodes of a stage."""
        flow = self.state.flow
        flow.reading, flow.error = None, None
        flow.graphs[message.path] = message.graph
        self.state.publish(Topic.FLOW)

    def graph_failed(self, error: FinnTuiError) -> None:
        """Show why the nodes of a stage cannot be read."""
        flow = self.state.flow
        flow.reading, flow.error = None, error
        self.state.publish(Topic.FLOW)

    def fifos_priced(self, message: FifosPriced) -> None:
        """Show the new cost of FIFOs."""
        self.state.publish(Topic.MODEL)

    def pricing_failed(self, error: FinnTuiError) -> None:
        """Show that the cost of FIFOs is not known."""
        tune = tune_state(self.state)
        if tune is not None:
            tune.notice = Notice(f"FIFO cost not known: {error.what}", "warn")
        self.state.publish(Topic.MODEL)

    def read_graph(self, stage: Stage) -> None:
        """Read the nodes of a stage of the flow."""
        self.context.start(WorkKind.GRAPH, self._read_graph(stage))

    def price_fifos(self, tune: ModelSession) -> None:
        """Ask FINN for the cost of FIFO depths that are not known yet."""
        self.context.start(WorkKind.PRICES, self._price_fifos(tune))

    async def open_model(
        self,
        model: str,
        board: str | None = None,
        folding: str | None = None,
        handling: Handling | None = None,
    ) -> ModelOpened:
        """Prepare a model if needed, and open it.

        Args:
            model: name, preset or path.
            board: None for the workspace's.
            folding: None for the last or the default one.
            handling: of its input and output, and its steps; None leaves them as they are.

        Raises:
            OpeningFailed: it could not be prepared or opened.
        """
        began = time.time()
        try:
            opened = await self.lab.open(
                model,
                board=board,
                folding=folding,
                handling=handling,
                on_progress=self.context.progress_of(WorkKind.OPEN),
            )
        except FinnTuiError as error:
            raise await self._failure(error, model, board, handling) from error
        name = saved_foldings.title(folding) if folding else opened.editor.baseline_name
        result = ModelOpened(opened, name)
        with contextlib.suppress(OSError):
            written = (opened.model.folder / "model.json").stat().st_mtime
            result.fresh = written >= began
        if folding is None:
            try:
                # The model that is open may be opened again, for another board of the same part.
                tune = tune_state(self.state)
                snapshot = self.keeper.snapshot(tune) if tune is not None else None
                result.working = await asyncio.to_thread(self._restore, opened, snapshot)
            except FinnTuiError as error:
                result.problem = error
        return result

    async def _failure(
        self, error: FinnTuiError, model: str, board: str | None, handling: Handling | None
    ) -> handlings.OpeningFailed:
        """Add what is left of the preparation to an error."""
        failed = None
        with contextlib.suppress(FinnTuiError):
            left = await self.lab.failed_preparation(model, board=board, handling=handling)
            # One that an earlier try left says nothing of this one.
            failed = left if left is not None and left.error.what == error.what else None
        return handlings.OpeningFailed(error, model, board, handling, failed)

    def _restore(self, opened: Opened, before: Snapshot | None) -> WorkingFolding | None:
        """Write the working folding, and return that of an earlier session."""
        from finn_tui.lab.foldings import working_folding

        if before is not None:
            with contextlib.suppress(FinnTuiError):
                self.keeper.write(before)
        return working_folding.restore(self.lab.workspace, opened)

    async def _keep_folding(self, tune: TuneState) -> None:
        """Write the working folding to the workspace."""
        self._keeping = True
        try:
            await asyncio.to_thread(self.keeper.write, self.keeper.snapshot(tune))
        finally:
            self._keeping = False

    async def _read_graph(self, stage: Stage) -> GraphRead:
        """Read the nodes of one stage."""
        return GraphRead(stage.path, await self.lab.graph(stage))

    async def _list_targets(self, tune: ModelSession) -> TargetsListed:
        """Return the boards that a model can be folded for."""
        from finn_tui.lab.models.devices import devices

        info = await self.lab.info()
        return TargetsListed(tune, devices(info, self.lab.workspace.settings))

    async def _price_fifos(self, tune: ModelSession) -> FifosPriced:
        """Ask FINN for the cost of FIFO depths that are not known yet."""
        await self.lab.price(tune.opened)
        return FifosPriced()
