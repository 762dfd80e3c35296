"""The queue of the board in the app: several runs by one key, failures, questions, quitting."""

from __future__ import annotations

import asyncio
from pathlib import Path

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress
from finn_tui.lab.boards.board_queue import BoardQueue, EntryStatus
from finn_tui.lab.boards.driver_consent import UnagreedDriver
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.board.queue_view import content
from finn_tui.ui.controllers.board_work import Credentials
from finn_tui.ui.dialogs.confirm import Confirm
from finn_tui.ui.toolkit.listing import Listing
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until, until_mode

IDS = [f"2026010{day}T030405Z-tfc-w1a1-00a{day}" for day in range(1, 5)]
LOST = FinnTuiError("the line to simulated broke", "It was cut.", "Try again.", kind="board")


class Board:
    """A board whose jobs end when the test says so.

    Attributes:
        begun: ids of the runs, in the order in which they were begun.
    """

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ends: dict[str, asyncio.Future[tuple[FinnTuiError, ...]]] = {}

    async def job(
        self,
        lab: Workbench,
        name: str,
        run: Path,
        machine: str,
        given: Credentials,
        tell: OnProgress,
    ) -> tuple[FinnTuiError, ...]:
        self.begun.append(run.name)
        self.ends[run.name] = asyncio.get_running_loop().create_future()
        return await self.ends[run.name]

    def end(self, run: str, error: FinnTuiError | None = None, *differ: FinnTuiError) -> None:
        if error is not None:
            self.ends[run].set_exception(error)
        else:
            self.ends[run].set_result(differ)


def statuses(app: FinnTuiApp) -> list[tuple[str, EntryStatus]]:
    return [(entry.run[-4:], entry.status) for entry in app.state.board.queue.entries]


def make_runs(workspace: Workspace, count: int) -> None:
    for id in IDS[:count]:
        make_run(workspace, id)


async def test_marked_runs_are_done_one_after_the_other(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    make_runs(lab.workspace, 4)
    board = Board()
    app = make_app("tfc-w1a1", board.job)
    async with app.run_test(size=(160, 50), notifications=True) as pilot:
        await opened(pilot)
        await pilot.press("3")
        await until_mode(pilot, "runs")
        # The newest is first: 4, 3 and 2 are marked.
        await pilot.press("space", "space", "space")
        await until(pilot, lambda: "Runs, 3 marked" in screen_text(app))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await until(pilot, lambda: "simulated on this machine" in screen_text(app))
        text = " ".join(screen_text(app).split())
        assert "Deploy 3 runs to simulated and validate, one after the other" in text
        assert all(id in text for id in IDS[1:])
        await pilot.press("enter")
        await until(pilot, lambda: board.begun == [IDS[3]] and app.current_mode == "board")
        await until(pilot, lambda: "Queue, 2 waiting" in screen_text(app))
        # Another one is put behind them while the board is at work; what is in the queue stays.
        await pilot.press("5")
        await until_mode(pilot, "results")
        app.screen.query_one("#runs", Listing).go_to(3)
        await pilot.press("d")
        await until(pilot, lambda: "number 4 in the queue" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: len(app.state.board.queue.waiting) == 3)
        # The last one goes first, the second one is taken out.
        await until(pilot, lambda: app.current_mode == "board")
        listing = app.screen.query_one("#queue", Listing)
        await until(pilot, lambda: len(listing.rows) == 4)
        listing.focus()
        listing.go_to(3)
        await pilot.press("shift+up", "ctrl+up")
        waiting = [entry.run for entry in app.state.board.queue.waiting]
        assert waiting == [IDS[0], IDS[2], IDS[1]]
        listing.go_to(2)
        await pilot.press("delete")
        await until(pilot, lambda: len(app.state.board.queue.entries) == 3)
        # It goes on while another screen is shown, and after a failure.
        await pilot.press("2")
        await until_mode(pilot, "tune")
        board.end(IDS[3])
        await until(pilot, lambda: board.begun == [IDS[3], IDS[0]])
        board.end(IDS[0], LOST)
        await until(pilot, lambda: board.begun == [IDS[3], IDS[0], IDS[1]])
        assert app.current_mode == "tune" and len(app.screen_stack) == 1
        differs = FinnTuiError("the board computes something else", "3 differ.", kind="board")
        board.end(IDS[1], None, differs)
        await until(pilot, lambda: "1 of 3 runs are deployed" in screen_text(app))
        assert statuses(app) == [
            ("00a4", EntryStatus.DONE),
            ("00a1", EntryStatus.FAILED),
            ("00a2", EntryStatus.DIFFERS),
        ]
        await until(pilot, lambda: "! the board computes something else" in screen_text(app))
        await pilot.press("escape", "4")
        await until_mode(pilot, "board")
        await until(pilot, lambda: "✗ failed: the line" in screen_text(app))
        listing.focus()
        listing.go_to(1)
        await pilot.press("enter")
        await until(pilot, lambda: "Try again." in screen_text(app))
        # It is tried again from there.
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("enter")
        await until(pilot, lambda: board.begun[-1] == IDS[0])


async def test_a_stop_holds_the_queue_and_a_question_waits(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    from finn_tui.board.catalogue import Board as Machine
    from finn_tui.hosts.ssh.errors import HostKeyUnknown

    make_runs(lab.workspace, 3)
    board = Board()
    app = make_app("tfc-w1a1", board.job)
    async with app.run_test(size=(160, 50)) as pilot:
        await opened(pilot)
        app.boards.queue.add(IDS[:3], "simulated")
        app.boards.start_next()
        await pilot.press("4")
        await until(pilot, lambda: board.begun == IDS[:1])
        await pilot.press("x")
        await until(pilot, lambda: "Queue, held: n goes on" in screen_text(app))
        assert board.begun == IDS[:1] and not app.state.board.busy
        await pilot.press("n")
        await until(pilot, lambda: board.begun == IDS[:2])
        # The others would be asked the same: they wait for the answer.
        board.end(IDS[1], HostKeyUnknown(Machine("lab", "10.0.0.9").machine, "SHA256:abc"))
        await until(pilot, lambda: "trust this key" in screen_text(app))
        assert len(board.begun) == 2
        await pilot.press("t")
        await until(pilot, lambda: board.begun == [*IDS[:2], IDS[1]])
        # Consent to a driver concerns one run: the others go on.
        board.end(IDS[1], UnagreedDriver(Path(IDS[1]), Path("driver"), ["a.py"], "00"))
        await until(pilot, lambda: board.begun[-1] == IDS[2])
        assert statuses(app)[1] == ("00a2", EntryStatus.FAILED)
        board.end(IDS[2])
        await until(pilot, lambda: not app.state.board.busy)


async def test_the_next_start_goes_on_with_what_was_not_done(
    make_app: MakeApp, lab: RecordedLab
) -> None:
    make_runs(lab.workspace, 3)
    board = Board()
    app = make_app("tfc-w1a1", board.job)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        app.boards.queue.add(IDS[:3], "simulated")
        app.boards.start_next()
        await until(pilot, lambda: board.begun == IDS[:1])
        board.end(IDS[0])
        await until(pilot, lambda: board.begun == IDS[:2])
        # Another app on the workspace leaves the queue to this one.
        assert BoardQueue(lab.workspace.root).restore() == 0
        await pilot.press("q")
        await until(pilot, lambda: "offered again at the next start" in screen_text(app))
        assert "It and the 1 run behind it are offered again" in app.boards.leave_text()
        await pilot.press("y")
        await until(pilot, lambda: app.return_code is not None or not app.is_running)
    board = Board()
    app = make_app("tfc-w1a1", board.job)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "2 runs were not measured" in screen_text(app))
        await pilot.press("y")
        await until(pilot, lambda: board.begun == [IDS[1]])
        assert [entry.run for entry in app.state.board.queue.waiting] == [IDS[2]]
        app.boards.leave()


def test_a_damaged_queue_is_none(tmp_path: Path) -> None:
    for text in ("{", '{"entries": 3}', '{"entries": [{"run": 1, "board": "x"}]}'):
        (tmp_path / ".board-queue.json").write_text(text)
        queue = BoardQueue(tmp_path)
        assert queue.restore() == 0 and not queue.entries
        queue.add(["a"], "lab")
        assert queue.problem is None
        queue.close()
        again = BoardQueue(tmp_path)
        assert again.restore() == 1 and again.held and again.next() is None
        again.close()


def test_a_stopped_entry_has_no_figures_of_an_earlier_measurement() -> None:
    queue = BoardQueue()
    for entry, status in zip(
        queue.add(IDS[:2], "lab"), (EntryStatus.STOPPED, EntryStatus.DONE), strict=True
    ):
        queue.set(entry, status)
    measured = dict.fromkeys(IDS[:2], "SIMULATED 1,000 fps")
    rows = content(queue, lambda run: None, 120, (), measured).rows
    assert [row.cells[-1][0] for row in rows] == ["■ stopped", "✓ done: SIMULATED 1,000 fps"]


async def test_how_to_stop_is_seen_in_a_small_window(make_app: MakeApp, lab: RecordedLab) -> None:
    make_runs(lab.workspace, 1)
    board = Board()
    app = make_app("tfc-w1a1", board.job)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        app.boards.queue.add(IDS[:1], "simulated")
        app.boards.start_next()
        await pilot.press("4")
        await until(pilot, lambda: board.begun == IDS[:1])
        await until(pilot, lambda: "x stop" in screen_text(app).splitlines()[-1])
        board.end(IDS[0])
        await until(pilot, lambda: not app.state.board.busy)
