"""One change of many layers: what can be changed is, and of the rest it is said why it was not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from finn_tui.core.design import Design
from finn_tui.core.estimate.estimate import Tables
from finn_tui.core.folding import model as foldings
from finn_tui.core.folding.knob_values import IllegalFolding, attribute, read
from finn_tui.core.folding.model import Change, Folding


@dataclass(frozen=True)
class BatchEdit:
    """What came of a change of many layers.

    Attributes:
        folding: with all that could be changed.
        changed: (layer, old, new) of each layer that was asked for and changed.
        moved: (layer, knob, old, new) of what had to follow elsewhere.
        skipped: (layer, what cannot be, why) of each that could not be changed; one that is as it
            should be already is neither changed nor skipped.
    """

    folding: Folding
    changed: tuple[tuple[str, Any, Any], ...]
    moved: tuple[tuple[str, str, Any, Any], ...]
    skipped: tuple[tuple[str, str, str], ...]


def set_batch(
    design: Design, tables: Tables, folding: Folding, layers: Sequence[str], name: str, value: Any
) -> BatchEdit:
    """Set a knob or setting of many layers to one value.

    Args:
        design: the layers.
        tables: their cost tables.
        folding: the present folding.
        layers: names of the layers to change.
        name: name of the knob or setting.
        value: the new value, or typed text.
    """

    def one(current: Folding, layer: str) -> Change:
        wanted = read(attribute(design.by_name[layer], name), value)
        return foldings.change(design, tables, current, layer, name, wanted)

    return _each(design, folding, layers, name, one)


def step_batch(
    design: Design, tables: Tables, folding: Folding, layers: Sequence[str], knob: str, up: bool
) -> BatchEdit:
    """Step a knob of many layers to its next legal value.

    A layer that followed another one of them by a coupling is not stepped again.

    Args:
        design: the layers.
        tables: their cost tables.
        folding: the present folding.
        layers: names of the layers to change.
        knob: name of the knob.
        up: step to the next larger value, else to the next smaller one.
    """

    def one(current: Folding, layer: str) -> Change:
        attribute(design.by_name[layer], knob)
        return foldings.step(design, tables, current, layer, knob, up)

    return _each(design, folding, layers, knob, one)


def _each(
    design: Design,
    folding: Folding,
    layers: Sequence[str],
    name: str,
    one: Callable[[Folding, str], Change],
) -> BatchEdit:
    current = folding
    skipped: list[tuple[str, str, str]] = []
    followed: dict[tuple[str, str], tuple[Any, Any]] = {}
    asked = list(dict.fromkeys(layers))
    for layer in asked:
        if (layer, name) in followed:
            continue
        try:
            change = one(current, layer)
        except IllegalFolding as error:
            skipped.append((layer, error.what, error.why))
            continue
        for other, knob, old, new in change.moved:
            first = followed.get((other, knob), (old, new))[0]
            followed[other, knob] = (first, new)
        current = change.folding
    pairs = (
        (layer, _of(design, folding, layer, name), _of(design, current, layer, name))
        for layer in asked
    )
    return BatchEdit(
        current,
        tuple((layer, old, new) for layer, old, new in pairs if old != new),
        tuple(
            (layer, knob, old, new)
            for (layer, knob), (old, new) in followed.items()
            if old != new and (knob != name or layer not in asked)
        ),
        tuple(skipped),
    )


def _of(design: Design, folding: Folding, layer: str, name: str) -> Any:
    if name in folding.values[layer]:
        return folding.values[layer][name]
    if all(item.name != name for item in design.by_name[layer].settable):
        return None
    return foldings.value_of(design, folding, layer, name)
