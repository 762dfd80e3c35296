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
    """The kinds of background work.

    Work of a kind ends when other work of it is started, except where ``CONCURRENT`` names it.
    """

    OPEN = "open"
    GRAPH = "graph"
    NETRON = "netron"
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
    TRAIN = "train"
    UPKEEP = "upkeep"
    CANCEL = "cancel"
    MIRROR = "mirror"
    RUNS = "runs"
    FOLLOW = "follow"
    LOGS = "logs"
    LOG_ERRORS = "log-errors"
    LOG_SEARCH = "log-search"
    LOG_ONLY = "log-only"
    PAGER = "pager"
    BOARD = "board"
    CONSOLE = "console"
    PASTE = "paste"
    DOCTOR = "doctor"
    REACH = "reach"
    HOSTS = "hosts"
    CONNECT = "connect"
    MACHINE = "machine"
    MACHINE_CHANGE = "machine-change"
    SWEEP = "sweep"
    COURSE = "course"
    SAMPLE = "sample"
    KEEP = "keep"
    QUIT = "quit"


#: Work that may be done for several runs or hosts at once.
CONCURRENT = frozenset({WorkKind.UPKEEP, WorkKind.CANCEL, WorkKind.CONNECT})


class WorkResult(Message):
    """A final or intermediate result of background work."""

    kind: ClassVar[WorkKind]


@dataclass
class ProgressUpdated(Message):
    """Background work has progressed."""

    kind: WorkKind
    progress: Progress

    def can_replace(self, message: Message) -> bool:
        """Return whether a newer step of the same stage replaces one that was not handled yet."""
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
    """Background work failed; an internal error names its log."""

    kind: WorkKind
    error: FinnTuiError


@dataclass
class WorkCancelled(Message):
    """Background work was cancelled and not replaced by other work of its kind."""

    kind: WorkKind
