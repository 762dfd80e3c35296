"""Marks, locks and sorting, by keys and mouse, on recorded CNV-w1a1."""

from __future__ import annotations

from finn_tui.ui.dialogs.choose import ChooseDialog
from finn_tui.ui.tune.sorting import natural_key
from finn_tui.ui.tune.state import TuneState
from tests.ui.conftest import MakeApp, RecordedLab, opened, screen_text, tune_of, until
from tests.ui.test_snapshots import compare
from tests.ui.tune.test_screen import SIZE, pane_at, values


async def test_marked_layers_are_changed_together_and_undone_at_once(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        # The cursor is on MVAU_hls_6, and goes on to the next layer with each mark.
        await pilot.press("space", "space", "plus")
        assert values(app, "MVAU_hls_6")["PE"] == 2
        assert values(app, "MVAU_hls_7")["PE"] == 2
        assert values(app, "MVAU_hls_8")["PE"] == 5
        text = screen_text(app)
        assert "PE larger on 2 layers" in text and "2 marked" in text
        await pilot.press("u")
        assert not tune_of(app).editor.unsaved
        await pilot.press("escape", "g", "G", "up", "plus")
        assert values(app, "MVAU_hls_6")["PE"] == 1
        assert values(app, "MVAU_hls_8")["PE"] == 10


async def test_what_is_left_out_is_said_with_the_reason(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("A", "plus")
        assert "9 skipped: 8 x has no PE; Thresholding_rtl_0 PE 3 is the" in screen_text(app)
        assert len(tune_of(app).marked) == 21
        await pilot.press("A")
        assert not tune_of(app).marked


async def test_a_value_is_chosen_for_all_that_are_marked(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("slash", *"mvau", "enter", "A", "enter")
        await until(
            pilot, lambda: isinstance(app.screen, ChooseDialog) and "2/9" in screen_text(app)
        )
        assert "PE of 9 marked layers" in screen_text(app)
        await pilot.press("4", "enter")
        await until(pilot, lambda: not isinstance(app.screen, ChooseDialog))
        assert [values(app, f"MVAU_hls_{n}")["PE"] for n in range(9)] == [4] * 8 + [5]
        assert "MVAU_hls_8 PE = 4 is not legal" in screen_text(app)


async def test_locks_are_shown_and_kept_apart_from_marks(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("L")
        assert tune_of(app).locked == {"MVAU_hls_6"}
        assert "256x512 L" in screen_text(app)
        assert "locked for the solver: MVAU_hls_6" in screen_text(app)
        # One of two is locked already: both are then, and free the next time.
        await pilot.press("space", "space", "L")
        assert tune_of(app).locked == {"MVAU_hls_6", "MVAU_hls_7"}
        await pilot.press("L")
        assert tune_of(app).locked == set()
        assert "unlocked for the solver: 2 layers" in screen_text(app)


async def test_sorting_goes_round_and_rows_follow_the_folding(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("S")
        assert "cycles▾" in screen_text(app)
        tune = tune_of(app)
        assert [layer.name for layer in tune.layers[:2]] == ["MVAU_hls_6", "MVAU_hls_7"]
        await pilot.press("plus")
        # MVAU_hls_6 is faster now, stands further down, and keeps the cursor.
        assert tune.layers[0].name == "MVAU_hls_7"
        assert tune.layer is not None and tune.layer.name == "MVAU_hls_6"
        cycles = [tune.cost(layer).cycles for layer in tune.layers]
        assert cycles == sorted(cycles, reverse=True)
        seen = []
        for _ in range(4):
            await pilot.press("S")
            seen.append(tune.sort)
        assert seen == ["LUT", "BRAM_18K", "name", ""]
        assert tune.in_graph_order


async def test_a_heading_is_clicked_to_sort_and_again_to_stop(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        x, y = pane_at(app, "LUT  B18")
        await pilot.click(offset=(x, y))
        assert tune_of(app).sort == "LUT" and "LUT▾" in screen_text(app)
        await pilot.click(offset=(x, y))
        assert tune_of(app).sort == ""


async def test_a_click_beside_a_layer_marks_it(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        _, y = pane_at(app, "MVAU 2 ")
        table = app.screen.query_one("#layers").content_region
        await pilot.click(offset=(table.x + 1, y))
        assert tune_of(app).marked == {"MVAU_hls_2"}
        assert "•MVAU 2" in screen_text(app)


async def test_marked_and_locked_rows(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("S", "L", "space", "space", "plus")
        await compare(pilot, "tune-marked-80x24", "#layers")


async def test_a_filter_that_leaves_nothing_breaks_nothing(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("slash", *"zzz", "enter", "space", "L", "S", "plus", "enter", "A")
        assert tune_of(app).layer is None
        assert not tune_of(app).marked and not tune_of(app).locked
        await pilot.press("escape")
        assert len(tune_of(app).layers) == 21
    tune = TuneState(await lab.open("cnv-w1a1"), "published")
    assert tune.targets == ["MVAU_hls_6"]


def test_names_sort_by_their_numbers() -> None:
    names = ["MVAU_hls_10", "MVAU_hls_9", "AddStreams_hls_0"]
    assert sorted(names, key=natural_key) == ["AddStreams_hls_0", "MVAU_hls_9", "MVAU_hls_10"]
