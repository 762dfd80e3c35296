"""Folding a layer just enough for an II."""

from __future__ import annotations

from finn_tui.core.design import Design, Layer
from finn_tui.core.estimate.estimate import Tables, mismatches
from finn_tui.core.folding.knob_values import IllegalFolding
from finn_tui.core.folding.model import Folding, change


def cycles(tables: Tables, folding: Folding, layer: str) -> int:
    """Return the cycles per frame that a layer needs in a folding.

    Args:
        tables: cost table of each layer.
        folding: a legal folding.
        layer: node name.
    """
    row = tables[layer].row(folding.values[layer])
    assert row is not None, f"{layer} holds no legal point"
    return tables[layer].cycles_of(row)


def balance_to_ii(
    design: Design, tables: Tables, folding: Folding, layer: Layer, ii: int
) -> Folding:
    """Fold a layer just enough for an II, by the value with the fewest converters around it.

    Args:
        design: the layers.
        tables: their cost tables.
        folding: the present folding.
        layer: the layer to fold.
        ii: cycles per frame that it may need.

    Returns:
        the new folding; the present one if no value is fast enough.
    """
    table = tables[layer.name]
    for knob in (knob for knob in layer.knobs if knob.kind == "int"):
        fitting = []
        for value in table.legal(knob.name):
            try:
                tried = change(design, tables, folding, layer.name, knob.name, value).folding
            except IllegalFolding:
                # A coupled layer cannot take this value; another one may do.
                continue
            moved = [name for name in tried.values if tried.values[name] != folding.values[name]]
            slowest = max(cycles(tables, tried, name) for name in {*moved, layer.name})
            if slowest <= ii:
                fitting.append((len(mismatches(design, tables, tried.values)), value, tried))
        if fitting:
            return min(fitting, key=lambda item: item[:2])[2]
    return folding
