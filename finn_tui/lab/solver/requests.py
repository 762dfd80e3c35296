"""Questions to the solver as screens and commands ask them, with what FINN must be asked first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.core.device import RESOURCES
from finn_tui.core.editor import Editor
from finn_tui.core.estimate.estimate import Estimate, plain
from finn_tui.core.folding import finn_json
from finn_tui.core.folding.knob_values import IllegalFolding
from finn_tui.core.folding.model import Folding
from finn_tui.core.optimize.solve import Solution, target_cycles
from finn_tui.engine.client import Engine
from finn_tui.lab.foldings.opened import Opened
from finn_tui.lab.solver import options
from finn_tui.lab.solver.options import SolveOptions, Solver

#: The name by which FINN's own heuristic is meant where a folding is named.
SETFOLDING = "setfolding"


@dataclass(frozen=True)
class SolveRequest:
    """A request to the solver.

    Attributes:
        goal: "target" (the cheapest for ``fps``), "fill" (the fastest that fits) or "balance"
            (the cheapest that keeps the present II).
        fps: frames per second; only for a target.
        options: limits, weights, locks and what counts.
        no_dearer_than: name of a folding of which at most the resources may be used, or
            ``SETFOLDING`` for FINN's own folding for the same target; empty for none.
    """

    goal: str
    fps: float | None = None
    options: SolveOptions = field(default_factory=SolveOptions)
    no_dearer_than: str = ""

    def cycles(self, editor: Editor) -> int | None:
        """The II that is asked for; None where it is for the solver to find."""
        if self.goal == "balance":
            return editor.estimate.ii_cycles
        return target_cycles(self.fps or 0.0, editor.clock_ns) if self.goal == "target" else None


class SolverWorkbench(Protocol):
    """What answering needs of the workbench."""

    @property
    def solver(self) -> Solver:
        """The solver's process."""

    async def engine(self, on_progress: OnProgress = ignore) -> Engine:
        """Return the running engine."""

    async def price(self, opened: Opened, on_progress: OnProgress = ignore) -> None:
        """Ask FINN for what a folding's FIFO depths need and is not known yet."""

    def read_folding(self, opened: Opened, name: str) -> tuple[Folding, list[str]]:
        """Return the folding of a name, and notes about it."""


async def ask(
    lab: SolverWorkbench, opened: Opened, request: SolveRequest, on_progress: OnProgress = ignore
) -> Solution:
    """Have a question answered.

    Raises:
        Infeasible: there is no such folding, and why.
        FinnTuiError: options that cannot be met, or no answer was found.
    """
    editor = opened.editor
    cycles = request.cycles(editor)
    # Options that cannot be met are refused before FINN is asked for anything.
    options.problem(editor, request.options)
    if request.options.include_infrastructure:
        await lab.price(opened, on_progress)
    solve_options = request.options
    if request.no_dearer_than:
        other = await _other(lab, opened, request.no_dearer_than, cycles, on_progress)
        counted = solve_options.include_infrastructure
        ceilings = options.amounts(options.estimate_of(editor, other), counted)
        solve_options = replace(solve_options, ceilings=ceilings)
    if cycles is None:
        return await options.fill(lab.solver, editor, solve_options, on_progress)
    return await options.target(lab.solver, editor, cycles, solve_options, on_progress)


async def _other(
    lab: SolverWorkbench, opened: Opened, name: str, cycles: int | None, on_progress: OnProgress
) -> Folding:
    if name != SETFOLDING:
        folding, _ = lab.read_folding(opened, name)
        return folding
    if cycles is None:
        raise FinnTuiError(
            "SetFolding cannot be compared with the fastest that fits",
            "FINN's SetFolding folds for a target, and here none is given.",
            "Ask for a target, or name a folding.",
        )
    engine = await lab.engine(on_progress)
    on_progress(Progress("engine", f"FINN's SetFolding at {cycles:,} cycles"))
    return await options.set_folding(engine, opened.model, opened.editor, cycles)


@dataclass(frozen=True)
class ParetoPoint:
    """One folding of a Pareto front, or SetFolding's at the same target.

    Attributes:
        target: the II that was asked for.
        cost: as the solver counts it.
        share: the scarcest resource and the share of it that is taken; None for a part of which
            nobody knows what it has.
        solution: how it was found; None for SetFolding's.
    """

    target: int
    result: Estimate
    cost: float
    folding: Folding
    share: tuple[str, float] | None = None
    solution: Solution | None = None

    def as_json(self, editor: Editor) -> dict[str, Any]:
        """One entry of ``pareto --json``."""
        inserted = self.result.infrastructure.total()
        scarcest = None
        if self.share is not None:
            # Any use of what the part does not have is an infinite share: JSON cannot say that.
            share = self.share[1] if self.share[1] < float("inf") else None
            scarcest = {"resource": self.share[0], "share": share}
        entry: dict[str, Any] = {
            "target_cycles": self.target,
            "ii_cycles": self.result.ii_cycles,
            "fps": self.result.fps,
            "total": {name: plain(self.result.total[name]) for name in RESOURCES},
            "inserted": {name: plain(inserted[name]) for name in RESOURCES},
            "scarcest": scarcest,
            "fits": self.result.fits(editor.device),
            "cost": self.cost,
            "folding": finn_json.to_json(editor.design, self.folding),
        }
        if self.solution is not None:
            entry |= {"optimal": self.solution.optimal, "bound": self.solution.bound}
        return entry


def point(
    editor: Editor,
    solve_options: SolveOptions,
    target: int,
    folding: Folding,
    solution: Solution | None = None,
) -> ParetoPoint:
    """A folding as a point of a front."""
    result = options.estimate_of(editor, folding)
    counted = solve_options.include_infrastructure
    share = options.scarcest(result, editor.device, include_infrastructure=counted)
    return ParetoPoint(
        target, result, options.cost_of(editor, result, solve_options), folding, share, solution
    )


@dataclass
class ParetoResult:
    """A Pareto front, fastest first.

    Attributes:
        points, setfolding: ours, and what SetFolding made of the same targets.
        refused: why there is nothing of SetFolding's, or not all.
    """

    points: list[ParetoPoint] = field(default_factory=list)
    setfolding: list[ParetoPoint] = field(default_factory=list)
    refused: FinnTuiError | None = None


OnPoint = Callable[[ParetoPoint], None]


def _untold(_: ParetoPoint) -> None:
    pass


async def front(
    lab: SolverWorkbench,
    opened: Opened,
    solve_options: SolveOptions,
    points: int = 24,
    *,
    setfolding: bool = True,
    on_progress: OnProgress = ignore,
    on_point: OnPoint = _untold,
) -> ParetoResult:
    """The foldings worth having, from the fastest that fits to the slowest.

    Args:
        points: how many targets are tried.
        setfolding: whether FINN's heuristic is asked at the same targets, while the solver works.
        on_point: told of each point, ours or SetFolding's, as it is found.

    Raises:
        Infeasible: not even the slowest folding fits.
        FinnTuiError: options that cannot be met, or the solver ended.
    """
    editor, result = opened.editor, ParetoResult()
    options.problem(editor, solve_options)
    if solve_options.include_infrastructure:
        await lab.price(opened, on_progress)
    targets: asyncio.Queue[int | None] = asyncio.Queue()

    def take(solution: Solution) -> None:
        point_found = point(editor, solve_options, solution.cycles, solution.folding, solution)
        result.points.append(point_found)
        on_point(point_found)
        targets.put_nowait(point_found.target)

    async def solve() -> None:
        try:
            await options.pareto(lab.solver, editor, solve_options, points, on_progress, take)
        finally:
            targets.put_nowait(None)

    async def compare() -> None:
        try:
            engine = await lab.engine(on_progress)
            while (cycles := await targets.get()) is not None:
                try:
                    folding = await options.set_folding(engine, opened.model, editor, cycles)
                except IllegalFolding as error:
                    # FINN's heuristic sets values that FINN cannot build; others may be legal.
                    result.refused = result.refused or error
                    continue
                point_found = point(editor, solve_options, cycles, folding)
                result.setfolding.append(point_found)
                on_point(point_found)
        except FinnTuiError as error:
            result.refused = error

    work = [asyncio.ensure_future(solve())]
    if setfolding:
        work.append(asyncio.ensure_future(compare()))
    try:
        await asyncio.gather(*work)
    finally:
        for task in work:
            task.cancel()
        # The solver's process is ended before anybody hears of it.
        await asyncio.gather(*work, return_exceptions=True)
    return result
