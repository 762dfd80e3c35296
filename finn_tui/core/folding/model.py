"""Foldings: one choice of all knobs, legal by construction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from finn_tui.core.design import Design, Knob, Layer, Setting, Value
from finn_tui.core.estimate.estimate import CostTable, Tables
from finn_tui.core.folding.knob_values import IllegalFolding as IllegalFolding
from finn_tui.core.folding.knob_values import MalformedFolding as MalformedFolding
from finn_tui.core.folding.knob_values import (
    attribute,
    check_setting,
    illegal,
    is_one_of,
    listed,
)


@dataclass(frozen=True)
class Folding:
    """One choice of all knobs.

    Attributes:
        values: knob values of every layer of the design, each a legal point of its cost table.
        settings: attributes without a cost, by layer, only those that differ from the graph's
            (FIFO depths, mem_mode, ...).
    """

    values: Mapping[str, Mapping[str, Value]]
    settings: Mapping[str, Mapping[str, Any]]

    def with_layer(self, layer: str, values: Mapping[str, Value]) -> Folding:
        """Return the folding with other knob values of one layer.

        Args:
            layer: node name.
            values: all its knobs.
        """
        return replace(self, values={**self.values, layer: dict(values)})

    def with_setting(self, layer: str, name: str, value: Any) -> Folding:
        """Return the folding with one more setting of a layer.

        Args:
            layer: node name.
            name: name of the setting.
            value: its value.
        """
        own = {**self.settings.get(layer, {}), name: value}
        return replace(self, settings={**self.settings, layer: own})

    def without_setting(self, layer: str, name: str) -> Folding:
        """Return the folding without a setting of a layer, which then has the graph's value.

        Args:
            layer: node name.
            name: name of the setting.
        """
        own = {key: value for key, value in self.settings.get(layer, {}).items() if key != name}
        rest = {key: value for key, value in self.settings.items() if key != layer}
        return replace(self, settings={**rest, layer: own} if own else rest)

    def differences(self, other: Folding) -> int:
        """Return how many knobs and settings differ between two foldings of one design."""
        count = 0
        for layer, values in self.values.items():
            others = other.values[layer]
            if others is not values:
                count += sum(value != others[knob] for knob, value in values.items())
        for layer in set(self.settings) | set(other.settings):
            own, other_s = self.settings.get(layer, {}), other.settings.get(layer, {})
            count += sum(own.get(name) != other_s.get(name) for name in set(own) | set(other_s))
        return count


@dataclass(frozen=True)
class Change:
    """A changed folding and what else had to move with it, as (layer, knob, old, new)."""

    folding: Folding
    moved: tuple[tuple[str, str, Value, Value], ...] = ()


def present(design: Design, tables: Tables) -> Folding:
    """Return the prepared graph's folding, with the nearest legal values where it has illegal ones.

    Args:
        design: the layers.
        tables: their cost tables.
    """
    return _settle(design, tables, {layer.name: dict(layer.present) for layer in design.layers})


def ones(design: Design, tables: Tables) -> Folding:
    """Return the folding without parallelism: PE and SIMD 1, or the least that a layer allows.

    Args:
        design: the layers.
        tables: their cost tables.
    """
    start: dict[str, dict[str, Value]] = {}
    for layer in design.layers:
        least = {knob.name: knob.values[0] for knob in layer.knobs if knob.kind == "int"}
        start[layer.name] = {**layer.present, **least}
    return _settle(design, tables, start)


def _apart(table: CostTable, row: int, values: Mapping[str, Value]) -> int:
    point = zip(table.knobs, table.points[row], strict=True)
    return sum(value != values.get(knob) for knob, value in point)


def _settle(design: Design, tables: Tables, start: Mapping[str, Mapping[str, Value]]) -> Folding:
    values: dict[str, Mapping[str, Value]] = {}
    for layer in design.layers:
        table = tables[layer.name]
        row = table.row(start[layer.name])
        if row is None:
            row = min(range(len(table)), key=lambda at: _apart(table, at, start[layer.name]))
        values[layer.name] = table.values(row)
    folding = Folding(values, {})
    for coupling in design.couplings:
        (layer_a, knob_a), (layer_b, knob_b) = coupling.a, coupling.b
        if folding.values[layer_a][knob_a] != folding.values[layer_b][knob_b]:
            folding = change(
                design, tables, folding, layer_b, knob_b, folding.values[layer_b][knob_b]
            ).folding
    return folding


def change(
    design: Design, tables: Tables, folding: Folding, layer: str, knob: str, value: Any
) -> Change:
    """Set one knob, and what is coupled with it, on the layer itself and on others.

    A setting can be set in the same way; no setting is coupled.

    Args:
        design: the layers.
        tables: their cost tables.
        folding: the present folding.
        layer: node name.
        knob: name of the knob or setting.
        value: the new value.

    Returns:
        the new folding, and what followed.

    Raises:
        IllegalFolding: the value is not legal, or a coupled layer cannot follow.
    """
    asked = attribute(design.by_name[layer], knob)
    if isinstance(asked, Setting):
        return Change(set_setting(design.by_name[layer], asked, folding, value))
    moved: list[tuple[str, str, Value, Value]] = []
    pending = [(layer, knob, value)]
    settled: dict[tuple[str, str], Value] = {}
    while pending:
        at, name, wanted = pending.pop()
        settled[at, name] = wanted
        table = tables[at]
        before = folding.values[at]
        row = table.nearest({**before, name: wanted}, fixed=name)
        if row is None:
            raise _illegal(design.by_name[at], table, name, wanted)
        after = table.values(row)
        folding = folding.with_layer(at, after)
        for other_knob, new in after.items():
            old = before[other_knob]
            if old != new and (at, other_knob) != (layer, knob):
                moved.append((at, other_knob, old, new))
            # A coupled end follows even where this one already had the value: the far end may not.
            if old == new and (at, other_knob) != (at, name):
                continue
            for coupling in design.coupled.get((at, other_knob), ()):
                far = coupling.other(at, other_knob)
                if far is None or folding.values[far[0]][far[1]] == new:
                    continue
                if settled.get(far, new) != new:
                    raise IllegalFolding(
                        f"{layer}: {knob} = {value} is not possible",
                        f"{far[0]} {far[1]} would have to be {settled[far]} and {new} at once: "
                        f"{coupling.why}.",
                        "Choose another value, or undo the last change.",
                    )
                if tables[far[0]].legal(far[1]).count(new) == 0:
                    raise IllegalFolding(
                        f"{layer}: {knob} = {value} is not possible",
                        f"{far[0]} {far[1]} must have the same value ({coupling.why}). "
                        f"Its legal values: {listed(tables[far[0]].legal(far[1]))}.",
                        "Choose a value that both layers can take.",
                    )
                pending.append((far[0], far[1], new))
    return Change(folding, tuple(moved))


def _illegal(layer: Layer, table: CostTable, knob: str, value: Any) -> IllegalFolding:
    item = attribute(layer, knob)
    return illegal(layer, replace(item, values=table.legal(knob)), value)


def set_setting(layer: Layer, item: Setting, folding: Folding, value: Any) -> Folding:
    """Set one setting of a folding; the graph's own value removes it from the folding.

    Args:
        layer: the layer.
        item: one of its settings.
        folding: the present folding.
        value: the new value.

    Raises:
        IllegalFolding: the value is not legal.
    """
    check_setting(layer, item, value)
    # What the graph has anyway is no setting of the folding.
    if layer.attrs.get(item.name) == value:
        return folding.without_setting(layer.name, item.name)
    return folding.with_setting(layer.name, item.name, value)


def step(
    design: Design, tables: Tables, folding: Folding, layer: str, knob: str, up: bool
) -> Change:
    """Set a knob to its next legal value; values that couplings rule out are passed over.

    Args:
        design: the layers.
        tables: their cost tables.
        folding: the present folding.
        layer: node name.
        knob: name of the knob.
        up: step to the next larger value, else to the next smaller one.

    Returns:
        the new folding, and what followed.

    Raises:
        IllegalFolding: there is no such value.
    """
    values = tables[layer].legal(knob)
    before = folding.values[layer][knob]
    at = values.index(before)
    for value in values[at + 1 :] if up else tuple(reversed(values[:at])):
        try:
            return change(design, tables, folding, layer, knob, value)
        except IllegalFolding:
            continue
    raise IllegalFolding(
        f"{knob} {before} is the {'largest' if up else 'smallest'} legal value here",
        "There is no legal value beyond it.",
        "Choose another knob.",
    )


def value_of(design: Design, folding: Folding, layer: str, name: str) -> Any:
    """Return the value of a knob or setting: the folding's, or else the graph's.

    Args:
        design: the layers.
        folding: a legal folding.
        layer: node name.
        name: name of the knob or setting.

    Returns:
        the value; None for a setting that FINN has no value of.

    Raises:
        IllegalFolding: the layer has no such knob or setting.
    """
    item = attribute(design.by_name[layer], name)
    if isinstance(item, Knob):
        return folding.values[layer][name]
    return folding.settings.get(layer, {}).get(name, design.by_name[layer].attrs.get(name))


def check(
    design: Design, tables: Tables, folding: Folding, only: Collection[str] | None = None
) -> None:
    """Check that a folding is legal.

    Args:
        design: the layers.
        tables: their cost tables.
        folding: what is checked.
        only: names of the layers to check, where the others are known to be legal; all if None.

    Raises:
        IllegalFolding: naming the first layer, value and legal values that are wrong.
    """
    layers = design.layers if only is None else [design.by_name[name] for name in only]
    _check_values(tables, folding, layers)
    for layer in layers:
        table, chosen = tables[layer.name], folding.values[layer.name]
        if table.row(chosen) is None:
            together = ", ".join(f"{knob} = {chosen[knob]}" for knob in table.knobs)
            knob = table.knobs[-1]
            for candidate in table.knobs:
                row = table.nearest(chosen, fixed=candidate)
                if row is not None:
                    knob = candidate
            near = table.nearest(chosen, fixed=knob)
            assert near is not None
            nearest = ", ".join(f"{name} = {value}" for name, value in table.values(near).items())
            raise IllegalFolding(
                f"{layer.name}: {together} is not legal together",
                _why_not_together(layer),
                f"The nearest legal choice is {nearest}.",
            )
        for name, value in folding.settings.get(layer.name, {}).items():
            setting = attribute(layer, name)
            if isinstance(setting, Setting):
                check_setting(layer, setting, value)
    for coupling in design.couplings:
        (layer_a, knob_a), (layer_b, knob_b) = coupling.a, coupling.b
        if only is not None and layer_a not in only and layer_b not in only:
            continue
        a, b = folding.values[layer_a][knob_a], folding.values[layer_b][knob_b]
        if a != b:
            raise IllegalFolding(
                f"{layer_a}: {knob_a} = {a} does not go with {layer_b}: {knob_b} = {b}",
                f"They must be equal: {coupling.why}.",
                f"Set {layer_a} {knob_a} to {b}, or {layer_b} {knob_b} to {a}.",
            )


def _check_values(tables: Tables, folding: Folding, layers: Sequence[Layer]) -> None:
    """Make sure that each value for itself is legal. Raises with all that are not."""
    wrong = [
        _illegal(layer, tables[layer.name], knob, folding.values[layer.name][knob])
        for layer in layers
        for knob in tables[layer.name].knobs
        if not is_one_of(folding.values[layer.name][knob], tables[layer.name].legal(knob))
    ]
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        rest = " ".join(f"{error.what}: {error.why}" for error in wrong[1:])
        raise IllegalFolding(
            f"{wrong[0].what}, and {len(wrong) - 1} more values are not",
            f"{wrong[0].why} {rest}",
            "Choose legal values for all of them.",
        )


def _why_not_together(layer: Layer) -> str:
    if layer.kind == "MVAU":
        return "The weight stream of an HLS MVAU, PE x SIMD x weight bits, is limited to 8191 bits."
    if layer.kind == "VVAU":
        return "A VVAU can have SIMD above 1 only once PE is at its maximum."
    if layer.kind == "ConvolutionInputGenerator":
        return "parallel_window = 1 needs SIMD at its maximum."
    return "FINN cannot build this combination."
