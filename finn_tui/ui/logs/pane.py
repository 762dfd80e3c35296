"""A pane with a log of any size, a cursor, and search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual import events
from textual.message import Message

from finn_tui.ui.actions import keymap
from finn_tui.ui.actions import table as actions
from finn_tui.ui.context import context_of
from finn_tui.ui.logs.view import LogView, draw_row
from finn_tui.ui.toolkit.filter_bar import Filtering
from finn_tui.ui.toolkit.frame_title import set_frame_title
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.styled_line import StyledLine, cells, fit
from finn_tui.ui.toolkit.text_input import Completion

#: Seconds between looks at the file, and how long lines may be counted in one.
_LOOK = 0.1
_COUNT = 0.01


class LogPane(LineView, can_focus=True):
    """Shows a ``LogView``; long lines are cut at the right edge, or read by moving sideways."""

    BINDINGS = actions.bindings("log", "list", "pane")

    @dataclass
    class Opened(Message):
        """The user opens the log, or leaves a filter at a line."""

        log: LogPane
        searching: bool = False

        @property
        def control(self) -> LogPane:
            return self.log

    @dataclass
    class Begun(Message):
        """The file was replaced or truncated; hits in it are void."""

        log: LogPane

    @dataclass
    class Searched(Message):
        """The user typed a text to search for."""

        log: LogPane
        text: str
        regex: bool

    def __init__(
        self,
        *,
        id: str | None = None,
        large: bool = False,
        state: Callable[[], str] | None = None,
        classes: str = "pane",
    ) -> None:
        """A log, empty before ``set_log``.

        Args:
            large: has the screen to itself: "/" searches here.
            state: more about it, shown in its frame.
        """
        super().__init__(id=id, classes=classes)
        self.view = LogView()
        self.title = "log"
        self._release: Callable[[], None] | None = None
        self._large = large
        self._state = state
        self._searches: list[str] = []
        self.prompt = Filtering(
            self,
            self._typed,
            keys={"tab": self._other_kind},
            suggester=Completion(self._searches),
        )
        self.regex = False
        self._drawn: tuple[object, ...] = ()

    def set_log(self, view: LogView, title: str, release: Callable[[], None] | None = None) -> None:
        """Show a log; a title tells which.

        ``release``: this one was chosen among others, and the key that follows, at its end, lets
        it go again.
        """
        self.view, self.title, self._release = view, title, release
        if view.look() == "anew":
            self.post_message(self.Begun(self))
        self.redraw()

    def on_mount(self) -> None:
        """Watch the file."""
        self.set_interval(_LOOK, self._look)

    def _look(self) -> None:
        if not self.is_on_screen or not self.screen.is_current:
            return
        view = self.view
        change = view.look()
        counted = view.count_lines(_COUNT)
        if change == "anew":
            self.post_message(self.Begun(self))
        if change != "same" or counted:
            self.redraw()

    def build(self, width: int, height: int) -> list[StyledLine]:
        """Return the lines in view, below the search that is being typed.

        Args:
            width: columns of the pane.
            height: lines of the pane.
        """
        view = self.view
        self._write_title()
        lines = [self._prompt_line(width)] if self.prompt.typing else []
        rows = view.rows(width - 2, max(1, height - len(lines)))
        if not rows:
            text = "no output yet" if view.only is None else "no line matches the filter"
            text = text if view.only is None or view.only.whole else "searching"
            return [*lines, StyledLine().add(" " + text, "dim")]
        thumb = view.thumb()
        first, last = view.marked()
        for number, row in enumerate(rows):
            at_cursor = row.start == view.cursor and self._has_keys
            marked = view.mark is not None and first <= row.start <= last
            line = StyledLine("cursor" if at_cursor or marked else "")
            sign = ">" if at_cursor and row.first else "│" if marked else " "
            draw_row(row, view, width - 2, line.add(sign, "accent"))
            if thumb is not None:
                on = thumb[0] <= number < sum(thumb)
                line.to(width - 1).add("▐" if on else " ", "faint", ("scroll", number))
            lines.append(line)
        return lines

    @property
    def _has_keys(self) -> bool:
        return self.has_focus or self.prompt.typing

    def _prompt_line(self, width: int) -> StyledLine:
        how = "regular expression" if self.regex else "plain text"
        keys = StyledLine().add(f"{how}, ", "dim").add("tab", "key").add(" switches ")
        return StyledLine("cursor-blur").add(" /", "accent").right(keys, width).to(width)

    def _write_title(self) -> None:
        """The log's name, what was searched for in it, and where in it one is."""
        view = self.view
        following = "following" if self._release is None else "following (pinned)"
        state = "deleted" if view.state == "gone" and view.path is not None else ""
        state = state or (following if view.following else view.place())
        if view.column and not view.wrap:
            state += f", from column {view.column + 1}"
        search_state = self._state() if self._state is not None else ""
        room = self.outer_size.width - cells(state) - cells(search_state) - 8
        title = self.title if cells(self.title) <= room else fit(self.title, max(8, room))
        set_frame_title(self, title, search_state, state)

    # Searching

    def begin_search(self) -> None:
        """Pass letters to the search until enter or escape."""
        self.prompt.text = ""
        self.prompt.width = max(20, self.size.width - 40)
        self.prompt.begin()

    def _typed(self, text: str) -> None:
        if not self.prompt.typing and text:
            # The newest is proposed first.
            self._searches[:] = [text, *(search for search in self._searches if search != text)][
                :50
            ]
            self.post_message(self.Searched(self, text, self.regex))
        self.redraw()

    def on_key(self, event: events.Key) -> None:
        """Pass letters to the search that is being typed."""
        if not self.prompt.typing:
            # Bindings come after all keys that are there already: what is typed fast, or comes
            # late over a slow line, would be taken for commands.
            if not self._large or event.key not in self._search_keys():
                return
            self.begin_search()
        elif not self.prompt.accept_key(event):
            return
        event.stop()
        event.prevent_default()

    def _search_keys(self) -> tuple[str, ...]:
        state = context_of(self).state
        return keymap.keys_of(actions.BY_ID["viewer.search"], state.keymap)

    def _other_kind(self) -> None:
        self.regex = not self.regex
        self.redraw()

    def do_list_filter(self) -> None:
        """Start a search in the viewer."""
        if self._large:
            self.begin_search()
        else:
            self.post_message(self.Opened(self, True))

    # Moving

    def do_list_choose(self) -> None:
        """Open the viewer; in the viewer, show the lines around this one."""
        self.post_message(self.Opened(self))

    def do_log_follow(self) -> None:
        """Follow the end of the log, or stop following."""
        if self.view.following and self._release is not None:
            self._release()
        elif self.view.following:
            self.view.stay()
        else:
            self.view.to_bottom()
        self.redraw()

    def do_list_up(self) -> None:
        """Move a line up."""
        self.view.move(-1)
        self.redraw()

    def do_list_down(self) -> None:
        """Move a line down."""
        self.view.move(1)
        self.redraw()

    def do_list_page_up(self) -> None:
        """Move a page up."""
        self.view.page(-1)
        self.redraw()

    def do_list_page_down(self) -> None:
        """Move a page down."""
        self.view.page(1)
        self.redraw()

    def do_list_top(self) -> None:
        """Go to the first line."""
        self.view.to_top()
        self.redraw()

    def do_list_bottom(self) -> None:
        """Go to the end."""
        self.view.to_bottom()
        self.redraw()

    def do_log_left(self) -> None:
        """Show the left part of long lines."""
        self.view.sideways(-20)
        self.redraw()

    def do_log_right(self) -> None:
        """Show the right part of long lines."""
        self.view.sideways(20)
        self.redraw()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll up."""
        event.stop()
        self.view.scroll(-3)
        self.redraw()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll down."""
        event.stop()
        self.view.scroll(3)
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Drag the scroll bar, or put the cursor on a line."""
        event.stop()
        hit = self.hit(event)
        offset = event.get_content_offset(self)
        first = int(self.prompt.typing)
        rows = self.view.rows(self.size.width - 2, max(1, self.size.height - first))
        if isinstance(hit, tuple):
            self.view.drag(hit[1])
        elif offset is not None and 0 <= offset.y - first < len(rows):
            self.view.stay()
            self.view.cursor = rows[offset.y - first].start
        self.redraw()
