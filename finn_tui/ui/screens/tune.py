"""Tune: the layer table, its knobs, and what every change gives and costs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.timer import Timer
from textual.widget import Widget

from finn_tui.core.costs import estimate
from finn_tui.core.device import clock_period
from finn_tui.core.folding import Folding
from finn_tui.errors import FinnTuiError
from finn_tui.lab.foldings import OfAnotherFinn
from finn_tui.lab.session import Lab
from finn_tui.ui import actions, tune_bill, tune_detail, tune_view
from finn_tui.ui.screens.tune_values import ValueDialogs
from finn_tui.ui.text import Line, rate, short
from finn_tui.ui.tune import Notice, Tune
from finn_tui.ui.widgets.frame import Rule
from finn_tui.ui.widgets.layer_table import LayerTable
from finn_tui.ui.widgets.lines import Lines
from finn_tui.ui.widgets.listing import Cell, Column, Content, Row

if TYPE_CHECKING:
    from finn_tui.core.migrate import Migration

#: Seconds without a key after which a large design's next move is worked out.
_REST = 0.15

_WELCOME = (
    "No model is open.\n\n"
    "Press o to choose a network: a preset of the lab, a model of this workspace, or an .onnx "
    "file of your own. It is turned into FINN's dataflow graph and opened here for folding."
)


class TuneScreen(ValueDialogs):
    """The screen that folds."""

    place = "tune"
    BINDINGS = actions.bindings("tune")

    def body(self) -> Iterable[Widget]:
        """Figures, budget, table, detail."""
        yield Lines(self._figures, id="figures")
        yield Lines(self._budget, id="budget")
        yield Rule()
        yield LayerTable(id="layers")
        yield Rule()
        yield Lines(self._detail, on_hit=self._detail_hit, id="detail")

    def on_mount(self) -> None:
        """Keys go to the table."""
        self.query_one(LayerTable).focus()

    def draw(self) -> None:
        """Everything that the folding changes, in one go so that it is one frame."""
        opening = self.state.opening
        welcome = f"opening {opening} ..." if opening else _WELCOME
        self.query_one(LayerTable).give(self.state.tune, welcome)
        for name in ("#figures", "#budget", "#detail"):
            self.query_one(name, Lines).redraw()
        tune = self.state.tune
        if tune is not None and tune.advice(quick=True) is None:
            # A large design: told once the keys rest.
            if self._resting is not None:
                self._resting.stop()
            self._resting = self.set_timer(_REST, self._advise)

    _resting: Timer | None = None

    def _advise(self) -> None:
        if self.state.tune is not None:
            self.state.tune.advice()
            self.query_one("#detail", Lines).redraw()

    def _figures(self, width: int, height: int) -> list[Line]:
        tune = self.state.tune
        return [tune_view.figures(tune, width)] if tune is not None else []

    def _budget(self, width: int, height: int) -> list[Line]:
        tune = self.state.tune
        if tune is None:
            return []
        return [tune_bill.budget(tune.editor.estimate, tune.editor.device, width)]

    def _detail(self, width: int, height: int) -> list[Line]:
        tune = self.state.tune
        return tune_detail.detail(tune, width, height) if tune is not None else []

    def _detail_hit(self, hit: object) -> None:
        tune = self.state.tune
        if tune is not None and isinstance(hit, tuple) and hit[0] == "value":
            tune.set(hit[1])
            self.redraw()

    def on_layer_table_moved(self) -> None:
        """The cursor is elsewhere."""
        self.redraw()

    def on_layer_table_stepped(self, event: LayerTable.Stepped) -> None:
        """The mouse steps as the keys do."""
        self._step(event.direction)

    def on_layer_table_valued(self) -> None:
        """Enter, or a click on the chosen knob."""
        self.do_tune_values()

    def on_layer_table_folded(self) -> None:
        """A click on the bill."""
        self.do_tune_bill()

    # What the keys do

    def _step(self, direction: int) -> None:
        tune = self.state.tune
        if tune is not None:
            tune.step(direction)
            self.redraw()

    def do_tune_larger(self) -> None:
        """The next larger legal value."""
        self._step(1)

    def do_tune_smaller(self) -> None:
        """The next smaller legal value."""
        self._step(-1)

    def _knob(self, direction: int) -> None:
        tune = self.state.tune
        if tune is not None:
            tune.notice = None
            tune.move_knob(direction)
            self.redraw()

    def do_tune_left(self) -> None:
        """The knob to the left."""
        self._knob(-1)

    def do_tune_right(self) -> None:
        """The knob to the right."""
        self._knob(1)

    def do_tune_undo(self) -> None:
        """Take the last change back."""
        if self.state.tune is not None:
            self.state.tune.undo()
            self.redraw()

    def do_tune_redo(self) -> None:
        """Make it again."""
        if self.state.tune is not None:
            self.state.tune.redo()
            self.redraw()

    def do_tune_bottleneck(self) -> None:
        """To the layer that holds the II; from one such layer to the next."""
        tune = self.state.tune
        if tune is None:
            return
        ii = tune.editor.estimate.ii_cycles
        holders = [cost.name for cost in tune.editor.estimate.layers if cost.cycles == ii]
        here = tune.layer.name if tune.layer is not None else ""
        after = holders.index(here) + 1 if here in holders else 0
        tune.notice = None
        tune.go_to(holders[after % len(holders)])
        self.redraw()

    def do_tune_mark(self) -> None:
        """Mark the layer, or take its mark away."""
        if self.state.tune is not None:
            self.state.tune.toggle_mark()
            self.redraw()

    def do_tune_mark_all(self) -> None:
        """Mark all that are shown, or none of them."""
        if self.state.tune is not None:
            self.state.tune.mark_all()
            self.redraw()

    def do_tune_lock(self) -> None:
        """Lock layers for the solver."""
        if self.state.tune is not None:
            self.state.tune.lock()
            self.redraw()

    def do_tune_sort(self) -> None:
        """Sort by the next column."""
        if self.state.tune is not None:
            self.state.tune.next_sort()
            self.redraw()

    def do_tune_compare(self) -> None:
        """Compare with the baseline or what was chosen; only what differs; no longer."""
        if self.state.tune is not None:
            self.state.tune.compare()
            self.redraw()

    def do_tune_compare_with(self) -> None:
        """Choose what to compare with."""
        if self.state.tune is not None:
            self.run_worker(
                self._choose_folding(self.state.tune, "Compare with", self._compare_with),
                group="foldings",
                exclusive=True,
                exit_on_error=False,
            )

    def _compare_with(self, tune: Tune, name: str) -> None:
        try:
            folding, _ = self.desk.lab.read_folding(tune.opened, name)
        except FinnTuiError as error:
            self.desk.trouble(error)
            return
        tune.compare_with(Path(name).stem, folding)
        tune.notice = None
        self.redraw()

    def do_tune_bill(self) -> None:
        """Unfold the bill below the layers, or fold it."""
        tune = self.state.tune
        if tune is not None:
            table = self.query_one(LayerTable)
            tune.bill = not (table.tall if tune.bill is None else tune.bill)
            self.redraw()

    def do_tune_load(self) -> None:
        """Choose a folding: the preset's, saved ones, or a file."""
        if self.state.tune is not None:
            self.run_worker(
                self._choose_folding(self.state.tune, "Load a folding", self._load),
                group="foldings",
                exclusive=True,
                exit_on_error=False,
            )

    async def _choose_folding(
        self, tune: Tune, title: str, use: Callable[[Tune, str], None]
    ) -> None:
        from finn_tui.ui.screens.pick import Pick

        rows = await asyncio.to_thread(_folding_rows, self.desk.lab, tune)
        columns = [Column("folding", 22), Column("where from", 14), Column("II", 10, True),
                   Column("fps", 9, True), Column("LUT", 7, True),
                   Column("B18", 4, True)]  # fmt: skip

        def take(text: str | None) -> None:
            if text is not None:
                use(tune, text)

        self.app.push_screen(
            Pick(
                title,
                Content(columns, rows),
                tune.folding_name,
                free=lambda text: None,
                hint="enter takes it; or type the path of a FINN folding JSON",
            ),
            take,
        )

    def _load(self, tune: Tune, name: str) -> None:
        try:
            folding, notes = self.desk.lab.read_folding(tune.opened, name)
        except OfAnotherFinn as error:
            self._offer(tune, name, error.migration)
            return
        except FinnTuiError as error:
            self.desk.trouble(error)
            return
        self._take_folding(tune, folding, Path(name).stem, notes)

    def _offer(self, tune: Tune, name: str, found: Migration) -> None:
        """Another FINN's file: say how it would be read, and read it so if that is wanted."""
        import textwrap

        from finn_tui.core import migration_text
        from finn_tui.ui.screens.pick import Notice as Dialog

        first, *more = migration_text.closing(found)
        detail = []
        for theirs, ours, said in migration_text.rows(found):
            detail.append(f"{theirs} {ours}" if ours == "=" else f"{theirs} > {ours}")
            detail += textwrap.wrap(said, 66, initial_indent="    ", subsequent_indent="    ")

        def taken(answer: str | None) -> None:
            if answer == "y":
                self._take_folding(tune, found.folding, Path(name).stem, [first.rstrip(".")])

        self.app.push_screen(
            Dialog(
                f"{Path(name).name} is of another FINN",
                [(first, ""), *((line, "dim") for line in more)],
                [("y", "read it so")],
                role="warn",
                detail="\n".join(detail),
            ),
            taken,
        )

    def _take_folding(self, tune: Tune, folding: Folding, name: str, notes: Sequence[str]) -> None:
        tune.editor.load(folding, name)
        tune.folding_name = name
        tune.notice = Notice("; ".join([f"loaded {name}", *notes]))
        self.redraw()

    def do_tune_save(self) -> None:
        """Save under a name."""
        tune = self.state.tune
        if tune is None:
            return
        from finn_tui.ui.screens.pick import Pick

        saved = self.desk.lab.workspace.foldings()
        rows = [Row(name, [(name, ""), ("overwrite", "dim")]) for name in saved]

        def take(name: str | None) -> None:
            if name is None:
                return
            try:
                path = self.desk.lab.save_folding(tune.opened, name)
            except FinnTuiError as error:
                self.desk.trouble(error)
                return
            tune.folding_name = tune.editor.baseline_name = name
            tune.editor.baseline = tune.editor.folding
            tune.notice = Notice(f"saved as {path}", "good")
            self.redraw()

        self.app.push_screen(
            Pick(
                "Save the folding",
                Content([Column("name", 34), Column("")], rows, "no folding is saved here yet"),
                free=lambda text: None,
                hint="type a name and press enter",
            ),
            take,
        )

    def do_tune_clock(self) -> None:
        """Another clock period."""
        tune = self.state.tune
        if tune is None:
            return
        from finn_tui.ui.screens.pick import Pick

        ii = tune.editor.estimate.ii_cycles
        rows = [
            Row(f"{ns:g} ns", [(f"{ns:g} ns", ""), (tune_view.clock_text(ns), ""),
                               (f"{1e9 / (ns * ii):,.0f} fps", "dim")])
            for ns in (20.0, 10.0, 8.0, 6.0, 5.0, 4.0)
        ]  # fmt: skip

        def take(text: str | None) -> None:
            if text is None:
                return
            try:
                clock = clock_period(parse_clock(text))
            except FinnTuiError as error:
                self.desk.trouble(error)
                return
            tune.editor.set_clock(clock)
            self.desk.keep_settings(clock_ns=clock)
            tune.notice = Notice(f"estimates and builds are for {clock:g} ns from now on")
            self.redraw()

        self.app.push_screen(
            Pick(
                "Clock period",
                Content([Column("period", 12), Column("clock", 12), Column("at this II")], rows),
                f"{tune.editor.clock_ns:g} ns",
                free=check_clock,
                narrow=False,
                hint="or type one: 7.5 ns, 133 MHz",
            ),
            take,
        )

    def do_tune_next(self) -> None:
        """The cheapest change that lowers the II."""
        if self.state.tune is not None:
            self.state.tune.take_next()
            self.redraw()

    def do_tune_advice(self) -> None:
        """What could be given back, and how far a rate is."""
        if self.state.tune is None:
            return
        from finn_tui.ui.screens.next import NextDialog

        self.state.tune.notice = None
        self.app.push_screen(NextDialog(self.state.tune), lambda _: self.redraw())

    def do_tune_solve(self) -> None:
        """Have a folding found."""
        if self.state.tune is not None:
            self.desk.open_solve(self.state.tune)

    def do_tune_target(self) -> None:
        """Another board."""
        if self.state.tune is not None:
            self.desk.choose_target(self.state.tune)


def _folding_rows(lab: Lab, tune: Tune) -> list[Row]:
    """Every folding that can be named, with what it gives; why one cannot be read."""
    opened, editor = tune.opened, tune.editor
    preset = opened.model.preset
    rows = []
    for name in lab.folding_names(opened.model):
        brought = preset is not None and name in preset.foldings
        origin = "no parallelism" if name == "ones" else "preset" if brought else "saved"
        try:
            folding, _ = lab.read_folding(opened, name)
        except OfAnotherFinn as error:
            folding, origin = error.migration.folding, "another FINN"
        except FinnTuiError as error:
            blank: Cell = ("", "")
            rows.append(Row(name, [(name, "dim"), (error.what, "warn"), *[blank] * 4]))
            continue
        made = estimate(editor.design, editor.tables, folding.values, editor.clock_ns)
        cells: list[Cell] = [
            (name, ""),
            (origin, "dim"),
            (short(made.ii_cycles, 10), ""),
            (short(made.fps, 9) if made.fps >= 10 else rate(made.fps), ""),
            (short(made.total["LUT"], 7), ""),
            (short(made.total["BRAM_18K"], 4), ""),
        ]
        rows.append(Row(name, cells))
    return rows


def parse_clock(text: str) -> float:
    """A clock period in ns from what people type: "10", "7.5 ns", "133 MHz".

    Raises:
        FinnTuiError: for anything else.
    """
    words = text.strip().lower()
    try:
        if words.endswith("mhz"):
            return 1000 / float(words.removesuffix("mhz"))
        return float(words.removesuffix("ns"))
    except (ValueError, ZeroDivisionError) as error:
        raise FinnTuiError(
            f"{text} is no clock",
            "A clock is a period in ns or a rate in MHz.",
            "Type 10 or 100 MHz.",
        ) from error


def check_clock(text: str) -> str | None:
    """Why a typed clock cannot be taken; None if it can."""
    try:
        clock_period(parse_clock(text))
    except FinnTuiError as error:
        return f"{error.what}. {error.why}"
    return None
