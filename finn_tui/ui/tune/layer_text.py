"""Short texts about layers: names, legal values, and cycles as a product.

FINN's cycles are looked up, never computed here; a formula is shown only where it gives exactly
the number that FINN gave.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from finn_tui.core.design import Design, Layer, Value
from finn_tui.core.estimate.estimate import Estimate

_SHORT = {
    "ConvolutionInputGenerator": "SWG",
    "ConvolutionInputGenerator1D": "SWG1D",
    "StreamingDataWidthConverter": "DWC",
    "StreamingFIFO": "FIFO",
    "DuplicateStreams": "Duplicate",
    "AddStreams": "Add",
    "StreamingConcat": "Concat",
    "StreamingSplit": "Split",
    "GlobalAccPool": "AccPool",
    "ChannelwiseOp": "Channelwise",
}
_KNOB_TITLES = {"parallel_window": "win", "ram_style": "ram"}
_VALUES = {"distributed": "dist"}


def short_name(layer: Layer) -> str:
    """Return a short name of a layer: "SWG 7" for ConvolutionInputGenerator_rtl_7."""
    stem, _, number = layer.name.rpartition("_")
    kind = _SHORT.get(layer.kind, layer.kind)
    if number.isdigit() and stem in (layer.op, layer.kind):
        return f"{kind} {number}"
    return layer.name


def bits_of(dtype: str) -> str:
    """Return the bits of a FINN data type: "1" for BINARY, "2" for INT2, else the type's name."""
    if dtype in ("BINARY", "BIPOLAR"):
        return "1"
    digits = dtype.lstrip("UINTF")
    return digits if digits.isdigit() else dtype


def precision_text(layer: Layer) -> str:
    """Return the bits of weights and activations of a layer: "w1 a1"."""
    activation = f"a{bits_of(layer.in_dtype)}"
    if layer.weight_dtype is None or layer.kind not in ("MVAU", "VVAU"):
        return activation
    return f"w{bits_of(layer.weight_dtype)} {activation}"


def _number(attrs: Mapping[str, Any], name: str) -> int | None:
    value = attrs.get(name)
    return value if isinstance(value, int) else None


def divisor_rules(layer: Layer) -> list[str]:
    """Return what PE and SIMD must divide, for op types where that is the whole rule."""
    attrs, texts = layer.attrs, []
    names = {
        "MVAU": {"PE": "MH", "SIMD": "MW"},
        "ConvolutionInputGenerator": {"SIMD": "IFMChannels"},
        "Thresholding": {"PE": "NumChannels"},
        "Pool": {"PE": "Channels"},
        "LabelSelect": {"PE": "Labels"},
        "VVAU": {"PE": "Channels"},
    }.get(layer.kind, {})
    for knob, attribute in names.items():
        total = _number(attrs, attribute)
        if total is not None and layer.knob(knob) is not None:
            texts.append(f"{knob} divides {total:,}")
    return texts


def cycles_formula(layer: Layer, values: Mapping[str, Value], cycles: int) -> str | None:
    """Return the cycles as a product, such as ``32,768 = (256/4) x (512/1)``.

    None where no formula known here gives exactly FINN's number.

    Args:
        layer: the layer.
        values: of its knobs.
        cycles: FINN's number for them.

    Returns:
        The product; None where no formula known here gives exactly FINN's number.
    """
    attrs = layer.attrs
    pe, simd = values.get("PE"), values.get("SIMD")
    vectors = attrs.get("numInputVectors")
    pixels = prod(vectors) if isinstance(vectors, list) and vectors else 1
    terms: list[tuple[str, float]] = []
    if layer.kind == "MVAU" and isinstance(pe, int) and isinstance(simd, int):
        mw, mh = _number(attrs, "MW"), _number(attrs, "MH")
        if mw is None or mh is None:
            return None
        terms = [(f"({mw:,}/{simd})", mw / simd), (f"({mh:,}/{pe})", mh / pe)]
    elif layer.kind in ("Thresholding", "Pool", "LabelSelect") and isinstance(pe, int):
        name = {"Thresholding": "NumChannels", "Pool": "Channels", "LabelSelect": "Labels"}
        channels = _number(attrs, name[layer.kind])
        if channels is None:
            return None
        terms = [(f"({channels:,}/{pe})", channels / pe)]
        if layer.kind == "Pool":
            kernel, size = attrs.get("KernelSize"), attrs.get("OutImgDims")
            if not isinstance(kernel, list) or not isinstance(size, list):
                return None
            terms.append(("x".join(str(k) for k in kernel), prod(kernel)))
            pixels *= prod(size)
    else:
        return None
    if pixels != 1:
        terms.append((f"{pixels:,}", pixels))
    if round(prod(value for _, value in terms)) != cycles:
        return None
    return f"{cycles:,} = " + " x ".join(text for text, _ in terms)


def unknown_lut(estimate: Estimate, layer: Layer) -> str:
    """Return why the LUTs of a layer are not known; empty where FINN has a model of them."""
    if layer.name not in estimate.unmodelled:
        return ""
    return f"LUT unknown: FINN has no model of {layer.op}"


def coupled_with(design: Design, layer: Layer) -> list[str]:
    """Return the knobs of other layers that must equal one of this layer's.

    Args:
        design: the whole design.
        layer: the layer.
    """
    texts = []
    for coupling in design.couplings:
        for own, other in ((coupling.a, coupling.b), (coupling.b, coupling.a)):
            if own[0] == layer.name:
                texts.append(f"{own[1]} = {other[1]} of {other[0]}: {coupling.why}")
    return texts


def knob_title(knob: str) -> str:
    """Return the title of a knob's column."""
    return _KNOB_TITLES.get(knob, knob)


def value_text(value: Value) -> str:
    """Return a knob's value as a cell shows it."""
    return _VALUES.get(str(value), str(value))
