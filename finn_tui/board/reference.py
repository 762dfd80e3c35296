"""What the run's dataflow graph gives in software, for any images.

The graph as it was built is computed with integers, exactly (``rehearsal/network``); its file lies
in the run folder: a rehearsal's own, or the one that the engine wrote (``lab/board_reference``).
What was computed once for the same images is kept in ``software/`` of the run.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.board.agent.layout import laid_out
from finn_tui.rehearsal.network import Network

Array = npt.NDArray[Any]

#: Seconds that a whole data set may take in software; what does not fit is not compared.
MOST_SECONDS = 120.0
_PLACES = ("software/network.npz", "rehearsal/network.npz")
#: Seconds that one step of the computation aims at, so that it can be stopped.
_STEP_SECONDS = 0.5


def network_file(run: Path) -> Path | None:
    """Return where the run's dataflow graph lies as arithmetic; None if it does not."""
    return next((run / place for place in _PLACES if (run / place).is_file()), None)


class Reference:
    """The dataflow graph of a run, computed in software."""

    def __init__(self, run: Path, path: Path) -> None:
        """Read it. Raises ``FinnTuiError`` for a damaged file."""
        self._run, self._path = run, path
        try:
            self._network = Network(path)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise FinnTuiError(
                f"{path} cannot be read", str(error), "Remove it; it is written again.", kind="disk"
            ) from error

    @property
    def single(self) -> bool:
        """Whether it has one input and one output."""
        return len(self._network.inputs) == len(self._network.outputs) == 1

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image."""
        return self._network.input_shape[1:]

    @property
    def classes(self) -> int:
        """How many classes it tells apart, if its output is a class or a score for each."""
        last = self._network.description["nodes"][-1]
        network = self._network.up_to(last["inputs"][0]) if last["op"] == "topk" else self._network
        return math.prod(network.output_shape)

    def scores(self, images: Array) -> Array | None:
        """Return the scores before Top-K, (N, classes); None of a graph that does not end so.

        Args:
            images: (N, ...) as the accelerator takes them.
        """
        last = self._network.description["nodes"][-1]
        if last["op"] != "topk":
            return None
        scores = self._network.up_to(last["inputs"][0]).run(self._laid_out(images))
        return scores.reshape(len(images), -1)

    def outputs(self, images: Array) -> Array:
        """Return what the accelerator should give, (N, ...)."""
        return self._network.run(self._laid_out(images))

    def _laid_out(self, images: Array) -> Array:
        fitting: Array | None = laid_out(images, self.image_shape)
        if fitting is None:
            raise FinnTuiError(
                f"images of shape {images.shape[1:]} do not fit the dataflow graph",
                f"It takes {self.image_shape}.",
                "Use images of the data set that the network was trained for.",
            )
        return fitting

    async def all_outputs(
        self, images: Array, on_progress: OnProgress = ignore, stage: str = "validate"
    ) -> Array:
        """Return the outputs for as many images, from the first on, as ``MOST_SECONDS`` allow.

        Args:
            images: (N, ...) as the accelerator takes them.
            on_progress: told how far it is.
            stage: what the progress belongs to.
        """
        kept = await asyncio.to_thread(self._kept, images)
        if kept.is_file():
            known = await asyncio.to_thread(_load, kept)
            if known is not None and len(known) == len(images):
                return known
        parts: list[Array] = []
        done, step, began = 0, 1, time.monotonic()
        while done < len(images) and time.monotonic() - began < MOST_SECONDS:
            start = time.monotonic()
            parts.append(await asyncio.to_thread(self.outputs, images[done : done + step]))
            took = max(1e-6, time.monotonic() - start)
            done += len(parts[-1])
            text = f"computing the same in software: {done:,} of {len(images):,} images"
            on_progress(Progress(stage, text, done / len(images)))
            step = int(min(2 * step, max(1, step * _STEP_SECONDS / took)))
        outputs = np.concatenate(parts)
        if done == len(images):
            await asyncio.to_thread(_save, kept, outputs)
        return outputs

    def _kept(self, images: Array) -> Path:
        """Where the outputs for these images are kept."""
        digest = hashlib.sha256(self._path.read_bytes())
        digest.update(str((images.shape, images.dtype)).encode())
        digest.update(np.ascontiguousarray(images).data)
        return self._run / "software" / f"{digest.hexdigest()[:16]}.npy"


def _load(path: Path) -> Array | None:
    try:
        array: Array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array


def _save(path: Path, outputs: Array) -> None:
    with files.replacing(path, durable=False) as file:
        np.save(file, outputs)


def of_run(run: Path) -> Reference | None:
    """Return the software of a run; None where its graph is not known as arithmetic."""
    path = network_file(run)
    return None if path is None else Reference(run, path)
