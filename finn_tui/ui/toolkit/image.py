"""An image in half blocks, two pixels a cell; in letters where there are no colours."""

from __future__ import annotations

from typing import Any

from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

#: Shades from dark to bright, for terminals that are told to use no colour.
_SHADES = " .:-=+*#%@"


class SampleImage(Widget):
    """Draws one image of shape (C, H, W), uint8."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sample: Any = None
        self._rows: list[list[tuple[str, int, int]]] = []

    def set_image(self, sample: Any) -> None:
        """Show an image, or nothing."""
        if sample is self._sample:
            return
        self._sample = sample
        self._make()
        self.refresh()

    def on_resize(self) -> None:
        """Scale the image to the new size."""
        self._make()
        self.refresh()

    def _make(self) -> None:
        width, height = self.size
        fits = self._sample is not None and width and height
        self._rows = half_blocks(self._sample, width, height) if fits else []

    def render_line(self, y: int) -> Strip:
        """Return one line, which shows two rows of pixels."""
        width = self.size.width
        background = self.rich_style
        if y >= len(self._rows):
            return Strip.blank(width, background)
        row = self._rows[y]
        left = (width - len(row)) // 2
        segments = [Segment(" " * left, background)]
        if self.app.no_color:
            text = "".join(_shade(upper, lower) for _, upper, lower in row)
            segments.append(Segment(text, background))
        else:
            segments += [Segment(sign, _style(upper, lower)) for sign, upper, lower in row]
        return Strip(segments).adjust_cell_length(width, background)


def _style(upper: int, lower: int) -> Style:
    return Style.from_color(_colour(upper), _colour(lower))


def _colour(value: int) -> Color:
    return Color.from_triplet(ColorTriplet(value >> 16, value >> 8 & 255, value & 255))


def _shade(upper: int, lower: int) -> str:
    bright = sum((upper >> shift & 255) + (lower >> shift & 255) for shift in (0, 8, 16)) / 6
    return _SHADES[min(len(_SHADES) - 1, int(bright / 256 * len(_SHADES)))]


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
