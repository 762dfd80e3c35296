"""What the Results screen says of a run: a missed clock is no plain success."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from finn_tui.lab.results.results_table import Experiment
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.folder import RunFolder
from finn_tui.ui.actions.table import BY_ID
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.controllers.sweep import SeriesText, read_series
from finn_tui.ui.results.view import plot_lines, result_facts, results_content
from finn_tui.ui.toolkit.listing import Listing
from tests.ui.conftest import (
    MakeApp,
    make_run,
    opened,
    screen_text,
    tune_of,
    until,
    until_mode,
)

ROW = Experiment(
    run="20260101T000000-tfc-ab12",
    model="tfc-w1a1",
    folding="ones",
    board="Pynq-Z2",
    clock_ns=10.0,
    created="2026-01-01T00:00:00Z",
    state="succeeded",
    simulated=False,
    ii_cycles=100,
    estimated_fps=1000.0,
    estimated={"LUT": 900},
    synthesized={"LUT": 1000},
    wns=-0.618,
    timing_met=False,
    fps=None,
    batch=None,
    clock_mhz=None,
    accuracy=None,
    images=None,
    measured_simulated=False,
)
SENTENCE = "clock missed by 0.618 ns"


def facts(row: Experiment) -> str:
    return "\n".join(f"{field.name}: {field.value}" for field in result_facts(row))


@pytest.mark.parametrize(("width", "words"), [(80, "! clock"), (120, "! clock"), (150, SENTENCE)])
def test_a_missed_clock_stands_in_the_table(width: int, words: str) -> None:
    met = replace(ROW, run="20260101T000001-tfc-cd34", wns=0.1, timing_met=True)
    content = results_content([ROW, met], width)
    missed, good = (" ".join(cell[0] for cell in row.cells) for row in content.rows)
    assert words in missed
    assert "clock" not in good


def test_few_units_are_whole_and_slow_rates_are_not() -> None:
    row = replace(ROW, synthesized={"LUT": 1000, "BRAM_18K": 8}, fps=2.25)
    cells = [cell[0] for cell in results_content([row], 120).rows[0].cells]
    assert "8" in cells and "2.25" in cells


def test_a_missed_clock_stands_in_the_details() -> None:
    assert facts(ROW).count(SENTENCE) == 2, "in the state and beside WNS"
    assert "succeeded, clock missed" in facts(ROW)
    assert SENTENCE not in facts(replace(ROW, wns=0.1, timing_met=True))
    assert "timing met" in facts(replace(ROW, wns=0.1, timing_met=True))
    assert "timing not met" in facts(replace(ROW, wns=0.1, timing_met=None))
    assert SENTENCE not in facts(replace(ROW, state="failed", wns=None, timing_met=None))


# The screen


@pytest.fixture
def three(workspace: Workspace) -> list[RunFolder]:
    """Three runs of TFC, oldest first: published, exp1 and one that was not measured."""
    runs = []
    folding_of_all = json.loads(DESIGN_KNOBS)
    for at, (folding, lut, measured) in enumerate(
        (("published", 16000, True), ("exp1", 15000, True), ("mine", 17000, False))
    ):
        run = make_run(workspace, f"20260102T03000{at}Z-tfc-w1a1-00f{at}", measured=measured)
        layers = {**folding_of_all, "MVAU_hls_1": {"PE": 1 + at, "SIMD": 8}}
        path = run.path / "run.json"
        path.write_text(
            json.dumps(json.loads(path.read_text()) | {"folding_name": folding, "folding": layers})
        )
        (run.path / "folding.json").write_text(json.dumps(layers))
        results = run.results()
        run.update_results(post_synthesis={**results["post_synthesis"], "LUT": lut})
        runs.append(RunFolder(run.path))
    return runs


DESIGN_KNOBS = '{"Defaults": {}, "MVAU_hls_0": {"PE": 16, "SIMD": 49}}'


async def shown(pilot: Pilot[Any]) -> FinnTuiApp:
    app = await opened(pilot)
    await pilot.press("5")
    await until_mode(pilot, "results")
    await until(pilot, lambda: len(app.state.results) == 3)
    return app


def order(app: FinnTuiApp) -> list[str]:
    return [str(row.key)[-4:] for row in app.screen.query_one("#runs", Listing).rows]


async def test_rows_are_sorted(make_app: MakeApp, three: list[RunFolder]) -> None:
    async with make_app("tfc-w1a1").run_test(size=(160, 50)) as pilot:
        app = await shown(pilot)
        assert order(app) == ["00f2", "00f1", "00f0"]
        await pilot.press("S")
        assert order(app) == ["00f1", "00f2", "00f0"]
        assert "by folding" in screen_text(app)
        for _ in range(3):
            await pilot.press("S")
        assert "by LUT" in screen_text(app) and order(app) == ["00f1", "00f0", "00f2"]


async def test_marked_runs_stand_side_by_side(make_app: MakeApp, three: list[RunFolder]) -> None:
    async with make_app("tfc-w1a1").run_test(size=(160, 50)) as pilot:
        app = await shown(pilot)
        await pilot.press("c")
        assert "Marked runs" not in screen_text(app)
        await pilot.press("space", "space", "c")
        await until(pilot, lambda: "Marked runs" in screen_text(app))
        text = screen_text(app)
        assert "Marked runs" in text and "mine 00f2" in text and "exp1 00f1" in text
        (line,) = [line for line in text.splitlines() if "MVAU_hls_1" in line]
        assert "PE 3" in line and "PE 2" in line and "SIMD" not in line
        assert "1 layer is folded alike" in text
        await pilot.press("escape")
        assert "Marked runs" not in screen_text(app)


async def test_plots_are_shown_in_turn(make_app: MakeApp, three: list[RunFolder]) -> None:
    async with make_app("tfc-w1a1").run_test(size=(80, 24)) as pilot:
        app = await shown(pilot)
        for title in ("fps against LUT", "measured against the estimate", "experiments over time"):
            await pilot.press("P")
            await until(pilot, lambda title=title: title in screen_text(app))  # type: ignore[misc]
            assert "images per second" in screen_text(app)
        await pilot.press("P")
        await until(pilot, lambda: "images per second" not in screen_text(app))


@pytest.mark.parametrize("which", range(3))
def test_a_plot_says_which_points_are_simulated(which: int) -> None:
    whole = {"LUT": 900.0}
    on_board = replace(ROW, fps=900.0, estimated_whole=whole)
    rehearsed = replace(on_board, run="20260101T000001-tfc-cd34", simulated=True)
    answered = replace(on_board, run="20260101T000002-tfc-ef56", measured_simulated=True)

    def text(*rows: Experiment, key: str = "") -> str:
        return "\n".join(line.text for line in plot_lines(rows, which, key, 78, 16))

    assert "SIMULATED" not in text(on_board) and "measured" in text(on_board)
    for row in (rehearsed, answered):
        assert "SIMULATED" in text(on_board, row)
        assert "this run, SIMULATED" in text(on_board, row, key=row.run)
    assert "SIMULATED" not in text(on_board, key=on_board.run)


async def test_the_folding_of_a_run_is_loaded(make_app: MakeApp, three: list[RunFolder]) -> None:
    async with make_app("tfc-w1a1").run_test(size=(160, 50)) as pilot:
        app = await shown(pilot)
        await pilot.press("down", "f")
        await until_mode(pilot, "tune")
        tune = tune_of(app)
        assert tune.editor.folding.values["MVAU_hls_1"]["PE"] == 2
        assert tune.folding_name == "exp1 of 00f1"
        assert tune.editor.can_undo


async def test_the_table_is_exported(
    make_app: MakeApp, three: list[RunFolder], workspace: Workspace
) -> None:
    async with make_app("tfc-w1a1").run_test(size=(160, 50)) as pilot:
        app = await shown(pilot)
        await pilot.press("slash", *"exp1", "enter", "w", *"tex", "enter")
        await until(pilot, lambda: (workspace.root / "experiments.tex").exists())
        text = (workspace.root / "experiments.tex").read_text()
        assert "exp1" in text and "published" not in text
        assert app.current_mode == "results"


async def test_a_series_is_asked_for_and_followed(
    make_app: MakeApp, three: list[RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[list[str], str | None]] = []

    async def sweep(lab: Any, items: Any, options: Any, on_item: Any, on_progress: Any) -> Any:
        asked.append(([item.name for item in items], options.board))
        on_item(0, replace(items[0], status="building"))
        await gate.wait()
        return [replace(item, status="done") for item in items]

    gate = asyncio.Event()
    monkeypatch.setattr("finn_tui.lab.sweep.sweep.sweep", sweep)
    async with make_app("tfc-w1a1").run_test(size=(160, 50)) as pilot:
        app = await shown(pilot)
        await pilot.press("B")
        await until(pilot, lambda: "published, exp1, pareto:2" in screen_text(app))
        await pilot.press(*"nothing", "enter")
        await until(pilot, lambda: "no folding called nothing" in screen_text(app))
        await pilot.press(*(["backspace"] * 7), *"exp1,ones", "enter")
        await until(pilot, lambda: "Series of 2 foldings" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "series: 1 of 2: exp1, building" in screen_text(app))
        assert asked == [(["exp1", "ones"], "simulated")]
        assert BY_ID["app.go"].disabled_reason is not None
        assert "series" in str(BY_ID["app.go"].disabled_reason(app.state))
        gate.set()
        await until(pilot, lambda: not app.state.sweeping)
        assert "series" not in screen_text(app).splitlines()[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("published, exp1", SeriesText(("published", "exp1"))),
        ("pareto:3,ones,", SeriesText(("ones",), 3)),
        ("pareto:x", SeriesText(("pareto:x",))),
        ("ones, on:cluster", SeriesText(("ones",), on="cluster")),
    ],
)
def test_series_are_read(text: str, expected: SeriesText) -> None:
    assert read_series(text) == expected
