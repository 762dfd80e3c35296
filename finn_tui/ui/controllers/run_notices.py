"""What is said when runs have ended: of a few one by one, of many, as of a job array, together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from finn_tui.ui.state import RunView

#: Runs that end between two looks and are told of one by one.
_MOST_NOTICES = 3


@dataclass(frozen=True)
class RunNotice:
    """One notice.

    Attributes:
        text: what has ended, and what can be done next.
        alert: what has ended, for the terminal's own alert.
        title: of the notice.
        severity: of the notice.
    """

    text: str
    alert: str
    title: str
    severity: Literal["information", "warning", "error"]


def run_notices(runs: Sequence[RunView]) -> list[RunNotice]:
    """Return what is said of runs that have ended since the last look.

    Args:
        runs: those that have ended.
    """
    if len(runs) <= _MOST_NOTICES:
        return [_notice(run) for run in runs]
    counts = Counter(str(run.state.state) for run in runs)
    simulated = " SIMULATED" if any(run.simulated for run in runs) else ""
    parts = ", ".join(f"{count} {state}" for state, count in counts.most_common())
    text = f"{len(runs)} runs have ended: {parts}{simulated}"
    good = set(counts) == {"succeeded"}
    return [
        RunNotice(f"{text}; Runs lists them", text, "runs", "information" if good else "warning")
    ]


def _notice(run: RunView) -> RunNotice:
    id, state = run.id, run.state.state
    mark = " SIMULATED" if run.simulated else ""
    then = "; d deploys and validates it" if run.built else "; e on Runs shows why"
    if run.request.is_training and state == "succeeded":
        then = f"; finn-tui prepare {run.request.model} --checkpoint {id} takes its weights"
    ended = f"{id}: {state}{mark}"
    severity: Literal["information", "error"] = "information" if state == "succeeded" else "error"
    return RunNotice(f"{ended}{then}", ended, run.request.kind, severity)
