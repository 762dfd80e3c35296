"""Solving from Tune: the form, the work, the difference to review, and what goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import psutil
import pytest
from textual.events import Paste
from textual.pilot import Pilot

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.folding import model as foldings
from finn_tui.core.optimize.solve import Infeasible, Solution
from finn_tui.lab.solver.requests import SETFOLDING
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.solve.screen import SolveDialog
from finn_tui.ui.solve.state import SolveState, number
from finn_tui.ui.toolkit.text_input import FieldInput
from finn_tui.ui.tune.state import TuneState
from tests.ui.conftest import MakeApp, opened, screen_text, tune_of, until
from tests.ui.test_snapshots import SIZES, compare


@asynccontextmanager
async def solve_dialog(
    make_app: MakeApp, size: tuple[int, int] = (100, 40), start: str = "ones"
) -> AsyncIterator[tuple[Pilot[Any], FinnTuiApp, TuneState, SolveState]]:
    """The dialog on CNV without parallelism, when all that is told beside the form is there."""
    async with make_app().run_test(size=size) as pilot:
        app = await opened(pilot)
        tune = tune_of(app)
        if start == "ones":
            tune.editor.load(foldings.ones(tune.editor.design, tune.editor.tables), "ones")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, SolveDialog))
        solving = app.state.find(SolveState)
        assert solving is not None
        await until(pilot, lambda: solving.fastest is not None)
        yield pilot, app, tune, solving


async def test_a_field_is_edited_and_pasted_into(make_app: MakeApp) -> None:
    async with solve_dialog(make_app) as (pilot, app, _tune, solving):
        # Pasted onto a line that is not to type in, a number is the rate.
        app.post_message(Paste("30\n"))
        await until(pilot, lambda: solving.form.texts.get("fps") == "30")
        await pilot.press("left", "5", "delete", "end", "1")
        assert solving.form.texts["fps"] == "351"
        await pilot.press("down", "up")
        assert (
            solving.current_field.key == "fps" and app.screen.query_one(FieldInput).value == "351"
        )
        app.post_message(Paste("7"))
        await until(pilot, lambda: solving.form.texts["fps"] == "3517")


async def test_a_rate_is_typed_solved_reviewed_taken_and_undone(make_app: MakeApp) -> None:
    async with solve_dialog(make_app) as (pilot, app, tune, _solving):
        text = screen_text(app)
        assert "3.46 frames/s, II 28,901,376" in text
        assert "5,315 frames/s, II 18,816; limited by LUT" in text
        # Digits go to the rate, wherever the cursor is.
        await pilot.press(*"3000", "enter")
        await until(pilot, lambda: "proved: nothing that fits is cheaper" in screen_text(app))
        assert tune.editor.estimate.ii_cycles == 28_901_376, "nothing is taken yet"
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, SolveDialog))
        assert tune.editor.estimate.ii_cycles <= 33_333
        assert "solved: II 28,901,376 → 32,768, 3,052 fps" in screen_text(app)
        await pilot.press("u")
        assert tune.editor.estimate.ii_cycles == 28_901_376
        assert not tune.editor.unsaved


async def test_an_answer_that_is_left_changes_nothing(make_app: MakeApp) -> None:
    async with solve_dialog(make_app) as (pilot, app, tune, solving):
        before = tune.editor.folding
        await pilot.press(*"100", "enter")
        await until(pilot, lambda: solving.solution is not None)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, SolveDialog))
        assert tune.editor.folding is before and not tune.editor.unsaved
        assert solving.solution is None


async def test_what_cannot_be_reached_says_why_and_offers_the_fastest(make_app: MakeApp) -> None:
    async with solve_dialog(make_app) as (pilot, app, _tune, solving):
        await pilot.press(*"9,000", "enter")
        await until(pilot, lambda: isinstance(solving.error, Infeasible))
        await pilot.pause()
        text = screen_text(app)
        assert "no folding reaches 11,111 cycles within the limits" in text
        assert "LUT (at least 57,368 needed, the limit is 37,240)" in text
        assert "f the fastest that fits" in text
        await pilot.press("f")
        await until(pilot, lambda: solving.solution is not None)
        await pilot.pause()
        assert "LUT at 100 % of its limit" in screen_text(app)
        assert solving.solution is not None and solving.solution.cycles == 18_816


async def test_wrong_numbers_are_told_in_the_form(make_app: MakeApp) -> None:
    async with solve_dialog(make_app) as (pilot, app, _tune, solving):
        await pilot.press("enter")
        assert "the frame rate is missing" in screen_text(app)
        await pilot.press("1", "z", "enter")
        assert "1z is not a number" in screen_text(app)
        await pilot.press("backspace", *"e99", "enter")
        assert "is out of range" in screen_text(app) and not solving.busy


async def test_locked_layers_and_held_knobs_stay(make_app: MakeApp) -> None:
    async with solve_dialog(make_app, start="published") as (pilot, app, tune, solving):
        await pilot.press("escape")
        tune.locked.add("MVAU_hls_0")
        before = tune.editor.folding.values
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, SolveDialog))
        await pilot.press("up", *["right"] * solving.knobs.index("ram_style"), "space")
        assert solving.form.fixed == {"ram_style"}
        text = screen_text(app)
        assert "locked            MVAU_hls_0" in text and "· ram_style" in text
        await pilot.press("down", "right", "right", "enter")
        await until(pilot, lambda: solving.solution is not None)
        assert solving.request is not None and solving.request.goal == "balance"
        await pilot.press("enter")
        after = tune.editor.folding.values
        assert before != after and before["MVAU_hls_0"] == after["MVAU_hls_0"]
        for name, values in after.items():
            assert values.get("ram_style") == before[name].get("ram_style")


async def test_a_bill_that_may_not_be_exceeded(make_app: MakeApp) -> None:
    async with solve_dialog(make_app, start="published") as (pilot, _app, _tune, solving):
        reference = next(i for i, field in enumerate(solving.fields) if field.key == "bill")
        await pilot.press(*"3000")
        await pilot.press(*["down"] * (reference - solving.form.at))
        # No bill, SetFolding's, ones, published.
        await pilot.press("right", "right", "right", "enter")
        await until(pilot, lambda: solving.solution is not None)
        assert solving.request is not None and solving.request.no_dearer_than == "published"
        difference = solving.comparison()
        assert difference is not None
        assert all(amount <= 1e-6 for amount in difference.total_with_infrastructure.values())


async def test_it_goes_on_while_another_screen_is_looked_at(make_app: MakeApp) -> None:
    async with solve_dialog(make_app) as (pilot, app, _tune, solving):
        process = app.lab.solver._process
        assert process is not None
        # Held still until the other screen is there.
        psutil.Process(process.pid).suspend()
        await pilot.press(*"3000", "enter", "3")
        await until(pilot, lambda: app.current_mode == "runs")
        psutil.Process(process.pid).resume()
        await until(pilot, lambda: solving.solution is not None)
        assert solving.tune.solver == "done"
        await pilot.press("2")
        await until(pilot, lambda: "s solved" in screen_text(app))
        await pilot.press("s")
        await until(pilot, lambda: "apply" in screen_text(app))
        assert not solving.tune.solver


async def test_stopping_ends_the_process_and_leaves_the_form(make_app: MakeApp) -> None:
    async with solve_dialog(make_app) as (pilot, app, _tune, solving):
        process = app.lab.solver._process
        assert process is not None
        # Held still, so that there is something to stop.
        psutil.Process(process.pid).suspend()
        await pilot.press(*"3000", "enter")
        await until(pilot, lambda: "the smallest for 3,000 frames/s" in screen_text(app))
        assert solving.busy
        await pilot.press("x")
        await until(pilot, lambda: not psutil.pid_exists(process.pid))
        assert not solving.busy and "enter solve" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: solving.solution is not None)


async def test_a_solver_that_was_killed_is_told_and_can_be_asked_again(make_app: MakeApp) -> None:
    async with solve_dialog(make_app) as (pilot, app, _tune, solving):
        process = app.lab.solver._process
        assert process is not None
        psutil.Process(process.pid).suspend()
        await pilot.press(*"3000", "enter")
        await until(pilot, lambda: solving.busy)
        process.kill()
        await until(pilot, lambda: solving.error is not None)
        await pilot.pause()
        text = screen_text(app)
        assert "the solver ended without an answer" in text and "enter try again" in text
        assert "the fastest that fits" not in text.splitlines()[-8:]
        await pilot.press("enter")
        await until(pilot, lambda: solving.solution is not None)


async def test_the_mouse_chooses_in_the_form(make_app: MakeApp) -> None:
    async with solve_dialog(make_app) as (pilot, app, _tune, solving):
        for text, key, value in (
            ("100% of the part", "limits", "part"),
            ("highest utilization", "even", True),
            ("  SetFolding ", "bill", SETFOLDING),
        ):
            lines = screen_text(app).splitlines()
            y = next(i for i, line in enumerate(lines) if text in line)
            await pilot.click(offset=(lines[y].index(text) + 2, y))
            assert solving.form.values[key] == value


@pytest.mark.parametrize("size", SIZES)
async def test_it_looks_as_it_was_looked_at(make_app: MakeApp, size: str) -> None:
    async with solve_dialog(make_app, SIZES[size]) as (pilot, app, _tune, solving):
        await pilot.press(*"3000")
        await compare(pilot, f"solve-form-{size}", ".box")
        await pilot.press("enter")
        await until(pilot, lambda: solving.solution is not None)
        solution: Solution = solving.solution  # type: ignore[assignment]
        solving.solution = replace(solution, seconds=0.05)
        assert isinstance(app.screen, SolveDialog)
        app.screen.show()
        await pilot.pause()
        await compare(pilot, f"solve-review-{size}", ".box")


def test_numbers_as_people_type_them() -> None:
    assert [number(text, text) for text in ("3000", "3,000", "3k", "2.5")] == [
        3000,
        3000,
        3000,
        2.5,
    ]
    with pytest.raises(FinnTuiError, match="fast is not a number"):
        number("fast", "fast")
