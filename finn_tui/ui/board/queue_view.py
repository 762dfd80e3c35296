"""The queue of the board as a list."""

from __future__ import annotations

from collections.abc import Callable

from finn_tui.lab.board_queue import BoardQueue, EntryStatus
from finn_tui.ui.state import RunView
from finn_tui.ui.toolkit.listing import Cell, Column, Content, Row

_SIGNS: dict[EntryStatus, Cell] = {
    EntryStatus.WAITING: ("· waits", "dim"),
    EntryStatus.RUNNING: ("▸ at work", "accent"),
    EntryStatus.DONE: ("✓ done", "good"),
    EntryStatus.DIFFERS: ("✗ differs", "bad"),
    EntryStatus.FAILED: ("✗ failed", "bad"),
    EntryStatus.STOPPED: ("■ stopped", "warn"),
}


def shown(queue: BoardQueue) -> bool:
    """Whether the queue says more than the jobs do: several runs, or one that is not at work."""
    entries = queue.entries
    return len(entries) > 1 or any(entry.waits or entry.why for entry in entries)


def title(queue: BoardQueue) -> str:
    """Return the title of the list."""
    waiting = len(queue.waiting)
    if queue.held and waiting:
        return "Queue, held: n goes on"
    return f"Queue, {waiting} waiting" if waiting else "Queue, finished"


def content(queue: BoardQueue, run: Callable[[str], RunView | None], width: int) -> Content:
    """Return the list: place, run, folding, board, state with its reason.

    Args:
        queue: of the workspace.
        run: returns a run by its id.
        width: columns of the list.
    """
    wide = width >= 100
    rows = []
    place = 0
    for index, entry in enumerate(queue.entries):
        place += entry.waits
        view = run(entry.run)
        text, role = _SIGNS[entry.status]
        what = f"{view.request.model}, {view.request.folding_name}" if view is not None else ""
        cells: list[Cell] = [
            (str(place) if entry.waits else "", "dim"),
            (entry.run if wide else entry.run[-4:], "quiet"),
            (what, ""),
            (entry.board, ""),
            (f"{text}: {entry.why}" if entry.why else text, role),
        ]
        rows.append(Row(index, cells, entry.run))
    columns = [
        Column("", 2, True),
        Column("run", 31 if wide else 4),
        Column("folding", 24 if wide else 20),
        Column("board", 12 if wide else 9, rank=1),
        Column("state"),
    ]
    return Content(columns, rows, "empty")
