"""Starting a training: a run like a build, in the engine's environment."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.engine.archive import engine_archive
from finn_tui.engine.catalogue import EngineSpec, require_here
from finn_tui.runs.documents import RunKind
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch.launch import check_disk, engine_document, make_run_folder, start_runner


@dataclass(frozen=True)
class TrainRequest:
    """What to train.

    Attributes:
        model: the network's name.
        training: how, as ``documents.TrainingRequest`` describes it.
        engine: whose environment trains.
        source: where the network comes from.
        parallel: how many runs of the workspace work at once; the others wait.
        notify: the user's shell command to start at the end, empty for none.
    """

    model: str
    training: Mapping[str, Any]
    engine: EngineSpec
    source: Mapping[str, Any] = field(default_factory=dict)
    parallel: int = 1
    notify: str = ""


async def launch_training(
    request: TrainRequest, runs_dir: Path, *, on_progress: OnProgress = ignore
) -> RunFolder:
    """Begin a training in a process of its own, which outlives this one, and return its run.

    Returns when the runner has said that it runs or waits for its turn.

    Args:
        request: what to train.
        runs_dir: of the workspace.
        on_progress: told what is going on.

    Raises:
        FinnTuiError: the disk is too small (kind "disk"), or the engine's Python does not start
            (kind "engine").
    """
    require_here(request.engine)
    await asyncio.to_thread(check_disk, runs_dir, True)
    archive = await asyncio.to_thread(engine_archive)
    document = {
        "kind": RunKind.TRAIN,
        "model": request.model,
        "engine": engine_document(request.engine),
        "training": dict(request.training),
        "source": dict(request.source),
    }
    run = await asyncio.to_thread(make_run_folder, runs_dir, document, archive, lambda folder: None)
    on_progress(Progress("train", f"starting {run.id}"))
    await start_runner(run, request.engine, None, request.parallel, request.notify)
    return run
