"""The visible part of a long list and its cursor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Viewport:
    """A view of ``height`` out of ``count`` rows, beginning at ``top``, with a cursor in it."""

    count: int = 0
    height: int = 1
    cursor: int = 0
    top: int = 0

    def size(self, count: int, height: int) -> None:
        """Set the number of rows and lines; the cursor stays in view.

        Args:
            count: rows.
            height: lines.
        """
        self.count, self.height = count, max(1, height)
        self.to(self.cursor)

    def to(self, row: int) -> None:
        """Put the cursor on a row, scrolling as little as possible."""
        self.cursor = max(0, min(row, self.count - 1))
        self.top = max(self.cursor - self.height + 1, min(self.top, self.cursor))
        self.scroll(0)

    def move(self, rows: int) -> None:
        """Move the cursor."""
        self.to(self.cursor + rows)

    def page(self, direction: int) -> None:
        """Move the cursor by a page, overlapping by one row."""
        self.to(self.cursor + direction * max(1, self.height - 1))

    def scroll(self, rows: int) -> None:
        """Move the view but not the cursor."""
        self.top = max(0, min(self.top + rows, self.count - self.height))

    def thumb(self) -> tuple[int, int] | None:
        """Return the scroll bar's thumb as (first line, lines); None if all rows are in view."""
        if self.count <= self.height:
            return None
        size = max(1, round(self.height * self.height / self.count))
        room = self.height - size
        first = round(self.top * room / (self.count - self.height))
        return first, size

    def drag(self, line: int) -> None:
        """Scroll so that the thumb is at a line of the scroll bar."""
        thumb = self.thumb()
        if thumb is not None and self.height > thumb[1]:
            share = (line - thumb[1] / 2) / (self.height - thumb[1])
            self.top = round(max(0.0, min(1.0, share)) * (self.count - self.height))

    @property
    def rows(self) -> range:
        """Return the rows in view."""
        return range(self.top, min(self.count, self.top + self.height))
