"""How a layer keeps its parameters and multiplies: its knobs besides parallelism, by FINN's rules.

A "mode" is one value for each of them. The rules are read off FINN's own op classes, from what
their estimators and their code generation look at; ``stand_in`` says which modes FINN's estimators
cannot tell apart, so that they are priced once; ``tests/engine/test_server_networks.py`` prices the
full product of every op of two large networks with FINN.
"""

import importlib
import itertools
from typing import Any, Dict, Iterator, List

from finn_tui.engine.server import graphs
from finn_tui.engine.server.finn import finn_env

Knob = Dict[str, Any]
Mode = Dict[str, Any]

#: In this order where FINN allows them; what comes first is what the others are compared with.
_ORDER = {
    "mem_mode": (
        "internal_decoupled",
        "internal_embedded",
        "external",
        "decoupled",
        "const",  # FINN 0.9 and older
    ),
    "ram_style": ("auto", "block", "distributed", "ultra"),
    "ram_style_thresholds": ("auto", "block", "distributed"),
    "resType": ("auto", "lut", "dsp"),
    "runtime_writeable_weights": (0, 1),
}
_STREAMED = ("internal_decoupled", "decoupled")
_EMBEDDED = ("internal_embedded", "const")
_MATRIX = (
    "MVAU",
    "VVAU",
    "MatrixVectorActivation",
    "VectorVectorActivation",
    "Matrix_Vector_Activate",
    "Vector_Vector_Activate",
    "StreamingFCLayer",
)


def allowed(types: Dict[str, Any], name: str) -> List[Any]:
    """The values that FINN lists for an attribute, in our order; empty where it lists none."""
    entry = types.get(name, ())
    modes = list(graphs.plain(entry[3])) if len(entry) > 3 and entry[3] is not None else []
    order = _ORDER.get(name)
    return [value for value in order if value in modes] if order else sorted(modes)


def is_versal(part: str) -> bool:
    """Whether UltraRAM can be initialised from the bitstream, as FINN decides it."""
    try:
        finn_is_versal = importlib.import_module("finn.util.basic").is_versal
    except (ImportError, AttributeError):
        return part.startswith(("xcv", "xc2v"))
    return bool(finn_is_versal(part))


def knobs_of(base: str, node: Any, inst: Any, part: str) -> List[Knob]:
    """The knobs, each with its values; one without a choice is left out.

    ``needs`` says what another knob must be for this one to matter; it is ``idle`` otherwise.
    """
    tried = _tried(base, node, inst, part)
    modes = list(_legal(base, inst, part, tried))
    knobs = []
    for knob in tried:
        values = [
            value for value in knob["values"] if any(mode[knob["name"]] == value for mode in modes)
        ]
        if len(values) > 1:
            knobs.append(dict(knob, values=values))
    names = [knob["name"] for knob in knobs]
    for knob in knobs:
        needs = {name: values for name, values in knob.pop("needs", {}).items() if name in names}
        idle = knob.pop("idle")
        if needs:
            knob.update(needs=needs, idle=idle)
    return knobs


def modes(base: str, node: Any, inst: Any, part: str, knobs: List[Knob]) -> List[Mode]:
    """Every legal mode of these knobs."""
    names = {knob["name"] for knob in knobs}
    tried = _tried(base, node, inst, part)
    modes = [
        {name: mode[name] for name in mode if name in names}
        for mode in _legal(base, inst, part, tried)
    ]
    distinct: List[Mode] = []
    for mode in modes:
        if mode not in distinct:
            distinct.append(mode)
    return distinct


def _tried(base: str, node: Any, inst: Any, part: str) -> List[Knob]:
    types = inst.get_nodeattr_types()
    rtl = node.op_type.endswith("_rtl")

    def has(name: str) -> bool:
        return name in types

    def now(name: str) -> Any:
        return inst.get_nodeattr(name)

    names: List[str] = []
    needs: Dict[str, Dict[str, Any]] = {}
    stores = True
    memories = allowed(types, "mem_mode")
    if base in _MATRIX:
        names = ["mem_mode", "ram_style", "resType", "ram_style_thresholds"]
        if rtl:
            # The RTL core is fed with weights by a stream, and multiplies in DSPs alone.
            memories = [mode for mode in memories if mode not in _EMBEDDED]
            names = ["mem_mode", "ram_style"]
        elif not has("noActivation") or now("noActivation"):
            names.remove("ram_style_thresholds")
        names.append("runtime_writeable_weights")
        needs["ram_style"] = needs["runtime_writeable_weights"] = {"mem_mode": list(_STREAMED)}
    elif base == "Thresholding":
        # The memory of Thresholding_rtl is chosen by its depth.
        names = ["depth_trigger_bram", "depth_trigger_uram"]
        if not rtl:
            names = ["mem_mode", "ram_style", "runtime_writeable_weights"]
            needs["runtime_writeable_weights"] = {"mem_mode": list(_STREAMED)}
    elif base.startswith("Elementwise"):
        constant = [has(name) and now(name) == "const" for name in ("lhs_style", "rhs_style")]
        stores = any(constant)
        if constant != [False, True]:
            # Only a constant on the right is streamed from a memory.
            memories = [mode for mode in memories if mode in _EMBEDDED]
        names = ["mem_mode", "ram_style", "runtime_writeable_weights"]
        needs["runtime_writeable_weights"] = {"mem_mode": list(_STREAMED)}
    elif base == "Lookup":
        names = ["mem_mode", "ram_style"]
        needs["ram_style"] = {"mem_mode": list(_EMBEDDED)}
    elif base in ("ConvolutionInputGenerator", "HWWhere"):
        names = ["ram_style"]
    if not stores:
        return []
    tried = []
    for name in names:
        if not has(name):
            continue
        values = memories if name == "mem_mode" else allowed(types, name)
        if name.startswith("depth_trigger"):
            values = _depths(inst)
        if name == "mem_mode" and now(name) not in values:
            values = [now(name)]  # a form of the graph itself, such as weights that are computed
        if values:
            idle = types[name][2]
            tried.append(
                {
                    "name": name,
                    "kind": "choice",
                    "values": values,
                    "idle": idle,
                    "needs": needs.get(name, {}),
                }
            )
    return tried


def _depths(inst: Any) -> List[int]:
    """Depths from which another memory may be taken: powers of two up to one that never is."""
    if not hasattr(inst, "get_pe_mem_geometries"):
        return []
    bits = inst.get_output_datatype().bitwidth()
    deepest = int(inst.get_nodeattr("NumChannels")) * 2 ** (bits - 1)
    values, value = [0], 16
    while value // 2 <= deepest or value == 16:
        values.append(value)
        value *= 2
    present = {int(inst.get_nodeattr("depth_trigger_" + kind)) for kind in ("bram", "uram")}
    return sorted({*values, *present})


def _legal(base: str, inst: Any, part: str, tried: List[Knob]) -> Iterator[Mode]:
    types = inst.get_nodeattr_types()
    fixed = inst.get_nodeattr("mem_mode") if "mem_mode" in types else None
    uram, versal = finn_env.has_uram(part), is_versal(part)
    for values in itertools.product(*[knob["values"] for knob in tried]):
        mode = dict(zip([knob["name"] for knob in tried], values))
        memory = mode.get("mem_mode", fixed)
        streamed = memory in _STREAMED or memory is None
        if any(
            mode[knob["name"]] != knob["idle"]
            and "mem_mode" in knob["needs"]
            and memory is not None
            and memory not in knob["needs"]["mem_mode"]
            for knob in tried
        ):
            continue
        if mode.get("ram_style") == "ultra":
            # UltraRAM cannot be initialised from a bitfile (Versal apart): what is kept in it
            # must be written at run time, or be no parameter at all.
            written = mode.get("runtime_writeable_weights") == 1 and streamed
            buffer = base in ("ConvolutionInputGenerator", "HWWhere")
            if not uram or not (written or buffer or versal):
                continue
        yield mode


#: What the estimators of the layers with weights look at; of others, everything may matter.
_LOOKED_AT = {
    "shape": ("mem_mode",),
    "memory": ("mem_mode", "ram_style"),
    "luts": ("mem_mode", "ram_style", "resType", "ram_style_thresholds"),
    "dsps": ("resType",),
}


def stand_in(base: str, mode: Mode, part: str) -> Mode:
    """A mode that FINN's estimators cannot tell from this one; the same for all that are alike.

    ``part``: "shape" (cycles, widths, whether they are possible), "memory" (BRAM and URAM),
    "luts" or "dsps".
    """
    like = dict(mode)
    # Registers for writing parameters are in no estimate.
    like.pop("runtime_writeable_weights", None)
    # Estimates of the matrix layer (not of the depthwise one) count block RAM for "auto".
    alike = base in ("MVAU", "ConvolutionInputGenerator", "Lookup") or base.startswith("Element")
    if alike and like.get("ram_style") == "block":
        like["ram_style"] = "auto"
    if like.get("ram_style_thresholds") == "block":
        like["ram_style_thresholds"] = "auto"
    if base in ("MVAU", "VVAU"):
        like = {name: value for name, value in like.items() if name in _LOOKED_AT[part]}
        if like.get("resType") == "auto":
            like["resType"] = "lut"
        if part == "luts" and mode.get("mem_mode") != "internal_embedded":
            # Only memory that is made of LUTs is counted.
            like.pop("mem_mode", None)
            if like.get("ram_style") != "distributed":
                like.pop("ram_style", None)
    return like


def reached(inst: Any, mode: Mode) -> Any:
    """What FINN sees of the depth triggers with the PE that the layer has now.

    ``Thresholding_rtl`` asks whether there are any, and of each of its memories whether its depth
    reaches one or the other.
    """
    bram, uram = mode["depth_trigger_bram"], mode["depth_trigger_uram"]
    depths = [depth for _, depth in inst.get_pe_mem_geometries()]
    seen = tuple([(depth >= bram, depth >= uram) for depth in depths])
    return (inst.get_nodeattr("PE"), bool(bram or uram), seen)
