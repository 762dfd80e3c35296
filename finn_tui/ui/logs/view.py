"""State of a log view: the lines in view, the cursor, search and filter.

Places are offsets of lines in the file: nothing here depends on how large it is.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import chop_cells

from finn_tui.base.text import readable
from finn_tui.runs.logs.bigfile import BigFile, LineCount
from finn_tui.runs.logs.severity import Severity, severity
from finn_tui.ui.toolkit.styled_line import StyledLine, cells, fit, printable

if TYPE_CHECKING:
    from finn_tui.runs.logs.search_worker import SearchHits

#: As many bytes of a line are looked at; the rest can be had in a pager.
SHOWN = 16_384
#: How far a step sideways goes.
SIDE = 20
#: Copying more than this through the terminal would be refused by many.
COPIED = 64_000

# FINN's log has the date in every line: the time alone tells as much and leaves room.
_STAMP = re.compile(r"^\[\d{4}-\d\d-\d\d (\d\d:\d\d:\d\d)(?:,\d{3})?\] ?")

_ROLES = {
    Severity.ERROR: "bad",
    Severity.CRITICAL: "warn",
    Severity.WARNING: "warn",
}
#: Filters in the order in which a key goes through them.
LEVELS = (None, Severity.ERROR, Severity.CRITICAL, Severity.WARNING)
LEVEL_NAMES = {
    None: "all lines",
    Severity.ERROR: "errors only",
    Severity.CRITICAL: "critical warnings and errors",
    Severity.WARNING: "warnings and errors",
}


def line_text(data: bytes) -> str:
    """Return a line as it is shown."""
    return printable(_STAMP.sub(r"\1 ", readable(data)))


def role_of(data: bytes) -> str:
    """Return the role (colour) of a line by its severity."""
    return _ROLES.get(severity(data), "")


@dataclass(frozen=True)
class Shown:
    """One row on the screen: the line's offset, its text from the left edge on, its colour."""

    start: int
    text: str
    role: str
    first: bool = True


class LogView:
    """One log with a cursor in it.

    Attributes:
        top, cursor: lines by their offsets.
        following: whether the view stays at the end as the file grows.
        column: how far it is moved sideways; wrap: long lines go on in the next row.
        mark: the other end of the marked lines, None without a mark.
        search: the search and its hits so far.
        errors: where the errors are, once someone has asked.
        only: shows only these lines; None for all.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.file = BigFile(path) if path is not None else None
        self.count = LineCount(self.file) if self.file is not None else None
        self.state = "same"
        self.top = self.cursor = 0
        self.following = True
        self.column = 0
        self.wrap = False
        self.mark: int | None = None
        self.search: SearchHits | None = None
        self.errors: SearchHits | None = None
        self.only: SearchHits | None = None
        self._wanted_line: int | None = None
        self._height = 1
        self._width = 80
        self._bottom = 0

    # The file

    def look(self) -> str:
        """Check the file for changes, as ``BigFile.look``; reset the view if it was replaced."""
        if self.file is None:
            return "same"
        before = self.state
        self.state = self.file.look()
        if self.state == "anew":
            assert self.count is not None
            self.count.clear()
            self.search = self.errors = self.only = self.mark = None
            if not self.following:
                self.top = self.cursor = 0
        return self.state if self.state != "gone" or before != "gone" else "same"

    def count_lines(self, seconds: float) -> bool:
        """Count lines for a moment; return whether the count has just become complete."""
        count = self.count
        if count is None or count.done:
            return False
        end = time.perf_counter() + seconds
        while not count.done and time.perf_counter() < end:
            count.step()
        if self._wanted_line is not None and (start := count.start(self._wanted_line)) is not None:
            self._wanted_line = None
            self.go_to(start)
        return count.done

    @property
    def size(self) -> int:
        """Return the size of the file in bytes."""
        return self.file.size if self.file is not None else 0

    def data(self, start: int) -> bytes:
        """Return the bytes of a line, at most as many as are shown."""
        return self.file.line(start, SHOWN) if self.file is not None else b""

    # Lines: all, or those that a filter leaves

    def after(self, at: int, count: int) -> list[int]:
        """Return the starts of lines at and after an offset.

        Args:
            at: offset in bytes.
            count: most lines.
        """
        file, only = self.file, self.only
        if file is None:
            return []
        if only is None:
            return file.after(at, count)
        first = only.index(at)
        return [file.start_of(only[i]) for i in range(first, min(len(only), first + count))]

    def before(self, at: int, count: int) -> list[int]:
        """Return the starts of lines before an offset, in file order.

        Args:
            at: offset in bytes.
            count: most lines.
        """
        file, only = self.file, self.only
        if file is None:
            return []
        if only is None:
            return file.before(at, count)
        last = only.index(at)
        return [file.start_of(only[i]) for i in range(max(0, last - count), last)]

    # What is in view

    def rows(self, width: int, height: int) -> list[Shown]:
        """Return the rows in view, which include the cursor.

        Args:
            width: columns of text.
            height: rows.
        """
        self._width, self._height = max(1, width), max(1, height)
        if self.following:
            last = self.before(self.size, 1)
            self.cursor = last[0] if last else 0
        self.settle()
        self.top = min(self.top, self._last_top())
        if self.following or not self._fits():
            self.top = self._top_for(self.cursor)
        if self.cursor < self.top:
            self.top = self.cursor
        shown: list[Shown] = []
        for start in self.after(self.top, self._height):
            shown += self._rows_of(start)
            self._bottom = start
            if len(shown) >= self._height:
                break
        return shown[: self._height]

    def _rows_of(self, start: int) -> list[Shown]:
        data = self.data(start)
        text, role = line_text(data)[self.column :], role_of(data)
        if not self.wrap:
            return [Shown(start, text, role)]
        pieces = chop_cells(text, self._width) or [""]
        return [Shown(start, piece, role, i == 0) for i, piece in enumerate(pieces)]

    def _fits(self) -> bool:
        """Return whether the cursor is in view with this top."""
        starts = self.after(self.top, self._height)
        if not starts or self.cursor > starts[-1]:
            return False
        if not self.wrap:
            return True
        used = 0
        for start in starts:
            if start > self.cursor:
                break
            used += len(self._rows_of(start))
        return used <= self._height or starts[0] >= self.cursor

    def _top_for(self, line: int) -> int:
        """Return the top that shows a line as the last one."""
        starts = [*self.before(line, self._height - 1), line]
        if not self.wrap:
            return starts[0]
        room = self._height
        top = line
        for start in reversed(starts):
            room -= len(self._rows_of(start))
            if room < 0:
                break
            top = start
        return top

    def _last_top(self) -> int:
        last = self.before(self.size, 1)
        return self._top_for(last[0]) if last else 0

    def thumb(self) -> tuple[int, int] | None:
        """Return the scroll bar's thumb as (first row, rows); None if everything is in view."""
        total, at, seen = self.size, self.top, self._bottom - self.top
        if self.only is not None:
            total, at = len(self.only), self.only.index(self.top)
            seen = self._height
        last = self._last_top()
        last = self.only.index(last) if self.only is not None else last
        if last <= 0:
            return None
        size = max(1, min(self._height - 1, round(self._height * seen / max(1, total))))
        return round(at * (self._height - size) / last), size

    # Moving

    def stay(self) -> None:
        """Stop following."""
        self.following = False

    def move(self, lines: int) -> None:
        """Move the cursor by lines."""
        if lines < 0:
            starts = self.before(self.cursor, -lines)
            self.cursor = starts[0] if starts else self.cursor
            self.stay()
        elif lines > 0:
            starts = self.after(self.cursor + 1, lines)
            self.cursor = starts[-1] if starts else self.cursor
            # Going down over the end follows again.
            self.following = len(starts) < lines

    def scroll(self, lines: int) -> None:
        """Move the view; the cursor moves only to stay in it."""
        starts = self.before(self.top, -lines) if lines < 0 else self.after(self.top, lines + 1)
        if not starts:
            return
        self.stay()
        self.top = starts[0] if lines < 0 else min(starts[-1], self._last_top())
        seen = self.after(self.top, self._height)
        if seen:
            self.cursor = max(seen[0], min(self.cursor, seen[-1]))
        self.following = lines > 0 and self.top >= self._last_top()

    def page(self, direction: int) -> None:
        """Move a page up or down."""
        self.move(direction * max(1, self._height - 1))

    def to_top(self) -> None:
        """Go to the first line."""
        starts = self.after(0, 1)
        self.go_to(starts[0] if starts else 0)

    def to_bottom(self) -> None:
        """Go to the last line and follow."""
        starts = self.before(self.size, 1)
        self.cursor = starts[0] if starts else 0
        self.following = True

    def go_to(self, at: int) -> None:
        """Put the cursor on the line at an offset, with context above it."""
        if self.file is None:
            return
        self.stay()
        self.cursor = self.file.start_of(at)
        starts = self.after(self.top, self._height)
        if not starts or not starts[0] <= self.cursor <= starts[-1]:
            above = self.before(self.cursor, self._height // 3)
            self.top = above[0] if above else self.cursor

    def go_to_line(self, number: int) -> None:
        """Put the cursor on a line by number; later if the count has not reached it."""
        start = self.count.start(number) if self.count is not None else 0
        if start is None:
            self._wanted_line = number
            self.stay()
        else:
            self.go_to(start)

    def go_to_share(self, percent: float) -> None:
        """Put the cursor at a percentage of the file."""
        self.go_to(int(self.size * max(0.0, min(100.0, percent)) / 100))

    def drag(self, row: int) -> None:
        """Go to the position of a click on the scroll bar."""
        self.go_to_share(100 * row / max(1, self._height - 1))

    def next_hit(self, hits: SearchHits, direction: int) -> bool:
        """Go to the next hit; after the last comes the first.

        Args:
            hits: of a search.
            direction: 1 or -1.

        Returns:
            Whether there is one.
        """
        if not len(hits) or self.file is None:
            return False
        if direction > 0:
            index = hits.index(self.file.end_of(self.cursor))
        else:
            index = hits.index(self.cursor) - 1
        self.go_to(hits[index % len(hits)])
        return True

    def sideways(self, columns: int) -> None:
        """Move the view of long lines sideways."""
        self.column = max(0, min(SHOWN, self.column + columns))

    def show_only(self, hits: SearchHits | None) -> None:
        """Show only hits, or all lines again; the cursor stays near its line."""
        self.only = hits
        if hits is None and not self.following:
            self.top = self.size
            self.go_to(self.cursor)

    def settle(self) -> None:
        """Move the cursor to a line that the filter shows."""
        if self.only is not None and len(self.only):
            near = self.after(self.cursor, 1) or self.before(self.size, 1)
            self.cursor = near[0]
            self.top = min(self.top, self.cursor)

    # What is said about it

    def marked(self) -> tuple[int, int]:
        """Return the first and last marked line; the cursor's line without a mark."""
        other = self.cursor if self.mark is None else self.mark
        return min(other, self.cursor), max(other, self.cursor)

    def copied(self) -> tuple[str, int] | None:
        """Return the marked lines as text and their number; None if they are too long to copy."""
        if self.file is None:
            return None
        first, last = self.marked()
        if last - first > COPIED:
            return None
        starts = [start for start in self.after(first, COPIED) if start <= last]
        text = "\n".join(readable(self.file.line(start)) for start in starts)
        return (text, len(starts)) if len(text.encode()) <= COPIED else None

    def place(self) -> str:
        """Return the position of the cursor as text."""
        if self.file is None or not self.size:
            return "empty"
        number = self.count.number(self.cursor) if self.count is not None else None
        total = self.count.total if self.count is not None else None
        share = f"{100 * self.cursor / self.size:.0f} %"
        if number is None:
            return share
        return f"line {number:,}" + (f" of {total:,}" if total is not None else f"  {share}")


def draw_row(row: Shown, view: LogView, width: int, line: StyledLine) -> StyledLine:
    """Write a row's text with the search matches highlighted.

    Args:
        row: to write.
        view: its log.
        width: columns.
        line: to write to.

    Returns:
        The line.
    """
    text = row.text if cells(row.text) <= width else fit(row.text, width)
    at = 0
    for first, last in _match_spans(row, view, text):
        line.add(text[at:first], row.role).add(text[first:last], "match")
        at = last
    return line.add(text[at:], row.role)


def _match_spans(row: Shown, view: LogView, text: str) -> list[tuple[int, int]]:
    hits = view.search
    if hits is None or not text:
        return []
    if hits.query.kind == "text":
        return [span for span, _ in zip(hits.query.spans(text), range(50), strict=False)]
    # An expression is tried nowhere but in the process that may be ended: the whole line then.
    index = hits.index(row.start)
    listed = index < len(hits) and view.file is not None
    if listed and view.file is not None and view.file.start_of(hits[index]) == row.start:
        return [(0, len(text))]
    return []
