"""A user's own picture or array for the accelerator; whatever is done to it is said."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from finn_tui.base.errors import FinnTuiError
from finn_tui.board import own_dataset
from finn_tui.board.package import Package
from finn_tui.board.validation_set import from_pixels

Array = npt.NDArray[Any]

#: Formats that are read; others of Pillow's start programs or are rarely met.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
#: Pixels of a picture; more than this is a mistake or a bomb.
_MOST_PIXELS = 100_000_000
#: Images of an array that are executed.
MOST_IMAGES = 100
_FIX = f"Give a picture ({', '.join(FORMATS)}) or an .npy file."


@dataclass(frozen=True)
class UserImages:
    """What a file holds.

    Attributes:
        images: (N, ...) in the accelerator's input type.
        pixels: uint8 (N, C, H, W) to be drawn; None where it is no picture.
        notes: what was done to it, a sentence each.
    """

    images: Array
    pixels: npt.NDArray[np.uint8] | None
    notes: tuple[str, ...]


def read(path: Path, what: Package, shape: Sequence[int]) -> UserImages:
    """Read a picture or an .npy file.

    Args:
        path: the file.
        what: the run.
        shape: of one image, (C, H, W) for pictures.

    Raises:
        FinnTuiError: it cannot be read, or does not fit the accelerator.
    """
    try:
        with path.open("rb") as file:
            head = file.read(6)
    except OSError as error:
        raise FinnTuiError(f"{path} cannot be read", error.strerror or str(error), _FIX) from error
    if head == b"\x93NUMPY":
        return _array(path, what, tuple(shape))
    return _picture(path, what, tuple(shape))


def _array(path: Path, what: Package, shape: tuple[int, ...]) -> UserImages:
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, OverflowError) as error:
        why = f"It is damaged, or numpy did not write it: {error}."
        raise FinnTuiError(f"{path.name} cannot be read", why, _FIX) from error
    size = int(np.prod(shape))
    # Of a large file no more is read than is executed.
    if array.dtype.kind not in "iufb" or not array.size:
        raise FinnTuiError(
            f"{path.name} cannot be used",
            f"It is {array.dtype} of shape {array.shape}.",
            f"Give numbers of shape {shape} or (N, {', '.join(map(str, shape))}).",
        )
    notes = []
    if array.size == size:
        images = array.reshape(
            1, *(shape if array.ndim < len(shape) else array.shape[-len(shape) :])
        )
    elif array.ndim > 1 and array[0].size == size:
        images = array[:MOST_IMAGES]
        if len(array) > MOST_IMAGES:
            notes.append(f"the first {MOST_IMAGES} of its {len(array):,} images are executed")
    else:
        raise FinnTuiError(
            f"{path.name} does not fit the accelerator",
            f"Its shape is {array.shape}; an image has the shape {shape}.",
            "An array is used as it is; a picture file would be resized.",
        )
    images = np.array(images)
    pixels = images if images.dtype == np.uint8 and images.ndim == 4 else None
    if images.dtype.kind == "f":
        notes.append("its floats are taken as the network's input, and quantized as it does")
    return UserImages(
        own_dataset.as_accelerator(images, what.about, path.name) if what.about.dtypes else images,
        _channels_first(pixels),
        tuple(notes),
    )


def _channels_first(pixels: Array | None) -> Array | None:
    if pixels is None or pixels.shape[1] in (1, 3):
        return pixels
    return pixels.transpose(0, 3, 1, 2) if pixels.shape[3] in (1, 3) else None


def _picture(path: Path, what: Package, shape: tuple[int, ...]) -> UserImages:
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise FinnTuiError(
            "the network takes no pictures",
            f"Its input has the shape {shape}.",
            "Give an .npy file of that shape.",
        )
    # Pillow takes 50 ms to import: only those who bring a picture pay for it.
    from PIL import Image, UnidentifiedImageError

    too_large = f"Give one of at most {_MOST_PIXELS:,} pixels."
    try:
        # The limit is ours; Pillow warns of some that are below it. Not for this block alone: that
        # would not be safe beside other threads.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path, formats=FORMATS) as opened:
            width, height = opened.size
            if width * height > _MOST_PIXELS:
                why = f"It has {width:,} x {height:,} pixels."
                raise FinnTuiError(f"{path.name} is too large", why, too_large)
            pixels, notes = _converted(opened, shape, path.name)
    except FinnTuiError:
        raise
    except Image.DecompressionBombError as error:
        why = f"It has more than {_MOST_PIXELS:,} pixels."
        raise FinnTuiError(f"{path.name} is too large", why, too_large) from error
    except UnidentifiedImageError as error:
        raise FinnTuiError(f"{path.name} is no picture that can be read", "", _FIX) from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise FinnTuiError(f"{path.name} cannot be read", str(error), _FIX) from error
    if what.dataset == "mnist" and what.trained_on in (None, "mnist", "digits28"):
        bright = float(pixels.mean())
        if bright > 127:
            notes.append(
                f"it is mostly bright (mean {bright:.0f} of 255); the network's digits are bright "
                "on black"
            )
    return UserImages(from_pixels(what, pixels, path.name), pixels, tuple(notes))


def _converted(
    opened: Any, shape: tuple[int, ...], name: str
) -> tuple[npt.NDArray[np.uint8], list[str]]:
    """The picture as uint8 (1, C, H, W) of the network's size, and what was done for that."""
    from PIL import Image, ImageOps

    notes = []
    channels, height, width = shape
    image = ImageOps.exif_transpose(opened)
    if getattr(opened, "n_frames", 1) > 1:
        notes.append(f"the first of its {opened.n_frames} frames is taken")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        ground = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
        notes.append("its transparent parts are shown on black")
    mode = "L" if channels == 1 else "RGB"
    if image.mode in ("I;16", "I", "F"):
        values = np.asarray(image, np.float64)
        if not np.isfinite(values).all() or values.min() < 0:
            raise FinnTuiError(
                f"{name} holds values that are no brightness",
                f"They cover {values.min():g} to {values.max():g}; brightness begins at 0.",
                "Give a picture of 8 or 16 bits, or an .npy file, which is taken as it is.",
            )
        top = 65535.0 if image.mode == "I;16" else max(1.0, float(values.max()))
        image = Image.fromarray(np.clip(np.rint(values * 255.0 / top), 0, 255).astype(np.uint8))
        notes.append(f"its values up to {top:,.0f} are scaled to 0 to 255")
    if image.mode != mode:
        how = "to grey (ITU-R 601 luma)" if mode == "L" else "to RGB"
        if not (image.mode == "1" and mode == "L"):
            notes.append(f"its colours are converted from {image.mode} {how}")
        image = image.convert(mode)
    if image.size != (width, height):
        notes.append(
            f"it is resized from {image.size[0]} x {image.size[1]} to {width} x {height} pixels "
            "(Lanczos, the whole picture)"
        )
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    array = np.asarray(image, np.uint8)
    array = array[None] if channels == 1 else array.transpose(2, 0, 1)
    return np.ascontiguousarray(array[None]), notes
