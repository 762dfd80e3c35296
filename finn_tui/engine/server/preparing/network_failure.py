"""Why a network does not become hardware: the node, the reason and the next step, from its graph.

FINN's transformations raise empty assertions, index errors and reshapes. What a graph holds says
more; see ``network_rules``.
"""

from typing import Any, Optional

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import graphs
from finn_tui.engine.server.preparing import network_rules


def explain(error: EngineError, original: Any, failed: Any, float_input: bool) -> EngineError:
    """An error of the flow with the node, the reason and the next step that the graphs tell.

    ``original`` is the tidied network as it came, ``failed`` the graph that the failing step was
    given; ``float_input`` says that the input was left FLOAT32. The error itself where no rule
    applies.
    """
    for rule in (*network_rules.RULES, *((network_rules.float_input,) if float_input else ())):
        reason = _apply(rule, original)
        if reason is not None:
            return _error(error, reason)
    outside = getattr(error, "nodes", None)
    if outside and any(op in network_rules.WEIGHTED for _, op in outside):
        reason = _apply(network_rules.unquantized, original)
        if reason is not None:
            return _error(error, reason)
    only_topk = outside is not None and all(op == "TopK" for _, op in outside)
    for rule in (*((network_rules.topk,) if only_topk else ()), *network_rules.LATER_RULES):
        reason = _apply(rule, failed)
        if reason is not None and (outside is None or _mentions(reason, outside)):
            return _error(error, reason)
    text = error.why.split(":", 1)
    if len(text) == 1 and error.kind == "finn":
        # An empty assertion: the most that can be said is what it was working on.
        nodes = [
            "%s (%s)" % (n.name, n.op_type)
            for n in failed.graph.node
            if network_rules.float_inputs(failed, n)
        ]
        if nodes:
            return EngineError(
                error.what,
                "%s without a message; layers with float inputs: %s"
                % (text[0], graphs.listed(nodes)),
                "Quantize the inputs of the first of them, or try --steps extended",
                kind=error.kind,
                detail=error.detail,
            )
    return error


def _apply(rule: network_rules.Rule, model: Any) -> Optional[network_rules.Reason]:
    try:
        return rule(model)
    except Exception:
        # The graph is damaged in a way that a rule did not expect: no explanation is no failure.
        return None


def _mentions(reason: network_rules.Reason, outside: Any) -> bool:
    named = {"%s (%s)" % pair for pair in outside}
    return not reason[0] or any(name in named for name in reason[0])


def _error(error: EngineError, reason: network_rules.Reason) -> EngineError:
    nodes, why, fix = reason
    detail = error.detail or "%s\n%s" % (error.what, error.why)
    what = "FINN cannot build %s" % (graphs.listed(nodes, 3) if nodes else "this network")
    return EngineError(what, "%s. %s." % (why, error.what), fix, "input", detail)
