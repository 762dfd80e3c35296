"""What a run's measurements on a board are shown with: images, those that differ, weak classes."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from finn_tui.base.errors import FinnTuiError
from finn_tui.runs.folder import RunFolder

#: How many images and classes are shown at most.
MOST_IMAGES, MOST_CLASSES = 3, 5
#: What a damaged file of a run folder makes of reading it.
_DAMAGED = (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True)
class DifferingImage:
    """An image on which board and software differ.

    Attributes:
        index: in the data set.
        pixels: (C, H, W) as uint8, None where they are not known.
        board, software, label: classes; None where they are not known.
    """

    index: int
    pixels: Any
    board: int | None = None
    software: int | None = None
    label: int | None = None


@dataclass(frozen=True)
class ClassAccuracy:
    """The accuracy of one class.

    Attributes:
        name: its name, or its number.
        correct, images: of how many images it was right.
    """

    name: str
    correct: int
    images: int

    @property
    def percent(self) -> float:
        """The share that was right."""
        return 100.0 * self.correct / self.images


@dataclass(frozen=True)
class BoardResults:
    """What was measured of a run, ready to be shown.

    Attributes:
        results: results.json.
        image: number of the sample that was executed.
        sample: its pixels as uint8, (C, H, W) or as the network takes them; None without.
        differing: the first images on which board and software differ.
        worst: the classes that are right least often, the worst first.
        replay: whether they are of a recorded session.
    """

    results: Mapping[str, Any]
    image: int = 0
    sample: Any = None
    differing: tuple[DifferingImage, ...] = ()
    worst: tuple[ClassAccuracy, ...] = ()
    replay: bool = False


#: The parts of results.json that a board gives; those of a replay are kept apart.
_OF_BOARD = ("execute", "throughput", "accuracy", "comparison")


def read_board_results(run: RunFolder, machine: str = "") -> BoardResults:
    """Read what was measured of a run on a board; what is damaged is left out.

    Reads files: call it off the event loop.

    Args:
        run: the run.
        machine: the board that is chosen; where it is a recorded session, what that gave is read
            and nothing that was measured.
    """
    from finn_tui.board.catalogue import is_replay

    try:
        results = dict(run.results())
    except FinnTuiError:
        results = {}
    replay = bool(machine) and is_replay(machine)
    if replay:
        replayed = results.get("replay") or {}
        results = {key: value for key, value in results.items() if key not in _OF_BOARD}
        results |= {key: replayed[key] for key in _OF_BOARD if key in replayed}
    executed = results.get("execute") or {}
    image = int(executed.get("image", 0)) if not executed.get("file") else 0
    sample = None if executed.get("file") else _sample(run, image)
    differing, weak = _differing(run, results), _worst(run, results)
    return BoardResults(results, image, sample, differing, weak, replay)


def measured_elsewhere(result: Mapping[str, Any], machine: str) -> str | None:
    """Return the board that a result is of, if that is another one; None for the same.

    Args:
        result: a part of results.json.
        machine: the board that is chosen. A replay is of the session that is chosen.
    """
    board = result.get("board")
    if not isinstance(board, str) or board == machine or result.get("replay"):
        return None
    return board


def end_to_end(throughput: Mapping[str, Any]) -> float | None:
    """Return images a second with packing and copying, from what the driver measured.

    Args:
        throughput: of results.json.
    """
    rate = throughput.get("end_to_end_images_per_s")
    if isinstance(rate, int | float) and rate > 0:
        return float(rate)
    metrics, batch = throughput.get("metrics") or {}, throughput.get("batch") or 0
    names = (
        "fold_input[ms]",
        "pack_input[ms]",
        "copy_input_data_to_device[ms]",
        "runtime[ms]",
        "copy_output_data_from_device[ms]",
        "unpack_output[ms]",
        "unfold_output[ms]",
    )
    if any(not isinstance(metrics.get(name), int | float) for name in names):
        return None
    total = sum(float(metrics[name]) for name in names)
    return batch / total * 1000.0 if total > 0 else None


def _sample(run: RunFolder, image: int) -> Any:
    try:
        images = np.load(run.sample / "images.npy", mmap_mode="r", allow_pickle=False)
        return np.array(images[image])
    except _DAMAGED:
        return None


def _board_file(run: RunFolder, board: object, name: str) -> Path | None:
    """A file about a board in the run folder, never one outside it."""
    if not isinstance(board, str) or not board or Path(board).name != board:
        return None
    path = run.path / "board" / board / name
    return path if path.is_file() else None


def _differing(run: RunFolder, results: Mapping[str, Any]) -> tuple[DifferingImage, ...]:
    compared = results.get("comparison") or {}
    if not compared.get("differs"):
        return ()
    path = _board_file(run, compared.get("board"), "differences.npz")
    try:
        if path is not None:
            with np.load(path, allow_pickle=False) as kept:
                return _kept(kept)
        first = compared.get("first")
        if isinstance(first, int):
            return (DifferingImage(first, _sample(run, first)),)
    except _DAMAGED:
        pass
    return ()


def _kept(kept: Any) -> tuple[DifferingImage, ...]:
    indices = kept["indices"].reshape(-1)[:MOST_IMAGES]

    def at(name: str, number: int) -> int | None:
        return int(kept[name].reshape(-1)[number]) if name in kept else None

    images = kept.get("images")
    return tuple(
        DifferingImage(
            int(index),
            images[number] if images is not None else None,
            at("board_classes", number),
            at("software_classes", number),
            at("labels", number),
        )
        for number, index in enumerate(indices)
    )


def _worst(run: RunFolder, results: Mapping[str, Any]) -> tuple[ClassAccuracy, ...]:
    accuracy = results.get("accuracy") or {}
    try:
        known = accuracy.get("per_class")
        if known:
            rows = [
                ClassAccuracy(
                    str(row.get("name") or row["class"]), int(row["correct"]), int(row["images"])
                )
                for row in known
            ]
        else:
            rows = _counted(_board_file(run, accuracy.get("board"), "predictions.npz"))
    except _DAMAGED:
        return ()
    return worst(rows)


def worst(rows: Sequence[ClassAccuracy]) -> tuple[ClassAccuracy, ...]:
    """Return the classes that are wrong at least once, the worst first."""
    wrong = [row for row in rows if 0 <= row.correct < row.images]
    return tuple(sorted(wrong, key=lambda row: row.percent)[:MOST_CLASSES])


def _counted(path: Path | None) -> list[ClassAccuracy]:
    if path is None:
        return []
    with np.load(path, allow_pickle=False) as file:
        predictions, labels = file["predictions"].reshape(-1), file["labels"].reshape(-1)
    same = predictions == labels
    return [
        ClassAccuracy(str(int(label)), int(same[labels == label].sum()), int(count))
        for label, count in zip(*np.unique(labels, return_counts=True), strict=True)
    ]
