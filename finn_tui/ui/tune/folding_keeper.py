"""Writes the working folding to the workspace as it changes, so that no exit loses it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from finn_tui.core.design import Design
from finn_tui.lab.foldings import working_folding
from finn_tui.lab.foldings.working_folding import WorkingFolding
from finn_tui.lab.workspace import Workspace
from finn_tui.ui.tune.state import TuneState

#: Seconds between looks at whether the folding has changed. It is written once it rests from one
#: look to the next, ...
KEEP_SECONDS = 0.5
#: ... and at the latest so many seconds after a change: as much as a killed app loses.
_LATEST = 3.0


@dataclass(frozen=True)
class Snapshot:
    """One state of the working folding, and the file that it is written to."""

    state: tuple[object, ...]
    path: Path
    design: Design
    working: WorkingFolding


class FoldingKeeper:
    """Tracks which state of which model is on disk."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._writer = working_folding.Writer()
        self._written: tuple[object, ...] = ()
        self._seen: tuple[object, ...] = ()
        self._changed_at: float | None = None
        #: Whether the user was told that it cannot be written.
        self.warned = False

    @staticmethod
    def _state(tune: TuneState) -> tuple[object, ...]:
        names = (tune.folding_name, tune.saved_name)
        return id(tune), tune.editor.revision, *names, frozenset(tune.locked)

    def begin(self, tune: TuneState) -> None:
        """Record the state that a model was opened with as written."""
        self._written = self._state(tune)

    def due(self, tune: TuneState) -> bool:
        """Return whether to write now; asked every ``KEEP_SECONDS``."""
        state, seconds = self._state(tune), time.monotonic()
        if state == self._written:
            self._changed_at = None
            return False
        if self._changed_at is None:
            self._changed_at = seconds
        rests, self._seen = state == self._seen, state
        return rests or seconds - self._changed_at >= _LATEST

    def snapshot(self, tune: TuneState) -> Snapshot:
        """Return an immutable copy of the present state."""
        path = working_folding.path_of(self._workspace, tune.opened.model)
        return Snapshot(self._state(tune), path, tune.opened.design, tune.working())

    def write(self, snapshot: Snapshot) -> None:
        """Write a state unless it is on disk already; may run in a thread.

        Raises:
            FinnTuiError: the disk does not take it; it is tried again.
        """
        if snapshot.state != self._written:
            self._writer.write(snapshot.path, snapshot.design, snapshot.working)
            self._written, self._changed_at, self.warned = snapshot.state, None, False
