"""Computes what the engine's ``preparing/netlist.py`` wrote: a bitstream's network, bit for bit.

numpy only and Python 3.10, because it also runs on the (simulated) board. Activations travel as
integers, or as FLOAT32 where the design does; products of integers use floating point arithmetic
only where every partial sum is exact in it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# Integers up to here are exact in a float's mantissa (IEEE 754: 24 and 53 bits).
_EXACT32 = 1 << 24
_EXACT64 = 1 << 53
# Values that one layer may give at a time, so that big batches need little memory.
_STEP_VALUES = 1 << 24


class Network:
    """A network read from its ``.npz``.

    Attributes:
        description: the JSON of the file.
        inputs, outputs: ``name``, ``shape``, ``dtype``, ``bits``, ``signed`` and ``bipolar`` of
            each.
    """

    def __init__(self, source: str | Path | BinaryIO) -> None:
        """Read the file. Raises ``ValueError`` if it is not one of ours or of another format."""
        with np.load(source, allow_pickle=False) as file:
            if "description" not in file:
                raise ValueError("not a network description")
            self.description: dict[str, Any] = json.loads(file["description"].tobytes())
            self._arrays: dict[str, Array] = {
                name: file[name] for name in file.files if name != "description"
            }
        if self.description.get("format") != 1:
            raise ValueError(f"unknown format {self.description.get('format')!r}")

    def up_to(self, tensor: str) -> Network:
        """Return the network up to a tensor, such as the scores before Top-1."""
        nodes = self.description["nodes"]
        last = next(i for i, node in enumerate(nodes) if tensor in node["outputs"])
        part = copy.copy(self)
        part.description = {
            **self.description,
            "outputs": [{"name": tensor, "shape": nodes[last]["shape"]}],
            "nodes": nodes[: last + 1],
        }
        return part

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """The tensors that it takes; a file of an older finn-tui has one."""
        return self.description.get("inputs") or [self.description["input"]]

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """The tensors that it gives."""
        return self.description.get("outputs") or [self.description["output"]]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one image (of the first input), batch dimension (1) included."""
        return tuple(self.inputs[0]["shape"])

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one (first) result, batch dimension (1) included."""
        return tuple(self.outputs[0]["shape"])

    def run(self, images: Array) -> Array:
        """Return the first output for a batch, of a network with one input.

        Args:
            images: values, (N, *input_shape[1:]) or anything that reshapes to it.

        Returns:
            int64 (float32 where the output is) of shape (N, *output_shape[1:]).
        """
        return self.run_all([images])[0]

    def run_all(self, batches: list[Array]) -> list[Array]:
        """Return all outputs for a batch at each input; see ``run``."""
        count = len(batches[0])
        shaped = [
            np.asarray(images).reshape(count, *tensor["shape"][1:])
            for tensor, images in zip(self.inputs, batches, strict=True)
        ]
        step = max(1, _STEP_VALUES // self._widest())
        parts = [
            self._run([images[at : at + step] for images in shaped]) for at in range(0, count, step)
        ]
        if not parts:
            return [np.zeros((0, *tensor["shape"][1:]), np.int64) for tensor in self.outputs]
        return [np.concatenate(each) for each in zip(*parts, strict=True)]

    def _widest(self) -> int:
        return max(int(np.prod(node["shape"])) for node in self.description["nodes"])

    def _run(self, batches: list[Array]) -> list[Array]:
        values: dict[str, Array] = {
            tensor["name"]: images for tensor, images in zip(self.inputs, batches, strict=True)
        }
        unused = _last_uses(self.description["nodes"], {each["name"] for each in self.outputs})
        for index, node in enumerate(self.description["nodes"]):
            inputs = [values.get(name) for name in node["inputs"]]
            result = _OPERATIONS[node["op"]](self._arrays, node, inputs)
            outputs = result if isinstance(result, list) else [result] * len(node["outputs"])
            values.update(zip(node["outputs"], outputs, strict=True))
            for name in unused[index]:
                del values[name]
        count = len(batches[0])
        return [_result(values[each["name"]], count, each["shape"]) for each in self.outputs]


def _result(values: Array, count: int, shape: list[int]) -> Array:
    kind = np.float32 if np.issubdtype(values.dtype, np.floating) else np.int64
    return values.reshape(count, *shape[1:]).astype(kind)


def _last_uses(nodes: list[dict[str, Any]], outputs: set[str]) -> list[list[str]]:
    """For each node the tensors that nobody needs after it."""
    last: dict[str, int] = {}
    for index, node in enumerate(nodes):
        for name in (*node["outputs"], *node["inputs"]):
            last[name] = index
    for name in outputs:
        last.pop(name, None)
    # A constant operand is an input by name only.
    constants = {
        node["inputs"][node["constant_index"]] for node in nodes if "constant_index" in node
    }
    freed: list[list[str]] = [[] for _ in nodes]
    for name, index in last.items():
        if name not in constants:
            freed[index].append(name)
    return freed


def _count_reached(x: Array, thresholds: Array) -> Array:
    """Return how many of its channel's thresholds each value reaches (channels last)."""
    steps = thresholds.shape[1]
    if steps <= 16:
        counts = np.zeros(x.shape, np.int16)
        for step in range(steps):
            counts += x >= thresholds[:, step]
        return counts
    ordered = np.sort(thresholds, axis=1)
    if len(ordered) == 1:
        return np.asarray(np.searchsorted(ordered[0], x, side="right"))
    counts = np.empty(x.shape, np.int32)
    for channel, row in enumerate(ordered):
        counts[..., channel] = np.searchsorted(row, x[..., channel], side="right")
    return counts


def _activate(arrays: dict[str, Array], node: dict[str, Any], x: Array) -> Array:
    if "thresholds" not in node:
        return x
    thresholds = arrays[node["thresholds"]]
    if not np.issubdtype(x.dtype, np.integer):
        # One comparison type for both sides, without a conversion for each step.
        thresholds = thresholds.astype(x.dtype)
    counts = _count_reached(x, thresholds)
    scale, bias = node["scale"], node["bias"]
    if (scale, bias) == (1, 0):
        return counts
    return np.asarray(counts.astype(np.int32) * scale + bias)


def _exact(bound: int) -> Any:
    if bound < _EXACT32:
        return np.float32
    return np.float64 if bound < _EXACT64 else np.int64


def _finish(arrays: dict[str, Array], node: dict[str, Any], sums: Array) -> Array:
    if node["offset"] is not None:
        sums = sums + arrays[node["offset"]].astype(sums.dtype)
    if node["shift"] or "thresholds" not in node:
        sums = sums.astype(np.int64) >> node["shift"]
    return _activate(arrays, node, sums)


def _threshold(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> Array:
    return _activate(arrays, node, inputs[0])


def _matmul(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> Array:
    weights = arrays[node["weights"]]
    # The offset of XNOR mode adds at most the number of rows to what the products can reach.
    kind = _exact(node["bound"] + weights.shape[0])
    x = inputs[0].reshape(len(inputs[0]), *node["from"][1:]).astype(kind)
    sums = np.matmul(x.reshape(-1, x.shape[-1]), weights.astype(kind))
    return _finish(arrays, node, sums.reshape(*x.shape[:-1], weights.shape[1]))


def _depthwise(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> Array:
    weights = arrays[node["weights"]]
    kind = _exact(node["bound"] + weights.shape[0])
    x = inputs[0]
    x = x.reshape(*x.shape[:-1], *weights.shape).astype(kind)
    return _finish(arrays, node, np.einsum("...kc,kc->...c", x, weights.astype(kind)))


def _window(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> Array:
    x = inputs[0]
    (kh, kw), (sh, sw), (dh, dw) = node["kernel"], node["stride"], node["dilation"]
    _, height, width, _ = node["shape"]
    # Strides instead of indices: the copy at the end is the only pass over the data.
    n, _, _, channels = x.shape
    bn, bh, bw, bc = x.strides
    view = np.lib.stride_tricks.as_strided(
        x,
        (n, height, width, kh, kw, channels),
        (bn, bh * sh, bw * sw, bh * dh, bw * dw, bc),
        writeable=False,
    )
    return view.reshape(n, height, width, kh * kw * channels)


def _pool(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> Array:
    x = inputs[0]
    x = x.reshape(*x.shape[:-1], node["kernel"], x.shape[-1] // node["kernel"])
    if node["function"] == "max":
        return np.asarray(np.max(x, axis=-2))
    return np.asarray(np.sum(x, axis=-2, dtype=np.int64) >> node["shift"])


def _maxpool(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> Array:
    x = inputs[0]
    kh, kw = node["kernel"]
    _, height, width, channels = node["shape"]
    x = x[:, : height * kh, : width * kw].reshape(len(x), height, kh, width, kw, channels)
    return np.asarray(x.max(axis=(2, 4)))


def _pad(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> Array:
    return np.pad(inputs[0], ((0, 0), node["rows"], node["columns"], (0, 0)))


def _topk(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> Array:
    x = inputs[0]
    # Stable on the negated values: the lower class wins a tie, as in ONNX's TopK.
    order = np.argsort(-x.astype(np.float64), axis=-1, kind="stable")
    return order[..., : node["k"]]


def _sum(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> Array:
    kind = np.float32 if node.get("float") else np.int64
    return np.asarray(np.sum(inputs[0], axis=(1, 2), keepdims=True, dtype=kind))


def _upsample(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> Array:
    rows, columns = node["times"]
    return inputs[0].repeat(rows, axis=1).repeat(columns, axis=2)  # type: ignore[no-any-return]


def _reshape(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> Array:
    return inputs[0].reshape(len(inputs[0]), *node["shape"][1:])  # type: ignore[no-any-return]


def _same(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> Array:
    return inputs[0]  # type: ignore[no-any-return]


def _concat(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> Array:
    return np.concatenate(inputs, axis=-1)


def _split(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> list[Array]:
    return np.split(inputs[0], np.cumsum(node["sizes"])[:-1], axis=-1)


def _transpose(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> Array:
    x = inputs[0].reshape(len(inputs[0]), *node["from"][1:]).transpose(node["perm"])
    return x.reshape(len(x), *node["shape"][1:])  # type: ignore[no-any-return]


def _pixel_pad(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> Array:
    rows, columns = node["stride"]
    result = np.zeros((len(inputs[0]), *node["shape"][1:]), inputs[0].dtype)
    result[:, ::rows, ::columns] = inputs[0]
    return result


def _crop(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> Array:
    (top, bottom), (left, right) = node["rows"], node["columns"]
    x = inputs[0]
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]  # type: ignore[no-any-return]


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "max": np.maximum,
    "min": np.minimum,
}


def _elementwise(arrays: dict[str, Array], node: dict[str, Any], inputs: list[Any]) -> Array:
    operands = list(inputs)
    if "constant" in node:
        operands[node["constant_index"]] = arrays[node["constant"]]
    # As FINN's own execution: integers are whole numbers, what comes out of floats is rounded once.
    left, right = (
        each if np.issubdtype(each.dtype, np.floating) and node.get("float") else _whole(each)
        for each in map(np.asarray, operands)
    )
    result = np.asarray(_ARITHMETIC[node["op"]](left, right))
    return result.astype(np.float32) if node.get("float") else result


def _whole(values: Array) -> Array:
    return values.astype(np.int64)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "threshold": _threshold,
    "matmul": _matmul,
    "depthwise": _depthwise,
    "window": _window,
    "pool": _pool,
    "maxpool": _maxpool,
    "pad": _pad,
    "topk": _topk,
    "sum": _sum,
    "upsample": _upsample,
    "reshape": _reshape,
    "same": _same,
    "concat": _concat,
    "split": _split,
    "transpose": _transpose,
    "pixelpad": _pixel_pad,
    "crop": _crop,
    **dict.fromkeys(_ARITHMETIC, _elementwise),
}
