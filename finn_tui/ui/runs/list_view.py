"""The list of runs."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from finn_tui.lab.models.identity import titles
from finn_tui.runs.folder import DamagedRun, missed_text
from finn_tui.ui.runs.build_tree import state_sign, step_name
from finn_tui.ui.state import RunView
from finn_tui.ui.toolkit.listing import Cell, Column, Content, Row
from finn_tui.ui.toolkit.styled_line import brief

#: From so many columns on, the whole names of runs are shown.
_WIDE = 110


def _age(created: str) -> str:
    try:
        then = datetime.fromisoformat(created)
    except ValueError:
        return ""
    seconds = (datetime.now(UTC) - then).total_seconds()
    if seconds < 3600:
        return f"{seconds // 60:.0f} min" if seconds >= 60 else "now"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} d"


def state_cell(run: RunView) -> Cell:
    """Return the state of a run, with its step while it runs."""
    state = run.state
    mark, role = state_sign(state.state)
    if state.state == "running" and state.step_count:
        return (
            f"{mark} {state.step_index}/{state.step_count} {step_name(state.step or '')}",
            role,
        )
    if state.position:
        return (f"{mark} queued, position {state.position}", role)
    if run.clock_missed_ns is not None:
        return (f"! {missed_text(run.clock_missed_ns)}", "bad")
    return (f"{mark} {state.state}", role)


def host_cell(run: RunView) -> Cell:
    """Return where a run works; marked where its host cannot be asked."""
    placement = run.placement
    if placement is None:
        return ("", "")
    lost = placement.problem is not None and not run.state.final
    return (f"!{placement.host}" if lost else placement.host, "warn" if lost else "dim")


def _damaged_row(run: DamagedRun, wide: bool) -> Row:
    """Return the row of a run that cannot be read: the reason takes the rest of the line."""
    cells: list[Cell] = [
        (run.id if wide else run.id[-4:], "quiet"),
        ("damaged", "bad"),
        (run.reason, "warn"),
    ]
    return Row(run.id, cells, run.id)


def runs_content(
    run_views: Sequence[RunView],
    width: int,
    damaged: Sequence[DamagedRun] = (),
    marked: Collection[str] = (),
) -> Content:
    """Return the list of runs, newest first, those that cannot be read in their places.

    Args:
        run_views: the runs.
        damaged: those that cannot be read.
        width: columns of the list.
        marked: ids of marked runs; their column is there only if there are any.
    """
    wide = width >= _WIDE
    rows = []
    hosts = {run.placement.host for run in run_views if run.placement is not None}
    missed = [run for run in run_views if run.clock_missed_ns is not None]
    models = titles({run.id: (run.request.model, run.request.content) for run in run_views})
    for run in run_views:
        cells: list[Cell] = [
            (run.id[-4:] if not wide else run.id, "quiet"),
            (models[run.id], "strong"),
            (run.request.subject, ""),
            state_cell(run),
            *([host_cell(run)] if hosts else []),
            (brief(run.state.seconds), ""),
            (_age(run.request.created), "dim"),
            ("SIMULATED" if run.simulated else "", "sim"),
        ]
        rows.append(Row(run.id, cells, run.id))
    rows += [_damaged_row(run, wide) for run in damaged]
    if marked:
        mark: dict[bool, Cell] = {True: ("*", "accent"), False: (" ", "")}
        rows = [Row(row.key, [mark[row.key in marked], *row.cells], row.also) for row in rows]
    # A run's name begins with the time of its creation.
    rows.sort(key=lambda row: str(row.key), reverse=True)
    columns = [
        Column("run", 31 if wide else 4, rank=2),
        Column("model", min(22, max([10, *map(len, models.values())]))),
        Column("folding"),
        Column("state", 30 if wide else max([24, *(len(state_cell(run)[0]) for run in missed)])),
        *([Column("host", min(12, max([5, *map(len, hosts)])), rank=2)] if hosts else []),
        Column("time", 6, True, rank=3),
        Column("age", 6, True, rank=4),
        Column("", 9),
    ]
    if marked:
        columns.insert(0, Column("", 1))
    return Content(columns, rows)


class RunRows:
    """The list of runs, made again only when something of it may be another.

    The screen is drawn with every key; 200 runs are thousands of cells.
    """

    def __init__(self) -> None:
        self._of: tuple[object, ...] = ()
        self._content = Content()

    def content(
        self,
        run_views: Sequence[RunView],
        width: int,
        damaged: Sequence[DamagedRun] = (),
        marked: Collection[str] = (),
    ) -> Content:
        """Return ``runs_content`` of the arguments; its times are at most a second old.

        Args:
            run_views: the runs; not changed once they are shown.
            damaged: those that cannot be read.
            width: columns of the list.
            marked: ids of marked runs.
        """
        views, broken, *rest = self._of or (None, None)
        now = [width >= _WIDE, tuple(marked), int(time.time())]
        if views is not run_views or broken is not damaged or rest != now:
            self._content = runs_content(run_views, width, damaged, marked)
            self._of = (run_views, damaged, *now)
        return self._content
