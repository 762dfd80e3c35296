"""Several runs on one board, one after the other, each with what became of it.

The queue is the app's (``board_queue``), in memory only. A failure does not stop the others; a line
that breaks ends its run, and the others are done over the next connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress
from finn_tui.lab.boards.board_queue import BoardQueue, EntryStatus, QueueEntry

if TYPE_CHECKING:
    from finn_tui.board.results import Outcome
    from finn_tui.board.transport import Transport


@dataclass
class SeriesItem:
    """A run of a series.

    Attributes:
        folder: the run folder.
        dataset: what it is validated on; None for its own test set.
        outcome: what was done, once it is.
        error: why it was not done, or what of it failed.
    """

    folder: Path
    dataset: Path | None = None
    outcome: Outcome | None = None
    error: FinnTuiError | None = None


Measure = Callable[["Transport", SeriesItem, OnProgress], Awaitable["Outcome"]]


class BoardSeries:
    """Runs that are measured on a board in their order."""

    def __init__(
        self,
        items: Sequence[SeriesItem],
        board: str,
        measure: Measure,
        asks: Callable[[FinnTuiError], bool],
        say: Callable[[str], None],
    ) -> None:
        """Make the queue; items with an error are not measured.

        Args:
            items: the runs, each once.
            board: its name.
            measure: does all that ``go`` does with one of them.
            asks: whether an error asks the user something; it is passed on, and the run waits.
            say: told which run begins and how each ended.
        """
        self.items = {item.folder.name: item for item in items}
        self.queue = BoardQueue()
        self._measure = measure
        self._asks = asks
        self._say = say
        for entry in self.queue.add(self.items, board):
            error = self.items[entry.run].error
            if error is not None:
                self._fail(entry, error)

    def entry(self, item: SeriesItem) -> QueueEntry:
        """How far a run is."""
        return next(each for each in self.queue.entries if each.run == item.folder.name)

    async def work(self, link: Transport, on_progress: OnProgress) -> None:
        """Measure what waits, as long as the connection lasts.

        Raises:
            FinnTuiError: the user is asked something; the run waits for the answer.
        """
        while (entry := self.queue.next()) is not None:
            item = self.items[entry.run]
            place = self.queue.entries.index(entry) + 1
            self._say(f"run {place} of {len(self.queue.entries)}: {entry.run}")
            self.queue.set(entry, EntryStatus.RUNNING)
            try:
                item.outcome = await self._measure(link, item, on_progress)
            except FinnTuiError as error:
                if self._asks(error):
                    self.queue.set(entry, EntryStatus.WAITING)
                    raise
                self._fail(entry, error)
                if link.is_closed:
                    return
            except BaseException:
                self.queue.set(entry, EntryStatus.STOPPED)
                raise
            else:
                self._ended(entry, item.outcome)

    def fail_waiting(self, error: FinnTuiError) -> None:
        """Record that the board cannot be reached for what still waits."""
        for entry in self.queue.waiting:
            self._fail(entry, error)

    @property
    def done(self) -> int:
        """How many runs were measured and are as in software."""
        return sum(entry.status is EntryStatus.DONE for entry in self.queue.entries)

    def _ended(self, entry: QueueEntry, outcome: Outcome) -> None:
        failures = outcome.failures
        if not failures:
            self.queue.set(entry, EntryStatus.DONE)
            return
        self.items[entry.run].error = error = failures[0]
        differs = error.kind is ErrorKind.BOARD
        status = EntryStatus.DIFFERS if differs else EntryStatus.FAILED
        self.queue.set(entry, status, f"{error.what}. {error.why}", error.fix)
        self._say(f"{entry.run}: {status}: {error.what}")

    def _fail(self, entry: QueueEntry, error: FinnTuiError) -> None:
        self.items[entry.run].error = error
        self.queue.set(entry, EntryStatus.FAILED, f"{error.what}. {error.why}", error.fix)
        self._say(f"{entry.run}: failed: {error.what}")
