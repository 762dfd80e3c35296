"""Running stage graphs in software, image by image, as FINN's Python execution does.

Layers that have been specialised to HLS or RTL only execute in their tools; their unspecialised
base op computes the same in Python, so such a graph is executed as a copy made of base ops.
"""

import copy
import importlib
import os
from typing import Any, Callable, Dict, List

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import graphs
from finn_tui.engine.server.design import knobs
from finn_tui.engine.server.finn import finn_api, finn_env

#: Characters of an error of FINN's that a warning repeats.
MOST_WORDS = 300
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


def runner(model: Any) -> Callable[[List[Any]], List[Any]]:
    """A function from a graph's inputs to its outputs, each a list of arrays."""
    onnx_exec = finn_api.executor()
    names = graphs.dynamic_inputs(model)
    shapes = [model.get_tensor_shape(name) for name in names]
    outputs = [output.name for output in model.graph.output]

    def run(arrays: List[Any]) -> List[Any]:
        feed = {name: array.reshape(shape) for name, shape, array in zip(names, shapes, arrays)}
        answer = onnx_exec(model, feed)
        return [answer[name] for name in outputs]

    return run


def why_not() -> str:
    """Why the installed FINN does not execute a graph of hardware layers in Python."""
    if finn_api.layers_are_split() or not finn_api.has_module("finn"):
        return "FINN cannot execute these graphs in Python."
    return "%(flavour)s %(version)s runs hardware layers in C++ or RTL simulation only." % (
        finn_env.flavour()
    )


def why_failed(model: Any, error: Exception) -> str:
    """Why a graph was not executed in Python: as ``why_not`` says, or in the error's words."""
    hardware = any(node.domain.startswith(finn_api.HARDWARE) for node in model.graph.node)
    if hardware and not finn_api.layers_are_split():
        return why_not()
    words = " ".join(str(error).split()) or type(error).__name__
    return "FINN's Python execution of it failed: %s" % (
        words if len(words) <= MOST_WORDS else words[: MOST_WORDS - 1] + "\u2026"
    )


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


def execute(path: str, source: str, target: str) -> Dict[str, Any]:
    """The answer to ``execute``: run a stage graph on a .npy file, sample by sample."""
    finn_env.setup()
    numpy = importlib.import_module("numpy")
    model = graphs.load(path)
    hardware = [node for node in model.graph.node if node.domain.startswith(finn_api.HARDWARE)]
    if hardware and not finn_api.layers_are_split():
        raise EngineError(
            "%s cannot be executed: it has hardware layers" % os.path.basename(path),
            why_not(),
            "Execute the last stage before hardware (streamline)",
        )
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
    outputs = numpy.concatenate([run([sample[numpy.newaxis]])[0] for sample in batch])
    numpy.save(target, outputs)
    return {"samples": len(batch), "shape": list(outputs.shape)}
