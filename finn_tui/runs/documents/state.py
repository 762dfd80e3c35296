"""``state.json`` and ``events.jsonl``: where a run is and what has happened."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import clean
from finn_tui.runs.documents.statuses import RunStatus, Time


class RunError(Struct, frozen=True):
    """An error: what happened, why, and what to do.

    Attributes:
        kind: a word for programs: ``tools``, ``finn``, ``disk``, ``engine``, ``lost``, ...
        what: what happened, one sentence.
        why: what it means or where it comes from; may be empty.
        fix: what can be done; may be empty.
        detail: a long text, such as an excerpt of a log; may be empty.
    """

    kind: str = ""
    what: str = ""
    why: str = ""
    fix: str = ""
    detail: str = ""


class RunState(Struct, frozen=True):
    """Where a build is: ``state.json``; replaced in one go by the runner.

    Attributes:
        state: queued, running, succeeded, failed, cancelled or lost.
        step: FINN's name of the step it is in.
        step_index: the step's place, from 1.
        step_count: how many steps there are.
        pid: the runner's process.
        pid_started (s since the epoch): when that process began.
        pid_ticks (clock ticks since boot): when that process began, by the kernel.
        host: the machine's name, for people.
        machine: which machine it is; null in documents of version 0.1, as the next two.
        boot: which start of the machine it was.
        pid_namespace: which container it was, by its process namespace.
        heartbeat (s since the epoch): when the runner last said that it lives.
        position: its place among the builds that wait for their turn, from 1; null if it does not.
        attempt: 1, and one more for each time that it was resumed.
        start_step: the step that this attempt went on at; null for the first.
        started: when the build began, ISO 8601 in UTC.
        ended: when it ended, ISO 8601 in UTC.
        error_document: why it is failed or lost.
        scheduler: ``slurm`` if its job starts, ends and restarts the runner; null without one.
        job: what the scheduler calls that job: ``12``, ``12_3``; null before it has begun.
        waiting: why it waits, where a scheduler says so; not in the file.
    """

    state: RunStatus
    step: str | None = None
    step_index: int = 0
    step_count: int = 0
    pid: int | None = None
    pid_started: float | None = None
    pid_ticks: int | None = None
    host: str = ""
    machine: str | None = None
    boot: str | None = None
    pid_namespace: int | None = None
    heartbeat: float = 0.0
    position: int | None = None
    attempt: int = 1
    start_step: str | None = msgspec.field(default=None, name="from")
    started: Time | None = None
    ended: Time | None = None
    error_document: RunError | None = msgspec.field(default=None, name="error")
    scheduler: str | None = None
    job: str | None = None
    waiting: str | None = None

    @property
    def error(self) -> FinnTuiError | None:
        """Why it is failed or lost."""
        if self.error_document is None:
            return None
        # It may quote a tool's log.
        fields = msgspec.structs.asdict(self.error_document)
        return FinnTuiError.from_dict({key: clean(text) for key, text in fields.items()})

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self.state.final

    @property
    def seconds(self) -> float:
        """How long it has been at it, or how long it took; 0 before it starts."""
        start, end = _time(self.started), _time(self.ended)
        if start is None:
            return 0.0
        if self.state is RunStatus.QUEUED:
            # A scheduler will start it again: it does not work meanwhile.
            return max(0.0, self.heartbeat - start.timestamp())
        return max(0.0, ((end or datetime.now(UTC)) - start).total_seconds())

    @property
    def ended_at(self) -> float | None:
        """When it ended, in seconds since the epoch, by the clock of its machine."""
        end = _time(self.ended) if self.final else None
        return end.timestamp() if end is not None else None

    @property
    def queue_text(self) -> str:
        """Its place in the line and why it waits, for one line; empty if it does not wait."""
        place = f"number {self.position} in line" if self.position else ""
        return ": ".join(part for part in (place, self.waiting) if part)

    def as_dict(self) -> dict[str, Any]:
        """The document as state.json holds it."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


def _time(text: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


class RunEvent(Struct, frozen=True):
    """A line of ``events.jsonl``: what happened, oldest first.

    Attributes:
        t (s since the epoch): when.
        event: ``state``, ``steps``, ``step`` or ``log``; of a training ``training``, ``batch``
            and ``epoch``.
        state: of ``state``: what the run became.
        error: of ``state``: why it is failed or lost.
        names: of ``steps``: the steps that will be done, by FINN's names.
        start: of ``steps``: the first of them that is not done yet.
        name: of ``step``: FINN's name of it.
        status: of ``step``: ``started``, ``finished`` or ``failed``.
        seconds (s): of ``step``: how long it took.
        level: of ``log``: ``info``, ``warning`` or ``error``.
        text: of ``log``: what the runner had to say.
        epochs: of ``training``: how many there will be.
        first: of ``training``: the epoch that is begun with, or gone on with.
        images: of ``training``: in one epoch; of ``batch``: of its epoch, so far.
        epoch: of ``batch`` and ``epoch``: its number, from 1.
        loss: of ``batch`` and ``epoch``: mean over the images of the epoch so far.
        accuracy (%): of ``batch``: on the training images of the epoch so far; of ``epoch``: on
            the images that choose the best one.
        train_accuracy (%): of ``epoch``: on its training images.
        lr: of ``batch`` and ``epoch``: the learning rate.
        images_per_s (images/s): of ``batch``: since the one before.
    """

    t: float
    event: str
    state: str | None = None
    error: RunError | None = None
    names: tuple[str, ...] | None = None
    start: str | None = None
    name: str | None = None
    status: Literal["started", "finished", "failed"] | None = None
    seconds: float | None = None
    level: str | None = None
    text: str | None = None
    epochs: int | None = None
    first: int | None = None
    images: int | None = None
    epoch: int | None = None
    loss: float | None = None
    accuracy: float | None = None
    train_accuracy: float | None = None
    lr: float | None = None
    images_per_s: float | None = None
