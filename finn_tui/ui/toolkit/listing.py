"""A list with a cursor: columns of text, a filter, a scroll bar, keys and mouse."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from textual import events
from textual.message import Message
from textual.widget import Widget

from finn_tui.ui.actions import keymap
from finn_tui.ui.actions import table as actions
from finn_tui.ui.context import context_of
from finn_tui.ui.toolkit.filter_bar import Filtering, matches
from finn_tui.ui.toolkit.frame_title import set_frame_title
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.styled_line import StyledLine, cells, shorten, wrap
from finn_tui.ui.toolkit.viewport import Viewport

Cell = tuple[str, str]


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        title: its heading.
        width: in cells; 0 takes what is left. Numbers, which are set right, are never cut: their
            column becomes as wide as the longest.
        right: whether it is set right.
        rank: in a narrow list, the column with the highest rank is left out first; 0 stays.
    """

    title: str
    width: int = 0
    right: bool = False
    rank: int = 0


@dataclass(frozen=True)
class Row:
    """A row: what identifies it, its cells (text and role), and more text that a filter sees.

    With fewer cells than columns, the last cell takes the rest of the line.
    """

    key: Hashable
    cells: Sequence[Cell]
    also: str = ""


@dataclass
class Content:
    """What a list shows; the owner gives it, the widget only draws it."""

    columns: Sequence[Column] = ()
    rows: Sequence[Row] = ()
    empty: str = "nothing here"
    title: str = ""


#: Cells that a column which takes what is left has at least, and that a name is never cut below.
_LEAST = 8


def column_widths(columns: Sequence[Column], longest: Sequence[int], width: int) -> list[int]:
    """Return the width of each column, 0 for those that are left out in a narrow list.

    Args:
        columns: the columns, with their ranks.
        longest: by column, the width of its longest number; 0 for what is no number.
        width: cells of the whole list, a blank after each column included.
    """
    wanted = [
        max(column.width, number) if column.width or column.right else 0
        for column, number in zip(columns, longest, strict=True)
    ]
    shown = set(range(len(columns)))

    def needed() -> int:
        return sum((wanted[i] or _LEAST) + 1 for i in shown)

    while needed() > width:
        candidates = [i for i in shown if columns[i].rank]
        if not candidates:
            break
        shown.remove(max(candidates, key=lambda i: (columns[i].rank, i)))
    # Words give way last, and the longest first.
    while needed() > width:
        words = [i for i in shown if not columns[i].right and wanted[i] > _LEAST]
        if not words:
            break
        wanted[max(words, key=lambda i: wanted[i])] -= 1
    loose = [i for i in shown if not wanted[i]]
    rest = width - sum(wanted[i] + 1 for i in shown)
    each = max(4, rest // len(loose)) if loose else 0
    return [(wanted[i] or each) if i in shown else 0 for i in range(len(columns))]


def filter_keys(widget: Widget) -> tuple[str, ...]:
    """Return the keys that start a filter under the user's keymap."""
    state = context_of(widget).state
    return keymap.keys_of(actions.BY_ID["list.filter"], state.keymap)


class Listing(LineView, can_focus=True):
    """A list of rows under headings."""

    BINDINGS = actions.bindings("list", "pane")

    @dataclass
    class Moved(Message):
        """The cursor is on another row; ``key`` is None in an empty list."""

        listing: Listing
        key: Hashable

        @property
        def control(self) -> Listing:
            return self.listing

    @dataclass
    class Chosen(Message):
        """Enter or a second click on a row."""

        listing: Listing
        key: Hashable

        @property
        def control(self) -> Listing:
            return self.listing

    @dataclass
    class Resized(Message):
        """The list has another width: columns that its owner chose by it may not fit any more."""

        listing: Listing

        @property
        def control(self) -> Listing:
            return self.listing

    def __init__(
        self,
        *,
        id: str | None = None,
        headings: bool = True,
        passive: bool = False,
        lit: bool = False,
        title: str = "",
        classes: str | None = None,
    ) -> None:
        """A list that its owner fills with ``set_content``.

        Args:
            headings: whether the titles of the columns are shown.
            passive: the cursor is shown only while keys go to the list.
            lit: the cursor is drawn as if keys went to the list: they reach it from a line of text.
            title: what the list shows, in its frame if it has one.
        """
        super().__init__(id=id, classes=classes)
        self._passive = passive
        self._lit = lit
        self.content = Content()
        self.window = Viewport()
        self.filter = Filtering(self, self._filtered)
        self._rows: Sequence[Row] = ()
        self._headings = headings
        self._width = 0
        #: Width of the longest number of each column, and the content whose numbers they are.
        self._longest: list[int] = []
        self._measured: Content | None = None
        #: What the list shows, for the frame of a pane.
        self.title = title

    def on_resize(self, event: events.Resize) -> None:
        """Tell the owner of another width, after the base class has built for it."""
        if event.size.width != self._width:
            self._width = event.size.width
            self.post_message(self.Resized(self))

    def set_content(self, content: Content, key: Hashable = None) -> None:
        """Show other rows.

        Args:
            content: columns and rows.
            key: of the row to put the cursor on, None to stay on the present row.
        """
        key_to_show = key if key is not None else self.key
        at = self.window.cursor
        self.content = content
        self._apply()
        for index, row in enumerate(self._rows):
            if row.key == key_to_show:
                at = index
                break
        self.window.size(len(self._rows), self._room)
        self.window.to(at)
        self.redraw()

    @property
    def key(self) -> Hashable:
        """Return the key of the row under the cursor; None in an empty list."""
        return self._rows[self.window.cursor].key if self._rows else None

    @property
    def has_keys(self) -> bool:
        """Whether keys go to the list or to its filter."""
        return self.has_focus or self.filter.typing

    @property
    def rows(self) -> Sequence[Row]:
        """Return the rows that match the filter."""
        return self._rows

    @property
    def _room(self) -> int:
        return max(1, self.size.height - self._headings)

    def _apply(self) -> None:
        text = self.filter.text
        self._rows = (
            [
                row
                for row in self.content.rows
                if matches(text, row.also, *(cell for cell, _ in row.cells))
            ]
            if text
            else self.content.rows
        )

    def _filtered(self, _: str) -> None:
        before = self.key
        self.set_content(self.content)
        if self.key != before:
            self.post_message(self.Moved(self, self.key))

    def build(self, width: int, height: int) -> list[StyledLine]:
        """Return headings, rows in view, and the scroll bar over the last column.

        Args:
            width: columns.
            height: lines.
        """
        self.window.size(len(self._rows), self._room)
        self._write_title()
        widths = self._widths(width - 1)
        lines = [self._heading(widths)] if self._headings else []
        if not self._rows:
            text = "no row matches the filter" if self.filter.text else self.content.empty
            return [*lines, *wrap(text, width - 1, "dim", " ")]
        thumb = self.window.thumb()
        for number, index in enumerate(self.window.rows):
            line = self._row(index, widths)
            if thumb is not None:
                line.to(width - 1)
                on = thumb[0] <= number < sum(thumb)
                line.add("▐" if on else " ", "faint", ("scroll", number))
            lines.append(line)
        return lines

    def _widths(self, width: int) -> list[int]:
        """The width of each column, 0 for those that are left out."""
        columns = self.content.columns
        if self._measured is not self.content:
            self._measured = self.content
            self._longest = [
                max(
                    (cells(row.cells[i][0]) for row in self.content.rows if i < len(row.cells)),
                    default=0,
                )
                if column.right
                else 0
                for i, column in enumerate(columns)
            ]
        return column_widths(columns, self._longest, width)

    @property
    def _framed(self) -> bool:
        return self.has_class("pane")

    def _write_title(self) -> None:
        """Title, filter and count in the frame, where a narrow first column cannot hold them."""
        if self._framed:
            count = f"{len(self._rows)} of {len(self.content.rows)}"
            text = self.filter.text
            set_frame_title(self, self.title, f"/{text}  {count}" if text else "")

    def _heading(self, widths: Sequence[int]) -> StyledLine:
        line = StyledLine().add(" ")
        first = self.filter.shown
        for index, (column, width) in enumerate(zip(self.content.columns, widths, strict=True)):
            if index == 0:
                count = f"{len(self._rows)} of {len(self.content.rows)}"
                # The line of text has the room before the count.
                self.filter.width = width - 2 - cells(count)
            if index == 0 and first and (self.filter.typing or not self._framed):
                if self.filter.typing:
                    line.add(first, "accent").to(1 + width - cells(count)).add(count, "accent")
                    line.add(" ")
                else:
                    line.cell(f"{first}  {count}", width, "accent").add(" ")
                continue
            if width:
                line.cell(column.title, width, "head", right=column.right).add(" ")
        return line

    def _row(self, index: int, widths: Sequence[int]) -> StyledLine:
        row = self._rows[index]
        at_cursor = index == self.window.cursor and (self.has_keys or not self._passive)
        base = ("cursor" if self.has_keys or self._lit else "cursor-blur") if at_cursor else ""
        line = StyledLine(base).add(">" if at_cursor else " ", "accent")
        widths = list(widths)
        last = len(row.cells) - 1
        if last + 1 < len(widths):
            rest = [width for width in widths[last:] if width]
            widths[last:] = [sum(rest) + max(0, len(rest) - 1)]
        for column, width, (text, role) in zip(
            self.content.columns, widths, row.cells, strict=False
        ):
            if width:
                if not column.right and cells(text) > width:
                    text = shorten(text, width)
                line.cell(text, width, role, right=column.right, hit=("row", index)).add(" ")
        return line

    # Keys and mouse

    def on_key(self, event: events.Key) -> None:
        """Pass letters to the filter that is being typed."""
        if self.filter.accept_key(event, filter_keys(self)):
            event.stop()
            event.prevent_default()

    def go_to(self, index: int) -> None:
        """Put the cursor on a row."""
        before = self.key
        self.window.to(index)
        self.redraw()
        if self.key != before:
            self.post_message(self.Moved(self, self.key))

    def do_list_up(self) -> None:
        """Move the cursor up."""
        self.go_to(self.window.cursor - 1)

    def do_list_down(self) -> None:
        """Move the cursor down."""
        self.go_to(self.window.cursor + 1)

    def do_list_page_up(self) -> None:
        """Move the cursor a page up."""
        self.go_to(self.window.cursor - self._room + 1)

    def do_list_page_down(self) -> None:
        """Move the cursor a page down."""
        self.go_to(self.window.cursor + self._room - 1)

    def do_list_top(self) -> None:
        """Move the cursor to the first row."""
        self.go_to(0)

    def do_list_bottom(self) -> None:
        """Move the cursor to the last row."""
        self.go_to(len(self._rows) - 1)

    def do_list_choose(self) -> None:
        """Choose the row."""
        if self._rows:
            self.post_message(self.Chosen(self, self.key))

    def do_list_filter(self) -> None:
        """Start typing a filter."""
        self.filter.begin()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a clicked row; choose the row if it is there already."""
        hit = self.hit(event)
        event.stop()
        if not isinstance(hit, tuple):
            return
        kind, index = hit
        if kind == "scroll":
            self.window.drag(index)
            self.redraw()
        elif index == self.window.cursor:
            self.do_list_choose()
        else:
            self.go_to(index)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll the view; the cursor stays."""
        event.stop()
        self.window.scroll(3)
        self._view()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll the view; the cursor stays."""
        event.stop()
        self.window.scroll(-3)
        self._view()

    def _view(self) -> None:
        # `build` keeps the cursor in view, which the wheel may leave: draw around it.
        cursor, top = self.window.cursor, self.window.top
        shown = max(top, min(cursor, top + self._room - 1))
        if shown != cursor:
            self.go_to(shown)
        else:
            self.redraw()


@dataclass
class Field:
    """A fact: its name and its value."""

    name: str
    value: str
    role: str = ""
    key: Hashable = field(default=None)


def facts(fields: Sequence[Field], title: str = "", width: int = 18) -> Content:
    """Return facts as a list: names in one column, values in the other.

    Args:
        fields: the facts.
        title: of the values' column.
        width: columns of the names.
    """
    rows = [
        Row(item.key or index, [(item.name, "dim"), (item.value, item.role)])
        for index, item in enumerate(fields)
    ]
    return Content([Column("", width), Column(title)], rows)
