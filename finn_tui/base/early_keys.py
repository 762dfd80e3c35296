"""Keys that are typed before a full-screen program has the terminal."""

from __future__ import annotations

import contextlib
import sys
import termios
from typing import Any, Self


class EarlyKeys:
    """Keeps what is typed while a program starts as its keys, unchanged and unseen.

    Until then a terminal edits lines: it shows what is typed, turns Enter into another key, and
    takes Backspace and ctrl+q for itself. ctrl+c and ctrl+z work as ever.
    """

    def __init__(self) -> None:
        self._before: list[Any] | None = None

    def __enter__(self) -> Self:
        """Begin, and end with the block at the latest."""
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def begin(self) -> None:
        """Take the terminal out of line editing; nothing where stdin is no terminal."""
        try:
            # Textual reads the true stdin.
            fd = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
            before = termios.tcgetattr(fd)
            mode = termios.tcgetattr(fd)
        except (OSError, ValueError, termios.error):
            return
        mode[0] &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR | termios.IXON)
        mode[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
        # The slots of end-of-file and end-of-line, once lines are not edited.
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        try:
            termios.tcsetattr(fd, termios.TCSANOW, mode)
        except termios.error:
            return  # it has gone, or belongs to others by now
        self._before = before

    def end(self) -> None:
        """Give the terminal back as it was; keys that wait are kept."""
        if self._before is None:
            return
        before, self._before = self._before, None
        assert sys.__stdin__ is not None
        with contextlib.suppress(termios.error):
            termios.tcsetattr(sys.__stdin__.fileno(), termios.TCSANOW, before)
