"""The network interpreter against loops that are written down as the layers are defined."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from finn_tui.rehearsal import network as network_module
from finn_tui.rehearsal.network import Network

Array = npt.NDArray[Any]


def build(
    nodes: list[dict[str, Any]], shape: list[int], out: list[int], **arrays: Array
) -> Network:
    """A network of nodes whose tensors follow one another, unless they name theirs."""
    for index, node in enumerate(nodes):
        node.setdefault("name", f"n{index}")
        node.setdefault("inputs", [f"t{index}"])
        node.setdefault("outputs", [f"t{index + 1}"])
        node.setdefault("shape", out)
    description = {
        "format": 1,
        "input": {"name": "t0", "shape": shape},
        "output": {"name": nodes[-1]["outputs"][-1], "shape": out},
        "nodes": nodes,
    }
    content = io.BytesIO()
    text = np.frombuffer(json.dumps(description).encode(), np.uint8)
    everything: dict[str, Any] = {"description": text, **arrays}
    np.savez(content, **everything)
    content.seek(0)
    return Network(content)


def random(shape: tuple[int, ...], low: int = -8, high: int = 8, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(low, high, shape)


@pytest.mark.parametrize("stride, dilation", [(1, 1), (2, 1), (1, 2), (2, 2)])
def test_window_is_the_definition(stride: int, dilation: int) -> None:
    x = random((2, 9, 8, 3))
    kh, kw = 3, 2
    height = (9 - dilation * (kh - 1) - 1) // stride + 1
    width = (8 - dilation * (kw - 1) - 1) // stride + 1
    shape = [1, height, width, kh * kw * 3]
    node = {
        "op": "window",
        "kernel": [kh, kw],
        "stride": [stride, stride],
        "dilation": [dilation, dilation],
    }
    got = build([node], [1, 9, 8, 3], shape).run(x)
    for n, i, j in np.ndindex(2, height, width):
        want = [
            x[n, i * stride + a * dilation, j * stride + b * dilation, c]
            for a in range(kh)
            for b in range(kw)
            for c in range(3)
        ]
        assert got[n, i, j].tolist() == want


def test_xnor_counts_agreeing_bits() -> None:
    bits, weights = random((5, 12), 0, 2), random((12, 4), 0, 2, seed=1)
    node = {"op": "matmul", "weights": "w", "offset": "o", "shift": 0, "bound": 12}
    node["from"] = [1, 12]
    net = build([node], [1, 12], [1, 4], w=2 * weights - 1, o=np.sum(weights == 0, axis=0))
    want = (bits[:, :, None] == weights[None]).sum(axis=1)
    assert np.array_equal(net.run(bits), want)


def test_bipolar_product_counts_agreeing_signs() -> None:
    x, weights = 2 * random((5, 12), 0, 2) - 1, 2 * random((12, 4), 0, 2, seed=1) - 1
    node: dict[str, Any] = {"op": "matmul", "weights": "w", "offset": "o", "shift": 1}
    node |= {"bound": 12, "from": [1, 12]}
    net = build([node], [1, 12], [1, 4], w=weights, o=np.full(4, 12))
    assert np.array_equal(net.run(x), (x[:, :, None] == weights[None]).sum(axis=1))


@pytest.mark.parametrize("largest", [1 << 20, 1 << 30, 1 << 58])
def test_products_are_exact_whatever_their_size(largest: int) -> None:
    x = random((3, 16), -largest, largest)
    weights = random((16, 2), -2, 3, seed=1)
    node: dict[str, Any] = {"op": "matmul", "weights": "w", "offset": None, "shift": 0}
    node |= {"bound": largest * int(np.abs(weights).sum(axis=0).max()), "from": [1, 16]}
    got = build([node], [1, 16], [1, 2], w=weights).run(x)
    want = [
        [sum(int(a) * int(b) for a, b in zip(row, column, strict=True)) for column in weights.T]
        for row in x
    ]
    assert got.tolist() == want


@pytest.mark.parametrize("steps, channels", [(1, 4), (3, 4), (255, 4), (255, 1)])
def test_thresholds_count_what_is_reached(steps: int, channels: int) -> None:
    x = random((6, 5, 4), -300, 300)
    thresholds = random((channels, steps), -300, 300, seed=2)
    node = {"op": "threshold", "thresholds": "t", "scale": 2, "bias": -3}
    got = build([node], [1, 5, 4], [1, 5, 4], t=thresholds).run(x)
    want = 2 * (x[..., None] >= thresholds).sum(axis=-1) - 3
    assert np.array_equal(got, want)


def test_depthwise_multiplies_each_channel_by_its_own() -> None:
    x, weights = random((2, 3, 3, 4 * 5)), random((4, 5), seed=1)
    node = {"op": "depthwise", "weights": "w", "offset": None, "shift": 0, "bound": 1000}
    got = build([node], [1, 3, 3, 20], [1, 3, 3, 5], w=weights).run(x)
    want = np.zeros((2, 3, 3, 5), int)
    for k in range(4):
        for c in range(5):
            want[..., c] += x[..., k * 5 + c] * weights[k, c]
    assert np.array_equal(got, want)


def test_pools() -> None:
    x = random((2, 2, 2, 4 * 3), 0, 16)
    windows = x.reshape(2, 2, 2, 4, 3)
    shape = [1, 2, 2, 3]
    for function, shift, want in (
        ("max", 0, windows.max(axis=3)),
        ("sum", 0, windows.sum(axis=3)),
        ("shift", 2, windows.sum(axis=3) // 4),
    ):
        node = {"op": "pool", "function": function, "kernel": 4, "shift": shift}
        assert np.array_equal(build([node], [1, 2, 2, 12], shape).run(x), want)
    image = random((2, 4, 6, 3))
    got = build([{"op": "maxpool", "kernel": [2, 3]}], [1, 4, 6, 3], [1, 2, 2, 3]).run(image)
    assert got[1, 1, 0, 2] == image[1, 2:4, 0:3, 2].max()


def test_padding_is_zero_and_on_the_right_sides() -> None:
    x = random((1, 2, 2, 1), 1, 9)
    got = build([{"op": "pad", "rows": [1, 0], "columns": [0, 2]}], [1, 2, 2, 1], [1, 3, 4, 1])
    assert got.run(x)[0, :, :, 0].tolist() == [
        [0, 0, 0, 0],
        [*x[0, 0, :, 0].tolist(), 0, 0],
        [*x[0, 1, :, 0].tolist(), 0, 0],
    ]


def test_lowest_class_wins_a_tie() -> None:
    x = np.array([[3, 7, 7, 1], [-5, -5, -5, -5], [0, 1, 2, 9]])
    assert build([{"op": "topk", "k": 1}], [1, 4], [1, 1]).run(x).tolist() == [[1], [0], [3]]
    assert build([{"op": "topk", "k": 2}], [1, 4], [1, 2]).run(x)[0].tolist() == [1, 2]


def test_branches_and_arithmetic() -> None:
    x = random((3, 6))
    nodes: list[dict[str, Any]] = [
        {"op": "same", "outputs": ["a", "b"], "shape": [1, 6]},
        {"op": "split", "inputs": ["a"], "outputs": ["c", "d"], "sizes": [2, 4], "shape": [1, 2]},
        {"op": "concat", "inputs": ["d", "c"], "outputs": ["e"]},
        {"op": "sub", "inputs": ["b", "e"], "outputs": ["f"]},
        {"op": "mul", "inputs": ["f", "k"], "outputs": ["g"], "constant": "k", "constant_index": 1},
    ]
    got = build(nodes, [1, 6], [1, 6], k=np.array([1, 2, 3, 4, 5, 6])).run(x)
    turned = np.concatenate([x[:, 2:], x[:, :2]], axis=1)
    assert np.array_equal(got, (x - turned) * np.arange(1, 7))


def test_batches_are_cut_to_fit_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    x = random((10, 6))
    net = build([{"op": "same"}], [1, 6], [1, 6])
    whole = net.run(x)
    monkeypatch.setattr(network_module, "_STEP_VALUES", 18)
    assert np.array_equal(net.run(x), whole)
    assert net.run(x[:0]).shape == (0, 6)


def test_other_files_are_refused() -> None:
    content = io.BytesIO()
    np.savez(content, something=np.zeros(1))
    content.seek(0)
    with pytest.raises(ValueError, match="not a network"):
        Network(content)
