"""Run with the engine's Python: ``make_cases.py FOLDER`` writes small networks, one a kind.

Each is one of the kinds that users' reports are about: signed input, a softmax or a bias at the
end, two outputs, branches with scales of their own, many bits, zero points, grouped and
one-dimensional convolutions.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save


class Net:
    """An ONNX graph in the making."""

    def __init__(self, shape: list[int]) -> None:
        self.nodes: list[Any] = []
        self.values: dict[str, Any] = {}
        self.inputs = {"x": shape}
        self.random = np.random.RandomState(5)

    def value(self, array: Any) -> str:
        name = f"v{len(self.values)}"
        self.values[name] = np.asarray(array, dtype=np.float32)
        return name

    def node(self, op: str, inputs: list[str], **attributes: Any) -> str:
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [output], f"{op}{output}", **attributes))
        return output

    def quant(self, source: str, scale: float, bits: int, signed: int, zero: float = 0) -> str:
        inputs = [source, self.value(scale), self.value(zero), self.value(bits)]
        return self.node(
            "Quant",
            inputs,
            domain="qonnx.custom_op.general",
            signed=signed,
            narrow=0,
            rounding_mode="ROUND",
        )

    def dense(self, source: str, inputs: int, outputs: int, bits: int = 3) -> str:
        weights = self.quant(
            self.value(self.random.uniform(-1, 1, (inputs, outputs))), 0.25, bits, 1
        )
        return self.node("MatMul", [source, weights])

    def conv(self, source: str, shape: tuple[int, ...], **attributes: Any) -> str:
        weights = self.quant(self.value(self.random.uniform(-1, 1, shape)), 0.25, 3, 1)
        return self.node("Conv", [source, weights], kernel_shape=list(shape[2:]), **attributes)

    def act(self, source: str, scale: float = 0.1037, bits: int = 4) -> str:
        return self.quant(self.node("Relu", [source]), scale, bits, 0)

    def save(self, path: Path, *outputs: tuple[str, list[int]]) -> None:
        real = TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [
                helper.make_tensor_value_info(name, real, sizes)
                for name, sizes in self.inputs.items()
            ],
            [helper.make_tensor_value_info(name, real, shape) for name, shape in outputs],
            [numpy_helper.from_array(array, name) for name, array in self.values.items()],
        )
        opsets = [helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)]
        save(helper.make_model(graph, opset_imports=opsets), str(path))


def mlp(folder: Path, name: str, scale: float, bits: int, signed: int, zero: float = 0) -> None:
    net = Net([1, 12])
    hidden = net.act(net.dense(net.quant("x", scale, bits, signed, zero), 12, 8))
    net.save(folder / f"{name}.onnx", (net.dense(hidden, 8, 4), [1, 4]))


def endings(folder: Path) -> None:
    net = Net([1, 12])
    scores = net.dense(net.act(net.dense(net.quant("x", 1 / 255, 8, 0), 12, 8)), 8, 4)
    net.save(folder / "softmax.onnx", (net.node("Softmax", [scores], axis=1), [1, 4]))
    net.nodes.pop()
    biased = net.node("Add", [scores, net.value([0.11, -0.37, 0.05, 0.4])])
    net.save(folder / "bias.onnx", (biased, [1, 4]))
    net.nodes.pop()
    net.save(folder / "sine.onnx", (net.node("Sin", [scores]), [1, 4]))


def branches(folder: Path) -> None:
    net = Net([1, 3, 8, 8])
    first = net.act(net.conv(net.quant("x", 1 / 255, 8, 0), (4, 3, 3, 3), pads=[1] * 4))
    body = net.act(net.conv(first, (4, 4, 3, 3), pads=[1] * 4), scale=0.0713)
    joined = net.act(net.node("Add", [first, body]), scale=0.173)
    flat = net.node("Flatten", [joined], axis=1)
    net.save(folder / "residual.onnx", (net.dense(flat, 256, 5), [1, 5]))
    other = net.dense(flat, 256, 3)
    net.save(folder / "twoout.onnx", (net.nodes[-3].output[0], [1, 5]), (other, [1, 3]))


def convolutions(folder: Path) -> None:
    net = Net([1, 4, 6, 6])
    grouped = net.conv(net.quant("x", 1 / 255, 8, 0), (4, 2, 3, 3), group=2)
    flat = net.node("Flatten", [net.act(grouped)], axis=1)
    net.save(folder / "grouped.onnx", (net.dense(flat, 64, 3), [1, 3]))
    net = Net([1, 3, 16])
    line = net.conv(net.quant("x", 1 / 255, 8, 0), (4, 3, 3), strides=[1])
    flat = net.node("Flatten", [net.act(line)], axis=1)
    net.save(folder / "line.onnx", (net.dense(flat, 56, 3), [1, 3]))


def exports(folder: Path) -> None:
    """What exporters write in ops of their own, or in other shapes than FINN's steps expect."""
    net = Net([4, 12])
    hidden = net.act(net.dense(net.quant("x", 1 / 255, 8, 0), 12, 8))
    net.save(folder / "batch.onnx", (net.dense(hidden, 8, 4), [4, 4]))
    net = Net([1, 6, 6, 3])
    image = net.node("Transpose", ["x"], perm=[0, 3, 1, 2])
    maps = net.act(net.conv(net.quant(image, 1 / 255, 8, 0), (4, 3, 3, 3)))
    net.save(folder / "nhwc.onnx", (net.dense(net.node("Flatten", [maps], axis=1), 64, 5), [1, 5]))
    net = Net([1, 3, 8, 8])
    maps = net.act(net.conv(net.quant("x", 1 / 255, 8, 0), (4, 3, 3, 3), pads=[1] * 4))
    before = len(net.nodes)
    pooled = net.node("ReduceMean", [maps], axes=[2, 3], keepdims=0)
    net.save(folder / "mean.onnx", (net.dense(net.act(pooled), 4, 5, 6), [1, 5]))
    for name, op, more in (
        ("average", "AveragePool", {}),
        ("ceil", "MaxPool", {"ceil_mode": 1, "kernel_shape": [3, 3]}),
        ("clip", "Clip", {}),
    ):
        del net.nodes[before:]
        if op == "Clip":
            changed, side = net.node(op, [maps, net.value(0), net.value(0.9)]), 8
        else:
            attributes = {"kernel_shape": [2, 2], "strides": [2, 2], **more}
            changed, side = net.node(op, [maps], **attributes), 4
        flat = net.node("Flatten", [net.act(changed)], axis=1)
        net.save(folder / f"{name}.onnx", (net.dense(flat, 4 * side * side, 5), [1, 5]))
    del net.nodes[before:]
    pooled = net.node("GlobalAveragePool", [maps])
    vector = net.act(net.dense(net.act(net.node("Flatten", [pooled], axis=1)), 4, 4))
    axes = net.value(0)
    net.values[axes] = np.array([2, 3])
    gated = net.node("Mul", [maps, net.node("Unsqueeze", [vector, axes])])
    flat = net.node("Flatten", [net.act(gated)], axis=1)
    net.save(folder / "gate.onnx", (net.dense(flat, 256, 5), [1, 5]))


def inputs(folder: Path) -> None:
    net = Net([1, 12])
    net.inputs["y"] = [1, 6]
    one = net.dense(net.quant("x", 1 / 255, 8, 0), 12, 8)
    other = net.dense(net.quant("y", 1 / 127, 8, 1), 6, 8)
    joined = net.node("Concat", [net.act(one), net.act(other)], axis=1)
    net.save(folder / "twoin.onnx", (net.dense(joined, 16, 4), [1, 4]))
    net = Net([1, 12])
    hidden = net.dense(net.quant("x", 1 / 255, 8, 0), 12, 8)
    biased = net.node("Add", [hidden, net.value(net.random.uniform(-1, 1, 8))])
    net.save(folder / "unquantized.onnx", (net.dense(biased, 8, 4), [1, 4]))


def qcdq(folder: Path) -> None:
    """Weights as clipped int8 codes, activations through QuantizeLinear, as Brevitas writes it."""
    net = Net([1, 12])

    def value(array: Any) -> str:
        name = net.value(0)
        net.values[name] = np.asarray(array)
        return name

    def through(source: str, scale: float, low: int, high: int, kind: Any) -> str:
        pair = [net.value(scale), value(kind(0))]
        codes = net.node("QuantizeLinear", [source, *pair])
        clipped = net.node("Clip", [codes, value(kind(low)), value(kind(high))])
        return net.node("DequantizeLinear", [clipped, *pair])

    def dense(source: str, count: int, outputs: int) -> str:
        codes = net.random.randint(-3, 4, (count, outputs)).astype(np.int8)
        clipped = net.node("Clip", [value(codes), value(np.int8(-3)), value(np.int8(3))])
        operands = [clipped, net.value(0.25), value(np.int8(0))]
        return net.node("MatMul", [source, net.node("DequantizeLinear", operands)])

    pixels = through("x", 1 / 255, 0, 255, np.uint8)
    hidden = through(net.node("Relu", [dense(pixels, 12, 8)]), 0.1037, 0, 15, np.uint8)
    net.save(folder / "qcdq.onnx", (dense(hidden, 8, 4), [1, 4]))


def main(folder: Path) -> None:
    mlp(folder, "signed", 1 / 127, 8, 1)
    mlp(folder, "pixels", 1 / 255, 8, 0)
    mlp(folder, "whole", 1.0, 8, 1)
    mlp(folder, "bits16", 1 / 32767, 16, 1)
    mlp(folder, "zeropoint", 1 / 255, 8, 0, 3.0)
    net = Net([1, 12])
    hidden = net.act(net.dense("x", 12, 8))
    net.save(folder / "float.onnx", (net.dense(hidden, 8, 4), [1, 4]))
    endings(folder)
    branches(folder)
    convolutions(folder)
    exports(folder)
    inputs(folder)
    qcdq(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
