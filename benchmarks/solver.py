"""How long an exact optimum with its proof takes.

Run by hand: ``uv run python benchmarks/solver.py``. Prints JSON. Solves CNV-w1a1 as recorded in
tests/data on a Pynq-Z2, and a chain of 100 layers made from it with ten times the budget; needs no
engine. Seconds are of the solver itself and, where said so, of its process from start to answer or
of processor time, which other work on the machine does not lengthen.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from finn_tui.core.design import Design
from finn_tui.core.device import Device
from finn_tui.core.editor import Editor
from finn_tui.core.estimate.estimate import CostTable
from finn_tui.core.estimate.infrastructure import CostLookup
from finn_tui.core.folding import model as foldings
from finn_tui.core.optimize import solve as solver_core
from finn_tui.core.optimize.problem import Problem
from finn_tui.lab.solver import options
from finn_tui.lab.solver.options import SolveOptions, Solver
from tests import data

REPEATS = 5


def editor_of(layers: int | None, times: int) -> Editor:
    """CNV, or a chain of so many layers made from it, on so many times an xc7z020."""
    document = data.prepared("cnv-w1a1")
    if layers is not None:
        document = data.repeated(document, layers)
    design = Design.from_json("cnv-w1a1", document["design"])
    tables = {item["layer"]: CostTable.from_json(item) for item in document["tables"]}
    budget = data.engine_info()["boards"]["Pynq-Z2"]["resources"]
    device = Device("Pynq-Z2", data.PART, {name: times * n for name, n in budget.items()})
    start = foldings.ones(design, tables)
    costs = CostLookup.from_json(document["prices"])
    return Editor(design, tables, device, 10.0, start, start, "ones", costs)


def cpu_seconds(
    question: Callable[[Problem], object], editor: Editor, solve_options: SolveOptions
) -> float:
    """Processor time of one question in this process, its graph and tables made for it."""
    problem = options.problem(editor, solve_options)
    began = time.process_time()
    if solve_options.include_infrastructure:
        streams = solver_core.stream_costs(
            problem.design, problem.tables, problem.folding, editor.costs
        )
        problem = replace(problem, streams=streams)
    question(problem)
    return round(time.process_time() - began, 3)


async def measure(editor: Editor, fps: float) -> dict[str, Any]:
    """Medians over a few runs in one process that is warm, and one start from cold."""
    figures: dict[str, Any] = {"layers": len(editor.design.layers)}
    cycles = int(1e9 / (editor.clock_ns * fps))
    for name, solve_options in (
        ("whole_bill", SolveOptions()),
        ("finn_only", SolveOptions(include_infrastructure=False)),
        ("highest_utilization", SolveOptions(minimax=True)),
    ):
        solver = Solver()
        try:
            began = time.perf_counter()
            first = await options.target(solver, editor, cycles, solve_options)
            cold = time.perf_counter() - began
            again = [
                await options.target(solver, editor, cycles, solve_options) for _ in range(REPEATS)
            ]
            fills = [await options.fill(solver, editor, solve_options) for _ in range(2)]
        finally:
            await solver.close()
        figures[name] = {
            "target": {
                "fps": fps,
                "ii_cycles": first.cycles,
                "cost": round(first.cost, 5),
                "proved": all(item.optimal for item in again),
                "seconds_median": round(statistics.median(item.seconds for item in again), 3),
                "cpu_seconds": cpu_seconds(
                    lambda problem: solver_core.solve(problem, cycles), editor, solve_options
                ),
                "cold_process_seconds": round(cold, 3),
            },
            "fill": {
                "ii_cycles": fills[0].cycles,
                "proved": all(item.optimal for item in fills),
                "seconds_median": round(statistics.median(item.seconds for item in fills), 3),
                "cpu_seconds": cpu_seconds(solver_core.fill, editor, solve_options),
            },
        }
    return figures


async def main() -> dict[str, Any]:
    """Measure both designs."""
    return {
        "cnv_w1a1": await measure(editor_of(None, 1), 3000),
        "chain_of_100": await measure(editor_of(100, 10), 3000),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main()), indent=2))
