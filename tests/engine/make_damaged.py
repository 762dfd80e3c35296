"""Run with the engine's Python: ``make_damaged.py KIND PATH OUT`` damages a graph, or moves it."""

import sys
from pathlib import Path

import onnx


def main(kind: str, path: str, out: str) -> None:
    model = onnx.load(path)
    node = next((n for n in model.graph.node if n.op_type == "MatMul"), model.graph.node[0])
    if kind == "loop":
        node.input[0] = node.output[0]
    elif kind == "lost":
        node.input[0] = "nothing-gives-it"
    elif kind == "attribute":
        node.attribute.append(onnx.helper.make_attribute("not_an_attribute", 3))
    elif kind == "type":
        model.graph.initializer[0].data_type = 99
    elif kind == "external":
        tensor = model.graph.initializer[0]
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.ClearField("raw_data")
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", "weights.bin"
    elif kind == "reversed":
        nodes = [onnx.NodeProto.FromString(n.SerializeToString()) for n in model.graph.node]
        del model.graph.node[:]
        model.graph.node.extend(reversed(nodes))
    elif kind == "moved":
        for attribute in (a for n in model.graph.node for a in n.attribute if a.name == "model"):
            attribute.s = b"/elsewhere/" + attribute.s.rsplit(b"/", 1)[1]
    content = model.SerializeToString()
    if kind == "twice":
        content *= 2
    Path(out).write_bytes(content[: len(content) // 2] if kind == "cut" else content)


if __name__ == "__main__":
    main(*sys.argv[1:])
