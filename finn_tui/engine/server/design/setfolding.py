"""FINN's own greedy heuristic, ``SetFolding``, for comparison with exact foldings."""

import importlib
from typing import Any, Dict

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import graphs
from finn_tui.engine.server.design import knobs
from finn_tui.engine.server.finn import finn_env


def fold(path: str, part: str, cycles: int, wwidth_max: int) -> Dict[str, Any]:
    """The answer to ``setfolding``: ``{"folding": {layer: {knob: value}}}`` for a target II.

    The graph must be unfolded, as ``prepare`` leaves it. FINN may miss the target; its folding
    then is what it found. ``wwidth_max`` is ``mvau_wwidth_max`` of FINN's builder (36 there).
    """
    finn_env.setup()
    finn_env.load_ops()
    module = importlib.import_module("finn.transformation.fpgadataflow.set_folding")
    model = graphs.load(path)
    window = knobs.windowed(knobs.hardware_nodes(model))
    names = [node.name for node, _ in knobs.hardware_nodes(model)]
    try:
        model = model.transform(
            module.SetFolding(cycles, mvau_wwidth_max=wwidth_max, two_pass_relaxation=True)
        )
    except Exception as error:
        # SetFolding raises bare exceptions for graphs that it does not know.
        raise EngineError(
            "FINN's SetFolding does not fold this design",
            "%s: %s" % (type(error).__name__, error),
            "Use solve without the comparison",
            kind="finn",
        ) from error
    folding: Dict[str, Any] = {}
    for name, (node, inst) in zip(names, knobs.hardware_nodes(model)):
        foldable = knobs.knobs_of(node, inst, part, name in window)
        folding[name] = {
            knob["name"]: graphs.plain(inst.get_nodeattr(knob["name"])) for knob in foldable
        }
    return {"folding": folding}
