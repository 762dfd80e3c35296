"""What stage of FINN's flow a file comes from, and where to go on from it.

A raw QONNX network, FINN's own ops before or after streamlining, a hardware graph, the parent of a
partition, a dataflow graph with or without the FIFOs and width converters of a build.
"""

import importlib
import os
import re
from typing import Any, Iterable, List, Optional, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import graphs
from finn_tui.engine.server.preparing import wellformed

HARDWARE = "finn.custom_op.fpgadataflow"
#: Nodes that FINN inserts while it builds; folding decides about them anew.
_INSERTED = (
    "StreamingFIFO",
    "StreamingDataWidthConverter",
    "IODMA",
    "TLastMarker",
    "CheckSum",
    "checksum",
)
_QUANTIZERS = ("Quant", "IntQuant", "BipolarQuant", "BinaryQuant", "FloatQuant", "Trunc")
_FINN_OPS = ("MultiThreshold", "XnorPopcountMatMul", "Im2Col")

_SOURCES = "finn-tui engine install --finn-root FOLDER-OF-FINN-%s"
#: Metadata of the stages that are written here: the FINN that made them.
_MAKER = "finn_tui_made_by"
_LONGEST_MAKER = 80
_VERSION = re.compile(r"\w[\w.+/-]*", re.ASCII)
#: Op types, with or without the kind of their implementation, that only some FINNs have: which
#: FINNs, and how an engine of one is had. RTL layers came in 0.9 beside the old names, so that
#: these are asked for first.
_MADE_BY = (
    (("StreamingFCLayer_Batch", "Vector_Vector_Activate_Batch"), "FINN before 0.8", ""),
    (("MatrixVectorActivation", "VectorVectorActivation"), "FINN 0.8 or 0.9", _SOURCES % "0.9"),
    (
        ("StreamingMaxPool", "AddStreams", "ChannelwiseOp", "StreamingEltwise"),
        "FINN 0.10 or 0.10.1",
        _SOURCES % "0.10.1",
    ),
    (
        ("ReplicateStream", "Reshape_rtl", "Squeeze_hls", "Squeeze_rtl"),
        "finn-plus",
        "finn-tui engine install",
    ),
    (
        ("Pool_hls", "ElementwiseAdd", "InnerShuffle", "Requant"),
        "finn-plus or FINN dev",
        "finn-tui engine install",
    ),
)


class Stage:
    """A graph and where it stands: ``kind`` is "qonnx", "finn", "hardware" or "dataflow"; ``notes``
    say what was done to open it, ``path`` is the file that was really read, ``maker`` the FINN that
    made it, as the file says (empty if it does not)."""

    def __init__(self, model: Any, path: str) -> None:
        self.model = model
        self.path = path
        self.kind = "qonnx"
        entries = [each for place in _metadata(model) for each in place if each.key == _MAKER]
        self.maker = entries[0].value[:_LONGEST_MAKER] if entries else ""
        self.notes: List[str] = []


def open_graph(path: Any) -> Stage:
    """Read a file of any stage. Raises ``EngineError`` if it is none of FINN's flow."""
    stage = Stage(wellformed.checked(graphs.load(path), str(path)), str(path))
    if "StreamingDataflowPartition" in graphs.op_types(stage.model):
        stage = _partition(stage)
    hardware = [node for node in stage.model.graph.node if is_hardware(node)]
    ops = graphs.op_types(stage.model)
    if hardware:
        maker, remedy = made_by(graphs.op_types(stage.model))
        if stage.maker:
            maker, remedy = stage.maker, _remedy(stage.maker)
        if maker:
            stage.notes.append("%s was made by %s" % (os.path.basename(stage.path), maker))
        _require_known(hardware, stage.path, maker, remedy)
        if not _real_layers(stage.model):
            raise EngineError(
                "%s holds no layer to fold" % _base(stage.path),
                "It is the part of a build with %s only" % graphs.listed(list(ops)),
                "Open the partition with the layers, or the parent graph beside it",
            )
        stage.model, removed = strip(stage.model)
        if removed:
            stage.notes.append(
                "left out %d FIFOs, width converters and DMAs that a build had inserted" % removed
            )
        rest = [node for node in stage.model.graph.node if not is_hardware(node)]
        stage.kind = "hardware" if rest or any(unspecialized(n) for n in hardware) else "dataflow"
    elif not any(op in ops for op in (*_QUANTIZERS, "QuantizeLinear")):
        if not any(op in ops for op in _FINN_OPS):
            raise EngineError(
                "%s has no quantization" % os.path.basename(str(path)),
                "None of its %d nodes (%s) quantizes anything; FINN builds networks of few bits"
                % (len(stage.model.graph.node), ", ".join(list(ops)[:6])),
                "Quantize and train it with Brevitas and export it with export_qonnx",
            )
        stage.kind = "finn"
        if stage.maker:
            stage.notes.append("%s was made by %s" % (os.path.basename(stage.path), stage.maker))
    return stage


def installed() -> str:
    """The installed FINN, as files that it makes say it."""
    return (
        "%(flavour)s %(version)s"
        % importlib.import_module("finn_tui.engine.server.finn.finn_env").flavour()
    )


def sign(model: Any) -> None:
    """Write the installed FINN into a graph that it has made."""
    for place in _metadata(model):
        for entry in [each for each in place if each.key == _MAKER]:
            place.remove(entry)
    model.set_metadata_prop(_MAKER, installed())


def _metadata(model: Any) -> List[Any]:
    """Where qonnx keeps metadata: in the model, or, from 1.0 on, in its graph."""
    wrapped = getattr(model, "model", model)
    return [wrapped.metadata_props, getattr(wrapped.graph, "metadata_props", [])]


def _remedy(maker: str) -> str:
    """How an engine of a FINN is had, as ``installed`` says it; empty where that is not known."""
    kind, _, version = maker.partition(" ")
    words = version.replace("like ", "").split()
    # The file may be anybody's, and the command is for the user's shell.
    if not words or not _VERSION.fullmatch(words[0]):
        return ""
    if kind == "finn-plus":
        return "finn-tui engine install --version %s" % words[0]
    return _SOURCES % words[0]


def explained(error: EngineError, kind: str, maker: str) -> EngineError:
    """The error of a FINN that went on with a graph, and which FINN is needed if another made it.

    Args:
        error: of a step; changed.
        kind: how far the graph was, see ``Stage``.
        maker: the FINN that made it; empty if the file does not say so.
    """
    if kind == "qonnx" or maker == installed():
        return error
    if maker:
        reason = error.why.rstrip(". ")
        error.why = "%sThe graph was made by %s, and this engine is %s." % (
            reason + ". " if reason else "",
            maker,
            installed(),
        )
        error.fix = _engine_of(maker, _remedy(maker))
    else:
        error.fix = (
            "%s; if another FINN made the file, open it with an engine of that one" % (error.fix)
        ).lstrip("; ")
    return error


def is_hardware(node: Any) -> bool:
    """Whether a node is a hardware layer, of any FINN."""
    return str(node.domain).startswith(HARDWARE)


def unspecialized(node: Any) -> bool:
    """Whether a layer is still neither HLS nor RTL (FINN up to 0.9 has no such choice)."""
    return node.domain == HARDWARE and "_" not in node.op_type


def _partition(stage: Stage) -> Stage:
    """The dataflow graph that a parent names, wherever it lies now."""
    folder = os.path.dirname(os.path.abspath(stage.path))
    files = []
    for node in stage.model.graph.node:
        if node.op_type == "StreamingDataflowPartition":
            named = [a.s.decode("utf-8", "replace") for a in node.attribute if a.name == "model"]
            file = _find(folder, named[0]) if named else None
            if file is None:
                raise EngineError(
                    "%s is a parent graph, and its partition is not there" % _base(stage.path),
                    "%s names %s" % (node.name, named[0] if named else "no file"),
                    "Put that file beside it, or open the partition's own .onnx file",
                )
            files.append(file)
    opened = [(file, wellformed.checked(graphs.load(file), file)) for file in files]
    real = [(file, model) for file, model in opened if _real_layers(model)]
    if len(real) != 1:
        raise EngineError(
            "%s has %d partitions with layers" % (_base(stage.path), len(real)),
            ", ".join(_base(file) for file, _ in real) or "Each of them holds DMAs only.",
            "Open the one to fold by its own .onnx file",
        )
    child = Stage(real[0][1], real[0][0])
    child.notes.append("opened %s, the partition of %s" % (_base(child.path), _base(stage.path)))
    return child


def _base(path: str) -> str:
    return os.path.basename(path)


def _real_layers(model: Any) -> List[Any]:
    return [n for n in model.graph.node if is_hardware(n) and not n.op_type.startswith(_INSERTED)]


def _find(folder: str, named: str) -> Optional[str]:
    """A file that another machine's graph names: there, beside the graph, or in a folder of it."""
    if os.path.isfile(named):
        return named
    parts = named.replace("\\", "/").split("/")
    for places in (parts[-1:], parts[-2:], parts[-3:]):
        path = os.path.join(folder, *places)
        if os.path.isfile(path):
            return path
    for entry in sorted(os.listdir(folder)):
        path = os.path.join(folder, entry, parts[-1])
        if os.path.isfile(path):
            return path
    return None


def made_by(ops: Iterable[str]) -> Tuple[str, str]:
    """Which FINN made a graph of these op types, and how its engine is had; empty if unknown."""
    present = set(ops)
    bases = {op[:-4] if op.endswith(("_hls", "_rtl")) else op for op in present}
    for names, maker, remedy in _MADE_BY:
        if (present | bases).intersection(names):
            return maker, remedy
    if any(op.endswith("_Batch") for op in present):
        return "FINN 0.9 or older", _SOURCES % "0.9"
    if any(op.endswith(("_hls", "_rtl")) for op in present):
        return "FINN 0.10 or later", "finn-tui engine install"
    return "", ""


def _require_known(nodes: List[Any], path: str, maker: str, remedy: str) -> None:
    """Raise unless the installed FINN has every op of a hardware graph."""
    finn_env = importlib.import_module("finn_tui.engine.server.finn.finn_env")
    finn_env.load_ops()
    registry = importlib.import_module("qonnx.custom_op.registry")
    unknown = []
    for node in nodes:
        try:
            registry.getCustomOp(node)
        except Exception:
            # qonnx raises a bare Exception for an op or a domain that it does not know.
            unknown.append("%s (%s)" % (node.name, node.op_type))
    if unknown:
        version = finn_env.flavour()
        raise EngineError(
            "%s is a hardware graph of another FINN" % _base(path),
            "%s %s has no layer for %s%s"
            % (
                version["flavour"],
                version["version"],
                graphs.listed(unknown),
                "; the graph was made by %s" % maker if maker else "",
            ),
            _engine_of(maker or "that FINN", remedy),
        )


def _engine_of(maker: str, remedy: str) -> str:
    return (
        "Open it with an engine of %s%s (finn-tui engine list shows yours), or prepare the "
        "network again from its QONNX file" % (maker, "; `%s` makes one" % remedy if remedy else "")
    )


def strip(model: Any) -> Tuple[Any, int]:
    """A hardware graph without what FINN inserts between layers; how many nodes were taken out."""
    inserted = [node for node in model.graph.node if node.op_type.startswith(_INSERTED)]
    if not inserted or len(inserted) == len(model.graph.node):
        return model, 0
    outputs = {output.name for output in model.graph.output}
    for node in inserted:
        source, target = node.input[0], node.output[0]
        producer = model.find_producer(source)
        if target in outputs and producer is not None:
            # The graph's output keeps its name: what produced the inserted node's input gives it.
            _keep_tensor(model, source, target)
            for other in model.graph.node:
                for at, name in enumerate(other.input):
                    if name == source and other is not node:
                        other.input[at] = target
            for at, name in enumerate(producer.output):
                if name == source:
                    producer.output[at] = target
        else:
            for other in model.graph.node:
                for at, name in enumerate(other.input):
                    if name == target:
                        other.input[at] = source
            _keep_input(model, source, target)
        model.graph.node.remove(node)
    return model, len(inserted)


def _keep_tensor(model: Any, source: str, target: str) -> None:
    datatype = model.get_tensor_datatype(source)
    shape = model.get_tensor_shape(source)
    if shape is not None:
        model.set_tensor_shape(target, shape)
    model.set_tensor_datatype(target, datatype)


def _keep_input(model: Any, source: str, target: str) -> None:
    """A graph input before a DMA is as wide as a layer takes it, not as the DMA does."""
    if source in {tensor.name for tensor in model.graph.input}:
        shape = model.get_tensor_shape(target)
        datatype = model.get_tensor_datatype(target)
        if shape is not None:
            model.set_tensor_shape(source, shape)
        model.set_tensor_datatype(source, datatype)
