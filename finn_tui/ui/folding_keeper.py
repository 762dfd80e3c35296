"""Writes the folding that is edited to the workspace as it changes, so that no end loses it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from finn_tui.core.design import Design
from finn_tui.lab import working_folding
from finn_tui.lab.working_folding import WorkingFolding
from finn_tui.lab.workspace import Workspace
from finn_tui.ui.tune.state import TuneState

#: Seconds between looks at whether the folding has changed: as much as a killed app loses.
KEEP_SECONDS = 0.5


@dataclass(frozen=True)
class Snapshot:
    """A state of the folding that is edited, and where it is kept."""

    state: tuple[object, ...]
    path: Path
    design: Design
    working: WorkingFolding


class FoldingKeeper:
    """Knows which state of which model is on the disk."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._kept: tuple[object, ...] = ()
        #: Whether the user was told that it cannot be written.
        self.told = False

    @staticmethod
    def _state(tune: TuneState) -> tuple[object, ...]:
        names = (tune.folding_name, tune.saved_name)
        return tune.opened, tune.editor.revision, *names, frozenset(tune.locked)

    def begin(self, tune: TuneState) -> None:
        """Take what a model was opened with as kept: it is restored, or the preset's."""
        self._kept = self._state(tune)

    def changed(self, tune: TuneState) -> bool:
        """Return whether there is something to write."""
        return self._state(tune) != self._kept

    def snapshot(self, tune: TuneState) -> Snapshot:
        """Return the state as it is now, which nothing changes any more."""
        path = working_folding.path_of(self._workspace, tune.opened.model)
        return Snapshot(self._state(tune), path, tune.opened.design, tune.working())

    def write(self, snapshot: Snapshot) -> None:
        """Write a state, if it is not kept yet; may run in a thread.

        Raises:
            FinnTuiError: the disk does not take it; it is tried again.
        """
        if snapshot.state != self._kept:
            working_folding.write(snapshot.path, snapshot.design, snapshot.working)
            self._kept, self.told = snapshot.state, False
