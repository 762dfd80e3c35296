"""Cost tables: every legal point of a layer, priced by FINN's own methods.

FINN's estimators are cheap; looking attributes up in protobuf and data types up by name is not.
With both held in dictionaries the same methods give the same numbers about twenty times faster.
"""

import inspect
import itertools
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import finn_env, graphs, knobs
from finn_tui.engine.server.knobs import Hardware, Knob

COLUMNS = ("cycles", "LUT", "BRAM_18K", "URAM", "DSP", "in_width", "out_width")
Row = Tuple[Any, ...]
Pricer = Callable[[], Row]


def cache_attributes(inst: Any) -> None:
    """Back the attributes and data types of a custom op instance by dictionaries.

    What is set afterwards does not reach the ONNX node any more, so the instance is for pricing
    only. No knob changes a data type.
    """
    if "get_nodeattr" in vars(inst):
        return
    types = inst.get_nodeattr_types()
    read = inst.get_nodeattr
    values: Dict[str, Any] = {}

    def get_nodeattr(name: str) -> Any:
        if name not in values:
            values[name] = read(name)  # raises for unknown names, as FINN's code expects
        value = values[name]
        return list(value) if isinstance(value, list) else value

    inst.get_nodeattr_types = lambda: types
    inst.get_nodeattr = get_nodeattr
    inst.set_nodeattr = values.__setitem__
    for name in ("get_input_datatype", "get_output_datatype"):
        setattr(inst, name, _remembering(getattr(inst, name)))


def _remembering(method: Callable[[int], Any]) -> Callable[..., Any]:
    known: Dict[int, Any] = {}

    def remembered(ind: int = 0) -> Any:
        if ind not in known:
            known[ind] = method(ind)
        return known[ind]

    return remembered


def pricer(node: Any, inst: Any, part: str) -> Pricer:
    """A function that prices the present values of a layer: one row, exactly as FINN says it.

    It raises whatever FINN raises for values that FINN refuses.
    """
    method = inst.node_res_estimation
    # FINN up to 0.9 takes no part.
    arguments = (part,) if inspect.signature(method).parameters else ()
    # FINN's own check, the one that code generation fails on: it raises if any stream of an HLS
    # layer, its weights' included, is wider than ap_int can be (8191 bits).
    check = getattr(inst, "get_ap_int_max_w", None) if knobs.is_hls(node) else None

    def price() -> Row:
        if check is not None:
            check()
        resources = method(*arguments)
        return (
            int(inst.get_exp_cycles()),
            graphs.plain(resources["LUT"]),
            graphs.plain(resources["BRAM_18K"]),
            graphs.plain(resources.get("URAM", 0)),
            graphs.plain(resources.get("DSP", 0)),
            int(inst.get_instream_width()),
            int(inst.get_outstream_width()),
        )

    return price


def _try(inst: Any, price: Pricer, point: Dict[str, Any]) -> Tuple[Optional[Row], str]:
    """The row of a point, or None and why FINN refuses it."""
    for name, value in point.items():
        inst.set_nodeattr(name, value)
    try:
        return price(), ""
    except Exception as error:
        # FINN refuses values by assertions, errors of its own and bare exceptions; whatever it
        # raises here, it would raise again while it generates the layer's code.
        return None, "%s: %s" % (type(error).__name__, error)


def possible(node: Any, inst: Any, part: str, tried: List[Knob]) -> List[Knob]:
    """The knobs without the values that FINN refuses whatever the others are."""
    price = pricer(node, inst, part)
    kept = []
    for knob in tried:
        values = []
        for value in knob["values"]:
            # Every limit of FINN is one on a product or on what must be at its maximum first, so
            # a value that goes with neither the smallest nor the largest others goes with none.
            for end in (0, -1):
                point = {other["name"]: other["values"][end] for other in tried}
                point[knob["name"]] = value
                if knobs.go_together(node, point, tried) and _try(inst, price, point)[0]:
                    values.append(value)
                    break
        kept.append(dict(knob, values=values))
    return kept


def table_of(node: Any, inst: Any, part: str, window: bool) -> Dict[str, Any]:
    """The TABLE of one layer.

    Raises ``EngineError`` if FINN prices no point of it at all.
    """
    cache_attributes(inst)
    tried = knobs.knobs_of(node, inst, part, window)
    names = [knob["name"] for knob in tried]
    price = pricer(node, inst, part)
    points: List[List[Any]] = []
    rows: List[Row] = []
    refusal = "no combination of its values is legal"
    for values in itertools.product(*[knob["values"] for knob in tried]):
        point = dict(zip(names, values))
        if not knobs.go_together(node, point, tried):
            continue
        row, why = _try(inst, price, point)
        if row is None:
            refusal = why
            continue
        points.append(list(values))
        rows.append(row)
    if not rows:
        raise EngineError(
            "FINN gives no estimate for %s (%s)" % (node.name, node.op_type),
            refusal,
            "This layer is not supported by the installed FINN",
            kind="finn",
        )
    table: Dict[str, Any] = {"layer": node.name, "knobs": names, "points": points}
    for index, column in enumerate(COLUMNS):
        table[column] = [row[index] for row in rows]
    return table


def iterate(nodes: List[Hardware], part: str, first: Optional[str]) -> Iterator[Dict[str, Any]]:
    """The TABLE of every layer, the one named ``first`` first."""
    window = knobs.windowed(nodes)
    for node, inst in sorted(nodes, key=lambda layer: layer[0].name != first):
        yield table_of(node, inst, part, node.name in window)


def stream(
    path: str,
    part: str,
    first: Optional[str],
    send: Callable[[Dict[str, Any]], None],
    check: Callable[[], None],
) -> Dict[str, Any]:
    """Send every table as it is ready; returns the answer to ``tables``.

    ``check`` is called between layers and may raise to stop. ``seconds`` is the time for pricing,
    without the imports that a first request needs.
    """
    finn_env.setup()
    model = graphs.load(path)
    nodes = knobs.hardware_nodes(model)
    started = time.perf_counter()
    count = points = 0
    for table in iterate(nodes, part, first):
        check()
        send(table)
        count += 1
        points += len(table["points"])
    return {"layers": count, "points": points, "seconds": time.perf_counter() - started}
