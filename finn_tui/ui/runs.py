"""What the Runs screen tells of builds; no widget needed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from finn_tui.ui.state import AppState, RunView
from finn_tui.ui.text import brief
from finn_tui.ui.widgets.listing import Cell, Column, Content, Row

if TYPE_CHECKING:
    from finn_tui.runs.watch import Step, Update

#: A sign and a colour for each state, so that none is told by colour alone.
_SIGNS = {
    "queued": ("◌", "dim"),
    "waiting": ("·", "faint"),
    "running": ("▸", "accent"),
    "succeeded": ("✓", "good"),
    "finished": ("✓", "good"),
    "failed": ("✗", "bad"),
    "cancelled": ("■", "warn"),
    "lost": ("?", "bad"),
}


def sign(state: str) -> Cell:
    """The sign of a state."""
    return _SIGNS.get(state, ("?", "bad"))


def _age(created: str) -> str:
    try:
        then = datetime.fromisoformat(created)
    except ValueError:
        return ""
    seconds = (datetime.now(UTC) - then).total_seconds()
    if seconds < 3600:
        return f"{seconds // 60:.0f} min" if seconds >= 60 else "now"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} d"


def state_cell(run: RunView) -> Cell:
    """The state of a run in a word, with its step while it runs."""
    state = run.state
    mark, role = sign(state.state)
    if state.state == "running" and state.step_count:
        return (
            f"{mark} {state.step_index}/{state.step_count} {_step_name(state.step or '')}",
            role,
        )
    if state.position:
        return (f"{mark} queued, {state.position} in line", role)
    return (f"{mark} {state.state}", role)


def _step_name(step: str) -> str:
    return step.removeprefix("step_")


def runs(found: Sequence[RunView], width: int) -> Content:
    """The list of runs, newest first."""
    wide = width >= 100
    rows = []
    for run in found:
        cells: list[Cell] = [
            (run.id[-4:] if not wide else run.id, "quiet"),
            (run.request.model, "strong"),
            (run.request.folding_name, ""),
            state_cell(run),
            (brief(run.state.seconds), ""),
            (_age(run.request.created), "dim"),
            ("SIMULATED" if run.simulated else "", "sim"),
        ]
        rows.append(Row(run.id, cells, run.id))
    columns = [
        Column("run", 31 if wide else 4),
        Column("model", 10),
        Column("folding"),
        Column("state", 30 if wide else 24),
        Column("time", 6, True),
        Column("age", 6, True),
        Column("", 9),
    ]
    return Content(columns, rows, "no runs yet; b builds the present folding")


def steps(found: Sequence[Step], read_at: float, final: bool) -> Content:
    """The steps of a run with their times."""
    rows = []
    for step in found:
        mark, role = sign(step.status)
        seconds = step.seconds
        if step.status == "running" and seconds is not None and not final:
            seconds += time.monotonic() - read_at
        took = "" if seconds is None else brief(seconds)
        rows.append(
            Row(
                step.name,
                [
                    (mark, role),
                    (_step_name(step.name), "faint" if step.status == "waiting" else ""),
                    (took, "dim"),
                ],
            )
        )
    columns = [Column("", 1), Column("step"), Column("time", 6, True)]
    return Content(columns, rows, "the steps are named once the builder has started")


def present(found: Sequence[Step]) -> str | None:
    """The step that matters now: the running one, else the one it ended in, else the last."""
    for status in ("running", "failed", "cancelled", "lost"):
        for step in found:
            if step.status == status:
                return step.name
    done = [step.name for step in found if step.status == "finished"]
    return done[-1] if done else None


def take_update(state: AppState, run: str, update: Update) -> None:
    """Change the state with one piece of news of the run that is followed."""
    from finn_tui.runs import watch

    view = state.runs_view
    if isinstance(update, watch.StepsChanged):
        view.steps, view.steps_at = update.steps, time.monotonic()
    elif isinstance(update, watch.Noted):
        view.noted = update
    elif isinstance(update, watch.StateChanged):
        from dataclasses import replace

        state.runs = tuple(
            replace(one, state=replace(update.state, heartbeat=0.0)) if one.id == run else one
            for one in state.runs
        )
