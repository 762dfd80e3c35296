"""Panes on all screens: frames and titles, the next pane, zoom, sizes, small windows."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widget import Widget

from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.toolkit.listing import Column, column_widths
from finn_tui.ui.toolkit.pane_sizes import keep_sizes, read_sizes, sizes_path
from finn_tui.ui.toolkit.panes import MIN_HEIGHT, MIN_WIDTH, PaneScreen
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until, until_mode

MODES = {"1": "flow", "2": "tune", "3": "runs", "4": "board", "5": "results", "6": "learn"}
SMALL = [(80, 24), (100, 14), (72, 20), (MIN_WIDTH, MIN_HEIGHT)]


async def go_to(pilot: Pilot[Any], key: str) -> PaneScreen:
    """Go to a mode and wait until it is drawn."""
    await pilot.press(key)
    await until_mode(pilot, MODES[key])
    await pilot.pause()
    screen = pilot.app.screen
    assert isinstance(screen, PaneScreen)
    return screen


def panes(screen: PaneScreen) -> list[Widget]:
    """The panes that keys can go to."""
    return [pane for pane in screen.query(".pane") if pane.can_focus and pane.is_on_screen]


def title(pane: Widget) -> str:
    """The title in a pane's frame."""
    return pane._border_title.plain.strip() if pane._border_title is not None else ""


@pytest.mark.parametrize("key", MODES)
async def test_every_pane_has_a_title_and_tab_goes_round(
    make_app: MakeApp, lab: RecordedLab, key: str
) -> None:
    make_run(lab.workspace, measured=True)
    async with make_app("tfc-w1a1").run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        screen = await go_to(pilot, key)
        for pane in screen.query(".pane"):
            if not pane.display:
                continue
            assert title(pane), f"{pane.id} has no title"
            assert title(pane) in screen_text(app)
        all_panes = panes(screen)
        reached = []
        for _ in all_panes:
            assert screen.focused is not None
            reached.append(screen.focused)
            # The one with the keys is told apart by its line, and not by colour alone.
            assert screen.focused.styles.border_top[0] == "heavy"
            others = [pane for pane in screen.query(".pane") if pane is not screen.focused]
            assert all(pane.styles.border_top[0] != "heavy" for pane in others)
            await pilot.press("tab")
            await pilot.pause()
        assert set(reached) == set(all_panes)
        assert screen.focused is reached[0]
        await pilot.press("shift+tab")
        await pilot.pause()
        assert screen.focused is reached[-1]


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
@pytest.mark.parametrize("key", MODES)
async def test_z_gives_a_pane_all_the_room_and_takes_it_back(
    make_app: MakeApp, lab: RecordedLab, key: str, size: tuple[int, int]
) -> None:
    make_run(lab.workspace, measured=True)
    async with make_app("tfc-w1a1").run_test(size=size) as pilot:
        await opened(pilot)
        screen = await go_to(pilot, key)
        before = {pane: pane.outer_size for pane in panes(screen)}
        for _ in before:
            pane = screen.focused
            assert pane is not None
            await pilot.press("z")
            await pilot.pause()
            # All but the line with the modes and the line of keys.
            whole = (size[0], size[1] - 2)
            await until(pilot, lambda: pane.outer_size == whole)  # noqa: B023
            await pilot.press("z", "tab")
            await pilot.pause()
        await until(pilot, lambda: {one: one.outer_size for one in panes(screen)} == before)


async def test_a_zoomed_pane_hands_its_room_on(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        screen = await go_to(pilot, "2")
        await pilot.press("z", "tab")
        await pilot.pause()
        assert screen.focused is screen.query_one("#detail")
        assert screen.query_one("#detail").outer_size.height == 22
        # With that room the detail says all that it has to say.
        assert "FIFO of" in screen_text(app)


async def test_sizes_are_remembered(make_app: MakeApp, lab: RecordedLab) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        screen = await go_to(pilot, "2")
        usual = screen.query_one("#detail").outer_size.height
        await pilot.press("tab", "greater_than_sign", "greater_than_sign", "less_than_sign")
        await pilot.pause()
        assert screen.query_one("#detail").outer_size.height == usual + 2
        screen = await go_to(pilot, "1")
        width = screen.query_one("#left").outer_size.width
        await pilot.press("less_than_sign")
        await pilot.pause()
        assert screen.query_one("#left").outer_size.width == width - 4
    async with make_app().run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        screen = await go_to(pilot, "2")
        assert screen.query_one("#detail").outer_size.height == usual + 2
        # A pane never takes all the room of another, however often the key is pressed.
        await pilot.press("tab", *["greater_than_sign"] * 40)
        await pilot.pause()
        assert screen.query_one("#layers").outer_size.height >= 3
        await pilot.press(*["less_than_sign"] * 40)
        await pilot.pause()
        assert screen.query_one("#detail").outer_size.height >= 3


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"tune": 3}', '{"tune": {"detail": "x", "layers": 1e999}}', "\xff"]
)
def test_a_broken_file_of_sizes_harms_nothing(home: object, content: str) -> None:
    sizes_path().parent.mkdir(parents=True, exist_ok=True)
    sizes_path().write_text(content, encoding="latin-1")
    assert read_sizes("tune") == {}
    keep_sizes("tune", {"detail": 4, "layers": 0})
    assert read_sizes("tune") == {"detail": 4}
    assert read_sizes("runs") == {}


async def test_a_filter_is_seen_in_the_frame(make_app: MakeApp, lab: RecordedLab) -> None:
    make_run(lab.workspace, measured=True)
    async with make_app("tfc-w1a1").run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        screen = await go_to(pilot, "3")
        # The first column of the steps is one cell wide.
        await pilot.press("tab", "slash", *"make", "enter")
        await until(pilot, lambda: "Steps  /make  1 of 4" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "/make" not in screen_text(app))
        await pilot.press("2", "slash", *"mvau", "enter")
        await until(pilot, lambda: "Layers  /mvau  4 of " in screen_text(app))
        assert title(screen.query_one("#steps")) == "Steps"


def test_columns_are_dropped_by_their_worth_and_numbers_stay_whole() -> None:
    columns = [
        Column("name"),
        Column("state", 12, rank=3),
        Column("fps", 5, True, rank=1),
        Column("LUT", 5, True, rank=2),
    ]
    longest = [0, 0, 9, 6]
    assert column_widths(columns, longest, 60) == [29, 12, 9, 6]
    assert column_widths(columns, longest, 38) == [20, 0, 9, 6]
    assert column_widths(columns, longest, 25) == [14, 0, 9, 0]
    assert column_widths(columns, longest, 14) == [13, 0, 0, 0]
    # What has no rank stays, and words give way before numbers do.
    named = [Column("run", 31), Column("fps", 5, True)]
    assert column_widths(named, [0, 9], 30) == [19, 9]


@pytest.mark.parametrize("size", SMALL)
async def test_small_windows_show_the_numbers_that_matter_whole(
    make_app: MakeApp, lab: RecordedLab, size: tuple[int, int]
) -> None:
    make_run(lab.workspace, measured=True)
    wanted = {
        "2": ("II 64", "1,562,500 fps", "MVAU 0", "9", "tab" if size[0] > 200 else "? help"),
        "3": ("succeeded", "SIMULATED", "published", "runner.log", "hw_codegen"),
        "4": ("1,550,861 images/s", "93.25 %", "class 8, expected 8", "SIMULATED", "board log"),
        "5": ("1,550,861", "93.25%", "published", "SIMULATED"),
        "1": ("Stages", "Graph", "Changes", "Attributes"),
    }
    async with make_app("tfc-w1a1").run_test(size=size) as pilot:
        app = await opened(pilot)
        for key, texts in wanted.items():
            await go_to(pilot, key)
            await until(pilot, lambda texts=texts: all(t in screen_text(app) for t in texts))  # type: ignore[misc]
            assert len(screen_text(app).splitlines()) <= size[1]


@pytest.mark.parametrize("width", [80, 72, MIN_WIDTH])
async def test_that_a_folding_is_unsaved_is_said_at_any_width(
    make_app: MakeApp, width: int
) -> None:
    async with make_app().run_test(size=(width, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press("plus")
        await until(pilot, lambda: "unsaved" in screen_text(app).splitlines()[1])


@pytest.mark.parametrize("size", [(MIN_WIDTH - 1, 40), (120, MIN_HEIGHT - 1)])
async def test_a_window_that_is_too_small_says_so(
    make_app: MakeApp, lab: RecordedLab, size: tuple[int, int]
) -> None:
    make_run(lab.workspace)
    async with make_app("tfc-w1a1").run_test(size=size) as pilot:
        app = pilot.app
        assert isinstance(app, FinnTuiApp)
        for key in (*MODES, "l"):
            await pilot.press("3" if key == "l" else key, *([key] if key == "l" else []))
            await pilot.pause()
            text = " ".join(screen_text(app).split())
            assert text.startswith(f"This window has {size[0]}x{size[1]}; finn-tui needs 60x12")
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "This window" not in screen_text(app)
        assert "runner.log" in screen_text(app)


@pytest.mark.parametrize("size", [(80, 24), (160, 50), (100, 14), (72, 20)])
async def test_toasts_cover_neither_figures_nor_notices_nor_keys(
    make_app: MakeApp, size: tuple[int, int]
) -> None:
    async with make_app().run_test(size=size, notifications=True) as pilot:
        app = await opened(pilot)
        await pilot.press("plus")
        await pilot.pause()
        before = screen_text(app).splitlines()
        for number in range(4):
            app.notify(f"toast {number} " + "long words " * 12, title="a title", markup=False)
        await until(pilot, lambda: "toast 0" in screen_text(app))
        after = screen_text(app).splitlines()
        detail = app.screen.query_one("#detail").region.y
        assert after[:3] == before[:3]
        assert after[detail:] == before[detail:]
        assert after[3:detail] != before[3:detail]
