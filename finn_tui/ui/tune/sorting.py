"""Which layers the table shows, and in which order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from finn_tui.core.design import Layer
from finn_tui.core.estimate.estimate import LayerCost
from finn_tui.ui.toolkit.filter_bar import matches
from finn_tui.ui.tune.layer_text import short_name

#: What the rows can be sorted by, in the order in which a key goes through it.
SORTS = ("", "cycles", "LUT", "BRAM_18K", "URAM", "DSP", "name")


def column_value(cost: LayerCost, column: str) -> float:
    """Cycles or units of a resource, by name."""
    return cost.cycles if column == "cycles" else cost.resources[column]


def natural_key(name: str) -> list[tuple[int, str]]:
    """A key that sorts MVAU_hls_2 before MVAU_hls_10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def filtered_and_sorted(
    layers: Iterable[Layer], filter: str, sort: str, cost: Callable[[Layer], LayerCost]
) -> list[Layer]:
    """The layers whose name, op type or shape passes a filter, sorted by one of ``SORTS``."""
    shown = [
        layer
        for layer in layers
        if matches(filter, layer.name, layer.op, layer.shape, short_name(layer))
    ]
    if sort == "name":
        shown.sort(key=lambda layer: natural_key(layer.name))
    elif sort:
        # Sorting is stable: what is alike stays in the order of the graph.
        shown.sort(key=lambda layer: -column_value(cost(layer), sort))
    return shown
