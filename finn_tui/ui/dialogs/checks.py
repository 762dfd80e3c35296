"""Checks of a machine over the window: a list, and the one under the cursor with its fix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from finn_tui.ui.actions import keymap
from finn_tui.ui.actions import table as actions
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import Column, Content, Listing, Row
from finn_tui.ui.toolkit.styled_line import StyledLine, plural, printable, shorten, wrap

if TYPE_CHECKING:
    from finn_tui.base.errors import FinnTuiError

#: By status: sign, word, role. Boards and build machines have different words.
SIGNS = {
    "ok": ("✓", "ok", "good"),
    "warn": ("!", "warn", "warn"),
    "warning": ("!", "warning", "warn"),
    "fail": ("✗", "wrong", "bad"),
    "wrong": ("✗", "wrong", "bad"),
    "unknown": ("?", "unknown", "dim"),
}
_PROBLEMS = (("fail", "wrong"), ("warn", "warning"))
#: Columns of a window from which the subjects of the checks have room.
_WIDE = 110


@dataclass(frozen=True)
class CheckRow:
    """A check as it is shown.

    Attributes:
        key: stable name.
        title, value: what was looked at and what was seen.
        status: a key of the signs.
        why, fix: why it matters and what to do; empty where all is well.
        group: the subject; empty where there are none.
    """

    key: str
    title: str
    status: str
    value: str
    why: str = ""
    fix: str = ""
    group: str = ""


@dataclass(frozen=True)
class CheckKey:
    """A key of the dialog with its word and what it does."""

    key: str
    word: str
    do: Callable[[], None]


class ChecksDialog(ModalScreen[None]):
    """The checks of a machine as a list."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("dialog")]
    CSS = """
    #checks-box { width: 150; }
    #checks-box #head { height: 1; }
    #checks-box #checks { height: 16; }
    #checks-box #detail { height: 5; }
    #checks-box #keys { height: 1; }
    """

    def __init__(self, title: str, look: Callable[[], None], detail_lines: int = 5) -> None:
        """Make the dialog; ``set_rows`` fills it.

        Args:
            title: of the machine.
            look: examines it again.
            detail_lines: lines below the list at most.
        """
        super().__init__()
        self._title = title
        self._look = look
        self._detail_lines = detail_lines
        self._state = ""
        self._said = ""
        self._rows: Sequence[CheckRow] | None = None
        self._error: FinnTuiError | None = None

    def compose(self) -> ComposeResult:
        """Yield title, checks, the chosen one's value and fix, and the keys."""
        with Vertical(id="checks-box", classes="box"):
            yield LineView(self._head, id="head")
            yield Listing(id="checks", headings=False)
            yield LineView(self._detail, id="detail")
            yield LineView(self._key_line, on_hit=self._hit, id="keys")

    def on_mount(self) -> None:
        """Keys go to the list."""
        self.query_one(Listing).focus()
        self._fit()
        self._show()

    def on_resize(self) -> None:
        """Fit the list to the window."""
        self._fit()
        self._show()

    def keys(self) -> Sequence[CheckKey]:
        """The dialog's keys beside those of the list and escape."""
        return (CheckKey("r", "look again", self._look_again),)

    def note(self, width: int) -> StyledLine:
        """What stands behind the title, for a width in columns."""
        return StyledLine()

    def mark(self) -> StyledLine:
        """What stands at the right end of the title's line."""
        return StyledLine()

    @property
    def is_busy(self) -> bool:
        """Whether the machine is being examined."""
        return bool(self._state)

    @property
    def chosen(self) -> CheckRow | None:
        """The check under the cursor."""
        key = self.query_one(Listing).key
        return next((row for row in self._rows or () if row.key == key), None)

    def set_state(self, text: str) -> None:
        """Say what is being done; empty when it is done."""
        self._state, self._error = printable(text), None
        self._show()

    def say(self, text: str) -> None:
        """Say something below the list until the cursor is moved."""
        self._said = printable(text)
        self._redraw()

    def set_rows(self, rows: Sequence[CheckRow]) -> None:
        """Show what was found; the cursor stays, or goes to the first problem."""
        again = self._rows is not None
        self._state, self._error, self._rows = "", None, rows
        self._fit()
        problem = next((r.key for some in _PROBLEMS for r in rows if r.status in some), None)
        self._show(None if again else problem)

    def set_error(self, error: FinnTuiError) -> None:
        """Say why the machine could not be examined."""
        self._state, self._error, self._rows = "", error, None
        self._show()

    def _fit(self) -> None:
        rows = len(self._rows) if self._rows is not None else 1
        # Title, keys and the box's frame take four lines.
        detail = max(4, min(self._detail_lines, self.size.height // 3))
        self.query_one("#detail").styles.height = detail
        room = self.size.height - detail - 4
        self.query_one(Listing).styles.height = max(3, min(rows, room))

    def _show(self, key: str | None = None) -> None:
        if not self.is_mounted:
            return
        grouped = self.size.width >= _WIDE and any(row.group for row in self._rows or ())
        columns = [Column("", 9), Column("check", self._title_width()), Column("")]
        if grouped:
            columns.append(Column("", 16))
        rows = []
        for row in self._rows or ():
            sign, word, role = SIGNS[row.status]
            cells = [(f"{sign} {word}", role), (row.title, ""), (printable(row.value), "dim")]
            rows.append(Row(row.key, [*cells, *([(row.group, "dim")] if grouped else [])]))
        empty = "the machine could not be examined" if self._error is not None else self._state
        content = Content(columns, rows, empty or "nothing was examined yet")
        self.query_one(Listing).set_content(content, key)
        self._redraw()

    def _title_width(self) -> int:
        longest = max((len(row.title) for row in self._rows or ()), default=0)
        return max(12, min(longest, 28 if self.size.width >= _WIDE else 22))

    def _redraw(self) -> None:
        for view in self.query(LineView):
            view.redraw()

    def _head(self, width: int, height: int) -> list[StyledLine]:
        line = StyledLine().add(shorten(printable(self._title), width // 2), "title")
        line.append(self.note(width))
        right = StyledLine()
        if self._state:
            right.add(shorten(self._state, width - line.width - 14), "accent")
        elif self._rows is not None:
            right.add(_summary(self._rows), "dim")
        return [line.right(right.append(self.mark()), width)]

    def _detail(self, width: int, height: int) -> list[StyledLine]:
        if self._error is not None:
            lines = wrap(f"✗ {self._error.what}. {self._error.why}", width, "bad")
            return [StyledLine(), *lines[: height - 2], *wrap(self._error.fix, width, "accent")]
        if self._said:
            return [StyledLine(), *wrap(self._said, width, "accent")[: height - 1]]
        row = self.chosen
        if row is None:
            return []
        fix = wrap(f"→ {printable(row.fix)}", width, "accent")[: height - 2] if row.fix else []
        lines = wrap(f"{row.title}: {printable(row.value)}", width)
        if row.why:
            lines += wrap(printable(row.why), width, "dim")
        return [StyledLine(), *lines[: max(1, height - 1 - len(fix))], *fix]

    def _key_line(self, width: int, height: int) -> list[StyledLine]:
        line = StyledLine()
        for key, word in (*((each.key, each.word) for each in self.keys()), ("escape", "close")):
            line.add("  " if line.width else "").add(keymap.key_name(key), "key", key)
            line.add(f" {word}", "dim", key)
        return [line]

    def _hit(self, hit: object) -> None:
        if not self._press(str(hit)):
            self.dismiss(None)

    def _press(self, key: str) -> bool:
        for each in self.keys():
            if each.key == key:
                each.do()
                return True
        return False

    def _look_again(self) -> None:
        if not self.is_busy:
            self._said = ""
            self._look()

    def on_key(self, event: events.Key) -> None:
        """Do what the dialog's own keys do."""
        if self._press(event.key):
            event.stop()
            event.prevent_default()

    def on_listing_moved(self, event: Listing.Moved) -> None:
        """Show the check under the cursor."""
        event.stop()
        self._said = ""
        self._redraw()

    def do_dialog_close(self) -> None:
        """Close; an examination that runs ends."""
        self.dismiss(None)


def _summary(rows: Sequence[CheckRow]) -> str:
    counts: dict[str, int] = {}
    for status, (_, word, _) in SIGNS.items():
        counts[word] = counts.get(word, 0) + sum(row.status == status for row in rows)
    texts = {word: f"{count} {word}" for word, count in counts.items() if count}
    if counts["warning"]:
        texts["warning"] = plural(counts["warning"], "warning")
    return ", ".join(texts.values())
