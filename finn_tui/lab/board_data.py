"""What a board's work needs from this machine: a data set, and the network in software."""

from __future__ import annotations

import asyncio
from pathlib import Path

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.board import validation_set
from finn_tui.board.package import package
from finn_tui.engine.server.runs import runfiles
from finn_tui.engine.server.training.published import DIGITS28
from finn_tui.lab.models import datasets
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.folder import RunFolder

#: Below the run folder: the dataflow graph as arithmetic, see ``board/reference``.
_NETWORK = Path("software", "network.npz")


async def dataset_for(
    workspace: Workspace,
    run: RunFolder,
    chosen: str | None = None,
    *,
    download: bool = True,
    on_progress: OnProgress = ignore,
) -> Path | None:
    """Return what a run is validated on: an .npz file or a folder; None for what the run brings.

    Without a choice: the user's own data set for this model, what the run brings in ``dataset/``,
    or the published set that it is for, found on this machine or downloaded. That this set cannot
    be had is no error here: the validation says so.

    Args:
        workspace: of the run.
        run: the run.
        chosen: an .npz file, a folder, or the name of a published data set.
        download: whether the network may be asked.
        on_progress: told of a download.

    Raises:
        FinnTuiError: what was chosen is not there, or does not fit the network.
    """
    path = await _dataset_for(workspace, run, chosen, download=download, on_progress=on_progress)
    if path is not None:
        on_progress(Progress("dataset", f"looking at {path.name}"))
        await asyncio.to_thread(_check, run.path, path)
    return path


def _check(run: Path, dataset: Path) -> None:
    """Refuse a data set that a run cannot be validated on, before a board is connected to."""
    try:
        what = package(run)
    except FinnTuiError:
        # Said by what is done with it.
        return
    validation_set.read(what, dataset)


async def _dataset_for(
    workspace: Workspace,
    run: RunFolder,
    chosen: str | None,
    *,
    download: bool,
    on_progress: OnProgress,
) -> Path | None:
    if chosen is not None:
        path = Path(chosen).expanduser()
        if path.is_file():
            return path
        if chosen == DIGITS28:
            raise FinnTuiError(
                f"{DIGITS28} has no files of its own",
                "A run of a network that was trained on it brings it along.",
                "Leave --dataset out for such a run.",
            )
        place = await datasets.obtain(
            workspace.root, chosen, download=download, on_progress=on_progress
        )
        return Path(place.folder)
    if not (run.path / runfiles.RUN).is_file():
        # A package by itself: what its driver is for, if it says so, is looked for here.
        return None
    own = workspace.dataset(run.request.model)
    name = run.request.dataset
    if own is not None or name is None or _brings_images(run.path / "dataset"):
        return own
    try:
        place = await datasets.obtain(
            workspace.root, name, download=download, on_progress=on_progress
        )
    except FinnTuiError as error:
        if error.kind is not ErrorKind.INPUT:
            raise
        return None
    return Path(place.folder)


def _brings_images(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


async def write_network(lab: Workbench, run: RunFolder, on_progress: OnProgress = ignore) -> None:
    """Have the engine write the run's dataflow graph as arithmetic, if it is not there.

    Boards are compared with it on any image. A graph that it cannot express, or an engine that
    cannot be had, leaves nothing: the board's work goes on without.

    Args:
        lab: has the engine.
        run: the run.
        on_progress: told what is done.
    """
    graph, target = run.path / "model.onnx", run.path / _NETWORK
    known = (target, run.path / "rehearsal" / "network.npz")
    if any(path.is_file() for path in known) or not graph.is_file():
        return
    try:
        engine = await lab.engine(on_progress)
        on_progress(Progress("reference", "writing down the dataflow graph for the comparison"))
        await asyncio.to_thread(target.parent.mkdir, exist_ok=True)
        await engine.call("netlist", {"path": str(graph), "output": str(target)})
    except (FinnTuiError, OSError) as error:
        on_progress(Progress("reference", f"no software to compare with: {error}"))
