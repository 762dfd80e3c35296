"""What of a graph FINN cannot take: each rule looks for one thing and names its nodes."""

import importlib
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from finn_tui.engine.server import graphs

#: (nodes, why, what to do); the nodes as "name (op type)".
Reason = Tuple[List[str], str, str]
Rule = Callable[[Any], Optional[Reason]]

#: FINN's default for ``max_multithreshold_bit_width``.
MOST_BITS = 8

#: Layers with weights, and what they are lowered to.
WEIGHTED = ("Conv", "ConvTranspose", "MatMul", "Gemm", "Im2Col")
_RECURRENT = ("QuantLSTMCell", "LSTM", "GRU", "RNN", "Scan", "Loop")
#: Ops that FINN has no layer for, and what to use instead.
_NO_LAYER = {
    "LeakyRelu": "Use ReLU, or a quantized identity whose thresholds make the same steps",
    "PRelu": "Use ReLU instead",
    "Elu": "Use ReLU instead",
    "Clip": "Let the quantizer clip: QuantReLU(max_val=6.0) instead of ReLU6 and a quantizer",
    "HardSigmoid": "Use ReLU instead",
    "HardSwish": "Use ReLU instead",
    "InstanceNormalization": "Use batch normalization, which FINN folds into thresholds",
    "GroupNormalization": "Use batch normalization, which FINN folds into thresholds",
    "Sin": "Compute it on the host, before or after the accelerator",
    "Cos": "Compute it on the host, before or after the accelerator",
    "Exp": "Compute it on the host, before or after the accelerator",
    "Pow": "Compute it on the host, before or after the accelerator",
    "Sqrt": "Compute it on the host, before or after the accelerator",
    "ReduceL2": "Compute it on the host, after the accelerator",
}


def _named(node: Any) -> str:
    return "%s (%s)" % (node.name, node.op_type)


def _attributes(node: Any) -> Dict[str, Any]:
    helper = importlib.import_module("onnx").helper
    return {a.name: graphs.plain(helper.get_attribute_value(a)) for a in node.attribute}


def _quantizers(model: Any) -> Iterator[Tuple[Any, List[Any]]]:
    for node in model.graph.node:
        if node.op_type in ("Quant", "IntQuant", "Trunc"):
            yield node, [model.get_initializer(name) for name in node.input[1:]]


def float_inputs(model: Any, node: Any) -> bool:
    return any(
        name
        and model.get_initializer(name) is None
        and model.get_tensor_datatype(name).name == "FLOAT32"
        for name in node.input
    )


# -- what the network as it came tells ------------------------------------------------------------


def _recurrent(model: Any) -> Optional[Reason]:
    nodes = [_named(node) for node in model.graph.node if node.op_type in _RECURRENT]
    if not nodes:
        return None
    return (
        nodes,
        "FINN has no recurrent layers (LSTM, GRU)",
        "Use a network without state, such as convolutions over a window of the sequence, or run "
        "the recurrent part on the host",
    )


def _zero_point(model: Any) -> Optional[Reason]:
    nodes = []
    for node, operands in _quantizers(model):
        zero = operands[1] if len(operands) > 1 else None
        if zero is not None and bool((zero != 0).any()):
            nodes.append(_named(node))
    if not nodes:
        return None
    return (
        nodes,
        "its zero point is not 0, and FINN takes symmetric quantization only",
        "Use a quantizer without a zero point (in Brevitas Int8ActPerTensorFloat or "
        "Uint8ActPerTensorFloat instead of the Shifted ones) and train again",
    )


def _trunc(model: Any) -> Optional[Reason]:
    nodes = []
    for node in model.graph.node:
        if node.op_type == "Trunc":
            mode = str(_attributes(node).get("rounding_mode", "FLOOR"))
            producer = model.find_producer(node.input[0])
            pooled = producer is not None and producer.op_type in ("AveragePool", "Mul", "Div")
            if mode.upper() != "FLOOR" or not pooled:
                nodes.append("%s, rounding mode %s" % (_named(node), mode))
    if not nodes:
        return None
    return (
        nodes,
        "FINN reads Trunc only with rounding mode FLOOR, right behind an average pooling",
        'Give TruncAvgPool2d float_to_int_impl_type="floor" in Brevitas and export again, or '
        "average over the whole picture without Trunc",
    )


def _grouped(model: Any) -> Optional[Reason]:
    nodes = []
    for node in model.graph.node:
        if node.op_type not in ("Conv", "ConvTranspose"):
            continue
        group = int(_attributes(node).get("group", 1))
        channels = model.get_tensor_shape(node.input[0])[1]
        if group > 1 and (group != channels or node.op_type == "ConvTranspose"):
            nodes.append("%s, group %d of %d channels" % (_named(node), group, channels))
    if not nodes:
        return None
    return (
        nodes,
        "FINN has ordinary (group 1) and depthwise (a group for each channel) convolutions, no "
        "grouped ones",
        "Write it as a depthwise and a pointwise convolution, or as one convolution for each group",
    )


def _many_bits(model: Any) -> Optional[Reason]:
    nodes = []
    for node, operands in _quantizers(model):
        if node.op_type == "Trunc" or model.get_initializer(node.input[0]) is not None:
            continue
        if _is_weight(model, node):
            continue
        bits = operands[2] if len(operands) > 2 else None
        if bits is not None and bits.size == 1 and float(bits.reshape(-1)[0]) > MOST_BITS:
            nodes.append("%s, %d bits" % (_named(node), int(bits.reshape(-1)[0])))
    if not nodes:
        return None
    return (
        nodes,
        "FINN turns activations into thresholds, of at most %d bits (max_multithreshold_bit_width)"
        % MOST_BITS,
        "Quantize these activations to %d bits or fewer" % MOST_BITS,
    )


def _is_weight(model: Any, node: Any) -> bool:
    consumers = model.find_consumers(node.output[0]) or []
    return any(list(each.input)[1:].count(node.output[0]) for each in consumers) and not (
        model.find_producer(node.input[0]) or node.input[0] in graphs.dynamic_inputs(model)
    )


def _uneven_pool(model: Any) -> Optional[Reason]:
    """Max pooling that is padded on one side more than on the other, as ceil_mode means."""
    nodes = []
    for node in model.graph.node:
        pads = _attributes(node).get("pads") if node.op_type == "MaxPool" else None
        if pads and pads[: len(pads) // 2] != pads[len(pads) // 2 :]:
            nodes.append("%s, pads %s" % (_named(node), pads))
    if not nodes:
        return None
    return (
        nodes,
        "its last window reaches over the edge (ceil_mode, or uneven padding), and FINN pads max "
        "pooling on both sides alike",
        "Use ceil_mode=False, or a padding that is even, and train again",
    )


def unquantized(model: Any) -> Optional[Reason]:
    """A layer with weights that gets what another one gives, with no quantizer between."""
    pairs = []
    for node in model.graph.node:
        if node.op_type not in WEIGHTED or len(node.input) < 2:
            continue
        if model.get_initializer(node.input[1]) is None and not _is_constant(model, node.input[1]):
            continue
        before = _layer_before(model, node.input[0])
        if before is not None:
            pairs.append((node, before))
    if not pairs:
        return None
    node, before = pairs[0]
    return (
        [_named(each) for each, _ in pairs],
        "nothing quantizes what it gets from %s, so that its input is FLOAT32" % _named(before),
        "Put a quantizer (QuantIdentity, QuantReLU) between the two layers, or leave out the bias "
        "there",
    )


def _is_constant(model: Any, name: str) -> bool:
    """Whether a tensor is computed of initializers alone, such as quantized weights."""
    producer = model.find_producer(name)
    if producer is None:
        return model.get_initializer(name) is not None
    return all(_is_constant(model, each) for each in producer.input if each)


def _layer_before(model: Any, name: str) -> Optional[Any]:
    """The layer with weights that a tensor comes from without a quantizer on the way."""
    for _ in range(20):
        producer = model.find_producer(name)
        if producer is None or producer.op_type in WEIGHTED:
            return producer
        if producer.op_type in ("Quant", "IntQuant", "BipolarQuant", "Trunc", "MultiThreshold"):
            return None
        dynamic = [each for each in producer.input if each and not _is_constant(model, each)]
        if len(dynamic) != 1:
            return None
        name = dynamic[0]
    return None


def _axes(model: Any) -> Optional[Reason]:
    nodes = [_named(n) for n in model.graph.node if n.op_type in ("Unsqueeze", "Squeeze")]
    if not nodes:
        return None
    return (
        nodes,
        "it changes the number of axes between layers, and FINN's layers keep it",
        "Keep four axes throughout: AdaptiveAvgPool2d(1) and Conv2d with kernel 1 instead of a "
        "mean, a dense layer and unsqueeze",
    )


def _one_dimension(model: Any) -> Optional[Reason]:
    nodes = [
        _named(node)
        for node in model.graph.node
        if node.op_type in ("Conv", "MaxPool", "AveragePool")
        and len(model.get_tensor_shape(node.input[0]) or ()) == 3
    ]
    if not nodes:
        return None
    return (
        nodes,
        "it is a convolution of one dimension, and FINN's steps take two",
        "Write it as Conv2d with kernel (k, 1) on an input of N x C x L x 1 and export again",
    )


def _no_layer(model: Any) -> Optional[Reason]:
    for node in model.graph.node:
        if node.op_type in _NO_LAYER:
            nodes = [_named(n) for n in model.graph.node if n.op_type == node.op_type]
            return nodes, "FINN has no layer for %s" % node.op_type, _NO_LAYER[node.op_type]
    return None


def _weight_bits_missing(model: Any) -> Optional[Reason]:
    """Weights of a layer that nobody quantizes."""
    nodes = []
    for node in model.graph.node:
        if node.op_type not in ("Conv", "ConvTranspose", "MatMul", "Gemm") or len(node.input) < 2:
            continue
        weights = model.get_initializer(node.input[1])
        if weights is None or model.get_tensor_datatype(node.input[1]).name != "FLOAT32":
            continue
        if bool((weights != weights.round()).any()):
            nodes.append(_named(node))
    if not nodes:
        return None
    return (
        nodes,
        "its weights are floating point numbers that no quantizer makes small whole ones of",
        "Give the layer a weight quantizer (QuantConv2d, QuantLinear with weight_bit_width)",
    )


def float_input(model: Any) -> Optional[Reason]:
    """The first layer with weights gets the input as it is: nothing quantizes it."""
    for name in graphs.dynamic_inputs(model):
        if model.get_tensor_datatype(name).name != "FLOAT32":
            continue
        node = _first_layer(model, name)
        if node is not None:
            return (
                [_named(node)],
                "the network's input reaches it as FLOAT32: nothing quantizes it on the way",
                "Put a QuantIdentity at the input and train again, or say what the input is: "
                "--preprocess divide-255 for images, --input-type INT8 for whole numbers",
            )
    return None


def _first_layer(model: Any, name: str) -> Optional[Any]:
    current = name
    for _ in range(20):
        consumers = model.find_consumers(current) or []
        if len(consumers) != 1:
            return None
        node = consumers[0]
        if node.op_type in ("Conv", "MatMul", "Gemm", "Im2Col"):
            if node.op_type == "Im2Col":
                current = node.output[0]
                continue
            return node if node.input[0] == current else None
        if node.op_type in ("Quant", "BipolarQuant", "MultiThreshold", "IntQuant"):
            return None
        current = node.output[0]
    return None


# -- what the graph tells that the failing step was given -----------------------------------------


def _stuck_scale(model: Any) -> Optional[Reason]:
    """A scale that stays in front of a fork or a join, so that layers behind it get floats."""
    for node in model.graph.node:
        if node.op_type not in ("Mul", "Add", "ElementwiseMul", "ElementwiseAdd"):
            continue
        if model.get_tensor_datatype(node.output[0]).name != "FLOAT32":
            continue
        consumers = model.find_consumers(node.output[0]) or []
        operands = [model.get_initializer(name) for name in node.input]
        if len(consumers) > 1 and any(operand is not None for operand in operands):
            behind = [_named(each) for each in consumers]
            return (
                [_named(node)],
                "a scale stays in front of a fork, so that the inputs of %s are FLOAT32"
                % graphs.listed(behind),
                "Give both branches quantizers with one common scale (one QuantIdentity used "
                "twice), or try --steps residual",
            )
    joins = []
    for node in model.graph.node:
        dynamic = [name for name in node.input if name and model.get_initializer(name) is None]
        if node.op_type in ("Add", "Concat") and len(dynamic) > 1 and float_inputs(model, node):
            joins.append(_named(node))
    if joins:
        return (
            joins,
            "branches with different scales are joined here, so that its inputs are FLOAT32",
            "Quantize all branches before the join with one shared quantizer (one QuantIdentity "
            "used for each), or try --steps residual",
        )
    return None


def _dynamic_product(model: Any) -> Optional[Reason]:
    nodes = []
    for node in model.graph.node:
        dynamic = [name for name in node.input if name and model.get_initializer(name) is None]
        if node.op_type == "MatMul" and len(dynamic) == 2:
            nodes.append(_named(node))
    if not nodes:
        return None
    return (
        nodes,
        "it multiplies two computed matrices (attention), for which this FINN's default flow has "
        "no layer",
        "Run this part on the host, before or after the accelerator, or try --steps extended",
    )


def _pooled_float(model: Any) -> Optional[Reason]:
    nodes = [
        _named(node)
        for node in model.graph.node
        if node.op_type in ("AveragePool", "GlobalAveragePool")
    ]
    if not nodes:
        return None
    return (
        nodes,
        "an average pooling divides, and its scale cannot be moved on to the next thresholds",
        "Put a quantizer directly behind it, or use TruncAvgPool2d with rounding FLOOR, or try "
        "--steps extended",
    )


def _tail(model: Any) -> Optional[Reason]:
    nodes = [node for node in model.graph.node if node.op_type in ("Softmax", "LogSoftmax")]
    if not nodes:
        return None
    return (
        [_named(node) for node in nodes],
        "it is no hardware layer here",
        "Cut it off before export: the host computes it from the accelerator's output",
    )


def topk(model: Any) -> Optional[Reason]:
    nodes = [node for node in model.graph.node if node.op_type == "TopK"]
    if not nodes or not float_inputs(model, nodes[0]):
        return None
    producer = model.find_producer(nodes[0].input[0])
    before = " behind %s" % _named(producer) if producer is not None else ""
    return (
        [_named(nodes[0])],
        "finn-tui's own top-k%s gets FLOAT32: a scale or bias for each class stays there" % before,
        "Leave the top-k out with --topk none; the host takes the largest output then",
    )


RULES: Tuple[Rule, ...] = (
    _recurrent,
    _zero_point,
    _trunc,
    _grouped,
    _many_bits,
    _no_layer,
    _uneven_pool,
)
LATER_RULES: Tuple[Rule, ...] = (
    _one_dimension,
    _stuck_scale,
    _dynamic_product,
    _pooled_float,
    _weight_bits_missing,
    _axes,
    _tail,
)
