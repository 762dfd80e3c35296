"""Bounds of a path through the layered graph, from Lagrangian multipliers.

A path minimises ``cost . use + peak`` under limits of several resources. With multipliers for the
limits and for the parts of the peak, the use of every edge has one price and the least path is
found by dynamic programming; it is never dearer than the optimum. The best multipliers are those
of the linear program over all paths, found by column generation (Kelley's cutting planes).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from finn_tui.core.optimize.frontier import Edges, Floats, Ints
from finn_tui.core.optimize.problem import DIMENSIONS

#: Cost per share by which a limit is exceeded, in the linear program only.
_EXCESS = 1e4

_ITERATIONS = 60

#: How many multipliers bound a label, and how many of these are the best; each takes time.
_KEPT, _BEST = 24, 4


@dataclass(frozen=True)
class Goal:
    """What a path minimises: ``cost . use + max(peak * use)``, with ``use`` within ``limits``.

    Attributes:
        cost, peak: float64[DIMENSIONS], not negative.
        limits: float64[DIMENSIONS], infinity for none.
    """

    cost: Floats
    peak: Floats
    limits: Floats

    def value(self, use: Floats) -> Floats:
        """Return the cost of uses, float64[..., DIMENSIONS], infinity above a limit."""
        value: Floats = use @ self.cost + (use * self.peak).max(axis=-1)
        return np.where((use <= self.limits).all(axis=-1), value, np.inf)

    @property
    def scale(self) -> Floats:
        """Reciprocal of each limit, 0 where there is none."""
        limited = np.isfinite(self.limits) & (self.limits > 0)
        return np.where(limited, 1 / np.where(limited, self.limits, 1.0), 0.0)

    def prices(self, multipliers: Floats) -> tuple[Floats, Floats]:
        """Return prices of uses and a constant; a path's price with it is never above its value.

        A multiplier of a limit or a peak that the goal does not have counts as 0.

        Args:
            multipliers: float64[2 * DIMENSIONS, K], of the limits and of the peaks.

        Returns:
            float64[DIMENSIONS, K] and float64[K].
        """
        caps, peaks = multipliers[:DIMENSIONS], multipliers[DIMENSIONS:]
        prices = self.cost[:, None] + caps * self.scale[:, None] + peaks * self.peak[:, None]
        return prices, -caps[self.scale > 0].sum(axis=0)


@dataclass(frozen=True)
class Path:
    """One edge of each layer.

    Attributes:
        rows: row of each layer's table, in the order of the layers.
        use: float64[DIMENSIONS].
    """

    rows: Ints
    use: Floats


@dataclass(frozen=True)
class Bounds:
    """Multipliers with whose prices the least path bounds the optimum.

    Attributes:
        multipliers: float64[2 * DIMENSIONS, K], the best first; see ``Goal.prices``.
        least: the largest bound of them.
        best: the cheapest path within the limits that came along, if any.
        paths: all that came along.
    """

    multipliers: Floats
    least: float
    best: Path | None
    paths: tuple[Path, ...]


def backward(edges: Sequence[Edges], prices: Floats) -> list[Floats]:
    """Return the least price from each state to the end.

    Args:
        edges: of each layer.
        prices: float64[DIMENSIONS, K].

    Returns:
        float64[states, K] before each layer and after the last.
    """
    after = [np.zeros((1, prices.shape[1]))]
    for layer in reversed(edges):
        after.append(layer.least(layer.use @ prices + after[-1][layer.target]))
    return after[::-1]


def trace(edges: Sequence[Edges], after: Sequence[Floats], prices: Floats, at: int) -> Path:
    """Return the least path for one column of prices.

    Args:
        edges: of each layer.
        after: of ``backward`` with the same prices.
        prices: float64[DIMENSIONS, K].
        at: which column.
    """
    state, rows, use = 0, [], np.zeros(DIMENSIONS)
    for layer, following in zip(edges, after[1:], strict=True):
        first, end = layer.first[state], layer.first[state + 1]
        value = layer.use[first:end] @ prices[:, at] + following[layer.target[first:end], at]
        edge = first + int(value.argmin())
        rows.append(layer.row[edge])
        use = use + layer.use[edge]
        state = int(layer.target[edge])
    return Path(np.array(rows, dtype=np.int64), use)


def bound(
    edges: Sequence[Edges],
    goal: Goal,
    until: float,
    *,
    enough: float | None = None,
    known: Sequence[Path] = (),
) -> Bounds:
    """Return the best bounds that there are.

    Args:
        edges: of each layer; some path must exist.
        goal: what is minimised.
        until: ``time.perf_counter`` at which to stop.
        enough: stop at a path of at most this cost, or when none can be.
        known: paths to begin with.
    """
    master = _Master(goal)
    paths = list(known)
    for path in paths:
        master.add(path.use)
    best = min(paths, key=lambda path: float(goal.value(path.use)), default=None)
    tried: list[tuple[float, Floats]] = []
    center: Floats | None = None
    least = -np.inf
    share = np.array([1.0, 0.5, 0.2])
    for _ in range(_ITERATIONS):
        if paths:
            value, caps, peaks = master.solve()
            if least >= value - 1e-9 * max(1.0, abs(value)):
                break
        else:
            value, caps = np.inf, np.zeros(DIMENSIONS)
            peaks = (goal.peak > 0) / max(1, int((goal.peak > 0).sum()))
        wanted = np.concatenate([caps, peaks])
        duals = (
            wanted[:, None]
            if center is None
            else share * wanted[:, None] + (1 - share) * center[:, None]
        )
        prices, constant = goal.prices(duals)
        after = backward(edges, prices)
        bounds = after[0][0] + constant
        for at in range(prices.shape[1]):
            tried.append((float(bounds[at]), duals[:, at]))
            path = trace(edges, after, prices, at)
            paths.append(path)
            master.add(path.use)
            if best is None or goal.value(path.use) < goal.value(best.use):
                best = path
        if center is None or bounds.max() > least:
            center = duals[:, int(bounds.argmax())]
            least = float(bounds.max())
        reached = float(goal.value(best.use)) if best is not None else np.inf
        if enough is not None and (reached <= enough or least > enough):
            break
        if reached - least <= 1e-9 * max(1.0, abs(reached)) or time.perf_counter() > until:
            break
    tried.sort(key=lambda item: -item[0])
    # The best bound the middle; others, farther away, bound labels that use much of one resource.
    chosen = tried[:_BEST] + tried[_BEST :: max(1, -(-len(tried) // (_KEPT - _BEST)))]
    return Bounds(
        np.array([duals for _, duals in chosen]).T.reshape(2 * DIMENSIONS, -1),
        least,
        best if best is not None and np.isfinite(goal.value(best.use)) else None,
        tuple(paths),
    )


class _Master:
    """The linear program over the paths so far; its duals are the multipliers."""

    def __init__(self, goal: Goal) -> None:
        import highspy

        self._goal = goal
        self._scale = goal.scale
        self._caps, self._peaks = np.flatnonzero(self._scale), np.flatnonzero(goal.peak)
        solver: Any = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        infinity, none = highspy.kHighsInf, np.array([], dtype=np.int32)
        solver.addRow(1.0, 1.0, 0, none, np.array([]))
        for _ in self._caps:
            solver.addRow(-infinity, 1.0, 0, none, np.array([]))
        for _ in self._peaks:
            solver.addRow(-infinity, 0.0, 0, none, np.array([]))
        caps = np.arange(1, 1 + len(self._caps), dtype=np.int32)
        peaks = np.arange(1 + len(caps), 1 + len(caps) + len(self._peaks), dtype=np.int32)
        solver.addCol(_EXCESS, 0.0, infinity, len(caps), caps, np.full(len(caps), -1.0))
        solver.addCol(1.0, 0.0, infinity, len(peaks), peaks, np.full(len(peaks), -1.0))
        self._solver = solver
        self._index = np.arange(1 + len(caps) + len(peaks), dtype=np.int32)

    def add(self, use: Floats) -> None:
        """Add a path."""
        goal = self._goal
        caps = use[self._caps] * self._scale[self._caps]
        value = np.concatenate([[1.0], caps, (use * goal.peak)[self._peaks]])
        cost = float(use @ goal.cost)
        self._solver.addCol(cost, 0.0, np.inf, len(value), self._index, value)

    def solve(self) -> tuple[float, Floats, Floats]:
        """Return the optimum over the paths and the multipliers of limits and peaks."""
        self._solver.run()
        dual = -np.array(self._solver.getSolution().row_dual)
        caps, peaks = np.zeros(DIMENSIONS), np.zeros(DIMENSIONS)
        caps[self._caps] = dual[1 : 1 + len(self._caps)].clip(0)
        peaks[self._peaks] = dual[1 + len(self._caps) :].clip(0)
        # The bound holds for multipliers of the peak that sum up to at most 1.
        return (
            float(self._solver.getInfo().objective_function_value),
            caps,
            peaks / max(1.0, peaks.sum()),
        )
