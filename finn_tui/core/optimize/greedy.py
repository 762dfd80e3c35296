"""What next: the cheapest move that lowers the II, the way to a target in such moves, and what
could be given back meanwhile. Quick and without proof; ``core/solve.py`` has the exact answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from finn_tui.core.design import CHOSEN, Design, Layer, Value
from finn_tui.core.device import RESOURCES, budget_weights
from finn_tui.core.editor import Editor
from finn_tui.core.estimate.estimate import CostTable, Estimate
from finn_tui.core.folding.model import Folding, IllegalFolding, change
from finn_tui.core.optimize.buildability import NEVER_TRADED, refusal


@dataclass(frozen=True)
class Move:
    """Knobs of one layer set anew, or of all layers that hold the II together.

    Attributes:
        values: by layer, only those of its knobs that change; what follows by couplings is not
            named.
        folding: the whole folding after the move.
        ii_cycles, bottleneck: the design's II after it, and the first layer that then holds it.
        use: what it adds (or gives back, negative), by resource: FINN's own total and, as far as
            their costs are known, the width converters and FIFOs that FINN inserts.
        cost: ``use`` in shares of the board's budget, summed.
        unknown_lut: whether it changes layers of whose LUTs FINN has no model: ``use`` lacks them.
    """

    values: Mapping[str, Mapping[str, Value]]
    folding: Folding
    ii_cycles: int
    bottleneck: str
    use: Mapping[str, float]
    cost: float
    unknown_lut: bool = False

    @property
    def layer(self) -> str:
        """The layer that is moved, the first where there are several."""
        return next(iter(self.values))

    @property
    def steps(self) -> str:
        """What is set: "MVAU_hls_6: SIMD 8"."""
        layers = [
            f"{layer}: {', '.join(f'{knob} {value}' for knob, value in knobs.items())}"
            for layer, knobs in self.values.items()
        ]
        return layers[0] + (f" and {len(layers) - 1} more" if len(layers) > 1 else "")

    @property
    def price(self) -> str:
        """What it costs: "+9 LUT, +1 BRAM_18K"."""
        parts = [f"{amount:+,.0f} {name}" for name, amount in self.use.items() if round(amount)]
        if self.unknown_lut:
            parts.append("unknown LUT")
        return ", ".join(parts) or "nothing"

    def text(self) -> str:
        """Return a line: "MVAU_hls_6: SIMD 8 gives 16,384 for +9 LUT; then ..."."""
        return (
            f"{self.steps} {'gives' if len(self.values) == 1 else 'give'} {self.ii_cycles:,} "
            f"for {self.price}; "
            f"then {self.bottleneck} holds the II"
        )


@dataclass(frozen=True)
class Blocked:
    """A layer that keeps the II from being lower, and why."""

    layer: str
    why: str

    def text(self) -> str:
        """Return a line: "MVAU_hls_1 holds the II: it is locked"."""
        return f"{self.layer} holds the II: {self.why}"


def next_move(editor: Editor, locked: Collection[str] = ()) -> Move | Blocked:
    """Return the cheapest move that lowers the II: of the bottleneck, or of all bottlenecks.

    Args:
        editor: design, folding, device and costs.
        locked: layers that must not change.

    Returns:
        the move, or the layer that blocks it and why.
    """
    return _next(editor, editor.folding, editor.estimate, locked)


def _next(
    editor: Editor, start: Folding, current: Estimate, locked: Collection[str]
) -> Move | Blocked:
    folding, result = start, current
    moved: dict[str, dict[str, Value]] = {}
    while result.ii_cycles >= current.ii_cycles:
        name = result.bottleneck
        if name in locked:
            return Blocked(name, "it is locked")
        cheapest = _cheapest(editor, folding, result, name, current.ii_cycles - 1, locked)
        if cheapest is None or name in moved:
            return Blocked(name, "it is as fast as it can be")
        moved[name], folding = cheapest
        result = editor.estimate_of(folding)
    return _move(editor, moved, folding, current, result)


def reclaim(editor: Editor, count: int | None = 5, locked: Collection[str] = ()) -> list[Move]:
    """Return moves of layers that are faster than needed which cost less and keep the II.

    Args:
        editor: design, folding, device and costs.
        count: how many moves at most; all if None.
        locked: layers that must not change.

    Returns:
        the cheapest move of each such layer, the largest saving first.
    """
    return _give_back(editor, editor.folding, editor.estimate, locked)[:count]


def _give_back(
    editor: Editor, start: Folding, current: Estimate, locked: Collection[str]
) -> list[Move]:
    moves: list[Move] = []
    for layer in current.layers:
        if layer.cycles < current.ii_cycles and layer.name not in locked:
            best = _cheapest(editor, start, current, layer.name, current.ii_cycles, locked)
            if best is not None:
                values, folding = best
                result = editor.estimate_of(folding)
                move = _move(editor, {layer.name: values}, folding, current, result)
                if move.cost < -1e-12 and result.ii_cycles <= current.ii_cycles:
                    moves.append(move)
    return sorted(moves, key=lambda move: move.cost)


def reclaim_all(editor: Editor, locked: Collection[str] = ()) -> Move | None:
    """Apply ``reclaim`` until nothing is left to save.

    Args:
        editor: design, folding, device and costs.
        locked: layers that must not change.

    Returns:
        all moves as one; None if there is nothing to save.
    """
    folding, current = editor.folding, editor.estimate
    moved: dict[str, Mapping[str, Value]] = {}
    result = current
    # A move may, by couplings, make room for another one of the same layer: not for ever.
    for _ in range(3 * len(editor.design.layers)):
        moves = _give_back(editor, folding, result, locked)
        if not moves:
            break
        folding = moves[0].folding
        moved.update(moves[0].values)
        result = editor.estimate_of(folding)
    return _move(editor, moved, folding, current, result) if moved else None


@dataclass(frozen=True)
class MovePath:
    """How far a target is, in single moves from the present folding.

    Attributes:
        cycles: the II that is wanted.
        slow: layers that need more than that now, slowest first.
        moves: how many moves were made.
        move: all of them as one; None where there is none to make.
        blocked: what keeps the moves from the target; None if they reach it.
        over: resources that end above their limit, with (amount, limit) in units.
        fits: the lowest II on the way at which none is; None where the present folding is not.
    """

    cycles: int
    slow: tuple[str, ...]
    moves: int
    move: Move | None
    blocked: Blocked | None
    over: Mapping[str, tuple[float, float]]
    fits: int | None


def path_to(editor: Editor, cycles: int, locked: Collection[str] = ()) -> MovePath:
    """Repeat the cheapest next move until the II is low enough or no move is left.

    Resources are FINN's own total and what FINN inserts, as far as its cost is known; limits are
    FINN's fill limits of the device.

    Args:
        editor: design, folding, device and costs.
        cycles: the wanted II.
        locked: layers that must not change.
    """
    current = editor.estimate
    slow = sorted(
        (layer for layer in current.layers if layer.cycles > cycles),
        key=lambda layer: -layer.cycles,
    )
    folding, result, count = editor.folding, current, 0
    moved: dict[str, Mapping[str, Value]] = {}
    blocked = None
    over = _over(editor, result)
    fits = None if over else result.ii_cycles
    while result.ii_cycles > cycles:
        step = _next(editor, folding, result, locked)
        if isinstance(step, Blocked):
            blocked = step
            break
        for layer, values in step.values.items():
            moved[layer] = {**moved.get(layer, {}), **values}
        folding, count = step.folding, count + 1
        result = editor.estimate_of(folding)
        over = _over(editor, result)
        fits = fits if over else result.ii_cycles
    move = _move(editor, moved, folding, current, result) if moved else None
    return MovePath(cycles, tuple(layer.name for layer in slow), count, move, blocked, over, fits)


def _over(editor: Editor, result: Estimate) -> dict[str, tuple[float, float]]:
    device, inserted = editor.device, result.infrastructure.total()
    over = {}
    for name in RESOURCES:
        if name in device.budget:
            limit = device.budget[name] * device.limits.get(name, 1.0)
            amount = result.total[name] + inserted[name]
            if amount > limit:
                over[name] = (amount, limit)
    return over


def _move(
    editor: Editor,
    values: Mapping[str, Mapping[str, Value]],
    folding: Folding,
    before: Estimate,
    after: Estimate,
) -> Move:
    weights = budget_weights(editor.device)
    use = _difference(before, after)
    cost = sum(weights[name] * amount for name, amount in use.items())
    unknown = not after.unmodelled.isdisjoint(values)
    return Move(values, folding, after.ii_cycles, after.bottleneck, use, cost, unknown)


def _difference(before: Estimate, after: Estimate) -> dict[str, float]:
    was, inserted = before.infrastructure.total(), after.infrastructure.total()
    return {
        name: after.total[name] + inserted[name] - before.total[name] - was[name]
        for name in RESOURCES
    }


def _inserted(editor: Editor, current: Estimate, name: str) -> Callable[[int, int], float]:
    """Return a function that gives the cost of what FINN would insert at a layer's streams.

    It takes the layer's (in, out) widths in bits, while its neighbours keep theirs, and returns
    shares of the board's budget.
    """
    by_name = budget_weights(editor.device)
    weights = [by_name[resource] for resource in RESOURCES]
    known: dict[tuple[int, int], float] = {}

    def width(end: str | None, side: int, widths_here: tuple[int, int]) -> int:
        if end == name:
            return widths_here[side]
        return current.widths[end][side] if end is not None else 0

    def cost(in_width: int, out_width: int) -> float:
        widths_here = in_width, out_width
        if widths_here not in known:
            known[widths_here] = sum(
                weight * amount
                for link in current.streams_of[name]
                for weight, amount in zip(
                    weights,
                    current.costs.use(
                        link,
                        width(link.producer, 1, widths_here),
                        width(link.consumer, 0, widths_here),
                    ),
                    strict=True,
                )
            )
        return known[widths_here]

    return cost


def _cheapest(
    editor: Editor,
    folding: Folding,
    current: Estimate,
    name: str,
    most: int,
    locked: Collection[str],
) -> tuple[dict[str, Value], Folding] | None:
    """Return the cheapest other row of a layer with at most so many cycles, and the folding.

    What follows by couplings costs too, is fast enough too, and is not locked.
    """
    layer = editor.design.by_name[name]
    table = editor.priced_tables[name].part(folding.values[name], CHOSEN)
    present = folding.values[name]
    ends = [table.columns[knob] for knob in _coupled(editor.design, name)]
    best: tuple[tuple[float, int, int], int, Folding] | None = None
    # What is coupled sees nothing else of the layer but the widths of its streams, which are priced
    # as if its neighbours kept theirs: the cheapest row stands for its group.
    inserted = _inserted(editor, current, name)
    for rank, row in _ranked(editor, table, layer, present, most, ends, inserted):
        if not ends:
            best = rank, row, folding.with_layer(name, table.values(row))
            continue
        taken = _take(editor, folding, name, table.values(row))
        if taken is None:
            continue
        moved = {other for other, values in taken.values.items() if values != folding.values[other]}
        result = editor.estimate_of(taken)
        if moved & set(locked) or any(c.cycles > most for c in result.layers if c.name in moved):
            continue
        weights = budget_weights(editor.device)
        use = _difference(current, result)
        total = sum(weights[each] * use[each] for each in RESOURCES)
        if best is None or (round(total, 12), *rank[1:]) < best[0]:
            best = (round(total, 12), *rank[1:]), row, taken
    if best is None:
        return None
    values = table.values(best[1])
    return {k: value for k, value in values.items() if value != present[k]}, best[2]


def _ranked(
    editor: Editor,
    table: CostTable,
    layer: Layer,
    present: Mapping[str, Value],
    most: int,
    ends: Sequence[int],
    inserted: Callable[[int, int], float],
) -> list[tuple[tuple[float, int, int], int]]:
    """Return the best row for each choice of the knobs in the columns ``ends``, with its rank.

    The rank is the cost, then how many knobs change, then the cycles. Rows that FINN could not
    build are left out. Tables have thousands of rows and this runs with the keys of a user: one
    pass, in which only rows as cheap as the best are looked at closely.
    """
    weights = budget_weights(editor.device)
    lut, bram, uram, dsp = (weights[name] for name in RESOURCES)
    never_traded = [
        (table.columns[knob], present[knob]) for knob in table.knobs if knob in NEVER_TRADED
    ]
    current = tuple(present[knob] for knob in table.knobs)
    best: dict[tuple[Value, ...], tuple[tuple[float, int, int], int]] = {}
    for row, cycles in enumerate(table.cycles):
        if cycles > most:
            continue
        use, point = table.resources[row], table.points[row]
        cost = round(lut * use[0] + bram * use[1] + uram * use[2] + dsp * use[3], 12)
        group = tuple([point[at] for at in ends])
        previous = best.get(group)
        if previous is not None and cost > previous[0][0]:
            continue
        cost = round(cost + inserted(table.in_width[row], table.out_width[row]), 12)
        if previous is not None and cost > previous[0][0]:
            continue
        if point == current or any(point[at] != value for at, value in never_traded):
            continue
        changed = sum(a != b for a, b in zip(point, current, strict=True))
        rank = (cost, changed, cycles)
        if (previous is None or rank < previous[0]) and refusal(layer, table.values(row)) is None:
            best[group] = rank, row
    return list(best.values())


def _coupled(design: Design, layer: str) -> list[str]:
    knobs = dict.fromkeys(
        knob
        for coupling in design.couplings
        for name, knob in (coupling.a, coupling.b)
        if name == layer
    )
    return list(knobs)


def _take(
    editor: Editor, start: Folding, layer: str, values: Mapping[str, Value]
) -> Folding | None:
    """Return the folding with a row of a layer and what must follow; None if impossible."""
    folding = start.with_layer(layer, values)
    for coupling in editor.design.couplings:
        for (knob_layer, knob), (far, far_knob) in (
            (coupling.a, coupling.b),
            (coupling.b, coupling.a),
        ):
            if knob_layer == layer and folding.values[far][far_knob] != values[knob]:
                try:
                    folding = change(
                        editor.design, editor.tables, folding, far, far_knob, values[knob]
                    ).folding
                except IllegalFolding:
                    return None
    # What followed may have moved the layer itself again.
    return folding if folding.values[layer] == values else None
