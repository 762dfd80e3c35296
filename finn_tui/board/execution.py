"""Single images on a board: samples of the run, or a user's own picture or array.

What the accelerator gives is compared with the software's answer to the same image, value by value;
the run's samples are all compared, too, because one image seldom shows that a bitstream is wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.board import comparison, reference, user_image
from finn_tui.board.agent_session import Conversation
from finn_tui.board.comparison import Comparison
from finn_tui.board.deploy import send_files
from finn_tui.board.package import Package, package
from finn_tui.board.request import (
    BoardRequest,
    SampleOutputs,
    compare_with_software,
    load_sample,
    ready,
)
from finn_tui.board.results import MOST_VALUES, Executed, clock_note
from finn_tui.board.transport import Transport
from finn_tui.board.validation_set import class_names, image_shape, stored

Array = npt.NDArray[Any]

#: Classes with the highest scores that are named.
TOP = 5


class NoSamplesError(FinnTuiError):
    """A run without sample images."""


async def execute(
    link: Transport,
    run: Path,
    on_progress: OnProgress = ignore,
    *,
    images: Sequence[int] = (0,),
    agent: Conversation | None = None,
) -> list[Executed]:
    """Run sample images of the run on the board, one by one.

    Args:
        images: their indices in the sample.
        agent: one that runs already; else one is started.

    Raises:
        NoSamplesError: the run has no sample images.
        FinnTuiError: it does not have that one (kind "input"), or what the board says.
    """
    what = await ready(link, run)
    paths = what.samples("images")
    if not paths:
        raise NoSamplesError(
            f"{run.name} has no sample images",
            f"There is no {what.sample('images')}.",
            "Prepare the model again; that writes them.",
        )
    request = BoardRequest(link, what, "execute", on_progress, agent)
    outputs = await request.execute([f"{what.folder}/sample/{path.name}" for path in paths], images)
    classes = request.classes(outputs)
    one = _Image(request, what, outputs, classes)
    done = await asyncio.to_thread(lambda: [one.sample(at, i) for at, i in enumerate(images)])
    if done:
        await request.record({"execute": done[0].as_dict()})
        request.say(done[0].text(), 1.0)
    return done


@dataclass(frozen=True)
class OwnFile:
    """A user's own file, ready to be executed.

    Attributes:
        name: the file's.
        images: what it holds.
        software: the run's dataflow graph; None where it has none.
    """

    name: str
    images: user_image.UserImages
    software: reference.Reference | None


def read_file(run: Path, file: Path) -> OwnFile:
    """Read a user's own picture or array; needs no board.

    Args:
        run: that it is for.
        file: a picture, or an .npy file of one image or several.

    Raises:
        FinnTuiError: the file cannot be used.
    """
    what, software = package(run), reference.of_run(run)
    images = user_image.read(file, what, image_shape(what, software))
    return OwnFile(file.name, images, software)


def check_samples(run: Path, images: Sequence[int]) -> None:
    """Refuse samples that a run does not have; needs no board.

    Raises:
        FinnTuiError: the run has fewer samples.
    """
    samples = load_sample(package(run), "images")
    beyond = [] if samples is None else [index for index in images if index >= len(samples)]
    if beyond:
        raise FinnTuiError(
            f"there is no sample image {beyond[0]}",
            f"{run.name} has {len(samples)}, counted from 0.",
            f"Choose one of 0 to {len(samples) - 1}.",
        )


async def execute_file(
    link: Transport,
    run: Path,
    own: OwnFile,
    on_progress: OnProgress = ignore,
    *,
    agent: Conversation | None = None,
) -> list[Executed]:
    """Run a user's own picture or array on the board.

    Args:
        own: what the file holds, see ``read_file``.
        agent: one that runs already; else one is started.

    Returns:
        what came out for each image.

    Raises:
        FinnTuiError: what the board says.
    """
    what = await ready(link, run)
    images = own.images.images
    folder, path = await asyncio.to_thread(stored, images)
    await send_files(link, folder, {path.name: path}, on_progress)
    request = BoardRequest(link, what, "execute", on_progress, agent)
    outputs = await request.execute([f"{folder}/{path.name}"], range(len(images)))
    classes = request.classes(outputs)
    one = _Image(request, what, outputs, classes)
    done = await asyncio.to_thread(lambda: [one.own(at, own) for at in range(len(images))])
    await request.record({"execute": done[0].as_dict()})
    request.say(done[0].text(), 1.0)
    return done


def sample_pixels(run: Path, indices: Sequence[int]) -> Array | None:
    """Return samples of the run to be drawn, uint8 (N, C, H, W); None where they are no pictures.

    Args:
        run: the run folder.
        indices: which samples.
    """
    try:
        images: Array = np.load(run / "sample" / "images.npy", mmap_mode="r", allow_pickle=False)
        pixels = np.array(images[list(indices)])
    except (OSError, ValueError, IndexError):
        return None
    is_picture = pixels.dtype == np.uint8 and pixels.ndim == 4 and pixels.shape[1] in (1, 3)
    return pixels if is_picture else None


async def compare_samples(
    link: Transport,
    run: Path,
    on_progress: OnProgress = ignore,
    *,
    batch: int = 100,
    agent: Conversation | None = None,
) -> Comparison | None:
    """Compare all of the run's samples with the software; None where nothing is known.

    Args:
        batch: at most so many images at a time.
        agent: one that runs already; else one is started.
    """
    what = await ready(link, run)
    request = BoardRequest(link, what, "execute", on_progress, agent)
    return (await samples_compared(request, what, batch, None))[0]


async def samples_compared(
    request: BoardRequest, what: Package, batch: int, limit: int | None
) -> tuple[Comparison | None, float | None]:
    """Compare the run's samples with the network; the comparison and the clock in MHz."""
    paths = what.samples("images")
    if not paths:
        return None, None
    count = len(await asyncio.to_thread(load_sample, what, "images"))
    count = min(count, limit or count)
    names = [f"{what.folder}/sample/{path.name}" for path in paths]
    outputs = await request.execute(names, range(count), min(batch, count))
    classes = request.classes(outputs)
    compared = await asyncio.to_thread(compare_with_software, what, outputs, classes, range(count))
    return compared, outputs.clock_mhz


class _Image:
    """Words and figures of single images."""

    def __init__(
        self,
        request: BoardRequest,
        what: Package,
        outputs: SampleOutputs,
        classes: npt.NDArray[np.int64] | None,
    ) -> None:
        self._request = request
        self._what = what
        self._outputs = outputs
        self._classes = classes
        self._names = class_names(what)

    def sample(self, at: int, index: int) -> Executed:
        """Return what a sample of the run gave; ``at`` is its place among the executed ones."""
        what = self._what
        labels, classes = load_sample(what, "labels"), self._classes
        software = load_sample(what, "software") if classes is not None else None
        compared = compare_with_software(
            what, self._outputs.some([at]), None if classes is None else classes[[at]], [index]
        )
        known = load_sample(what, "outputs") if len(what.samples("outputs")) == 1 else None
        row = known[index] if known is not None and index < len(known) else None
        done = replace(
            self._base(at, index),
            expected=None if classes is None else _at(labels, index),
            software=None if classes is None else _at(software, index),
            comparison=compared,
            dataset=what.trained_on,
            reference=None if compared is None else "network",
        )
        if row is not None and not what.about.topk:
            done = replace(done, software_outputs=_values(row))
        return self._with_top(done, at, None if row is None else row.reshape(-1), "network")

    def own(self, at: int, file: OwnFile) -> Executed:
        """Return what an image of the user's file gave."""
        own, software = file.images, file.software
        done = replace(self._base(at, at), file=file.name, notes=own.notes)
        if software is None or not software.single:
            note = (
                "not compared: the run has no dataflow graph that can be computed in software"
                if software is None
                else "not compared: the network has several inputs or outputs"
            )
            return self._with_top(replace(done, notes=(*own.notes, note)), at, None, "")
        image = own.images[at : at + 1]
        values = software.outputs(image)
        about, ours = self._what.about, self._outputs.outputs[0][at : at + 1]
        part = None if self._classes is None else self._classes[[at]]
        theirs = comparison.classes(values, about.topk) if part is not None else None
        apart = comparison.compare_outputs([ours.reshape(values.shape)], [values])
        done = replace(
            done,
            software=None if theirs is None else int(theirs[0]),
            comparison=comparison.compared(part, theirs, apart, reference="dataflow graph"),
            reference="dataflow graph",
            software_outputs=_values(values),
        )
        scores = software.scores(image)
        return self._with_top(done, at, None if scores is None else scores[0], "dataflow graph")

    def _base(self, at: int, index: int) -> Executed:
        clock, classes = self._outputs.clock_mhz, self._classes
        return Executed(
            board=self._request.board,
            simulated=self._request.simulated,
            replay=self._request.replay,
            clock_note=clock_note(self._what.clock_mhz, clock),
            image=index,
            result=None if classes is None else int(classes[at]),
            expected=None,
            software=None,
            clock_mhz=clock,
            seconds=self._outputs.seconds / max(1, len(self._outputs.outputs[0])),
            names=dict(enumerate(self._names)),
            outputs=_values(self._outputs.outputs[0][at]),
        )

    def _with_top(self, done: Executed, at: int, software: Array | None, source: str) -> Executed:
        """Add the classes with the highest scores: the board's own if it gives scores."""
        if self._classes is None:
            return done
        scores, of = software, source
        if not self._what.about.topk and self._outputs.outputs[0][at].size > 1:
            scores, of = self._outputs.outputs[0][at].reshape(-1), "board"
        if scores is None or scores.size < 2:
            return done
        order = np.argsort(-scores.astype(np.float64), kind="stable")[:TOP]
        top = tuple(
            {
                "class": int(number),
                "name": self._names[number] if number < len(self._names) else None,
                "score": float(scores[number]),
            }
            for number in order
        )
        return replace(done, top=top, scores_of=of)


def _values(array: Array) -> tuple[float, ...]:
    flat = array.reshape(-1)
    return tuple(float(value) for value in flat[:MOST_VALUES])


def _at(values: Any, index: int) -> int | None:
    """The value at an index; None where there is none or it is negative (no label)."""
    if values is None or index >= values.size or values.reshape(-1)[index] < 0:
        return None
    return int(values.reshape(-1)[index])
