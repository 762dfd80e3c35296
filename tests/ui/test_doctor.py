"""The board doctor in the app."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.board import doctor
from finn_tui.board.catalogue import Board
from finn_tui.board.doctor import BoardCheck, CheckStatus, DoctorReport
from finn_tui.hosts.transport import LoginRefused
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until, until_mode

LAB = Board("lab", "192.168.2.99")
CHECKS = (
    BoardCheck("connection", "Connection", CheckStatus.OK, "xilinx@192.168.2.99"),
    BoardCheck("pynq", "pynq", CheckStatus.FAIL, "cannot be imported", "Use a PYNQ image."),
    BoardCheck("cma", "DMA memory (CMA)", CheckStatus.WARN, "1 MB free", "Restart notebooks."),
    BoardCheck("overlay", "Loaded design", CheckStatus.UNKNOWN, "not \x1b[31mknown"),
    *(BoardCheck(f"n{n}", f"Check {n}", CheckStatus.OK, "value " * 40) for n in range(13)),
)
Ends = list[FinnTuiError | tuple[BoardCheck, ...]]


@pytest.fixture
def ends(lab: RecordedLab, monkeypatch: pytest.MonkeyPatch) -> Ends:
    """How examinations end, in order."""
    results: Ends = []

    @contextlib.asynccontextmanager
    async def board(*_: object, **given: Any) -> AsyncIterator[None]:
        if isinstance(results[0], FinnTuiError):
            error = results.pop(0)
            assert isinstance(error, FinnTuiError)
            raise error
        yield None

    async def examined(link: None, run: Path | None, tell: OnProgress = ignore) -> DoctorReport:
        tell(Progress("doctor", "examining lab"))
        checks = results.pop(0)
        assert not isinstance(checks, FinnTuiError)
        return DoctorReport("lab", False, run.name if run else None, checks)

    monkeypatch.setattr(lab, "board", board)
    monkeypatch.setattr(doctor, "doctor", examined)
    return results


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_checks_with_their_fix(
    make_app: MakeApp, lab: RecordedLab, ends: Ends, size: tuple[int, int]
) -> None:
    run = make_run(lab.workspace)
    ends += [CHECKS, CHECKS[:1]]
    app = make_app("tfc-w1a1")
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("4")
        await until_mode(pilot, "board")
        app.state.board.machine = LAB.name
        await pilot.press("asterisk")
        await until(pilot, lambda: "✗ wrong" in screen_text(app))
        text = screen_text(app)
        assert f"for {run.path.name if size[0] > 100 else run.path.name[-4:]}" in text
        assert "14 ok, 1 warn, 1 wrong, 1 unknown" in text
        assert "? unknown" in text and "! warn" in text and "\x1b" not in text
        # The first problem is under the cursor, its fix below; then the next one's.
        assert "→ Use a PYNQ image." in text
        await pilot.press("down")
        await until(pilot, lambda: "→ Restart notebooks." in screen_text(app))
        assert "look again" in screen_text(app), "all has its room"
        await pilot.press("r")
        await until(pilot, lambda: "1 ok" in screen_text(app) and not ends)
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)


async def test_a_board_that_asks_and_one_that_is_not_there(
    make_app: MakeApp, lab: RecordedLab, ends: Ends
) -> None:
    gone = FinnTuiError("lab does not answer", "No route to host.", "Switch it on.", kind="board")
    ends += [LoginRefused(LAB.machine, "Permission denied."), gone]
    app = make_app("tfc-w1a1")
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        await pilot.press("4")
        await until_mode(pilot, "board")
        app.state.board.machine = LAB.name
        await pilot.press("asterisk")
        await until(pilot, lambda: "enter a password" in screen_text(app))
        await pilot.press("p")
        await until(pilot, lambda: "Password for lab" in screen_text(app))
        await pilot.press(*"secret", "enter")
        await until(pilot, lambda: "lab does not answer. No route" in screen_text(app))
        assert "Switch it on." in screen_text(app) and "look again" in screen_text(app)
        assert app.boards.credentials("lab").password == "secret"
