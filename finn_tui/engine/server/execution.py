"""Running stage graphs in software, image by image, as FINN's Python execution does.

Layers that have been specialised to HLS or RTL only execute in their tools; their unspecialised
base op computes the same in Python, so such a graph is executed as a copy made of base ops.
"""

import copy
import importlib
import os
import time
from typing import Any, Callable, Dict, List, Optional

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import finn_env, graphs, knobs

HostSteps = List[Dict[str, Any]]


def unspecialised(model: Any) -> Any:
    """A copy of a graph in which HLS and RTL layers are the ops that they came from."""
    wrapper = importlib.import_module("qonnx.core.modelwrapper")
    twin = copy.deepcopy(model.model)
    for node in twin.graph.node:
        if node.domain in ("finn.custom_op.fpgadataflow.hls", "finn.custom_op.fpgadataflow.rtl"):
            node.op_type = knobs.base_op(node.op_type)
            node.domain = "finn.custom_op.fpgadataflow"
    return wrapper.ModelWrapper(twin)


def runner(model: Any) -> Callable[[Any], Any]:
    """A function from one input array to the graph's output array."""
    onnx_exec = _executor()
    name = graphs.dynamic_inputs(model)[0]
    output = model.graph.output[0].name
    shape = model.get_tensor_shape(name)

    def run(array: Any) -> Any:
        return onnx_exec(model, {name: array.reshape(shape)})[output]

    return run


def _executor() -> Any:
    """FINN's executor, which knows the data types and layouts of FINN's own ops."""
    try:
        return importlib.import_module("finn.core.onnx_exec").execute_onnx
    except ImportError:
        return importlib.import_module("qonnx.core.onnx_exec").execute_onnx


def to_hardware(image: Any, host: HostSteps) -> Any:
    """What the host does to an image before the accelerator: the ops that stay outside."""
    for step in host:
        if step["op"] == "Transpose":
            image = image.transpose(step["perm"])
        elif step["op"] == "Reshape":
            image = image.reshape(step["shape"])
    return image


def top1(output: Any) -> int:
    """The class in a graph's output: the index itself, or the first of the largest values."""
    return int(output.reshape(-1)[0]) if output.size == 1 else int(output.argmax())


def check(
    model: Any, images: Any, expected: Any, divide: bool, host: HostSteps, seconds: float
) -> Optional[Dict[str, int]]:
    """Compare a graph's top-1 with the original's on as many images as ``seconds`` allow.

    ``images`` are uint8, ``divide`` is true for graphs whose input is still value / 255. Returns
    ``{"images", "same"}``, or None for a graph that Python cannot execute and for 0 ``seconds``.
    """
    if seconds <= 0:
        return None
    numpy = importlib.import_module("numpy")
    run = runner(unspecialised(model))
    started = time.perf_counter()
    done = same = 0
    for image, label in zip(images, expected):
        array = to_hardware(image[numpy.newaxis], host).astype(numpy.float32)
        if divide:
            array = array / numpy.float32(255.0)
        try:
            same += int(top1(run(array)) == int(label))
        except Exception:
            # A stage that FINN cannot execute in Python fails on its first image; a check that
            # is missing is shown as missing. Later failures would be real ones.
            if done:
                raise
            return None
        done += 1
        if time.perf_counter() - started > seconds:
            break
    return {"images": done, "same": same}


def execute(path: str, source: str, target: str) -> Dict[str, Any]:
    """The answer to ``execute``: run a stage graph on a .npy file, sample by sample."""
    finn_env.setup()
    numpy = importlib.import_module("numpy")
    model = graphs.load(path)
    shape = list(model.get_tensor_shape(graphs.dynamic_inputs(model)[0]))
    if not os.path.isfile(source):
        raise EngineError("There is no file %s" % source, "", "Check the path")
    try:
        array = numpy.load(source)
        batch = array.reshape([-1, *shape[1:]]).astype(numpy.float32)
    except ValueError as error:
        raise EngineError(
            "The input does not fit the graph",
            "%s; each sample must have the shape %s" % (error, shape[1:]),
            "Give a .npy array of that shape",
        ) from error
    run = runner(unspecialised(model))
    outputs = numpy.concatenate([run(sample[numpy.newaxis]) for sample in batch])
    numpy.save(target, outputs)
    return {"samples": len(batch), "shape": list(outputs.shape)}
