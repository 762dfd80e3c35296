"""An image in half blocks, two pixels a cell; in letters where there are no colours."""

from __future__ import annotations

from typing import Any

from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from finn_tui.base.half_blocks import half_blocks, shade


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
            text = "".join(shade(upper, lower) for _, upper, lower in row)
            segments.append(Segment(text, background))
        else:
            segments += [Segment(sign, _style(upper, lower)) for sign, upper, lower in row]
        return Strip(segments).adjust_cell_length(width, background)


def _style(upper: int, lower: int) -> Style:
    return Style.from_color(_colour(upper), _colour(lower))


def _colour(value: int) -> Color:
    return Color.from_triplet(ColorTriplet(value >> 16, value >> 8 & 255, value & 255))
