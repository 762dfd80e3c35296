"""Opening a prepared model for folding: cost tables, and what own builds teach of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from finn_tui.base.progress import OnProgress, Progress
from finn_tui.core.device import Device
from finn_tui.core.editor import Editor
from finn_tui.core.folding import model as foldings
from finn_tui.core.optimize.buildability import refusals
from finn_tui.engine.client import Engine
from finn_tui.lab.foldings import cost_tables
from finn_tui.lab.foldings import saved_foldings as foldings_by_name
from finn_tui.lab.foldings.opened import Opened, default_folding
from finn_tui.lab.models.models import Model
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.folder import list_runs

if TYPE_CHECKING:
    from finn_tui.core.calibrate import Learned
    from finn_tui.core.estimate.platform_shell import Shell


class OpeningWorkbench(Protocol):
    """What opening a model needs of the workbench."""

    workspace: Workspace

    async def engine(self, on_progress: OnProgress) -> Engine:
        """Return the engine, running."""

    async def info(self, on_progress: OnProgress) -> Mapping[str, Any]:
        """Return what the engine says of itself."""


async def open_prepared(
    lab: OpeningWorkbench,
    model: Model,
    device: Device,
    clock_ns: float,
    folding: str | None,
    on_progress: OnProgress,
) -> Opened:
    """Open a prepared model for folding, from cached cost tables where there are any.

    Args:
        lab: the workspace.
        model: prepared for the device.
        device: with its budget.
        clock_ns: period of the clock (ns).
        folding: as of ``Workbench.open``.
        on_progress: told what is going on.

    Raises:
        FinnTuiError: the engine's explanation, or a folding that is not there or not legal.
    """
    for warning in model.warnings:
        if warning["kind"] in ("classes", "padding"):
            on_progress(Progress("WARNING", f"{warning['what']}. {warning['why']}"))
    cached = await asyncio.to_thread(cost_tables.cached_design, model, device)
    if cached is None:
        engine = await lab.engine(on_progress)
        on_progress(Progress("tables", "evaluating FINN's estimates over every legal folding"))
        cached = await cost_tables.compute_design(model, device, engine, on_progress=on_progress)
    design, tables, costs = cached
    shell, learned = await asyncio.to_thread(_own_builds, lab.workspace, device.part)
    info = await lab.info(on_progress)
    costs = replace(costs, shell=shell, fifos_too_high=info.get("fifos_too_high", False))
    start = foldings.ones(design, tables)
    editor = Editor(design, tables, device, clock_ns, start, start, "ones", costs)
    opened = Opened(model, editor, learned)
    name = folding or default_folding(model)
    if folding is None and name == "ones" and refusals(design, start):
        # Vitis HLS cannot take all layers without any parallelism.
        name = foldings_by_name.LEAST
    chosen, notes = foldings_by_name.read(lab.workspace, opened, name)
    opened.editor = Editor(
        design, tables, device, clock_ns, chosen, chosen, foldings_by_name.title(name), costs
    )
    for note in notes:
        on_progress(Progress("folding", note))
    return opened


def _own_builds(workspace: Workspace, part: str) -> tuple[Shell | None, Learned | None]:
    runs = list_runs(workspace.runs_dir)
    if not runs:
        return None, None
    # It brings the readers of all reports, for which the app's start shall not wait.
    from finn_tui.lab.foldings import own_builds

    return own_builds.own(runs, part)
