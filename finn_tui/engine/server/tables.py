"""Cost tables: every legal point of a layer, priced by FINN's own methods.

FINN's estimators are cheap; looking attributes up in protobuf is not. With the attributes of an
instance held in a dictionary the same methods give the same numbers about twenty times faster.
"""

import inspect
import itertools
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import finn_env, graphs, layers

COLUMNS = ("cycles", "LUT", "BRAM_18K", "URAM", "DSP", "in_width", "out_width")
# UG1399 gives ap_int 4096 bits at most, Vivado 2022.2 takes 8191: finn.util.basic's constant.
MAX_STREAM_BITS = 8191


def cache_attributes(inst):
    # type: (Any) -> None
    """Back the attributes of a custom op instance by a dictionary; its node no longer changes."""
    types = inst.get_nodeattr_types()
    read = inst.get_nodeattr
    values = {}  # type: Dict[str, Any]

    def get_nodeattr(name):
        # type: (str) -> Any
        if name not in values:
            values[name] = read(name)  # raises for unknown names, as FINN's code expects
        value = values[name]
        return list(value) if isinstance(value, list) else value

    def set_nodeattr(name, value):
        # type: (str, Any) -> None
        values[name] = value

    inst.get_nodeattr_types = lambda: types
    inst.get_nodeattr = get_nodeattr
    inst.set_nodeattr = set_nodeattr


def resource_estimator(inst, part):
    # type: (Any, str) -> Callable[[], Dict[str, Any]]
    """``node_res_estimation`` as a call without arguments: FINN up to 0.9 takes no part."""
    method = inst.node_res_estimation
    if inspect.signature(method).parameters:
        return lambda: dict(method(part))
    return lambda: dict(method())


def price(inst, estimate):
    # type: (Any, Callable[[], Dict[str, Any]]) -> Tuple[Any, ...]
    """One row, in the order of ``COLUMNS``, exactly as FINN says it."""
    resources = estimate()
    return (
        int(inst.get_exp_cycles()),
        graphs.plain(resources["LUT"]),
        graphs.plain(resources["BRAM_18K"]),
        graphs.plain(resources.get("URAM", 0)),
        graphs.plain(resources.get("DSP", 0)),
        int(inst.get_instream_width()),
        int(inst.get_outstream_width()),
    )


def _fits_hls(inst):
    # type: (Any) -> bool
    """Whether every stream of an HLS layer, its weights' included, is narrow enough."""
    if hasattr(inst, "get_ap_int_max_w"):
        # FINN's own check, the one that code generation fails on: it raises when it is too wide.
        return int(inst.get_ap_int_max_w()) <= MAX_STREAM_BITS
    return max(int(inst.get_instream_width()), int(inst.get_outstream_width())) <= MAX_STREAM_BITS


def table_of(node, inst, part, window):
    # type: (Any, Any, str, bool) -> Dict[str, Any]
    """The TABLE of one layer. Leaves ``inst`` with changed attributes.

    Raises ``EngineError`` if FINN prices no point of it at all.
    """
    knobs = layers.knobs_of(node, inst, part, window)
    names = [knob["name"] for knob in knobs]
    hls = layers.is_hls(node)
    estimate = resource_estimator(inst, part)
    points = []  # type: List[List[Any]]
    rows = []  # type: List[Tuple[Any, ...]]
    refusal = None  # type: Optional[BaseException]
    for values in itertools.product(*[knob["values"] for knob in knobs]):
        if not layers.legal_alone(node, dict(zip(names, values)), knobs):
            continue
        for name, value in zip(names, values):
            inst.set_nodeattr(name, value)
        try:
            if hls and not _fits_hls(inst):
                continue
            rows.append(price(inst, estimate))
        except Exception as error:
            # FINN refuses a combination by raising (assertions, its own errors, a bare
            # Exception); what it refuses is not legal and gets no row.
            refusal = error
            continue
        points.append(list(values))
    if not rows:
        raise EngineError(
            "FINN gives no estimate for %s (%s)" % (node.name, node.op_type),
            "%s: %s" % (type(refusal).__name__, refusal) if refusal else "no combination is legal",
            "This layer is not supported by the installed FINN",
            kind="finn",
        )
    table = {"layer": node.name, "knobs": names, "points": points}  # type: Dict[str, Any]
    for index, column in enumerate(COLUMNS):
        table[column] = [row[index] for row in rows]
    return table


def iterate(path, part, first=None):
    # type: (str, str, Optional[str]) -> Iterator[Dict[str, Any]]
    """The TABLE of every layer of a dataflow graph, the one named ``first`` first."""
    finn_env.setup()
    nodes = layers.hardware_nodes(graphs.load(path))
    window = layers.windowed(nodes)
    nodes.sort(key=lambda pair: pair[0].name != first)  # stable: the rest keeps graph order
    for node, inst in nodes:
        cache_attributes(inst)
        yield table_of(node, inst, part, node.name in window)


def stream(path, part, first, send, check):
    # type: (str, str, Optional[str], Callable[[Dict[str, Any]], None], Callable[[], None]) -> Dict[str, Any]
    """Send every table as it is ready; returns the answer to ``tables``."""
    finn_env.setup()
    started = time.perf_counter()
    count = points = 0
    for table in iterate(path, part, first):
        check()
        send(table)
        count += 1
        points += len(table["points"])
    return {"layers": count, "points": points, "seconds": time.perf_counter() - started}
