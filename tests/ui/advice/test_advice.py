"""What next: the move on the last line, the dialog with what can be reduced and a frame rate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot

from finn_tui.core.folding import model as foldings
from finn_tui.core.optimize.greedy import Blocked, Move
from finn_tui.ui.advice.screen import AdviceDialog
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.state import Topic
from finn_tui.ui.toolkit.listing import Listing
from finn_tui.ui.tune.state import TuneState
from tests.ui.conftest import MakeApp, opened, screen_text, tune_of, until
from tests.ui.test_snapshots import SIZES, compare


@asynccontextmanager
async def tuning(
    make_app: MakeApp, size: tuple[int, int] = (100, 40)
) -> AsyncIterator[tuple[Pilot[Any], FinnTuiApp, TuneState]]:
    """CNV with its published folding."""
    async with make_app().run_test(size=size) as pilot:
        app = await opened(pilot)
        yield pilot, app, tune_of(app)


async def worked_out(pilot: Pilot[Any], app: FinnTuiApp) -> AdviceDialog:
    """Wait until the dialog is there and knows what it tells."""
    await until(pilot, lambda: isinstance(app.screen, AdviceDialog) and app.screen.state.fresh)
    screen = app.screen
    assert isinstance(screen, AdviceDialog)
    return screen


async def test_the_last_line_says_the_move_and_n_makes_it(make_app: MakeApp) -> None:
    async with tuning(make_app) as (pilot, app, tune):
        assert "next MVAU 6 SIMD 4→8 and 1 more: II 32,400, +111 LUT" in screen_text(app)
        move = tune.advice()
        assert isinstance(move, Move)
        await pilot.press("n")
        assert tune.editor.estimate.ii_cycles == move.ii_cycles == 32_400
        text = screen_text(app)
        assert "II 32,768 → 32,400" in text and "next MVAU 0 " in text
        await pilot.press("u")
        assert tune.editor.estimate.ii_cycles == 32_768 and not tune.editor.unsaved


async def test_a_locked_bottleneck_is_said_and_not_moved(make_app: MakeApp) -> None:
    async with tuning(make_app) as (pilot, app, tune):
        tune.locked.add("MVAU_hls_7")
        app.state.publish(Topic.MODEL)
        assert isinstance(tune.advice(), Blocked)
        await pilot.press("n")
        assert not tune.editor.unsaved
        assert "MVAU_hls_7 holds the II: it is locked" in screen_text(app)


async def test_layers_give_back_what_they_do_not_need(make_app: MakeApp) -> None:
    async with tuning(make_app) as (pilot, app, tune):
        before = tune.editor.estimate
        await pilot.press("N")
        dialog = await worked_out(pilot, app)
        assert dialog.state.advice is not None
        first = dialog.state.advice.reductions[0]
        await pilot.press("enter")
        dialog = await worked_out(pilot, app)
        assert tune.editor.folding == first.folding
        await pilot.press("A")
        dialog = await worked_out(pilot, app)
        assert "no layer can be reduced" in screen_text(app)
        after = tune.editor.estimate
        assert after.ii_cycles <= before.ii_cycles
        assert after.total["BRAM_18K"] < before.total["BRAM_18K"]
        await pilot.press("u", "u", "escape")
        await until(pilot, lambda: not isinstance(app.screen, AdviceDialog))
        assert tune.editor.estimate.total == before.total


async def test_a_rate_is_reached_in_moves_without_the_solver(make_app: MakeApp) -> None:
    async with tuning(make_app) as (pilot, app, tune):
        tune.editor.load(foldings.ones(tune.editor.design, tune.editor.tables), "ones")
        await pilot.press("N", *"3000")
        dialog = await worked_out(pilot, app)
        path = dialog.state.advice.path if dialog.state.advice is not None else None
        assert path is not None and path.move is not None and not path.blocked and not path.over
        assert f"{path.moves} moves: II {path.move.ii_cycles:,}" in screen_text(app)
        await pilot.press("N")
        await worked_out(pilot, app)
        assert "reached: no layer is slower" in screen_text(app)
        assert tune.editor.estimate.fps >= 3000
        await pilot.press("u")
        assert tune.editor.folding == tune.editor.baseline


async def test_what_stops_a_rate_is_said(make_app: MakeApp) -> None:
    async with tuning(make_app) as (pilot, app, tune):
        await pilot.press("N", *"9000")
        await worked_out(pilot, app)
        text = screen_text(app)
        assert "above its fill limit of 37,240" in text and "fits down to II" in text
        await pilot.press(*"00")
        await worked_out(pilot, app)
        assert "holds the II: it is as fast as it can be" in screen_text(app)
        await pilot.press(*["backspace"] * 6, "0")
        assert "not a possible frame rate" in screen_text(app)
        await pilot.press("N", "escape")
        assert not tune.editor.unsaved


@pytest.mark.parametrize("size", SIZES)
async def test_it_looks_as_it_was_looked_at(make_app: MakeApp, size: str) -> None:
    async with tuning(make_app, SIZES[size]) as (pilot, app, _):
        await pilot.press("N", *"9000")
        await worked_out(pilot, app)
        await compare(pilot, f"next-{size}", ".box")


async def test_the_rate_is_edited_while_letters_stay_keys(make_app: MakeApp) -> None:
    async with tuning(make_app) as (pilot, app, tune):
        await pilot.press("N", *"900", "home", "delete", "8", "end", "0")
        dialog = await worked_out(pilot, app)
        assert dialog.state.target == "8000"
        listing = app.screen.query_one(Listing)
        first = listing.key
        await pilot.press("down", "n")
        assert listing.key != first
        assert tune.editor.unsaved and dialog.state.target == "8000"
