"""A preset's network as a QONNX file, as FINN's notebooks read one."""

import os
import traceback
from typing import Any, Callable, Dict, List, Optional

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.preparing import padding
from finn_tui.engine.server.training import user_network, weights

Progress = Callable[[str, Optional[float]], None]


def export(source: Dict[str, Any], path: str, progress: Progress) -> Dict[str, Any]:
    """The answer to ``export``: write the network of a "brevitas" source to ``path``.

    Raises ``EngineError`` for another source, weights that cannot be had, or a full disk.
    """
    if source.get("kind") not in ("brevitas", "module"):
        raise EngineError(
            "Only networks of Brevitas are exported",
            "%s is a graph already" % (source.get("path") or "The source"),
            "Use the file itself",
        )
    progress("loading the network", 0.0)
    true = False
    if source["kind"] == "module":
        net, shape, facts = user_network.obtain(source)
        model = of_module(net, shape, os.path.basename(str(source["path"])))
    else:
        shape = [int(size) for size in source["input"]]
        net, facts = weights.obtain(source, progress)
        progress("exporting to QONNX", None)
        model = weights.export(net, shape)
        true = weights.pads_as_hardware(net)
    if true:
        padding.mark(model)
    layers = padding.bipolar_layers(model)
    partial = path + ".part"
    try:
        model.save(partial)
        os.replace(partial, path)
    except OSError as error:
        raise EngineError(
            "%s could not be written" % path, str(error), "Choose another file", kind="disk"
        ) from error
    return {
        "file": path,
        "weights": facts,
        "input": shape,
        "nodes": len(model.graph.node),
        "padding": {
            "layers": [layer.place for layer in layers],
            "value": (-1 if true else 0) if layers else None,
        },
    }


def of_module(net: Any, shape: List[int], name: str) -> Any:
    """A user's network as a QONNX model; ``name`` is its file's. Raises ``EngineError``."""
    try:
        return weights.export(net, shape)
    except EngineError:
        raise
    except Exception as error:
        # torch and Brevitas raise anything for a module that they cannot trace.
        raise EngineError(
            "The network of %s cannot be exported" % name,
            "%s: %s" % (type(error).__name__, str(error)[:500]),
            "Run export_qonnx on it in a script of yours, where the error can be looked into",
            detail=traceback.format_exc(),
        ) from error
