"""The Runs screen: what is asked before a build, and what is done with runs that have ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch import launch
from finn_tui.runs.notes import read_notes
from finn_tui.ui.dialogs.ask_text import AskTextDialog
from finn_tui.ui.toolkit.listing import Listing
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until

WIDE = (120, 40)


async def test_what_speaks_against_a_build_is_said_before_it_begins(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(place: Path, rehearse: bool) -> None:
        raise FinnTuiError("there is too little room", "1 GB is free.", "Make room.")

    monkeypatch.setattr(launch, "check_disk", full)
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("b", "enter")
        await until(pilot, lambda: "This build would fail" in screen_text(app))
        assert "✗ there is too little room" in screen_text(app)
        assert not lab.builds and not app.state.launching
        await pilot.press("escape")
        await pilot.press("b", "enter")
        await until(pilot, lambda: "This build would fail" in screen_text(app))
        await pilot.press("b")
        await until(pilot, lambda: app.current_mode == "runs" and bool(app.state.runs))
        assert len(lab.builds) == 1


async def test_a_run_that_ended_is_resumed_at_the_step_that_is_chosen(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []

    async def resume(run: RunFolder, step: str | None = None, on_progress: Any = None) -> RunFolder:
        calls.append((run.id, step))
        return run

    monkeypatch.setattr(lab, "resume", resume)
    run = make_run(lab.workspace, state="failed")
    run.working.mkdir()
    models = run.build / "intermediate_models"
    models.mkdir(parents=True)
    (models / "step_target_fps_parallelization.onnx").write_text("graph")
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("3", "r")
        await until(pilot, lambda: f"Resume {run.id} at" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: bool(calls))
        assert calls == [(run.id, "step_hw_codegen")]
        await until(pilot, lambda: not app.state.launching)


async def test_a_run_that_left_nothing_says_so(make_app: MakeApp, lab: RecordedLab) -> None:
    make_run(lab.workspace, state="failed")
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("3", "r")
        await until(pilot, lambda: "left nothing to go on from" in screen_text(app))


async def test_a_note_is_kept_beside_the_run_and_shown(make_app: MakeApp, lab: RecordedLab) -> None:
    run = make_run(lab.workspace)
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("3", "quotation_mark")
        await until(pilot, lambda: f"Note on {run.id}" in screen_text(app))
        await pilot.press(*"wide", "space", *"one", "enter")
        await until(pilot, lambda: read_notes(run).note == "wide one")
        await until(pilot, lambda: "wide one" in screen_text(app))
        await pilot.press("number_sign", *"lab-2", "enter")
        await until(pilot, lambda: "#lab-2 wide one" in screen_text(app))
        # The note is there to be changed, and taken away.
        await pilot.press("quotation_mark")
        await until(pilot, lambda: isinstance(app.screen, AskTextDialog))
        await pilot.press("end", "s", "enter")
        await until(pilot, lambda: read_notes(run).note == "wide ones")
        await until(pilot, lambda: "wide ones" in screen_text(app))
        await pilot.press("quotation_mark", "backspace", "enter")
        await until(pilot, lambda: read_notes(run).note == "")


async def test_cleaning_asks_with_what_it_frees(make_app: MakeApp, lab: RecordedLab) -> None:
    run = make_run(lab.workspace)
    run.working.mkdir()
    (run.working / "big").write_bytes(b"x" * 3_000_000)
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("3", "X")
        await until(pilot, lambda: "y free 3 MB" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: not run.working.exists())


async def test_a_queued_run_shows_its_place(make_app: MakeApp, lab: RecordedLab) -> None:
    run = make_run(lab.workspace, state="queued")
    text = (run.path / "state.json").read_text().replace('"state"', '"position": 2, "state"')
    (run.path / "state.json").write_text(text)
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("3")
        await until(pilot, lambda: "position 2 in the queue" in screen_text(app))
        await pilot.press("r")
        assert app.screen is app.screen_stack[0], "what waits is not resumed"


async def test_a_run_that_was_resumed_is_followed_anew(make_app: MakeApp, lab: RecordedLab) -> None:
    run = make_run(lab.workspace, state="failed", log="first attempt\n")
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("3")
        await until(pilot, lambda: "first attempt" in screen_text(app))
        make_run(lab.workspace, run.id, "running", log="first attempt\nsecond attempt\n")
        await until(pilot, lambda: "second attempt" in screen_text(app))
        await until(pilot, lambda: "▸ running" in screen_text(app))


async def test_the_end_of_the_run_that_is_followed_reaches_the_terminal(
    make_app: MakeApp, lab: RecordedLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(lab.workspace, state="running")
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        written: list[str] = []
        assert app._driver is not None
        monkeypatch.setattr(app._driver, "write", written.append)
        await pilot.press("3")
        await until(pilot, lambda: "▸ running" in screen_text(app))
        make_run(lab.workspace, run.id, "succeeded")
        await until(pilot, lambda: any("]9;finn-tui: " + run.id in text for text in written))


async def test_the_cursor_is_on_the_run_that_is_shown_when_a_newer_one_comes(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    """What keys act on, such as cancel, is the row that is marked."""
    make_run(lab.workspace)
    async with make_app("tfc-w1a1").run_test(size=WIDE) as pilot:
        app = await opened(pilot)
        await pilot.press("3")
        listing = app.screen.query_one("#runs", Listing)
        await until(pilot, lambda: listing.key is not None)
        newer = make_run(lab.workspace, "20260102T040506Z-tfc-w1a1-00fe")
        await until(pilot, lambda: len(app.state.runs) == 2)
        await until(pilot, lambda: listing.key == newer.id)
        assert (shown := app.state.chosen_run()) is not None and shown.id == newer.id
        # A run that the user has gone to stays.
        await pilot.press("down")
        chosen = listing.key
        make_run(lab.workspace, "20260102T050607Z-tfc-w1a1-00fd")
        await until(pilot, lambda: len(app.state.runs) == 3)
        await pilot.pause()
        assert listing.key == chosen != newer.id
