"""What FINN estimates and yet refuses to generate code for: told before a build, not in it."""

from __future__ import annotations

from collections.abc import Mapping

from finn_tui.core.design import Design, Layer, Value
from finn_tui.core.estimate.table import Tables
from finn_tui.core.folding.model import Folding, change, ones

#: ``MVAU_hls.defines`` asserts SIMD >= MW / 1024 when it generates code for synthesis.
_MVAU_DEPTH = 1024

#: Knobs that say what the accelerator can do: nobody but the user trades that for resources.
NEVER_TRADED = frozenset({"runtime_writeable_weights"})


def refusal(layer: Layer, values: Mapping[str, Value]) -> str | None:
    """Return why FINN would not generate code for a layer folded like this.

    Args:
        layer: any layer.
        values: its knobs.

    Returns:
        a sentence; None if it would.
    """
    width, simd = layer.attrs.get("MW"), values.get("SIMD")
    hls = layer.kind == "MVAU" and not layer.op.endswith("_rtl")  # FINN 0.9: all are HLS
    if hls and isinstance(width, int) and isinstance(simd, int):
        least = -(-width // _MVAU_DEPTH)
        if simd < least:
            return f"{layer.name} has SIMD {simd} and needs at least {least} (MW {width:,} / 1024)"
    return None


def refusals(design: Design, folding: Folding) -> list[str]:
    """Return why FINN would not build a folding.

    Args:
        design: the layers.
        folding: a legal folding.

    Returns:
        one sentence a layer; empty if it would.
    """
    reasons = (refusal(layer, folding.values[layer.name]) for layer in design.layers)
    return [why for why in reasons if why is not None]


def least(design: Design, tables: Tables) -> Folding:
    """Return the least parallelism that FINN can generate code for.

    Args:
        design: the layers.
        tables: their legal points.
    """
    folding = ones(design, tables)
    for layer in design.layers:
        for simd in tables[layer.name].legal("SIMD") if layer.knob("SIMD") else ():
            if refusal(layer, folding.values[layer.name]) is None:
                break
            folding = change(design, tables, folding, layer.name, "SIMD", simd).folding
    return folding
