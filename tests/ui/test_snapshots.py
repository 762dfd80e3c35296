"""The widgets that matter as text at 80x24 and 160x50, as a person has looked at them.

``FINN_TUI_UPDATE_SNAPSHOTS=1`` writes them again; whole screens are in ``test_screen_pictures.py``.
"""

from __future__ import annotations

import difflib
import os
import time
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.learn.lesson import TABS
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.dialogs.choose import ChooseDialog
from finn_tui.ui.dialogs.help import Help
from finn_tui.ui.learn.state import LearnState
from finn_tui.ui.runs import list_view as runs
from finn_tui.ui.toolkit.listing import Listing
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until, until_mode

FOLDER = Path(__file__).parent / "snapshots"
#: Seconds that a screen has to become as it should be; seconds that a new snapshot waits.
PATIENCE, SETTLED = 60.0, 1.0
#: What says on each screen that there is nothing yet.
_EMPTY = {
    "tune": "#layers",
    "flow": "#stages",
    "runs": "#runs",
    "board": "#jobs",
    "results": "#runs",
    "learn": "#lesson",
}
SIZES = {"80x24": (80, 24), "160x50": (160, 50)}


def text_of(app: FinnTuiApp, selector: str) -> str:
    """Return what stands on the screen where a widget is, its frame included.

    Args:
        app: the app.
        selector: of the widget, as in a style sheet.
    """
    region = app.screen.query(selector).first().region
    lines = screen_text(app).splitlines()[region.y : region.bottom]
    return "\n".join(line[region.x : region.right].rstrip() for line in lines) + "\n"


async def compare(pilot: Pilot[Any], name: str, selector: str) -> None:
    """Wait until a widget looks as the committed text has it.

    Late frames (layout, lists, answers of workers) come when the machine lets them, so that a
    difference counts only if it stays.

    Args:
        pilot: drives the app.
        name: of the snapshot.
        selector: of the widget, as in a style sheet.
    """
    app = pilot.app
    assert isinstance(app, FinnTuiApp)
    path = FOLDER / f"{name}.txt"
    if os.environ.get("FINN_TUI_UPDATE_SNAPSHOTS"):
        await pilot.pause(SETTLED)
        path.write_text(text_of(app, selector), encoding="utf-8")
    wanted = path.read_text(encoding="utf-8")
    end = time.monotonic() + PATIENCE
    while (shown := text_of(app, selector)) != wanted and time.monotonic() < end:
        await pilot.pause(0.02)
    difference = "".join(
        difflib.unified_diff(wanted.splitlines(True), shown.splitlines(True), "wanted", "shown")
    )
    assert shown == wanted, f"{name} looks different:\n{difference}"


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> str:
    """Both sizes."""
    return str(request.param)


async def test_tune(make_app: MakeApp, size: str) -> None:
    async with make_app().run_test(size=SIZES[size]) as pilot:
        app = await opened(pilot)
        await pilot.press("plus")
        await compare(pilot, f"tune-{size}", "#layers")
        await pilot.press("enter")
        await until(
            pilot, lambda: isinstance(app.screen, ChooseDialog) and "now" in screen_text(app)
        )
        await compare(pilot, f"values-{size}", ".box")


async def test_tune_tfc(make_app: MakeApp, size: str) -> None:
    async with make_app("tfc-w1a1").run_test(size=SIZES[size]) as pilot:
        await opened(pilot)
        await compare(pilot, f"tune-tfc-{size}", "#layers")


async def test_flow(make_app: MakeApp, size: str) -> None:
    async with make_app().run_test(size=SIZES[size]) as pilot:
        app = await opened(pilot)
        await pilot.press("1")
        await until(pilot, lambda: "MVAU_hls" in screen_text(app))
        await compare(pilot, f"flow-{size}", "Horizontal")


async def test_runs(
    make_app: MakeApp, lab: RecordedLab, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_age", lambda created: "3 h")
    why = FinnTuiError("the design does not fit", "613 of 280 BRAM18", "Fold less.", kind="finn")
    make_run(lab.workspace, "20260101T000000Z-tfc-w1a1-aaaa", "failed", error=why)
    make_run(lab.workspace, "20260102T000000Z-tfc-w1a1-bbbb", measured=True)
    async with make_app("tfc-w1a1").run_test(size=SIZES[size]) as pilot:
        app = await opened(pilot)
        await pilot.press("3")
        await until(pilot, lambda: "✓ hw_codegen" in screen_text(app))
        await compare(pilot, f"runs-{size}", "#runs")
        await pilot.press("down")
        await until(pilot, lambda: "✗ hw_codegen" in screen_text(app))
        await compare(pilot, f"runs-failed-{size}", "#live")


async def test_board(make_app: MakeApp, lab: RecordedLab, size: str) -> None:
    make_run(lab.workspace, measured=True)
    async with make_app("tfc-w1a1").run_test(size=SIZES[size]) as pilot:
        app = await opened(pilot)
        await pilot.press("4")
        await until(pilot, lambda: "▀▀▀" in screen_text(app))
        await compare(pilot, f"board-{size}", "#jobs")


async def test_results(make_app: MakeApp, lab: RecordedLab, size: str) -> None:
    make_run(lab.workspace, "20260101T000000Z-tfc-w1a1-aaaa", "cancelled")
    make_run(lab.workspace, "20260102T000000Z-tfc-w1a1-bbbb", measured=True)
    async with make_app("tfc-w1a1").run_test(size=SIZES[size]) as pilot:
        app = await opened(pilot)
        await pilot.press("5")
        await until(pilot, lambda: "1,550,861" in screen_text(app))
        await compare(pilot, f"results-{size}", "#detail")


async def test_help(make_app: MakeApp, size: str) -> None:
    async with make_app().run_test(size=SIZES[size]) as pilot:
        app = await opened(pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Help) and "Fold" in screen_text(app))
        await compare(pilot, f"help-{size}", "#page")


async def test_learn(make_app: MakeApp, size: str) -> None:
    async with make_app().run_test(size=SIZES[size]) as pilot:
        app = await opened(pilot)
        await pilot.press("6")
        await until_mode(pilot, "learn")
        layers = app.screen.query_one("#subjects", Listing)
        layers.focus()
        # MVAU_hls_1: a convolution.
        await pilot.press(*["down"] * 8)
        for question in ("circuit", "cycles", "im2col", "picture"):
            while TABS[app.state.feature(LearnState).question] != question:
                await pilot.press("space")
            await compare(pilot, f"learn-{question}-{size}", "#lesson")


async def test_empty_screens(make_app: MakeApp, size: str) -> None:
    async with make_app(None).run_test(size=SIZES[size]) as pilot:
        app = pilot.app
        assert isinstance(app, FinnTuiApp)
        for key, name in zip(
            "213456", ("tune", "flow", "runs", "board", "results", "learn"), strict=True
        ):
            await pilot.press(key)
            await until_mode(pilot, name)
            await compare(pilot, f"empty-{name}-{size}", _EMPTY[name])
