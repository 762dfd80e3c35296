"""Validation on a board: any data set, image by image, beside what the software gives.

The board computes images and this side counts, so that the same way serves every driver and every
data set. A run without a test set is compared with the software and not validated, which is no
failure.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finn_tui.base import files
from finn_tui.base.dataset_help import ACCEPTED
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.base.text import time_span
from finn_tui.board import comparison, reference
from finn_tui.board.agent_session import Conversation
from finn_tui.board.deploy import send_files
from finn_tui.board.differences import keep_differences
from finn_tui.board.execution import samples_compared
from finn_tui.board.package import Package
from finn_tui.board.request import (
    BoardRequest,
    SampleOutputs,
    load_sample,
    ready,
)
from finn_tui.board.results import Validation, clock_note
from finn_tui.board.transport import Transport
from finn_tui.board.validation_set import (
    NoTestSetError,
    ValidationSet,
    class_count,
    read,
    stored,
)
from finn_tui.core.proportion import wilson
from finn_tui.engine.server.training.evaluate import summary

_LEAST_BATCH, _MOST_BATCH = 100, 1000


async def validate(
    link: Transport,
    run: Path,
    on_progress: OnProgress = ignore,
    *,
    batch: int | None = None,
    limit: int | None = None,
    dataset: Path | None = None,
    agent: Conversation | None = None,
) -> Validation:
    """Measure the accuracy on the board, and compare it with the software.

    Progress carries ``accuracy`` (percent so far) with its 95 % interval ``low`` and ``high``,
    ``done``, ``total``, ``ok`` and ``eta_s`` (seconds).

    Args:
        batch: at most so many images at a time; by default what takes about a third of a second by
            the estimate, from 100 to 1,000: often enough to see it move, and seldom enough to cost
            nothing.
        limit: only the first so many images.
        dataset: an .npz file of the user's, or a folder with a data set's files, instead of the
            run's own test set.
        agent: one that runs already; else one is started.

    Raises:
        FinnTuiError: the data set cannot be used (kind "input"), or what the board says.
    """
    what = await ready(link, run)
    if batch is None:
        batch = int(min(_MOST_BATCH, max(_LEAST_BATCH, (what.fps or 0.0) / 3)))
    request = BoardRequest(link, what, "validate", on_progress, agent)
    chosen, note = None, None
    try:
        chosen = await asyncio.to_thread(read, what, dataset)
    except NoTestSetError as error:
        note = f"{error.what}. {error.fix}"
    done = Validation(
        board=request.board, simulated=request.simulated, replay=request.replay, note=note
    )
    async with request.talking():
        if chosen is not None:
            done = await _Run(link, request, what, chosen, batch, limit).validate(done)
        if done.comparison is None or done.comparison.reference == "dataflow graph":
            done = await _with_samples(request, what, done, batch, limit)
    # What has no FPGA may have said so only now.
    done = replace(done, simulated=request.simulated)
    parts: dict[str, Any] = {"comparison": done.comparison_dict()}
    if done.percent is not None:
        parts["accuracy"] = done.accuracy_dict()
    await request.record(parts)
    request.say(done.text(), 1.0)
    return done


@dataclass(frozen=True)
class _Run:
    """The validation of one data set."""

    link: Transport
    request: BoardRequest
    what: Package
    chosen: ValidationSet
    most_batch: int
    limit: int | None

    async def validate(self, done: Validation) -> Validation:
        """Compute the images on the board and in software, and say what came out."""
        chosen = self.chosen
        images = chosen.images[: self.limit]
        labels = None if chosen.labels is None else chosen.labels[: self.limit]
        folder, path = await asyncio.to_thread(stored, images)
        await send_files(self.link, folder, {path.name: path}, self.request.progress)
        began = time.monotonic()
        batch = min(self.most_batch, len(images))
        counter = _Counter(self.request, self.what, labels, len(images))
        outputs = await self.request.execute(
            [f"{folder}/{path.name}"], range(len(images)), batch, counter.count
        )
        done = replace(
            done,
            images=len(images),
            dataset=chosen.name,
            batch=batch,
            clock_mhz=outputs.clock_mhz,
            clock_note=clock_note(self.what.clock_mhz, outputs.clock_mhz),
            seconds=time.monotonic() - began,
            board_seconds=outputs.total_seconds,
            driver_seconds=outputs.seconds,
        )
        classes = self.request.classes(outputs)
        done = await self._compared(done, images, labels, outputs, classes)
        if classes is not None and labels is not None:
            return await self._measured(done, classes, labels)
        if chosen.values is not None:
            return await self._values(done, outputs, chosen.values[: self.limit])
        return replace(done, note=f"{chosen.name} has no labels. Give them as labels or y")

    async def _measured(
        self, done: Validation, predictions: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]
    ) -> Validation:
        """The accuracy of predictions, which are kept in the run folder."""
        path = f"board/{done.board}/predictions.npz"
        await asyncio.to_thread(_save, self.what.run / path, predictions=predictions, labels=labels)
        correct = int((predictions == labels).sum())
        low, high = wilson(correct, len(labels))
        known = self.chosen.classes
        count = max(len(known), 1 + int(labels.max(initial=0)))
        names = [known[at] if at < len(known) else str(at) for at in range(count)]
        rows = [row for row in summary(predictions, labels, names)["per_class"] if row["images"]]
        return replace(
            done,
            correct=correct,
            percent=100.0 * correct / len(labels),
            low_percent=low,
            high_percent=high,
            per_class=tuple(rows),
            predictions=path,
            # Where it is known how many classes there are, such labels were refused.
            label_note=label_note(predictions, labels) if class_count(self.what) is None else None,
        )

    async def _values(
        self, done: Validation, outputs: SampleOutputs, expected: npt.NDArray[Any]
    ) -> Validation:
        """The error of a network that gives values, which are kept in the run folder."""
        ours = comparison.as_software(outputs.outputs[0], expected, self.what.about.tail)
        if ours is None:
            raise FinnTuiError(
                "the labels do not fit the network's output",
                f"An output has {outputs.outputs[0][0].size} values, a label {expected[0].size}.",
                ACCEPTED,
            )
        path = f"board/{done.board}/outputs.npz"
        await asyncio.to_thread(_save, self.what.run / path, outputs=ours.astype(np.float32))
        error = float(np.mean((ours - expected.astype(np.float64)) ** 2))
        return replace(done, mean_squared_error=error, predictions=path)

    async def _compared(
        self,
        done: Validation,
        images: npt.NDArray[Any],
        labels: npt.NDArray[np.int64] | None,
        outputs: SampleOutputs,
        classes: npt.NDArray[np.int64] | None,
    ) -> Validation:
        """The same images in software, image by image; the first that differ are kept."""
        software = await asyncio.to_thread(_same_set, self.what, labels)
        values: npt.NDArray[Any] | None = None
        source = "network"
        if software is None or classes is None:
            source = "dataflow graph"
            values = await self._computed(images)
            if values is None:
                return done
            software = self._classes(values)
        count = len(software) if software is not None else len(values if values is not None else ())
        ours = outputs.outputs[0][:count]
        apart = None
        if values is not None and (classes is None or not self.what.about.topk):
            apart = comparison.compare_outputs([ours.reshape(values.shape)], [values])
        part = None if classes is None else classes[:count]
        if part is None and apart is None:
            return done
        result = comparison.compared(part, software, apart, reference=source)
        if result is None:
            return done
        kept, rows = await asyncio.to_thread(
            keep_differences,
            self.what.run,
            done.board,
            comparison.differing(part, software, apart),
            {"images": images, "labels": labels, "board": ours, "software": values},
            {"board": part, "software": software, "label": labels},
        )
        same = result.classes_same
        return replace(
            done,
            comparison=result,
            software_same=same if count == len(images) else None,
            differences=rows,
            differences_file=kept,
        )

    async def _computed(self, images: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
        """What the dataflow graph gives in software; None where it is not known."""
        software = await asyncio.to_thread(reference.of_run, self.what.run)
        if software is None or not software.single:
            return None
        return await software.all_outputs(images, self.request.progress)

    def _classes(self, values: npt.NDArray[Any]) -> npt.NDArray[np.int64] | None:
        about = self.what.about
        return comparison.classes(values, about.topk) if about.kind == "classes" else None


class _Counter:
    """Counts while the board computes: accuracy so far, how sure it is, and the time to go."""

    def __init__(
        self,
        request: BoardRequest,
        what: Package,
        labels: npt.NDArray[np.int64] | None,
        total: int,
    ) -> None:
        self._topk = what.about.topk
        self._labels = labels if what.about.kind == "classes" else None
        self._total = total
        self._began: float | None = None
        self._first = 0

    def count(self, done: int, values: npt.NDArray[np.float32]) -> tuple[str, dict[str, Any]]:
        """Say how far it is; see ``request.OnDone``."""
        now = time.monotonic()
        text, data = f"{done:,} of {self._total:,} images", {}
        if self._labels is not None and values.size and values.size % done == 0:
            try:
                classes = comparison.classes(values.reshape(done, -1), self._topk)
            except ValueError:
                return text, {}  # said when all of it is there
            ok = int((classes == self._labels[:done]).sum())
            low, high = wilson(ok, done)
            data = {"ok": ok, "accuracy": 100.0 * ok / done, "low": low, "high": high}
            text += f", {data['accuracy']:.2f} % ({low:.2f} to {high:.2f})"
        if self._began is None:
            # The first batch has the driver's start in it.
            self._began, self._first = now, done
        elif done < self._total:
            left = (now - self._began) / (done - self._first) * (self._total - done)
            data["eta_s"] = left
            text += f", {time_span(left)} left"
        return text, data


async def _with_samples(
    request: BoardRequest, what: Package, done: Validation, batch: int, limit: int | None
) -> Validation:
    """The run's samples beside what the network gave; what differs is what is reported."""
    compared, _ = await samples_compared(request, what, batch, limit)
    if compared is None:
        return done
    if done.comparison is not None and (done.comparison.differs or not compared.differs):
        return done
    return replace(done, comparison=compared)


def _same_set(what: Package, labels: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64] | None:
    """The network's own classes for a test set, if the run's sample is that test set."""
    known, software = load_sample(what, "labels"), load_sample(what, "software")
    if labels is None or known is None or software is None or software.size < len(labels):
        return None
    known, software = known.reshape(-1)[: len(labels)], software.reshape(-1)[: len(labels)]
    if not np.array_equal(known, labels):
        return None
    return np.asarray(software, np.int64)


def label_note(predictions: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> str | None:
    """What is said of labels that are above all classes that the board gave; None without.

    How many classes a network has is not always known beforehand; a few images may be of a class
    that it never gives, but hardly a tenth of them.
    """
    highest = int(predictions.max(initial=0))
    beyond = int((labels > highest).sum())
    if 10 * beyond < len(labels):
        return None
    return (
        f"{beyond:,} of {len(labels):,} images have labels above {highest}, the highest class that "
        "the board gave for any image: check that labels are counted from 0 and are this network's"
    )


def _save(path: Path, **arrays: Any) -> None:
    with files.replacing(path) as file:
        np.savez_compressed(file, **arrays)
