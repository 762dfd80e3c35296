"""Text from elsewhere, made harmless before it reaches a screen."""

from __future__ import annotations

import re

# Escape sequences (CSI, OSC, DCS and others, with ESC or as one C1 character) and control
# characters but tabs and line ends: text may come from anywhere and must not reach the terminal
# as commands. Of the others what changes the order in which a line is read (bidi controls), what
# nobody sees (tags, interlinear marks), and halves of surrogate pairs, which cannot be written.
_CONTROL = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
    "|[\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
    "|[\ud800-\udfff]"
)


def clean(text: str) -> str:
    """Remove escape sequences, control characters and bidi controls; line ends stay."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub("", text)


def one_line(text: str) -> str:
    """Return text for one line of a terminal: clean, with line ends and tabs as blanks."""
    return printable(clean(text))


def printable(text: str) -> str:
    """Return text of one line in which every character takes its place and shows."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c in "\t\n\r" else "�" for c in text)


def shown(value: object, longest: int = 80, *, quoted: bool = False) -> str:
    """Return a value from a file for a message; quoted where nobody would see what it is.

    Args:
        value: a name that may be empty, have odd characters or be endless; or any other value.
        longest: characters at most.
        quoted: quote any text, so that it is not taken for a number.
    """
    plain = isinstance(value, str) and bool(value.strip()) and value.isprintable() and not quoted
    text = str(value) if plain else repr(value)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def unprintable(text: str) -> str:
    """Name the characters of a text that do not show, such as line ends; empty for none."""
    names = {"\n": "a line end", "\r": "a carriage return", "\t": "a tab", "\x1b": "an escape code"}
    odd = list(dict.fromkeys(c for c in text if not c.isprintable()))
    named = [
        "bytes that are no UTF-8"
        if "\ud800" <= c <= "\udfff"
        else f"{names.get(c, 'a character that does not show')} ({c!r})"
        for c in odd
    ]
    return ", ".join(dict.fromkeys(named[:4])) + (", ..." if len(named) > 4 else "")


def for_terminal(text: str) -> str:
    """Return lines for a terminal: clean, and without carriage returns that overwrite text."""
    return clean(text).replace("\r\n", "\n").replace("\r", " ")


def number(value: float | None, digits: int = 0) -> str:
    """Format a number with thousands separators; a dash for None.

    Args:
        value: the number.
        digits: decimal places.
    """
    if value is None:
        return "-"
    # A figure from elsewhere may have three hundred digits.
    return f"{value:,.{digits}f}" if abs(value) < 1e15 else f"{value:.3g}"


def significant(value: float, digits: int = 3) -> str:
    """Format a number with so many significant digits, a large one in full.

    Args:
        value: the number.
        digits: significant ones; whole digits before the point are never dropped (12,346).
    """
    if 10**digits - 0.5 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def time_span(seconds: float) -> str:
    """A length of time for people: 42 s, 12 min, 1.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def readable(data: bytes) -> str:
    """Return a log line as it can be shown, without bad bytes, escape sequences and tabs.

    What stands before a carriage return is kept: it is text that someone may search for.
    """
    text = data.decode("utf-8", "replace").rstrip("\r").replace("\r", " ")
    return clean(text).expandtabs(8)
