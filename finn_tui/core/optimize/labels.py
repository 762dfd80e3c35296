"""Exact search of the best path under limits: labels that are pruned by bounds and by dominance.

A label is a path to a state with what it uses so far. It is given up if a bound says that nothing
better than the best known can come of it, or if another label at the same state uses no more of
anything that matters. Where more labels remain than a width allows, the most promising go on and
the bound of the others is kept, so that the answer says how good it is; a larger width follows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from finn_tui.core.optimize.frontier import Edges, Floats, Ints
from finn_tui.core.optimize.problem import DIMENSIONS
from finn_tui.core.optimize.relaxation import Bounds, Goal, Path, backward

#: Labels that go on at each layer, one search after the other.
WIDTHS = (32, 256, 2_048)

#: Extended labels that may be held at once.
_MOST_EXTENDED = 3_000_000

#: Costs that differ by less than this share are the same.
_SAME = 1e-9


@dataclass(frozen=True)
class Outcome:
    """What a search found.

    Attributes:
        path: the best within the limits, None for none.
        least: no path within the limits costs less.
        complete: proved; without a path, that there is none.
    """

    path: Path | None
    least: float
    complete: bool


def best_path(
    edges: Sequence[Edges],
    goal: Goal,
    bounds: Bounds,
    until: float,
    *,
    gap: float = 0.0,
    enough: float | None = None,
) -> Outcome:
    """Search the best path.

    Args:
        edges: of each layer.
        goal: what is minimised.
        bounds: of the same edges and goal.
        until: ``time.perf_counter`` at which to stop.
        gap: a path within this share of the least will do.
        enough: any path of at most this cost will do, and dearer ones do not count as paths.
    """
    best, least = bounds.best, bounds.least
    counted = _binding(edges, goal, bounds)
    for width in WIDTHS:
        while True:
            value = float(goal.value(best.use)) if best is not None else np.inf
            if enough is None:
                # What is better by no more than rounding is not looked for.
                ceiling = value - max(gap, _SAME) * abs(value) if best is not None else np.inf
            elif value <= enough:
                return Outcome(best, least, True)
            else:
                ceiling, best = enough, None
            if least > ceiling:
                return Outcome(best, least if gap else min(value, max(least, ceiling)), True)
            relaxed = _relaxed(goal, counted)
            path, dropped = _Search(edges, relaxed, bounds, ceiling, width, until).run()
            bound = min(dropped, ceiling)
            if path is None:
                break
            promised, true = float(relaxed.value(path.use)), float(goal.value(path.use))
            if true < value:
                best, value = path, true
            bound = min(dropped, promised)
            missed = _missed(goal, path, promised) & ~counted
            if true <= promised + _SAME * abs(promised) or not missed.any():
                break
            # What was left out matters after all.
            least, counted = max(least, bound), counted | missed
        if dropped == np.inf:
            exact = path is not None or not gap
            return Outcome(best, value if exact else bound, True)
        least = max(least, min(bound, value))
        if time.perf_counter() > until:
            break
    if enough is None:
        return Outcome(best, least, False)
    reached = best is not None and float(goal.value(best.use)) <= enough
    return Outcome(best if reached else None, least, reached)


def _binding(edges: Sequence[Edges], goal: Goal, bounds: Bounds) -> NDArray[np.bool_]:
    """Return the dimensions whose limit or peak has a price; the others are left out at first.

    A label has to be compared in every dimension that counts. The best of a search without some of
    the limits is the best of all if it keeps these limits.
    """
    most = sum((layer.use.max(axis=0, initial=0.0) for layer in edges), np.zeros(DIMENSIONS))
    prices, _ = goal.prices(bounds.multipliers)
    extra = (prices[:, 0] - goal.cost) * most
    binding: NDArray[np.bool_] = extra > 1e-6 * max(1e-9, abs(bounds.least))
    return binding


def _relaxed(goal: Goal, counted: NDArray[np.bool_]) -> Goal:
    return replace(
        goal,
        peak=np.where(counted, goal.peak, 0.0),
        limits=np.where(counted, goal.limits, np.inf),
    )


def _missed(goal: Goal, path: Path, promised: float) -> NDArray[np.bool_]:
    """Return the dimensions in which a path is worse than a goal without them promised."""
    peak = path.use * goal.peak
    over = path.use > goal.limits
    missed: NDArray[np.bool_] = over | (peak > promised - path.use @ goal.cost)
    return missed


class _Search:
    """One pass over the layers with at most so many labels."""

    def __init__(
        self,
        edges: Sequence[Edges],
        goal: Goal,
        bounds: Bounds,
        ceiling: float,
        width: int,
        until: float,
    ) -> None:
        self._goal, self._until = goal, until
        # By the price of a limit that this goal leaves out, a label could be given up after it
        # dominated another one, which keeps the limit.
        self._prices, self._constant = goal.prices(bounds.multipliers)
        self._ceiling, self._width = ceiling, width
        self._edges = self._promising(edges)
        self._after = backward(self._edges, self._prices)
        limited = np.flatnonzero(np.isfinite(goal.limits))
        self._limited = limited
        self._needed = backward(self._edges, np.eye(DIMENSIONS)[:, limited])
        self._keys = self._what_matters()

    def _promising(self, edges: Sequence[Edges]) -> list[Edges]:
        """Return the edges through which, by the bounds, something within the ceiling may lead."""
        prices, constant = self._prices, self._constant
        after = backward(edges, prices)
        before = np.zeros((1, prices.shape[1]))
        kept = []
        for layer, following in zip(edges, after[1:], strict=True):
            value = before[layer.source] + layer.use @ prices
            through = (value + following[layer.target] + constant).max(axis=1)
            before = np.full(following.shape, np.inf)
            np.minimum.at(before, layer.target, value)
            kept.append(layer.kept(through <= self._ceiling))
        return kept

    def _what_matters(self) -> Floats:
        """Return the columns, float64[DIMENSIONS, N], in which a dominant label is no worse."""
        most = sum(
            (layer.use.max(axis=0, initial=0.0) for layer in self._edges), np.zeros(DIMENSIONS)
        )
        tight = (most > self._goal.limits) | ((self._goal.peak > 0) & (most > 0))
        columns = [np.eye(DIMENSIONS)[at] for at in np.flatnonzero(tight)]
        if (self._goal.cost[~tight] * most[~tight]).any() or not columns:
            columns.append(self._goal.cost)
        return np.array(columns).T

    def run(self) -> tuple[Path | None, float]:
        """Return the best path of at most the ceiling, and the least bound of what was dropped."""
        goal, dropped = self._goal, np.inf
        state, use = np.zeros(1, dtype=np.int64), np.zeros((1, DIMENSIONS))
        history: list[tuple[Ints, Ints]] = []
        for layer, after, needed in zip(
            self._edges, self._after[1:], self._needed[1:], strict=True
        ):
            counts = np.diff(layer.first)[state]
            total = int(counts.sum())
            if total == 0:
                return None, dropped
            if total > _MOST_EXTENDED or time.perf_counter() > self._until:
                return None, -np.inf
            parent = np.repeat(np.arange(len(state)), counts)
            start = np.cumsum(counts) - counts
            edge = np.arange(total) - start[parent] + layer.first[state][parent]
            extended, target = use[parent] + layer.use[edge], layer.target[edge]
            bound = (extended @ self._prices + after[target] + self._constant).max(axis=1)
            fits = extended[:, self._limited] + needed[target] <= goal.limits[self._limited]
            keep = np.flatnonzero((bound <= self._ceiling) & fits.all(axis=1))
            if not len(keep):
                return None, dropped
            keep = keep[np.argsort(bound[keep], kind="stable")]
            keep = keep[undominated(target[keep], extended[keep] @ self._keys)]
            if len(keep) > self._width:
                dropped = min(dropped, float(bound[keep[self._width]]))
                keep = keep[: self._width]
            history.append((parent[keep], edge[keep]))
            state, use = target[keep], extended[keep]
        value = goal.value(use)
        at = int(value.argmin())
        if not value[at] <= self._ceiling:
            return None, dropped
        path_use, rows = use[at], []
        for layer, (parent, edge) in zip(reversed(self._edges), reversed(history), strict=True):
            rows.append(layer.row[edge[at]])
            at = int(parent[at])
        return Path(np.array(rows[::-1], dtype=np.int64), path_use), dropped


#: Labels of one state that each label is compared with, beside the sorted scan.
_COMPARED = 256


def undominated(state: Ints, keys: Floats) -> Ints:
    """Return labels, in their order, without those that another one of their state dominates.

    With more than two columns not every dominated label is found: none is lost for that.

    Args:
        state: int64[N].
        keys: float64[N, columns]; less is better.
    """
    order = np.lexsort((*keys.T[::-1], state))
    state, keys = state[order], keys[order]
    same = np.zeros(len(order), dtype=bool)
    same[1:] = (state[1:] == state[:-1]) & (keys[1:] == keys[:-1]).all(axis=1)
    order, state, keys = order[~same], state[~same], keys[~same]
    first = np.flatnonzero(np.diff(state, prepend=-1))
    if keys.shape[1] == 1:
        return np.sort(order[first])
    if keys.shape[1] == 2:
        # A label is dominated if one before it in its state has no larger second key.
        _, rank = np.unique(keys[:, 1], return_inverse=True)
        group = np.cumsum(np.isin(np.arange(len(state)), first))
        shifted = rank.reshape(-1) - group * (len(rank) + 1)
        least = np.minimum.accumulate(shifted)
        keep = np.ones(len(state), dtype=bool)
        keep[1:] = shifted[1:] < least[:-1]
        return np.sort(order[keep])
    kept = []
    for begin, end in zip(first, [*first[1:], len(state)], strict=True):
        kept.append(order[begin:end][_undominated(keys[begin:end])])
    return np.sort(np.concatenate(kept))


def _undominated(keys: Floats) -> NDArray[np.bool_]:
    """Return which labels of one state remain; sorted, so that earlier ones may dominate later."""
    keep = np.ones(len(keys), dtype=bool)
    # Compared with the best by the mean of the keys first: these dominate most.
    scale = keys.max(axis=0)
    strong = np.argsort((keys / np.where(scale > 0, scale, 1)).sum(axis=1), kind="stable")
    for begin in (0, 32):
        rivals = strong[begin : _COMPARED if begin else 32]
        rivals = rivals[keep[rivals]]
        left = np.flatnonzero(keep)
        no_more = (keys[rivals][:, None, :] <= keys[left][None, :, :]).all(axis=2)
        no_more &= rivals[:, None] != left[None, :]
        keep[left[no_more.any(axis=0)]] = False
    return keep
