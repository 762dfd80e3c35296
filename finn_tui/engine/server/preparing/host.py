"""What of a graph stays outside the accelerator: the host's part, and what nobody can compute."""

import importlib
from typing import Any, Dict, List, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import graphs
from finn_tui.engine.server.preparing import execution

# Ops that only arrange the input; at the very start of a graph the host does them, as the driver
# of FINN's own end-to-end examples does.
HOST_OPS = ("Transpose", "Reshape", "Flatten")


class NotHardware(EngineError):
    """Nodes that did not become hardware; ``nodes`` as (name, op type)."""

    def __init__(self, model: Any, nodes: List[Any]) -> None:
        first = nodes[0]
        types = ", ".join(model.get_tensor_datatype(name).name for name in first.input if name)
        others = ["%s (%s)" % (node.name, node.op_type) for node in nodes[1:]]
        note = ". The same holds for " + graphs.listed(others) if others else ""
        super().__init__(
            "The node %s (%s) does not become hardware" % (first.name, first.op_type),
            "Its inputs are %s; FINN has no hardware layer for it here%s" % (types, note),
            "Quantize its inputs, replace it, or move it out of the network",
        )
        self.nodes = [(node.name, node.op_type) for node in nodes]


def steps_of(model: Any) -> List[execution.HostSteps]:
    """What stays in front of the accelerator for the host to do, for each input.

    Raises ``NotHardware`` for anything else that did not become hardware.
    """
    hardware = "finn.custom_op.fpgadataflow"
    outside = [node for node in model.graph.node if not node.domain.startswith(hardware)]
    chains = []
    for name in graphs.dynamic_inputs(model):
        steps, outside = _front(model, name, outside)
        chains.append(steps)
    if outside:
        raise NotHardware(model, outside)
    return chains


def _front(model: Any, name: str, outside: List[Any]) -> Tuple[execution.HostSteps, List[Any]]:
    helper = importlib.import_module("onnx").helper
    steps: execution.HostSteps = []
    current = name
    rest = list(outside)
    for node in outside:
        if node.op_type not in HOST_OPS or node.input[0] != current:
            continue
        if node.op_type == "Transpose":
            attributes: Dict[str, Any] = {
                a.name: helper.get_attribute_value(a) for a in node.attribute
            }
            steps.append({"op": "Transpose", "perm": graphs.plain(attributes["perm"])})
        else:
            shape = graphs.plain(model.get_tensor_shape(node.output[0]))
            steps.append({"op": "Reshape", "shape": shape})
        rest.remove(node)
        current = node.output[0]
    return steps, rest
