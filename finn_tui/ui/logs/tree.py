"""The logs of a run as a tree: FINN, each HLS layer, each Vivado project."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from finn_tui.base.text import size
from finn_tui.core.finn_names import layer_of_partition
from finn_tui.runs.logs.tail import LogFile
from finn_tui.ui.toolkit.listing import Column, Content, Row

#: A log that was written to so lately is being written.
_ACTIVE_SECONDS = 5.0

Measured = tuple[LogFile, int, float]


def _project(path: Path) -> str:
    """Return the tool's project folder that contains a log."""
    return next((part for part in path.parts if part.startswith(("vivado_", "synth_out_"))), "")


def tree(logs: Sequence[Measured], time_now: float | None = None) -> Content:
    """Return the rows by path; group headings have names as keys and cannot be opened.

    Args:
        logs: with size and time of last change.
        time_now: seconds since the epoch.
    """
    time_now = time.time() if time_now is None else time_now
    rows: list[Row] = []
    tops = [log for log in logs if log[0].kind in ("runner", "finn")]
    hls = [log for log in logs if log[0].kind == "hls"]
    tool_logs = [log for log in logs if log not in tops and log not in hls]
    rows += [_row(log, 0, time_now) for log in tops]
    if hls:
        rows.append(Row("hls", [(f"HLS ({len(hls)})", "head"), ("", "")]))
        rows += [_row(log, 1, time_now) for log in hls]
    projects: dict[str, list[Measured]] = {}
    for log in tool_logs:
        projects.setdefault(_project(log[0].path), []).append(log)
    for name, inside in projects.items():
        # The project's own log echoes those of its runs and stands above them.
        own = [log for log in inside if log[0].kind in ("stitch", "bitfile")]
        runs = [log for log in inside if log not in own]
        if not own and runs:
            title = name.rsplit("_", 1)[0].replace("_", " ")
            rows.append(Row(name, [(title, "head"), ("", "")]))
        rows += [_row(log, 0, time_now) for log in own] + [_row(log, 1, time_now) for log in runs]
    columns = [Column("log"), Column("size", 7, True, rank=1)]
    return Content(columns, rows, "no log yet")


def _row(log: Measured, level: int, time_now: float) -> Row:
    file, count, written = log
    active = time_now - written < _ACTIVE_SECONDS
    title = {"runner": "runner.log", "finn": "FINN"}.get(file.kind, file.title)
    title = layer_of_partition(title)
    mark = "▸ " if active else ""
    cells = [("  " * level + mark + title, "accent" if active else ""), (size(count), "dim")]
    return Row(str(file.path), cells, file.kind)
