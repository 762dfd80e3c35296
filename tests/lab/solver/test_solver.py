"""The solver in its own process: answers, refusals, silence on stdout, and being stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import psutil
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.core.design import Design, Value
from finn_tui.core.device import Device
from finn_tui.core.editor import Editor
from finn_tui.core.estimate.estimate import CostTable
from finn_tui.core.folding import model as foldings
from finn_tui.core.folding.knob_values import IllegalFolding
from finn_tui.core.folding.model import Folding
from finn_tui.core.optimize.buildability import refusals
from finn_tui.core.optimize.solve import Infeasible
from finn_tui.lab.foldings.opened import Opened
from finn_tui.lab.solver import options, requests
from finn_tui.lab.solver.options import SolveOptions, Solver
from tests import data
from tests.core.designs import conv_like, design_from, layer, table

DEVICE = Device("board", "part", {"LUT": 1000, "BRAM_18K": 20, "URAM": 4, "DSP": 5})


def small() -> Editor:
    design, tables = conv_like()
    start = foldings.ones(design, tables)
    return Editor(design, tables, DEVICE, 10.0, start, start, "ones")


def recorded(name: str, layers: int | None = None) -> Editor:
    from finn_tui.core.estimate.infrastructure import CostLookup

    document = data.prepared(name)
    if layers is not None:
        document = data.repeated(document, layers)
    design = Design.from_json(name, document["design"])
    tables = {item["layer"]: CostTable.from_json(item) for item in document["tables"]}
    budget = data.engine_info()["boards"]["Pynq-Z2"]["resources"]
    start = foldings.ones(design, tables)
    device = Device("Pynq-Z2", data.PART, budget)
    costs = CostLookup.from_json(document["prices"])
    return Editor(design, tables, device, 10.0, start, start, "ones", costs)


def thresholds() -> Editor:
    """An input of many channels: 62,560 LUTs, or block memory above a depth."""
    knobs: dict[str, Sequence[Value]] = {
        "PE": [1],
        "depth_trigger_bram": [0, 1024],
        "depth_trigger_uram": [0, 32768],
    }
    entry = layer("Thresholding_rtl_0", "Thresholding_rtl", knobs, "in", "out")
    costs = table(entry, lambda _: 490)
    block = [tuple(point) == (1, 1024, 32768) for point in costs["points"]]
    costs["LUT"] = [1792 if each else 62560 for each in block]
    costs["BRAM_18K"] = [242 if each else 0 for each in block]
    design, tables = design_from([entry], [costs], [])
    budget = data.engine_info()["boards"]["Pynq-Z2"]["resources"]
    start = foldings.ones(design, tables)
    device = Device("Pynq-Z2", data.PART, budget)
    return Editor(design, tables, device, 10.0, start, start, "ones")


@pytest.fixture
async def solver() -> AsyncIterator[Solver]:
    solver_process = Solver()
    yield solver_process
    await solver_process.close()


async def test_one_process_answers_all_questions_and_prints_nothing(
    solver: Solver, capfd: pytest.CaptureFixture[str]
) -> None:
    editor = small()
    messages: list[Progress] = []
    first = await options.target(solver, editor, 512, SolveOptions(), messages.append)
    foldings.check(editor.design, editor.tables, first.folding)
    assert first.optimal and first.cycles <= 512
    process = solver._process
    assert process is not None
    fastest = await options.fill(solver, editor, SolveOptions({"LUT": 0.3}), messages.append)
    assert fastest.cycles == fastest.least_cycles
    assert fastest.used is not None and fastest.used["LUT"] <= 300
    front = await options.pareto(solver, editor, SolveOptions({"LUT": 0.3}), 5, messages.append)
    assert front[0].cycles == fastest.cycles and len(front) > 2
    assert solver._process is process
    assert {progress.stage for progress in messages} == {"solve", "pareto"}
    assert capfd.readouterr().out == ""


async def test_balance_keeps_the_speed_and_gives_back_what_it_does_not_need(
    solver: Solver,
) -> None:
    editor = small()
    for name, knob, value in (("MVAU_hls_1", "SIMD", 16), ("MVAU_hls_0", "PE", 4)):
        editor.set(name, knob, value)
    before = editor.estimate
    solution = await options.balance(solver, editor, SolveOptions(include_infrastructure=False))
    after = options.estimate_of(editor, solution.folding)
    assert after.ii_cycles <= before.ii_cycles
    assert after.total["LUT"] < before.total["LUT"]
    assert editor.estimate is before
    editor.replace(solution.folding)
    assert editor.estimate.total == after.total and editor.undo()


async def test_locked_layers_stay(solver: Solver) -> None:
    editor = small()
    editor.set("MVAU_hls_0", "PE", 16)
    locked = await options.target(solver, editor, 4096, SolveOptions(locked=("MVAU_hls_0",)))
    assert locked.folding.values["MVAU_hls_0"] == editor.folding.values["MVAU_hls_0"]
    free = await options.target(solver, editor, 4096, SolveOptions())
    assert free.folding.values["MVAU_hls_0"] != editor.folding.values["MVAU_hls_0"]
    assert free.cost < locked.cost


async def test_weights_say_what_is_dear(solver: Solver) -> None:
    editor = recorded("cnv-w1a1")
    balanced = await options.target(solver, editor, 33333, SolveOptions())
    least = await options.target(solver, editor, 33333, SolveOptions(weights={"BRAM_18K": 0.0}))
    assert balanced.used is not None and least.used is not None
    assert least.used["LUT"] < balanced.used["LUT"]
    assert least.used["BRAM_18K"] > balanced.used["BRAM_18K"]


async def test_refusals_cross_with_their_reasons(solver: Solver) -> None:
    editor = small()
    with pytest.raises(Infeasible) as refused:
        await options.target(solver, editor, 64, SolveOptions({"LUT": 0.1}))
    assert refused.value.binding == ("LUT",)
    with pytest.raises(FinnTuiError, match="no layer MVAU_9"):
        await options.target(solver, editor, 16, SolveOptions(locked=("MVAU_9",)))
    with pytest.raises(FinnTuiError, match="FF is not a resource that can be limited"):
        await options.target(solver, editor, 16, SolveOptions({"FF": 0.5}))
    with pytest.raises(FinnTuiError, match="limit of -1"):
        await options.target(solver, editor, 16, SolveOptions({"LUT": -1}))
    with pytest.raises(FinnTuiError, match="limit of 20000"):
        await options.target(solver, editor, 16, SolveOptions({"LUT": 20000}))
    editor.device = Device("board", "part")
    with pytest.raises(FinnTuiError, match="cannot be filled"):
        await options.fill(solver, editor, SolveOptions())
    # None of these cost the process.
    assert (await options.target(solver, editor, 512, SolveOptions())).optimal


async def test_cancelling_ends_the_process_and_the_next_question_starts_another(
    solver: Solver,
) -> None:
    editor = recorded("cnv-w1a1", 150)
    begun = asyncio.Event()
    work = asyncio.create_task(
        options.pareto(solver, editor, SolveOptions(), 200, lambda _: begun.set())
    )
    await asyncio.wait_for(begun.wait(), 60)
    assert solver._process is not None
    number = solver._process.pid
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not psutil.pid_exists(number)
    assert (await options.target(solver, small(), 512, SolveOptions())).optimal


async def test_a_solver_that_was_killed_is_told_and_replaced(solver: Solver) -> None:
    await options.target(solver, small(), 512, SolveOptions())
    assert solver._process is not None
    psutil.Process(solver._process.pid).suspend()
    work = asyncio.create_task(options.target(solver, small(), 512, SolveOptions()))
    await asyncio.sleep(0.2)
    solver._process.kill()
    with pytest.raises(FinnTuiError, match="ended without an answer"):
        await work
    assert (await options.target(solver, small(), 512, SolveOptions())).optimal


async def test_cnv_on_the_labs_board(solver: Solver) -> None:
    editor = recorded("cnv-w1a1")
    assert editor.costs.known
    fastest = await options.fill(solver, editor, SolveOptions(include_infrastructure=False))
    # The best that was known before, by hand: 12,544 cycles within the whole xc7z020.
    assert fastest.cycles <= 12_544 and fastest.optimal
    with_infrastructure = await options.fill(solver, editor, SolveOptions())
    # DMA and shell take 6,426 LUTs of the part, unless the user says how much is for the layers.
    assert fastest.cycles <= with_infrastructure.cycles <= 13_824
    assert options.estimate_of(editor, with_infrastructure.folding).fits(
        editor.device, include_infrastructure=True
    )
    alone = await options.fill(solver, editor, SolveOptions(limits={"LUT": 1.0, "BRAM_18K": 1.0}))
    assert fastest.cycles <= alone.cycles <= 12_544
    for solution in (fastest, with_infrastructure):
        foldings.check(editor.design, editor.tables, solution.folding)
        assert refusals(editor.design, solution.folding) == []
        assert any(item.resource == "LUT" and item.holds for item in solution.binding)
        estimated = options.estimate_of(editor, solution.folding)
        assert estimated.ii_cycles == solution.cycles
        assert estimated.fits(editor.device)
    estimated = options.estimate_of(editor, with_infrastructure.folding)
    assert with_infrastructure.used is not None
    for name, used in with_infrastructure.used.items():
        assert estimated.total[name] + estimated.infrastructure.total()[name] == pytest.approx(
            used, abs=1e-6
        )


async def test_an_illegal_answer_of_setfolding_costs_only_its_own_point(
    solver: Solver, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = small()
    asked: list[int] = []

    async def set_folding(engine: object, model: object, editor: Editor, cycles: int) -> Folding:
        asked.append(cycles)
        if len(asked) == 1:
            raise IllegalFolding("PE = 16 is not legal", "Legal values: 1, 2.", "Choose one.")
        return editor.folding

    async def engine(on_progress: object = None) -> None:
        """Nothing is asked of it here."""

    monkeypatch.setattr(options, "set_folding", set_folding)
    workbench = SimpleNamespace(solver=solver, engine=engine)
    opened = SimpleNamespace(editor=editor, model=None)
    front = await requests.front(
        cast(requests.SolverWorkbench, workbench),
        cast(Opened, opened),
        SolveOptions(include_infrastructure=False),
        4,
    )
    assert len(front.points) == len(asked) > 1
    assert len(front.setfolding) == len(asked) - 1
    assert front.refused is not None and front.refused.what == "PE = 16 is not legal"


async def test_thresholds_go_into_block_memory_where_luts_are_too_few(solver: Solver) -> None:
    solution = await options.fill(solver, thresholds(), SolveOptions())
    assert solution.folding.values["Thresholding_rtl_0"]["depth_trigger_bram"] == 1024
    assert solution.used is not None and solution.used["BRAM_18K"] == 242
    held = SolveOptions(fixed={"depth_trigger_bram", "depth_trigger_uram"})
    with pytest.raises(Infeasible, match="within the limits") as refused:
        await options.fill(solver, thresholds(), held)
    # Too many LUTs, and too many of them memory.
    assert {"LUT", "LUTRAM"} <= set(refused.value.binding)


async def test_a_dma_for_weights_outside_of_the_chip_is_taken_off_the_budget() -> None:
    editor = small()
    device = Device("Pynq-Z2", data.PART, {"LUT": 53200, "BRAM_18K": 280, "URAM": 0, "DSP": 220})
    inside = replace(editor, device=device)
    layers = tuple(
        replace(layer, attrs={**layer.attrs, "mem_mode": "external"}, weight_dtype="INT8")
        if layer.name == "MVAU_hls_0"
        else layer
        for layer in editor.design.layers
    )
    outside = replace(inside, design=replace(editor.design, layers=layers))
    limits = [options.problem(each, SolveOptions()).limits for each in (inside, outside)]
    assert limits[0]["LUT"] - limits[1]["LUT"] == 1149
    assert limits[0]["BRAM_18K"] - limits[1]["BRAM_18K"] == 1
