"""A user's own data set: an .npz with images and labels, made ready for the accelerator."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finn_tui.base.dataset_help import ACCEPTED
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import size
from finn_tui.board.package import SampleDescription

Array = npt.NDArray[Any]

_IMAGES, _LABELS = ("images", "x"), ("labels", "y")
#: What numpy and zipfile raise for an archive that is damaged, encrypted or too large.
_DAMAGED = (
    ValueError,
    KeyError,
    EOFError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)

#: A data set is unpacked into memory, here and on the board.
_MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class OwnDataset:
    """A data set as the accelerator takes it.

    Attributes:
        name: the file's.
        images: (N, ...) in the accelerator's input type.
        labels: (N,) classes, or None.
        values: (N, ...) expected outputs, of a network without classes, or None.
    """

    name: str
    images: Array
    labels: npt.NDArray[np.int64] | None
    values: Array | None


def read(path: Path, about: SampleDescription) -> OwnDataset:
    """Read a user's data set.

    Args:
        path: the .npz file.
        about: what the accelerator takes.

    Raises:
        FinnTuiError: it cannot be read, has other arrays, or values that do not fit.
    """
    arrays = _arrays(path)
    images = next(arrays[name] for name in _IMAGES if name in arrays)
    if images.ndim < 2 or not images.size:
        raise _refused(path, f"its images have the shape {images.shape}")
    labels = next((arrays[name] for name in _LABELS if name in arrays), None)
    if labels is not None and not labels.size * labels.ndim:
        raise _refused(path, f"its labels have the shape {labels.shape}")
    if labels is not None and len(labels) != len(images):
        raise _refused(path, f"it has {len(images)} images and {len(labels)} labels")
    if images.dtype.kind not in "iufb" or (labels is not None and labels.dtype.kind not in "iufb"):
        raise _refused(path, "its arrays do not hold numbers")
    taken = as_accelerator(images, about, str(path))
    if labels is None:
        return OwnDataset(path.name, taken, None, None)
    if about.kind == "values":
        if labels.ndim == 1 and labels.dtype.kind != "f":
            why = "the network gives values and no classes, so labels must be values, too"
            raise _refused(path, why)
        return OwnDataset(path.name, taken, None, labels)
    return OwnDataset(path.name, taken, _classes(path, labels), None)


def _arrays(path: Path) -> dict[str, Array]:
    """The arrays that are used, of those in the file."""
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise _refused(path, "it is no .npz archive")
        archive = np.load(path, allow_pickle=False)
        with archive:
            names = [name for name in archive.files if name in (*_IMAGES, *_LABELS)]
            if not set(names) & set(_IMAGES):
                there = ", ".join(sorted(archive.files)[:6])
                raise _refused(path, f"it has the arrays {there or 'none'}")
            # What unpacks to gigabytes would fill this machine's memory, and then the board's.
            entries = archive.zip.infolist() if archive.zip is not None else []
            unpacked = sum(entry.file_size for entry in entries)
            if unpacked > _MOST_BYTES:
                raise _refused(
                    path, f"it unpacks to {size(unpacked)}, more than {size(_MOST_BYTES)}"
                )
            arrays = {name: archive[name] for name in names}
            # What is no .npy file in the archive is returned as bytes.
            odd = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
            if odd:
                raise _refused(path, f"{odd[0]} in it is no array")
            return arrays
    except OSError as error:
        raise FinnTuiError(
            f"{path} cannot be read", error.strerror or str(error), ACCEPTED
        ) from error
    except _DAMAGED as error:
        raise _refused(path, str(error)) from error


def _refused(path: Path, why: str) -> FinnTuiError:
    return FinnTuiError(f"{path.name} is no data set that can be used", f"{why}.", ACCEPTED)


def _classes(path: Path, labels: Array) -> npt.NDArray[np.int64]:
    if labels.ndim > 1 and labels[0].size > 1:
        rows = labels.reshape(len(labels), -1)
        chosen, others = rows == rows.max(), rows == rows.min()
        if not ((chosen.sum(axis=1) == 1) & (others.sum(axis=1) == rows.shape[1] - 1)).all():
            why = f"its labels have the shape {labels.shape} and are not one-hot"
            raise _refused(path, f"{why} (a 1 in each row, and 0 else)")
        return np.asarray(chosen.argmax(axis=1), np.int64)
    flat = labels.reshape(-1).astype(np.float64)
    whole = np.isfinite(flat) & (flat == np.rint(flat))
    if not (whole & (flat >= 0) & (flat <= np.iinfo(np.int32).max)).all():
        raise _refused(path, "its labels are no classes (whole numbers from 0)")
    return flat.astype(np.int64)


def as_accelerator(images: Array, about: SampleDescription, source: str) -> Array:
    """Samples as the accelerator takes them: what the host does before they are sent.

    Args:
        images: (N, ...): integers are the accelerator's already, floats are the network's.
        about: what the accelerator takes.
        source: where they come from, for the error.

    Raises:
        FinnTuiError: the values are out of the input's range.
    """
    kind = about.dtypes[0] if about.dtypes else None
    low, high = _range(kind)
    if kind is None or kind.startswith("FLOAT"):
        return images.astype(np.float32)
    values = images
    if images.dtype.kind == "f":
        # As the network's own quantizer rounds: in 32 bits. What is out of their range is refused.
        with np.errstate(over="ignore", invalid="ignore"):
            if about.preprocess == "divide-255":
                values = np.rint(images.astype(np.float32) * np.float32(255.0))
            elif about.preprocess == "scale":
                # That quantizer saturates, too.
                codes = np.rint(images.astype(np.float32) / np.float32(about.scale or 1.0))
                values = np.clip(codes, low, high)
    whole = np.rint(values)
    if not np.isfinite(whole.astype(np.float64)).all() or whole.min() < low or whole.max() > high:
        hint = " (pixels of 0 to 255 are given as uint8)" if about.preprocess != "none" else ""
        raise FinnTuiError(
            f"the images of {source} do not fit the accelerator",
            f"Its input is {kind}, {low:g} to {high:g}; they cover "
            f"{images.min():g} to {images.max():g} as {images.dtype}{hint}.",
            ACCEPTED,
        )
    if kind == "BIPOLAR":
        return np.where(whole > 0, 1, -1).astype(np.int8)
    kinds = (np.uint8, np.int8, np.int16, np.int32)
    fits = (each for each in kinds if np.iinfo(each).min <= low and high <= np.iinfo(each).max)
    return whole.astype(next(fits, np.int64))


def _range(kind: str | None) -> tuple[float, float]:
    """The least and the largest value of a FINN data type."""
    if kind in (None, ""):
        return -np.inf, np.inf
    assert kind is not None
    if kind == "BIPOLAR":
        return -1.0, 1.0
    if kind == "TERNARY":
        return -1.0, 1.0
    if kind == "BINARY":
        return 0.0, 1.0
    for name, signed in (("UINT", False), ("INT", True)):
        if kind.startswith(name) and kind[len(name) :].isdigit():
            bits = int(kind[len(name) :])
            return (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if signed else (0.0, 2.0**bits - 1)
    return -np.inf, np.inf
