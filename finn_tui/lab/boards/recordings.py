"""The recorded board sessions of a workspace: one file a session, in ``recordings/``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from finn_tui.base.errors import FinnTuiError

#: Recordings that are listed, the newest.
_MOST = 200


@dataclass(frozen=True)
class RecordedSession:
    """A recording of the workspace.

    Attributes:
        path: its file.
        board: the board that it is of.
        time: when it began, UTC.
        simulated: whether that board has no FPGA.
    """

    path: Path
    board: str
    time: str
    simulated: bool


def folder(root: Path) -> Path:
    """Where the recordings of a workspace are."""
    return root / "recordings"


def new_recording(root: Path, run: str, machine: str) -> Path:
    """Return the file for a new recording.

    Args:
        root: of the workspace.
        run: the run's id.
        machine: the board's name.
    """
    time = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    board = re.sub(r"[^A-Za-z0-9._-]", "_", machine)[:40]
    return folder(root) / f"{time}-{board}-{run[-4:]}.jsonl"


def recorded_sessions(root: Path) -> Sequence[RecordedSession]:
    """Return the recordings of a workspace, the newest first; what is none is left out.

    Reads files: call it off the event loop where there are many.
    """
    from finn_tui.board.recording.document import read_header

    sessions = []
    for path in sorted(folder(root).glob("*.jsonl"), reverse=True)[:_MOST]:
        try:
            header = read_header(path)
        except FinnTuiError:
            continue
        sessions.append(RecordedSession(path, header.board, header.time, header.simulated))
    return sessions
