"""From a dataflow graph to a design: its layers with their knobs, its streams, what binds them."""

from typing import Any, Dict, List, Optional, Tuple

from finn_tui.engine.server import graphs
from finn_tui.engine.server.design import knobs, tables
from finn_tui.engine.server.design.knobs import Hardware
from finn_tui.engine.server.finn import finn_env
from finn_tui.engine.server.hashes import file_sha256


def attributes(inst: Any) -> Dict[str, Any]:
    """All attributes of a layer as JSON values, defaults included; graphs and tensors left out."""
    values = {}
    for name, entry in inst.get_nodeattr_types().items():
        if entry[0] in ("i", "f", "s", "ints", "floats", "strings"):
            try:
                values[name] = graphs.plain(inst.get_nodeattr(name))
            except Exception:
                # FINN raises a bare Exception for a required attribute that is not there.
                continue
    return values


def shape_text(base: str, attrs: Dict[str, Any], inst: Any) -> str:
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


def describe(path: str, part: str) -> Dict[str, Any]:
    """The answer to ``design``."""
    finn_env.setup()
    model = graphs.load(path)
    nodes = knobs.hardware_nodes(model)
    window = knobs.windowed(nodes)
    return {
        "finn": finn_env.flavour(),
        "part": part,
        "fingerprint": file_sha256(path),
        "input": graphs.tensor(model, graphs.dynamic_inputs(model)[0]),
        "output": graphs.tensor(model, model.graph.output[0].name),
        "layers": [_layer(model, node, inst, part, node.name in window) for node, inst in nodes],
        "streams": _streams(model, nodes),
        "couplings": couplings(nodes),
    }


def _layer(model: Any, node: Any, inst: Any, part: str, window: bool) -> Dict[str, Any]:
    base = knobs.base_op(node.op_type)
    attrs = attributes(inst)
    tables.cache_attributes(inst)
    foldable = tables.possible(node, inst, part, knobs.knobs_of(node, inst, part, window))
    channels = knobs.attribute(inst, ("MW", "IFMChannels", "Channels", "NumChannels", "Labels"))
    return {
        "name": node.name,
        "op": node.op_type,
        "attrs": attrs,
        "shape": shape_text(base, attrs, inst),
        "knobs": foldable,
        "settings": knobs.settings_of(inst, foldable, node.op_type.endswith("_rtl")),
        "present": {knob["name"]: attrs[knob["name"]] for knob in foldable},
        "inputs": [name for name in node.input if name and model.get_initializer(name) is None],
        "outputs": list(node.output),
        "in_dtype": inst.get_input_datatype().name,
        "out_dtype": inst.get_output_datatype().name,
        "weight_dtype": attrs.get("weightDataType") or None,
        "in_channels": int(inst.get_normal_input_shape()[-1]) if channels is None else channels,
    }


def _streams(model: Any, nodes: List[Hardware]) -> List[Dict[str, Any]]:
    """Every tensor that flows between layers; ``bits`` is the width of one of its elements."""
    producer = {name: node.name for node, _ in nodes for name in node.output}
    ends: List[Tuple[str, Optional[str]]] = []
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


def couplings(nodes: List[Hardware]) -> List[Dict[str, Any]]:
    """Knobs of two layers that must be equal for the hardware to compute the right thing."""
    feeders = {
        node.output[0]: node.name
        for node, inst in nodes
        if node.op_type.startswith("ConvolutionInputGenerator") and inst.get_nodeattr("depthwise")
    }
    return [
        {
            "a": [feeders[node.input[0]], "SIMD"],
            "b": [node.name, "PE"],
            "why": "a depthwise sliding window must be folded like the layer it feeds",
        }
        for node, inst in nodes
        if node.input[0] in feeders and "PE" in inst.get_nodeattr_types()
    ]
