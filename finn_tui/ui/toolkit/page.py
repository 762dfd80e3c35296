"""A pane of lines that are longer than it: scrolled by the keys of lists and by the mouse."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events

from finn_tui.ui.actions import table as actions
from finn_tui.ui.toolkit.frame_title import set_frame_title
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.styled_line import StyledLine


class Page(LineView, can_focus=True):
    """Lines without a cursor; what has no room is scrolled to."""

    BINDINGS = actions.bindings("list", "pane")

    def __init__(
        self,
        lines: Callable[[int, int], Sequence[StyledLine]],
        *,
        title: str = "",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """Make a page.

        Args:
            lines: makes all lines for a width and a height in view.
            title: in the frame; may be changed.
        """
        super().__init__(id=id, classes=classes)
        self._all_lines = lines
        self.title = title
        self._top = 0
        self._count = 0

    def build(self, width: int, height: int) -> Sequence[StyledLine]:
        """Return the lines in view.

        Args:
            width: columns.
            height: lines.
        """
        lines = self._all_lines(width - 1, height)
        self._count = len(lines)
        self._top = max(0, min(self._top, self._count - height))
        below = self._count - self._top - height
        note = f"{below} more below" if below > 0 else ""
        set_frame_title(self, self.title, note)
        return lines[self._top : self._top + height]

    def to_top(self) -> None:
        """Show the beginning, of what is drawn next."""
        self._top = 0

    def _scroll(self, lines: int) -> None:
        self._top += lines
        self.redraw()

    def do_list_up(self) -> None:
        """Scroll a line up."""
        self._scroll(-1)

    def do_list_down(self) -> None:
        """Scroll a line down."""
        self._scroll(1)

    def do_list_page_up(self) -> None:
        """Scroll a page up."""
        self._scroll(1 - self.size.height)

    def do_list_page_down(self) -> None:
        """Scroll a page down."""
        self._scroll(self.size.height - 1)

    def do_list_top(self) -> None:
        """Go to the first line."""
        self._scroll(-self._top)

    def do_list_bottom(self) -> None:
        """Go to the last line."""
        self._scroll(self._count)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll down."""
        event.stop()
        self._scroll(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll up."""
        event.stop()
        self._scroll(-3)
