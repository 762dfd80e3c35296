"""The images of a validation: the run's test set, one in a folder, or a user's own .npz.

All become the same thing, arrays as the accelerator takes them, so that every driver validates
every data set, whether or not its own ``validate.py`` knows it. They are read on this machine: a
board unpickles nothing and needs no data set's name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finn_tui.base import files, paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.board import own_dataset, reference
from finn_tui.board.package import Package, shown_name, validation_files
from finn_tui.board.request import load_sample
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.training import datasets, locate
from finn_tui.engine.server.training.published import PUBLISHED

Array = npt.NDArray[Any]

_FAMILIES = {"mnist": "idx", "cifar": "cifar10", "cifar100": "cifar100"}
#: finn-plus-driver's validate/cifar.py: mean and standard deviation of CIFAR-10's channels, which
#: networks with a floating-point input are usually trained with.
_CIFAR_MEAN = (0.4914, 0.4822, 0.4465)
_CIFAR_STD = (0.2470, 0.2435, 0.2616)


class NoTestSetError(FinnTuiError):
    """The run has no test set on this machine."""


class UnknownShapeError(FinnTuiError):
    """A run tells nowhere what its input looks like."""


@dataclass(frozen=True)
class ValidationSet:
    """Images with what should come out.

    Attributes:
        name: the data set's true name, or the user's file.
        images: (N, ...) in the accelerator's input type.
        labels: (N,) classes, or None.
        values: (N, ...) expected outputs, of a network without classes, or None.
        classes: names of the classes; empty where they are not known.
    """

    name: str
    images: Array
    labels: npt.NDArray[np.int64] | None
    values: Array | None = None
    classes: tuple[str, ...] = ()


def read(what: Package, chosen: Path | None = None) -> ValidationSet:
    """Read the images of a validation.

    Args:
        what: the run.
        chosen: an .npz file, or a folder with the files of a data set; None for the run's own.

    Raises:
        NoTestSetError: nothing was chosen, and the run's own is not here.
        FinnTuiError: it cannot be used, or has labels that the network has no class for.
    """
    if chosen is None:
        images = _of_run(what)
    elif chosen.is_dir():
        images = _in_folder(what, chosen)
    else:
        own = own_dataset.read(chosen, what.about)
        images = ValidationSet(own.name, own.images, own.labels, own.values, class_names(what))
    _check_shape(what, images)
    _check_labels(what, images)
    return images


def _check_shape(what: Package, images: ValidationSet) -> None:
    """Refuse images of another size than the network's."""
    try:
        shape = image_shape(what, reference.of_run(what.run))
    except UnknownShapeError:
        return
    size = images.images.shape[1:]
    if np.prod(size) != np.prod(shape):
        raise FinnTuiError(
            f"the images of {images.name} do not fit the accelerator",
            f"One of them has the shape {size}, the network takes {shape}.",
            "Choose the data set that the network is for, or bring its images to that size.",
        )


def _check_labels(what: Package, images: ValidationSet) -> None:
    """Refuse labels beyond the network's classes: none of these images could ever be right."""
    count = class_count(what)
    if images.labels is None or not images.labels.size or count is None:
        return
    highest, beyond = int(images.labels.max()), int((images.labels >= count).sum())
    if not beyond:
        return
    all_of = "all" if beyond == len(images.labels) else f"{beyond:,} of {len(images.labels):,}"
    raise FinnTuiError(
        f"{images.name} has labels up to {highest}, the network has the classes 0 to {count - 1}",
        f"{all_of} of its images could not be right, whatever the board gives: it is for another "
        "network, or its labels begin at 1.",
        "Count labels from 0, in the order of the network's classes, or choose another data set.",
        kind="input",
    )


def class_count(what: Package) -> int | None:
    """How many classes a run's network tells apart; None where it is not known."""
    if what.about.kind != "classes":
        return None
    software = reference.of_run(what.run)
    if software is not None and software.single:
        return software.classes
    # Top-K leaves no trace of how many there were.
    outputs = what.samples("outputs")
    if what.about.topk == 0 and len(outputs) == 1:
        shape = np.load(outputs[0], mmap_mode="r", allow_pickle=False).shape
        return int(np.prod(shape[1:]))
    return len(class_names(what)) or None


def image_shape(what: Package, software: reference.Reference | None) -> tuple[int, ...]:
    """Shape of one image as the network takes it, (C, H, W) of pictures.

    Raises:
        UnknownShapeError: neither samples nor the graph tell.
    """
    images = load_sample(what, "images")
    if images is not None:
        return tuple(images.shape[1:])
    if software is not None:
        shape = software.image_shape
        # The accelerator's order is channels last.
        return (shape[2], *shape[:2]) if len(shape) == 3 and shape[2] in (1, 3) else shape
    raise UnknownShapeError(
        f"{what.run.name} does not tell what its input looks like",
        "It has neither sample images nor its dataflow graph.",
        "Prepare the model again and build it.",
    )


def class_names(what: Package) -> tuple[str, ...]:
    """Names of the classes of the data set that the run is for; empty where it is not known."""
    name = what.trained_on or {"cifar": "cifar10"}.get(what.dataset or "", what.dataset or "")
    entry = PUBLISHED.get(name)
    return entry.classes if entry is not None else ()


def _of_run(what: Package) -> ValidationSet:
    try:
        by_name = validation_files(what)
    except FinnTuiError as error:
        raise NoTestSetError(error.what, error.why, error.fix, kind=error.kind) from error
    family = _FAMILIES[str(what.dataset)]
    paths_of_files = list(by_name.values())
    folder = paths_of_files[0].parent
    part = tuple(path.name for path in paths_of_files)
    data = _loaded(locate.Files(str(folder), family, False, (), part))
    name = shown_name(what, by_name)
    entry = PUBLISHED.get(name)
    return _for(what, data, name, data.classes if entry is None else entry.classes)


def _in_folder(what: Package, folder: Path) -> ValidationSet:
    found = locate.files_in(str(folder))
    if found is None:
        raise FinnTuiError(
            f"{folder} holds no data set",
            "It has none of the files of MNIST (t10k-images-idx3-ubyte.gz ...), CIFAR-10 "
            "(test_batch) or CIFAR-100 (train, test).",
            "Name the folder that holds the files themselves, or an .npz file.",
        )
    data = _loaded(found)
    return _for(what, data, data.name or locate.true_name(found), data.classes)


def _loaded(found: locate.Files) -> datasets.Dataset:
    try:
        return datasets.read_test(found)
    except EngineError as error:
        raise FinnTuiError(error.what, error.why, error.fix) from error


def _for(
    what: Package, data: datasets.Dataset, name: str, classes: tuple[str, ...]
) -> ValidationSet:
    images = from_pixels(what, data.test_images, name)
    return ValidationSet(name, images, data.test_labels, None, tuple(classes))


def from_pixels(what: Package, pixels: npt.NDArray[np.uint8], source: str) -> Array:
    """Pixels as the accelerator takes them: as they are, or as floats that are quantized.

    Args:
        what: the run.
        pixels: (N, C, H, W).
        source: where they come from, for the error.
    """
    images: Array = pixels
    kind = what.about.dtypes[0] if what.about.dtypes else "UINT8"
    if kind.startswith("FLOAT") or what.about.preprocess == "scale":
        images = images.astype(np.float32) / np.float32(255.0)
        if kind.startswith("FLOAT") and images.shape[1] == 3:
            mean, std = (
                np.array(each, np.float32)[:, None, None] for each in (_CIFAR_MEAN, _CIFAR_STD)
            )
            images = (images - mean) / std
    return own_dataset.as_accelerator(images, what.about, source) if what.about.dtypes else images


def stored(images: Array) -> tuple[str, Path]:
    """Write images for a board, once.

    Returns:
        the folder that they get below the board's, named by their content, and the file.
    """
    digest = hashlib.sha256(str((images.shape, images.dtype)).encode())
    digest.update(np.ascontiguousarray(images).data)
    name = digest.hexdigest()[:12]
    path = paths.cache_dir() / "datasets" / "board" / name / "images.npy"
    if not path.is_file():
        with files.replacing(path) as file:
            np.save(file, images)
    return f"datasets/{name}", path
