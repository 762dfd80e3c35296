"""From a dataflow graph to a design: its layers, their knobs and legal values, what binds them.

The rules are those of FINN's ``transformation/fpgadataflow/set_folding.py``; where FINN itself
refuses a value (by raising in its own methods), ``tables`` leaves the row out as well.
"""

import importlib
import math
from functools import reduce
from typing import Any, Dict, List, Optional, Set, Tuple

from finn_tui.engine.server import finn_env, graphs

Knob = Dict[str, Any]
RAM_STYLES = ("auto", "block", "distributed", "ultra")

# What a folding file may set besides the knobs: FIFO depths and the attributes that FINN's own
# step_apply_folding_config writes back (its hw_attrs), as far as a layer has them.
SETTINGS = (
    "inFIFODepths",
    "outFIFODepths",
    "inFIFODepth",  # FINN 0.8
    "outFIFODepth",
    "mem_mode",
    "resType",
    "mac_resource",
    "ram_style",
    "ram_style_thresholds",
    "ram_style_mask",
    "runtime_writeable_weights",
    "pumpedMemory",
    "pumpedCompute",
    "depth_trigger_bram",
    "depth_trigger_uram",
)


def base_op(op_type):
    # type: (str) -> str
    """An op type without its implementation: ``MVAU_hls`` is an ``MVAU``."""
    for ending in ("_hls", "_rtl", "_Batch"):
        if op_type.endswith(ending):
            return op_type[: -len(ending)]
    return op_type


def is_hls(node):
    # type: (Any) -> bool
    """Whether a layer is compiled by Vitis HLS (which limits how wide a stream may be)."""
    return bool(node.domain.endswith(".hls") or not node.op_type.endswith("_rtl"))


def hardware_nodes(model):
    # type: (Any) -> List[Tuple[Any, Any]]
    """Every layer as (node, FINN's custom op instance), in graph order."""
    registry = importlib.import_module("qonnx.custom_op.registry")
    found = []
    for node in model.graph.node:
        if node.domain.startswith("finn.custom_op.fpgadataflow"):
            found.append((node, registry.getCustomOp(node)))
    return found


def divisors(number):
    # type: (int) -> List[int]
    """The divisors of ``number``, ascending."""
    small = [d for d in range(1, int(math.sqrt(number)) + 1) if number % d == 0]
    return small + [number // d for d in reversed(small) if d * d != number]


def _attribute(inst, names):
    # type: (Any, Tuple[str, ...]) -> Optional[int]
    types = inst.get_nodeattr_types()
    for name in names:
        if name in types:
            return int(inst.get_nodeattr(name))
    return None


def _last_dimension(inst, output):
    # type: (Any, bool) -> int
    shape = inst.get_normal_output_shape() if output else inst.get_normal_input_shape()
    return int(shape[-1])


def pe_values(base, inst):
    # type: (str, Any) -> List[int]
    """Legal PE of a layer on its own: divisors of the outputs or channels it works on."""
    if base == "LabelSelect":
        return divisors(int(inst.get_nodeattr("Labels")))
    channels = _attribute(inst, ("MH", "Channels", "NumChannels"))
    return divisors(_last_dimension(inst, output=True) if channels is None else channels)


def simd_values(base, inst):
    # type: (str, Any) -> List[int]
    """Legal SIMD of a layer on its own."""
    types = inst.get_nodeattr_types()
    if "MW" in types:
        return divisors(int(inst.get_nodeattr("MW")))
    if base in ("VVAU", "VectorVectorActivation", "Vector_Vector_Activate"):
        return divisors(_product(inst.get_nodeattr("Kernel")))
    if "ChannelsPerStream" in types:
        return divisors(reduce(math.gcd, [int(c) for c in inst.get_nodeattr("ChannelsPerStream")]))
    if base == "LayerNorm":
        # Its pipeline needs more than 12 folds of a row to cover its own latency.
        dim = _last_dimension(inst, output=False)
        return [s for s in divisors(dim) if dim // s > 12] or [1]
    channels = _attribute(inst, ("IFMChannels", "NumChannels"))
    return divisors(_last_dimension(inst, output=False) if channels is None else channels)


def _product(numbers):
    # type: (Any) -> int
    return int(reduce(lambda a, b: a * int(b), numbers, 1))


# Ops whose SIMD depends on more than one axis of their data; FINN folds them while it decomposes
# transposes, so here they keep the value they have.
_FOLDED_BY_FINN = ("Shuffle", "InnerShuffle", "OuterShuffle", "StreamingDataWidthConverter")


def windowed(nodes):
    # type: (List[Tuple[Any, Any]]) -> Set[str]
    """The sliding windows that may hand out a whole kernel window at once.

    FINN has this in RTL only, and among depthwise ones it uses it for those that feed a VVAU.
    """
    vector_inputs = {node.input[0] for node, inst in nodes if "Kernel" in inst.get_nodeattr_types()}
    return {
        node.name
        for node, inst in nodes
        if node.op_type == "ConvolutionInputGenerator_rtl"
        and "parallel_window" in inst.get_nodeattr_types()
        and (not inst.get_nodeattr("depthwise") or node.output[0] in vector_inputs)
    }


def knobs_of(node, inst, part, window):
    # type: (Any, Any, str, bool) -> List[Knob]
    """The knobs of a layer that change its cost, each with its legal values in order.

    ``window``: whether the layer is among the ``windowed`` ones.
    """
    base = base_op(node.op_type)
    types = inst.get_nodeattr_types()
    knobs = []  # type: List[Knob]
    if base not in _FOLDED_BY_FINN:
        if "PE" in types:
            knobs.append({"name": "PE", "kind": "int", "values": pe_values(base, inst)})
        if "SIMD" in types:
            knobs.append({"name": "SIMD", "kind": "int", "values": simd_values(base, inst)})
        if window:
            knobs.append({"name": "parallel_window", "kind": "int", "values": [0, 1]})
    styles = _ram_styles(inst, types, part)
    if len(styles) > 1:
        knobs.append({"name": "ram_style", "kind": "choice", "values": styles})
    return knobs


def _allowed(types, name):
    # type: (Dict[str, Any], str) -> List[Any]
    entry = types.get(name, ())
    return list(graphs.plain(entry[3])) if len(entry) > 3 and entry[3] is not None else []


def _ram_styles(inst, types, part):
    # type: (Any, Dict[str, Any], str) -> List[str]
    allowed = _allowed(types, "ram_style")
    styles = [style for style in RAM_STYLES if style in allowed]
    if "ultra" in styles:
        # UltraRAM cannot be initialised from a bitfile (Versal apart), so FINN asks that weights
        # in it be written at run time.
        needs_writing = "runtime_writeable_weights" in types and not part.startswith("xcv")
        writeable = needs_writing and bool(inst.get_nodeattr("runtime_writeable_weights"))
        if not finn_env.has_uram(part) or (needs_writing and not writeable):
            styles.remove("ultra")
    return styles


def legal_alone(node, point, knobs):
    # type: (Any, Dict[str, Any], List[Knob]) -> bool
    """Whether the values of one layer's knobs go together (what FINN does not check itself)."""
    largest = {knob["name"]: knob["values"][-1] for knob in knobs}
    if point.get("parallel_window") == 1 and point["SIMD"] != largest["SIMD"]:
        return False  # the parallel window needs every channel of a pixel at once
    # A VVAU computes one kernel window of all its channels before it may unroll the window.
    vector = "VVAU" in node.op_type or node.op_type.lower().startswith("vector")
    return not (vector and point.get("SIMD", 1) > 1 and point["PE"] != largest["PE"])


def settings_of(inst, knobs):
    # type: (Any, List[Knob]) -> List[Knob]
    """Other attributes of a layer that a folding file may set, with their legal values."""
    types = inst.get_nodeattr_types()
    names = [name for name in SETTINGS if name in types]
    settings = []  # type: List[Knob]
    for name in names:
        if any(knob["name"] == name for knob in knobs):
            continue
        allowed = _allowed(types, name)
        if allowed:
            settings.append({"name": name, "kind": "choice", "values": allowed})
        else:
            settings.append(
                {"name": name, "kind": {"i": "int", "s": "text"}.get(types[name][0], "ints")}
            )
    return settings


def attributes(inst):
    # type: (Any) -> Dict[str, Any]
    """All attributes of a layer as JSON values, defaults included; graphs and tensors left out."""
    values = {}
    for name, entry in inst.get_nodeattr_types().items():
        if entry[0] in ("i", "f", "s", "ints", "floats", "strings"):
            try:
                values[name] = graphs.plain(inst.get_nodeattr(name))
            except Exception:  # noqa: S112
                # FINN raises a bare Exception for a required attribute that is not there.
                continue
    return values


def shape_text(base, attrs, inst):
    # type: (str, Dict[str, Any], Any) -> str
    """What a layer works on, in a few characters."""
    if "MW" in attrs:
        return "%dx%d" % (attrs["MW"], attrs["MH"])
    kernel = attrs.get("ConvKernelDim") or attrs.get("KernelSize") or attrs.get("Kernel")
    channels = attrs.get("IFMChannels", attrs.get("Channels", attrs.get("NumChannels")))
    if kernel and channels is not None:
        sides = kernel if isinstance(kernel, list) else [kernel, kernel]
        return "%s %d ch" % ("x".join(str(side) for side in sides), channels)
    if base == "LabelSelect":
        return "%d of %d" % (attrs.get("K", 1), attrs["Labels"])
    if channels is not None:
        return "%d ch" % channels
    return "x".join(str(int(d)) for d in inst.get_normal_input_shape())


def describe(path, part):
    # type: (str, str) -> Dict[str, Any]
    """The answer to ``design``."""
    finn_env.setup()
    model = graphs.load(path)
    nodes = hardware_nodes(model)
    window = windowed(nodes)
    return {
        "finn": finn_env.flavour(),
        "part": part,
        "fingerprint": graphs.fingerprint(path),
        "input": graphs.tensor(model, graphs.dynamic_inputs(model)[0]),
        "output": graphs.tensor(model, model.graph.output[0].name),
        "layers": [_layer(model, node, inst, part, node.name in window) for node, inst in nodes],
        "streams": _streams(model, nodes),
        "couplings": couplings(nodes),
    }


def _layer(model, node, inst, part, window):
    # type: (Any, Any, Any, str, bool) -> Dict[str, Any]
    base = base_op(node.op_type)
    attrs = attributes(inst)
    knobs = knobs_of(node, inst, part, window)
    return {
        "name": node.name,
        "op": node.op_type,
        "attrs": attrs,
        "shape": shape_text(base, attrs, inst),
        "knobs": knobs,
        "settings": settings_of(inst, knobs),
        "present": {knob["name"]: attrs[knob["name"]] for knob in knobs},
        "inputs": [name for name in node.input if name and model.get_initializer(name) is None],
        "outputs": list(node.output),
        "in_dtype": inst.get_input_datatype().name,
        "out_dtype": inst.get_output_datatype().name,
        "weight_dtype": attrs.get("weightDataType") or None,
        "in_channels": int(
            attrs.get("MW")
            or attrs.get("IFMChannels")
            or attrs.get("Channels")
            or attrs.get("NumChannels")
            or attrs.get("Labels")
            or _last_dimension(inst, output=False)
        ),
    }


def _streams(model, nodes):
    # type: (Any, List[Tuple[Any, Any]]) -> List[Dict[str, Any]]
    """Every tensor that flows between layers; ``bits`` is the width of one of its elements."""
    producer = {name: node.name for node, _ in nodes for name in node.output}
    ends = []  # type: List[Tuple[str, Optional[str]]]
    for node, _ in nodes:
        for name in node.input:
            if name and model.get_initializer(name) is None:
                ends.append((name, node.name))
    consumed = {name for name, _ in ends}
    ends += [(name, None) for name in producer if name not in consumed]
    return [
        {
            "tensor": name,
            "producer": producer.get(name),
            "consumer": consumer,
            "shape": graphs.plain(model.get_tensor_shape(name)),
            "dtype": model.get_tensor_datatype(name).name,
            "bits": int(model.get_tensor_datatype(name).bitwidth()),
        }
        for name, consumer in ends
    ]


def couplings(nodes):
    # type: (List[Tuple[Any, Any]]) -> List[Dict[str, Any]]
    """Knobs of two layers that must agree for the hardware to compute the right thing.

    ``rule`` "equal": both values are the same. ``rule`` "window": ``a`` is 1 exactly where ``b``
    is greater than 1.
    """
    by_input = {}  # type: Dict[str, List[Tuple[Any, Any]]]
    for node, inst in nodes:
        by_input.setdefault(node.input[0], []).append((node, inst))
    found = []  # type: List[Dict[str, Any]]
    for node, inst in nodes:
        if not node.op_type.startswith("ConvolutionInputGenerator"):
            continue
        if not inst.get_nodeattr("depthwise"):
            continue
        for other, other_inst in by_input.get(node.output[0], []):
            types = other_inst.get_nodeattr_types()
            if "PE" in types:
                found.append(
                    {
                        "a": [node.name, "SIMD"],
                        "b": [other.name, "PE"],
                        "rule": "equal",
                        "why": "a depthwise sliding window must be folded like the layer it feeds",
                    }
                )
            if "Kernel" in types and "SIMD" in types and node.op_type.endswith("_rtl"):
                found.append(
                    {
                        "a": [node.name, "parallel_window"],
                        "b": [other.name, "SIMD"],
                        "rule": "window",
                        "why": "a VVAU that unrolls its kernel needs the whole window at once",
                    }
                )
    return found
