"""A log that grows: the last lines of it, following its end until one scrolls away from there."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable

from textual import events

from finn_tui.ui import actions
from finn_tui.ui.text import Line, cells
from finn_tui.ui.widgets.lines import Lines
from finn_tui.ui.window import Window

#: How many lines are kept in memory; the file is the truth.
KEPT = 20_000


class LogText:
    """The lines of one log, the oldest dropped when there are too many."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=KEPT)
        self.dropped = 0

    def add(self, lines: Iterable[str]) -> None:
        """Append lines, expanding tabs."""
        for line in lines:
            if len(self.lines) == KEPT:
                self.dropped += 1
            self.lines.append(_STAMP.sub(r"\1 ", line.expandtabs(8)))

    def clear(self) -> None:
        """Begin with an empty log."""
        self.lines.clear()
        self.dropped = 0


# FINN's log has the date in every line: the time alone tells as much and leaves room.
_STAMP = re.compile(r"^\[\d{4}-\d\d-\d\d (\d\d:\d\d:\d\d)\] ")


def role_of(line: str) -> str:
    """The colour of a log line by its severity, as FINN's and AMD's tools write it."""
    head = line[:160].upper()
    if "ERROR" in head or "TRACEBACK" in head or "FATAL" in head:
        return "bad"
    if "CRITICAL WARNING" in head or head.startswith("WARNING") or " WARNING" in head:
        return "warn"
    return ""


class Log(Lines, can_focus=True):
    """Shows a ``LogText``; one long line is cut at the right edge and read by moving sideways."""

    BINDINGS = actions.bindings("list", "log", "pane")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.log_text = LogText()
        self.title = "log"
        self.following = True
        self._window = Window()
        self._column = 0

    def give(self, log: LogText, title: str) -> None:
        """Show a log; a title tells which."""
        if log is not self.log_text:
            self.log_text, self.following, self._column = log, True, 0
        self.title = title
        self.redraw()

    def build(self, width: int, height: int) -> list[Line]:
        """A heading and the lines in view."""
        lines, window = self.log_text.lines, self._window
        window.count, window.height = len(lines), max(1, height - 1)
        if self.following:
            window.top = max(0, window.count - window.height)
        window.scroll(0)
        head = Line("cursor-blur" if self.has_focus else "").add(" " + self.title, "head")
        state = "following" if self.following else f"line {window.top + 1:,} of {window.count:,}"
        head.right(Line().add(state + " ", "dim" if self.following else "accent"), width)
        found = [head.to(width)]
        thumb = window.thumb()
        for number, index in enumerate(window.rows):
            text = lines[index][self._column :]
            line = Line().add(" ")
            if cells(text) > width - 2:
                line.cell(text, width - 2, role_of(lines[index]))
            else:
                line.add(text, role_of(lines[index]))
            if thumb is not None:
                on = thumb[0] <= number < sum(thumb)
                line.to(width - 1).add("▐" if on else " ", "faint", number)
            found.append(line)
        return found

    def _to(self, top: int) -> None:
        window = self._window
        window.top = top
        window.scroll(0)
        self.following = window.top >= window.count - window.height
        self.redraw()

    def do_log_follow(self) -> None:
        """To the end, and stay there; or stay here."""
        self.following = not self.following
        self.redraw()

    def do_list_up(self) -> None:
        """A line up."""
        self._to(self._window.top - 1)

    def do_list_down(self) -> None:
        """A line down."""
        self._to(self._window.top + 1)

    def do_list_page_up(self) -> None:
        """A screen up."""
        self._to(self._window.top - self._window.height + 1)

    def do_list_page_down(self) -> None:
        """A screen down."""
        self._to(self._window.top + self._window.height - 1)

    def do_list_top(self) -> None:
        """To the first line that is kept."""
        self._to(0)

    def do_list_bottom(self) -> None:
        """To the end."""
        self._to(self._window.count)

    def key_left(self) -> None:
        """Back to the left part of long lines."""
        self._column = max(0, self._column - 20)
        self.redraw()

    def key_right(self) -> None:
        """To the right part of long lines."""
        self._column += 20
        self.redraw()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Up by the wheel."""
        event.stop()
        self._to(self._window.top - 3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Down by the wheel."""
        event.stop()
        self._to(self._window.top + 3)

    def on_click(self, event: events.Click) -> None:
        """The scroll bar."""
        event.stop()
        hit = self.hit_at(event.x, event.y)
        if isinstance(hit, int):
            self._window.drag(hit)
            self._to(self._window.top)
