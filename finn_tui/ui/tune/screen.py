"""Tune: the layer table, its knobs, and the estimate after every change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual.timer import Timer
from textual.widget import Widget

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.device import read_clock
from finn_tui.ui.actions import table as actions
from finn_tui.ui.toolkit.frame_title import set_frame_title
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import Column, Content, Row
from finn_tui.ui.toolkit.panes import Resize
from finn_tui.ui.toolkit.styled_line import StyledLine, clock_text
from finn_tui.ui.tune import detail as tune_detail
from finn_tui.ui.tune import infrastructure_rows
from finn_tui.ui.tune import view as tune_view
from finn_tui.ui.tune.folding_dialogs import FoldingDialogs
from finn_tui.ui.tune.layer_table import LayerTable
from finn_tui.ui.tune.notice import Notice
from finn_tui.ui.tune.value_dialogs import ValueDialogs

#: Seconds without a key after which a large design's next move is worked out.
_REST = 0.15

_WELCOME = (
    "No model is open.\n\n"
    "Press o to open a network: a preset, a model of this workspace, or an .onnx file. "
    "finn-tui converts it to FINN's dataflow graph and opens it here for folding."
)


class DetailPane(LineView, can_focus=True):
    """What there is to say about the layer; all of it when the pane is zoomed or made larger."""

    BINDINGS = actions.bindings("pane")

    def on_mount(self) -> None:
        """Its title does not change: the first line names the layer."""
        set_frame_title(self, "Detail")


class TuneScreen(ValueDialogs, FoldingDialogs):
    """The screen for folding."""

    place = "tune"
    BINDINGS = actions.bindings("tune")
    RESIZES: ClassVar[Mapping[str, Resize]] = {
        "layers": Resize("detail", "height", -1),
        "detail": Resize("detail", "height"),
    }

    def body(self) -> Iterable[Widget]:
        """Yield figures, budget, table and detail."""
        yield LineView(self._figures, id="figures")
        yield LineView(self._budget, id="budget")
        yield LayerTable(id="layers", classes="pane")
        yield DetailPane(self._detail, on_hit=self._detail_hit, id="detail", classes="pane")

    def on_mount(self) -> None:
        """Focus the table."""
        self.query_one(LayerTable).focus()
        self._arrange()

    def on_resize(self) -> None:
        """Another window: another height of the detail."""
        self._arrange()

    def _arrange(self) -> None:
        rows = 7 if self.size.height >= 34 else 3 if self.size.height >= 18 else 2
        frame = 2 if self.size.height >= 34 else 1
        self.resize_pane("detail", rows + frame)

    def draw(self) -> None:
        """Redraw everything that the folding changes, in one frame."""
        self._arrange()
        opening = self.state.opening
        welcome = f"opening {opening} ..." if opening else _WELCOME
        self.query_one(LayerTable).set_session(self.tune, welcome)
        for name in ("#figures", "#budget", "#detail"):
            self.query_one(name, LineView).redraw()
        tune = self.tune
        if tune is not None and tune.advice(quick=True) is None:
            # A large design: told once the keys rest.
            if self._resting is not None:
                self._resting.stop()
            self._resting = self.set_timer(_REST, self._advise)

    _resting: Timer | None = None

    def _advise(self) -> None:
        if self.tune is not None:
            self.tune.advice()
            self.query_one("#detail", LineView).redraw()

    def _figures(self, width: int, height: int) -> list[StyledLine]:
        tune = self.tune
        return [tune_view.figures_line(tune, width)] if tune is not None else []

    def _budget(self, width: int, height: int) -> list[StyledLine]:
        tune = self.tune
        if tune is None:
            return []
        return [infrastructure_rows.budget_line(tune.editor.estimate, tune.editor.device, width)]

    def _detail(self, width: int, height: int) -> list[StyledLine]:
        tune = self.tune
        return tune_detail.detail_lines(tune, width, height) if tune is not None else []

    def _detail_hit(self, hit: object) -> None:
        tune = self.tune
        if tune is not None and isinstance(hit, tuple) and hit[0] == "value":
            tune.set(hit[1])
            self.redraw()

    def on_layer_table_moved(self) -> None:
        """Redraw for the new cursor."""
        self.redraw()

    def on_layer_table_stepped(self, event: LayerTable.Stepped) -> None:
        """Step the knob by the mouse as by the keys."""
        self._step(event.direction)

    def on_layer_table_valued(self) -> None:
        """List the values of the chosen knob."""
        self.do_tune_values()

    def on_layer_table_folded(self) -> None:
        """Fold or unfold the cost breakdown."""
        self.do_tune_bill()

    # What the keys do

    def _step(self, direction: int) -> None:
        tune = self.tune
        if tune is not None:
            tune.step(direction)
            self.redraw()

    def do_tune_larger(self) -> None:
        """Set the next larger legal value."""
        self._step(1)

    def do_tune_smaller(self) -> None:
        """Set the next smaller legal value."""
        self._step(-1)

    def _knob(self, direction: int) -> None:
        tune = self.tune
        if tune is not None:
            tune.notice = None
            tune.move_knob(direction)
            self.redraw()

    def do_tune_left(self) -> None:
        """Choose the knob to the left."""
        self._knob(-1)

    def do_tune_right(self) -> None:
        """Choose the knob to the right."""
        self._knob(1)

    def do_tune_undo(self) -> None:
        """Undo the last change."""
        if self.tune is not None:
            self.tune.undo()
            self.redraw()

    def do_tune_redo(self) -> None:
        """Redo the last undone change."""
        if self.tune is not None:
            self.tune.redo()
            self.redraw()

    def do_tune_bottleneck(self) -> None:
        """Go to the layer that determines the II; then to the next such layer."""
        tune = self.tune
        if tune is None:
            return
        ii = tune.editor.estimate.ii_cycles
        holders = [cost.name for cost in tune.editor.estimate.layers if cost.cycles == ii]
        current = tune.layer.name if tune.layer is not None else ""
        after = holders.index(current) + 1 if current in holders else 0
        tune.notice = None
        tune.go_to(holders[after % len(holders)])
        self.redraw()

    def do_tune_mark(self) -> None:
        """Mark or unmark the layer."""
        if self.tune is not None:
            self.tune.toggle_mark()
            self.redraw()

    def do_tune_mark_all(self) -> None:
        """Mark or unmark all layers shown."""
        if self.tune is not None:
            self.tune.mark_all()
            self.redraw()

    def do_tune_lock(self) -> None:
        """Lock layers for the solver."""
        if self.tune is not None:
            self.tune.lock()
            self.redraw()

    def do_tune_sort(self) -> None:
        """Sort by the next column."""
        if self.tune is not None:
            self.tune.next_sort()
            self.redraw()

    def do_tune_bill(self) -> None:
        """Fold or unfold the cost breakdown below the layers."""
        tune = self.tune
        if tune is not None:
            table = self.query_one(LayerTable)
            tune.breakdown_open = not (
                table.tall if tune.breakdown_open is None else tune.breakdown_open
            )
            self.redraw()

    def do_tune_clock(self) -> None:
        """Choose a clock period."""
        tune = self.tune
        if tune is None:
            return
        from finn_tui.ui.dialogs.choose import ChooseDialog

        ii = tune.editor.estimate.ii_cycles
        # That of the workspace among them: another app may have changed it.
        elsewhere = self.context.lab.workspace.written.clock_ns
        periods = sorted({20.0, 10.0, 8.0, 6.0, 5.0, 4.0, elsewhere}, reverse=True)
        rows = [
            Row(
                f"{ns:g} ns",
                [(f"{ns:g} ns", ""), (clock_text(ns), ""), (f"{1e9 / (ns * ii):,.0f} fps", "dim")],
            )
            for ns in periods
        ]

        def accept(text: str | None) -> None:
            if text is None:
                return
            clock = read_clock(text)
            tune.editor.set_clock(clock)
            self.context.change_settings(clock_ns=clock)
            tune.notice = Notice(f"clock period {clock:g} ns for estimates and builds")
            self.redraw()

        self.app.push_screen(
            ChooseDialog(
                "Clock period",
                Content([Column("period", 12), Column("clock", 12), Column("at this II")], rows),
                f"{tune.editor.clock_ns:g} ns",
                free=_why_no_clock,
                typing="find",
                echo=_clock_meant,
                hint="or type one: 7.5 ns, 133 MHz; without a unit, the faster of both",
            ),
            accept,
        )

    def do_tune_next(self) -> None:
        """Apply the cheapest change that lowers the II."""
        if self.tune is not None:
            self.tune.apply_next_move()
            self.redraw()

    def do_tune_target(self) -> None:
        """Choose a board."""
        if self.tune is not None:
            self.context.models.choose_target(self.tune)


def _why_no_clock(text: str) -> str | None:
    try:
        read_clock(text)
    except FinnTuiError as error:
        return f"{error.what}. {error.why}"
    return None


def _clock_meant(text: str) -> str:
    try:
        clock = read_clock(text)
    except FinnTuiError:
        return ""
    return f"= {clock:.4g} ns ({clock_text(clock)})"
