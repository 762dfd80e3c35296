"""Average pooling in the ops that FINN has layers for; what is rewritten computes the same."""

import importlib
from typing import Any, List, Optional

_QONNX = "qonnx.transformation."


def rewritten(model: Any, flow: str) -> Any:
    """A network with its average pools as GlobalAveragePool, or as depthwise convolutions.

    The latter in flows that take depthwise convolutions; QuantAvgPool2d has a layer of its own.
    """
    for node in list(model.graph.node):
        shape = model.get_tensor_shape(node.input[0]) if node.input else None
        if shape is None or len(shape) != 4:
            continue
        if node.op_type == "ReduceMean" and _mean_axes(model, node) == [2, 3]:
            _global_mean(model, node)
        elif node.op_type == "AveragePool":
            kernel, pads = _ints(node, "kernel_shape"), _ints(node, "pads") or []
            if kernel == list(shape[2:]) and not any(pads):
                node.op_type = "GlobalAveragePool"
                del node.attribute[:]
            elif flow in ("depthwise", "extended") and kernel and not _rounds(node, pads):
                _as_convolution(model, node, kernel, int(shape[1]))
    model = model.transform(importlib.import_module(_QONNX + "infer_shapes").InferShapes())
    return model.transform(importlib.import_module(_QONNX + "general").GiveUniqueNodeNames())


def _ints(node: Any, name: str) -> Optional[List[int]]:
    return next((list(a.ints) for a in node.attribute if a.name == name), None)


def _int(node: Any, name: str, default: int) -> int:
    return next((int(a.i) for a in node.attribute if a.name == name), default)


def _rounds(node: Any, pads: List[int]) -> bool:
    """Whether windows reach over the edge, where they count fewer pixels."""
    return any(pads) or bool(_int(node, "ceil_mode", 0))


def _mean_axes(model: Any, node: Any) -> Optional[List[int]]:
    """The axes that a mean is taken over: an attribute up to opset 17, an input from 18 on."""
    axes = _ints(node, "axes")
    if axes is None and len(node.input) > 1 and node.input[1]:
        values = model.get_initializer(node.input[1])
        axes = None if values is None else [int(value) for value in values.reshape(-1)]
    return None if axes is None else sorted(axis % 4 for axis in axes)


def _global_mean(model: Any, node: Any) -> None:
    helper = importlib.import_module("onnx").helper
    output, keep = node.output[0], bool(_int(node, "keepdims", 1))
    pooled = output if keep else model.make_new_valueinfo_name()
    new = [helper.make_node("GlobalAveragePool", [node.input[0]], [pooled])]
    if not keep:
        shape = model.get_tensor_shape(node.input[0])
        model.set_tensor_shape(pooled, [*shape[:2], 1, 1])
        new.append(helper.make_node("Flatten", [pooled], [output], axis=1))
    _replace(model, node, new)


def _as_convolution(model: Any, node: Any, kernel: List[int], channels: int) -> None:
    """A sum over the window, as a depthwise convolution with weights of 1, and a scale behind."""
    numpy = importlib.import_module("numpy")
    helper = importlib.import_module("onnx").helper
    datatype = importlib.import_module("qonnx.core.datatype").DataType
    weights = model.make_new_valueinfo_name()
    model.set_initializer(weights, numpy.ones([channels, 1, *kernel], dtype=numpy.float32))
    model.set_tensor_datatype(weights, datatype["INT2"])
    scale = model.make_new_valueinfo_name()
    model.set_initializer(scale, numpy.asarray(1.0 / (kernel[0] * kernel[1]), dtype=numpy.float32))
    summed = model.make_new_valueinfo_name()
    model.set_tensor_shape(summed, model.get_tensor_shape(node.output[0]))
    convolution = helper.make_node(
        "Conv",
        [node.input[0], weights],
        [summed],
        kernel_shape=kernel,
        strides=_ints(node, "strides") or [1, 1],
        pads=[0, 0, 0, 0],
        dilations=[1, 1],
        group=channels,
    )
    multiply = helper.make_node("Mul", [summed, scale], list(node.output))
    _replace(model, node, [convolution, multiply])


def _replace(model: Any, node: Any, new: List[Any]) -> None:
    at = list(model.graph.node).index(node)
    model.graph.node.remove(node)
    for offset, each in enumerate(new):
        model.graph.node.insert(at + offset, each)
