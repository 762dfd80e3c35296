"""The Board screen before a run is built: what is done, what comes next, what the board is like."""

from __future__ import annotations

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.board.doctor import BoardCheck, CheckStatus, DoctorReport
from finn_tui.ui.actions.table import BY_ID
from finn_tui.ui.board.road import StepStatus, road, road_lines
from finn_tui.ui.controllers.doctor import DoctorReported
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until, until_mode

FIX = "Log in as root or use PYNQ's image."
REPORT = DoctorReport(
    "lab",
    simulated=False,
    run=None,
    checks=(
        BoardCheck("image", "PYNQ image", CheckStatus.OK, "3.0.1"),
        BoardCheck("xrt", "XRT", CheckStatus.FAIL, "not found", FIX),
    ),
)


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (160, 50)])
async def test_what_is_done_and_what_comes_next(
    make_app: MakeApp, lab: RecordedLab, size: tuple[int, int]
) -> None:
    app = make_app("tfc-w1a1")
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("4")
        await until_mode(pilot, "board")
        await until(pilot, lambda: "→ build      nothing is built yet" in screen_text(app))
        text = screen_text(app)
        assert "✓ network    tfc-w1a1: 7 hardware layers for Pynq-Z2" in text
        assert "II 64 cycles, 1,562,500 fps" in text and "b  builds the folding" in text
        for job in ("deploy", "execute", "throughput", "validate"):
            assert f"· {job}" in text
        steps = road(app.state)
        assert [step.status for step in steps].count(StepStatus.NEXT) == 1
        assert {way[1] for step in steps for way in step.ways if way[1]} <= set(BY_ID)
        # Never half empty: the steps fill the pane, or end where the log begins.
        rows = text.splitlines()
        last = max(at for at, row in enumerate(rows) if "· validate" in row)
        log = next(at for at, row in enumerate(rows) if "board log" in row)
        assert log - last <= 4
        # A build that has failed is the next step, with its cause.
        error = FinnTuiError("placement failed", "613 of 280 BRAM", "x")
        make_run(lab.workspace, state="failed", error=error)
        await until(pilot, lambda: "✗ build      failed: placement" in screen_text(app))
        # One that was cancelled is none that failed.
        make_run(lab.workspace, state="cancelled")
        await until(pilot, lambda: "■ build      cancelled" in screen_text(app))


async def test_what_the_doctor_said_stays(make_app: MakeApp) -> None:
    app = make_app(None)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: app.state.runs_read)
        app.state.board.machine = "lab"
        await pilot.press("4")
        await until(pilot, lambda: "→ network    no model is open" in screen_text(app))
        await until(pilot, lambda: "lab: not examined yet" in screen_text(app))
        app.doctor.reported(DoctorReported("lab", REPORT))
        await until(pilot, lambda: "✗ board      lab: 1 of 2 checks pass" in screen_text(app))
        assert "✗ XRT              not found" in screen_text(app) and FIX in screen_text(app)
        for width in (20, 80, 110):
            for height in (1, 5, 12, 30):
                lines = road_lines(app.state, width, height)
                assert lines and all(line.width <= width for line in lines), (width, height)
