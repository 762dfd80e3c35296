"""Filters and searches are typed into Textual's Input, over lists, the layer table and logs."""

from __future__ import annotations

from textual.events import Key, Paste
from textual.widgets import Input

from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.toolkit.listing import Listing
from finn_tui.ui.tune.layer_table import LayerTable
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, tune_of, until

SIZE = (120, 40)


def shown_layers(app: FinnTuiApp) -> int:
    return len(tune_of(app).layers)


async def test_a_filter_is_edited_and_pasted_while_the_cursor_moves(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("slash", *"swx", "left", "delete", "g")
        assert isinstance(app.focused, Input)
        await until(pilot, lambda: shown_layers(app) == 8)
        tune = tune_of(app)
        assert tune.window.cursor == 0
        await pilot.press("down", "down")
        assert tune.window.cursor == 2
        await pilot.press("ctrl+u")
        app.post_message(Paste("mvau\nsecond line"))
        await until(pilot, lambda: shown_layers(app) == 9)
        await pilot.press("enter")
        assert isinstance(app.focused, LayerTable)
        await until(pilot, lambda: "/mvau  9 of 21" in screen_text(app))
        # It is edited where it was left; escape takes it away.
        await pilot.press("slash", "space", *"8")
        await until(pilot, lambda: shown_layers(app) == 1)
        await pilot.press("escape")
        await until(pilot, lambda: shown_layers(app) == 21)
        assert isinstance(app.focused, LayerTable)


async def test_keys_that_come_at_once_are_the_filter_up_to_enter(make_app: MakeApp) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        keys = ["slash", *"mvaux", "backspace", "enter"]
        for key in keys:
            character = "/" if key == "slash" else key if len(key) == 1 else None
            app.post_message(Key(key, character))
        await until(pilot, lambda: "/mvau  9 of 21" in screen_text(app))
        assert isinstance(app.focused, LayerTable)
        await pilot.press("plus")
        assert app.state.tune is not None and app.state.tune.editor.unsaved


async def test_a_list_keeps_its_filter_when_keys_go_elsewhere(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    make_run(lab.workspace)
    async with make_app("tfc-w1a1").run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("1", "slash", *"step_t")
        listing = app.screen.query_one("#stages", Listing)
        assert "/step_t" in screen_text(app) and len(listing.rows) < len(listing.content.rows)
        await pilot.press("tab")
        assert not listing.filter.typing
        assert listing.filter.text == "step_t" and not listing.has_keys
        assert f"/step_t  {len(listing.rows)} of" in screen_text(app)
