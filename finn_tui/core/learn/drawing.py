"""Drawings made of a few shapes, and their SVG.

Colours and line widths come from roles, so that all pictures look alike. Style attributes stand at
each element: style sheets in an SVG are not understood by every program that places pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

from finn_tui.base.text import printable

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]

_FONT = "DejaVu Sans, Helvetica, Arial, sans-serif"
#: Width of an average character as a part of the font size, for boxes around texts.
_CHARACTER = 0.6


@dataclass(frozen=True)
class Paint:
    """The colours of a role: of an area, of its outline, and of text in it."""

    fill: str
    line: str
    text: str = "#1f2937"


PAINTS: Mapping[str, Paint] = {
    "": Paint("#ffffff", "#4b5563"),
    "frame": Paint("#f8fafc", "#cbd5e1"),
    "input": Paint("#dcfce7", "#15803d", "#14532d"),
    "weight": Paint("#dbeafe", "#2563eb", "#1e3a8a"),
    "multiply": Paint("#fef3c7", "#b45309", "#78350f"),
    "add": Paint("#ffedd5", "#c2410c", "#7c2d12"),
    "accumulate": Paint("#ede9fe", "#6d28d9", "#4c1d95"),
    "threshold": Paint("#fce7f3", "#be185d", "#831843"),
    "output": Paint("#e0f2fe", "#0369a1", "#0c4a6e"),
    "padding": Paint("#f3f4f6", "#9ca3af", "#6b7280"),
    "done": Paint("#e5e7eb", "#9ca3af", "#4b5563"),
    "now": Paint("#f97316", "#9a3412", "#ffffff"),
    "halo": Paint("#fed7aa", "#ea580c", "#7c2d12"),
    "title": Paint("#ffffff", "#111827", "#111827"),
    "dim": Paint("#ffffff", "#9ca3af", "#6b7280"),
}
#: Areas that tell neighbours apart, such as the PEs: used one after the other.
SERIES = ("weight", "input", "multiply", "threshold", "accumulate", "output", "add", "padding")


@dataclass(frozen=True)
class Box:
    """A rectangle; ``rounded`` is the radius of its corners."""

    x: float
    y: float
    width: float
    height: float
    role: str = ""
    rounded: float = 4
    dashed: bool = False
    thick: float = 1.2


@dataclass(frozen=True)
class Circle:
    """A circle around a point."""

    x: float
    y: float
    radius: float
    role: str = ""


@dataclass(frozen=True)
class Path:
    """A line through points, or an area if it is closed."""

    points: Sequence[Point]
    role: str = ""
    arrow: bool = False
    closed: bool = False
    dashed: bool = False
    thick: float = 1.4


@dataclass(frozen=True)
class Label:
    """A text; y is its middle."""

    x: float
    y: float
    text: str
    role: str = ""
    anchor: Anchor = "middle"
    size: float = 12
    bold: bool = False


Item = Box | Circle | Path | Label


@dataclass
class Drawing:
    """A picture in pixels with a title.

    Attributes:
        width, height: of the picture.
        title: shown at the top and read to those who cannot see the picture.
    """

    width: float
    height: float
    title: str
    items: list[Item] = field(default_factory=list)

    def add(self, *items: Item) -> None:
        """Add shapes; later ones lie over earlier ones."""
        self.items += items

    def text(
        self,
        x: float,
        y: float,
        *lines: str,
        role: str = "",
        anchor: Anchor = "middle",
        size: float = 12,
        bold: bool = False,
    ) -> None:
        """Add lines of text around a point.

        Args:
            x: of the anchor.
            y: of the middle of all lines.
            lines: from top to bottom.
            role: its colour.
            anchor: which part of a line is at x.
            size: of the font.
            bold: of all lines.
        """
        pitch = size * 1.25
        top = y - pitch * (len(lines) - 1) / 2
        for at, text in enumerate(lines):
            self.add(Label(x, top + at * pitch, text, role, anchor, size, bold))

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        role: str,
        *lines: str,
        rounded: float = 4,
    ) -> None:
        """Add a rectangle with lines of text in its middle; long ones are set smaller.

        Args:
            x: left edge.
            y: upper edge.
            width: of the rectangle.
            height: of the rectangle.
            role: its colours.
            lines: from top to bottom.
            rounded: radius of the corners.
        """
        self.add(Box(x, y, width, height, role, rounded))
        if lines:
            longest = max(1, max(len(text) for text in lines))
            size = min(12.0, (width - 8) / (longest * _CHARACTER), height / len(lines) / 1.2)
            self.text(x + width / 2, y + height / 2, *lines, role=role, size=size)

    def svg(self) -> str:
        """Return the picture as an SVG document."""
        name = _text(self.title)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(self.width)}" '
            f'height="{_n(self.height)}" viewBox="0 0 {_n(self.width)} {_n(self.height)}" '
            f'role="img" aria-label={quoteattr(printable(self.title))}>',
            f"<title>{name}</title>",
            f'<rect width="{_n(self.width)}" height="{_n(self.height)}" fill="#ffffff"/>',
            *(_element(item) for item in self.items),
            "</svg>",
        ]
        return "\n".join(parts) + "\n"


def _n(value: float) -> str:
    """A number as short as it can be written."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _text(text: str) -> str:
    return escape(printable(text))


def _element(item: Item) -> str:
    paint = PAINTS[item.role]
    match item:
        case Box():
            dash = ' stroke-dasharray="5 4"' if item.dashed else ""
            return (
                f'<rect x="{_n(item.x)}" y="{_n(item.y)}" width="{_n(item.width)}" '
                f'height="{_n(item.height)}" rx="{_n(item.rounded)}" fill="{paint.fill}" '
                f'stroke="{paint.line}" stroke-width="{_n(item.thick)}"{dash}/>'
            )
        case Circle():
            return (
                f'<circle cx="{_n(item.x)}" cy="{_n(item.y)}" r="{_n(item.radius)}" '
                f'fill="{paint.fill}" stroke="{paint.line}" stroke-width="1.2"/>'
            )
        case Label():
            weight = ' font-weight="bold"' if item.bold else ""
            # The middle by hand: dominant-baseline is not understood everywhere.
            return (
                f'<text x="{_n(item.x)}" y="{_n(item.y + item.size * 0.35)}" '
                f'font-family="{_FONT}" font-size="{_n(item.size)}" '
                f'text-anchor="{item.anchor}" fill="{paint.text}"{weight}>{_text(item.text)}</text>'
            )
        case Path():
            return _path(item, paint)


def _path(path: Path, paint: Paint) -> str:
    points = " ".join(f"{_n(x)},{_n(y)}" for x, y in path.points)
    dash = ' stroke-dasharray="5 4"' if path.dashed else ""
    if path.closed:
        return (
            f'<polygon points="{points}" fill="{paint.fill}" stroke="{paint.line}" '
            f'stroke-width="{_n(path.thick)}"{dash}/>'
        )
    drawn = (
        f'<polyline points="{points}" fill="none" stroke="{paint.line}" '
        f'stroke-width="{_n(path.thick)}"{dash}/>'
    )
    if path.arrow and len(path.points) > 1:
        head = " ".join(f"{_n(x)},{_n(y)}" for x, y in _arrow_head(*path.points[-2:]))
        drawn += f'\n<polygon points="{head}" fill="{paint.line}"/>'
    return drawn


def _arrow_head(start: Point, end: Point) -> list[Point]:
    """The triangle at the end of a line; markers are not understood everywhere."""
    (x0, y0), (x1, y1) = start, end
    length = max(1e-9, ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5)
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    return [
        (x1 + dx, y1 + dy),
        (x1 - 7 * dx + 3.5 * dy, y1 - 7 * dy - 3.5 * dx),
        (x1 - 7 * dx - 3.5 * dy, y1 - 7 * dy + 3.5 * dx),
    ]
