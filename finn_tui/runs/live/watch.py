"""Following a run: its state, its steps and new lines of a log, as they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from finn_tui.base.text import clean
from finn_tui.engine.server.runs import runfiles
from finn_tui.runs.folder import RunFolder, RunState, parse_event
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.logs.tail import Tail
from finn_tui.runs.steps import Step, StepList

#: Whether the process still lives is looked up less often than the files are.
_RECONCILE_SECONDS = 2.0


@dataclass(frozen=True)
class StateChanged:
    """The state, its step or its error is another."""

    state: RunState


@dataclass(frozen=True)
class StepsChanged:
    """The steps as they are now, all of them."""

    steps: tuple[Step, ...]


@dataclass(frozen=True)
class RunnerMessage:
    """Something that the runner had to say: ``level`` info, warning or error."""

    level: str
    text: str


@dataclass(frozen=True)
class LogLines:
    """New lines of the log that is followed."""

    path: Path
    lines: tuple[str, ...]


Update = StateChanged | StepsChanged | RunnerMessage | LogLines


async def follow(
    run: RunFolder,
    *,
    log: Path | None = None,
    last: int | None = None,
    poll: float = 0.25,
) -> AsyncIterator[Update]:
    """What is so, and then what changes, until the run has ended and its log is read.

    Every file is read once, from where it was left; a run that has ended gives what there is.

    Args:
        log: the log to follow; default runner.log.
        last: begin the log this many bytes before its end; None: at its top.
        poll: seconds between looks.

    Raises:
        FinnTuiError: state.json is missing or broken.
    """
    path = log or run.log
    tail = Tail(path, last=last)
    events = Tail(run.path / runfiles.EVENTS)
    steps = StepList(run.clock_shift)
    shown: RunState | None = None
    looked = 0.0
    while True:
        now = time.monotonic()
        if now - looked > _RECONCILE_SECONDS:
            state, looked = await asyncio.to_thread(reconcile, run), now
        else:
            state = await asyncio.to_thread(run.state)
        # The state was read first: whatever was written before it is read below.
        if shown is None or _differs(state, shown):
            shown = state
            yield StateChanged(state)
        changed = False
        for line in await asyncio.to_thread(events.read):
            event = parse_event(line)
            if event is None:
                continue
            if event["event"] == "log":
                yield RunnerMessage(event.get("level", "info"), clean(event.get("text", "")))
            changed |= steps.take(event)
        if state.final:
            changed |= steps.end(state.state, state.heartbeat)
        if changed:
            yield StepsChanged(steps.now())
        while new := await asyncio.to_thread(tail.read):
            yield LogLines(path, tuple(new))
        if state.final:
            rest = tail.rest()
            if rest:
                yield LogLines(path, tuple(rest))
            return
        await asyncio.sleep(poll)


def _differs(state: RunState, shown: RunState) -> bool:
    def news(of: RunState) -> tuple[object, ...]:
        return of.state, of.step, of.step_count, of.position, of.attempt, of.waiting

    return news(state) != news(shown)
