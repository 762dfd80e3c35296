"""Text from elsewhere, made harmless before it reaches a screen."""

from __future__ import annotations

import re

# Escape sequences (CSI, OSC and others) and control characters but tabs and line ends: a log may
# come from anywhere and must not reach the terminal as commands.
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)


def clean(text: str) -> str:
    """Text without escape sequences and control characters."""
    return _CONTROL.sub("", text)


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def readable(data: bytes) -> str:
    """One line of a log as it can be shown: bad bytes, escape sequences and tabs made harmless.

    What stands before a carriage return is kept: it is text that someone may search for.
    """
    text = data.decode("utf-8", "replace").rstrip("\r").replace("\r", " ")
    return clean(text).expandtabs(8)
