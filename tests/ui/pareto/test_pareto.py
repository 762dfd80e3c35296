"""The Pareto front from Tune: points as they come, loading one, and what it looks like."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.pilot import Pilot

from finn_tui.core.optimize.solve import Solution
from finn_tui.lab.solver import options, requests
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.pareto import state as pareto
from finn_tui.ui.pareto.screen import ParetoScreen
from finn_tui.ui.pareto.state import ParetoFront
from finn_tui.ui.solve.screen import SolveDialog
from finn_tui.ui.solve.state import SolveState
from tests.ui.conftest import MakeApp, opened, screen_text, tune_of, until
from tests.ui.test_snapshots import SIZES, compare


def solved(app: FinnTuiApp) -> bool:
    solving = app.state.find(SolveState)
    return solving is not None and solving.solution is not None


async def front_of(pilot: Pilot[Any], app: FinnTuiApp, *, whole: bool = True) -> ParetoFront:
    """The front that is shown, when it is complete."""
    await pilot.press("P")
    await until(pilot, lambda: isinstance(app.screen, ParetoScreen))
    assert isinstance(app.screen, ParetoScreen)
    front = app.screen.front
    if whole:
        await until(pilot, lambda: not front.busy, 60)
    return front


async def test_a_point_is_loaded_and_undone(make_app: MakeApp) -> None:
    async with make_app("tfc-w1a1").run_test(size=(100, 40)) as pilot:
        app = await opened(pilot)
        tune = tune_of(app)
        before = tune.editor.folding
        front = await front_of(pilot, app)
        assert len(front.points) > 4
        shares = [point.share[1] for point in front.points if point.share is not None]
        assert shares == sorted(shares, reverse=True), "what is faster takes more"
        # No engine is there: that is said, and takes nothing else away.
        assert front.refused is not None and "no SetFolding" in screen_text(app)
        await pilot.press("home", "down")
        assert "●● chosen" in screen_text(app) and "◆◆ now" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, ParetoScreen))
        assert tune.editor.folding.values == front.points[1].folding.values
        await pilot.press("u")
        assert tune.editor.folding == before
        # Found once, it is there at once; with another lock it is another front.
        assert await front_of(pilot, app) is front
        await pilot.press("escape")
        tune.locked.add("MVAU_hls_0")
        assert await front_of(pilot, app) is not front


async def test_points_come_in_and_solving_has_precedence(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_front = options.pareto

    async def endless(*arguments: Any) -> list[Solution]:
        await whole_front(*arguments)
        return await asyncio.Future()

    # However fast the solver is, the front is still at work when another question comes.
    monkeypatch.setattr(options, "pareto", endless)
    async with make_app().run_test(size=(100, 40)) as pilot:
        app = await opened(pilot)
        front = await front_of(pilot, app, whole=False)
        await until(pilot, lambda: front.points)
        assert front.busy and f"of {pareto.POINTS} targets" in screen_text(app)
        await pilot.press("escape", "s")
        await until(pilot, lambda: isinstance(app.screen, SolveDialog))
        await pilot.press(*"1000", "enter")
        await until(pilot, lambda: solved(app))
        assert app.state.find(ParetoFront) is None


@pytest.mark.parametrize("size", SIZES)
async def test_it_looks_as_it_was_looked_at(make_app: MakeApp, size: str) -> None:
    async with make_app("tfc-w1a1").run_test(size=SIZES[size]) as pilot:
        app = await opened(pilot)
        tune = tune_of(app)
        front = await front_of(pilot, app)
        # SetFolding's point, as FINN would have made it: here the lab's published folding.
        editor = tune.editor
        point = requests.point(editor, front.solve_options, front.points[1].target, editor.baseline)
        front.add(point)
        front.refused = None
        assert isinstance(app.screen, ParetoScreen)
        await pilot.press("home", "down", "down")
        app.screen.show()
        await pilot.pause()
        text = screen_text(app)
        assert "xx SetFolding" in text and f"{point.result.fps:,.0f}" in text
        await compare(pilot, f"pareto-{size}", "#plot")
