"""Lines of text with roles, for the Learn screen, the command line and reports."""

from __future__ import annotations

import re
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


#: Columns by which the rest of a broken line is indented: those of most labels.
_INDENT = 14


def folded(lines: Iterable[Line], width: int) -> list[Line]:
    """Return lines with those that are too long broken at blanks.

    Args:
        lines: the lines.
        width: columns.
    """
    result: list[Line] = []
    for spans in lines:
        result += _broken(spans, width) if sum(len(text) for text, _ in spans) > width else [spans]
    return result


def _broken(spans: Line, width: int) -> list[Line]:
    """One line, broken at its blanks; a word that is too long is left as it is."""
    lines: list[list[Span]] = [[]]
    used = 0
    for text, role in spans:
        for word in re.findall(r"\s*\S+|\s+", text):
            if lines[-1] and used + len(word.rstrip()) > width:
                lines.append([(" " * _INDENT, "")])
                word, used = word.lstrip(), _INDENT
            lines[-1].append((word, role))
            used += len(word)
    return [tuple(each) for each in lines]
