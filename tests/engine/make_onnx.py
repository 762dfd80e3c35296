"""Run with the engine's Python: ``make_onnx.py KIND PATH`` writes a small network for a test."""

import sys
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save


def quant(source: str, target: str, bits: float, signed: int) -> Any:
    return helper.make_node(
        "Quant",
        [source, "scale", "zero", f"bits{bits:.0f}"],
        [target],
        domain="qonnx.custom_op.general",
        signed=signed,
        narrow=0,
        rounding_mode="ROUND",
    )


def network(kind: str) -> Any:
    """Two dense layers of 2-bit weights; "stranger" has a sine between them."""
    random = np.random.RandomState(7)
    weights = {"w0": (16, 8), "w1": (8, 4)}
    values = {name: random.randint(-1, 2, shape) for name, shape in weights.items()}
    values.update(scale=np.array(1.0), zero=np.array(0.0), bits2=np.array(2), bits8=np.array(8))
    tensors = [numpy_helper.from_array(v.astype(np.float32), n) for n, v in values.items()]
    middle = {"stranger": "Sin", "float": "Relu"}.get(kind, "Relu")
    nodes = [
        helper.make_node("MatMul", ["q_in", "q_w0"], ["m0"]),
        helper.make_node("Relu", ["m0"], ["r0"]),
        helper.make_node("MatMul", ["q_mid", "q_w1"], ["out"]),
    ]
    if kind == "float":
        renames = {"q_in": "in", "q_w0": "w0", "q_mid": "r0", "q_w1": "w1"}
        for node in nodes:
            for index, name in enumerate(node.input):
                node.input[index] = renames.get(name, name)
    else:
        middle = "r0"
        nodes.insert(0, quant("in", "q_in", 8, 0))
        nodes.insert(1, quant("w0", "q_w0", 2, 1))
        nodes.insert(2, quant("w1", "q_w1", 2, 1))
        if kind == "stranger":
            nodes.insert(5, quant("r0", "q_first", 2, 0))
            nodes.insert(6, helper.make_node("Sin", ["q_first"], ["s"], name="Sin_in_the_middle"))
            middle = "s"
        nodes.insert(-1, quant(middle, "q_mid", 2, 0))
    graph = helper.make_graph(
        nodes,
        kind,
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, [1, 16])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 4])],
        tensors,
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)]
    return helper.make_model(graph, opset_imports=opsets)


if __name__ == "__main__":
    save(network(sys.argv[1]), sys.argv[2])
