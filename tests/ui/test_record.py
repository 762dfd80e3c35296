"""ctrl+r on Board: what is started from then on is recorded, and a recording is chosen with t."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.board.recording.pace import Pace
from finn_tui.board.recording.recorder import recording
from finn_tui.lab.boards.recordings import folder, recorded_sessions
from finn_tui.ui.controllers.board_work import Credentials
from tests.board.test_recording import named_link
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until


async def test_a_session_is_recorded_and_chosen(make_app: MakeApp, lab: RecordedLab) -> None:
    make_run(lab.workspace, measured=True)
    begun: list[tuple[str, Path | None]] = []
    paces: dict[str, Pace] = {}
    end = asyncio.Event()

    async def job(
        lab: Any, name: str, run: Path, machine: str, given: Credentials, tell: Any
    ) -> tuple[FinnTuiError, ...]:
        begun.append((machine, given.record))
        if name == "throughput":
            assert given.pace is not None
            paces[name] = given.pace
            await end.wait()
        if given.record is not None:
            with recording(given.record) as recorder:
                recorder.link(named_link("simulated"))
        return ()

    async with make_app("tfc-w1a1", job).run_test(size=(80, 24)) as pilot:
        app = await opened(pilot)
        await pilot.press("4")
        await until(pilot, lambda: "frames" in screen_text(app).lower())
        await pilot.press("I")
        await until(pilot, lambda: len(begun) == 1 and not app.state.board.busy)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "● recording" in screen_text(app))
        await pilot.press("I")
        await until(pilot, lambda: len(begun) == 2 and not app.state.board.busy)
        (session,) = recorded_sessions(lab.workspace.root)
        assert begun == [("simulated", None), ("simulated", session.path)]
        assert session.path.parent == folder(lab.workspace.root) and session.simulated

        await pilot.press("t")
        await until(pilot, lambda: "REPLAY" in screen_text(app))
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: app.state.board.machine == f"replay:{session.path}")
        await until(pilot, lambda: "REPLAY SIMULATED" in screen_text(app))
        assert lab.workspace.settings.to == "simulated", "the workspace's board stays"
        await pilot.press("I")
        await until(pilot, lambda: len(begun) == 3 and not app.state.board.busy)
        assert begun[2] == (f"replay:{session.path}", None), "a replay is not recorded again"

        # The speed is chosen before the replay, and changed while it goes on.
        await pilot.press("right_parenthesis", "right_parenthesis")
        await until(pilot, lambda: "REPLAY 5x SIMULATED" in screen_text(app))
        await pilot.press("T")
        await until(pilot, lambda: "throughput" in paces)
        assert paces["throughput"].speed == 5
        await pilot.press("left_parenthesis")
        await until(pilot, lambda: paces["throughput"].speed == 2)
        end.set()
        await until(pilot, lambda: not app.state.board.busy)


async def test_that_it_records_is_shown_before_a_run_is_built(make_app: MakeApp) -> None:
    app = make_app(None)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "From the network to the board" in screen_text(app))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "● recording" in screen_text(app))
