"""A preset's network as a QONNX file, as FINN's notebooks read one."""

import os
from typing import Any, Callable, Dict, Optional

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import padding, user_network, weights

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
        model, shape = user_network.export(source)
        facts: Dict[str, Any] = {"kind": "module", "note": "as the file gives them"}
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
