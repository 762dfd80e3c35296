"""Cost tables: every legal point of a layer, priced by FINN's own methods.

FINN's estimators are cheap; looking attributes up in protobuf and data types up by name is not.
With both held in dictionaries the same methods give the same numbers about twenty times faster.
"""

import gc
import itertools
import time
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import graphs
from finn_tui.engine.server.design import choices, knobs
from finn_tui.engine.server.design.knobs import Hardware, Knob
from finn_tui.engine.server.finn import finn_api, finn_env

RESOURCES = ("LUT", "BRAM_18K", "URAM", "DSP")
Row = Tuple[Any, ...]
#: FINN's numbers of the present values of a layer, in parts that look at different knobs.
Pricer = Dict[str, Callable[[], Row]]


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
        try:
            value = values[name]
        except KeyError:
            value = values[name] = read(name)  # raises for unknown names, as FINN's code expects
        return list(value) if value.__class__ is list else value

    inst.get_nodeattr_types = lambda: types
    inst.get_nodeattr = get_nodeattr
    inst.set_nodeattr = values.__setitem__
    for name in ("get_input_datatype", "get_output_datatype", "get_accumulator_datatype"):
        if hasattr(inst, name):
            setattr(inst, name, _remembering(getattr(inst, name)))


def _remembering(method: Callable[..., Any]) -> Callable[..., Any]:
    known: Dict[Tuple[int, ...], Any] = {}

    def remembered(*arguments: int, ind: Optional[int] = None) -> Any:
        asked = arguments if ind is None else (ind,)
        if asked not in known:
            known[asked] = method(*asked)
        return known[asked]

    return remembered


def pricer(node: Any, inst: Any, part: str) -> Pricer:
    """Functions that price the present values of a layer, exactly as FINN says it.

    "shape" (cycles, width in, width out), "luts", "memory" (BRAM_18K, URAM) and "dsps", which is
    what ``node_res_estimation`` puts together (nothing in FINN overrides it). They raise whatever
    FINN raises for values that FINN refuses.
    """
    # FINN's own check, the one that code generation fails on: it raises if any stream of an HLS
    # layer, its weights' included, is wider than ap_int can be (8191 bits).
    check = getattr(inst, "get_ap_int_max_w", None) if knobs.is_hls(node) else None

    def shape() -> Row:
        if check is not None:
            check()
        widths = int(inst.get_instream_width()), int(inst.get_outstream_width())
        return (int(inst.get_exp_cycles()), *widths)

    def of(*resources: str) -> Callable[[], Row]:
        methods = [
            finn_api.with_part(getattr(inst, name + "_estimation"), part) for name in resources
        ]
        return lambda: tuple([graphs.plain(method()) for method in methods])

    return {"shape": shape, "luts": of("lut"), "memory": of("bram", "uram"), "dsps": of("dsp")}


def _try(price: Callable[[], Row]) -> Tuple[Optional[Row], str]:
    """What FINN says of the present values, or None and why it refuses them."""
    try:
        return price(), ""
    except Exception as error:
        # FINN refuses values by assertions, errors of its own and bare exceptions; whatever it
        # raises here, it would raise again while it generates the layer's code.
        return None, "%s: %s" % (type(error).__name__, error)


def _set(inst: Any, values: Dict[str, Any]) -> None:
    for name, value in values.items():
        inst.set_nodeattr(name, value)


def _split(node: Any, inst: Any, part: str, tried: List[Knob]) -> Tuple[Any, ...]:
    """The knobs of parallelism, those of choice, and every legal mode of these."""
    folds = [knob for knob in tried if knob["kind"] == "int"]
    chosen = [knob for knob in tried if knob["kind"] != "int"]
    return folds, chosen, choices.modes(knobs.base_op(node.op_type), node, inst, part, chosen)


def possible(node: Any, inst: Any, part: str, tried: List[Knob]) -> List[Knob]:
    """The knobs without the values that FINN refuses whatever the others are."""
    folds, chosen, modes = _split(node, inst, part, tried)
    price = pricer(node, inst, part)
    base = knobs.base_op(node.op_type)
    shapes = _distinct(choices.stand_in(base, mode, "shape") for mode in modes)

    refusals: List[str] = []

    def fits(point: Dict[str, Any]) -> bool:
        if not knobs.go_together(node, point, folds):
            return False
        _set(inst, point)
        for name in price:
            row, why = _try(price[name])
            if row is None:
                refusals.append(why)
                return False
        return True

    candidates = []
    for knob in folds:
        values = []
        for value in knob["values"]:
            # Every limit of FINN is one on a product or on what must be at its maximum first, so
            # a value that goes with neither the smallest nor the largest others goes with none.
            ends = [{other["name"]: other["values"][end] for other in folds} for end in (0, -1)]
            points = (
                dict(mode, **dict(end, **{knob["name"]: value})) for mode in shapes for end in ends
            )
            if any(fits(point) for point in points):
                values.append(value)
        if not values:
            raise _no_estimate(node, refusals[-1] if refusals else "")
        candidates.append(dict(knob, values=values))
    return [*candidates, *chosen]


def _no_estimate(node: Any, refusal: str) -> EngineError:
    return EngineError(
        "FINN gives no estimate for %s (%s)" % (node.name, node.op_type),
        refusal or "no combination of its values is legal",
        "This layer is not supported by the installed FINN",
        kind="finn",
    )


def _distinct(modes: Iterable[choices.Mode]) -> List[choices.Mode]:
    modes_of_layer: List[choices.Mode] = []
    for mode in modes:
        if mode not in modes_of_layer:
            modes_of_layer.append(mode)
    return modes_of_layer


def table_of(node: Any, inst: Any, part: str, window: bool) -> Dict[str, Any]:
    """The TABLE of one layer.

    Its points are the folds (values of the "int" knobs), each of which has the same cycles and
    stream widths in every mode (values of the others). ``modes`` names the face of each mode,
    which says where in ``columns`` the amounts of each resource stand, and which of the points
    FINN takes (all if None).

    Raises ``EngineError`` if FINN prices no point of it at all.
    """
    cache_attributes(inst)
    tried = knobs.knobs_of(node, inst, part, window)
    folds, chosen, modes = _split(node, inst, part, tried)
    names = [knob["name"] for knob in folds]
    points = [
        values
        for values in itertools.product(*[knob["values"] for knob in folds])
        if knobs.go_together(node, dict(zip(names, values)), folds)
    ]
    columns = _Columns(node, inst, pricer(node, inst, part), [dict(zip(names, p)) for p in points])
    of_mode = [{part: columns.of(mode, part) for part in columns.price} for mode in modes]
    legal = [at for at in range(len(points)) if any(_complete(outcome, at) for outcome in of_mode)]
    if not legal:
        raise _no_estimate(node, columns.refusal)
    shapes: List[Row] = []
    for at in legal:
        distinct = {row for row in (outcome["shape"][at] for outcome in of_mode) if row is not None}
        if len(distinct) > 1:
            raise EngineError(
                "cycles or stream widths of %s depend on more than its folding" % node.name,
                ", ".join(knob["name"] for knob in chosen),
                "Report this with the version of FINN",
                kind="finn",
            )
        shapes.append(distinct.pop())
    return {
        "layer": node.name,
        "knobs": names + [knob["name"] for knob in chosen],
        "points": [list(points[at]) for at in legal],
        "cycles": [shape[0] for shape in shapes],
        "in_width": [shape[1] for shape in shapes],
        "out_width": [shape[2] for shape in shapes],
        **_faces([knob["name"] for knob in chosen], modes, of_mode, legal),
    }


def _complete(outcome: Dict[str, List[Optional[Row]]], at: int) -> bool:
    return all(column[at] is not None for column in outcome.values())


class _Columns:
    """FINN's numbers of all folds of a layer, a column for all modes that it cannot tell apart."""

    def __init__(self, node: Any, inst: Any, price: Pricer, points: List[Dict[str, Any]]) -> None:
        self.price = price
        self.refusal = ""
        self._base = knobs.base_op(node.op_type)
        self._inst = inst
        self._points = points
        self._known: Dict[Tuple[Any, ...], List[Optional[Row]]] = {}
        self._told: Dict[Tuple[Any, ...], Optional[Row]] = {}

    def of(self, mode: choices.Mode, part: str) -> List[Optional[Row]]:
        """What FINN says of one part of the price in a mode; None where it refuses a fold."""
        like = choices.stand_in(self._base, mode, part)
        key = (part, *sorted(like.items()))
        if key not in self._known:
            self._known[key] = self._priced(mode, part)
        return self._known[key]

    def _priced(self, mode: choices.Mode, part: str) -> List[Optional[Row]]:
        inst, price = self._inst, self.price[part]
        _set(inst, mode)
        rows = []
        for point in self._points:
            _set(inst, point)
            like = choices.reached(inst, mode) if "depth_trigger_bram" in mode else None
            if like is None:
                row, why = _try(price)
                self.refusal = why or self.refusal
            else:
                key = (part, like)
                if key not in self._told:
                    self._told[key] = _try(price)[0]
                row = self._told[key]
            rows.append(row)
        return rows


def _faces(
    names: List[str],
    modes: List[choices.Mode],
    of_mode: List[Dict[str, List[Optional[Row]]]],
    legal: List[int],
) -> Dict[str, Any]:
    columns: Dict[Tuple[Any, ...], int] = {}
    faces: Dict[Tuple[Any, ...], int] = {}
    known: Dict[Tuple[int, ...], Optional[int]] = {}
    rows = []
    for mode, parts in zip(modes, of_mode):
        key = tuple([id(column) for column in parts.values()])
        if key not in known:
            fine = [place for place, at in enumerate(legal) if _complete(parts, at)]
            lists = [
                [parts[part][at][place] if parts[part][at] else 0 for at in legal]  # type: ignore[index]
                for part, place in (("luts", 0), ("memory", 0), ("memory", 1), ("dsps", 0))
            ]
            face = [columns.setdefault(tuple(each), len(columns)) for each in lists]
            whole = len(fine) == len(legal)
            face_key = (*face, None if whole else tuple(fine))
            known[key] = faces.setdefault(face_key, len(faces)) if fine else None
        if known[key] is not None:
            rows.append([*[mode[name] for name in names], known[key]])
    return {
        "modes": rows,
        "faces": [
            dict(zip(RESOURCES, face), points=None if face[-1] is None else list(face[-1]))
            for face in faces
        ],
        "columns": [list(column) for column in columns],
    }


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
    without the imports that a first request needs; ``points`` counts those that FINN may price
    differently.
    """
    finn_env.setup()
    model = graphs.load(path)
    nodes = knobs.hardware_nodes(model)
    started = time.perf_counter()
    count = points = 0
    # Thousands of small objects are made here, and none of them is garbage.
    gc.disable()
    try:
        for table in iterate(nodes, part, first):
            check()
            send(table)
            count += 1
            points += len(table["points"]) * len(table["faces"])
    finally:
        gc.enable()
    return {"layers": count, "points": points, "seconds": time.perf_counter() - started}
