"""The folding session as the Tune screen has it: editor, cursor, filter, and what to say.

Nothing here needs a screen; ``screens/tune.py`` draws it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from finn_tui.core.costs import LayerCost
from finn_tui.core.design import Knob, Layer, Value
from finn_tui.core.editor import Editor, Option
from finn_tui.core.folding import Change, IllegalFolding
from finn_tui.core.rails import rails
from finn_tui.lab.session import Opened
from finn_tui.ui.explain import short_name
from finn_tui.ui.window import Window


@dataclass(frozen=True)
class Notice:
    """What the last key did, or why it could not; ``role`` is its colour."""

    text: str
    role: str = ""


def matches(filter: str, *texts: str) -> bool:
    """Whether some text has these letters; ``!word`` turns it round."""
    inverse, wanted = filter.startswith("!"), filter.removeprefix("!").lower()
    if not wanted:
        return True
    return any(wanted in text.lower() for text in texts) != inverse


@dataclass
class Tune:
    """One model being folded.

    Attributes:
        folding_name: what the folding is called, as loaded or saved.
        plans: widths of columns by screen width, which only the model decides.
        window: rows are the layers that pass the filter.
        knob: the name of the knob that keys change; kept from layer to layer where it exists.
        locked: names of layers that the solver leaves as they are.
        rails: branches and joins beside each layer; all empty where nothing branches.
        bill: whether the rows of the bill are unfolded; None as the screen has room.
    """

    opened: Opened
    folding_name: str
    window: Window = field(default_factory=Window)
    knob: str = "PE"
    filter: str = ""
    notice: Notice | None = None
    plans: dict[int, Any] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)
    bill: bool | None = None

    def __post_init__(self) -> None:
        design = self.editor.design
        self.rails = dict(zip(design.by_name, rails(len(design.layers), design.links), strict=True))
        self._layers: tuple[Layer, ...] = self.editor.design.layers
        self._position = {layer.name: at for at, layer in enumerate(self._layers)}
        self.window.count = len(self._layers)
        self.go_to(self.editor.estimate.bottleneck)

    @property
    def editor(self) -> Editor:
        """The editor of the model."""
        return self.opened.editor

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers in the table: those that pass the filter, in the order of the graph."""
        return self._layers

    @property
    def layer(self) -> Layer | None:
        """The layer under the cursor; None where the filter leaves none."""
        return self._layers[self.window.cursor] if self._layers else None

    @property
    def chosen_knob(self) -> Knob | None:
        """The knob that keys change: the kept one, else the layer's first."""
        layer = self.layer
        if layer is None or not layer.knobs:
            return None
        return layer.knob(self.knob) or layer.knobs[0]

    def cost(self, layer: Layer) -> LayerCost:
        """What a layer costs in the present folding."""
        return self.cost_of(layer.name)

    def cost_of(self, name: str) -> LayerCost:
        """What the layer of that name costs in the present folding."""
        return self.editor.estimate.layers[self._position[name]]

    @property
    def in_graph_order(self) -> bool:
        """Whether the rows are the whole graph in its order, so that branches can be drawn."""
        return len(self._layers) == len(self.editor.design.layers)

    # Moving about

    def set_filter(self, text: str) -> None:
        """Show only layers whose name, op type or shape has these letters."""
        here = self.layer
        self.filter = text
        self._layers = tuple(
            layer
            for layer in self.editor.design.layers
            if matches(text, layer.name, layer.op, layer.shape, short_name(layer))
        )
        self.window.count = len(self._layers)
        self.window.to(self._layers.index(here) if here in self._layers else 0)

    def go_to(self, name: str) -> None:
        """Put the cursor on a layer, taking the filter away if it hides it."""
        if all(layer.name != name for layer in self._layers):
            self.set_filter("")
        self.window.to(next(i for i, layer in enumerate(self._layers) if layer.name == name))

    def move_knob(self, direction: int) -> None:
        """Choose the knob beside the present one, round and round."""
        layer, knob = self.layer, self.chosen_knob
        if layer is not None and knob is not None:
            names = [item.name for item in layer.knobs]
            self.knob = names[(names.index(knob.name) + direction) % len(names)]

    # Changing

    def step(self, direction: int) -> None:
        """The next larger or smaller legal value of the chosen knob."""
        layer, knob = self.layer, self.chosen_knob
        if layer is None or knob is None:
            self.notice = Notice(self._without_knobs(layer), "warn")
            return
        before = self.editor.folding.values[layer.name][knob.name]
        change = self.editor.step(layer.name, knob.name, direction)
        if change is None:
            end = "largest" if direction > 0 else "smallest"
            self.notice = Notice(f"{knob.name} {before} is the {end} legal value here", "warn")
            return
        self._say(layer, knob, before, change)

    def set(self, value: Value) -> bool:
        """Set the chosen knob; False, with the reason as notice, for a value that is not legal."""
        layer, knob = self.layer, self.chosen_knob
        if layer is None or knob is None:
            self.notice = Notice(self._without_knobs(layer), "warn")
            return False
        before = self.editor.folding.values[layer.name][knob.name]
        try:
            change = self.editor.set(layer.name, knob.name, value)
        except IllegalFolding as error:
            self.notice = Notice(f"{error.what}. {error.why}", "bad")
            return False
        self._say(layer, knob, before, change)
        return True

    def undo(self) -> None:
        """Take the last change back and show where it was."""
        self._travel("undone", self.editor.undo)

    def redo(self) -> None:
        """Make the last undone change again."""
        self._travel("made again", self.editor.redo)

    def options(self) -> Sequence[Option]:
        """Every value that the chosen knob can have now, with its effect on the design."""
        layer, knob = self.layer, self.chosen_knob
        if layer is None or knob is None:
            return ()
        return self.editor.options(layer.name, knob.name)

    def _without_knobs(self, layer: Layer | None) -> str:
        if layer is None:
            return f"no layer passes the filter {self.filter}"
        return f"{layer.name} has nothing that could be folded"

    def _say(self, layer: Layer, knob: Knob, before: Value, change: Change) -> None:
        after = self.editor.folding.values[layer.name][knob.name]
        text = f"{knob.name} {before} → {after}"
        role = ""
        if change.moved:
            moved = "; ".join(
                (f"{name} " if name != layer.name else "") + f"{other} {old} → {new}"
                for name, other, old, new in change.moved
            )
            text += f", and with it {moved}"
            role = "accent"
        self.notice = Notice(text, role)

    def _travel(self, word: str, move: Callable[[], bool]) -> None:
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
            here = self.layer
            mine = [item for item in changed if here is not None and item[0] == here.name]
            name, knob, old, new = (mine or changed)[0]
            self.knob = knob
            self.go_to(name)
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            self.notice = Notice(f"{word}: {name} {knob} {old} → {new}{more}")
        else:
            self.notice = Notice(word)
