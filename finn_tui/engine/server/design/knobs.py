"""What may be changed about one layer: its knobs with their legal values, and its settings.

The rules are those of FINN's ``transformation/fpgadataflow/set_folding.py``. They say what may be
tried; what FINN itself then refuses, by raising in its own methods, is sorted out by ``tables``.
"""

import importlib
import math
from functools import reduce
from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

from finn_tui.engine.server.design import choices, shuffles
from finn_tui.engine.server.finn import finn_env

Knob = Dict[str, Any]
#: A layer as FINN sees it: the ONNX node and the instance of its custom op class.
Hardware = Tuple[Any, Any]

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

# Parts of a transpose that FINN has already decomposed: their SIMD is the transpose's, chosen
# before. They keep the value that they have, and are named as not folded.
_FOLDED_BY_FINN = ("InnerShuffle", "OuterShuffle", "StreamingDataWidthConverter")
#: Attributes of parallelism that finn-tui folds, and those that it names as not folded. Every other
#: one that the installed FINN has fails ``tests/engine/test_server_knobs.py``.
FOLDED = ("PE", "SIMD", "parallel_window")
NOT_FOLDED = ("EmbFold", "SeqFold", "M")
_VECTOR_OPS = ("VVAU", "VectorVectorActivation", "Vector_Vector_Activate")


def hardware_nodes(model: Any) -> List[Hardware]:
    """Every layer of a dataflow graph, in graph order."""
    finn_env.load_ops()
    registry = importlib.import_module("qonnx.custom_op.registry")
    return [
        (node, registry.getCustomOp(node))
        for node in model.graph.node
        if node.domain.startswith("finn.custom_op.fpgadataflow")
    ]


def base_op(op_type: str) -> str:
    """An op type without its implementation: ``MVAU_hls`` is an ``MVAU``."""
    for ending in ("_hls", "_rtl", "_Batch"):
        if op_type.endswith(ending):
            return op_type[: -len(ending)]
    return op_type


def is_hls(node: Any) -> bool:
    """Whether a layer is compiled by Vitis HLS, which limits how wide a stream may be."""
    return not node.op_type.endswith("_rtl")  # in FINN up to 0.9 nearly every op is HLS


def divisors(number: int) -> List[int]:
    """The divisors of ``number``, ascending."""
    small = [d for d in range(1, int(math.sqrt(number)) + 1) if number % d == 0]
    return small + [number // d for d in reversed(small) if d * d != number]


def attribute(inst: Any, names: Iterable[str]) -> Optional[int]:
    """The first of these integer attributes that a layer has."""
    types = inst.get_nodeattr_types()
    for name in names:
        if name in types:
            return int(inst.get_nodeattr(name))
    return None


def _last_axes(inst: Any) -> int:
    """The greatest common divisor of the innermost sizes of what flows in and out.

    Sizes of 1 are left out: they belong to a broadcast operand, which is not folded.
    """
    sizes = [int(inst.get_normal_input_shape()[-1]), int(inst.get_normal_output_shape()[-1])]
    return reduce(math.gcd, [size for size in sizes if size > 1] or [1])


def _pe_values(base: str, inst: Any) -> List[int]:
    if base == "LabelSelect":
        return divisors(int(inst.get_nodeattr("Labels")))
    channels = attribute(inst, ("MH", "Channels", "NumChannels"))
    return divisors(_last_axes(inst) if channels is None else channels)


def _simd_values(base: str, inst: Any) -> List[int]:
    types = inst.get_nodeattr_types()
    if "MW" in types:
        return divisors(int(inst.get_nodeattr("MW")))
    if base in _VECTOR_OPS:
        return divisors(reduce(lambda a, b: a * int(b), inst.get_nodeattr("Kernel"), 1))
    if "ChannelsPerStream" in types:
        return divisors(reduce(math.gcd, [int(c) for c in inst.get_nodeattr("ChannelsPerStream")]))
    if base == "LayerNorm":
        # Its pipeline needs more than 12 folds of a row to cover its own latency.
        size = int(inst.get_normal_input_shape()[-1])
        return [simd for simd in divisors(size) if size // simd > 12] or [1]
    if base == "Shuffle":
        return shuffles.decomposable(inst, divisors(_last_axes(inst)))
    channels = attribute(inst, ("IFMChannels", "NumChannels"))
    return divisors(_last_axes(inst) if channels is None else channels)


def windowed(nodes: List[Hardware]) -> Set[str]:
    """Names of the sliding windows that may hand out a whole kernel window at once.

    FINN has this in RTL only, and among depthwise ones it uses it for those that feed a VVAU.
    """
    vector = {node.input[0] for node, _ in nodes if base_op(node.op_type) in _VECTOR_OPS}
    return {
        node.name
        for node, inst in nodes
        if node.op_type == "ConvolutionInputGenerator_rtl"
        and "parallel_window" in inst.get_nodeattr_types()
        and (not inst.get_nodeattr("depthwise") or node.output[0] in vector)
    }


def knobs_of(node: Any, inst: Any, part: str, window: bool) -> List[Knob]:
    """The knobs of a layer that change its cost, each with the values to try, ascending.

    Those of kind "int" are its parallelism; a "choice" is how it stores and multiplies.

    ``window``: whether the layer is among the ``windowed`` ones.
    """
    base = base_op(node.op_type)
    types = inst.get_nodeattr_types()
    knobs: List[Knob] = []
    if base not in _FOLDED_BY_FINN:
        if "PE" in types:
            knobs.append({"name": "PE", "kind": "int", "values": _pe_values(base, inst)})
        if "SIMD" in types:
            knobs.append({"name": "SIMD", "kind": "int", "values": _simd_values(base, inst)})
        if window:
            knobs.append({"name": "parallel_window", "kind": "int", "values": [0, 1]})
    return knobs + choices.knobs_of(base, node, inst, part)


def go_together(node: Any, point: Dict[str, Any], knobs: List[Knob]) -> bool:
    """Whether the parallelism of one layer may be combined so (as far as FINN does not check)."""
    largest = {knob["name"]: knob["values"][-1] for knob in knobs}
    if point.get("parallel_window") == 1 and point["SIMD"] != largest["SIMD"]:
        return False  # the window is made of whole pixels
    # A VVAU works on one position of the kernel for all channels before it unrolls the kernel.
    vector = base_op(node.op_type) in _VECTOR_OPS
    return not (vector and point.get("SIMD", 1) > 1 and point["PE"] != largest["PE"])


def settings_of(inst: Any, knobs: List[Knob], rtl: bool = False) -> List[Knob]:
    """Other attributes of a layer that a folding file may set, with their legal values."""
    types = inst.get_nodeattr_types()
    taken = {knob["name"] for knob in knobs}
    kinds = {"i": "int", "s": "text", "ints": "ints", "strings": "texts"}
    settings: List[Knob] = []
    for name in SETTINGS:
        if name not in types or name in taken:
            continue
        allowed = choices.allowed(types, name)
        if name == "resType" and rtl:
            allowed.remove("lut")  # FINN's RTL cores multiply in DSPs alone, and say so when built
        if allowed:
            settings.append({"name": name, "kind": "choice", "values": allowed})
        else:
            settings.append({"name": name, "kind": kinds.get(types[name][0], "ints")})
    return settings
