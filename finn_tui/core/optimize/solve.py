"""Exact folding: the cheapest that reaches a target, the fastest that fits, with a proof.

    minimise    sum of weight x resources over the layers' rows and what is inserted between them
    so that     each layer has one row that is fast enough, coupled knobs are equal, and every
                resource is within its limit

The II is no part of the objective but a filter, so the fastest folding that fits is found by
bisection over the cycle counts that occur in the tables. ``exact.py`` finds the rows for one II.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.core.design import Design
from finn_tui.core.device import RESOURCES, Device
from finn_tui.core.estimate.estimate import Tables
from finn_tui.core.estimate.infrastructure import CostLookup, StreamWidths, links
from finn_tui.core.folding.model import Folding
from finn_tui.core.optimize import explain
from finn_tui.core.optimize.exact import Exact
from finn_tui.core.optimize.explain import Binding as Binding
from finn_tui.core.optimize.explain import Infeasible as Infeasible
from finn_tui.core.optimize.problem import Answer, Problem, StreamCost


@dataclass(frozen=True)
class Solution:
    """An answer.

    Attributes:
        folding: settings as in the problem's folding, knobs chosen anew.
        cycles: the most that any layer needs, the folding's II.
        cost: weighted resources of what the problem counts.
        bound: no folding for the target costs less than this.
        optimal: whether it is proved that none is cheaper, and after ``fill`` that none is faster.
        seconds: how long it took.
        least_cycles: after ``fill``, no folding within the limits has an II below this.
        used: units of each resource, of what the problem counts.
        binding: what holds the answer back.
        not_varied: layers with parallelism that finn-tui does not fold: no proof covers it.
    """

    folding: Folding
    cycles: int
    cost: float
    bound: float
    optimal: bool
    seconds: float
    least_cycles: int | None = None
    used: Mapping[str, float] | None = None
    binding: tuple[Binding, ...] = ()
    not_varied: tuple[str, ...] = ()

    @property
    def proved(self) -> bool:
        """Whether it is proved to be the best of all that FINN could build."""
        return self.optimal and not self.not_varied

    @property
    def verdict(self) -> str:
        """What is proved of it: that it is the best, or how far from the best it can be."""
        took = f"{self.seconds:.2f} s"
        if self.not_varied and self.optimal:
            return (
                f"the best with these layers as they are: {', '.join(self.not_varied)}; finn-tui "
                f"does not fold them, so nothing is proved beyond ({took})"
            )
        if self.optimal:
            faster = " or faster" if self.least_cycles is not None else ""
            return f"proved: nothing that fits is cheaper{faster} ({took})"
        gap = 100 * (self.cost / self.bound - 1) if self.bound > 0 else math.inf
        text = f"stopped after {took}: "
        if self.least_cycles is not None and self.least_cycles < self.cycles:
            text += f"an II down to {self.least_cycles:,} is not ruled out, "
        distance = f"at most {gap:.1f} % above the least cost" if gap < 1e6 else "no bound yet"
        return text + distance


def budget_limits(device: Device, shares: Mapping[str, float] | None = None) -> dict[str, float]:
    """Return limits in units from shares of the device's budget.

    Args:
        device: with its budget.
        shares: share of each resource (1.0 is all of it); all of it for one that is not named.

    Raises:
        FinnTuiError: a share of what FINN does not estimate, or of an unknown budget.
    """
    shares = shares or {}
    for name in shares:
        if name not in RESOURCES:
            raise FinnTuiError(
                f"{name} is not a resource that can be limited",
                f"FINN estimates {', '.join(RESOURCES)} only.",
                "Name one of these.",
            )
        if name not in device.budget:
            raise FinnTuiError(
                f"the amount of {name} on {device.part} is unknown",
                "A limit is a share of it, and neither FINN nor the workspace gives it.",
                "Give the part's resources in finn-tui.toml.",
            )
    return {
        name: device.budget[name] * shares.get(name, 1.0)
        for name in RESOURCES
        if name in device.budget
    }


def stream_costs(
    design: Design, tables: Tables, folding: Folding, costs: CostLookup, *, fifos: bool = True
) -> tuple[StreamCost, ...]:
    """Return what FINN inserts on each stream, for all widths that the tables allow.

    Args:
        design: the layers and streams.
        tables: their cost tables.
        folding: whose settings give the FIFO depths.
        costs: of converters and FIFOs.
        fifos: count the FIFOs as well as the converters.
    """
    if not costs.known:
        return ()
    widths = StreamWidths(design, tables)
    costs_by_stream = []
    for link in links(design, folding.settings):
        outs = widths.outs[link.producer] if link.producer is not None else (0,)
        ins = widths.ins[link.consumer] if link.consumer is not None else (0,)
        pairs = [(a, b) for a in outs for b in ins]
        costs_by_width = {(a, b): link.use(costs, a, b, fifos=fifos) for a, b in pairs}
        lutram = {(a, b): link.lutram(costs, a, b) for a, b in pairs} if fifos else {}
        costs_by_stream.append(StreamCost(link.producer, link.consumer, costs_by_width, lutram))
    return tuple(costs_by_stream)


def target_cycles(target_fps: float, clock_ns: float) -> int:
    """Return the largest II, in whole cycles, that gives at least a frame rate.

    Args:
        target_fps: frames per second.
        clock_ns: clock period in ns.

    Raises:
        FinnTuiError: the rate is not positive, or above one frame a cycle.
    """
    if not (math.isfinite(target_fps) and target_fps > 0):
        raise FinnTuiError(
            f"target rate {target_fps:g} frames/s is out of range",
            "The rate must be a number above 0.",
            "Give the frames per second that you need, such as --target-fps 3000.",
        )
    # A rate that was computed from cycles must lead back to them.
    cycles = math.floor(1e9 / (clock_ns * target_fps) * (1 + 1e-12))
    if cycles < 1:
        raise FinnTuiError(
            f"target rate {target_fps:,.0f} frames/s is out of range",
            f"A frame takes at least one cycle of {clock_ns:g} ns: {1e9 / clock_ns:,.0f} frames/s.",
            "Give a lower rate, or a shorter clock period.",
        )
    return cycles


def solve(problem: Problem, cycles: int, *, seconds: float = 60.0, gap: float = 0.0) -> Solution:
    """Find the cheapest folding in which no layer needs more than ``cycles``.

    Args:
        problem: tables, weights and limits.
        cycles: the wanted II.
        seconds: time limit; then the best folding so far is returned with its bound.
        gap: stop at a folding that costs at most this share more than the least.

    Raises:
        Infeasible: there is none, and why.
        FinnTuiError: the time was too short to find one or to prove that there is none.
    """
    return _solve(Exact(problem), cycles, seconds, gap)


def _solve(exact: Exact, cycles: int, seconds: float, gap: float = 0.0) -> Solution:
    began, problem = time.perf_counter(), exact.problem
    too_slow = exact.too_slow(cycles)
    if too_slow:
        raise explain.too_slow(problem, too_slow, cycles)
    answer = exact.run(cycles, seconds, gap=gap)
    if answer.impossible:
        raise explain.explained(exact, cycles, seconds)
    if not answer.rows:
        raise FinnTuiError(
            f"the solver found no folding for {cycles:,} cycles in {seconds:g} s",
            "It did not prove that there is none either; the limits are tight.",
            "Give the solver more time, or wider limits.",
            kind="timeout",
        )
    return _solution(problem, answer, began)


def fill(problem: Problem, *, seconds: float = 60.0, on_progress: OnProgress = ignore) -> Solution:
    """Find the fastest folding within the limits, and of those with its II the cheapest.

    Args:
        problem: tables, weights and limits.
        seconds: time limit.
        on_progress: gets each step.

    Raises:
        Infeasible: not even the slowest folding fits.
        FinnTuiError: the time was too short to find one.
    """
    return _fill(Exact(problem), seconds, on_progress)


def _fill(exact: Exact, seconds: float, on_progress: OnProgress) -> Solution:
    began, problem = time.perf_counter(), exact.problem
    counts = targets(problem)
    low, high = 0, len(counts) - 1
    # Below the index `least`, every target is proved to be impossible.
    least = 0
    while low < high:
        middle = (low + high) // 2
        on_progress(Progress("solve", f"is an II of {counts[middle]:,} possible?", None))
        answer = explain.possible(exact, counts[middle], seconds - (time.perf_counter() - began))
        if answer.rows:
            high = middle
        else:
            low = middle + 1
            if answer.impossible:
                least = low
    on_progress(Progress("solve", f"the cheapest with an II of {counts[low]:,}", None))
    left = max(1.0, seconds - (time.perf_counter() - began))
    best = _solve(exact, counts[low], left)
    return replace(
        best,
        optimal=best.optimal and least == low,
        least_cycles=counts[least],
        seconds=time.perf_counter() - began,
        binding=explain.held_by(exact, best.folding, counts[low - 1] if low else None),
    )


#: Costs that differ by less than this share are the same.
_SAME_COST = 1e-6


def targets(problem: Problem) -> list[int]:
    """Return every II that a folding can have, ascending: cycle counts of single layers."""
    counts = [
        np.unique(problem.arrays[layer.name].cycles[problem.rows(layer.name, None)])
        for layer in problem.design.layers
    ]
    fastest = max(int(cycles[0]) for cycles in counts)
    return sorted({int(count) for cycles in counts for count in cycles if count >= fastest})


def pareto(
    problem: Problem,
    points: int = 24,
    *,
    seconds: float = 60.0,
    on_progress: OnProgress = ignore,
    on_point: Callable[[Solution], None] = lambda _: None,
) -> list[Solution]:
    """Find the cheapest foldings at IIs spread evenly (in the logarithm) over what fits.

    Args:
        problem: tables, weights and limits.
        points: how many at most.
        seconds: time limit of each point.
        on_progress: gets each step.
        on_point: gets each point when it is known.

    Returns:
        the foldings, fastest first.

    Raises:
        Infeasible: not even the slowest folding fits.
    """
    exact = Exact(problem)
    fastest = _fill(exact, seconds, on_progress)
    counts = [count for count in targets(problem) if count >= fastest.cycles]
    wanted = np.geomspace(counts[0], counts[-1], points)
    chosen = sorted({min(counts, key=lambda c: abs(math.log(c / want))) for want in wanted})
    # The last thousandth of a peak takes most of the time and would not show.
    gap = 1e-3 if problem.minimax_weight else 0.0
    solutions = [fastest]
    on_point(fastest)
    for done, count in enumerate(chosen):
        on_progress(Progress("pareto", f"II {count:,}", done / len(chosen)))
        if count > fastest.cycles:
            solution = _solve(exact, count, seconds, gap)
            # A slower one is worth showing only where it is cheaper, by more than HiGHS's
            # tolerance of 1e-6: within it, the same folding comes back under another cost.
            if solution.cost < solutions[-1].cost * (1 - _SAME_COST):
                solutions.append(solution)
                on_point(solution)
    return solutions


def _solution(problem: Problem, answer: Answer, began: float) -> Solution:
    values = {name: problem.tables[name].values(row) for name, row in answer.rows.items()}
    amounts = explain.used(problem, answer.rows)
    bindings = [
        Binding(name, amounts[name], limit, explain.largest(problem, answer.rows, name))
        for name, limit in explain.all_limits(problem).items()
        if limit and amounts[name] >= explain.TIGHT * limit
    ]
    return Solution(
        not_varied=tuple(layer.name for layer in problem.design.layers if layer.not_folded),
        folding=Folding(values, problem.folding.settings),
        cycles=max(int(problem.tables[name].cycles[row]) for name, row in answer.rows.items()),
        cost=answer.cost,
        bound=min(answer.bound, answer.cost),
        optimal=answer.optimal,
        seconds=time.perf_counter() - began,
        used={name: amounts[name] for name in RESOURCES},
        binding=tuple(bindings),
    )
