"""Filtering and sorting of the layer table."""

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
    """Return the cycles or the units of a resource, by the column's name.

    Args:
        cost: of a layer.
        column: "cycles" or a resource.
    """
    return cost.cycles if column == "cycles" else cost.resources[column]


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts MVAU_hls_2 before MVAU_hls_10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def filtered_and_sorted(
    layers: Iterable[Layer], filter: str, sort: str, cost: Callable[[Layer], LayerCost]
) -> list[Layer]:
    """Return the layers that match a filter, sorted by one of ``SORTS``.

    Args:
        layers: in the order of the graph.
        filter: letters of name, op type or shape.
        sort: one of ``SORTS``, empty for the order of the graph.
        cost: returns the cost of a layer.
    """
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
