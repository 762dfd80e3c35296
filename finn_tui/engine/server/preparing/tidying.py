"""A user's network as FINN's steps take it: QONNX, fixed shapes, one sample, clean names.

What is rewritten here computes the same: exports of other tools say the same in other ops.
"""

import importlib
import math
from typing import Any, Dict, List, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import graphs


def tidied(model: Any) -> Tuple[Any, List[str]]:
    """The network tidied, and what the user should know of it.

    Raises ``EngineError`` for shapes that are not fixed.
    """
    notes: List[str] = []
    batch = _fix_shapes(model)
    if "DequantizeLinear" in graphs.op_types(model):
        model = _from_qcdq(model)
        notes.append("read from QCDQ (QuantizeLinear, Clip, DequantizeLinear)")
    if batch > 1:
        notes.append(
            "exported for %d samples at once: it is built for one at a time, as the accelerator "
            "takes them" % batch
        )
    _explicit_convolutions(model)
    model = importlib.import_module("qonnx.util.cleanup").cleanup_model(model)
    _explicit_pools(model)
    _channels_last(model)
    return model, notes


def _from_qcdq(model: Any) -> Any:
    shapes = importlib.import_module("qonnx.transformation.infer_shapes")
    qcdq = importlib.import_module("qonnx.transformation.qcdq_to_qonnx")
    _clipped_weights(model)
    # It reads types of tensors that an export does not write down.
    return model.transform(shapes.InferShapes()).transform(qcdq.QCDQToQuant())


def _clipped_weights(model: Any) -> None:
    """Turn Clip and DequantizeLinear of constants into Quant, with the bits that Clip leaves.

    QONNX's own transformation reads clipped activations only.
    """
    numpy = importlib.import_module("numpy")
    helper = importlib.import_module("onnx").helper
    for node in list(model.graph.node):
        clip = model.find_producer(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if clip is None or clip.op_type != "Clip" or len(clip.input) < 3:
            continue
        codes, low, high = [model.get_initializer(name) for name in clip.input[:3]]
        scale = model.get_initializer(node.input[1])
        zero = model.get_initializer(node.input[2]) if len(node.input) > 2 else numpy.int8(0)
        if any(value is None for value in (codes, low, high, scale, zero)) or bool(
            (zero != 0).any()
        ):
            continue
        axis = next((int(a.i) for a in node.attribute if a.name == "axis"), 1)
        if scale.size > 1:
            scale = scale.reshape([-1 if at == axis else 1 for at in range(codes.ndim)])
        elif scale.ndim:
            scale = scale.reshape(())
        bits = math.ceil(math.log2(float(high) - float(low) + 1))
        values = {
            "weights": numpy.clip(codes, low, high).astype(numpy.float32) * scale,
            "scale": scale.astype(numpy.float32),
            "zero": numpy.float32(0),
            "bits": numpy.float32(bits),
        }
        names = []
        for what, value in values.items():
            names.append("%s_%s" % (node.output[0], what))
            model.set_initializer(names[-1], numpy.asarray(value, dtype=numpy.float32))
        quant = helper.make_node(
            "Quant",
            names,
            list(node.output),
            name="Quant_%s" % node.output[0],
            domain="qonnx.custom_op.general",
            narrow=int(float(low) == -float(high)),
            rounding_mode="ROUND",
            signed=int(float(low) < 0),
        )
        model.graph.node.insert(list(model.graph.node).index(node), quant)
        model.graph.node.remove(node)
        if not model.find_consumers(clip.output[0]):
            model.graph.node.remove(clip)


def _fix_shapes(model: Any) -> int:
    """Give each input a batch of one; returns the batch that it was exported for."""
    inputs = [tensor for tensor in model.graph.input if tensor.name in graphs.dynamic_inputs(model)]
    batch = 1
    for tensor in inputs:
        sizes = tensor.type.tensor_type.shape.dim
        missing = [str(axis) for axis, size in enumerate(sizes) if axis and size.dim_value == 0]
        if missing or not sizes:
            raise EngineError(
                "The network's input %s has no fixed shape" % tensor.name,
                "Axis %s has no size" % ", ".join(missing) if missing else "It has no axes",
                "Export the network with a fixed input shape",
            )
        if len(sizes) > 1 and sizes[0].dim_value != 1:
            batch = max(batch, sizes[0].dim_value)
            sizes[0].dim_value = 1  # a batch of any size is built for one sample at a time
    if batch > 1:
        _one_sample(model, batch)
    return batch


def _one_sample(model: Any, batch: int) -> None:
    """Follow a batch of one through the graph: shapes are inferred anew, Reshapes are told."""
    for tensor in model.graph.output:
        sizes = tensor.type.tensor_type.shape.dim
        if sizes and sizes[0].dim_value == batch:
            sizes[0].dim_value = 1
    del model.graph.value_info[:]
    for node in model.graph.node:
        if node.op_type == "Reshape":
            shape = model.get_initializer(node.input[1])
            if shape is not None and shape.size > 1 and int(shape.reshape(-1)[0]) == batch:
                shape = shape.copy()
                shape.reshape(-1)[0] = 1
                model.set_initializer(node.input[1], shape)


def _explicit_convolutions(model: Any) -> None:
    """Write attributes of convolutions at ONNX's defaults out: FINN reads them unasked."""
    helper = importlib.import_module("onnx").helper
    for node in model.graph.node:
        given = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type not in ("Conv", "ConvTranspose") or "kernel_shape" not in given:
            continue
        axes = len(given["kernel_shape"].ints)
        wanted: Dict[str, Any] = {
            "strides": [1] * axes,
            "dilations": [1] * axes,
            "pads": [0] * 2 * axes,
            "group": 1,
        }
        if "auto_pad" in given and given["auto_pad"].s != b"NOTSET":
            del wanted["pads"]
        for name, value in wanted.items():
            if name not in given:
                node.attribute.append(helper.make_attribute(name, value))


def _explicit_pools(model: Any) -> None:
    """Write ceil_mode of max pooling as padding: FINN's layers round down, whatever it says."""
    helper = importlib.import_module("onnx").helper
    for node in model.graph.node:
        given = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type != "MaxPool" or "ceil_mode" not in given or not given["ceil_mode"].i:
            continue
        before, after = (model.get_tensor_shape(n) for n in (node.input[0], node.output[0]))
        kernel = list(given["kernel_shape"].ints)
        axes = len(kernel)
        strides = list(given["strides"].ints) if "strides" in given else [1] * axes
        dilations = list(given["dilations"].ints) if "dilations" in given else [1] * axes
        pads = list(given["pads"].ints) if "pads" in given else [0] * 2 * axes
        for axis in range(axes):
            reach = (after[2 + axis] - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1
            lacking = reach - (before[2 + axis] + pads[axis] + pads[axes + axis])
            pads[axes + axis] += max(0, lacking)
        for name in ("ceil_mode", "pads"):
            if name in given:
                node.attribute.remove(given[name])
        node.attribute.append(helper.make_attribute("ceil_mode", 0))
        node.attribute.append(helper.make_attribute("pads", pads))


def _channels_last(model: Any) -> None:
    """Say so of an input of N, H, W, C: FINN takes any other one of four axes for N, C, H, W."""
    for name in graphs.dynamic_inputs(model):
        consumers = model.find_consumers(name) or []
        perms = [list(a.ints) for n in consumers for a in n.attribute if a.name == "perm"]
        if len(perms) == len(consumers) == perms.count([0, 3, 1, 2]) > 0:
            model.set_tensor_layout(name, ["N", "H", "W", "C"])
