"""Answers with a proof: dynamic programming where few streams are open, else HiGHS."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from finn_tui.core.device import RESOURCES
from finn_tui.core.optimize.frontier import Edges, Floats, Frontier
from finn_tui.core.optimize.labels import Outcome, best_path
from finn_tui.core.optimize.milp import MilpModel
from finn_tui.core.optimize.problem import DIMENSIONS, NO_USE, Answer, Problem
from finn_tui.core.optimize.relaxation import Goal, Path, bound

#: Share of the time after which HiGHS takes over.
_SHARE = 0.25

#: By how much a sum may exceed a limit for rounding, as a share.
_ROUNDING = 1e-9


class Exact:
    """Answers questions about one problem and remembers what helps with the next question."""

    def __init__(self, problem: Problem) -> None:
        """Take a problem; its graph is made when it is first needed."""
        self.problem = problem
        self._paths: list[tuple[int, Path]] = []

    @cached_property
    def _frontier(self) -> Frontier | None:
        return Frontier.of(self.problem)

    def too_slow(self, cycles: int) -> list[str]:
        """Return the layers of which no row that may be chosen reaches a target."""
        names = [layer.name for layer in self.problem.design.layers]
        return [name for name in names if len(self.problem.rows(name, cycles)) == 0]

    def run(
        self,
        cycles: int,
        seconds: float,
        *,
        gap: float = 0.0,
        limits: Mapping[str, float] | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> Answer:
        """Find the cheapest rows for a target.

        Args:
            cycles: the target.
            seconds: time limit.
            gap: stop at a cost within this share of the least.
            limits, weights: other ones than the problem's; without weights anything will do.
        """
        if self.too_slow(cycles):
            return Answer(impossible=True)
        began = time.perf_counter()
        answer = Answer()
        if self._frontier is not None:
            until = began + _SHARE * seconds
            answer = self._by_paths(self._frontier, cycles, until, gap, limits, weights)
            if answer.impossible or answer.optimal or _within(answer, gap):
                return answer
        left = seconds - (time.perf_counter() - began)
        model = MilpModel(self.problem, cycles, limits=limits, weights=weights)
        other = model.run(left, gap)
        if other.rows:
            self._remember(cycles, [self._path(other.rows)])
        return _better(answer, other)

    def _by_paths(
        self,
        frontier: Frontier,
        cycles: int,
        until: float,
        gap: float,
        limits: Mapping[str, float] | None,
        weights: Mapping[str, float] | None,
    ) -> Answer:
        goal = self._goal(limits, weights)
        edges = frontier.edges(cycles, goal.limits)
        known = [path for most, path in self._paths if most <= cycles]
        # Whether anything is within the limits is decided first: prices of the goal say little.
        feasible = replace(
            goal,
            cost=np.zeros(DIMENSIONS),
            peak=np.where(np.isfinite(goal.limits), 1 / np.maximum(goal.limits, 1e-9), 0.0),
            limits=np.full(DIMENSIONS, np.inf),
        )
        if not _connected(edges):
            return Answer(impossible=True)
        within = 1 + _ROUNDING
        found = bound(edges, feasible, until, enough=within, known=known)
        self._remember(cycles, found.paths[len(known) :])
        if found.least > within:
            return Answer(impossible=True)
        anything = weights is not None and not weights
        if anything or found.best is None or not np.isfinite(goal.value(found.best.use)):
            feasible = replace(feasible, limits=goal.limits)
            outcome = best_path(edges, feasible, found, until, enough=within)
            if outcome.path is None:
                return Answer(impossible=outcome.complete)
            self._remember(cycles, [outcome.path])
            if anything:
                return Answer(self._rows(outcome.path), 0.0, 0.0, optimal=True)
        known = [path for most, path in self._paths if most <= cycles]
        bounds = bound(edges, goal, until, known=known)
        outcome = best_path(edges, goal, bounds, until, gap=gap)
        return self._answer(goal, outcome)

    def _goal(
        self, limits: Mapping[str, float] | None, weights: Mapping[str, float] | None
    ) -> Goal:
        problem = self.problem
        # A question of its own weights is about one resource, or about none.
        minimax = problem.minimax_weight if weights is None else 0.0
        weights = problem.weights if weights is None else weights
        limits = problem.limits if limits is None else limits
        cost = np.array([*(weights.get(name, 0.0) for name in RESOURCES), 0.0])
        most = np.array([*(limits.get(name, np.inf) for name in RESOURCES), np.inf])
        if problem.lutram_limit is not None:
            most[-1] = problem.lutram_limit
        return Goal(cost, minimax * cost, most + _ROUNDING * np.maximum(1.0, most))

    def _remember(self, cycles: int, paths: Sequence[Path]) -> None:
        self._paths += [(cycles, path) for path in paths]

    def _rows(self, path: Path) -> dict[str, int]:
        layers = self.problem.design.layers
        return {layer.name: int(row) for layer, row in zip(layers, path.rows, strict=True)}

    def _path(self, rows: Mapping[str, int]) -> Path:
        """Return chosen rows with what they use."""
        problem, use = self.problem, np.zeros(DIMENSIONS)
        for name, row in rows.items():
            use += problem.uses[name][row]
        for producer, consumer, costs in problem.between:
            out = int(problem.arrays[producer].out_width[rows[producer]])
            width = int(problem.arrays[consumer].in_width[rows[consumer]])
            use += costs.get((out, width), NO_USE)
        return Path(np.array([rows[layer.name] for layer in problem.design.layers]), use)

    def _answer(self, goal: Goal, outcome: Outcome) -> Answer:
        if outcome.path is None:
            return Answer(bound=max(0.0, outcome.least), impossible=outcome.complete)
        cost = float(goal.value(outcome.path.use))
        least = min(cost, outcome.least)
        return Answer(
            self._rows(outcome.path), cost, least, optimal=least >= cost - _ROUNDING * 2 * abs(cost)
        )


def _connected(edges: Sequence[Edges]) -> bool:
    """Return whether any path exists: coupled knobs and limits may leave none."""
    states = np.zeros((1, 1))
    after: Floats = states
    for layer in reversed(edges):
        after = layer.least(after[layer.target])
    return bool(np.isfinite(after[0, 0]))


def _within(answer: Answer, gap: float) -> bool:
    return bool(answer.rows) and answer.bound >= answer.cost * (1 - gap)


def _better(a: Answer, b: Answer) -> Answer:
    """Return the better rows of two answers to one question, with the better of their bounds.

    Args:
        a: of the paths, whose costs and limits are exact.
        b: of HiGHS, which has tolerances and came after.
    """
    if not a.rows or (b.rows and b.cost < a.cost):
        return replace(b, bound=max(a.bound, b.bound) if not b.optimal else b.bound)
    if b.impossible:
        return a
    bound = min(a.cost, max(a.bound, b.bound))
    return replace(a, bound=bound, optimal=bound >= a.cost - 2 * _ROUNDING * abs(a.cost))
