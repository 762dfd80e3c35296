"""What a folding file leaves unsaid: layers that it does not name, and names that it mistypes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from finn_tui.core.design import Design
from finn_tui.core.estimate.table import Tables
from finn_tui.core.folding.model import Folding

#: As many names as are listed in a sentence.
_LISTED = 4


def unnamed(design: Design, document: Mapping[str, Any]) -> list[str]:
    """Return layers with parallelism of which a file says nothing, in the order of the graph.

    Args:
        design: the layers.
        document: FINN's folding JSON; what its "Defaults" set counts as said.
    """
    defaults = {
        op
        for name, rule in document.get("Defaults", {}).items()
        if name in ("PE", "SIMD") and isinstance(rule, list) and len(rule) == 2
        for op in (rule[1] if isinstance(rule[1], list) else [])
    }
    return [
        layer.name
        for layer in design.layers
        if layer.name not in document
        and not defaults & {layer.op, "all"}
        and any(knob.kind == "int" for knob in layer.knobs)
    ]


def note(design: Design, tables: Tables, folding: Folding, silent: Sequence[str]) -> str:
    """Return a sentence about layers that a file does not name; empty if it names all.

    Args:
        design, tables: the layers and their costs.
        folding: as read; the silent layers keep the graph's values in it.
        silent: names of the layers.
    """
    if not silent:
        return ""
    cycles = {
        layer.name: table.cycles_of(row)
        for layer in design.layers
        if (row := (table := tables[layer.name]).row(folding.values[layer.name])) is not None
    }
    slowest = max(cycles, key=lambda name: cycles[name])
    named = [count for name, count in cycles.items() if name not in silent]
    listed = ", ".join(silent[:_LISTED]) + (
        f" and {len(silent) - _LISTED} more" if len(silent) > _LISTED else ""
    )
    text = f"the file says nothing of {listed}: the graph's values stay"
    if slowest in silent and named and cycles[slowest] > max(named):
        text += (
            f". {slowest} is the BOTTLENECK so, with {cycles[slowest]:,} cycles; the layers that "
            f"the file names need {max(named):,}"
        )
    return text


def meant(design: Design, name: str) -> str | None:
    """Return the layer that a mistyped name most likely means.

    Args:
        design: the layers.
        name: as typed or read.

    Returns:
        a node name; None if none is near.
    """
    if name.strip() in design.by_name:
        return name.strip()
    near = difflib.get_close_matches(name.strip(), design.by_name, n=1, cutoff=0.85)
    return near[0] if near else None
