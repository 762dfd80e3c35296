"""The terminal of a board as a widget."""

from __future__ import annotations

import asyncio
import time
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from finn_tui.hosts.transport import Console
from finn_tui.ui.console.emulator import PIECE, Emulator
from finn_tui.ui.console.keys import key_bytes

#: Seconds of emulation in one go, and the pause after it: other work of the app comes between.
_SLICE, _PAUSE = 0.008, 0.004
_FRAME = 1 / 30
_WHEEL = 3
#: Bytes that are kept of what is typed before the terminal is there.
_MOST_TYPED = 4096
#: Names that Textual gives the one key that stays here.
_LEAVE = frozenset({"ctrl+right_square_bracket", "ctrl+]"})


class ConsoleView(Widget, can_focus=True):
    """Shows an emulator; sends keys to the board."""

    class Left(Message):
        """The one key that does not go to the board was pressed."""

    DEFAULT_CSS = "ConsoleView { width: 1fr; height: 1fr; }"
    ALLOW_SELECT: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.emulator = Emulator(80, 24)
        self._remote: Console | None = None
        #: What was typed while it is connected to; None afterwards.
        self._typed: bytearray | None = bytearray()
        self._back = 0
        self._frames: Timer | None = None

    @property
    def back(self) -> int:
        """How many lines above the end the view is."""
        return self._back

    def on_mount(self) -> None:
        """Draw when something has changed, thirty times a second at most."""
        self._frames = self.set_interval(_FRAME, self._draw, pause=True)

    def connect(self, console: Console | None) -> None:
        """Send keys and sizes to a console from now on."""
        self._remote = console
        typed, self._typed = self._typed, None
        if console is not None:
            console.resize(self.emulator.columns, self.emulator.rows)
            if typed:
                console.write(bytes(typed))

    async def feed(self, data: bytes) -> None:
        """Show output; returns when it has been taken, which holds a fast board back."""
        began = time.monotonic()
        for start in range(0, len(data), PIECE):
            reply = self.emulator.feed(data[start : start + PIECE])
            if reply and self._remote is not None:
                self._remote.write(reply)
            if time.monotonic() - began > _SLICE:
                self._draw_soon()
                await asyncio.sleep(_PAUSE)
                began = time.monotonic()
        self._draw_soon()

    def _draw_soon(self) -> None:
        if self._frames is not None:
            self._frames.resume()

    def _draw(self) -> None:
        if self._frames is not None:
            self._frames.pause()
        pushed = self.emulator.take_pushed()
        dirty = self.emulator.take_dirty()
        if self._back:
            # What is read stays where it is.
            self._back = min(self._back + pushed, self.emulator.back)
            self.refresh()
        elif len(dirty) >= self.emulator.rows // 2:
            self.refresh()
        else:
            rows = [Region(0, y, self.size.width, 1) for y in dirty]
            cursor = self.emulator.cursor
            for y in {self._cursor_row, cursor[0] if cursor else 0}:
                rows.append(Region(0, y, self.size.width, 1))
            self.refresh(*rows)
        cursor = self.emulator.cursor
        self._cursor_row = cursor[0] if cursor else 0

    _cursor_row = 0

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        segments = self.emulator.row(y, self._back) if y < self.emulator.rows else []
        strip = Strip(segments).extend_cell_length(self.size.width).crop(0, self.size.width)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(y)) is not None:
            start, end = span
            end = strip.cell_length if end == -1 else end
            style = self.screen.get_component_rich_style("screen--selection")
            middle = Strip(
                Segment.apply_style(list(strip.crop(start, end)), None, style), end - start
            )
            strip = Strip.join([strip.crop(0, start), middle, strip.crop(end)])
        return strip.apply_offsets(0, y)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the selected text."""
        rows = range(self.emulator.rows)
        return selection.extract("\n".join(self.emulator.text(y, self._back) for y in rows)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw another selection."""
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Give the terminal the size of the widget."""
        if event.size.width and event.size.height:
            self.emulator.resize(event.size.width, event.size.height)
            if self._remote is not None:
                self._remote.resize(self.emulator.columns, self.emulator.rows)
            self.refresh()

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Take every key: those of the app, ctrl+q and the palette's too, belong to the board."""
        return True

    def on_key(self, event: events.Key) -> None:
        """Send a key to the board; scroll back with shift."""
        event.stop()
        event.prevent_default()
        if event.key in _LEAVE:
            self.post_message(self.Left())
            return
        if event.key in ("shift+pageup", "shift+pagedown"):
            page = max(1, self.emulator.rows - 1)
            self.scroll_by(page if event.key == "shift+pageup" else -page)
            return
        data = key_bytes(event.key, event.character, application=self.emulator.application_keys)
        if data:
            self.send(data)

    def on_paste(self, event: events.Paste) -> None:
        """Send what is pasted, marked where the program asks for it."""
        event.stop()
        # What ends the mark does not come from a clipboard.
        text = event.text.replace("\x1b", "").replace("\r\n", "\r").replace("\n", "\r")
        if self.emulator.bracketed_paste:
            text = f"\x1b[200~{text}\x1b[201~"
        self.send(text.encode())

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll back."""
        event.stop()
        self.scroll_by(_WHEEL)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll on."""
        event.stop()
        self.scroll_by(-_WHEEL)

    def send(self, data: bytes) -> None:
        """Send bytes, and show the end again."""
        self.scroll_by(-self._back)
        if self._remote is not None:
            self._remote.write(data)
        elif self._typed is not None:
            # All of it or nothing: a command without a part may be another one.
            self._typed += data
            if len(self._typed) > _MOST_TYPED:
                self._typed = None

    def scroll_by(self, lines: int) -> None:
        """Move the view up, or down with a negative number."""
        back = max(0, min(self._back + lines, self.emulator.back))
        if back != self._back:
            self._back = back
            self.refresh()
