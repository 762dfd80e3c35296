"""Foldings that FINN estimates and does not build."""

from __future__ import annotations

from dataclasses import replace

import pytest

from finn_tui.core.design import Design
from finn_tui.core.folding.model import Folding, ones
from finn_tui.core.optimize.buildability import least, refusals
from tests.core.designs import conv_like, design_from, layer, table


def wide(width: int, op: str = "MVAU_hls") -> tuple[Design, Folding]:
    design, tables = conv_like()
    layers = tuple(
        replace(layer, attrs={"MW": width}, op=op) if layer.name == "MVAU_hls_0" else layer
        for layer in design.layers
    )
    return replace(design, layers=layers), ones(design, tables)


@pytest.mark.parametrize(("width", "least"), [(1025, 2), (2048, 2), (2049, 3), (4608, 5)])
def test_a_wide_hls_mvau_needs_simd(width: int, least: int) -> None:
    (why,) = refusals(*wide(width))
    assert f"MVAU_hls_0 has SIMD 1 and needs at least {least}" in why


def test_a_wide_layer_of_an_old_finn_does_too() -> None:
    assert refusals(*wide(4608, "MatrixVectorActivation"))


@pytest.mark.parametrize(("width", "op"), [(1024, "MVAU_hls"), (4608, "MVAU_rtl")])
def test_others_are_built(width: int, op: str) -> None:
    assert refusals(*wide(width, op)) == []


def test_the_least_folding_can_be_built() -> None:
    entry = layer("MVAU_hls_0", "MVAU_hls", {"PE": [1, 2], "SIMD": [1, 2, 4, 8]}, "in", "out")
    entry["attrs"] = {"MW": 4096, "MH": 2}
    costs = table(entry, lambda knobs: 4096 // (knobs["PE"] * knobs["SIMD"]))
    design, tables = design_from([entry], [costs], [])
    assert refusals(design, ones(design, tables))
    folding = least(design, tables)
    assert refusals(design, folding) == []
    assert folding.values["MVAU_hls_0"] == {"PE": 1, "SIMD": 4}
