"""Validation on a board: the named test set, a user's own data set, or the run's samples.

Whatever else is measured, the board's outputs for the run's samples are compared with those of the
software; a run without a test set is compared and not validated, which is no failure.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from finn_tui.base import files, paths
from finn_tui.base.dataset_help import ACCEPTED
from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.board import comparison, own_dataset
from finn_tui.board.agent_session import Conversation
from finn_tui.board.answers import ValidateAnswer
from finn_tui.board.comparison import Comparison
from finn_tui.board.deploy import send_files
from finn_tui.board.own_dataset import OwnDataset
from finn_tui.board.package import (
    Package,
    dataset_folder,
    most_images,
    shown_name,
    validation_files,
)
from finn_tui.board.request import (
    BoardRequest,
    SampleOutputs,
    compare_with_software,
    load_sample,
    ready,
    record,
    timeout,
)
from finn_tui.board.results import Validation
from finn_tui.board.transport import Transport


async def validate(
    link: Transport,
    run: Path,
    on_progress: OnProgress = ignore,
    *,
    batch: int = 100,
    limit: int | None = None,
    dataset: Path | None = None,
    agent: Conversation | None = None,
) -> Validation:
    """Measure the accuracy on the board, and compare it with the software.

    Progress carries ``accuracy`` (percent so far), ``done``, ``total`` and ``ok``.

    Args:
        batch: at most so many images at a time; of a named test set the largest number that divides
            it.
        limit: only the first so many images.
        dataset: a user's own .npz instead of the run's named test set.
        agent: one that runs already; else one is started.

    Raises:
        FinnTuiError: the data set cannot be used (kind "input"), or what the board says.
    """
    what = await ready(link, run)
    own = None
    if dataset is not None:
        own = await asyncio.to_thread(own_dataset.read, dataset, what.about)
    request = BoardRequest(link, what, "validate", on_progress, agent)
    async with request.talking():
        if own is None:
            done = await _named(request, what, run, batch, limit)
        else:
            done = await _own(link, request, what, run, own, batch, limit)
        if done.comparison is None:
            compared = await _samples(request, what, batch, limit)
            # What has no FPGA may have said so only now.
            done = replace(done, comparison=compared, simulated=request.simulated)
    parts: dict[str, Any] = {"comparison": done.comparison_dict()}
    if done.percent is not None:
        parts["accuracy"] = done.accuracy_dict()
    await asyncio.to_thread(record, run, parts)
    request.say(done.text(), 1.0)
    return done


async def _named(
    request: BoardRequest, what: Package, run: Path, batch: int, limit: int | None
) -> Validation:
    """The run's named test set; without one nothing is measured, and why is noted."""
    try:
        test_set = await asyncio.to_thread(validation_files, what)
    except FinnTuiError as error:
        if error.kind is not ErrorKind.INPUT:
            raise
        return Validation(
            board=request.board, simulated=request.simulated, note=f"{error.what}. {error.fix}"
        )
    folder = await asyncio.to_thread(dataset_folder, test_set)
    most = await asyncio.to_thread(most_images, test_set)
    if limit is not None:
        most = limit if most is None else min(limit, most)
    answer = await request.ask(
        ValidateAnswer,
        most=most,
        batch=batch,
        limit=limit,
        dataset=what.dataset,
        dataset_path=folder,
        timeout=timeout(what, batch),
    )
    done = Validation(
        board=request.board,
        simulated=request.simulated,
        dataset=shown_name(what, test_set),
        batch=answer.batch,
        clock_mhz=answer.clock_mhz,
    )
    predictions, labels = np.array(answer.predictions), np.array(answer.labels)
    compared = await asyncio.to_thread(_same_set, what, predictions, labels)
    if compared is not None:
        done = replace(done, comparison=compared, software_same=compared.classes_same)
    return await _measured(run, done, predictions, labels)


async def _own(
    link: Transport,
    request: BoardRequest,
    what: Package,
    run: Path,
    own: OwnDataset,
    batch: int,
    limit: int | None,
) -> Validation:
    """A user's own data set."""
    images = own.images[:limit]
    folder = await _sent(link, request, images)
    outputs = await request.execute(
        [f"{folder}/images.npy"], range(len(images)), min(batch, len(images))
    )
    done = Validation(
        board=request.board,
        simulated=request.simulated,
        images=len(images),
        dataset=own.name,
        batch=min(batch, len(images)),
        clock_mhz=outputs.clock_mhz,
    )
    classes = request.classes(outputs)
    if classes is not None and own.labels is not None:
        return await _measured(run, done, classes, own.labels[:limit])
    if own.values is not None:
        return await _values(run, done, what, outputs, own.values[:limit])
    return replace(done, note=f"{own.name} has no labels. Give them as labels or y")


async def _measured(run: Path, done: Validation, predictions: Any, labels: Any) -> Validation:
    """The accuracy of predictions, which are kept in the run folder."""
    path = f"board/{done.board}/predictions.npz"
    await asyncio.to_thread(_save, run / path, predictions=predictions, labels=labels)
    correct = int((predictions == labels).sum())
    return replace(
        done,
        images=len(labels),
        correct=correct,
        percent=100.0 * correct / len(labels),
        predictions=path,
    )


async def _values(
    run: Path, done: Validation, what: Package, outputs: SampleOutputs, expected: Any
) -> Validation:
    """The error of a network that gives values, which are kept in the run folder."""
    ours = comparison.as_software(outputs.outputs[0], expected, what.about.tail)
    if ours is None:
        raise FinnTuiError(
            "the labels do not fit the network's output",
            f"An output has {outputs.outputs[0][0].size} values, a label {expected[0].size}.",
            ACCEPTED,
        )
    path = f"board/{done.board}/outputs.npz"
    await asyncio.to_thread(_save, run / path, outputs=ours.astype(np.float32))
    error = float(np.mean((ours - expected.astype(np.float64)) ** 2))
    return replace(done, mean_squared_error=error, predictions=path)


async def _sent(link: Transport, request: BoardRequest, images: Any) -> str:
    """Bring samples to the board; where they lie below its folder."""

    def write() -> Path:
        content = io.BytesIO()
        np.save(content, images)
        data = content.getvalue()
        name = hashlib.sha256(data).hexdigest()[:12]
        path = paths.cache_dir() / "datasets" / "own" / name / "images.npy"
        if not path.is_file() or path.stat().st_size != len(data):
            files.replace(path, data, durable=False)
        return path

    path = await asyncio.to_thread(write)
    await send_files(link, f"datasets/{path.parent.name}", {path.name: path}, request.progress)
    return f"datasets/{path.parent.name}"


async def _samples(
    request: BoardRequest, what: Package, batch: int, limit: int | None
) -> Comparison | None:
    """Compare the run's samples with what the software gave for them; None without samples."""
    images = what.samples("images")
    if not images:
        return None
    count = len(await asyncio.to_thread(load_sample, what, "images"))
    count = min(count, limit or count)
    outputs = await request.execute(
        [f"{what.folder}/sample/{path.name}" for path in images],
        range(count),
        min(batch, count),
    )
    classes = request.classes(outputs)
    return await asyncio.to_thread(compare_with_software, what, outputs, classes, range(count))


def _same_set(what: Package, predictions: Any, labels: Any) -> Comparison | None:
    """Compare a test set with the software, if the run's sample is that test set."""
    known, software = load_sample(what, "labels"), load_sample(what, "software")
    if known is None or software is None or software.size < len(labels):
        return None
    known, software = known.reshape(-1)[: len(labels)], software.reshape(-1)[: len(labels)]
    if not np.array_equal(known, labels):
        return None
    return comparison.compared(predictions, software, None)


def _save(path: Path, **arrays: Any) -> None:
    with files.replacing(path) as file:
        np.savez_compressed(file, **arrays)
