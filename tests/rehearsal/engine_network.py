"""Runs in FINN's Python: networks by FINN's own execution and by ours, compared image by image.

``python engine_network.py FOLDER NETWORK...`` prints one JSON line per network; a network is a name
of brevitas_examples.bnn_pynq, or ``layers`` or ``floats`` for a graph of what those do not have.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.build import build_config
from finn_tui.engine.server.finn import finn_env
from finn_tui.engine.server.preparing import execution, flow
from finn_tui.engine.server.preparing.netlist import export_network
from finn_tui.rehearsal.network import Network

IMAGES = 8
FIFO = "inFIFODepths"


def prepared(name: str, folder: Path) -> Any:
    """A dataflow graph with random weights, as ``prepare`` leaves it."""
    shape = [1, 1, 28, 28] if name.startswith("tfc") else [1, 3, 32, 32]
    source = {
        "kind": "brevitas",
        "network": name,
        "input": shape,
        "weights": {"kind": "random", "seed": 3},
        "topk": 1,
    }
    flow.prepare(
        source,
        str(folder),
        board="Pynq-Z2",
        part=None,
        clock_ns=10.0,
        progress=_silent,
        check=False,
    )
    wrapper = importlib.import_module("qonnx.core.modelwrapper").ModelWrapper
    return wrapper(str(folder / "dataflow.onnx"))


def _silent(message: str, fraction: float | None = None) -> None:
    pass


def layers() -> Any:
    """Padding, a depthwise and an ordinary convolution side by side, their sum, pooling, Top-1."""
    finn_env.setup()
    finn_env.load_ops()
    helper = importlib.import_module("onnx.helper")
    wrapper = importlib.import_module("qonnx.core.modelwrapper").ModelWrapper
    types = importlib.import_module("qonnx.core.datatype").DataType
    rng = np.random.default_rng(5)
    domain = "finn.custom_op.fpgadataflow"
    shapes = {
        "in": [1, 9, 7, 4],
        "padded": [1, 10, 10, 4],
        "left": [1, 10, 10, 4],
        "right": [1, 10, 10, 4],
        "wide": [1, 4, 4, 36],
        "deep": [1, 4, 4, 4],
        "columns": [1, 4, 4, 36],
        "full": [1, 4, 4, 4],
        "sum": [1, 4, 4, 4],
        "total": [1, 1, 1, 4],
        "out": [1, 1, 1, 1],
    }
    kinds = dict.fromkeys(shapes, "INT32")
    kinds.update(dict.fromkeys(("in", "padded", "left", "right", "wide", "columns"), "INT4"))
    kinds.update(deep="UINT2", out="UINT2")

    def node(op: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
        return helper.make_node(
            op,
            inputs,
            outputs,
            name=op + "_" + outputs[0],
            domain=domain,
            backend="fpgadataflow",
            **attributes,
        )

    def window(source: str, target: str, depthwise: int) -> Any:
        return node(
            "ConvolutionInputGenerator",
            [source],
            [target],
            ConvKernelDim=[3, 3],
            IFMChannels=4,
            IFMDim=[10, 10],
            OFMDim=[4, 4],
            SIMD=4,
            Stride=[2, 2],
            Dilation=[1, 1],
            inputDataType="INT4",
            outputDataType="INT4",
            depthwise=depthwise,
        )

    common = {"inputDataType": "INT4", "weightDataType": "INT4"}
    nodes = [
        node(
            "FMPadding",
            ["in"],
            ["padded"],
            ImgDim=[9, 7],
            Padding=[1, 2, 0, 1],
            NumChannels=4,
            SIMD=1,
            inputDataType="INT4",
        ),
        node(
            "DuplicateStreams",
            ["padded"],
            ["left", "right"],
            NumChannels=4,
            PE=1,
            NumOutputStreams=2,
            inputDataType="INT4",
            numInputVectors=[1, 10, 10],
        ),
        window("left", "wide", 1),
        node(
            "VVAU",
            ["wide", "vw", "vt"],
            ["deep"],
            PE=4,
            SIMD=1,
            Dim=[4, 4],
            Channels=4,
            Kernel=[3, 3],
            outputDataType="UINT2",
            noActivation=0,
            ActVal=0,
            **common,
        ),
        window("right", "columns", 0),
        node(
            "MVAU",
            ["columns", "mw"],
            ["full"],
            PE=1,
            SIMD=1,
            MW=36,
            MH=4,
            outputDataType="INT32",
            noActivation=1,
            numInputVectors=[1, 4, 4],
            **common,
        ),
        node(
            "ElementwiseAdd",
            ["deep", "full"],
            ["sum"],
            PE=1,
            lhs_shape=[1, 4, 4, 4],
            rhs_shape=[1, 4, 4, 4],
            out_shape=[1, 4, 4, 4],
            lhs_dtype="UINT2",
            rhs_dtype="INT32",
            out_dtype="INT32",
            lhs_style="input",
            rhs_style="input",
        ),
        node(
            "GlobalAccPool",
            ["sum"],
            ["total"],
            NumChannels=4,
            PE=1,
            inputDataType="INT32",
            numInputVectors=[1, 4, 4],
        ),
        node(
            "LabelSelect",
            ["total"],
            ["out"],
            Labels=4,
            PE=1,
            K=1,
            inputDataType="INT32",
            outputDataType="UINT2",
            numInputVectors=[1, 1, 1],
        ),
    ]
    info = {name: helper.make_tensor_value_info(name, 1, shape) for name, shape in shapes.items()}
    graph = helper.make_graph(
        nodes, "layers", [info.pop("in")], [info.pop("out")], value_info=list(info.values())
    )
    model = wrapper(
        helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid(domain, 1)]
        )
    )
    model.set_initializer("mw", rng.integers(-8, 8, (36, 4)).astype(np.float32))
    model.set_initializer("vw", rng.integers(-8, 8, (4, 1, 3, 3)).astype(np.float32))
    steps = np.sort(rng.integers(-60, 60, (4, 3)), axis=1)
    model.set_initializer("vt", steps.astype(np.float32))
    for name, kind in kinds.items():
        model.set_tensor_datatype(name, types[kind])
    for name in ("mw", "vw"):
        model.set_tensor_datatype(name, types["INT4"])
    model.set_tensor_datatype("vt", types["INT32"])
    return model


def floats() -> Any:
    """Floating point at both ends and two outputs: quantized, shuffled, scaled by channel."""
    finn_env.setup()
    finn_env.load_ops()
    helper = importlib.import_module("onnx.helper")
    wrapper = importlib.import_module("qonnx.core.modelwrapper").ModelWrapper
    types = importlib.import_module("qonnx.core.datatype").DataType
    rng = np.random.default_rng(5)
    domain = "finn.custom_op.fpgadataflow"
    shapes = {
        "in": [1, 6, 5, 4],
        "codes": [1, 6, 5, 4],
        "left": [1, 6, 5, 4],
        "right": [1, 6, 5, 4],
        "cut": [1, 4, 4, 4],
        "wide": [1, 7, 10, 4],
        "codes_out": [1, 280],
        "sums": [1, 6, 5, 3],
        "scaled": [1, 6, 5, 3],
        "halved": [1, 6, 5, 3],
        "out": [1, 6, 5, 3],
    }
    kinds = dict.fromkeys(shapes, "INT4")
    kinds.update(dict.fromkeys(("in", "scaled", "halved", "out"), "FLOAT32"), sums="INT16")

    def node(op: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
        return helper.make_node(
            op, inputs, outputs, name=op + "_0", domain=domain, backend="fpgadataflow", **attributes
        )

    def elementwise(op: str, inputs: list[str], output: str, left: str) -> Any:
        return node(
            op,
            inputs,
            [output],
            PE=1,
            lhs_shape=[1, 6, 5, 3],
            rhs_shape=[3],
            out_shape=[1, 6, 5, 3],
            lhs_dtype=left,
            rhs_dtype="FLOAT32",
            out_dtype="FLOAT32",
            lhs_style="input",
            rhs_style="const",
        )

    nodes = [
        node(
            "Thresholding",
            ["in", "steps"],
            ["codes"],
            NumChannels=4,
            PE=1,
            numSteps=15,
            inputDataType="FLOAT32",
            weightDataType="FLOAT32",
            outputDataType="INT4",
            ActVal=-8,
            numInputVectors=[1, 6, 5],
        ),
        node(
            "DuplicateStreams",
            ["codes"],
            ["left", "right"],
            NumChannels=4,
            PE=1,
            NumOutputStreams=2,
            inputDataType="INT4",
            numInputVectors=[1, 6, 5],
        ),
        node(
            "Crop",
            ["left"],
            ["cut"],
            DataType="INT4",
            ImgDim=[6, 5],
            NumChannels=4,
            CropNorth=2,
            CropSouth=0,
            CropWest=0,
            CropEast=1,
            SIMD=1,
            numInputVectors=[1],
        ),
        node(
            "FMPadding_Pixel",
            ["cut"],
            ["wide"],
            ImgDim=[4, 4],
            Stride=[2, 3],
            NumChannels=4,
            SIMD=1,
            inputDataType="INT4",
        ),
        node(
            "Shuffle",
            ["wide"],
            ["codes_out"],
            data_type="INT4",
            in_shape=[1, 7, 10, 4],
            transpose_in_shape=[1, 7, 10, 4],
            perm=[0, 3, 1, 2],
            transpose_out_shape=[1, 4, 7, 10],
            out_shape=[1, 280],
            SIMD=1,
        ),
        node(
            "MVAU",
            ["right", "weights"],
            ["sums"],
            PE=1,
            SIMD=1,
            MW=4,
            MH=3,
            inputDataType="INT4",
            weightDataType="INT4",
            outputDataType="INT16",
            noActivation=1,
            numInputVectors=[1, 6, 5],
        ),
        elementwise("ElementwiseMul", ["sums", "scale"], "scaled", "INT16"),
        elementwise("ElementwiseDiv", ["scaled", "part"], "halved", "FLOAT32"),
        elementwise("ElementwiseAdd", ["halved", "bias"], "out", "FLOAT32"),
    ]
    info = {name: helper.make_tensor_value_info(name, 1, shape) for name, shape in shapes.items()}
    ends = [info.pop("in"), info.pop("codes_out"), info.pop("out")]
    graph = helper.make_graph(nodes, "floats", ends[:1], ends[1:], value_info=list(info.values()))
    model = wrapper(
        helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid(domain, 1)]
        )
    )
    constants = {
        "steps": np.sort(rng.uniform(-2, 2, (4, 15)), axis=1),
        "weights": rng.integers(-8, 8, (4, 3)),
        "scale": rng.uniform(0.01, 0.1, 3),
        "part": rng.uniform(2, 3, 3),
        "bias": rng.uniform(-1, 1, 3),
    }
    for name, values in constants.items():
        model.set_initializer(name, values.astype(np.float32))
        model.set_tensor_datatype(name, types["FLOAT32"])
    for name, kind in {**kinds, "weights": "INT4"}.items():
        model.set_tensor_datatype(name, types[kind])
    return model


def compare_outputs(name: str, model: Any, folder: Path) -> dict[str, Any]:
    """All outputs of random values, by FINN and by us."""
    path = folder / "network.npz"
    export_network(model, str(path))
    network = Network(path)
    images = np.random.default_rng(11).normal(0, 1.5, (IMAGES, *network.input_shape[1:]))
    images = images.astype(np.float32)
    run = execution.runner(model)
    theirs = [run([image[None]]) for image in images]
    ours = network.run_all([images])
    return {
        "network": name,
        "same": [
            bool(np.array_equal(np.concatenate([each[at] for each in theirs]), output))
            for at, output in enumerate(ours)
        ],
        "types": [str(output.dtype) for output in ours],
        "different": [len(np.unique(output)) for output in ours],
    }


def compare(name: str, model: Any, folder: Path) -> dict[str, Any]:
    """Classes and, before the last layer, scores of random images, by FINN and by us."""
    path = folder / "network.npz"
    description = export_network(model, str(path))
    network = Network(path)
    first = network.description["input"]
    low, high = (-8, 8) if first["signed"] else (0, 256)
    rng = np.random.default_rng(11)
    images = rng.integers(low, high, (IMAGES, *network.input_shape[1:]))
    images[1], images[2] = low, high - 1
    # The tensor before LabelSelect shows more than a class does.
    scores = description["nodes"][-1]["inputs"][0]
    plain = execution.unspecialised(model)
    run = importlib.import_module("finn.core.onnx_exec").execute_onnx
    tensor = plain.graph.input[0].name
    classes, before = [], []
    for image in images:
        context = run(plain, {tensor: image[None].astype(np.float32)}, True)
        classes.append(int(context[plain.graph.output[0].name].reshape(-1)[0]))
        before.append(context[scores].reshape(-1))
    ours = network.run(images).reshape(-1)
    ours_before = network.up_to(scores).run(images)
    return {
        "network": name,
        "classes": classes,
        "same_classes": ours.tolist() == classes,
        "same_scores": np.array_equal(ours_before.reshape(IMAGES, -1), np.array(before)),
    }


def fifos() -> dict[str, Any]:
    """The depths at the inputs of a layer of two inputs, in FINN's HLS backend."""
    model = layers()
    (node,) = [each for each in model.graph.node if each.op_type == "ElementwiseAdd"]
    node.op_type, node.domain = "ElementwiseAdd_hls", "finn.custom_op.fpgadataflow.hls"
    build_config.complete_fifo_depths(model)
    registry = importlib.import_module("qonnx.custom_op.registry")
    return {"network": "fifos", "depths": list(registry.getCustomOp(node).get_nodeattr(FIFO))}


def unknown() -> dict[str, Any]:
    """What is said of a layer that cannot be computed."""
    model = layers()
    for node in model.graph.node:
        if node.op_type == "GlobalAccPool":
            node.op_type, node.name = "HWSoftmax", "HWSoftmax_0"
    try:
        export_network(model, os.devnull)
    except EngineError as error:
        return {"network": "unknown", **error.as_dict()}
    return {"network": "unknown", "what": ""}


def main(folder: Path, names: list[str]) -> None:
    finn_env.setup()
    out = os.dup(1)
    os.dup2(2, 1)  # FINN prints
    for name in names:
        place = folder / name
        place.mkdir()
        if name == "unknown":
            answer = unknown()
        elif name == "fifos":
            answer = fifos()
        elif name == "floats":
            answer = compare_outputs(name, floats(), place)
        else:
            model = layers() if name == "layers" else prepared(name, place)
            answer = compare(name, model, place)
        os.write(out, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
