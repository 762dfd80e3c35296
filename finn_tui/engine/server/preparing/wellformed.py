"""Whether a file holds a whole ONNX graph, before anything is concluded from it."""

import importlib
import os
from typing import Any, List, Set

from finn_tui.engine.protocol import EngineError


def checked(model: Any, path: str) -> Any:
    """A ``ModelWrapper`` that onnx.checker accepts, with its nodes in order.

    Ops of domains that the file does not import are FINN's own habit and no damage. Raises
    ``EngineError`` of kind "input" for a damaged file.
    """
    onnx = importlib.import_module("onnx")
    missing = _missing(model.graph)
    if missing:
        node, tensor = missing[0]
        raise _damaged(
            path,
            "node %s (%s) needs the tensor %s, which no node, input or initializer gives%s"
            % (node.name or "without a name", node.op_type, tensor, _more(missing)),
        )
    if not _in_order(model.graph):
        general = importlib.import_module("qonnx.transformation.general")
        try:
            model = model.transform(general.SortGraph())
        except Exception as error:
            # toposort raises an error of its own for a loop.
            raise _damaged(path, "its nodes form a loop", str(error)) from error
        if not _in_order(model.graph):
            raise _damaged(path, "a node needs its own output: they form a loop")
    copy = onnx.ModelProto()
    copy.CopyFrom(model.model)
    known = {imported.domain for imported in copy.opset_import}
    for domain in sorted({node.domain for node in copy.graph.node} - known):
        copy.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    try:
        onnx.checker.check_model(copy)
    except Exception as error:
        # It raises a ValidationError, or whatever protobuf raises where text is no UTF-8.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise _damaged(path, ". ".join(lines[:2]) or type(error).__name__, str(error)) from error
    return model


def _damaged(path: str, why: str, detail: str = "") -> EngineError:
    return EngineError(
        "%s is damaged: it holds no valid ONNX graph" % os.path.basename(path),
        why,
        "Export it again, or copy it again from where it is whole (onnx.checker.check_model "
        "tells the same)",
        detail=detail,
    )


def _more(missing: List[Any]) -> str:
    return "; the same holds for %d more" % (len(missing) - 1) if len(missing) > 1 else ""


def _given(graph: Any) -> Set[str]:
    names = {tensor.name for tensor in (*graph.input, *graph.initializer)}
    names.update(tensor.values.name for tensor in graph.sparse_initializer)
    return names


def _missing(graph: Any) -> List[Any]:
    known = _given(graph)
    for node in graph.node:
        known.update(node.output)
    return [
        (node, name) for node in graph.node for name in node.input if name and name not in known
    ]


def _in_order(graph: Any) -> bool:
    known = _given(graph)
    produced = {name for node in graph.node for name in node.output}
    for node in graph.node:
        if any(name in produced and name not in known for name in node.input):
            return False
        known.update(node.output)
    return True
