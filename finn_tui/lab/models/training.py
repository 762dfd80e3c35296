"""From a network's name and a few options to a training."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.lab.models import checkpoints, datasets, trainable
from finn_tui.lab.models.handling import require_agreed
from finn_tui.lab.models.model_request import resolve
from finn_tui.lab.models.presets import load_presets
from finn_tui.runs.documents import RunKind
from finn_tui.runs.folder import RunFolder, list_runs, run_around
from finn_tui.runs.launch.train import TrainRequest, launch_training

if TYPE_CHECKING:
    from finn_tui.engine.catalogue import EngineSpec
    from finn_tui.engine.client import Engine
    from finn_tui.lab.models.datasets import DatasetPlace
    from finn_tui.lab.models.handling import Consent
    from finn_tui.lab.models.trainable import Trainable
    from finn_tui.lab.workspace import Workspace


class TrainWorkbench(Protocol):
    """What a training needs of the workbench."""

    workspace: Workspace
    ask_steps: Consent | None

    async def spec(self, on_progress: OnProgress = ignore) -> EngineSpec:
        """Return the engine of the workspace."""


class EvaluateWorkbench(Protocol):
    """What an evaluation needs of the workbench."""

    workspace: Workspace
    ask_steps: Consent | None

    async def spec(self, on_progress: OnProgress = ignore) -> EngineSpec:
        """Return the engine of the workspace."""

    async def engine(self, on_progress: OnProgress = ignore) -> Engine:
        """Return the engine of the workspace, running."""


@dataclass(frozen=True)
class TrainOptions:
    """How to train; None where the network's usual value is meant.

    Attributes:
        dataset: name or folder of the data set.
        labels: of CIFAR-100: ``fine`` or ``coarse``.
        download: whether a data set that is not there may be downloaded.
        weights: a training, or a checkpoint file, to begin with.
        values: keys of ``documents.TrainingRequest`` with their values.
    """

    dataset: str | None = None
    labels: str = "fine"
    download: bool = True
    weights: str | None = None
    values: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class TrainOutlook:
    """What can be said of a training before it begins.

    Attributes:
        place: of the data set; None if it is not on this machine.
        wanted: the data set that the network is meant for, empty where nothing says it.
        values: the usual ones, see ``Trainable.usual``.
        images_per_s (images/s): of the newest training of this network here; None without one.
    """

    place: DatasetPlace | None
    wanted: str
    values: Mapping[str, Any]
    images_per_s: float | None


def outlook(workspace: Workspace, network: Trainable) -> TrainOutlook:
    """What a training of a network with the usual values would do.

    Args:
        workspace: where the data set and earlier trainings are looked for.
        network: the network.

    Raises:
        FinnTuiError: there is no such data set.
    """
    wanted = network.dataset or ""
    place = datasets.find(workspace.root, wanted) if wanted else None
    family = place.family if place is not None else "idx" if "mnist" in wanted else "cifar"
    rates = (
        (run.results().get("training") or {}).get("images_per_s")
        for run in list_runs(workspace.runs_dir, RunKind.TRAIN)
        if run.request.model == network.name
    )
    rate = next((float(rate) for rate in rates if isinstance(rate, int | float)), None)
    return TrainOutlook(place, wanted, network.usual(family), rate)


async def train(
    lab: TrainWorkbench, name: str, options: TrainOptions, on_progress: OnProgress = ignore
) -> RunFolder:
    """Begin a training in a process that outlives this one.

    Args:
        lab: the workspace with its engine.
        name: a preset, or a Python file with a network.
        options: how to train.
        on_progress: told of downloads and the start.

    Raises:
        ConsentRequired: nobody agrees to the Python file.
        FinnTuiError: the network cannot be trained, the data set is not there, or the engine does
            not start.
    """
    network = await asyncio.to_thread(trainable.find, name, lab.workspace.root)
    module = network.definition.get("module")
    if module is not None:
        await asyncio.to_thread(require_agreed, {"kind": "module", **module}, lab.ask_steps)
    weights = None
    if options.weights is not None:
        weights = str(await asyncio.to_thread(checkpoints.find, lab.workspace, options.weights))
    # Said before a data set is fetched.
    engine = await lab.spec(on_progress)
    _require_brevitas(engine)
    place = await dataset(lab.workspace, network.dataset, options, on_progress)
    training = {
        "definition": dict(network.definition),
        "dataset": place.folder,
        "dataset_name": place.name,
        "labels": options.labels,
        **network.usual(place.family),
        **{key: value for key, value in (options.values or {}).items() if value is not None},
        "weights": weights,
    }
    settings = lab.workspace.settings
    request = TrainRequest(
        model=network.name,
        training=training,
        engine=engine,
        source={"title": network.title},
        parallel=settings.parallel_builds,
        notify=lab.workspace.agreed_notify(),
    )
    return await launch_training(request, lab.workspace.runs_dir, on_progress=on_progress)


def _require_brevitas(engine: EngineSpec) -> None:
    """Raise ``FinnTuiError`` if an engine is known to have no Brevitas or no torch."""
    if engine.info is None:
        return
    missing = [name for name in ("brevitas", "torch") if engine.info.get(name) is None]
    if missing:
        lacks = " and no ".join(missing)
        raise FinnTuiError(
            f"the engine {engine.name} cannot train or evaluate: it has no {lacks}",
            f"{engine.version} is installed there without.",
            'Use another engine (engine = "finn-plus" in finn-tui.toml); a network that it '
            "exports (finn-tui export) can be prepared with this one.",
            kind=ErrorKind.ENGINE,
        )


async def dataset(
    workspace: Workspace, usual_name: str | None, options: TrainOptions, on_progress: OnProgress
) -> DatasetPlace:
    """The data set that options ask for, or that a network is meant for.

    Args:
        workspace: where it is looked for first.
        usual_name: the data set that the network is meant for.
        options: name or folder of another, and whether it may be downloaded.
        on_progress: told of a download.

    Raises:
        FinnTuiError: as ``datasets.obtain``; or nothing says which one.
    """
    wanted = options.dataset or usual_name
    if wanted is None:
        raise FinnTuiError(
            "no data set is named",
            "Neither the command nor the network says which one.",
            'Name it: --dataset DIR, or [dataset] of a preset, DATASET = "cifar10" in a .py file.',
        )
    return await datasets.obtain(
        workspace.root, wanted, download=options.download, on_progress=on_progress
    )


async def evaluate(
    lab: EvaluateWorkbench,
    name: str,
    options: TrainOptions,
    on_progress: OnProgress = ignore,
) -> dict[str, Any]:
    """Measure the accuracy of a network in software.

    Args:
        lab: the workspace with its engine.
        name: a training's run, a checkpoint file, or a preset or a Python file with the weights
            that it has here.
        options: the data set; of a training, its own if none is named.
        on_progress: told how far it is.

    Returns:
        the accuracy in all and by class, with the data set's true name and the weights.

    Raises:
        ConsentRequired: nobody agrees to the Python file.
        FinnTuiError: there is no such network, or the data set is not there or does not fit.
    """
    request: dict[str, Any] = {"labels": options.labels}
    known, _ = await asyncio.to_thread(load_presets, lab.workspace.root)
    usual_name: str | None = None
    if name in known or trainable.is_module(name):
        source = (await asyncio.to_thread(resolve, lab.workspace, name)).source
        if options.weights is not None:
            path = await asyncio.to_thread(checkpoints.find, lab.workspace, options.weights)
            source = {**source, "weights": {"kind": "checkpoint", "path": str(path)}}
        await asyncio.to_thread(require_agreed, source, lab.ask_steps)
        request["source"] = source
        usual_name = (
            known[name].dataset
            if name in known
            else (await asyncio.to_thread(trainable.of_module, Path(name))).dataset
        )
    else:
        path = await asyncio.to_thread(checkpoints.find, lab.workspace, name)
        request["checkpoint"] = str(path)
        run = await asyncio.to_thread(run_around, path)
        training = run.request.training if run is not None else None
        if training is not None and options.dataset is None:
            usual_name, request["labels"] = training.dataset, training.labels
        if run is not None:
            ask = lab.ask_steps
            request["module"] = await asyncio.to_thread(trainable.require_agreed_run, run, ask)
    _require_brevitas(await lab.spec(on_progress))
    place = await dataset(lab.workspace, usual_name, options, on_progress)
    request["dataset"] = place.folder
    engine = await lab.engine(on_progress)

    def told(event: str, data: Any) -> None:
        if event == "progress":
            on_progress(Progress("evaluate", str(data.get("message")), data.get("fraction")))

    answer: dict[str, Any] = await engine.call("evaluate", request, told)
    return answer
