"""Exact folding: the cheapest that reaches a target, the fastest that fits, with a proof.

Every layer takes one row of its cost table. Rows too slow for the target are out; of the others
only those matter that no row with the same widths and coupled knobs beats in every resource. What
is left is a small integer program, which HiGHS solves to a proved optimum:

    minimise    sum of weight x resources over the chosen rows and the width converters between them
    so that     each layer has one row, coupled knobs are equal, every resource is within its limit

The II is no part of the objective but a filter, so the fastest folding that fits is found by
bisection over the cycle counts that occur in the tables.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from finn_tui.core.costs import Tables
from finn_tui.core.design import Design
from finn_tui.core.device import RESOURCES, Device
from finn_tui.core.folding import Folding
from finn_tui.errors import FinnTuiError

Limits = Mapping[str, float]
"""Units of each resource that may be used; a resource that is not named is not limited."""

Converters = Mapping[tuple[str, str], Mapping[tuple[int, int], NDArray[np.float64]]]
"""Cost of the width converter on a stream (producer, consumer), by (out, in) width in bits, as
resources in the order of ``RESOURCES``; equal widths need none and are not named."""


#: How long one question of feasibility may take; most take a hundredth of it.
_FEASIBLE_SECONDS = 20.0


class Infeasible(FinnTuiError):
    """No folding reaches the target within the limits; ``binding`` says what stands in the way."""

    def __init__(self, what: str, why: str, fix: str, binding: tuple[str, ...] = ()) -> None:
        """As ``FinnTuiError``; ``binding`` are resources, or layers that cannot be fast enough."""
        super().__init__(what, why, fix)
        self.binding = binding


@dataclass(frozen=True)
class Problem:
    """What is to be folded.

    Attributes:
        limits: as ``budget_limits`` makes them.
        weights: cost of one unit of each resource.
        locked: layers that keep what they have in ``folding``.
        converters: cost of width converters; empty leaves them out of account.
    """

    design: Design
    tables: Tables
    folding: Folding
    limits: Limits
    weights: Mapping[str, float]
    locked: frozenset[str] = frozenset()
    converters: Converters = field(default_factory=dict)


@dataclass(frozen=True)
class Solution:
    """An answer.

    Attributes:
        folding: settings as in the problem's folding, knobs chosen anew.
        cycles: the target II that was asked of every layer.
        cost: weighted resources, converters included.
        bound: no folding for the target costs less than this.
        optimal: whether ``cost`` is proved to be the least.
        seconds: how long it took.
    """

    folding: Folding
    cycles: int
    cost: float
    bound: float
    optimal: bool
    seconds: float


def budget_limits(device: Device, shares: Mapping[str, float] | None = None) -> dict[str, float]:
    """Limits in units: each resource's share of the device's budget, all of it unless said."""
    shares = shares or {}
    return {
        name: device.budget[name] * shares.get(name, 1.0)
        for name in RESOURCES
        if name in device.budget
    }


def budget_weights(device: Device) -> dict[str, float]:
    """Weights that count each resource by the share of the budget that a unit of it takes."""
    return {name: 1.0 / device.budget[name] if device.budget.get(name) else 0.0
            for name in RESOURCES}  # fmt: skip


def solve(
    problem: Problem,
    cycles: int,
    *,
    seconds: float = 60.0,
    cancelled: Callable[[], bool] | None = None,
) -> Solution:
    """The cheapest folding in which no layer needs more than ``cycles``.

    Args:
        seconds: stop after this long with the best found and its bound.
        cancelled: asked now and then; true stops as ``seconds`` does.

    Raises:
        Infeasible: there is none, and why.
    """
    began = time.perf_counter()
    program = _Program(problem, cycles)
    if program.too_slow:
        raise _too_slow(problem, program.too_slow, cycles)
    answer = program.run(seconds, cancelled)
    if answer is None:
        binding = _binding(problem, cycles)
        raise Infeasible(
            f"no folding reaches {cycles:,} cycles within the limits",
            _binding_text(problem, binding),
            "Raise the limit, or ask for fewer frames per second.",
            binding,
        )
    rows, cost, bound, optimal = answer
    values = {name: problem.tables[name].values(row) for name, row in rows.items()}
    return Solution(
        Folding(values, problem.folding.settings),
        cycles,
        cost,
        bound,
        optimal,
        time.perf_counter() - began,
    )


def fill(
    problem: Problem, *, seconds: float = 60.0, cancelled: Callable[[], bool] | None = None
) -> Solution:
    """The fastest folding within the limits, and of those with its II the cheapest.

    Raises:
        Infeasible: not even the slowest folding fits.
    """
    began = time.perf_counter()
    counts = targets(problem)
    low, high = 0, len(counts) - 1
    while low < high:
        middle = (low + high) // 2
        if possible(problem, counts[middle]):
            high = middle
        else:
            low = middle + 1
    best = solve(problem, counts[low], seconds=seconds, cancelled=cancelled)
    return Solution(
        best.folding, best.cycles, best.cost, best.bound, best.optimal,
        time.perf_counter() - began,
    )  # fmt: skip


def possible(problem: Problem, cycles: int) -> bool:
    """Whether some folding reaches ``cycles`` within the limits, whatever it costs."""
    return _Program(replace(problem, weights={}), cycles).run(_FEASIBLE_SECONDS, None) is not None


def targets(problem: Problem) -> list[int]:
    """Every II that a folding can have, ascending: cycle counts that some layer can need."""
    slowest_best = max(
        int(_rows(problem, layer.name, None)[1].min()) for layer in problem.design.layers
    )
    found: set[int] = set()
    for layer in problem.design.layers:
        found.update(int(count) for count in _rows(problem, layer.name, None)[1])
    return sorted(count for count in found if count >= slowest_best)


def pareto(problem: Problem, points: int = 24, *, seconds: float = 60.0) -> list[Solution]:
    """Cheapest foldings at IIs spread evenly (in the logarithm) over what fits, fastest first."""
    fastest = fill(problem, seconds=seconds)
    counts = [count for count in targets(problem) if count >= fastest.cycles]
    wanted = np.geomspace(counts[0], counts[-1], points)
    chosen = sorted({min(counts, key=lambda c: abs(np.log(c / want))) for want in wanted})
    found: list[Solution] = []
    for count in chosen:
        solution = fastest if count == fastest.cycles else solve(problem, count, seconds=seconds)
        if not found or solution.cost < found[-1].cost - 1e-9:
            found.append(solution)
    return found


def _rows(
    problem: Problem, layer: str, cycles: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of a layer that may be chosen, and their cycles; all of them without a target."""
    table = problem.tables[layer]
    if layer in problem.locked:
        row = table.row(problem.folding.values[layer])
        assert row is not None, f"{layer} holds no legal point"
        rows = np.array([row], dtype=np.int64)
    else:
        rows = np.arange(len(table.points), dtype=np.int64)
    if cycles is not None:
        rows = rows[table.cycles[rows] <= cycles]
    return rows, table.cycles[rows]


def _too_slow(problem: Problem, layers: list[str], cycles: int) -> Infeasible:
    table = problem.tables[layers[0]]
    counts = _rows(problem, layers[0], None)[1]
    least = int(counts.min())
    locked = " as it is locked" if layers[0] in problem.locked else ""
    return Infeasible(
        f"no folding reaches {cycles:,} cycles",
        f"{layers[0]} needs at least {least:,} cycles{locked}"
        + (f", and {len(layers) - 1} more layers are too slow" if len(layers) > 1 else "")
        + f" (its fastest of {len(table.points)} legal points).",
        f"Ask for {least:,} cycles or more"
        + (", or unlock the layer." if locked else "; only another network could be faster."),
        tuple(layers),
    )


def _binding(problem: Problem, cycles: int) -> tuple[str, ...]:
    """The resources each of which alone, without its limit, would make the target possible."""
    found = []
    for name in problem.limits:
        free = {other: limit for other, limit in problem.limits.items() if other != name}
        if possible(replace(problem, limits=free), cycles):
            found.append(name)
    return tuple(found)


def _binding_text(problem: Problem, binding: tuple[str, ...]) -> str:
    if not binding:
        return "More than one resource stands in the way, or the couplings do."
    limits = ", ".join(f"{name} (limit {problem.limits[name]:,.0f})" for name in binding)
    return f"What stands in the way: {limits}."


class _Program:
    """The integer program for one target: columns are rows of tables, then converter choices."""

    def __init__(self, problem: Problem, cycles: int) -> None:
        self.too_slow: list[str] = []
        self._problem = problem
        self._weights = np.array([problem.weights.get(name, 0.0) for name in RESOURCES])
        self._columns: list[tuple[str, int]] = []
        self._of: dict[str, dict[int, int]] = {}
        self._cost: list[float] = []
        self._use: list[NDArray[np.float64]] = []
        self._starts: list[int] = [0]
        self._index: list[int] = []
        self._value: list[float] = []
        self._lower: list[float] = []
        self._upper: list[float] = []
        for layer in problem.design.layers:
            rows, _ = _rows(problem, layer.name, cycles)
            if len(rows) == 0:
                self.too_slow.append(layer.name)
                continue
            table = problem.tables[layer.name]
            self._of[layer.name] = {}
            for row in _undominated(problem, layer.name, rows):
                self._of[layer.name][row] = self._column(table.resources[row])
                self._columns.append((layer.name, row))
        self._integers = len(self._columns)
        if not self.too_slow:
            self._constrain()

    def _column(self, use: NDArray[np.float64]) -> int:
        self._use.append(use)
        self._cost.append(float(self._weights @ use))
        return len(self._cost) - 1

    def _row(self, terms: Iterable[tuple[int, float]], lower: float, upper: float) -> None:
        for column, factor in terms:
            self._index.append(column)
            self._value.append(factor)
        self._starts.append(len(self._index))
        self._lower.append(lower)
        self._upper.append(upper)

    def _constrain(self) -> None:
        for columns in self._of.values():
            self._row(((column, 1.0) for column in columns.values()), 1.0, 1.0)
        for coupling in self._problem.design.couplings:
            ends = [self._by_value(*end) for end in (coupling.a, coupling.b)]
            for value in dict.fromkeys([*ends[0], *ends[1]]):
                terms = [(column, 1.0) for column in ends[0].get(value, ())]
                terms += [(column, -1.0) for column in ends[1].get(value, ())]
                self._row(terms, 0.0, 0.0)
        for (producer, consumer), costs in self._problem.converters.items():
            self._convert(producer, consumer, costs)
        for at, name in enumerate(RESOURCES):
            if name in self._problem.limits:
                terms = [
                    (column, float(use[at])) for column, use in enumerate(self._use) if use[at]
                ]
                if terms:
                    self._row(terms, -np.inf, self._problem.limits[name])

    def _by_value(self, layer: str, knob: str) -> dict[object, list[int]]:
        table = self._problem.tables[layer]
        found: dict[object, list[int]] = {}
        for row, column in self._of[layer].items():
            found.setdefault(table.points[row][table.columns[knob]], []).append(column)
        return found

    def _convert(
        self, producer: str, consumer: str, costs: Mapping[tuple[int, int], NDArray[np.float64]]
    ) -> None:
        # A transport problem between the widths of both ends: its relaxation is tight, so that
        # these columns need not be integer.
        outs = self._by_width(producer, "out")
        ins = self._by_width(consumer, "in")
        flows: dict[tuple[int, int], int] = {}
        nothing = np.zeros(len(RESOURCES))
        for out in outs:
            for width in ins:
                flows[out, width] = self._column(costs.get((out, width), nothing))
        for out, columns in outs.items():
            terms = [(column, -1.0) for column in columns]
            self._row([*terms, *((flows[out, width], 1.0) for width in ins)], 0.0, 0.0)
        for width, columns in ins.items():
            terms = [(column, -1.0) for column in columns]
            self._row([*terms, *((flows[out, width], 1.0) for out in outs)], 0.0, 0.0)

    def _by_width(self, layer: str, side: str) -> dict[int, list[int]]:
        table = self._problem.tables[layer]
        widths = table.out_width if side == "out" else table.in_width
        found: dict[int, list[int]] = {}
        for row, column in self._of[layer].items():
            found.setdefault(int(widths[row]), []).append(column)
        return found

    def run(
        self, seconds: float, cancelled: Callable[[], bool] | None
    ) -> tuple[dict[str, int], float, float, bool] | None:
        """Rows by layer, cost, bound, whether it is proved; None if there is no answer."""
        # Half a second of import, which only those who solve shall pay.
        import highspy

        if self.too_slow:
            return None
        count = len(self._cost)
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = count, len(self._lower)
        model.col_cost_ = np.array(self._cost)
        model.col_lower_, model.col_upper_ = np.zeros(count), np.ones(count)
        model.row_lower_, model.row_upper_ = np.array(self._lower), np.array(self._upper)
        model.integrality_ = [
            highspy.HighsVarType.kInteger if column < self._integers
            else highspy.HighsVarType.kContinuous
            for column in range(count)
        ]  # fmt: skip
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.array(self._starts)
        model.a_matrix_.index_ = np.array(self._index)
        model.a_matrix_.value_ = np.array(self._value)
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("time_limit", seconds)
        solver.setOptionValue("mip_rel_gap", 0.0)
        solver.setOptionValue("mip_abs_gap", 1e-9)
        if cancelled is not None:

            def ask(event: highspy.HighsCallbackEvent) -> None:
                event.data_in.user_interrupt = cancelled()

            solver.cbMipInterrupt += ask
        solver.passModel(model)
        solver.run()
        status = solver.getModelStatus()
        info = solver.getInfo()
        if status == highspy.HighsModelStatus.kInfeasible or not info.primal_solution_status:
            return None
        optimal = status == highspy.HighsModelStatus.kOptimal
        chosen = np.array(solver.getSolution().col_value)[: self._integers]
        rows = {self._columns[at][0]: self._columns[at][1] for at in np.flatnonzero(chosen > 0.5)}
        return rows, info.objective_function_value, info.mip_dual_bound, optimal


def _undominated(problem: Problem, layer: str, rows: NDArray[np.int64]) -> list[int]:
    """Rows of a layer that no other one beats, whatever the neighbours are.

    A row is beaten by one with the same coupled knobs that uses no more of any resource, even
    with the worst that its other widths can cost in converters: whoever has the beaten row can
    take the other one instead, so an optimum without it exists.
    """
    table = problem.tables[layer]
    coupled = [
        table.columns[knob]
        for coupling in problem.design.couplings
        for name, knob in (coupling.a, coupling.b)
        if name == layer
    ]
    worse = _worse(problem, layer)
    groups: dict[tuple[object, ...], list[int]] = {}
    for row in rows.tolist():
        key = tuple(table.points[row][column] for column in coupled)
        groups.setdefault(key, []).append(row)
    kept: list[int] = []
    for group in groups.values():
        # In ascending order of all they use, hardly one is beaten by a later one.
        group.sort(key=lambda row: (float(table.resources[row].sum()), int(table.cycles[row])))
        front: list[int] = []
        for row in group:
            use = table.resources[row]
            widths = (int(table.in_width[row]), int(table.out_width[row]))
            if not any(
                bool((table.resources[other] + worse(other, widths) <= use).all())
                for other in front
            ):
                front.append(row)
        kept += front
    return kept


def _worse(problem: Problem, layer: str) -> Callable[[int, tuple[int, int]], NDArray[np.float64]]:
    """How much more converters can cost with a row's widths than with given (in, out) widths."""
    table = problem.tables[layer]
    nothing = np.zeros(len(RESOURCES))
    streams: list[tuple[int, Mapping[tuple[int, int], NDArray[np.float64]], list[int]]] = []
    for (producer, consumer), costs in problem.converters.items():
        if consumer == layer:
            far = sorted({int(width) for width in problem.tables[producer].out_width})
            turned = {(mine, out): cost for (out, mine), cost in costs.items()}
            streams.append((0, turned, far))
        elif producer == layer:
            far = sorted({int(width) for width in problem.tables[consumer].in_width})
            streams.append((1, costs, far))
    known: dict[tuple[int, int, int], NDArray[np.float64]] = {}

    def difference(at: int, mine: int, theirs: int) -> NDArray[np.float64]:
        key = (at, mine, theirs)
        if key not in known:
            _, costs, far = streams[at]
            known[key] = np.max(
                [costs.get((mine, w), nothing) - costs.get((theirs, w), nothing) for w in far],
                axis=0,
            )
        return known[key]

    def worse(row: int, widths: tuple[int, int]) -> NDArray[np.float64]:
        own = (int(table.in_width[row]), int(table.out_width[row]))
        total = nothing
        for at, (side, _, _) in enumerate(streams):
            if own[side] != widths[side]:
                total = total + difference(at, own[side], widths[side])
        return total

    return worse
