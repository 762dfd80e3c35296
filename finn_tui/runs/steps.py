"""The steps of FINN's builder in a run, put together from its events."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from finn_tui.engine.server.runs import runfiles
from finn_tui.runs.documents import StepStatus
from finn_tui.runs.folder import RunFolder

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


class StepList:
    """The steps of a run, put together from its events one by one."""

    def __init__(self, clock_shift: Callable[[], float] = lambda: 0.0) -> None:
        """Without steps yet.

        Args:
            clock_shift (s): what the clock of the events is before this machine's.
        """
        self._clock_shift = clock_shift
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
            return self._end(event["state"], event["t"])
        else:
            return False
        return True

    def end(self, state: str, at: float) -> bool:
        """The run is over; returns whether a step was still running, which it now is not.

        Args:
            state: in which it ended.
            at (s since the epoch): when, by this machine's clock.
        """
        return self._end(state, at + self._clock_shift())

    def _end(self, state: str, at: float) -> bool:
        open_ = [step for step in self._steps.values() if step.status == StepStatus.RUNNING]
        for step in open_:
            seconds = max(0.0, at - self._began.get(step.name, at))
            self._steps[step.name] = replace(
                step, status=_STEP_ENDS.get(state, StepStatus.FINISHED), seconds=round(seconds, 2)
            )
        return bool(open_)

    def now(self) -> tuple[Step, ...]:
        """The steps, the running one with its time so far."""
        now = time.time() + self._clock_shift()
        return tuple(
            replace(step, seconds=max(0.0, now - self._began[step.name]))
            if step.status == StepStatus.RUNNING
            else step
            for step in self._steps.values()
        )


def steps(run: RunFolder) -> tuple[Step, ...]:
    """Return the steps of a run with state and time; none before the builder has named them.

    Raises:
        FinnTuiError: state.json is missing or broken.
    """
    steps = StepList(run.clock_shift)
    for event in run.events():
        steps.take(event)
    state = run.state()
    if state.final:
        # Events are left out when the disk is full; the state never is.
        steps.end(state.state, state.heartbeat)
    return steps.now()
