"""What a host says of a run that works there, and which of its files are wanted.

Paths and sizes from a host are data: no path leads out of the run's folder.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from finn_tui.engine.server.runs import runfiles

#: Reports are smaller, and so is a deployment package of the largest card (bytes).
MOST_REPORT = 64 << 20
MOST_OUTPUT = 2 << 30
_TOP = {runfiles.EVENTS, runfiles.RESULTS, runfiles.LOG}
_FOLDERS = {"build", "finn_build_dir"}


class Listed(Struct, array_like=True):
    """A file as the host lists it."""

    path: str
    size: int
    inode: int
    changed: int


class HostAnswer(Struct):
    """What a host says of one run; see ``engine/server/runs/listing.py``.

    Attributes:
        folder: which run was asked for.
        state: its state.json; null where it could not be read.
        files: those that have changed.
        newest (ns): the newest change.
        complete: whether all files were looked at.
        free: bytes on its disk.
        missing: there is no such folder.
        error: why it could not be looked at.
    """

    folder: str
    state: dict[str, Any] | None = None
    files: list[Listed] = []
    newest: int = 0
    complete: bool = True
    free: int | None = None
    missing: bool = False
    error: str = ""


def is_log(path: str) -> bool:
    """Whether a file only grows."""
    return path.endswith(".log") or path == runfiles.EVENTS


def is_plain_path(path: str) -> bool:
    """Whether a path from a host is one that the mirror may have."""
    parts = path.split("/")
    plain = all(
        part not in ("", ".", "..") and len(part.encode("utf-8", "replace")) <= 200
        for part in parts
    )
    if not plain or not path.isprintable() or "\\" in path or len(parts) > 12:
        return False
    return path in _TOP if len(parts) == 1 else parts[0] in _FOLDERS


def is_wanted(one: Listed) -> bool:
    """Whether a mirror has a file."""
    if not is_plain_path(one.path) or one.size < 0:
        return False
    if one.path in _TOP:
        return one.path != runfiles.RESULTS or one.size <= MOST_REPORT
    if is_log(one.path):
        return True
    return one.size <= (MOST_OUTPUT if one.path.startswith("build/") else MOST_REPORT)
