"""Exact foldings beside FINN's own heuristic; FINN evaluates every number of its own folding."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finn_tui.core.device import RESOURCES
from finn_tui.core.editor import Editor
from finn_tui.core.estimate.estimate import Estimate
from finn_tui.core.folding import finn_json
from finn_tui.core.folding import model as foldings
from finn_tui.core.optimize.buildability import refusals
from finn_tui.core.optimize.solve import Infeasible
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.client import Engine
from finn_tui.lab.foldings import cost_tables
from finn_tui.lab.models import devices, model_request, preparation
from finn_tui.lab.models.models import Model
from finn_tui.lab.solver import options
from finn_tui.lab.solver.options import SolveOptions, Solver
from finn_tui.lab.workspace import Workspace

pytestmark = [pytest.mark.engine, pytest.mark.slow]

TARGETS = 10
BOARDS = ("Pynq-Z2", "ZCU104")


@dataclass
class Row:
    """One target: FINN's folding and ours, as estimates, with their weighted costs.

    Attributes:
        within: the cheapest that takes no more of any resource than FINN's; None if there is none.
    """

    model: str
    board: str
    cycles: int
    ours: Estimate
    set_folding: Estimate
    within: Estimate | None
    our_cost: float
    set_folding_cost: float
    within_cost: float
    our_reports: Mapping[str, Any]
    refused: list[str]

    def text(self) -> str:
        """A line of the table that is printed."""
        cells = [f"{self.model:9}{self.board:9}{self.cycles:>9,}"]
        for estimate, cost in (
            (self.set_folding, self.set_folding_cost),
            (self.ours, self.our_cost),
            (self.within, self.within_cost),
        ):
            if estimate is None:
                cells.append("  there is none: SetFolding's cannot be built")
                continue
            total = estimate.total
            cells.append(
                f"{estimate.ii_cycles:>9,}{total['LUT']:>9,.0f}{total['BRAM_18K']:>6,.0f}"
                f"{total['URAM']:>4,.0f}{total['DSP']:>5,.0f}{cost:>8.4f}"
            )
        return " |".join(cells)


async def measure(command: tuple[str, ...], root: Path) -> list[Row]:
    """Prepare both networks for both boards and fold them both ways, in one engine."""
    engine = await Engine.start(EngineSpec("test", command), None)
    solver, rows = Solver(), []
    try:
        workspace = Workspace.open(root)
        info = await engine.call("info")
        for board in BOARDS:
            device = devices.device(info, workspace.settings, board)
            for name in ("tfc-w1a1", "cnv-w1a1"):
                request = model_request.resolve(workspace, name)
                weights = {"kind": "random", "seed": 0}
                model = await preparation.prepare(
                    workspace, request, device, 10.0, engine, weights=weights
                )
                design, tables, costs = await cost_tables.compute_design(model, device, engine)
                start = foldings.ones(design, tables)
                editor = Editor(design, tables, device, 10.0, start, start, "ones", costs)
                rows += await fold(engine, solver, model, editor)
    finally:
        await solver.close()
        await engine.close()
    return rows


async def fold(engine: Engine, solver: Solver, model: Model, editor: Editor) -> list[Row]:
    """Ten targets from the slowest to nearly the fastest."""
    solve_options = SolveOptions(include_infrastructure=False)
    # Without limits, so that a target that FINN reaches beyond the part can be compared too.
    boundless = SolveOptions(
        {name: 10.0 for name in editor.device.budget if name in RESOURCES},
        include_infrastructure=False,
    )
    fastest = await options.fill(solver, editor, solve_options)
    slowest = editor.estimate.ii_cycles
    rows = []
    for cycles in np.geomspace(fastest.cycles, slowest, TARGETS).astype(int).tolist():
        set_folding = await options.set_folding(engine, model, editor, cycles)
        heuristic = options.estimate_of(editor, set_folding)
        # FINN may miss the target: then ours is held to what FINN reached, never to less.
        solution = await options.target(solver, editor, max(cycles, heuristic.ii_cycles), boundless)
        foldings.check(editor.design, editor.tables, solution.folding)
        ours = options.estimate_of(editor, solution.folding)
        held = replace(boundless, ceilings=options.amounts(heuristic, include_infrastructure=False))
        try:
            within = options.estimate_of(
                editor,
                (
                    await options.target(solver, editor, max(cycles, heuristic.ii_cycles), held)
                ).folding,
            )
        except Infeasible:
            within = None
        question = {
            "path": str(model.dataflow),
            "part": editor.device.part,
            "folding": finn_json.to_json(editor.design, solution.folding),
        }
        rows.append(
            Row(
                model.name,
                editor.device.board,
                cycles,
                ours,
                heuristic,
                within,
                options.cost_of(editor, ours, solve_options),
                options.cost_of(editor, heuristic, solve_options),
                options.cost_of(editor, within, solve_options) if within is not None else 0.0,
                await engine.call("reports", question),
                refusals(editor.design, set_folding),
            )
        )
    return rows


@pytest.fixture(scope="module")
def rows(engine_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Row]]:
    """All targets; the table is printed, so that whoever reads the tests sees the figures."""
    measured = asyncio.run(measure((engine_python,), tmp_path_factory.mktemp("compare")))
    each = "       II      LUT  BRAM URAM DSP   cost"
    names = ("SetFolding", "optimum", "optimum within SetFolding's bill")
    print("\n" + " " * 26 + "".join(f" | {name:39}" for name in names))
    print("model    board       target" + f" |{each}" * 3)
    for row in measured:
        print(row.text())
    yield measured


def test_never_dearer_than_setfolding_at_the_same_ii_or_better(rows: list[Row]) -> None:
    assert len(rows) == TARGETS * 2 * len(BOARDS)
    for row in rows:
        assert row.ours.ii_cycles <= max(row.cycles, row.set_folding.ii_cycles)
        # SetFolding also makes foldings that FINN then cannot generate code for; those may cost
        # less than any that can be built.
        if not row.refused:
            assert row.our_cost <= row.set_folding_cost + 1e-9, row.text()
            # No folding that costs less in sum is beaten in everything.
            totals = [(row.ours.total[name], row.set_folding.total[name]) for name in RESOURCES]
            assert row.our_cost < row.set_folding_cost or all(a == b for a, b in totals)
    # Comparisons without a single case would prove nothing.
    assert sum(not row.refused for row in rows) >= len(rows) // 2
    cheaper = [row for row in rows if row.our_cost < 0.999 * row.set_folding_cost]
    assert len(cheaper) >= len(rows) // 2


def test_within_setfoldings_bill_no_resource_is_more(rows: list[Row]) -> None:
    for row in rows:
        if row.within is None:
            # SetFolding's own folding would do, if only FINN could build it.
            assert row.refused, row.text()
            continue
        assert row.within.ii_cycles <= max(row.cycles, row.set_folding.ii_cycles)
        for name in RESOURCES:
            assert row.within.total[name] <= row.set_folding.total[name] + 1e-6, row.text()
        assert row.our_cost <= row.within_cost + 1e-9
    less = [row for row in rows if row.within and row.within_cost < 0.999 * row.set_folding_cost]
    assert len(less) >= len(rows) // 4


def test_finn_itself_reproduces_every_number(rows: list[Row]) -> None:
    for row in rows:
        reports, total = row.our_reports, dict.fromkeys(RESOURCES, 0)
        assert reports["performance"]["max_cycles"] == row.ours.ii_cycles
        assert reports["performance"]["critical_path_cycles"] == row.ours.latency_cycles
        for layer in row.ours.layers:
            assert reports["cycles"][layer.name] == layer.cycles
            assert reports["widths"][layer.name] == [layer.in_width, layer.out_width]
            for name in RESOURCES:
                assert reports["resources"][layer.name].get(name, 0) == layer.resources[name]
                total[name] += reports["resources"][layer.name].get(name, 0)
        assert total == row.ours.total
