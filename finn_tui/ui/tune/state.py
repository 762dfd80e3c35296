"""The folding session as the Tune screen has it: editor, cursor, filter, and what to say.

Nothing here needs a screen; ``screen.py`` draws it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from finn_tui.core.compare import Comparison, Difference
from finn_tui.core.design import Knob, Layer, Value
from finn_tui.core.editor import Editor, Option
from finn_tui.core.estimate.estimate import LayerCost
from finn_tui.core.folding.model import Change, Folding, IllegalFolding
from finn_tui.core.graph.lanes import lane_texts
from finn_tui.core.optimize.greedy import Blocked, Move, next_move
from finn_tui.lab.foldings.opened import Opened
from finn_tui.ui.state import AppState
from finn_tui.ui.toolkit.styled_line import plural, setting_text
from finn_tui.ui.toolkit.viewport import Viewport
from finn_tui.ui.tune.comparison import ComparisonState
from finn_tui.ui.tune.move_text import move_cost, move_steps
from finn_tui.ui.tune.notice import Notice, of_batch, of_single, of_step
from finn_tui.ui.tune.sorting import SORTS, filtered_and_sorted

#: Up to so many layers, what to do next is worked out with every key; it takes 1 ms then.
_AT_ONCE = 100

if TYPE_CHECKING:
    from finn_tui.lab.foldings.working_folding import WorkingFolding


def toggled(names: set[str], selection: set[str]) -> set[str]:
    """Return the names with a selection added, or removed if it is included already.

    Args:
        names: the present names.
        selection: names to toggle.
    """
    return names - selection if selection <= names else names | selection


@dataclass
class TuneState:
    """The folding session of one model.

    Attributes:
        folding_name: what the folding is called, as loaded or saved.
        saved_name: the workspace's saved folding that was loaded or saved last; empty for none.
        plans: widths of columns by screen width and whether foldings are compared.
        comparing: what the folding is compared with, if it is.
        window: rows are the layers that pass the filter.
        knob: the name of the knob that keys change; kept from layer to layer where it exists.
        sort: what the rows are sorted by, of ``SORTS``; empty for the order of the graph.
        marked: names of layers that are changed together.
        locked: names of layers that the solver leaves as they are.
        lanes: branches and joins beside each layer; all empty where nothing branches.
        solver: what the solver does for the model: "", "busy", or "done" with an answer that
            nobody has looked at.
        breakdown_open: whether the rows of the cost breakdown are unfolded; None as the screen has
            room.
    """

    opened: Opened
    folding_name: str
    saved_name: str = ""
    window: Viewport = field(default_factory=Viewport)
    knob: str = "PE"
    filter: str = ""
    sort: str = ""
    marked: set[str] = field(default_factory=set)
    notice: Notice | None = None
    plans: dict[tuple[int, bool], Any] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)
    solver: str = ""
    _advice: tuple[object, frozenset[str], Move | Blocked] | None = None
    breakdown_open: bool | None = None
    comparing: ComparisonState = field(default_factory=ComparisonState)

    def __post_init__(self) -> None:
        design = self.editor.design
        self.lanes = dict(
            zip(design.by_name, lane_texts(len(design.layers), design.links), strict=True)
        )
        self._layers: tuple[Layer, ...] = design.layers
        self._sorted_for = self.editor.estimate
        self._position = {layer.name: at for at, layer in enumerate(self._layers)}
        self.window.count = len(self._layers)
        self.go_to(self.editor.estimate.bottleneck)

    @property
    def editor(self) -> Editor:
        """Return the editor of the model."""
        return self.opened.editor

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Return the layers in the table, filtered and sorted."""
        moving = self.sort or self.comparing.mode == "changed"
        if moving and self._sorted_for is not self.editor.estimate:
            # The folding is another: rows may change places, and the cursor goes with its own.
            self._arrange()
        return self._layers

    @property
    def layer(self) -> Layer | None:
        """Return the layer under the cursor; None if the filter leaves none."""
        layers = self.layers
        return layers[self.window.cursor] if layers else None

    @property
    def chosen_knob(self) -> Knob | None:
        """Return the knob that keys change: the remembered one, else the layer's first."""
        layer = self.layer
        if layer is None or not layer.knobs:
            return None
        return layer.knob(self.knob) or layer.knobs[0]

    def cost(self, layer: Layer) -> LayerCost:
        """Return the cost of a layer in the present folding."""
        return self.cost_of(layer.name)

    def cost_of(self, name: str) -> LayerCost:
        """Return the cost of the named layer in the present folding."""
        return self.editor.estimate.layers[self._position[name]]

    @property
    def comparison(self) -> Comparison | None:
        """Return the comparison of the present folding; None while it is off."""
        return self.comparing.current(self.editor)

    @property
    def comparing_with(self) -> str:
        """Return the name of the folding that is compared with; empty without one."""
        comparison = self.comparison
        return comparison.a.name if comparison is not None else ""

    def difference(self, name: str) -> Difference | None:
        """Return how the named layer differs; None while the comparison is off."""
        comparison = self.comparison
        return comparison.layers[self._position[name]] if comparison is not None else None

    @property
    def in_graph_order(self) -> bool:
        """Whether the rows are the whole graph in its order, so that branches can be drawn."""
        return not self.sort and len(self._layers) == len(self.editor.design.layers)

    def working(self) -> WorkingFolding:
        """Return what the workspace stores of this session."""
        from finn_tui.lab.foldings.working_folding import WorkingFolding

        return WorkingFolding(
            self.folding_name, self.saved_name, self.editor.history, frozenset(self.locked)
        )

    # Moving about

    def set_filter(self, text: str) -> None:
        """Show only layers with these letters in name, op type or shape."""
        self.filter = text
        self._arrange()

    def sort_by(self, sort: str) -> None:
        """Sort the rows, largest numbers first, and go to the first row."""
        self.sort = sort
        self._arrange()
        if sort:
            self.window.to(0)

    def next_sort(self) -> None:
        """Sort by the next column that has values; after the last comes the first."""
        total = self.editor.estimate.total
        sorts = [sort for sort in SORTS if total.get(sort, 1)]
        self.sort_by(sorts[(sorts.index(self.sort) + 1) % len(sorts)])

    def _arrange(self) -> None:
        current = self._layers[self.window.cursor].name if self._layers else ""
        shown = filtered_and_sorted(self.editor.design.layers, self.filter, self.sort, self.cost)
        comparison = self.comparison
        if comparison is not None and self.comparing.mode == "changed":
            shown = [layer for layer in shown if comparison.by_name[layer.name].changed]
        self._layers, self._sorted_for = tuple(shown), self.editor.estimate
        self.window.count = len(shown)
        self.window.to(next((at for at, layer in enumerate(shown) if layer.name == current), 0))

    def go_to(self, name: str) -> None:
        """Put the cursor on a layer; remove the filter if it hides the layer."""
        if all(layer.name != name for layer in self.layers):
            self.set_filter("")
        if all(layer.name != name for layer in self.layers):
            # It is as it was in the other folding, and only what differs is shown.
            self.comparing.mode = "all"
            self._arrange()
        self.window.to(next(i for i, layer in enumerate(self.layers) if layer.name == name))

    def move_knob(self, direction: int) -> None:
        """Choose the next knob in a direction; after the last comes the first."""
        layer, knob = self.layer, self.chosen_knob
        if layer is not None and knob is not None:
            names = [item.name for item in layer.chosen]
            at = names.index(knob.name) if knob.name in names else -1
            if names:
                self.knob = names[(at + direction) % len(names)]

    def compare(self) -> None:
        """Switch the comparison: all layers, only those that differ, off."""
        self.comparing.next()
        self._arrange()
        comparison = self.comparison
        if comparison is None:
            self.notice = Notice("comparison off")
        else:
            count = plural(len(comparison.changed), "layer")
            self.notice = Notice(
                f"{count} differ{'s' * (count[:2] == '1 ')} from {comparison.a.name}"
            )

    def compare_with(self, name: str, folding: Folding | None) -> None:
        """Compare with a folding.

        Args:
            name: of the folding.
            folding: None for the last loaded or saved one.
        """
        self.comparing = ComparisonState("all", name, folding)
        self._arrange()

    # Marks and locks

    def toggle_mark(self) -> None:
        """Mark or unmark the layer under the cursor and go on to the next."""
        if self.layer is not None:
            self.marked ^= {self.layer.name}
            self.window.move(1)

    def mark_all(self) -> None:
        """Mark all layers shown; unmark them if all are marked."""
        self.marked = toggled(self.marked, {layer.name for layer in self.layers})

    def lock(self) -> None:
        """Lock or unlock the marked layers, else the one under the cursor, for the solver."""
        names = set(self.targets)
        before = len(self.locked)
        self.locked = toggled(self.locked, names)
        if not names:
            return
        subject = self.targets[0] if len(names) == 1 else f"{len(names)} layers"
        locking = len(self.locked) >= before
        self.notice = Notice(
            f"locked for the solver: {subject}"
            if locking
            else f"unlocked for the solver: {subject}"
        )

    @property
    def targets(self) -> list[str]:
        """Return the layers that a change applies to: the marked ones, else the one under the
        cursor.
        """
        if self.marked:
            return [layer.name for layer in self.editor.design.layers if layer.name in self.marked]
        return [self.layer.name] if self.layer is not None else []

    # Changing

    def step(self, direction: int) -> None:
        """Set the next larger or smaller legal value of the chosen knob."""
        layer, knob = self.layer, self.chosen_knob
        if layer is None or knob is None:
            self.notice = Notice(self._without_knobs(layer), "warn")
            return
        if self.marked:
            batch = self.editor.step_batch(self.targets, knob.name, direction)
            self.notice = of_batch(knob.name, batch, "larger" if direction > 0 else "smaller")
            return
        before = self.editor.folding.values[layer.name][knob.name]
        change = self.editor.step(layer.name, knob.name, direction)
        if change is None:
            end = "largest" if direction > 0 else "smallest"
            self.notice = Notice(f"{knob.name} {before} is the {end} legal value here", "warn")
            return
        self.notice = self._of_step(layer, knob, before, change)

    def set(self, value: Value) -> bool:
        """Set the chosen knob; return False, with the reason as notice, for an illegal value."""
        layer, knob = self.layer, self.chosen_knob
        if layer is None or knob is None:
            self.notice = Notice(self._without_knobs(layer), "warn")
            return False
        if self.marked:
            batch = self.editor.set_batch(self.targets, knob.name, value)
            self.notice = of_batch(knob.name, batch, f"→ {value}")
            return bool(batch.changed)
        before = self.editor.folding.values[layer.name][knob.name]
        try:
            change = self.editor.set(layer.name, knob.name, value)
        except IllegalFolding as error:
            self.notice = Notice(f"{error.what}. {error.why}", "bad")
            return False
        self.notice = self._of_step(layer, knob, before, change)
        return True

    def set_named(self, name: str, value: Any) -> bool:
        """Set a knob or setting of the target layers; return False, with the reason as notice, if
        no layer takes the value.

        Args:
            name: of the knob or setting.
            value: a value, or the text that was typed.
        """
        targets = self.targets
        if not targets:
            self.notice = Notice(self._without_knobs(None), "warn")
            return False
        batch = self.editor.set_batch(targets, name, value)
        if len(targets) == 1 and batch.skipped:
            _, what, why = batch.skipped[0]
            self.notice = Notice(f"{what}. {why}", "bad")
        elif len(targets) == 1 and batch.changed:
            self.notice = of_single(name, batch)
        else:
            self.notice = of_batch(name, batch, f"→ {setting_text(value)}")
        return bool(batch.changed)

    def advice(self, *, quick: bool = False) -> Move | Blocked | None:
        """Return the cheapest move that lowers the II, or what blocks one.

        Args:
            quick: None instead of an answer that is not known and would take a large design's
                time, tens of milliseconds.
        """
        folding, locked = self.editor.folding, frozenset(self.locked)
        cached = self._advice
        if cached is not None and cached[0] is folding and cached[1] == locked:
            return cached[2]
        if quick and len(self.editor.design.layers) > _AT_ONCE:
            return None
        answer = next_move(self.editor, locked)
        self._advice = folding, locked, answer
        return answer

    def apply_next_move(self) -> None:
        """Apply the cheapest move that lowers the II."""
        answer = self.advice()
        if isinstance(answer, Move):
            self.apply_move(answer)
        elif answer is not None:
            self.notice = Notice(answer.text(), "warn")

    def apply_move(self, move: Move, word: str = "") -> None:
        """Apply a move as one step to undo, and go to the new bottleneck.

        Args:
            move: the move.
            word: its name in the notice.
            empty for the knobs it sets.
        """
        before = self.editor.estimate.ii_cycles
        word = word or move_steps(self.editor, move)
        self.editor.replace(move.folding)
        after = self.editor.estimate.ii_cycles
        ii = f"II {before:,} → {after:,}" if before != after else f"II {after:,} unchanged"
        self.notice = Notice(f"{word}: {ii}, {move_cost(move)}")
        self.go_to(move.bottleneck)

    def undo(self) -> None:
        """Undo the last change and show where it was."""
        self._undo_or_redo("undone", self.editor.undo)

    def redo(self) -> None:
        """Redo the last undone change and show where it was."""
        self._undo_or_redo("redone", self.editor.redo)

    def options(self) -> Sequence[Option]:
        """Return every legal value of the chosen knob with its effect on the design."""
        layer, knob = self.layer, self.chosen_knob
        if layer is None or knob is None:
            return ()
        if self.marked:
            return self.editor.options_batch(self.targets, knob.name)
        return self.editor.options(layer.name, knob.name)

    def _without_knobs(self, layer: Layer | None) -> str:
        if layer is None:
            return self.empty_reason
        return f"{layer.name} has no knobs to fold"

    @property
    def empty_reason(self) -> str:
        """Return why the table is empty."""
        comparison = self.comparison
        if comparison is not None and comparison.same:
            return f"no layer differs from {comparison.a.name}"
        return f"no layer matches the filter {self.filter}"

    def _of_step(self, layer: Layer, knob: Knob, before: Value, change: Change) -> Notice:
        after = self.editor.folding.values[layer.name][knob.name]
        return of_step(layer.name, f"{knob.name} {before} → {after}", change)

    def _undo_or_redo(self, word: str, move: Callable[[], bool]) -> None:
        before = self.editor.folding
        if not move():
            return
        after = self.editor.folding
        changed = [
            (name, knob, values[knob], after.values[name][knob])
            for name, values in before.values.items()
            for knob in values
            if values[knob] != after.values[name][knob]
        ]
        if changed:
            layer = self.layer
            own = [item for item in changed if layer is not None and item[0] == layer.name]
            name, knob, old, new = (own or changed)[0]
            self.knob = knob
            self.go_to(name)
            others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            self.notice = Notice(f"{word}: {name} {knob} {old} → {new}{others}")
        else:
            self.notice = Notice(word)


def tune_state(state: AppState) -> TuneState | None:
    """Return the open model as the Tune screen has it; None before a model is open."""
    session = state.tune
    assert session is None or isinstance(session, TuneState)
    return session
