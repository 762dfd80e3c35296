"""The folding against another one: old and new values, differences, only what differs."""

from __future__ import annotations

import pytest

from finn_tui.ui.dialogs.choose import ChooseDialog
from finn_tui.ui.tune import columns as tune_columns
from finn_tui.ui.tune import infrastructure_rows
from finn_tui.ui.tune import view as tune_view
from finn_tui.ui.tune.comparison import changes_text
from finn_tui.ui.tune.state import TuneState
from tests.ui.conftest import MakeApp, RecordedLab, opened, screen_text, tune_of, until
from tests.ui.test_snapshots import SIZES, compare
from tests.ui.tune.test_screen import SIZE


@pytest.mark.parametrize("size", SIZES)
async def test_compared(make_app: MakeApp, size: str) -> None:
    async with make_app().run_test(size=SIZES[size]) as pilot:
        await opened(pilot)
        await pilot.press("plus", "right", "plus", "down", "minus", "c")
        await compare(pilot, f"compare-{size}", "#layers")


async def test_c_goes_from_all_to_changes_to_none(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        tune = tune_of(app)
        await pilot.press("plus", "c")
        assert "1→‹2›" in screen_text(app) and "vs published" in screen_text(app)
        assert "1 layer differs from published" in screen_text(app)
        assert len(tune.layers) == 21
        await pilot.press("c")
        assert [layer.name for layer in tune.layers] == ["MVAU_hls_6"]
        assert "PE 1 → 2; cycles 32,768 → 16,384, +34 LUT" in screen_text(app)
        await pilot.press("minus")
        # It is as it was: nothing differs, and the table says so.
        assert tune.layers == ()
        assert "no layer differs from published" in screen_text(app)
        await pilot.press("c")
        assert len(tune.layers) == 21 and "±LUT" not in screen_text(app)


async def test_another_folding_is_chosen_to_compare_with(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("C")
        await until(
            pilot, lambda: isinstance(app.screen, ChooseDialog) and "preset" in screen_text(app)
        )
        assert "Compare with" in screen_text(app)
        await pilot.press(*"ones", "enter")
        await until(pilot, lambda: "vs ones" in screen_text(app))
        tune = tune_of(app)
        assert not tune.editor.unsaved
        comparison = tune.comparison
        assert comparison is not None and len(comparison.changed) == 21
        # The chosen one stays when the key is pressed again.
        await pilot.press("c")
        assert "changes vs ones" in screen_text(app)


async def test_undo_shows_what_it_undid_though_it_does_not_differ(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("plus", "c", "c", "u")
        tune = tune_of(app)
        assert tune.layer is not None and tune.layer.name == "MVAU_hls_6"
        assert tune.comparing.mode == "all"


async def test_differences_are_those_of_core_and_fit_every_width(lab: RecordedLab) -> None:
    tune = TuneState(await lab.open("cnv-w1a1"), "published")
    tune.set(8)
    tune.compare()
    comparison = tune.comparison
    assert comparison is not None
    difference = tune.difference("MVAU_hls_6")
    assert difference is comparison.by_name["MVAU_hls_6"]
    assert changes_text(difference) == "PE 1 → 8; cycles 32,768 → 4,096, +238 LUT"
    for width in range(80, 200):
        plan = tune_columns.columns(tune, width - 1)
        panes = [plan.left, plan.middle, plan.right]
        assert sum(panes) <= width - 1
        assert [part.width for part in tune_view.heading_row(tune, plan)] == panes
        for index in range(len(tune.layers)):
            assert [part.width for part in tune_view.layer_row(tune, index, plan, True)] == panes
        for tall in (True, False):
            for row in infrastructure_rows.breakdown_rows(tune, plan, tall=tall):
                assert [part.width for part in row] == panes


async def test_the_clock_and_the_baseline_are_followed(lab: RecordedLab) -> None:
    tune = TuneState(await lab.open("cnv-w1a1"), "published")
    tune.compare()
    first = tune.comparison
    assert first is not None and first.same and tune.comparison is first
    tune.editor.set_clock(5.0)
    second = tune.comparison
    assert second is not None and second.a.estimate.clock_ns == 5.0
    tune.set(2)
    tune.editor.load(tune.editor.folding, "mine")
    third = tune.comparison
    assert third is not None and third.same and tune.comparing_with == "mine"
