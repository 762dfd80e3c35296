"""A board that only has a terminal, in the app: the real line in a real shell."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress
from finn_tui.board import catalogue
from finn_tui.board.paste import server
from finn_tui.board.transport import Transport
from finn_tui.lab.workbench import Workbench
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.board.paste_dialog import PasteDialog
from finn_tui.ui.controllers.board_work import Credentials
from finn_tui.ui.dialogs.confirm import Confirm
from tests.board.pasted_terminal import Terminal
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until, until_mode


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Terminal]:
    """A board without a driver."""
    opened = Terminal(tmp_path / "board", Path(sys.executable))
    yield opened
    for number in range(len(opened.shells)):
        opened.hang_up(number)


class Jobs:
    """Jobs that only ask the board for its folder; the first one ends with the connection."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.begun = 0

    async def job(
        self,
        lab: Workbench,
        name: str,
        run: Path,
        machine: str,
        credentials: Credentials,
        tell: OnProgress,
    ) -> tuple[FinnTuiError, ...]:
        assert credentials.host is not None

        async def on_board(link: Transport) -> None:
            self.begun += 1
            tell(Progress("deploy", "1 of 3 files", 0.3))
            if self.begun == 1:
                process = await link.stream("echo on; sleep 1000")
                with link.translated():
                    while await process.readline():
                        pass
                    raise ConnectionResetError
            assert (await link.run("echo", name))[1] == name.encode() + b"\n"

        await credentials.host.do(on_board, tell)
        self.done.append(name)
        return ()


def line_of(app: FinnTuiApp) -> str:
    assert isinstance(app.screen, PasteDialog)
    return app.screen.host.line


async def test_one_paste_for_several_jobs(
    make_app: MakeApp, lab: RecordedLab, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.add(catalogue.Board("lent", "", sudo=False, paste=True))
    make_run(lab.workspace, simulated=False)
    jobs = Jobs()
    app = make_app("tfc-w1a1", jobs.job)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot)
        await pilot.press("4")
        await until_mode(pilot, "board")
        await pilot.press("t")
        await until(pilot, lambda: "a line pasted into its terminal" in screen_text(app))
        assert "pasted" in screen_text(app), "a board without an entry is offered as well"
        await pilot.press(*"lent", "enter")
        await until(pilot, lambda: app.state.board.machine == "lent")
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await until(pilot, lambda: "the line to paste is shown next" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Which address of this machine" in screen_text(app))
        # A wrong one is said before anything listens.
        await pilot.press(*"127.0.0.1:x", "enter")
        await until(pilot, lambda: "is no ADDRESS or" in " ".join(screen_text(app).split()))
        await pilot.press(*["backspace"] * 2)
        await until(pilot, lambda: "listens at 127.0.0.1, a free port" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PasteDialog))
        line = line_of(app)
        assert "".join(screen_text(app).split()).count('HTTPConnection("127.0.0.1"') == 1
        assert "· the board fetches" in screen_text(app)
        await pilot.press("c")
        assert app.clipboard == line
        terminal.paste(line)
        await until(pilot, lambda: jobs.begun == 1)
        # The line goes, and the Board screen shows the job.
        await until(pilot, lambda: "1 of 3 files" in screen_text(app))
        # The connection is cut in the middle of the work: the line is asked for again.
        with monkeypatch.context() as impatient:
            # What was hung up is soon gone, a board that answers late is not.
            impatient.setattr(server, "GONE_SECONDS", 0.5)
            terminal.hang_up()
            await until(pilot, lambda: isinstance(app.screen, PasteDialog))
        assert line_of(app) == line
        terminal.paste(line)
        await until(pilot, lambda: jobs.done == ["go"] and not app.state.board.busy)
        # Further jobs need no further paste.
        await pilot.press("T")
        await until(pilot, lambda: jobs.done == ["go", "throughput"])
        await until(pilot, lambda: not isinstance(app.screen, PasteDialog))
        await pilot.press("at")
        await until(pilot, lambda: "✓ connected to" in screen_text(app))
        # x lets the board go.
        await pilot.press("x")
        said = await terminal.said(1)
        assert "stopped by finn-tui" in said
        await until(pilot, lambda: app.paste.lacks("lent"))


async def test_cancelled_before_it_was_pasted(make_app: MakeApp, lab: RecordedLab) -> None:
    make_run(lab.workspace, simulated=False)
    jobs = Jobs()
    app = make_app("tfc-w1a1", jobs.job)
    async with app.run_test(size=(160, 50), notifications=True) as pilot:
        await opened(pilot)
        app.state.board.machine = "pasted"
        await pilot.press("4")
        await until_mode(pilot, "board")
        # No address: the run waits in the queue.
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("enter")
        await until(pilot, lambda: "Which address" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: app.state.board.queue.held)
        assert not app.state.board.busy
        await pilot.press("n")
        await until(pilot, lambda: "Which address" in screen_text(app))
        await pilot.press(*"127.0.0.1", "enter")
        await until(pilot, lambda: isinstance(app.screen, PasteDialog))
        # Put aside and shown again; then ended, with its server.
        await pilot.press("escape")
        await until(pilot, lambda: app.state.board.busy == "go")
        await pilot.press("at")
        await until(pilot, lambda: isinstance(app.screen, PasteDialog))
        host = app.paste.host("pasted")
        assert host is not None
        await pilot.press("x")
        await until(pilot, lambda: not app.state.board.busy and app.paste.lacks("pasted"))
        assert jobs.begun == 0


async def test_an_address_of_another_machine(make_app: MakeApp, lab: RecordedLab) -> None:
    make_run(lab.workspace, simulated=False)
    app = make_app("tfc-w1a1", Jobs().job)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        app.state.board.machine = "pasted"
        await pilot.press("4")
        await until_mode(pilot, "board")
        await pilot.press("T")
        await until(pilot, lambda: "Which address" in screen_text(app))
        await pilot.press(*"192.0.2.7", "enter")
        await until(pilot, lambda: "cannot listen on 192.0.2.7" in screen_text(app))
        assert not app.state.board.busy


async def test_a_rehearsal_is_refused_before_anything_is_pasted(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    make_run(lab.workspace)
    app = make_app("tfc-w1a1", Jobs().job)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        app.state.board.machine = "pasted"
        await pilot.press("4")
        await until_mode(pilot, "board")
        for key in ("T", "d"):
            await pilot.press(key)
            await until(pilot, lambda: "a rehearsal's bitstream is SIMULATED" in screen_text(app))
            await pilot.press("escape")
            await until(pilot, lambda: app.screen.id != "notice" and not app.state.board.busy)
        assert app.paste.lacks("pasted") and not app.state.board.queue.entries
