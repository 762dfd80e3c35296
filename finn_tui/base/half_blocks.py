"""An image in half blocks, two pixels a character; in letters where there are no colours."""

from __future__ import annotations

from typing import Any

#: Shades from dark to bright, for terminals that are told to use no colour.
_SHADES = " .:-=+*#%@"


def half_blocks(sample: Any, width: int, height: int) -> list[list[tuple[str, int, int]]]:
    """Return an image as half blocks: rows of (sign, upper, lower), colours as 0xRRGGBB.

    Args:
        sample: uint8, (C, H, W) with one or three channels.
        width, height: most columns and lines; a larger image is left out rather than cut.
    """
    import numpy as np

    array = np.asarray(sample)
    if array.ndim != 3 or array.dtype != np.uint8 or array.shape[0] not in (1, 3):
        return []
    channels, rows, columns = array.shape
    step = 1
    while columns > width * step or rows > 2 * height * step:
        step += 1
    array = array[:, ::step, ::step]
    channels, rows, columns = array.shape
    if rows % 2:
        array = np.concatenate([array, array[:, -1:, :]], axis=1)
        rows += 1
    red, green, blue = (array if channels == 3 else np.repeat(array, 3, axis=0)).astype(int)
    colours = (red << 16) | (green << 8) | blue
    return [
        [("▀", int(colours[y, x]), int(colours[y + 1, x])) for x in range(columns)]
        for y in range(0, rows, 2)
    ]


def shade(upper: int, lower: int) -> str:
    """Return a letter for two pixels, 0xRRGGBB."""
    bright = sum((upper >> shift & 255) + (lower >> shift & 255) for shift in (0, 8, 16)) / 6
    return _SHADES[min(len(_SHADES) - 1, int(bright / 256 * len(_SHADES)))]
