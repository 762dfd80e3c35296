"""Messages of background work: what every kind of work posts.

The results of a kind are classes of the feature that shows them. The app looks every message up
in one table by its kind of work, see ``FinnTuiApp.work_table``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

if TYPE_CHECKING:
    from finn_tui.base.errors import FinnTuiError
    from finn_tui.base.progress import Progress


class WorkKind(StrEnum):
    """Everything that the app does in the background.

    Work of a kind ends when other work of it is started, except where ``CONCURRENT`` names it.
    """

    OPEN = "open"
    GRAPH = "graph"
    TARGETS = "targets"
    FOLDINGS = "foldings"
    VALUES = "values"
    PRICES = "prices"
    ADVICE = "advice"
    FASTEST = "fastest"
    SOLVE = "solve"
    FRONT = "front"
    OUTLOOK = "outlook"
    BUILD = "build"
    REBUILD = "rebuild"
    UPKEEP = "upkeep"
    CANCEL = "cancel"
    RUNS = "runs"
    FOLLOW = "follow"
    LOGS = "logs"
    LOG_ERRORS = "log-errors"
    LOG_SEARCH = "log-search"
    LOG_ONLY = "log-only"
    PAGER = "pager"
    BOARD = "board"
    SAMPLE = "sample"
    KEEP = "keep"
    QUIT = "quit"


#: Work that may be done for several runs at once.
CONCURRENT = frozenset({WorkKind.UPKEEP, WorkKind.CANCEL})


class WorkResult(Message):
    """What work of a kind has found out, at its end or on its way."""

    kind: ClassVar[WorkKind]


@dataclass
class ProgressUpdated(Message):
    """Work is one step further."""

    kind: WorkKind
    progress: Progress

    def can_replace(self, message: Message) -> bool:
        """A newer figure of the same stage takes the place of one that nobody has seen yet."""
        return (
            isinstance(message, ProgressUpdated)
            and message.kind == self.kind
            and message.progress.stage == self.progress.stage
            and not self.progress.data.get("log")
            and self.progress.fraction is not None
            and message.progress.fraction is not None
        )


@dataclass
class WorkFailed(Message):
    """Work ended with an error; a defect of finn-tui comes as one that names its log."""

    kind: WorkKind
    error: FinnTuiError


@dataclass
class WorkCancelled(Message):
    """Work was cancelled, and no other of its kind took its place."""

    kind: WorkKind
