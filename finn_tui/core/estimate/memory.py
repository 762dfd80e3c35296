"""Memory that FINN's estimator leaves out, and memory made of LUTs, which has a limit of its own.

FINN counts the weights of an HLS matrix layer in distributed memory as PE x SIMD x weight bits x
ceil(depth / 64) LUTs and those of its RTL twin as nothing at all. The same arithmetic is used here
for both. Only some LUTs of a part can be memory (those of SLICEMs): the LUTRAM of its data sheet.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace

from finn_tui.core.design import Design, Layer, Value
from finn_tui.core.estimate.table import CostTable, ResourceColumns, Tables

#: LUTs that can be memory, by the beginning of a part's name (AMD's DS190, DS891, DS889).
_LUTRAM = {
    "xc7z010": 6000,
    "xc7z020": 17400,
    "xc7z045": 70400,
    "xczu3eg": 28800,
    "xczu7ev": 101760,
    "xczu9eg": 144000,
    "xczu28dr": 213600,
    "xczu48dr": 213600,
    "xck26": 57600,
}

_WITHOUT_MODEL = ("MVAU_rtl", "VVAU_rtl")
_WITH_WEIGHTS = ("MVAU", "VVAU")
_STREAMED = ("internal_decoupled", "decoupled")
_LUT_BITS = 64

#: Layers beside the matrix layers that keep something, and whose LUTs FINN splits into memory and
#: logic: a window generator takes 300 LUTs beside its buffer (convolutioninputgenerator_rtl.py), a
#: threshold of HLS a comparator of the input's bits for each PE (thresholding_hls.py).
_STORING = ("ConvolutionInputGenerator", "Thresholding", "Lookup")
_WINDOW_LOGIC = 300


def lutram_of(part: str) -> int | None:
    """Return LUTs of a part that can be memory; None where that is not known here."""
    return next((count for start, count in _LUTRAM.items() if part.startswith(start)), None)


def bits_of(dtype: str | None) -> int:
    """Return bits of one value of a FINN data type such as "INT4", "BIPOLAR" or "TERNARY"."""
    if dtype in ("BIPOLAR", "BINARY"):
        return 1
    if dtype == "TERNARY":
        return 2
    digits = re.search(r"\d+", dtype or "")
    return int(digits[0]) if digits else 0


def weights_of(layer: Layer) -> int:
    """Return how many weights a matrix layer holds; 0 for other layers."""
    attrs = layer.attrs
    if layer.kind not in _WITH_WEIGHTS:
        return 0
    if "MW" in attrs:
        return int(attrs["MW"]) * int(attrs["MH"])
    kernel = attrs.get("Kernel", [1, 1])
    return int(attrs.get("Channels", 0)) * math.prod(int(side) for side in kernel)


def stores_in_luts(layer: Layer) -> bool:
    """Return whether some folding of a layer has memory made of LUTs."""
    return layer.kind in _WITH_WEIGHTS or layer.kind in _STORING


def lutram(layer: Layer, values: Mapping[str, Value], lut: float) -> float:
    """Return the LUTs of a layer that are memory: weights, a window's buffer, thresholds.

    Args:
        layer: any layer.
        values: its knobs; what is no knob is as the graph has it.
        lut: FINN's LUTs of the layer with these knobs.
    """

    def setting(name: str) -> object:
        return values.get(name, layer.attrs.get(name))

    if layer.op == "Thresholding_rtl":
        # FINN counts nothing but the memory, in LUTRAM primitives of 64 bits.
        return lut
    if setting("ram_style") != "distributed":
        return 0.0
    if layer.kind == "ConvolutionInputGenerator":
        return max(0.0, lut - _WINDOW_LOGIC)
    if layer.kind == "Thresholding":
        return max(0.0, lut - int(values.get("PE", 1)) * bits_of(layer.in_dtype))
    if layer.kind == "Lookup":
        return lut
    if layer.kind not in _WITH_WEIGHTS or setting("mem_mode") not in _STREAMED:
        return 0.0
    lanes = int(values.get("PE", 1)) * int(values.get("SIMD", 1))
    depth = weights_of(layer) / lanes if lanes else 0
    return float(lanes * bits_of(layer.weight_dtype) * math.ceil(depth / _LUT_BITS))


def missing(layer: Layer, values: Mapping[str, Value]) -> float:
    """Return the LUTs of memory that FINN's estimate of a layer leaves out.

    Args:
        layer: any layer.
        values: its knobs; what is no knob is as the graph has it.
    """
    return lutram(layer, values, 0.0) if layer.op in _WITHOUT_MODEL else 0.0


def external_bits(layer: Layer, values: Mapping[str, Value]) -> int:
    """Return the bits of weights that a layer reads from outside of the chip in each cycle.

    Args:
        layer: any layer.
        values: its knobs; what is no knob is as the graph has it.
    """
    if layer.kind not in _WITH_WEIGHTS:
        return 0
    if values.get("mem_mode", layer.attrs.get("mem_mode")) not in ("external", "external_mem"):
        return 0
    lanes = int(values.get("PE", 1)) * int(values.get("SIMD", 1))
    return lanes * bits_of(layer.weight_dtype)


def chip_bits(budget: Mapping[str, int], part: str) -> float | None:
    """Return bits that all memory of a part holds together; None where that is not known.

    Args:
        budget: units of each resource.
        part: the FPGA part.
    """
    lut = lutram_of(part)
    if lut is None or "BRAM_18K" not in budget:
        return None
    block = budget["BRAM_18K"] * 18 * 1024 + budget.get("URAM", 0) * 288 * 1024
    return float(block + lut * _LUT_BITS)


def stored_bits(design: Design, values: Mapping[str, Mapping[str, Value]]) -> float:
    """Return bits of weights that a folding keeps on the chip.

    Args:
        design: the layers.
        values: knobs of each layer.
    """
    return float(
        sum(
            weights_of(layer) * bits_of(layer.weight_dtype)
            for layer in design.layers
            if not external_bits(layer, values[layer.name])
        )
    )


def needs_memory(layer: Layer) -> bool:
    """Return whether FINN's estimate of a layer may leave out its memory."""
    return layer.op in _WITHOUT_MODEL


def unmodelled(layer: Layer, lut: float) -> bool:
    """Return whether FINN has no model of a layer's LUTs: 0 is unknown then, not free.

    Args:
        layer: any layer.
        lut: FINN's LUTs; there is no layer without any.
    """
    return layer.op in _WITHOUT_MODEL or lut == 0


def with_memory(design: Design, tables: Tables) -> Tables:
    """Cost tables with the memory that FINN leaves out, for whoever chooses among their rows.

    Args:
        design: the layers.
        tables: FINN's own numbers.
    """
    return {
        name: _with_memory(design.by_name[name], table)
        if needs_memory(design.by_name[name])
        else table
        for name, table in tables.items()
    }


def _with_memory(layer: Layer, table: CostTable) -> CostTable:
    width = len(table.knobs) - len(next(iter(table.modes)))
    modes = {}
    for mode, face in table.modes.items():
        chosen = dict(zip(table.knobs[width:], mode, strict=True))
        more = [
            missing(layer, {**dict(zip(table.knobs[:width], fold, strict=True)), **chosen})
            for fold in table.folds
        ]
        if any(more):
            lut = tuple(a + b for a, b in zip(face.columns[0], more, strict=True))
            modes[mode] = ResourceColumns((lut, *face.columns[1:]), face.folds)
        else:
            modes[mode] = face
    return replace(table, modes=modes)
