"""Keys that come faster than the screens which they open."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from textual import events
from textual.app import App

from finn_tui.ui import type_ahead
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, tune_of, until


@pytest.fixture(autouse=True)
def _no_key_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the machine stands still."""
    monkeypatch.setattr(type_ahead, "_LONGEST_SECONDS", 600.0)


def type_at_once(app: App[int], keys: Iterable[str]) -> None:
    """Send keys as a terminal does that has kept them: all before the first is handled."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


async def test_keys_go_to_the_dialog_that_the_key_before_them_opens(make_app: MakeApp) -> None:
    async with make_app(None).run_test(size=(80, 24)) as pilot:
        type_at_once(pilot.app, ["o", *"cnvw1a1", "left", "left", "left", "left", "-", "enter"])
        app = await opened(pilot)
        assert tune_of(app).opened.model.name == "cnv-w1a1"


async def test_keys_go_to_the_screen_that_the_key_before_them_shows(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    ids = [make_run(lab.workspace, f"20260102T03040{n}Z-tfc-w1a1-000{n}").id for n in range(4)]
    async with make_app("tfc-w1a1").run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        row = tune_of(app).layer
        type_at_once(app, ["3", "down", "down", "quotation_mark", *"slow", "enter", "2"])
        await until(pilot, lambda: "slow" in app.state.runs[2].notes.note)
        await until(pilot, lambda: app.current_mode == "tune")
        assert (app.state.chosen_run_id, tune_of(app).layer) == (ids[1], row)


async def test_a_key_that_never_comes_back_does_not_hold_the_others(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type_ahead, "_LONGEST_SECONDS", 0.05)
    monkeypatch.setattr(type_ahead.TypeAhead, "_follow", lambda *_: None)
    async with make_app(None).run_test(size=(80, 24)) as pilot:
        type_at_once(pilot.app, ["3", "5", "2", "5"])
        await until(pilot, lambda: pilot.app.current_mode == "results")
