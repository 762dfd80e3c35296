"""The runs that wait for a board, in order, with what became of each; kept in the workspace.

A board does one thing at a time. The queue is written at every change, so that an app that was
ended, however, leaves what was not done to the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from finn_tui.base import documents, files
from finn_tui.base.errors import FinnTuiError

if TYPE_CHECKING:
    from filelock import BaseFileLock

_FILE = ".board-queue.json"


class EntryStatus(StrEnum):
    """How far a run of the queue is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    #: Everything was done, and the board computes something else than the software.
    DIFFERS = "differs"
    FAILED = "failed"
    STOPPED = "stopped"


class QueueEntry(msgspec.Struct):
    """A run in the queue.

    Attributes:
        run: its id.
        board: the machine that it goes to.
        status: how far it is.
        why: why it failed, what differs, or what is asked; empty otherwise.
        fix: what can be done about it.
    """

    run: str
    board: str
    status: EntryStatus = EntryStatus.WAITING
    why: str = ""
    fix: str = ""

    @property
    def waits(self) -> bool:
        """Whether it is still to be done."""
        return self.status is EntryStatus.WAITING

    @property
    def ended(self) -> bool:
        """Whether nothing is done with it any more."""
        return self.status not in (EntryStatus.WAITING, EntryStatus.RUNNING)


class _Document(msgspec.Struct):
    format: int = 1
    entries: list[QueueEntry] = []


class BoardQueue:
    """The queue of one workspace.

    Attributes:
        entries: in the order in which they are done.
        held: whether the next one is not started by itself: the user stopped one, or is asked.
        problem: why the queue could not be written; it works all the same while the app runs.
    """

    def __init__(self, root: Path | None = None) -> None:
        """Make an empty queue.

        Args:
            root: of the workspace that keeps it; None keeps it in memory only.
        """
        self.entries: list[QueueEntry] = []
        self.held = False
        self.problem: FinnTuiError | None = None
        self._path = root / _FILE if root is not None else None
        self._frozen = False
        #: Held while the file is ours: another finn-tui on this workspace leaves it alone then.
        self._lock: BaseFileLock | None = None

    @property
    def waiting(self) -> list[QueueEntry]:
        """The entries that are still to be done, in order."""
        return [entry for entry in self.entries if entry.waits]

    @property
    def running(self) -> QueueEntry | None:
        """The entry that is being done."""
        return next((each for each in self.entries if each.status is EntryStatus.RUNNING), None)

    def restore(self) -> int:
        """Take over what an earlier app has not done, held; how many runs that is.

        What was being done when the app ended is to be done again. A damaged file is none.
        """
        if self._path is None or not self._path.is_file() or not self._owned():
            return 0
        try:
            kept = documents.decode(documents.read(self._path), _Document, self._path)
        except (FileNotFoundError, FinnTuiError):
            return 0
        self.entries = [
            QueueEntry(entry.run, entry.board) for entry in kept.entries if not entry.ended
        ]
        self.held = bool(self.entries)
        self._write()
        return len(self.entries)

    def add(self, runs: Iterable[str], board: str) -> list[QueueEntry]:
        """Append runs; those that wait for this board already are left where they are.

        Args:
            runs: ids, in the order in which they are to be done.
            board: the machine.

        Returns:
            The new entries. What had ended goes from the queue if nothing else is in it.
        """
        if all(entry.ended for entry in self.entries):
            self.entries, self.held = [], False
        known = {(entry.run, entry.board) for entry in self.entries if not entry.ended}
        added = [QueueEntry(run, board) for run in runs if (run, board) not in known]
        # One that is tried again has its newest try only.
        again = {(entry.run, entry.board) for entry in added}
        self.entries = [each for each in self.entries if (each.run, each.board) not in again]
        self.entries += added
        self._write()
        return added

    def next(self) -> QueueEntry | None:
        """Return the entry to do now; None while one is done or nothing may be started."""
        if self.held or self.running is not None:
            return None
        return next(iter(self.waiting), None)

    def set(self, entry: QueueEntry, status: EntryStatus, why: str = "", fix: str = "") -> None:
        """Record how far an entry is.

        Args:
            entry: of this queue.
            status: the new one.
            why: the reason, where there is one.
            fix: what can be done about it.
        """
        entry.status, entry.why, entry.fix = status, why, fix
        self._write()

    def remove(self, entry: QueueEntry) -> None:
        """Remove an entry that is not being done."""
        if entry in self.entries and entry.status is not EntryStatus.RUNNING:
            self.entries = [each for each in self.entries if each is not entry]
            self._write()

    def move(self, entry: QueueEntry, by: int) -> None:
        """Move an entry that waits among those that wait.

        Args:
            entry: of this queue.
            by: -1 for earlier, 1 for later.
        """
        waiting = [at for at, each in enumerate(self.entries) if each.waits]
        if not entry.waits:
            return
        place = next(at for at, i in enumerate(waiting) if self.entries[i] is entry)
        if 0 <= place + by < len(waiting):
            one, other = waiting[place], waiting[place + by]
            entries = self.entries
            entries[one], entries[other] = entries[other], entries[one]
            self._write()

    def clear(self) -> None:
        """Remove everything that is not being done."""
        self.entries = [each for each in self.entries if each.status is EntryStatus.RUNNING]
        self.held = False
        self._write()

    def freeze(self) -> None:
        """Write nothing any more: the app ends, and what is running is to be offered again."""
        self._frozen = True

    def close(self) -> None:
        """Let go of the file, for the next app."""
        self.freeze()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _owned(self) -> bool:
        """Whether this process may write the file: no other finn-tui on the workspace does."""
        if self._lock is not None:
            return True
        assert self._path is not None
        import filelock

        lock = filelock.FileLock(self._path.with_suffix(".lock"), timeout=0)
        try:
            lock.acquire()
        except (filelock.Timeout, OSError):
            return False
        self._lock = lock
        return True

    def _write(self) -> None:
        if self._path is None or self._frozen:
            return
        if not self.entries and not self._path.exists():
            return
        try:
            if not self._owned():
                raise FinnTuiError(
                    "the queue is kept in memory only",
                    "Another finn-tui works through this workspace's queue.",
                    "Runs that still wait when this app ends are not offered again.",
                )
            files.replace(self._path, msgspec.json.encode(_Document(1, self.entries)))
            self.problem = None
        except FinnTuiError as error:
            self.problem = error
