"""Editing a folding: steps over legal values, undo and redo, and the estimate after each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from finn_tui.core.design import Design, Knob, Setting, Value
from finn_tui.core.device import Device
from finn_tui.core.estimate.estimate import Estimate, Tables, estimate
from finn_tui.core.estimate.infrastructure import USUAL_DEPTHS, CostLookup
from finn_tui.core.estimate.memory import with_memory
from finn_tui.core.folding import batch_edit
from finn_tui.core.folding import model as foldings
from finn_tui.core.folding.batch_edit import BatchEdit
from finn_tui.core.folding.knob_values import attribute, read
from finn_tui.core.folding.model import Change, Folding, IllegalFolding


@dataclass(frozen=True)
class Option:
    """One value of a knob with the estimate that the whole design would have.

    Attributes:
        refused: how many of the layers that are asked for cannot have it.
        why: why the first of them cannot.
        moved: (layer, knob, old, new) of what follows elsewhere.
    """

    value: Any
    estimate: Estimate
    current: bool
    refused: int = 0
    why: str = ""
    moved: tuple[tuple[str, str, Any, Any], ...] = ()


@dataclass(frozen=True)
class History:
    """All of an editor that another session can go on from.

    Attributes:
        folding: the folding that is edited; baseline, saved: as ``Editor`` has them.
        undo, redo: earlier and undone foldings, the next one last.
    """

    folding: Folding
    baseline: Folding
    baseline_name: str
    saved: Folding
    undo: tuple[Folding, ...] = ()
    redo: tuple[Folding, ...] = ()


@dataclass
class Editor:
    """The state of one folding session. Screens call it and draw what it holds.

    Attributes:
        baseline: what the folding is compared with and called after ("published").
        costs: of the converters and FIFOs that FINN inserts.
        saved: the folding as it was last saved or loaded, which tells whether there are changes.
    """

    design: Design
    tables: Tables
    device: Device
    clock_ns: float
    folding: Folding
    baseline: Folding
    baseline_name: str
    costs: CostLookup = field(default_factory=CostLookup)
    saved: Folding = field(init=False)
    _undo: list[Folding] = field(default_factory=list)
    _redo: list[Folding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.saved = self.folding
        #: Counts what happened to the folding, its name or its history.
        self.revision = 0
        self._estimate: Estimate | None = None
        self._near: tuple[Mapping[str, Mapping[str, Value]], Estimate] | None = None

    @property
    def estimate(self) -> Estimate:
        """What the present folding costs and gives."""
        if self._estimate is None:
            self._estimate = self._estimate_of(self.folding)
        return self._estimate

    @cached_property
    def priced_tables(self) -> Tables:
        """The tables with memory that FINN leaves out: for choosing, not for showing."""
        return with_memory(self.design, self.tables)

    @property
    def changes(self) -> int:
        """How many knobs and settings differ from the baseline."""
        return self.folding.differences(self.baseline)

    @property
    def unsaved(self) -> bool:
        """Whether the folding differs from what was last saved or loaded."""
        return self.folding != self.saved

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone change to make again."""
        return bool(self._redo)

    def set(self, layer: str, knob: str, value: Any) -> Change:
        """Set a knob or a setting; one step to undo.

        Args:
            layer: node name.
            knob: name of the knob or setting.
            value: the new value.

        Returns:
            the new folding, and what followed by couplings.

        Raises:
            IllegalFolding: the value is not legal; nothing is changed.
        """
        change = foldings.change(self.design, self.tables, self.folding, layer, knob, value)
        self._take(change.folding)
        return change

    def set_setting(self, layer: str, name: str, value: Any) -> Change:
        """Set a knob or a setting to a value or to typed text; one step to undo.

        Args:
            layer: node name.
            name: name of the knob or setting.
            value: the new value, or text such as "2, 32" for two FIFO depths.

        Returns:
            the new folding, and what followed by couplings.

        Raises:
            IllegalFolding: the value is not legal; nothing is changed.
        """
        item = attribute(self.design.by_name[layer], name)
        return self.set(layer, name, read(item, value))

    def value(self, layer: str, name: str) -> Any:
        """Return the value of a knob or setting: the folding's, or else the graph's.

        Args:
            layer: node name.
            name: name of the knob or setting.

        Raises:
            IllegalFolding: the layer has no such knob or setting.
        """
        return foldings.value_of(self.design, self.folding, layer, name)

    def step(self, layer: str, knob: str, direction: int) -> Change | None:
        """Set a knob to its next legal value; values that couplings rule out are passed over.

        Args:
            layer: node name.
            knob: name of the knob.
            direction: +1 for the next larger value, -1 for the next smaller one.

        Returns:
            the new folding, and what followed; None at the end of the list.
        """
        try:
            change = foldings.step(
                self.design, self.tables, self.folding, layer, knob, direction > 0
            )
        except IllegalFolding:
            return None
        self._take(change.folding)
        return change

    def set_batch(self, layers: Sequence[str], name: str, value: Any) -> BatchEdit:
        """Set a knob or setting of many layers where the value is legal; one step to undo.

        Args:
            layers: node names.
            name: name of the knob or setting.
            value: the new value, or typed text.

        Returns:
            the new folding, what changed, what followed and what was skipped.
        """
        edit = batch_edit.set_batch(self.design, self.tables, self.folding, layers, name, value)
        self._take(edit.folding)
        return edit

    def step_batch(self, layers: Sequence[str], knob: str, direction: int) -> BatchEdit:
        """Step a knob of many layers where there is a next value; one step to undo.

        Args:
            layers: node names.
            knob: name of the knob.
            direction: +1 for the next larger value, -1 for the next smaller one.

        Returns:
            the new folding, what changed, what followed and what was skipped.
        """
        edit = batch_edit.step_batch(
            self.design, self.tables, self.folding, layers, knob, direction > 0
        )
        self._take(edit.folding)
        return edit

    def options_batch(self, layers: Sequence[str], name: str) -> Sequence[Option]:
        """Return every value that some of these layers can have, with its effect on the design.

        Args:
            layers: node names.
            name: name of the knob or setting.

        Returns:
            one option a value, with the estimate after all layers that can have it got it; usual
            depths for a setting that can be any number.
        """
        values: list[Any] = []
        for layer in layers:
            for item in self.design.by_name[layer].settable:
                if item.name == name:
                    values += [value for value in self._values(layer, item) if value not in values]
        if all(isinstance(value, int) for value in values):
            values.sort()
        options = []
        for value in values:
            edit = batch_edit.set_batch(self.design, self.tables, self.folding, layers, name, value)
            same = not (edit.changed or edit.skipped)
            options.append(
                Option(
                    value,
                    self._estimate_of(edit.folding),
                    same,
                    len(edit.skipped),
                    edit.skipped[0][2] if edit.skipped else "",
                    edit.moved,
                )
            )
        return options

    def _values(self, layer: str, item: Knob | Setting) -> Sequence[Any]:
        if isinstance(item, Knob):
            return self.tables[layer].legal(item.name)
        if item.kind == "ints":
            return [[depth] for depth in USUAL_DEPTHS]
        return item.values

    def options(self, layer: str, knob: str) -> Sequence[Option]:
        """Return every value that a knob can have, with its effect on the design.

        Args:
            layer: node name.
            knob: name of the knob.

        Returns:
            one option a legal value, with the estimate of the whole design.
        """
        options = []
        for value in self.tables[layer].legal(knob):
            try:
                change = foldings.change(self.design, self.tables, self.folding, layer, knob, value)
            except IllegalFolding:
                continue
            current = self.folding.values[layer][knob] == value
            options.append(Option(value, self._estimate_of(change.folding), current))
        return options

    def load(self, folding: Folding, name: str) -> None:
        """Replace the folding by one that becomes the baseline and counts as saved; undoable.

        Args:
            folding: the new folding.
            name: of the new baseline.

        Raises:
            IllegalFolding: the folding is not legal; nothing is changed.
        """
        foldings.check(self.design, self.tables, folding)
        self._take(folding)
        self.mark_saved(name)

    def mark_saved(self, name: str) -> None:
        """Record the folding as saved under a name and as the baseline."""
        self.baseline, self.baseline_name, self.saved = self.folding, name, self.folding
        self.revision += 1

    @property
    def history(self) -> History:
        """Return the folding with its baseline and its undo and redo steps."""
        return History(
            self.folding,
            self.baseline,
            self.baseline_name,
            self.saved,
            tuple(self._undo),
            tuple(self._redo),
        )

    def restore(self, history: History) -> None:
        """Continue from a recorded history, whose foldings must be legal."""
        self.folding, self._estimate = history.folding, None
        self.baseline, self.baseline_name = history.baseline, history.baseline_name
        self.saved = history.saved
        self._undo, self._redo = list(history.undo), list(history.redo)
        self.revision += 1

    def replace(self, folding: Folding) -> None:
        """Replace the folding and keep the baseline; undoable."""
        foldings.check(self.design, self.tables, folding)
        self._take(folding)

    def undo(self) -> bool:
        """Undo the last change; return False if there is none."""
        return self._move(self._undo, self._redo)

    def redo(self) -> bool:
        """Redo the last undone change; return False if there is none."""
        return self._move(self._redo, self._undo)

    def set_clock(self, clock_ns: float) -> None:
        """Set the clock period in ns for later estimates."""
        self.clock_ns, self._estimate = clock_ns, None

    def set_costs(self, costs: CostLookup) -> None:
        """Replace the costs of the converters and FIFOs that FINN inserts."""
        self.costs, self._estimate = costs, None

    def _take(self, folding: Folding) -> None:
        if folding == self.folding:
            return
        self._undo.append(self.folding)
        self._redo.clear()
        self.folding, self._estimate = folding, None
        self.revision += 1

    def _move(self, source: list[Folding], target: list[Folding]) -> bool:
        if not source:
            return False
        target.append(self.folding)
        self.folding, self._estimate = source.pop(), None
        self.revision += 1
        return True

    def estimate_of(self, folding: Folding) -> Estimate:
        """Estimate another folding; nothing is changed."""
        return self._estimate_of(folding)

    def _estimate_of(self, folding: Folding) -> Estimate:
        result = estimate(
            self.design,
            self.tables,
            folding.values,
            self.clock_ns,
            self._near,
            settings=folding.settings,
            costs=self.costs,
        )
        self._near = (folding.values, result)
        return result
