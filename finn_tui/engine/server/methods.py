"""What the engine can be asked: the methods of the wire, and the server that offers them."""

import importlib
import os
from typing import Any, Dict

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import file_store, graphs, wire
from finn_tui.engine.server.design import converters, layers, reports, setfolding, tables
from finn_tui.engine.server.finn import finn_env, installed
from finn_tui.engine.server.preparing import execution, exporting, flow
from finn_tui.engine.server.training import user_network, weights

Params = Dict[str, Any]


def _need(params: Params, name: str) -> Any:
    if params.get(name) is None:
        raise EngineError("The request has no %r" % name, "", "", kind="protocol")
    return params[name]


def _path(params: Params, name: str) -> str:
    value = _need(params, name)
    if not isinstance(value, str):
        raise EngineError("%r must be a path, not %r" % (name, value), kind="protocol")
    return os.path.abspath(value)


def _number(params: Params, name: str) -> float:
    value = _need(params, name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise EngineError("%r must be a number, not %r" % (name, value), kind="protocol")
    return float(value)


def info(params: Params, context: wire.Context) -> Any:
    """What this engine is: versions, tools, boards; ``thorough`` tries FINN's builder first."""
    if params.get("thorough"):
        finn_env.steps()
    return finn_env.info()


def prepare(params: Params, context: wire.Context) -> Any:
    """From a network to a dataflow graph."""
    source = _need(params, "source")
    if not isinstance(source, dict):
        raise EngineError("'source' must be an object, not %r" % (source,), kind="protocol")
    clock_ns = _number(params, "clock_ns")
    out, board = _path(params, "out"), str(_need(params, "board"))
    check = bool(params.get("check", True))
    part = params.get("part")
    data = _path(params, "data") if params.get("data") is not None else None
    return flow.prepare(source, out, board, part, clock_ns, context.progress, check, data)


def export(params: Params, context: wire.Context) -> Any:
    """A network as a QONNX file."""
    source = _need(params, "source")
    if not isinstance(source, dict):
        raise EngineError("'source' must be an object, not %r" % (source,), kind="protocol")
    return exporting.export(source, _path(params, "out"), context.progress)


def graph(params: Params, context: wire.Context) -> Any:
    """A graph's nodes."""
    return graphs.describe(_path(params, "path"))


def design(params: Params, context: wire.Context) -> Any:
    """A dataflow graph's layers, knobs, streams and couplings."""
    return layers.describe(_path(params, "path"), str(_need(params, "part")))


def cost_tables(params: Params, context: wire.Context) -> Any:
    """Every legal point of every layer, as "table" events."""

    def send(table: Dict[str, Any]) -> None:
        context.event("table", table)

    path, part = _path(params, "path"), str(_need(params, "part"))
    return tables.stream(path, part, params.get("first"), send, context.check)


def stream_prices(params: Params, context: wire.Context) -> Any:
    """What FINN inserts between layers, priced: "dwc" and "fifo" are lists of pairs."""
    part = str(_need(params, "part"))
    return converters.prices(part, params.get("dwc", []), params.get("fifo", []))


def set_folding(params: Params, context: wire.Context) -> Any:
    """What FINN's own heuristic makes of a target."""
    cycles = int(_number(params, "cycles"))
    path, part = _path(params, "path"), str(_need(params, "part"))
    return setfolding.fold(path, part, cycles, int(params.get("wwidth_max", 36)))


def finn_reports(params: Params, context: wire.Context) -> Any:
    """FINN's own reports on a folding."""
    folding = _need(params, "folding")
    return reports.report(_path(params, "path"), str(_need(params, "part")), folding)


def execute(params: Params, context: wire.Context) -> Any:
    """Run a stage graph in software."""
    return execution.execute(_path(params, "path"), _path(params, "input"), _path(params, "output"))


def netlist(params: Params, context: wire.Context) -> Any:
    """A dataflow graph as arithmetic, in a file; see ``netlist``."""
    finn_env.setup()
    module = importlib.import_module("finn_tui.engine.server.preparing.netlist")
    path, target = _path(params, "path"), _path(params, "output")
    partial = target + ".partial"
    try:
        description = module.export_network(graphs.load(path), partial)
        os.replace(partial, target)
    finally:
        if os.path.exists(partial):
            os.remove(partial)
    return {"nodes": len(description["nodes"])}


def evaluate(params: Params, context: wire.Context) -> Any:
    """The accuracy of a checkpoint, or of a source with its weights, on a data set."""
    accuracy = importlib.import_module("finn_tui.engine.server.training.accuracy")
    if params.get("checkpoint"):
        net = accuracy.of_checkpoint(_path(params, "checkpoint"), params.get("module"))
        note = {"kind": "checkpoint", "note": os.path.basename(str(params["checkpoint"]))}
    elif _need(params, "source").get("kind") == "module":
        net, shape, note = user_network.obtain(params["source"])
        user_network.take_images(net, shape)
    else:
        net, note = weights.obtain(_need(params, "source"), context.progress)
    scores = accuracy.measure(
        net, str(_need(params, "dataset")), str(params.get("labels") or "fine"), context.progress
    )
    return dict(scores, weights=note)


METHODS: Dict[str, wire.Handler] = {
    "evaluate": evaluate,
    "info": info,
    "prepare": prepare,
    "export": export,
    "graph": graph,
    "design": design,
    "tables": cost_tables,
    "converters": stream_prices,
    "setfolding": set_folding,
    "reports": finn_reports,
    "execute": execute,
    "netlist": netlist,
    **file_store.METHODS,
}


def serve() -> int:
    """Talk on stdio until stdin closes."""
    wire.open_server(METHODS, finn_env.cleanup, installed.state()).serve()
    return 0
