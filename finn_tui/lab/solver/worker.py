"""The solver's process: takes one job after the other on stdin, answers on stdout, until it ends.

HiGHS prints a banner on file descriptor 1 whatever it is told, so what was stdout is kept for the
answers alone and everything else goes nowhere. A frame is a length (4 bytes, big endian) and a
pickle; both ends are this program.
"""

from __future__ import annotations

import os
import pickle
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress
from finn_tui.core.estimate.infrastructure import CostLookup
from finn_tui.core.optimize import solve as solver
from finn_tui.core.optimize.problem import Problem
from finn_tui.core.optimize.solve import Solution

HEADER = struct.Struct(">I")


@dataclass(frozen=True)
class Job:
    """What the solver is asked.

    Attributes:
        kind: "solve" (needs ``cycles``), "fill" or "pareto".
        costs: if given, what FINN inserts counts too, the FIFOs with their present depths.
        seconds: for each question; the best so far and its bound are the answer then.
        points: how many targets a Pareto front tries.
    """

    kind: str
    problem: Problem
    cycles: int | None = None
    costs: CostLookup | None = None
    seconds: float = 60.0
    points: int = 24


def answer(
    job: Job, on_progress: OnProgress, on_point: Callable[[Solution], None]
) -> list[Solution]:
    """Solve; one solution unless a front was asked for, whose points are told as they come."""
    problem = job.problem
    if job.costs is not None:
        design, tables, folding = problem.design, problem.tables, problem.folding
        streams = solver.stream_costs(design, tables, folding, job.costs)
        problem = replace(problem, streams=streams)
    if job.kind == "fill":
        return [solver.fill(problem, seconds=job.seconds, on_progress=on_progress)]
    if job.kind == "pareto":
        return solver.pareto(
            problem, job.points, seconds=job.seconds, on_progress=on_progress, on_point=on_point
        )
    assert job.cycles is not None, "a target is needed"
    on_progress(Progress("solve", f"the cheapest with at most {job.cycles:,} cycles"))
    return [solver.solve(problem, job.cycles, seconds=job.seconds)]


def frame(kind: str, value: Any) -> bytes:
    """One message: "progress", "point", "answer" or "error", and what belongs to it."""
    data = pickle.dumps((kind, value), protocol=pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(data)) + data


def _serve(source: BinaryIO, send: Callable[[bytes], None]) -> None:
    while len(header := source.read(HEADER.size)) == HEADER.size:
        job: Job = pickle.loads(source.read(HEADER.unpack(header)[0]))
        try:
            solutions = answer(
                job,
                lambda progress: send(frame("progress", progress)),
                lambda point: send(frame("point", point)),
            )
            send(frame("answer", solutions))
        except FinnTuiError as error:
            kept = error if isinstance(error, solver.Infeasible) else error.as_dict()
            send(frame("error", kept))


def main() -> None:
    """Serve until stdin ends."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)

    def send(data: bytes) -> None:
        answers.write(data)

    # Loaded while the terminal puts the first job together.
    import highspy  # noqa: F401

    _serve(sys.stdin.buffer, send)


if __name__ == "__main__":
    main()
