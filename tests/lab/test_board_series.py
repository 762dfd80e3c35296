"""Several runs on one board: what becomes of each when some fail, the line breaks, or one stops."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import ignore
from finn_tui.lab.boards.board_series import BoardSeries, SeriesItem

BROKEN = FinnTuiError("the driver hangs", "No progress.", "Restart the board.", kind="board")
DIFFERS = FinnTuiError("the board differs", "3 of 20.", "Look.", kind="board")
ABSENT = FinnTuiError("no test set", "It is not here.", "Fetch it.", kind="input")
ASKS = FinnTuiError("password?", "", "", kind="board")


class Board:
    """A connection, and what a run does on it.

    Attributes:
        measured: the names of the runs that were begun.
    """

    def __init__(self, **ends: Any) -> None:
        self.ends = ends
        self.is_closed = False
        self.measured: list[str] = []

    async def measure(self, link: Any, item: SeriesItem, tell: Any) -> Any:
        self.measured.append(item.folder.name)
        end = self.ends.get(item.folder.name)
        if isinstance(end, BaseException):
            self.is_closed = end is BROKEN
            raise end
        return SimpleNamespace(failures=end or ())


def series(board: Board, *names: str, **errors: FinnTuiError) -> BoardSeries:
    items = [SeriesItem(Path("runs", name), error=errors.get(name)) for name in names]
    return BoardSeries(items, "lab", board.measure, lambda error: error is ASKS, print)


def statuses(done: BoardSeries) -> list[str]:
    return [str(entry.status) for entry in done.queue.entries]


async def test_a_failure_stops_no_other_and_a_broken_line_only_its_connection() -> None:
    board = Board(b=(DIFFERS,), c=BROKEN, d=(ABSENT,))
    done = series(board, "a", "b", "c", "d", "e", "f", e=ABSENT)
    await done.work(board, ignore)  # type: ignore[arg-type]
    assert statuses(done) == ["done", "differs", "failed", "waiting", "failed", "waiting"]
    assert done.queue.waiting, "the others need another connection"
    board.is_closed = False
    await done.work(board, ignore)  # type: ignore[arg-type]
    assert statuses(done) == ["done", "differs", "failed", "failed", "failed", "done"]
    assert board.measured == ["a", "b", "c", "d", "f"], "e was refused before, none is done twice"
    assert done.done == 2 and done.queue.entries[2].why == "the driver hangs. No progress."
    assert done.items["c"].error is BROKEN and done.items["d"].outcome is not None


async def test_a_question_waits_and_an_unreachable_board_fails_the_rest() -> None:
    board = Board(b=ASKS)
    done = series(board, "a", "b", "c")
    with pytest.raises(FinnTuiError, match=r"password\?"):
        await done.work(board, ignore)  # type: ignore[arg-type]
    assert statuses(done) == ["done", "waiting", "waiting"]
    done.fail_waiting(BROKEN)
    assert statuses(done) == ["done", "failed", "failed"]


async def test_ctrl_c_leaves_what_was_done() -> None:
    board = Board(b=asyncio.CancelledError())
    done = series(board, "a", "b", "c")
    with pytest.raises(asyncio.CancelledError):
        await done.work(board, ignore)  # type: ignore[arg-type]
    assert statuses(done) == ["done", "stopped", "waiting"]
