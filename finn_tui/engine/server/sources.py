"""Where a network comes from, and the images on which its stages are compared with it."""

import importlib
import os
from typing import Any, Callable, Dict, List, Optional

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import digits, execution, graphs, weights

Progress = Callable[[str, Optional[float]], None]

SAMPLE_IMAGES = 20
QUANTIZERS = ("Quant", "IntQuant", "BipolarQuant", "BinaryQuant", "FloatQuant", "Trunc")
FINN_OPS = ("MultiThreshold", "XnorPopcountMatMul")


class Network:
    """A network as it came, with what is known about it.

    Attributes: ``model`` (a QONNX ``ModelWrapper``), ``stage`` (the first stage's name), ``facts``
    (``weights`` of model.json), ``images`` (N, ...), ``labels`` (-1 where an image has none),
    ``software`` (the network's own top-1), ``split`` (the digits, if those are the images),
    ``preprocess``: "divide" (the network takes value / 255 and we add the division), "pixels" (it
    divides by itself) or "none" (it takes what it takes).
    """

    def __init__(self, model: Any, stage: str, facts: Dict[str, Any]) -> None:
        self.model = model
        self.stage = stage
        self.facts = facts
        self.images: Any = None
        self.labels: Any = None
        self.software: Any = None
        self.split: Optional[digits.Split] = None
        self.preprocess = "divide"

    def save(self, out: str) -> None:
        """Write ``sample/`` and, where there is one, ``dataset/`` below ``out``."""
        numpy = importlib.import_module("numpy")
        folder = os.path.join(out, "sample")
        os.makedirs(folder)
        for name in ("images", "labels", "software"):
            numpy.save(os.path.join(folder, name + ".npy"), getattr(self, name))
        if self.split is not None:
            digits.write_idx(os.path.join(out, "dataset"), self.split)

    def choose_images(self, shape: List[int]) -> None:
        """Take images of one sample's ``shape``: digits where they fit, else something to see."""
        numpy = importlib.import_module("numpy")
        if digits.available() and (sorted(shape) == [1, 28, 28] or shape == [784]):
            self.split = digits.digits28()
            self.images = self.split[2].reshape([-1, *shape])
            self.labels = self.split[3].astype(numpy.int64)
            return
        if len(shape) == 3:
            self.images = digits.photographs((shape[0], shape[1], shape[2]), SAMPLE_IMAGES)
        else:
            random = numpy.random.RandomState(32)
            self.images = random.randint(0, 256, [SAMPLE_IMAGES, *shape]).astype(numpy.uint8)
        self.labels = numpy.full(SAMPLE_IMAGES, -1)


def from_brevitas(source: Dict[str, Any], progress: Progress) -> Network:
    """A network of ``brevitas_examples.bnn_pynq``, with weights as asked for."""
    shape = [int(size) for size in source["input"]]
    progress("loading the network", 0.0)
    net, facts = weights.obtain(source, progress)
    progress("exporting to QONNX", None)
    network = Network(None, "export", dict(facts, accuracy=None, images=0, dataset=None))
    network.choose_images(shape[1:])
    network.software = weights.top1(net, network.images)
    if network.split is not None:
        count = len(network.images)
        right = int((network.software == network.labels).sum())
        network.facts.update(accuracy=100.0 * right / count, images=count, dataset="digits28")
    network.model = weights.export(net, shape)
    return network


def from_onnx(source: Dict[str, Any], progress: Progress) -> Network:
    """A user's own QONNX (or QCDQ, or FINN-ONNX) graph."""
    model = require_quantized(source["path"])
    progress("reading the network", 0.0)
    model = _tidied(model)
    facts = {"kind": "checkpoint", "note": os.path.basename(source["path"])}
    network = Network(model, "import", dict(facts, accuracy=None, images=0, dataset=None))
    network.preprocess = _preprocess(model, source.get("preprocess") or "auto")
    numpy = importlib.import_module("numpy")
    name = graphs.dynamic_inputs(model)[0]
    shape = [int(size) for size in model.get_tensor_shape(name)]
    if network.preprocess == "none":
        basic = importlib.import_module("qonnx.util.basic")
        numpy.random.seed(32)
        datatype = model.get_tensor_datatype(name)
        samples = [basic.gen_finn_dt_tensor(datatype, shape) for _ in range(SAMPLE_IMAGES)]
        network.images = numpy.concatenate(samples)
        network.labels = numpy.full(SAMPLE_IMAGES, -1)
    else:
        network.choose_images(shape[1:])
    network.images = network.images[:SAMPLE_IMAGES]
    network.labels = network.labels[:SAMPLE_IMAGES]
    scale = numpy.float32(255.0 if network.preprocess == "divide" else 1.0)
    run = execution.runner(model)
    batch = network.images.astype(numpy.float32) / scale
    network.software = numpy.array([execution.top1(run(image[None])) for image in batch])
    return network


def require_quantized(path: Any) -> Any:
    """The graph at ``path``. Raises ``EngineError`` of kind "input" if it has no quantization."""
    model = graphs.load(path)
    ops = graphs.op_types(model)
    if any(op in ops for op in (*QUANTIZERS, *FINN_OPS, "QuantizeLinear")):
        return model
    raise EngineError(
        "%s has no quantization" % os.path.basename(path),
        "None of its %d nodes (%s) quantizes anything; FINN builds networks of few bits"
        % (len(model.graph.node), ", ".join(list(ops)[:6])),
        "Quantize and train it with Brevitas and export it with export_qonnx",
    )


def _tidied(model: Any) -> Any:
    """Make a user's graph one that FINN's steps take: QONNX, fixed shapes, clean names."""
    if "QuantizeLinear" in graphs.op_types(model):
        qcdq = importlib.import_module("qonnx.transformation.qcdq_to_qonnx")
        model = model.transform(qcdq.QCDQToQuant())
    sizes = _input_sizes(model)
    if sizes and sizes[0].dim_value == 0:
        sizes[0].dim_value = 1  # a batch of any size is built for one image at a time
    missing = [str(axis) for axis, size in enumerate(sizes) if size.dim_value == 0]
    if missing or not sizes:
        raise EngineError(
            "The network's input has no fixed shape",
            "Axis %s has no size" % ", ".join(missing) if missing else "It has no axes",
            "Export the network with a fixed input shape",
        )
    return importlib.import_module("qonnx.util.cleanup").cleanup_model(model)


def _input_sizes(model: Any) -> Any:
    name = graphs.dynamic_inputs(model)[0]
    tensors = [tensor for tensor in model.graph.input if tensor.name == name]
    return tensors[0].type.tensor_type.shape.dim


def _preprocess(model: Any, wanted: str) -> str:
    """What an "onnx" source's ``preprocess`` (auto, divide255 or none) comes to."""
    if wanted == "divide255":
        return "divide"
    if wanted == "none":
        return "none"
    if wanted != "auto":
        raise EngineError(
            "There is no pre-processing %r" % wanted, "", "Use auto, divide255 or none"
        )
    name = graphs.dynamic_inputs(model)[0]
    if model.get_tensor_datatype(name).name != "FLOAT32":
        return "none"
    return "pixels" if divides_itself(model) else "divide"


def divides_itself(model: Any) -> bool:
    """Whether the first thing that a graph does is to divide its input by 255."""
    first = model.find_consumers(graphs.dynamic_inputs(model)[0]) or []
    if len(first) != 1 or first[0].op_type not in ("Div", "Mul"):
        return False
    operand = model.get_initializer(first[0].input[1])
    if operand is None or operand.size != 1:
        return False
    value = float(operand.reshape(-1)[0])
    factor = 1.0 / value if first[0].op_type == "Div" and value else value
    return abs(factor * 255.0 - 1.0) < 1e-5


def load(source: Dict[str, Any], progress: Progress) -> Network:
    """The network of a source of kind "brevitas" or "onnx"."""
    return (from_brevitas if source["kind"] == "brevitas" else from_onnx)(source, progress)
