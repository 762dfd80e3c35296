"""ONNX graphs as JSON, and the errors that reading one can give."""

import importlib
import os
from typing import Any, Dict, List

from finn_tui.engine.protocol import EngineError


def plain(value: Any) -> Any:
    """A value that FINN or ONNX gave as one that JSON carries exactly; arrays become lists."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (str, bool, int, float)) or value is None:
        return value
    if hasattr(value, "tolist"):  # numpy scalars and arrays, without a rounding
        return value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, (list, tuple)) or hasattr(value, "__iter__"):
        return [plain(item) for item in value]
    return str(value)


def load(path: Any) -> Any:
    """A ``ModelWrapper`` of the ONNX file at ``path``. Raises ``EngineError`` of kind "input"."""
    if not isinstance(path, str) or not os.path.isfile(path):
        raise EngineError("There is no file %s" % path, "", "Check the path")
    onnx = importlib.import_module("onnx")
    wrapper = importlib.import_module("qonnx.core.modelwrapper")
    try:
        # What stands in other files is loaded afterwards: a missing one is said to be missing.
        model = onnx.load(path, load_external_data=False)
        if not model.graph.node:
            raise ValueError("its graph has no nodes")
        _check_tensors(onnx, model, path)
        helper = importlib.import_module("onnx.external_data_helper")
        helper.load_external_data_for_model(model, os.path.dirname(os.path.abspath(path)))
        # It looks at the shapes of all tensors, and raises whatever it meets.
        return wrapper.ModelWrapper(model)
    except EngineError:
        raise
    except Exception as error:
        # onnx raises whatever protobuf's parser raises on bytes that are no model.
        raise EngineError(
            "%s is not an ONNX model" % os.path.basename(path),
            str(error) or type(error).__name__,
            "Export the network with brevitas.export.export_qonnx and give that file",
        ) from error


def _check_tensors(onnx: Any, model: Any, path: str) -> None:
    """Raise ``ValueError`` for a tensor of no type, ``EngineError`` for one in a missing file."""
    known = set(onnx.TensorProto.DataType.values()) - {onnx.TensorProto.UNDEFINED}
    for each in model.graph.initializer:
        if each.data_type not in known:
            raise ValueError(
                "the tensor %s has the data type %d, which is none" % (each.name, each.data_type)
            )
        if each.data_location != onnx.TensorProto.EXTERNAL:
            continue
        name = next((entry.value for entry in each.external_data if entry.key == "location"), "")
        folder = os.path.dirname(os.path.abspath(path))
        if not os.path.isabs(name) and not os.path.isfile(os.path.join(folder, name)):
            raise EngineError(
                "%s keeps tensors in a file that is not there" % os.path.basename(path),
                "Its tensor %s is in %s, which is not in %s"
                % (each.name, name or "no file", folder),
                "Copy that file beside it, or export the network again into one file",
            )


def op_types(model: Any) -> Dict[str, int]:
    """How many nodes of each op type a graph has, in the order of their first appearance."""
    counts: Dict[str, int] = {}
    for node in model.graph.node:
        counts[node.op_type] = counts.get(node.op_type, 0) + 1
    return counts


def tensor(model: Any, name: str) -> Dict[str, Any]:
    """A tensor's name, shape (or None) and FINN data type."""
    return {
        "name": name,
        "shape": plain(model.get_tensor_shape(name)),
        "dtype": model.get_tensor_datatype(name).name,
    }


#: Different values up to which each is counted by itself; more are put into so many ranges.
_MOST_VALUES, _RANGES = 16, 12
#: Values that are looked at first, to see whether there are few different ones.
_SAMPLE = 4096


def _input(model: Any, name: str) -> Dict[str, Any]:
    """A tensor that a node takes, with its values if it is a constant."""
    described = tensor(model, name)
    constant = model.get_initializer(name)
    if constant is not None:
        described["values"] = histogram(constant)
    return described


def histogram(array: Any) -> Dict[str, Any]:
    """How often the values of a constant occur: ``bins`` of lowest, highest and how many.

    Where few different values occur, a bin is one of them. What is no finite number is not counted.
    """
    numpy = importlib.import_module("numpy")
    values = numpy.asarray(array).reshape(-1)
    if values.dtype.kind not in "biuf":
        return {"count": int(values.size), "min": None, "max": None, "bins": []}
    values = values.astype("float64")
    values = values[numpy.isfinite(values)]
    if not values.size:
        return {"count": 0, "min": None, "max": None, "bins": []}
    bins: List[List[Any]] = []
    different = numpy.unique(values[:_SAMPLE])
    if different.size <= _MOST_VALUES:
        bins = [[float(v), float(v), int((values == v).sum())] for v in different]
    if sum(each[2] for each in bins) != values.size:
        counts, edges = numpy.histogram(values, _RANGES)
        bins = [
            [float(edges[at]), float(edges[at + 1]), int(count)] for at, count in enumerate(counts)
        ]
    return {
        "count": int(values.size),
        "min": float(values.min()),
        "max": float(values.max()),
        "bins": bins,
    }


def listed(names: List[str], most: int = 4) -> str:
    """Names in a sentence; beyond ``most`` only how many more there are."""
    shown = ", ".join(names[:most])
    return shown + (" and %d more" % (len(names) - most) if len(names) > most else "")


def dynamic_inputs(model: Any) -> List[str]:
    """The graph's inputs that are no initializers."""
    return [i.name for i in model.graph.input if model.get_initializer(i.name) is None]


def keep_order(model: Any, inputs: List[str], outputs: List[str]) -> None:
    """Put the inputs and outputs of a graph in the order of these names, if it has just them.

    FINN's partition orders them as its nodes lie; samples and drivers know them by their number.
    """
    for tensors, names in ((model.graph.input, inputs), (model.graph.output, outputs)):
        by_name = {tensor.name: tensor for tensor in tensors}
        rest = [tensor for tensor in tensors if tensor.name not in names]
        if set(names) <= set(by_name) and list(by_name)[: len(names)] != names:
            ordered = [by_name[name] for name in names] + rest
            copies = [type(each).FromString(each.SerializeToString()) for each in ordered]
            del tensors[:]
            tensors.extend(copies)


def describe(path: str) -> Dict[str, Any]:
    """The answer to ``graph``: every node with its tensors and attributes."""
    model = load(path)
    helper = importlib.import_module("onnx").helper
    nodes = []
    for node in model.graph.node:
        attrs: Dict[str, Any] = {}
        for attribute in node.attribute:
            value = helper.get_attribute_value(attribute)
            if attribute.HasField("t") or attribute.HasField("g"):
                value = "(%s)" % ("tensor" if attribute.HasField("t") else "graph")
            attrs[attribute.name] = plain(value)
        nodes.append(
            {
                "name": node.name,
                "op_type": node.op_type,
                "domain": node.domain,
                "inputs": [_input(model, name) for name in node.input if name],
                "outputs": [tensor(model, name) for name in node.output if name],
                "attrs": attrs,
            }
        )
    return {
        "nodes": nodes,
        "inputs": [tensor(model, name) for name in dynamic_inputs(model)],
        "outputs": [tensor(model, output.name) for output in model.graph.output],
    }
