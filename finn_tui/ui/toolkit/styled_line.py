"""Lines of text with roles, and numbers formatted for people.

Everything drawn is first a ``StyledLine``: spans of text, each with a role ("dim", "bad", ...)
that ``styles`` gives a colour to, and areas that react to the mouse. Data never passes through
markup, and control characters in it never reach the terminal.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Self

from rich.cells import cell_len, chop_cells, set_cell_size

from finn_tui.base.text import printable as printable

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def cells(text: str) -> int:
    """Return the columns that a text takes."""
    return len(text) if text.isascii() else cell_len(text)


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Return ``text`` in exactly ``width`` columns, cut with an ellipsis if it is longer."""
    size = cells(text)
    if size > width:
        return set_cell_size(text, max(0, width - 1)) + "…" if width > 0 else ""
    pad = " " * (width - size)
    return pad + text if right else text + pad


#: The beginning of a number that goes on behind it.
_NUMBER_START = re.compile(r"(?<!\w)[+-]?\d[\d,.]*$")


def shorten(text: str, width: int) -> str:
    """``text`` in at most ``width`` columns, cut with an ellipsis; a number is never cut in two."""
    if cells(text) <= width:
        return text
    head = fit(text, width).removesuffix("…")
    if text[len(head) : len(head) + 1] in tuple("0123456789,.%"):
        head = _NUMBER_START.sub("", head)
    return f"{head.rstrip()}…" if width > 0 else ""


def bar(fraction: float, width: int) -> str:
    """Return a bar of ``width`` columns in eighths of a column; empty only for 0."""
    eighths = min(width * 8, max(1 if fraction > 0 else 0, round(fraction * width * 8)))
    full, eighths_left = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[eighths_left] if eighths_left else "")).ljust(width)


def whole(value: float) -> str:
    """Return a number without fraction, with thousands separators."""
    return f"{value:,.0f}"


def short(value: float, width: int) -> str:
    """Return a whole number in at most ``width`` columns: "12,345", "123k", "4.5M"."""
    text = whole(value)
    if len(text) <= width:
        return text
    for unit, factor in (("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12)):
        for digits in (1, 0):
            text = f"{value / factor:.{digits}f}{unit}"
            if value < factor * 1000 and len(text) <= width:
                return text
    return "…"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: "1 change", "3 changes"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def setting_text(value: object) -> str:
    """Return a knob's or setting's value as text: "2, 32" for a list of depths."""
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value)
    return "not set" if value is None or value == "" else str(value)


def duration(seconds: float) -> str:
    """Return seconds as text: "0.4 s", "42 s", "3 min 05 s", "2 h 04 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, seconds_left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {seconds_left:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def brief(seconds: float) -> str:
    """Return seconds as text of at most six columns: "0.4 s", "42 s", "3m05", "2h04"."""
    if seconds < 60:
        return duration(seconds)
    minutes, seconds_left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{seconds_left:02d}"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}"


def milliseconds(ms: float) -> str:
    """Return milliseconds as text with three digits and a fitting unit."""
    if ms >= 1000:
        return f"{ms / 1000:.3g} s" if ms < 1e6 else f"{ms / 1000:,.0f} s"
    return f"{ms:.3g} ms" if ms >= 1 else f"{ms * 1000:.3g} µs"


def rate(per_second: float) -> str:
    """Return frames per second as text: whole from ten on, two digits below."""
    return whole(per_second) if per_second >= 10 else f"{per_second:.2f}"


class StyledLine:
    """A line of text that is written from left to right.

    Attributes:
        base: the role of the whole line ("cursor"), over which each piece's role lies.
        spans: (text, role) of each piece of text.
        width: columns written so far.
        targets: (from, to, target) for the mouse; columns, the end excluded.
    """

    __slots__ = ("base", "spans", "targets", "width")

    def __init__(self, base: str = "") -> None:
        self.base = base
        self.spans: list[tuple[str, str]] = []
        self.width = 0
        self.targets: list[tuple[int, int, Hashable]] = []

    def add(self, text: str, role: str = "", hit: Hashable = None) -> Self:
        """Write a piece. ``hit`` is what a click on it means."""
        text = printable(text)
        if text:
            size = cells(text)
            if hit is not None:
                self.targets.append((self.width, self.width + size, hit))
            self.spans.append((text, role))
            self.width += size
        return self

    def cell(
        self, text: str, width: int, role: str = "", *, right: bool = False, hit: Hashable = None
    ) -> Self:
        """Write a piece of exactly ``width`` columns."""
        return self.add(fit(printable(text), width, right=right), role, hit)

    def to(self, column: int) -> Self:
        """Write blanks up to a column; nothing if the line is longer."""
        return self.add(" " * (column - self.width))

    def right(self, other: StyledLine, width: int) -> Self:
        """Write another line so that it ends at ``width``, if it fits."""
        if self.width + 1 + other.width <= width:
            self.to(width - other.width).append(other)
        return self

    def append(self, other: StyledLine) -> Self:
        """Append another line's spans."""
        self.targets += [
            (start + self.width, end + self.width, hit) for start, end, hit in other.targets
        ]
        self.spans += other.spans
        self.width += other.width
        return self

    def at(self, column: int) -> Hashable:
        """Return the click target at a column; None for nothing."""
        for start, end, target in self.targets:
            if start <= column < end:
                return target
        return None

    def cut(self, column: int) -> tuple[StyledLine, StyledLine]:
        """Split the line at a column, for panes side by side."""
        left, right = StyledLine(self.base), StyledLine(self.base)
        for text, role in self.spans:
            room = max(0, column - left.width)
            if cells(text) <= room:
                left.add(text, role)
                continue
            head = set_cell_size(text, room) if room else ""
            left.add(head, role)
            right.add(text[len(head) :], role)
        for start, end, hit in self.targets:
            if start < column:
                left.targets.append((start, min(end, column), hit))
            if end > column:
                right.targets.append((max(0, start - column), end - column, hit))
        return left, right

    @property
    def text(self) -> str:
        """Return the text without roles."""
        return "".join(text for text, _ in self.spans)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, StyledLine) and self.base == other.base and self.spans == other.spans
        )

    __hash__ = None  # type: ignore[assignment]


def wrap(text: str, width: int, role: str = "", indent: str = "") -> list[StyledLine]:
    """Return prose wrapped at words to at most ``width`` columns; long words are cut."""
    room = max(1, width - cells(indent))
    lines: list[StyledLine] = []
    for paragraph in text.splitlines() or [""]:
        current = ""
        for word in printable(paragraph).split(" "):
            for number, piece in enumerate(chop_cells(word, room) or [""]):
                longer = piece if number or not current else f"{current} {piece}"
                if cells(longer) <= room and not number:
                    current = longer
                    continue
                lines.append(StyledLine().add(indent).add(current, role))
                current = piece
        lines.append(StyledLine().add(indent).add(current, role))
    return lines


def clock_text(clock_ns: float) -> str:
    """Return a clock period in ns as a frequency: "100 MHz"."""
    return f"{1000 / clock_ns:.4g} MHz"
