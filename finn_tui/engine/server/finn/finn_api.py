"""What differs between FINNs, in one place: upstream 0.8.1 to dev, finn-plus 1.4 and later.

Every question is one of capability (a module, a signature, a field of the builder's configuration)
and none is one of version: a checkout between two releases has no version that says anything. What
an installed FINN lacks is listed by ``lacks`` in words, and is shown to users.
"""

import importlib
import importlib.util
import inspect
import os
from typing import Any, Callable, Dict, List, Optional, Tuple

from finn_tui.engine.protocol import EngineError

HARDWARE = "finn.custom_op.fpgadataflow"
#: What FINN up to 0.9 calls the ops that a build inserts.
_OLD_NAMES = {"StreamingDataWidthConverter": "StreamingDataWidthConverter_Batch"}
#: The prepared graph is what the first of these steps that a FINN has leaves behind.
_PREPARED_BY = ("step_specialize_layers", "step_create_dataflow_partition")


def has_module(name: str) -> bool:
    """Whether a module can be found; what it imports is not looked at."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False  # a package above it is missing


def _source(path: str) -> str:
    """The text of a file of FINN's, which is not imported; empty without it."""
    for folder in getattr(importlib.import_module("finn"), "__path__", []):
        try:
            with open(os.path.join(folder, path), encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            continue
    return ""


def layers_are_split() -> bool:
    """Whether a layer is a base op first and HLS or RTL later (FINN 0.10 and later).

    Before, the op is its implementation, and runs in C++ or RTL simulation only.
    """
    return has_module("finn.transformation.fpgadataflow.specialize_layers")


def inserted_op(op_type: str) -> str:
    """This FINN's name of an op that a build inserts between layers."""
    return op_type if layers_are_split() else _OLD_NAMES.get(op_type, op_type)


def specialized(model: Any, part: str) -> Any:
    """A graph whose base ops have become HLS or RTL; unchanged where FINN knows no such choice."""
    if not layers_are_split():
        return model
    module = importlib.import_module("finn.transformation.fpgadataflow.specialize_layers")
    return model.transform(module.SpecializeLayers(part))


def with_part(method: Callable[..., Any], part: str) -> Callable[[], Any]:
    """An estimator as a function of nothing.

    Whether it takes the part differs between methods of one FINN: none takes it in 0.10 and
    before, the total and ``dsp_estimation`` do in 0.10.1 and finn-plus 1.5, then all of them.
    """
    if inspect.signature(method).parameters:
        return lambda: method(part)
    return method


def make_model(graph: Any) -> Any:
    """An ONNX model of a graph with the opset that the installed qonnx asks for."""
    make = getattr(importlib.import_module("qonnx.util.basic"), "qonnx_make_model", None)
    return (make or importlib.import_module("onnx").helper.make_model)(graph)


def layer_class() -> Any:
    """The class that all hardware layers derive from."""
    try:
        return importlib.import_module(HARDWARE + ".hwcustomop").HWCustomOp
    except ImportError:
        return importlib.import_module(HARDWARE + ".hlscustomop").HLSCustomOp


def executor() -> Callable[..., Any]:
    """FINN's execution of a graph in Python, which knows data types and layouts of FINN's own ops.

    qonnx rounds tensors of integers between nodes, and raises for values that are far from any. Up
    to 0.4 it looks at each value in a Python loop (CNV: minutes for an image), later ones at the
    differences; so tensors that hold integers of their type already are kept from it, which
    changes no value. ``SANITIZE_QUANT_TENSORS=0`` still switches rounding off.
    """
    module: Any = importlib.import_module("qonnx.core.onnx_exec")
    rounding = module.sanitize_quant_values
    if not getattr(rounding, "whole_tensors", False):

        def round_others(
            model: Any, names: Any, context: Dict[str, Any], *more: Any, **named: Any
        ) -> Any:
            others = [name for name in names if not _rounded(model, name, context)]
            return rounding(model, others, context, *more, **named)

        setattr(round_others, "whole_tensors", True)  # noqa: B010 - mypy knows no such attribute
        module.sanitize_quant_values = round_others
    try:
        execute: Callable[..., Any] = importlib.import_module("finn.core.onnx_exec").execute_onnx
    except ImportError:
        execute = module.execute_onnx
    return execute


def _rounded(model: Any, name: str, context: Dict[str, Any]) -> bool:
    """Whether a tensor needs no rounding: it holds values of its type, or is not of integers."""
    datatype = model.get_tensor_datatype(name)
    if not datatype.is_integer():
        return True
    numpy = importlib.import_module("numpy")
    values = numpy.asarray(context[name])
    inside = (values >= datatype.min()) & (values <= datatype.max())
    if not bool((inside & (values == numpy.rint(values))).all()):
        return False
    # Bipolar values are -1 and 1: the one type with a gap.
    return bool(datatype.allowed(0)) or bool((values != 0).all())


def apply_config() -> Any:
    """The transformation ``ApplyConfig``, which went from qonnx to FINN."""
    try:
        return importlib.import_module("finn.transformation.general").ApplyConfig
    except (ImportError, AttributeError):
        return importlib.import_module("qonnx.transformation.general").ApplyConfig


def prepared_by(steps: List[str]) -> Optional[str]:
    """The builder step that leaves the graph to fold; None for a builder that is not known."""
    return next((name for name in _PREPARED_BY if name in steps), None)


def minimal_fifos(configs: Any) -> Dict[str, Any]:
    """The builder's settings for FIFOs without simulation; ``configs`` is the module of them.

    Without a strategy for it, FINN inserts FIFOs of the depths that the folding has.
    """
    method = getattr(configs, "AutoFIFOSizingMethod", None)
    minimal = getattr(method, "FORCE_MINIMAL_FIFOS", None)
    if minimal is None:
        return {"auto_fifo_depths": False}
    return {"auto_fifo_strategy": minimal}


def start_method() -> None:
    """Have FINN's own processes started as its command line does, where it does so."""
    if has_module("finn.util.multiprocessing"):
        importlib.import_module("finn.util.multiprocessing").configure_start_method()


def simulator() -> str:
    """What simulates RTL: "xsi" (Vivado's, in the process) or "verilator" (through pyverilator)."""
    return "xsi" if has_module("finn.xsi") else "verilator"


def exporters() -> List[Callable[[Any, Any, str], Any]]:
    """Ways to write a Brevitas network as QONNX, each a function of network, input and path.

    The tracing exporter first: it takes a tenth of the time of torch's newer one (8 s at first)
    and writes the opset that FINN knows. Older releases do not have the one option, later ones
    may drop the other; each is to be tried on a fresh copy of the network.
    Raises ``EngineError`` if the installed Brevitas has none.
    """
    export = importlib.import_module("brevitas.export")
    qonnx = getattr(export, "export_qonnx", None)
    if qonnx is not None:
        return [
            lambda net, example, path: qonnx(net, example, path, dynamo=False, opset_version=13),
            lambda net, example, path: qonnx(net, example, path, opset_version=13),
            lambda net, example, path: qonnx(net, example, path),
        ]
    try:
        manager = importlib.import_module("brevitas.export.onnx.generic.manager")
    except ImportError as error:
        raise EngineError(
            "This engine cannot export a Brevitas network",
            "Its Brevitas has no export_qonnx (%s)" % error,
            "Export the network elsewhere and prepare the QONNX .onnx file",
            kind="engine",
        ) from error
    # Brevitas of FINN 0.8 and 0.9; it takes a shape.
    return [
        lambda net, example, path: manager.BrevitasONNXManager.export(
            net, tuple(example.shape), path
        )
    ]


def generation() -> str:
    """The release that a FINN without a version is most like, by what came with each."""
    if not layers_are_split():
        rtl = bool(_source("custom_op/fpgadataflow/convolutioninputgenerator_rtl.py"))
        return "0.9" if rtl else "0.8.1"
    if _source("xsi/__init__.py"):
        return "dev"
    basic = importlib.import_module("finn.util.basic")
    return "0.10.1" if hasattr(basic, "is_versal") else "0.10"


#: In some FINNs the estimators of FIFOs compare a truth value with a text, which is never equal.
_FIFO = "custom_op/fpgadataflow/streamingfifo.py"
_BROKEN_FIFO = 'impl = self.get_nodeattr("impl_style") == "rtl"'


def fifos_are_too_high() -> bool:
    """Whether this FINN's estimates of FIFOs count block RAM for each, whatever it is made of."""
    return _BROKEN_FIFO in _source(_FIFO)


#: What is asked for, and what users must know where it is not there.
_LACKS: Tuple[Tuple[Callable[[], bool], str], ...] = (
    (
        layers_are_split,
        "hardware layers are not executed in Python: the stages from convert_to_hls on are not "
        "checked against the network",
    ),
    (
        lambda: has_module("brevitas") and has_module("torch"),
        "no brevitas and torch: networks come from QONNX files, nothing is trained",
    ),
    (
        lambda: not fifos_are_too_high(),
        "FIFO estimates are this FINN's own and too high: it counts block RAM for each FIFO, "
        "whatever its implementation",
    ),
    (lambda: has_module("onnxruntime"), "no onnxruntime: networks are not executed"),
)


#: What a checkout fetches for real builds: layers are compiled against the first.
DEPENDENCIES = ("finn-hlslib", "cnpy", "board_files")


def missing_dependencies(root: Optional[str]) -> List[str]:
    """Folders of ``deps`` that a checkout needs for real builds and has not; none for others."""
    if root is None:
        return []
    deps = os.path.join(root, "deps")
    return [name for name in DEPENDENCIES if not os.path.isdir(os.path.join(deps, name))]


def lacks(root: Optional[str]) -> List[str]:
    """What the installed FINN cannot do that others can, a sentence each.

    ``root`` is the checkout that it is imported from, None for an installed package.
    """
    texts = [text for present, text in _LACKS if not present()]
    missing = missing_dependencies(root)
    if missing:
        texts.append(
            "deps has no %s: estimates and rehearsals work, real builds do not (fetch-repos.sh "
            "fetches them)" % ", ".join(missing)
        )
    return texts
