"""A terminal in memory: what a board prints goes in, rows of styled cells come out.

pyte does the emulation, so that no escape sequence of a board reaches the real terminal. Added
here: lines that scroll off are kept, the alternate screen of vim and less, and bounds: nothing that
a board prints makes this grow or ends it.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Mapping
from typing import Any

import pyte
from rich.color import ColorParseError
from rich.segment import Segment
from rich.style import Style

#: Lines that have scrolled off.
_MOST_BACK = 5_000
#: Characters given to pyte at a time; an exception loses the rest of one piece.
PIECE = 1024
#: A sequence that has not ended after so many pieces is none.
_MOST_PIECES = 4
#: Code points of one cell: more combining characters are cut.
_MOST_IN_CELL = 12
_ALTERNATE = frozenset({47, 1047, 1049})
_COLUMN_MODE = 3
_APPLICATION_KEYS, _BRACKETED_PASTE = 1 << 5, 2004 << 5

Row = Mapping[int, Any]


class _Screen(pyte.Screen):  # type: ignore[misc]
    """pyte's screen with what it lacks."""

    def __init__(self, columns: int, rows: int) -> None:
        self.back: deque[Row] = deque(maxlen=_MOST_BACK)
        self.pushed = 0
        self.replies: list[str] = []
        self._normal: tuple[dict[int, Any], Any] | None = None
        super().__init__(columns, rows)

    def index(self) -> None:
        """Keep the line that scrolls off at the top."""
        top, bottom = self.margins or (0, self.lines - 1)
        if self.cursor.y == bottom and top == 0 and self._normal is None:
            self.back.append(self.buffer[0])
            self.pushed += 1
        super().index()

    def set_mode(self, *modes: int, **kwargs: Any) -> None:
        """Turn to the alternate screen; never to another width."""
        if kwargs.get("private"):
            if _ALTERNATE & set(modes) and self._normal is None:
                self._normal = (dict(self.buffer), (self.cursor.y, self.cursor.x))
                self.buffer.clear()
                self.dirty.update(range(self.lines))
            modes = tuple(mode for mode in modes if mode != _COLUMN_MODE)
        super().set_mode(*modes, **kwargs)

    def reset_mode(self, *modes: int, **kwargs: Any) -> None:
        """Turn back from the alternate screen."""
        if kwargs.get("private"):
            if _ALTERNATE & set(modes) and self._normal is not None:
                rows, (y, x) = self._normal
                self._normal = None
                self.buffer.clear()
                self.buffer.update(rows)
                self.set_margins()
                self.cursor.y, self.cursor.x = min(y, self.lines - 1), min(x, self.columns - 1)
                self.dirty.update(range(self.lines))
            modes = tuple(mode for mode in modes if mode != _COLUMN_MODE)
        super().reset_mode(*modes, **kwargs)

    def reset(self) -> None:
        """Begin again."""
        self._normal = None
        super().reset()

    def draw(self, data: str) -> None:
        """Draw text; a cell holds a few code points only."""
        super().draw(data)
        x = max(0, min(self.cursor.x, self.columns) - 1)
        cell = self.buffer[self.cursor.y][x]
        if len(cell.data) > _MOST_IN_CELL:
            self.buffer[self.cursor.y][x] = cell._replace(data=cell.data[:_MOST_IN_CELL])

    def write_process_input(self, data: str) -> None:
        """Keep answers to questions of the board's programs."""
        if len(self.replies) < 100:
            self.replies.append(data)


class Emulator:
    """A terminal of some size."""

    def __init__(self, columns: int, rows: int) -> None:
        self._screen = _Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._open_pieces = 0

    @property
    def columns(self) -> int:
        """Its width."""
        return int(self._screen.columns)

    @property
    def rows(self) -> int:
        """Its height."""
        return int(self._screen.lines)

    @property
    def cursor(self) -> tuple[int, int] | None:
        """Row and column of the cursor; None while it is hidden."""
        cursor = self._screen.cursor
        return None if cursor.hidden else (cursor.y, min(cursor.x, self.columns - 1))

    @property
    def application_keys(self) -> bool:
        """Whether arrow keys are sent as applications want them."""
        return _APPLICATION_KEYS in self._screen.mode

    @property
    def bracketed_paste(self) -> bool:
        """Whether what is pasted is to be marked."""
        return _BRACKETED_PASTE in self._screen.mode

    @property
    def back(self) -> int:
        """Lines that can be scrolled back to."""
        return len(self._screen.back)

    def feed(self, data: bytes) -> bytes:
        """Take some output, ``PIECE`` bytes at most; returns what the terminal answers."""
        try:
            self._stream.feed(data)
        except Exception:  # The boundary to what a board prints: pyte knows not every sequence.
            self._restart()
        # Inside a sequence that does not end pyte collects without bound.
        if getattr(self._stream, "_taking_plain_text", True):
            self._open_pieces = 0
        else:
            self._open_pieces += 1
            if self._open_pieces >= _MOST_PIECES:
                self._restart()
        replies, self._screen.replies = self._screen.replies, []
        return "".join(replies).encode()

    def _restart(self) -> None:
        self._stream = pyte.ByteStream(self._screen)
        self._open_pieces = 0

    def resize(self, columns: int, rows: int) -> None:
        """Change the size."""
        self._screen.resize(max(1, rows), max(2, columns))
        self._screen.cursor.x = min(self._screen.cursor.x, self.columns - 1)
        self._screen.cursor.y = min(self._screen.cursor.y, self.rows - 1)

    def take_dirty(self) -> set[int]:
        """Rows that have changed since the last call."""
        dirty = set(self._screen.dirty)
        self._screen.dirty.clear()
        return dirty

    def take_pushed(self) -> int:
        """Lines that have scrolled off since the last call."""
        pushed, self._screen.pushed = self._screen.pushed, 0
        return pushed

    def row(self, y: int, back: int = 0) -> list[Segment]:
        """Row ``y`` of what is shown with the view ``back`` lines above the end."""
        segments: list[Segment] = []
        text, style = "", Style()
        for shown, cell_style in self._cells(y, back):
            if cell_style != style and text:
                segments.append(Segment(text, style))
                text = ""
            style = cell_style
            text += shown
        return [*segments, Segment(text, style)] if text else segments

    def text(self, y: int, back: int = 0) -> str:
        """The text of a row."""
        return "".join(shown for shown, _ in self._cells(y, back)).rstrip()

    def _cells(self, y: int, back: int) -> list[tuple[str, Style]]:
        line = y - back
        row: Row = self._screen.buffer[line] if line >= 0 else {}
        if line < 0 and -line <= len(self._screen.back):
            row = self._screen.back[line]
        cursor = self.cursor if back == 0 else None
        cells = []
        for x in range(self.columns):
            cell = row.get(x, self._screen.default_char)
            if not cell.data:
                continue  # the second half of a wide character
            style = _style(cell)
            if cursor == (y, x):
                style += Style(reverse=not cell.reverse)
            cells.append((_harmless(cell.data), style))
        return cells


def _harmless(data: str) -> str:
    """A cell's text without anything that a terminal or a bidi algorithm would obey."""
    if data.isprintable():
        return data
    return "".join(c for c in data if c.isprintable() or unicodedata.category(c) == "Mn") or " "


_styles: dict[tuple[Any, ...], Style] = {}


def _style(cell: Any) -> Style:
    key = cell[1:]
    style = _styles.get(key)
    if style is None:
        if len(_styles) > 4096:
            _styles.clear()
        style = _styles[key] = Style(
            color=_colour(cell.fg),
            bgcolor=_colour(cell.bg),
            bold=cell.bold or None,
            italic=cell.italics or None,
            underline=cell.underscore or None,
            strike=cell.strikethrough or None,
            reverse=cell.reverse or None,
        )
    return style


def _colour(name: str) -> str | None:
    if name == "default":
        return None
    if len(name) == 6 and all(c in "0123456789abcdefABCDEF" for c in name):
        return "#" + name
    name = name.replace("brown", "yellow").replace("bright", "bright_")
    try:
        Style(color=name)
    except ColorParseError:
        return None
    return name
