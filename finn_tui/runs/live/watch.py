"""Following a run: its state, its steps and new lines of a log, as they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finn_tui.base.text import clean
from finn_tui.engine.server import runfiles
from finn_tui.runs.documents import StepStatus
from finn_tui.runs.folder import RunFolder, RunState, parse_event
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.logs.tail import Tail

#: Whether the process still lives is looked up less often than the files are.
_RECONCILE_SECONDS = 2.0


#: How the end of a run leaves the step that it was in.
_STEP_ENDS = {name: StepStatus(name) for name in ("failed", "cancelled", "lost")}


@dataclass(frozen=True)
class Step:
    """One step of FINN's builder.

    Attributes:
        name: FINN's name of it.
        status: waiting, running, finished, or how a run ended in it: failed, cancelled, lost.
        seconds: how long it took; so far, if it is running; None if it has not begun.
    """

    name: str
    status: StepStatus
    seconds: float | None = None


@dataclass(frozen=True)
class StateChanged:
    """The state, its step or its error is another."""

    state: RunState


@dataclass(frozen=True)
class StepsChanged:
    """The steps as they are now, all of them."""

    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Noted:
    """Something that the runner had to say: ``level`` info, warning or error."""

    level: str
    text: str


@dataclass(frozen=True)
class LogLines:
    """New lines of the log that is followed."""

    path: Path
    lines: tuple[str, ...]


Update = StateChanged | StepsChanged | Noted | LogLines


class StepList:
    """The steps of a run, put together from its events one by one."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}
        self._began: dict[str, float] = {}
        self._ended: float | None = None

    def take(self, event: dict[str, Any]) -> bool:
        """Take in an event; returns whether it changed the steps."""
        if event["event"] == "steps":
            names, start = event["names"], event.get("start")
            before = names[: names.index(start)] if start in names else []
            # What an earlier attempt has done stays done.
            self._steps = {
                name: self._steps[name]
                if name in before and name in self._steps
                else Step(name, StepStatus.WAITING)
                for name in names
            }
        elif event["event"] == "step":
            name, status = event["name"], event["status"]
            if status == "started":
                self._began[name] = event["t"]
                self._steps[name] = Step(name, StepStatus.RUNNING, 0.0)
            else:
                self._steps[name] = Step(name, StepStatus(status), event.get("seconds"))
        elif event["event"] == "state" and event["state"] in runfiles.FINAL:
            return self.end(event["state"], event["t"])
        else:
            return False
        return True

    def end(self, state: str, at: float) -> bool:
        """The run is over; returns whether a step was still running, which it now is not."""
        open_ = [step for step in self._steps.values() if step.status == StepStatus.RUNNING]
        for step in open_:
            seconds = max(0.0, at - self._began.get(step.name, at))
            self._steps[step.name] = replace(
                step, status=_STEP_ENDS.get(state, StepStatus.FINISHED), seconds=round(seconds, 2)
            )
        return bool(open_)

    def now(self) -> tuple[Step, ...]:
        """The steps, the running one with its time so far."""
        return tuple(
            replace(step, seconds=max(0.0, time.time() - self._began[step.name]))
            if step.status == StepStatus.RUNNING
            else step
            for step in self._steps.values()
        )


def steps(run: RunFolder) -> tuple[Step, ...]:
    """The steps of a run with their state and time; empty before the builder has named them.

    Raises:
        FinnTuiError: state.json is missing or broken.
    """
    found = StepList()
    for event in run.events():
        found.take(event)
    state = run.state()
    if state.final:
        # Events are left out when the disk is full; the state never is.
        found.end(state.state, state.heartbeat)
    return found.now()


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
    found = StepList()
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
                yield Noted(event.get("level", "info"), clean(event.get("text", "")))
            changed |= found.take(event)
        if state.final:
            changed |= found.end(state.state, state.heartbeat)
        if changed:
            yield StepsChanged(found.now())
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
        return of.state, of.step, of.step_count, of.position, of.attempt

    return news(state) != news(shown)
