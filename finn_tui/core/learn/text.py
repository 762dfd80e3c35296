"""Lines of text with roles, for the Learn screen, the command line and reports."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

Span = tuple[str, str]
"""A text and its role: "" (plain), "dim", "strong", "title", "accent", "good", "bad"."""

Line = tuple[Span, ...]


def line(*spans: Span | str) -> Line:
    """Return a line of spans; a text alone is a span without a role."""
    return tuple((span, "") if isinstance(span, str) else span for span in spans)


def paragraph(text: str, width: int, role: str = "") -> list[Line]:
    """Return a text wrapped to lines.

    Args:
        text: one paragraph.
        width: columns.
        role: of all of it.
    """
    return [line((part, role)) for part in textwrap.wrap(text, max(20, width))]


def plain(lines: Iterable[Line]) -> str:
    """Return lines as text without roles and blanks at line ends."""
    return "\n".join("".join(text for text, _ in spans).rstrip() for spans in lines)


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: "1 cycle", "3 cycles"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def ranged(first: int, count: int) -> str:
    """Return an index range as text: "3" for one index, "8..15" for eight.

    Args:
        first: first index.
        count: how many indices.
    """
    return str(first) if count == 1 else f"{first}..{first + count - 1}"


def cut(lines: Iterable[Line], width: int) -> list[Line]:
    """Return lines without what lies right of a width.

    Args:
        lines: the lines.
        width: columns.
    """
    shortened = []
    for spans in lines:
        room, kept = width, []
        for text, role in spans:
            if room <= 0:
                break
            kept.append((text[:room], role))
            room -= len(text)
        shortened.append(tuple(kept))
    return shortened
