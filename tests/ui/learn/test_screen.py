"""The Learn screen: questions, subjects, steps and foldings that are only tried."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.dialogs.ask_text import AskTextDialog
from finn_tui.ui.learn.state import LearnState, Subject
from finn_tui.ui.toolkit.listing import Listing
from finn_tui.ui.toolkit.page import Page
from tests.ui.conftest import MakeApp, RecordedLab, opened, screen_text, tune_of, until, until_mode


async def learning(pilot: Pilot[Any]) -> tuple[FinnTuiApp, LearnState]:
    """Open the Learn screen."""
    app = await opened(pilot)
    await pilot.press("6")
    await until_mode(pilot, "learn")
    await pilot.pause()
    return app, app.state.feature(LearnState)


def lesson_text(app: FinnTuiApp) -> str:
    """What the lesson shows, whatever is scrolled away."""
    return app.screen.query_one("#lesson", Page).shown


async def test_cycles_are_stepped_and_wrap_around(make_app: MakeApp) -> None:
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app, learn = await learning(pilot)
        assert "cycle 0 of 0..15" in lesson_text(app)
        await pilot.press("right", "J")
        assert "cycle 9 of 0..15   NF 1" in lesson_text(app).replace("neuron fold", "NF")
        await pilot.press("K", "left", "left")
        assert "cycle 15 of 0..15" in lesson_text(app)
        assert learn.position == 15


@pytest.mark.parametrize("subject", [("lab", "8x8 PE 4 SIMD 1"), ("layer", "MVAU_hls_1")])
async def test_a_lesson_follows_the_clock_of_tune(make_app: MakeApp, subject: Subject) -> None:
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app, learn = await learning(pilot)
        editor = tune_of(app).editor
        learn.choose(subject)
        assert learn.lesson(editor).clock_ns == 10.0
        editor.set_clock(5.0)
        assert learn.lesson(editor).clock_ns == 5.0


async def test_a_layer_in_the_folding_of_tune_and_in_others(make_app: MakeApp) -> None:
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app, learn = await learning(pilot)
        layers = app.screen.query_one("#subjects", Listing)
        layers.focus()
        await pilot.press("end", "up", "up")
        await until(pilot, lambda: "64x64" in lesson_text(app))
        tune = tune_of(app)
        name = learn.subject[1]
        values = tune.editor.folding.values[name]
        assert f"PE {values['PE']}  SIMD {values['SIMD']}" in lesson_text(app)
        assert "FINN says 64 cycles" in lesson_text(app)
        await pilot.press("plus", "left_square_bracket")
        assert "PE 16  SIMD 4" in lesson_text(app)
        assert "FINN says 64 cycles" in lesson_text(app)
        assert "*16 x 4" in screen_text(app)
        assert tune.editor.folding.values[name] == values
        await pilot.press("R")
        assert "PE 8  SIMD 8" in lesson_text(app)
        # A change in Tune is shown here.
        tune.editor.set(name, "PE", 4)
        await pilot.press("2", "6")
        await until(pilot, lambda: "PE 4  SIMD 8" in lesson_text(app))


async def test_own_numbers_are_typed_and_checked(make_app: MakeApp) -> None:
    async with make_app(None).run_test(size=(100, 30)) as pilot:
        app = pilot.app
        assert isinstance(app, FinnTuiApp)
        await pilot.press("6")
        await until_mode(pilot, "learn")
        await pilot.press("M")
        await until(pilot, lambda: isinstance(app.screen, AskTextDialog))
        await pilot.press(*"8x8 PE 3", "enter")
        await until(pilot, lambda: "does not divide the 8 rows" in screen_text(app))
        await pilot.press(*(["backspace"] * 8), *"6x4 PE 3 SIMD 2", "enter")
        await until(pilot, lambda: app.current_mode == "learn" and "6x4" in lesson_text(app))
        assert "NF 6/3 x SF 4/2 = 4 cycles" in lesson_text(app)


async def test_questions_turn_both_ways(make_app: MakeApp) -> None:
    async with make_app(None).run_test(size=(80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, FinnTuiApp)
        await pilot.press("6")
        await until_mode(pilot, "learn")
        learn = app.state.feature(LearnState)
        for wanted in (3, 4, 1, 2):
            await pilot.press("space")
            assert learn.question == wanted
        await pilot.press("backspace")
        assert learn.question == 1


async def test_an_exercise_is_answered_checked_and_explained(make_app: MakeApp) -> None:
    async with make_app("tfc-w1a1").run_test(size=(100, 30)) as pilot:
        app, learn = await learning(pilot)
        assert "one product of the 8x8 matrix" in screen_text(app)
        await pilot.press("Q")
        await until(pilot, lambda: isinstance(app.screen, AskTextDialog))
        await pilot.press(*"many", "enter")
        await until(pilot, lambda: "many is not a number" in screen_text(app))
        await pilot.press(*["backspace"] * 4, *"15", "enter")
        await until(pilot, lambda: "not 15 but 16: NF x SF = 8/4 x 8/1" in screen_text(app))
        await pilot.press("Q")
        await until(pilot, lambda: isinstance(app.screen, AskTextDialog))
        await pilot.press(*"16", "enter")
        await until(pilot, lambda: "16 is right" in screen_text(app))
        assert learn.verdict is not None and learn.verdict.right
        await pilot.press("U")
        await until(pilot, lambda: "How many cycles do 8 vectors take?" in screen_text(app))
        assert learn.verdict is None


async def test_drawing_and_text_are_written_for_the_report(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    async with make_app("tfc-w1a1").run_test(size=(100, 30), notifications=True) as pilot:
        app, _ = await learning(pilot)
        await pilot.press("O")
        svg = lab.workspace.root / "report" / "question2-lab-8x8-pe4-simd1.svg"
        await until(pilot, svg.is_file)
        assert svg.read_text().startswith("<svg")
        assert "NF 8/4 x SF 8/1 = 16 cycles" in svg.with_suffix(".txt").read_text()
        await until(pilot, lambda: "Written" in screen_text(app))


async def test_a_layer_without_a_matrix_says_so(make_app: MakeApp) -> None:
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app, learn = await learning(pilot)
        learn.choose(("layer", "LabelSelect_hls_0"))
        for question in (3, 4, 1, 2):
            await pilot.press("space", "right", "plus", "J", "Q", "O", "escape")
            await until(pilot, lambda: app.current_mode == "learn")
            assert learn.question == question
        assert "multiplies nothing" in lesson_text(app)
