"""Where a network comes from, and the images on which its stages are compared with it."""

import importlib
import os
import shutil
import tempfile
import traceback
from typing import Any, Callable, Dict, List, Optional

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import graphs
from finn_tui.engine.server.finn import finn_env
from finn_tui.engine.server.preparing import (
    execution,
    exporting,
    handling,
    network_failure,
    opening,
    padding,
    tidying,
)
from finn_tui.engine.server.training import digits, test_files, user_network, weights
from finn_tui.engine.server.training.datasets import Dataset

Progress = Callable[[str, Optional[float]], None]

SAMPLE_IMAGES = 20
QUANTIZERS = ("Quant", "IntQuant", "BipolarQuant", "BinaryQuant", "FloatQuant", "Trunc")


class Network:
    """A network as it came, with what is known about it.

    Attributes: ``model`` (a QONNX ``ModelWrapper``), ``stage`` (the first stage's name),
    ``stage_kind`` and ``maker`` (how far in FINN's flow it is and which FINN made it, see
    ``opening``), ``facts`` (``weights`` of model.json),
    ``handling``, ``samples`` (a batch for each input, as the accelerator gets it),
    ``labels`` (-1 where an image has none), ``software`` (the network's own top-1), ``outputs``
    (all that it gives for the samples, one array for each output; empty where it cannot be
    executed), ``split`` (the digits, if those are the images), ``data`` (the data set that it was
    trained on, likewise), ``notes`` (for the user),
    ``pads_as_hardware`` (whether padded bipolar pixels were -1 in training, although the export has
    zeros), ``net`` (the torch module, where there is one with a definition).
    """

    def __init__(self, model: Any, stage: str, facts: Dict[str, Any]) -> None:
        self.model = model
        self.stage = stage
        self.stage_kind = "qonnx"
        self.maker = ""
        self.facts = facts
        self.handling = handling.Handling()
        self.samples: List[Any] = []
        self.labels: Any = None
        self.software: Any = None
        self.outputs: List[Any] = []
        self.split: Optional[digits.Split] = None
        self.data: Optional[Dataset] = None
        self.notes: List[str] = []
        self.pads_as_hardware = False
        self.net: Any = None

    @property
    def images(self) -> Any:
        """The samples of the first input."""
        return self.samples[0]

    def save(self, out: str) -> None:
        """Write ``sample/`` and, where there is one, ``dataset/`` below ``out``."""
        numpy = importlib.import_module("numpy")
        folder = os.path.join(out, "sample")
        os.makedirs(folder)
        for name in ("images", "labels", "software"):
            numpy.save(os.path.join(folder, name + ".npy"), getattr(self, name))
        for at, batch in enumerate(self.samples[1:], 1):
            numpy.save(os.path.join(folder, "images%d.npy" % at), batch)
        for at, output in enumerate(self.outputs):
            numpy.save(os.path.join(folder, "outputs%s.npy" % (at or "")), output)
        if self.split is not None:
            digits.write_idx(os.path.join(out, "dataset"), self.split)
        elif self.data is not None:
            test_files.write(os.path.join(out, "dataset"), self.data)

    def take_images(self, data: Dataset, shape: List[int]) -> None:
        """Take the test images, each of ``shape``, of the data set that it was trained on."""
        numpy = importlib.import_module("numpy")
        count = test_files.MOST_SAMPLES if data.shape[0] > 1 else len(data.test_images)
        self.data = data
        images = data.test_images[:count].reshape([-1, *shape])
        self.samples = [numpy.ascontiguousarray(images)]
        self.labels = data.test_labels[:count]

    def take_scores(self, scores: Any, dataset: Optional[str]) -> None:
        """Take what the software says of the images, which are of a data set of this name."""
        self.outputs, self.software = [scores], scores.argmax(axis=1)
        if dataset is not None:
            right = int((self.software == self.labels).sum())
            count = len(self.images)
            self.facts.update(accuracy=100.0 * right / count, images=count, dataset=dataset)

    def choose_images(self, shape: List[int]) -> None:
        """Take images of one sample's ``shape``: digits where they fit, else something to see."""
        numpy = importlib.import_module("numpy")
        if digits.available() and (sorted(shape) == [1, 28, 28] or shape == [784]):
            self.split = digits.digits28()
            self.samples = [self.split[2].reshape([-1, *shape])]
            self.labels = self.split[3].astype(numpy.int64)
            return
        if len(shape) == 3:
            self.samples = [digits.photographs((shape[0], shape[1], shape[2]), SAMPLE_IMAGES)]
        else:
            random = numpy.random.RandomState(32)
            self.samples = [random.randint(0, 256, [SAMPLE_IMAGES, *shape]).astype(numpy.uint8)]
        self.labels = numpy.full(SAMPLE_IMAGES, -1)


def from_brevitas(source: Dict[str, Any], progress: Progress) -> Network:
    """A network of ``brevitas_examples.bnn_pynq``, with weights as asked for."""
    shape = [int(size) for size in source["input"]]
    progress("loading the network", 0.0)
    net, facts = weights.obtain(source, progress)
    progress("exporting to QONNX", None)
    network = Network(None, "export", dict(facts, accuracy=None, images=0, dataset=None))
    data = test_files.trained_on(source.get("weights") or {}, shape[1:])
    if data is None and facts["kind"] == "pretrained":
        data = test_files.published(source.get("tests"), shape[1:])
    if data is not None:
        network.take_images(data, shape[1:])
    else:
        network.choose_images(shape[1:])
    digits_name = "digits28" if network.split is not None else None
    network.take_scores(weights.scores(net, network.images), data.name if data else digits_name)
    network.model = weights.export(net, shape)
    network.pads_as_hardware = weights.pads_as_hardware(net)
    network.net = net if getattr(net, "definition", None) is not None else None
    # These networks are trained on pixels / 255, whatever their first layer does with them.
    wish = {"preprocess": "divide-255", "topk": 1, **source}
    network.handling = handling.choose(network.model, wish)
    return network


def from_onnx(source: Dict[str, Any], progress: Progress) -> Network:
    """A user's own graph of any stage: QONNX, QCDQ, FINN-ONNX, hardware."""
    stage = require_usable(source["path"])
    progress("reading the network", 0.0)
    model = stage.model
    notes: List[str] = []
    marked = padding.is_marked(model)
    if stage.kind in ("qonnx", "finn"):
        try:
            model, notes = tidying.tidied(model)
        except EngineError:
            raise
        except Exception as error:
            # Tidying executes constant parts, and raises for ops that QONNX does not know.
            failure = EngineError(
                "The network cannot be read",
                "%s: %s" % (type(error).__name__, error),
                "Look at the node in the detail",
                detail=traceback.format_exc(),
            )
            raise network_failure.explain(failure, model, model, False) from error
    facts = {"kind": "checkpoint", "note": os.path.basename(source["path"])}
    network = Network(model, "import", dict(facts, accuracy=None, images=0, dataset=None))
    network.stage_kind = stage.kind
    network.maker = stage.maker
    network.notes = [*stage.notes, *notes]
    network.pads_as_hardware = marked
    wish = dict(source)
    if source.get("steps") is not None:
        # A user's own steps do what they do; nothing is added unless it is asked for.
        wish = {**wish, "preprocess": source.get("preprocess") or "none"}
        if source.get("topk") in (None, "auto"):
            wish["topk"] = "none"
    network.handling = handling.choose(model, wish)
    network.notes += network.handling.notes
    inputs, outputs = len(graphs.dynamic_inputs(model)), len(model.graph.output)
    if inputs > 1 or outputs > 1:
        network.notes.append(
            "the network has %s and %s: each gets a DMA of its own; the board's driver feeds one "
            "input only" % (_count(inputs, "input"), _count(outputs, "output"))
        )
    _choose_samples(network)
    _software(network)
    return network


def _count(number: int, what: str) -> str:
    return "%d %s%s" % (number, what, "" if number == 1 else "s")


def _choose_samples(network: Network) -> None:
    """Samples of what the accelerator gets; images where the input is one of pixels."""
    numpy = importlib.import_module("numpy")
    model, chosen = network.model, network.handling
    names = graphs.dynamic_inputs(model)
    shapes = [[int(size) for size in model.get_tensor_shape(name)] for name in names]
    first = shapes[0]
    if chosen.dtype == "UINT8" and len(names) == 1 and chosen.preprocess != "file":
        network.choose_images(first[1:])
    else:
        random = numpy.random.RandomState(32)
        if chosen.preprocess == "file":
            front = graphs.load(chosen.path)
            shapes[0] = list(front.get_tensor_shape(graphs.dynamic_inputs(front)[0]))
        pairs = zip(shapes, chosen.inputs)
        network.samples = [_random(random, shape, each) for shape, each in pairs]
        network.labels = numpy.full(SAMPLE_IMAGES, -1)
    network.samples = [batch[:SAMPLE_IMAGES] for batch in network.samples]
    network.labels = network.labels[:SAMPLE_IMAGES]


def _random(random: Any, shape: List[int], chosen: handling.Handling) -> Any:
    """Random samples over the range that the input's type, or the first quantizer, has."""
    numpy = importlib.import_module("numpy")
    size = [SAMPLE_IMAGES, *shape[1:]]
    datatype = importlib.import_module("qonnx.core.datatype").DataType[chosen.dtype]
    if not datatype.is_integer():
        low, high = chosen.span or (-1.0, 1.0)
        return random.uniform(low, high, size).astype(numpy.float32)
    low, high = int(datatype.min()), int(datatype.max())
    if chosen.dtype == "BIPOLAR":
        return (random.randint(0, 2, size) * 2 - 1).astype(numpy.float32)
    kind = numpy.uint8 if (low, high) == (0, 255) else numpy.float32
    return random.randint(low, high + 1, size).astype(kind)


def _software(network: Network) -> None:
    """The network's own outputs for each sample, and their top-1."""
    numpy = importlib.import_module("numpy")
    model = network.model
    fronts = [each.front() for each in network.handling.inputs]
    if network.stage_kind in ("hardware", "dataflow"):
        model = execution.unspecialised(model)
    run = execution.runner(padding.as_hardware(model) if network.pads_as_hardware else model)
    answers: List[List[Any]] = []
    for at in range(len(network.images)):
        batches = [batch[at : at + 1].astype(numpy.float32) for batch in network.samples]
        try:
            given = [
                batch if front is None else front(batch) for front, batch in zip(fronts, batches)
            ]
            answers.append(run(given))
        except Exception as error:
            # qonnx and FINN raise anything for a graph that they cannot execute.
            if network.stage_kind == "qonnx":
                raise EngineError(
                    "The network cannot be executed in software",
                    "%s: %s" % (type(error).__name__, error),
                    "Look at the node in the detail; an op that QONNX does not know has no "
                    "hardware layer either",
                    detail=traceback.format_exc(),
                ) from error
            network.notes.append("it cannot be executed in software: no stage is compared")
            answers = []
            break
    network.software = numpy.array(
        [execution.top1(outputs[0]) for outputs in answers], dtype=numpy.int64
    )
    network.outputs = [numpy.concatenate(each) for each in zip(*answers)]


def require_usable(path: Any) -> opening.Stage:
    """The graph at ``path`` and its stage. Raises ``EngineError`` of kind "input"."""
    return opening.open_graph(path)


def from_module(source: Dict[str, Any], progress: Progress) -> Network:
    """A Brevitas network of a user's own Python file, exported and then read as a file is."""
    progress("running %s" % os.path.basename(str(source.get("path"))), None)
    net, shape, facts = user_network.obtain(source)
    model = exporting.of_module(net, shape, os.path.basename(str(source["path"])))
    data = test_files.trained_on(source.get("weights") or {}, shape[1:])
    # Trainings here take pixels / 255.
    wish = {"preprocess": "divide-255"} if data is not None else {}
    folder = tempfile.mkdtemp(prefix="module-", dir=finn_env.scratch())
    try:
        path = os.path.join(folder, "export.onnx")
        model.save(path)
        network = from_onnx({**wish, **source, "kind": "onnx", "path": path}, progress)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    network.facts.update(facts)
    if data is not None and network.handling.preprocess == "divide-255":
        network.take_images(data, shape[1:])
        user_network.take_images(net, shape)
        network.take_scores(weights.scores(net, network.images), data.name)
    return network


def load(source: Dict[str, Any], progress: Progress) -> Network:
    """The network of a source of kind "brevitas", "module" or "onnx"."""
    kinds = {"brevitas": from_brevitas, "module": from_module, "onnx": from_onnx}
    return kinds[source["kind"]](source, progress)
