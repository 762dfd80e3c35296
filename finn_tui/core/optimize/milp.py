"""The integer program behind ``solve``: rows of cost tables as columns, solved by HiGHS.

What is inserted on a stream (converter, FIFOs) depends on the widths at both ends: a transport
problem between the widths, whose relaxation is tight, so that only the rows' columns need be
integer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finn_tui.core.device import RESOURCES
from finn_tui.core.optimize.problem import NO_USE, Answer, Problem


class MilpModel:
    """The integer program for one target: columns are rows of tables, then widths of streams.

    Attributes:
        too_slow: layers of which no row that may be chosen reaches the target.
    """

    def __init__(
        self,
        problem: Problem,
        cycles: int,
        *,
        limits: Mapping[str, float] | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        """Make the program; other limits and weights than the problem's may be given."""
        self.too_slow: list[str] = []
        self._problem = problem
        weights = problem.weights if weights is None else weights
        # A question of its own weights is about one resource, or about none.
        self._minimax_weight = problem.minimax_weight if weights is problem.weights else 0.0
        self._limits = problem.limits if limits is None else limits
        self._weights = np.array([*(weights.get(name, 0.0) for name in RESOURCES), 0.0])
        self._columns: list[tuple[str, int]] = []
        self._of: dict[str, dict[int, int]] = {}
        self._cost: list[float] = []
        self._use: list[NDArray[np.float64]] = []
        self._starts: list[int] = [0]
        self._index: list[int] = []
        self._value: list[float] = []
        self._unbounded: int | None = None
        self._lower: list[float] = []
        self._upper: list[float] = []
        choices = {layer.name: problem.rows(layer.name, cycles) for layer in problem.design.layers}
        self.too_slow = [name for name, rows in choices.items() if len(rows) == 0]
        if self.too_slow:
            return
        for name, rows in choices.items():
            self._of[name] = {}
            dominated = problem.dominated[name][np.ix_(rows, rows)].any(axis=0)
            for row in rows[~dominated].tolist():
                self._of[name][row] = self._column(problem.uses[name][row])
                self._columns.append((name, row))
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
        for producer, consumer, costs in self._problem.between:
            self._join(producer, consumer, costs)
        limits = [self._limits.get(name) for name in RESOURCES]
        for at, limit in enumerate([*limits, self._problem.lutram_limit]):
            terms = [(column, float(use[at])) for column, use in enumerate(self._use) if use[at]]
            if limit is not None and terms:
                self._row(terms, -np.inf, limit)
        if self._minimax_weight:
            self._top()

    def _top(self) -> None:
        """Add a column that is at least what each resource costs on top; it is kept minimal."""
        uses = list(self._use)
        top = self._column(NO_USE)
        # In the unit of the objective: a tolerance for rows is not multiplied by a weight.
        self._cost[top] = 1.0
        for at, weight in enumerate(self._weights.tolist()):
            terms = [
                (column, self._minimax_weight * weight * float(use[at]))
                for column, use in enumerate(uses)
                if weight * use[at]
            ]
            if terms:
                self._row([*terms, (top, -1.0)], -np.inf, 0.0)
        self._unbounded = top

    def _by_value(self, layer: str, knob: str) -> dict[object, list[int]]:
        table = self._problem.tables[layer]
        columns_by_value: dict[object, list[int]] = {}
        for row, column in self._of[layer].items():
            columns_by_value.setdefault(table.points[row][table.columns[knob]], []).append(column)
        return columns_by_value

    def _join(
        self, producer: str, consumer: str, costs: Mapping[tuple[int, int], NDArray[np.float64]]
    ) -> None:
        outs = self._by_width(producer, self._problem.arrays[producer].out_width)
        ins = self._by_width(consumer, self._problem.arrays[consumer].in_width)
        flows = {
            (out, width): self._column(costs.get((out, width), NO_USE))
            for out in outs
            for width in ins
        }
        for out, columns in outs.items():
            terms = [(column, -1.0) for column in columns]
            self._row([*terms, *((flows[out, width], 1.0) for width in ins)], 0.0, 0.0)
        for width, columns in ins.items():
            terms = [(column, -1.0) for column in columns]
            self._row([*terms, *((flows[out, width], 1.0) for out in outs)], 0.0, 0.0)

    def _by_width(self, layer: str, widths: NDArray[np.int64]) -> dict[int, list[int]]:
        columns_by_width: dict[int, list[int]] = {}
        for row, column in self._of[layer].items():
            columns_by_width.setdefault(int(widths[row]), []).append(column)
        return columns_by_width

    def run(self, seconds: float, gap: float = 0.0) -> Answer:
        """Solve the model.

        Args:
            seconds: time limit.
            gap: stop at a cost within this share of the least.
        """
        # Half a second of import, which only those who solve shall pay.
        import highspy

        if self.too_slow:
            return Answer(impossible=True)
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("time_limit", max(0.0, seconds))
        solver.setOptionValue("mip_rel_gap", gap)
        solver.setOptionValue("mip_abs_gap", 1e-9)
        solver.passModel(self._model(highspy))
        solver.run()
        status, info = solver.getModelStatus(), solver.getInfo()
        statuses = highspy.HighsModelStatus
        if status in (statuses.kInfeasible, statuses.kUnboundedOrInfeasible):
            return Answer(impossible=True)
        # A MIP may have no solution yet when its time is over; 2 is "feasible".
        if int(info.primal_solution_status) != 2:
            return Answer(bound=max(0.0, info.mip_dual_bound))
        values = np.array(solver.getSolution().col_value)[: len(self._columns)]
        rows = dict(self._columns[at] for at in np.flatnonzero(values > 0.5))
        cost, bound = float(info.objective_function_value), float(info.mip_dual_bound)
        # With a gap, "optimal" means no more than that it was closed; the bound tells.
        optimal = status == statuses.kOptimal and (not gap or bound >= cost * (1 - 1e-6))
        return Answer(rows, cost, cost if optimal else bound, optimal)

    def _model(self, highspy: Any) -> Any:
        count, columns = len(self._cost), len(self._columns)
        kinds = highspy.HighsVarType
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = count, len(self._lower)
        model.col_cost_ = np.array(self._cost)
        upper = np.ones(count)
        if self._unbounded is not None:
            upper[self._unbounded] = np.inf
        model.col_lower_, model.col_upper_ = np.zeros(count), upper
        model.row_lower_, model.row_upper_ = np.array(self._lower), np.array(self._upper)
        model.integrality_ = [kinds.kInteger] * columns + [kinds.kContinuous] * (count - columns)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.array(self._starts)
        model.a_matrix_.index_ = np.array(self._index)
        model.a_matrix_.value_ = np.array(self._value)
        return model
