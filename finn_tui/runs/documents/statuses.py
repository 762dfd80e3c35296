"""States and kinds of runs, and times, in a run folder's documents."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from finn_tui.engine.server.runs import runfiles


class RunStatus(StrEnum):
    """Where a build stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self in FINAL


class RunKind(StrEnum):
    """What a run does."""

    BUILD = "build"
    TRAIN = "train"


class StepStatus(StrEnum):
    """Where one step of a build stands; the last three are how a run ended in it."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


FINAL = frozenset(RunStatus(name) for name in runfiles.FINAL)


Time = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d",
        description="A time in ISO 8601, such as 2026-01-02T03:04:05+00:00.",
    ),
]
