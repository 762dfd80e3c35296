"""Following the run that the Runs screen shows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from finn_tui.runs.documents import RunKind
from finn_tui.ui.context import AppContext
from finn_tui.ui.controllers import training
from finn_tui.ui.controllers.run_reader import cause_of_failure
from finn_tui.ui.messages import WorkKind, WorkResult

if TYPE_CHECKING:
    from finn_tui.runs.analysis.diagnosis import Diagnosis
    from finn_tui.runs.eta import Eta
    from finn_tui.runs.folder import RunFolder
    from finn_tui.runs.live.snapshot import RunSnapshot

#: So long the cursor rests on a run before its files are read.
_REST_SECONDS = 0.1


@dataclass
class SnapshotTaken(WorkResult):
    """The present state of the run on the Runs screen.

    Attributes:
        eta: what is still to come of it.
        cause: why it failed, once it has.
        usual: seconds that its steps usually take; before the builder has named its steps, those
            that it will most likely have.
    """

    kind = WorkKind.FOLLOW
    run: str
    snapshot: RunSnapshot
    eta: Eta | None = None
    cause: Diagnosis | None = None
    usual: Mapping[str, float] = field(default_factory=dict)


async def follow(context: AppContext, run: RunFolder) -> None:
    """Post snapshots of a run until it ends; at the end, why it failed.

    Args:
        context: of the app.
        run: a run of the workspace.
    """
    # A key that is held passes over runs: only the one it rests on is worth reading files.
    await asyncio.sleep(_REST_SECONDS)
    if (await asyncio.to_thread(lambda: run.kind)) is RunKind.TRAIN:
        await training.follow(context, run)
        return
    from finn_tui.runs.eta import Kind, estimate, expected, past_builds, usual_steps
    from finn_tui.runs.live.snapshot import pictures

    kind = Kind.of(run.request)
    others = [view.folder for view in context.state.runs if view.id != run.id]
    history = await asyncio.to_thread(past_builds, others)
    async for snapshot in pictures(run):
        usual = usual_steps(kind, history, [step.name for step in snapshot.steps])
        if snapshot.steps:
            eta = estimate(snapshot.steps, kind, history, snapshot)
        else:
            eta = expected(kind, history)
        cause = snapshot.findings[0] if snapshot.findings else None
        context.post_message(SnapshotTaken(run.id, snapshot, eta, cause, usual))
    state = (await asyncio.to_thread(run.state)).state
    if state == "succeeded" and cause is not None and cause.id != "timing-missed":
        # It was no cause of anything, whatever a log says.
        context.post_message(SnapshotTaken(run.id, snapshot, None, None))
    elif state == "failed":
        # All files together tell more: which layers use most, what only reports say.
        cause = (await asyncio.to_thread(cause_of_failure, run)) or cause
        context.post_message(SnapshotTaken(run.id, snapshot, None, cause))
