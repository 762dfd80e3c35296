"""The queue of the board as a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from finn_tui.lab.boards.board_queue import BoardQueue, EntryStatus
from finn_tui.ui.board.facts_view import machine_text
from finn_tui.ui.state import RunView
from finn_tui.ui.toolkit.listing import Cell, Column, Content, Row
from finn_tui.ui.toolkit.styled_line import rate

if TYPE_CHECKING:
    from finn_tui.lab.results.results_table import Experiment

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
    if not queue.entries:
        return "Runs for the board"
    if queue.held and waiting:
        return "Queue, held: n goes on"
    if waiting:
        return f"Queue, {waiting} waiting"
    return "Queue, finished" if queue.running is None else "Queue, the last one at work"


def content(
    queue: BoardQueue,
    run: Callable[[str], RunView | None],
    width: int,
    others: Sequence[RunView] = (),
    measured: Mapping[str, str] = MappingProxyType({}),
) -> Content:
    """Return the list: place, run, folding, board, state with its reason.

    Args:
        queue: of the workspace; the key of its rows is their index.
        run: returns a run by its id.
        width: columns of the list.
        others: built runs that are listed below the queue; the key of their rows is their id.
        measured: by the id of a run, what was measured of it.
    """
    wide = width >= 100
    rows = []
    place = 0
    for index, entry in enumerate(queue.entries):
        place += entry.waits
        view = run(entry.run)
        text, role = _SIGNS[entry.status]
        is_measured = entry.status in (EntryStatus.DONE, EntryStatus.DIFFERS)
        more = entry.why or (measured.get(entry.run, "") if is_measured else "")
        cells: list[Cell] = [
            (str(place) if entry.waits else "", "dim"),
            (entry.run if wide else entry.run[-4:], "quiet"),
            (_what(view) if view is not None else "", ""),
            (machine_text(entry.board), ""),
            (f"{text}: {more}" if more else text, role),
        ]
        rows.append(Row(index, cells, entry.run))
    queued = {entry.run for entry in queue.entries}
    for view in others:
        if view.id in queued:
            continue
        text = measured.get(view.id, "")
        cells = [
            ("", ""),
            (view.id if wide else view.id[-4:], "quiet"),
            (_what(view), ""),
            ("", ""),
            (text or "not measured; d deploys it", "" if text else "dim"),
        ]
        rows.append(Row(view.id, cells, view.id))
    columns = [
        Column("", 2, True),
        Column("run", 31 if wide else 4),
        Column("folding", 24 if wide else 20),
        Column("board", 12 if wide else 9, rank=1),
        Column("state"),
    ]
    return Content(columns, rows, "no run is built; space marks runs on Runs, d queues them")


def _what(run: RunView) -> str:
    return f"{run.request.model}, {run.request.folding_name}"


def measured_texts(rows: Sequence[Experiment]) -> dict[str, str]:
    """Return what was measured of runs, by their ids."""
    texts = {}
    for row in rows:
        parts = [f"{rate(row.fps)} fps"] if row.fps else []
        if row.accuracy is not None:
            parts.append(f"{row.accuracy:.2f} %")
        mark = "SIMULATED " if parts and row.measured_simulated else ""
        texts[row.run] = mark + ", ".join(parts)
    return texts
