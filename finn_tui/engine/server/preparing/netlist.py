"""The network that a dataflow graph stands for, written down so that it can be computed elsewhere.

The file is an ``.npz``: a JSON description (array ``description``, UTF-8 bytes) and the integer
arrays that it names. It holds layers as arithmetic, without PE, SIMD, FIFOs or width converters,
so one design gives the same file whatever its folding. ``finn_tui.rehearsal.network`` computes it.

Description: ``{"format", "inputs", "outputs", "nodes"}``; inputs and outputs carry ``name, shape,
dtype, bits, signed, bipolar`` (``input`` and ``output`` are the first of each); a node has
``name``, ``op``, ``inputs``, ``outputs`` (tensor names), ``shape`` (of its first output, batch
included) and what its ``op`` needs; ``float`` says that it gives FLOAT32:

    threshold   thresholds, scale, bias         y = scale * count(x >= t) + bias
    matmul      weights (MW, MH), offset, shift, bound[, thresholds, scale, bias], from (shape)
    depthwise   weights (K, C), likewise
    window      kernel, stride, dilation        sliding window, order (KH, KW, C)
    pool        function (max, sum, shift), kernel, shift
    maxpool     kernel                          non-overlapping, on images
    transpose   from (shape), perm
    pixelpad    stride                          zeros between the pixels
    crop        rows, columns                   what is cut off (before, after)
    pad, topk, sum, upsample, reshape, same, concat, split
    add, sub, mul, div, max, min                element by element, with or without a constant
"""

import json
from typing import Any, Callable, Dict, List, Optional

import numpy as np
from qonnx.custom_op.registry import getCustomOp

from finn_tui.engine.protocol import EngineError

FORMAT = 1
FLOAT = "FLOAT32"

# What FINN 0.8 and 0.9 called the layers that later versions renamed.
_OLD_NAMES = {
    "MatrixVectorActivation": "MVAU",
    "VectorVectorActivation": "VVAU",
    "ConvolutionInputGenerator1D": "ConvolutionInputGenerator",
    "UpsampleNearestNeighbour": "Upsampler",
}
_PLUMBING = ("StreamingFIFO", "StreamingDataWidthConverter", "TLastMarker", "IODMA", "CheckSum")


def export_network(model: Any, path: str) -> Dict[str, Any]:
    """Write the network of a dataflow graph (hardware layers, folded or not) to ``path``.

    Returns the description. Raises ``EngineError`` (kind "input") for a layer that it cannot
    express, with the layer's name: better no rehearsal than one that computes something else.
    """
    exporter = _Exporter(model)
    description = exporter.run()
    text = json.dumps(description, separators=(",", ":")).encode("utf-8")
    with open(path, "wb") as file:
        arrays: Any = dict(exporter.arrays, description=np.frombuffer(text, np.uint8))
        np.savez_compressed(file, **arrays)
    return description


def layer_kind(op_type: str) -> str:
    """The layer without its implementation: ``MVAU_hls`` is an ``MVAU``."""
    for ending in ("_hls", "_rtl", "_Batch"):
        if op_type.endswith(ending):
            op_type = op_type[: -len(ending)]
    return _OLD_NAMES.get(op_type, op_type)


class _Exporter:
    def __init__(self, model: Any) -> None:
        self.model = model
        self.arrays: Dict[str, Any] = {}

    def run(self) -> Dict[str, Any]:
        graph = self.model.graph
        inputs = [
            self._tensor(tensor.name)
            for tensor in graph.input
            if self.model.get_initializer(tensor.name) is None
        ]
        outputs = [self._tensor(tensor.name) for tensor in graph.output]
        return {
            "format": FORMAT,
            "input": inputs[0],
            "output": outputs[0],
            "inputs": inputs,
            "outputs": outputs,
            "nodes": [self._node(node) for node in graph.node],
        }

    def _tensor(self, name: str) -> Dict[str, Any]:
        dtype = self.model.get_tensor_datatype(name)
        shape = [int(n) for n in self.model.get_tensor_shape(name)]
        if not dtype.is_integer() and dtype.name != FLOAT:
            raise EngineError(
                "%s carries %s" % (name, dtype.name),
                "A rehearsal computes integers and FLOAT32.",
                "Give the network an input of one of these types, such as INT8.",
            )
        return {
            "name": name,
            "shape": shape,
            "dtype": dtype.name,
            "bits": int(dtype.bitwidth()),
            "signed": bool(dtype.signed()) and dtype.name != "BIPOLAR",
            "bipolar": dtype.name == "BIPOLAR",
        }

    def _node(self, node: Any) -> Dict[str, Any]:
        kind = layer_kind(node.op_type)
        writer = _WRITERS.get(kind)
        if writer is None and kind.startswith("Elementwise"):
            writer = _elementwise
        if writer is None:
            raise EngineError(
                "%s (%s) cannot be rehearsed" % (node.name, node.op_type),
                "finn-tui has no software model of this layer, so a simulated board could not "
                "compute the network as the hardware would.",
                "Estimates and real builds of this design are not affected.",
            )
        entry: Dict[str, Any] = {
            "name": node.name,
            "op": "",
            "inputs": [node.input[0]],
            "outputs": list(node.output),
            "shape": [int(n) for n in self.model.get_tensor_shape(node.output[0])],
        }
        if self.is_float(node.output[0]):
            entry["float"] = True
        entry.update(writer(self, node, getCustomOp(node)))
        return entry

    # What the writers below use -------------------------------------------------------------

    def is_float(self, name: str) -> bool:
        """Whether a tensor carries FLOAT32."""
        return bool(self.model.get_tensor_datatype(name).name == FLOAT)

    def keep_float(self, node: Any, what: str, values: Any) -> str:
        """Store an array of FLOAT32; returns its name."""
        name = "%s.%s" % (node.name, what)
        self.arrays[name] = np.asarray(values, np.float32)
        return name

    def keep(self, node: Any, what: str, values: Any) -> str:
        """Store an integer array in the smallest type that holds it; returns its name."""
        values = np.asarray(values)
        rounded = np.rint(values)
        if not np.array_equal(values, rounded):
            raise EngineError(
                "the %s of %s are not integers" % (what, node.name),
                "The graph was not rounded to what the hardware holds.",
                "Export it after FINN's step_minimize_bit_width.",
            )
        low, high = (int(rounded.min()), int(rounded.max())) if values.size else (0, 0)
        kind: Any = np.int64
        for smaller in (np.int8, np.int16, np.int32):
            if np.iinfo(smaller).min <= low and high <= np.iinfo(smaller).max:
                kind = smaller
                break
        name = "%s.%s" % (node.name, what)
        self.arrays[name] = rounded.astype(kind)
        return name

    def parameters(self, node: Any, index: int, what: str) -> Any:
        values = self.model.get_initializer(node.input[index])
        if values is None:
            raise EngineError(
                "%s has no %s in the graph" % (node.name, what),
                "They come from outside while it runs, which a rehearsal does not do.",
                "Use mem_mode internal_decoupled or internal_embedded.",
            )
        return np.asarray(values)

    def thresholds(self, node: Any, index: int, scale: int, bias: int) -> Dict[str, Any]:
        values = self.parameters(node, index, "thresholds")
        if self.is_float(node.input[0]):
            name = self.keep_float(node, "thresholds", values)
        else:
            # An integer reaches a threshold exactly when it reaches the next integer above it.
            values = np.ceil(values.astype(np.float64))
            name = self.keep(node, "thresholds", np.clip(values, -(2.0**62), 2.0**62))
        return {
            "thresholds": name,
            "scale": int(scale),
            "bias": int(bias),
        }

    def integer_input(self, node: Any, index: int = 0) -> Any:
        dtype = self.model.get_tensor_datatype(node.input[index])
        if not dtype.is_integer():
            raise EngineError(
                "%s takes %s, which is no integer type" % (node.name, dtype.name),
                "A rehearsal computes integers, as the hardware does.",
                "Give the network an integer input, such as UINT8 pixels divided by 255 inside it.",
            )
        return dtype


_Writer = Callable[[_Exporter, Any, Any], Dict[str, Any]]


def _threshold(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
    if not out.is_float(node.input[0]):
        out.integer_input(node)
    bipolar = op.get_nodeattr("outputDataType") == "BIPOLAR"
    start = int(op.get_nodeattr("ActVal"))
    scale, bias = (2, 2 * start - 1) if bipolar else (1, start)
    return dict(out.thresholds(node, 1, scale, bias), op="threshold")


def _activation(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
    """The thresholds at the end of an MVAU or VVAU, if it has any."""
    if op.get_nodeattr("noActivation"):
        return {}
    bipolar = op.get_nodeattr("outputDataType") == "BIPOLAR"
    scale, bias = (2, -1) if bipolar else (1, int(op.get_nodeattr("ActVal")))
    return out.thresholds(node, 2, scale, bias)


def _binary(op: Any, attribute: str, value: str) -> bool:
    return bool(op.get_nodeattr(attribute) == value)


def _matmul(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
    dtype = out.integer_input(node)
    weights = out.parameters(node, 1, "weights").astype(np.int64)
    rows = weights.shape[0]
    offset: Optional[Any] = None
    shift = 0
    if op.get_nodeattr("binaryXnorMode"):
        # XNOR-popcount of bits x and w: with s = 2w - 1 it is x.s + (number of zeros in w).
        offset = np.sum(weights == 0, axis=0)
        weights = 2 * weights - 1
    elif _binary(op, "inputDataType", "BIPOLAR") and _binary(op, "weightDataType", "BIPOLAR"):
        # Both in -1, +1: the hardware counts agreements, (x.w + K) / 2.
        offset = np.full(weights.shape[1], rows)
        shift = 1
    return _product(out, node, op, "matmul", weights, offset, shift, dtype)


def _depthwise(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
    dtype = out.integer_input(node)
    weights = out.parameters(node, 1, "weights").astype(np.int64)
    weights = weights.reshape(weights.shape[0], -1).T  # (channels, 1, KH, KW) to (KH*KW, channels)
    offset: Optional[Any] = None
    shift = 0
    if _binary(op, "inputDataType", "BIPOLAR") and _binary(op, "weightDataType", "BIPOLAR"):
        offset, shift = np.full(weights.shape[1], weights.shape[0]), 1
    return _product(out, node, op, "depthwise", weights, offset, shift, dtype)


def _product(
    out: _Exporter,
    node: Any,
    op: Any,
    kind: str,
    weights: Any,
    offset: Optional[Any],
    shift: int,
    dtype: Any,
) -> Dict[str, Any]:
    largest = max(abs(int(dtype.min())), abs(int(dtype.max())))
    entry: Dict[str, Any] = {
        "op": kind,
        "weights": out.keep(node, "weights", weights),
        "offset": None if offset is None else out.keep(node, "offset", offset),
        "shift": shift,
        # The largest partial sum that can occur: decides what arithmetic is exact.
        "bound": int(np.abs(weights).sum(axis=0).max()) * largest,
        "from": [int(n) for n in op.get_normal_input_shape()],
    }
    entry.update(_activation(out, node, op))
    return entry


def _window(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
    return {
        "op": "window",
        "kernel": _pair(op, "ConvKernelDim"),
        "stride": _pair(op, "Stride"),
        "dilation": _pair(op, "Dilation"),
    }


def _pair(op: Any, attribute: str) -> List[int]:
    return [int(n) for n in op.get_nodeattr(attribute)]


def _pool(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
    function = op.get_nodeattr("Function")
    kernel = int(np.prod(_pair(op, "KernelSize")))
    names = {"MaxPool": "max", "AccPool": "sum", "QuantAvgPool": "shift"}
    if function not in names:
        raise EngineError(
            "%s averages with fractions (%s)" % (node.name, function),
            "A rehearsal computes integers, as the hardware does.",
            "Use QuantAvgPool.",
        )
    shift = 0
    if function == "QuantAvgPool":
        largest = (2 ** op.get_input_datatype().bitwidth() - 1) * kernel
        shift = max(0, int(largest).bit_length() - op.get_output_datatype().bitwidth())
    return {"op": "pool", "function": names[function], "kernel": kernel, "shift": shift}


def _maxpool(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
    return {"op": "maxpool", "kernel": _pair(op, "PoolDim")}


def _pad(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
    top, left, bottom, right = _pair(op, "Padding")
    return {"op": "pad", "rows": [top, bottom], "columns": [left, right]}


def _topk(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
    return {"op": "topk", "k": int(op.get_nodeattr("K"))}


def _upsample(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
    before = out.model.get_tensor_shape(node.input[0])
    after = out.model.get_tensor_shape(node.output[0])
    return {"op": "upsample", "times": [int(after[i] // before[i]) for i in (1, 2)]}


def _plain(kind: str) -> _Writer:
    """A layer that needs no parameters beyond its shapes."""

    def write(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
        return {"op": kind}

    return write


def _concat(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
    return {"op": "concat", "inputs": list(node.input)}


def _split(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
    sizes = [int(out.model.get_tensor_shape(name)[-1]) for name in node.output]
    return {"op": "split", "sizes": sizes}


def _add_streams(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
    return {"op": "add", "inputs": list(node.input)[:2]}


def _transpose(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
    """Shuffles: the input as it arrives, its axes in another order, the output as it leaves."""
    shape = [int(n) for n in op.get_nodeattr("transpose_in_shape")]
    axes = list(range(len(shape)))
    if layer_kind(node.op_type) == "InnerShuffle":
        axes[-2], axes[-1] = axes[-1], axes[-2]
    else:
        axes = _pair(op, "perm")
    size = int(np.prod(shape[1:]))
    whole = int(np.prod(out.model.get_tensor_shape(node.input[0])[1:]))
    if axes[0] != 0 or size != whole:
        raise EngineError(
            "%s (%s) cannot be rehearsed" % (node.name, node.op_type),
            "It moves the axis of the batch, of which a board has many images.",
            "Estimates and real builds of this design are not affected.",
        )
    return {"op": "transpose", "from": shape, "perm": axes}


def _pixel_pad(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
    return {"op": "pixelpad", "stride": _pair(op, "Stride")}


def _crop(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
    north, south, west, east = [
        int(op.get_nodeattr("Crop" + side)) for side in ("North", "South", "West", "East")
    ]
    return {"op": "crop", "rows": [north, south], "columns": [west, east]}


_ELEMENTWISE = {"add": "add", "sub": "sub", "mul": "mul", "div": "div"}
_ELEMENTWISE.update(max="max", min="min")


def _elementwise(out: _Exporter, node: Any, op: Any) -> Dict[str, Any]:
    kind = layer_kind(node.op_type)[len("Elementwise") :].lower()
    if kind not in _ELEMENTWISE or (kind == "div" and not out.is_float(node.output[0])):
        raise EngineError(
            "%s (%s) cannot be rehearsed" % (node.name, node.op_type),
            "finn-tui has no software model of this layer.",
            "Estimates and real builds of this design are not affected.",
        )
    entry: Dict[str, Any] = {"op": _ELEMENTWISE[kind], "inputs": list(node.input)[:2]}
    for index in (0, 1):
        is_float = out.is_float(node.input[index])
        if not is_float:
            out.integer_input(node, index)
        constant = out.model.get_initializer(node.input[index])
        if constant is not None:
            keep = out.keep_float if is_float else out.keep
            entry["constant"] = keep(node, "constant", constant)
            entry["constant_index"] = index
    return entry


_WRITERS: Dict[str, _Writer] = {
    "Thresholding": _threshold,
    "MVAU": _matmul,
    "VVAU": _depthwise,
    "ConvolutionInputGenerator": _window,
    "Pool": _pool,
    "StreamingMaxPool": _maxpool,
    "FMPadding": _pad,
    "LabelSelect": _topk,
    "GlobalAccPool": _plain("sum"),
    "Upsampler": _upsample,
    "Reshape": _plain("reshape"),
    "Squeeze": _plain("reshape"),
    "Unsqueeze": _plain("reshape"),
    "DuplicateStreams": _plain("same"),
    "StreamingConcat": _concat,
    "StreamingSplit": _split,
    "AddStreams": _add_streams,
    "FMPadding_Pixel": _pixel_pad,
    "Crop": _crop,
    "Shuffle": _transpose,
    "InnerShuffle": _transpose,
    "OuterShuffle": _transpose,
}
for _name in _PLUMBING:
    _WRITERS[_name] = _plain("same")
