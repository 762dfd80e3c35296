"""The keys of a screen in groups, what its signs mean, and why a key cannot be used now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen

from finn_tui.ui.actions import table as actions
from finn_tui.ui.actions.action import SCOPES, Action
from finn_tui.ui.actions.groups import groups, own_groups
from finn_tui.ui.actions.keymap import key_name, keys_of
from finn_tui.ui.context import context_of
from finn_tui.ui.dialogs.legend import LEGEND
from finn_tui.ui.toolkit.filter_bar import Filtering, matches
from finn_tui.ui.toolkit.frame import MODES
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import filter_keys
from finn_tui.ui.toolkit.styled_line import StyledLine, cells, shorten, wrap
from finn_tui.ui.toolkit.viewport import Viewport

if TYPE_CHECKING:
    from finn_tui.ui.state import AppState


_SIGNS = "Signs and colours"


@dataclass(frozen=True)
class Entry:
    """One line of a group: an action with its keys, or a sign of the legend.

    Attributes:
        keys: the keys as people write them, or the sign.
        role: the colour of ``keys``.
        text: a few words; ``sentence`` says more.
        why: why the action cannot be done now; empty if it can.
        action: id of the action; empty for a sign.
    """

    keys: str
    role: str
    text: str
    sentence: str = ""
    why: str = ""
    action: str = ""


Group = tuple[str, Sequence[Entry]]


def help_groups(state: AppState, place: str) -> list[Group]:
    """Return what the help of a place shows: its keys in groups, then its legend."""
    mode = any(place == name for name, _, _ in MODES)
    others = [
        *(("list",) if place else ()),
        *(("log",) if place in ("runs", "board", "viewer") else ()),
        *(("mode", "pane") if mode else ("pane",) if place == "viewer" else ()),
        "app",
    ]
    result: list[Group] = []
    for title, members in groups(place, *others) if place else groups("app"):
        result.append((title, [_entry(action, state) for action in members]))
    signs = [Entry(sign, role, meaning) for sign, role, meaning in LEGEND.get(place, ())]
    if signs:
        result.insert(own_groups(place), (_SIGNS, signs))
    return result


def _entry(action: Action, state: AppState) -> Entry:
    keys = " ".join(key_name(key) for key in keys_of(action, state.keymap))
    why = action.disabled_reason(state) if action.disabled_reason is not None else None
    role = "faint" if why else "key" if keys else "dim"
    return Entry(keys or "palette", role, action.title, action.help, why or "", action.id)


class HelpPage(LineView, can_focus=True):
    """Groups in two columns, with a cursor that goes down the left column and then the right."""

    BINDINGS = actions.bindings("list")

    @dataclass
    class Moved(Message):
        """The cursor is on another entry."""

    @dataclass
    class Chosen(Message):
        """Enter or a second click: the action is wanted."""

        action: str

    def __init__(self, content: Sequence[Group], *, id: str | None = None) -> None:
        """Make a page of groups."""
        super().__init__(id=id)
        self._content = content
        self.filter = Filtering(self, self._filtered)
        self._cursor = 0
        self._view = Viewport()
        #: The row of each entry on the page, by its number.
        self._rows: dict[int, int] = {}

    @property
    def groups(self) -> list[Group]:
        """Return the groups with the entries that match the filter."""
        text = self.filter.text
        result: list[Group] = []
        for title, entries in self._content:
            passing = [
                entry
                for entry in entries
                if not text or matches(text, entry.keys, entry.text, entry.sentence)
            ]
            if passing:
                result.append((title, passing))
        return result

    @property
    def entry(self) -> Entry | None:
        """Return the entry under the cursor; None if none matches the filter."""
        entries = [entry for _, group in self.groups for entry in group if entry.action]
        return entries[min(self._cursor, len(entries) - 1)] if entries else None

    def height_for(self, width: int) -> int:
        """Return the rows that the whole page needs at a width."""
        return len(self._page(width)) + 1

    def build(self, width: int, height: int) -> list[StyledLine]:
        """The filter if there is one, then as much of the page as there is room for."""
        page = self._page(width)
        room = height
        lines = []
        if self.filter.typing or self.filter.text:
            self.filter.width = width - 4
            lines = [StyledLine().add(" " + self.filter.shown, "accent")]
            room -= 1
        self._view.size(len(page), room)
        # The titles above the first key and the signs below the last one are seen, too.
        if self._cursor == 0:
            self._view.to(0)
        elif self._cursor == len(self._rows) - 1:
            self._view.to(len(page) - 1)
        self._view.to(self._rows.get(self._cursor, 0))
        shown = [page[row] for row in self._view.rows]
        thumb = self._view.thumb()
        if thumb is not None:
            for number, line in enumerate(shown):
                on = thumb[0] <= number < sum(thumb)
                line.to(width - 1).add("▐" if on else " ", "faint")
        if not page:
            shown = [StyledLine().add(" no key passes the filter", "dim")]
        return [*lines, *shown]

    def _page(self, width: int) -> list[StyledLine]:
        """Return all lines, in two columns."""
        gap = 2
        column = (width - 1 - gap) // 2
        blocks: list[list[StyledLine]] = []
        owners: list[list[int | None]] = []
        number = 0
        for title, entries in self.groups:
            block = [StyledLine().add(" " + title, "title")]
            owner: list[int | None] = [None]
            room = max([5, *(cells(entry.keys) for entry in entries)]) + 1
            for entry in entries:
                chosen = bool(entry.action) and number == self._cursor
                block.append(_entry_line(entry, chosen, min(room, column // 2), column, number))
                owner.append(number if entry.action else None)
                number += bool(entry.action)
            blocks.append([*block, StyledLine()])
            owners.append([*owner, None])
        self._cursor = max(0, min(self._cursor, number - 1))
        titles = [title for title, _ in self.groups]
        # The screen's own keys stand to the left, what its signs mean right beside them.
        if _SIGNS in titles and not self.filter.text:
            split = titles.index(_SIGNS)
        else:
            split = _split([len(block) for block in blocks])
        left = [line for block in blocks[:split] for line in block]
        right = [line for block in blocks[split:] for line in block]
        self._rows = {}
        for side in (owners[:split], owners[split:]):
            flat = [owner for block in side for owner in block]
            self._rows |= {owner: row for row, owner in enumerate(flat) if owner is not None}
        page = []
        for row in range(max(len(left), len(right)) - bool(blocks)):
            line = StyledLine()
            line.append(left[row] if row < len(left) else StyledLine())
            line.to(column + gap)
            line.append(right[row] if row < len(right) else StyledLine())
            page.append(line)
        return page

    # Keys and mouse

    def on_key(self, event: events.Key) -> None:
        """Letters of a filter that is being typed; left and right change the column."""
        if self.filter.accept_key(event, filter_keys(self)):
            event.stop()
            event.prevent_default()
        elif event.key in ("left", "right", "tab", "shift+tab"):
            event.stop()
            event.prevent_default()
            self._across(forward=event.key in ("right", "tab"))

    def _across(self, *, forward: bool) -> None:
        """Go to the next group, or to the one before."""
        firsts: list[int] = []
        number = here = 0
        for _, group in self.groups:
            count = sum(bool(entry.action) for entry in group)
            if count:
                here = len(firsts) if number <= self._cursor else here
                firsts.append(number)
            number += count
        if firsts:
            self._go_to(firsts[max(0, min(len(firsts) - 1, here + (1 if forward else -1)))])

    def _filtered(self, _: str) -> None:
        self._cursor = 0
        self.redraw()
        self.post_message(self.Moved())

    def _go_to(self, number: int) -> None:
        count = sum(bool(entry.action) for _, group in self.groups for entry in group)
        self._cursor = max(0, min(number, count - 1))
        self.redraw()
        self.post_message(self.Moved())

    def do_list_up(self) -> None:
        """Move to the key above."""
        self._go_to(self._cursor - 1)

    def do_list_down(self) -> None:
        """Move to the key below."""
        self._go_to(self._cursor + 1)

    def do_list_page_up(self) -> None:
        """Move a page up."""
        self._go_to(self._cursor - self.size.height)

    def do_list_page_down(self) -> None:
        """Move a page down."""
        self._go_to(self._cursor + self.size.height)

    def do_list_top(self) -> None:
        """Move to the first key."""
        self._go_to(0)

    def do_list_bottom(self) -> None:
        """Move to the last key."""
        self._go_to(sum(len(group) for _, group in self._content))

    def do_list_filter(self) -> None:
        """Start typing a filter."""
        self.filter.begin()

    def do_list_choose(self) -> None:
        """Do the action."""
        entry = self.entry
        if entry is not None:
            self.post_message(self.Chosen(entry.action))

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor on a key; one on the key under the cursor does it."""
        event.stop()
        number = self.hit_at(event.x, event.y)
        if number == self._cursor:
            self.do_list_choose()
        elif isinstance(number, int):
            self._go_to(number)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move the cursor down."""
        event.stop()
        self._go_to(self._cursor + 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move the cursor up."""
        event.stop()
        self._go_to(self._cursor - 3)


def _entry_line(entry: Entry, chosen: bool, keys_width: int, width: int, number: int) -> StyledLine:
    line = StyledLine("cursor" if chosen else "")
    hit = number if entry.action else None
    line.add(">" if chosen else " ", "accent").cell(entry.keys, keys_width, entry.role, hit=hit)
    room = width - line.width
    text = _explanation(entry, room)
    return line.cell(text, room, "dim" if entry.why else "", hit=hit)


def _explanation(entry: Entry, width: int) -> str:
    """Return the help text, or its first part, if it fits; else the title."""
    sentence = entry.sentence.removesuffix(".")
    for text in (sentence, sentence.split(";")[0], sentence.split(":")[0]):
        if text and cells(text) <= width:
            return text
    return entry.text


def _split(heights: Sequence[int]) -> int:
    """Return how many blocks the left column takes so that both columns have similar heights."""
    return min(
        range(1, len(heights) + 1),
        key=lambda split: (max(sum(heights[:split]), sum(heights[split:])), split),
        default=0,
    )


class Help(ModalScreen[str | None]):
    """All keys that work on a screen; enter does what the line says."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("dialog")]
    CSS_PATH = "help.tcss"

    def __init__(self, place: str) -> None:
        """For the screen of that name."""
        super().__init__()
        self._place = place

    def compose(self) -> ComposeResult:
        """Yield the page, and the help text of the key under the cursor."""
        with Vertical(classes="box"):
            yield LineView(self._head, id="head")
            yield HelpPage(help_groups(context_of(self).state, self._place), id="page")
            yield LineView(self._sentence, id="sentence")

    def on_mount(self) -> None:
        """Fit the height to the page and the window."""
        self._fit()
        self.query_one(HelpPage).focus()

    def on_resize(self) -> None:
        """Lay out the page for the new width."""
        self._fit()

    def _fit(self) -> None:
        page = self.query_one(HelpPage)
        wanted = page.height_for(min(164, self.size.width) - 4)
        page.styles.height = max(3, min(wanted, self.size.height - 6))

    def on_help_page_moved(self) -> None:
        """Show the help text of the key."""
        self.query_one("#sentence", LineView).redraw()

    def on_help_page_chosen(self, event: HelpPage.Chosen) -> None:
        """Do the action."""
        self.dismiss(event.action)

    def _head(self, width: int, height: int) -> list[StyledLine]:
        keys = StyledLine().add("enter", "key").add(" does it  ", "dim").add("/", "key")
        keys.add(" filter  ", "dim").add("esc", "key").add(" close", "dim")
        title = StyledLine().add(f"Keys: {SCOPES.get(self._place, 'everywhere')}", "title")
        return [title.right(keys, width)]

    def _sentence(self, width: int, height: int) -> list[StyledLine]:
        page = self.query(HelpPage)
        entry = page.first().entry if page else None
        if entry is None:
            return []
        lines = wrap(entry.sentence, width)
        if entry.why:
            why = f"not now: {entry.why}"
            lines = [
                *lines[: max(1, height - 1)],
                StyledLine().add(shorten(why, width), "warn"),
            ]
        return lines[:height]

    def do_dialog_close(self) -> None:
        """Close."""
        self.dismiss(None)
