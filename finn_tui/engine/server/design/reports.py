"""FINN's own reports on a folded graph, made by FINN's own passes."""

import functools
import importlib
import inspect
import json
import os
import tempfile
from typing import Any, Dict

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import graphs
from finn_tui.engine.server.design import knobs
from finn_tui.engine.server.finn import finn_api, finn_env


def apply_folding(model: Any, folding: Dict[str, Any]) -> Any:
    """``model`` with FINN's ``ApplyConfig`` of a folding (FINN's JSON; "Defaults" optional)."""
    known = {node.name for node, _ in knobs.hardware_nodes(model)}
    strangers = [name for name in folding if name != "Defaults" and name not in known]
    if strangers:
        raise EngineError(
            "The folding has no layer of this design: %s" % ", ".join(strangers[:5]),
            "The design has %s" % ", ".join(sorted(known)),
            "Choose a folding that was made for this model",
        )
    config: Dict[str, Any] = {"Defaults": {}}
    config.update(folding)
    handle, path = tempfile.mkstemp(suffix=".json", dir=finn_env.scratch())
    with os.fdopen(handle, "w") as stream:
        json.dump(config, stream)
    try:
        return model.transform(finn_api.apply_config()(path))  # from a file, as FINN's builder does
    except (AssertionError, ValueError, TypeError, AttributeError) as error:
        raise EngineError("FINN refuses the folding", str(error), "Choose legal values") from error
    finally:
        os.unlink(path)


def _analysis(module: str, name: str) -> Any:
    return getattr(importlib.import_module("finn.analysis.fpgadataflow." + module), name)


def report(path: str, part: str, folding: Dict[str, Any]) -> Dict[str, Any]:
    """The answer to ``reports``: cycles, resources and stream widths of each layer, and the whole.

    ``{"cycles": {layer: n}, "resources": {layer: {..}}, "widths": {layer: [in, out]} (bits),
    "performance": {..}}``, read from the folded graph itself.
    """
    finn_env.setup()
    model = apply_folding(graphs.load(path), folding)
    res_estimation = _analysis("res_estimation", "res_estimation")
    if "fpgapart" in inspect.signature(res_estimation).parameters:
        res_estimation = functools.partial(res_estimation, fpgapart=part)
    cycles = graphs.plain(model.analysis(_analysis("exp_cycles_per_layer", "exp_cycles_per_layer")))
    resources = graphs.plain(model.analysis(res_estimation))
    widths = {
        node.name: [int(inst.get_instream_width()), int(inst.get_outstream_width())]
        for node, inst in knobs.hardware_nodes(model)
    }
    annotate = importlib.import_module("finn.transformation.fpgadataflow.annotate_cycles")
    model = model.transform(annotate.AnnotateCycles())
    performance = model.analysis(_analysis("dataflow_performance", "dataflow_performance"))
    return {
        "cycles": cycles,
        "resources": resources,
        "widths": widths,
        "performance": graphs.plain(performance),
    }
