"""Convolutions: im2col against numpy, shapes against FINN's, and what tiles and buffers cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.design import Design
from finn_tui.core.learn.convolution import Convolution, convolution_of, read_convolution
from finn_tui.core.learn.im2col import convolution_lines
from finn_tui.core.learn.lesson import lab_lesson
from finn_tui.core.learn.picture import (
    TILES,
    bram_18k,
    halo,
    line_buffer,
    network_at,
    tiling,
    whole_map,
)
from finn_tui.core.learn.text import plain
from tests.core.learn.test_matrix import recorded


@st.composite
def convolutions(draw: st.DrawFn) -> Convolution:
    """Any convolution whose kernel fits into its padded picture."""
    kernel = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    dilation = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    channels = draw(st.integers(1, 6))
    depthwise = draw(st.booleans())
    conv = Convolution(
        name="conv",
        height=draw(st.integers(1, 12)),
        width=draw(st.integers(1, 12)),
        channels=channels,
        filters=channels if depthwise else draw(st.integers(1, 5)),
        kernel=kernel,
        stride=(draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        padding=tuple(draw(st.lists(st.integers(0, 3), min_size=4, max_size=4))),  # type: ignore[arg-type]
        dilation=dilation,
        depthwise=depthwise,
        simd=draw(st.sampled_from([n for n in range(1, channels + 1) if channels % n == 0])),
    )
    fits = conv.padded[0] >= conv.extent[0] and conv.padded[1] >= conv.extent[1]
    return conv if fits else conv.sized(12, 12)


def image_matrix(conv: Convolution, picture: Any) -> Any:
    """The image matrix as the lesson orders it."""
    columns = []
    for number in range(conv.pixels):
        values = [
            picture[element.y, element.x, element.channel] if conv.inside(element) else 0
            for element in conv.column(number)
        ]
        columns.append(values)
    return np.array(columns).T


@settings(max_examples=100)
@given(convolutions())
def test_the_product_of_the_matrices_is_the_convolution(conv: Convolution) -> None:
    random = np.random.default_rng(0)
    picture = random.integers(-4, 5, (conv.height, conv.width, conv.channels))
    top, left, bottom, right = conv.padding
    padded = np.pad(picture, ((top, bottom), (left, right), (0, 0)))
    depth = 1 if conv.depthwise else conv.channels
    filters = random.integers(-3, 4, (conv.filters, *conv.kernel, depth))
    wanted = np.zeros((conv.filters, *conv.output), dtype=int)
    for row in range(conv.output[0]):
        for column in range(conv.output[1]):
            y, x = row * conv.stride[0], column * conv.stride[1]
            window = padded[
                y : y + conv.extent[0] : conv.dilation[0], x : x + conv.extent[1] : conv.dilation[1]
            ]
            for each in range(conv.filters):
                part = window[:, :, each : each + 1] if conv.depthwise else window
                wanted[each, row, column] = (filters[each] * part).sum()
    matrix = image_matrix(conv, picture)
    assert matrix.shape == conv.image_matrix
    order = conv.order()
    for each in range(conv.filters):
        weights = [
            0
            if conv.depthwise and channel != each
            else filters[each, ky, kx, 0 if conv.depthwise else channel]
            for ky, kx, channel in order
        ]
        assert list(np.array(weights) @ matrix) == list(wanted[each].reshape(-1))


def test_the_order_is_that_of_finn() -> None:
    conv = read_convolution("4x4x2 K3 P0 Co4")
    # FINN's im2col of an NHWC picture: windows of (K, K, C), flattened.
    picture = np.arange(4 * 4 * 2).reshape(4, 4, 2)
    windows = np.lib.stride_tricks.sliding_window_view(picture, (3, 3), axis=(0, 1))
    wanted = windows.transpose(0, 1, 3, 4, 2).reshape(4, 18)
    assert (wanted == image_matrix(conv, picture).T).all()


def test_the_shapes_are_those_of_finn_s_layers() -> None:
    design, _ = recorded("cnv-w1a1")
    products = 0
    for layer in design.layers:
        conv = convolution_of(design, layer)
        if layer.kind == "MVAU":
            assert conv is not None
            products += 1
            assert conv.filter_matrix == (layer.attrs["MH"], layer.attrs["MW"])
            assert conv.pixels == np.prod(layer.attrs["numInputVectors"])
        elif layer.kind == "ConvolutionInputGenerator":
            assert conv is not None
            assert list(conv.output) == layer.attrs["OFMDim"]
        elif layer.kind == "Pool":
            assert conv is not None and conv.pooling and conv.depthwise
    assert products == 9
    fully = convolution_of(design, design.by_name["MVAU_hls_8"])
    assert fully is not None and fully.kernel == (1, 1) and fully.pixels == 1


def test_padding_in_front_of_the_window_generator_is_taken_off(padded: Design) -> None:
    for name in ("FMPadding_rtl_0", "ConvolutionInputGenerator_rtl_0", "MVAU_hls_0"):
        conv = convolution_of(padded, padded.by_name[name])
        assert conv is not None
        assert (conv.height, conv.width) == (32, 32)
        assert conv.padding == (1, 1, 1, 1)
        assert conv.output == (32, 32)
        assert conv.name == "MVAU_hls_0"


@pytest.fixture
def padded() -> Design:
    """A padding, a window generator and a product."""

    def layer(name: str, attrs: dict[str, Any], before: str, after: str) -> dict[str, Any]:
        return {
            "name": name,
            "op": name.rpartition("_")[0],
            "shape": "",
            "attrs": attrs,
            "knobs": [],
            "settings": [],
            "present": {},
            "inputs": [before],
            "outputs": [after],
            "in_dtype": "INT2",
            "out_dtype": "INT2",
            "weight_dtype": "INT2",
        }

    window = {
        "ConvKernelDim": [3, 3],
        "IFMChannels": 3,
        "IFMDim": [34, 34],
        "OFMDim": [32, 32],
        "Stride": [1, 1],
        "Dilation": [1, 1],
        "depthwise": 0,
        "SIMD": 3,
    }
    layers = [
        layer("FMPadding_rtl_0", {"ImgDim": [32, 32], "Padding": [1, 1, 1, 1]}, "in", "a"),
        layer("ConvolutionInputGenerator_rtl_0", window, "a", "b"),
        layer("MVAU_hls_0", {"MW": 27, "MH": 64, "numInputVectors": [1, 32, 32]}, "b", "out"),
    ]
    names = [None, *(each["name"] for each in layers), None]
    streams = [
        {
            "tensor": tensor,
            "producer": names[at],
            "consumer": names[at + 1],
            "shape": [1, 32, 32, 3],
            "dtype": "INT2",
            "bits": 2,
        }
        for at, tensor in enumerate(("in", "a", "b", "out"))
    ]
    return Design.from_json(
        "padded",
        {
            "part": "xc7z020clg400-1",
            "fingerprint": "0",
            "finn": {"flavour": "finn-plus", "version": "1"},
            "layers": layers,
            "streams": streams,
            "couplings": [],
        },
    )


def test_a_typed_convolution() -> None:
    conv = read_convolution("224x224x3 k7 S2 P3 co=64")
    assert (conv.kernel, conv.stride, conv.padding[0], conv.filters) == ((7, 7), (2, 2), 3, 64)
    assert conv.output == (112, 112)
    for text in ("224x224y", "4x4x2 K3 K3", "4x4x2 Q1", "", "axbxc"):
        with pytest.raises(FinnTuiError, match="is not a"):
            lab_lesson(text)
    for text, what in (
        ("4x4x2 K7 P1", "kernel 7"),
        ("0x4x2", "height 0"),
        ("4x4x2 S0", "stride 0"),
        ("4x4x2 Co99999999", "number of filters"),
    ):
        with pytest.raises(FinnTuiError, match=what):
            read_convolution(text)


def test_the_lab_s_question_in_general() -> None:
    # H x W x Ci with Co filters of K x K, padded so that the output is H x W.
    conv = read_convolution("6x5x4 K3 Co8")
    assert conv.filter_matrix == (8, 3 * 3 * 4)
    assert conv.image_matrix == (3 * 3 * 4, 6 * 5)
    text = plain(convolution_lines(conv, 7, 80))
    assert "8 x 36" in text and "36 x 30" in text
    assert "output pixel 7 of 0..29   row 1, column 2" in text


@given(convolutions(), st.integers(1, 8))
def test_tiles_cover_the_output_and_overlap_by_the_halo(conv: Convolution, side: int) -> None:
    tiles = tiling(conv, side)
    assert tiles.tiles == -(-conv.output[0] // side) * -(-conv.output[1] // side)
    if conv.extent[0] >= conv.stride[0] and conv.extent[1] >= conv.stride[1]:
        assert tiles.extra >= 0
    # Two neighbours read the halo twice.
    step = side * conv.stride[0]
    assert tiles.input_side - step == conv.extent[0] - conv.stride[0]
    assert halo(conv)[0] == max(0, conv.extent[0] - conv.stride[0])


def test_a_buffer_is_what_finn_s_window_generator_holds_at_least() -> None:
    design, tables = recorded("cnv-w1a1")
    compared = 0
    for layer in design.layers:
        if layer.kind != "ConvolutionInputGenerator":
            continue
        table = tables[layer.name]
        for row in range(len(table)):
            values = table.values(row)
            if values.get("ram_style") != "block" or values.get("parallel_window"):
                continue
            conv = convolution_of(design, layer, {layer.name: values})
            assert conv is not None
            estimate = table.cost(layer.op, row).resources["BRAM_18K"]
            assert line_buffer(conv).bram <= estimate, (layer.name, values)
            # FINN takes one shape for the whole memory; it is never twice as many here.
            assert estimate <= 2 * line_buffer(conv).bram, (layer.name, values)
            compared += 1
    assert compared > 20


@given(st.integers(1, 40_000), st.integers(1, 200))
def test_memories_have_room_for_their_bits(words: int, bits: int) -> None:
    blocks = bram_18k(words, bits)
    assert blocks * 18 * 1024 >= words * bits
    assert bram_18k(512, 36) == 1 and bram_18k(513, 36) == 2 and bram_18k(16384, 1) == 1


def test_a_network_at_a_larger_picture() -> None:
    design, _ = recorded("cnv-w1a1")
    values = {layer.name: layer.present for layer in design.layers}
    own = network_at(design, values, 32, 32)
    assert own is not None
    for conv in own.windows:
        known = convolution_of(design, design.by_name[conv.name], values)
        assert known == conv
    large = network_at(design, values, 224, 224)
    assert large is not None
    assert [(conv.height, conv.width) for conv in large.windows[:4]] == [
        (224, 224),
        (222, 222),
        (220, 220),
        (110, 110),
    ]
    # (3x3, 3x3, pool 2) twice, then two of 3x3.
    assert large.receptive_field == 1 + 2 + 2 + 1 + 2 * (2 + 2 + 1) + 4 * (2 + 2)
    assert large.stride == 4
    assert large.whole > 280 > large.lines
    assert large.recomputed(large.windows[-1].output[0]) == pytest.approx(0)
    assert large.recomputed(4) > large.recomputed(16) > 0
    assert network_at(design, values, 8, 8) is None
    assert all(whole_map(conv).total > line_buffer(conv).total for conv in large.windows)
    assert min(TILES) > 1
