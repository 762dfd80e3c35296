"""Designs of FINN 0.8 and 0.9: other op types, one number for a FIFO depth."""

from __future__ import annotations

from typing import Any

import pytest

from finn_tui.core.design import Layer, Setting
from finn_tui.core.estimate import infrastructure
from finn_tui.core.folding import lab_tuples


def layer(op: str, **attrs: Any) -> Layer:
    settings = tuple(Setting(name, "int") for name in attrs if "FIFO" in name)
    return Layer("L", op, "", attrs, (), settings, {}, (), (), "BINARY", "BINARY", "BINARY")


@pytest.mark.parametrize(
    ("op", "kind"),
    [
        ("MatrixVectorActivation", "MVAU"),
        ("StreamingFCLayer_Batch", "MVAU"),
        ("MVAU_rtl", "MVAU"),
        ("VectorVectorActivation", "VVAU"),
        ("Thresholding_Batch", "Thresholding"),
        ("ConvolutionInputGenerator1D", "ConvolutionInputGenerator"),
    ],
)
def test_a_layer_is_of_one_kind_in_all_finns(op: str, kind: str) -> None:
    assert layer(op).kind == kind


def test_a_fifo_depth_is_a_number_or_a_list() -> None:
    old, new = layer("MatrixVectorActivation", inFIFODepth=2), layer("MVAU_hls", inFIFODepths=[2])
    assert lab_tuples._depth_setting(old, "inFIFODepths", 64) == ("inFIFODepth", 64)
    assert lab_tuples._depth_setting(new, "inFIFODepths", 64) == ("inFIFODepths", [64])
    for each, name, value in ((old, "inFIFODepth", 64), (new, "inFIFODepths", [64])):
        assert infrastructure.depths(each, {"L": {name: value}}, "inFIFODepths") == (
            (64,) if isinstance(value, int) else [64]
        )
        assert list(infrastructure.depths(each, {}, "inFIFODepths")) == [2]
