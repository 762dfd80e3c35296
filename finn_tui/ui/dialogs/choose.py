"""Dialogs: choosing from a list, confirming, and errors with what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePath
from typing import ClassVar, Literal

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input

from finn_tui.base.errors import FinnTuiError
from finn_tui.ui.actions import keymap
from finn_tui.ui.actions import table as actions
from finn_tui.ui.dialogs.ask_text import AskTextDialog, Echo, Refuse
from finn_tui.ui.toolkit.filter_bar import matches
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.list_keys import ListKeys
from finn_tui.ui.toolkit.listing import Content, Listing, Row
from finn_tui.ui.toolkit.styled_line import StyledLine, cells, wrap
from finn_tui.ui.toolkit.text_input import Completion, TextInput, is_path

Typing = Literal["filter", "find", "name"]


class ChooseDialog(ListKeys, AskTextDialog):
    """Choose a row or type a text; returns the row's key or the text, None if closed.

    Keys go to the line of text; up and down move the cursor of the list all the while.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("list")]
    CSS_PATH: ClassVar[list[str | PurePath]] = ["ask_text.tcss", "choose.tcss"]

    def __init__(
        self,
        title: str,
        content: Content,
        key: str | None = None,
        *,
        free: Refuse | None = None,
        typing: Typing = "filter",
        hint: str = "",
        text: str = "",
        echo: Echo | None = None,
        files: Sequence[str] | None = None,
    ) -> None:
        """Make a dialog.

        Args:
            key: the row that the cursor begins on.
            free: tells whether a text that is no row may be taken; None: rows only.
            typing: what letters do. "filter" narrows the rows; "find" moves the cursor to the row
                that begins so; "name" leaves the rows alone: the text is what is taken, and the
                cursor writes a row's key into it.
            text: what stands in the line at first.
            echo: what a text means, shown below it while it is typed.
            files: paths can be typed; endings of the files that are completed.
        """
        super().__init__(
            title,
            refuse=free or (lambda text: "no such entry"),
            echo=echo,
            hint=hint,
            text=text,
            suggester=Completion([str(row.key) for row in content.rows], files),
        )
        self._content = content
        self._key = key
        self._typing = typing
        self._only_rows = free is None
        self._files = files
        #: Whether the cursor was moved since the text was changed: enter takes its row then.
        self._moved = False

    def body(self) -> Iterable[Widget]:
        """Yield the list of rows."""
        listing = Listing(id="rows", lit=True)
        listing.can_focus = False
        yield listing

    def on_mount(self) -> None:
        """Fit the list to its rows and the window."""
        listing = self.query_one(Listing)
        listing.styles.height = min(max(1, len(self._content.rows)) + 1, self.size.height - 8)
        listing.content = self._content
        listing.call_after_refresh(self._place_cursor)

    def _place_cursor(self) -> None:
        """Put the cursor on its first row, now that the list has a height.

        The rows may have been replaced or filtered since the dialog was opened.
        """
        listing = self.query_one(Listing)
        listing.set_content(listing.content, None if self._moved else self._key)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter the rows, or move the cursor to a matching row."""
        text, listing = self.text, self.query_one(Listing)
        if self._typing == "name" and text == str(listing.key) and self._moved:
            return
        self._moved = False
        if self._typing == "filter":
            rows = [row for row in self._content.rows if matches(text, *(c for c, _ in row.cells))]
            listing.set_content(Content(self._content.columns, rows, self._empty()))
        elif text:
            named = [str(row.key) for row in self._content.rows]
            starting = [key for key in named if key.startswith(text)]
            if text in named or starting:
                listing.set_content(self._content, text if text in named else starting[0])

    def show_content(self, content: Content) -> None:
        """Show other rows in place of those that are shown; the cursor stays on its row."""
        self._content = content
        if self._typing == "filter":
            rows = [row for row in content.rows if matches(self.text, *(c for c, _ in row.cells))]
            content = Content(content.columns, rows, self._empty())
        self.query_one(Listing).set_content(content)

    def _empty(self) -> str:
        if self._files is not None:
            return self._refuse(self.text) or "enter accepts the path; tab completes it"
        return "no match" if self._only_rows else "enter accepts the text"

    def accept_text(self) -> None:
        """Return the row or the text."""
        text, listing = self.text, self.query_one(Listing)
        rows = self._typing != "name"
        if rows and listing.key is not None and (self._moved or not text or self._filters(text)):
            self.dismiss(str(listing.key))
        elif text in [str(row.key) for row in self._content.rows] and rows:
            self.dismiss(text)
        else:
            super().accept_text()

    def _filters(self, text: str) -> bool:
        """Return whether a text selects the row under the cursor instead of being the answer."""
        if self._typing != "filter" or text in [str(row.key) for row in self._content.rows]:
            return False
        return self._only_rows or not is_path(text, self._files or ())

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Accept a clicked row."""
        event.stop()
        if self._typing == "name":
            self._write(str(event.key))
        else:
            self.dismiss(str(event.key))

    def on_listing_moved(self, event: Listing.Moved) -> None:
        """Record that the user moved the cursor."""
        event.stop()
        self._moved = True
        if self._typing == "name":
            self._write(str(event.key))

    def _write(self, text: str) -> None:
        line = self.query_one(TextInput)
        line.value = text
        line.cursor_position = len(text)

    def move_list(self, step: Callable[[Listing], None]) -> None:
        """Move the cursor; enter accepts its row then."""
        listing = self.query_one(Listing)
        fresh, self._moved = not self._moved, True
        if self._typing == "name" and fresh and listing.key not in (None, self.text):
            # Nothing was taken from the list yet: begin with the row that the cursor is on.
            self._write(str(listing.key))
        else:
            step(listing)


class Notice(ModalScreen[str | None]):
    """A text with answers, each a key; escape returns None."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("dialog")]
    CSS_PATH = "choose.tcss"

    def __init__(
        self,
        title: str,
        paragraphs: Sequence[tuple[str, str]],
        answers: Sequence[tuple[str, str]] = (),
        *,
        role: str = "title",
        detail: str = "",
    ) -> None:
        """A dialog.

        Args:
            paragraphs: (text, role).
            answers: (key, what it means).
            role: the colour of the title.
            detail: long text, shown when asked for.
        """
        super().__init__()
        self._title = title
        self._paragraphs = paragraphs
        self._answers = dict(answers)
        self._role = role
        self._detail = detail.strip()
        self._open = False

    def compose(self) -> ComposeResult:
        """Yield text, details and answers."""
        with Vertical(classes="box"):
            yield LineView(self._text, id="text")
            listing = Listing(id="rows", headings=False)
            listing.display = False
            yield listing
            yield LineView(self._keys, on_hit=self._hit, id="keys")

    def on_mount(self) -> None:
        """Fit the height to the text."""
        self._fit()
        if not self._detail:
            self.set_focus(None)

    def on_resize(self) -> None:
        """Wrap the text for the new width."""
        self._fit()

    def _fit(self) -> None:
        width = min(76, self.size.width) - 4
        rows = len(self._written(width))
        self.query_one("#text").styles.height = max(1, min(rows, self.size.height - 5))

    def _written(self, width: int) -> list[StyledLine]:
        lines = wrap(self._title, width, self._role)
        for text, role in self._paragraphs:
            if text:
                lines += [StyledLine(), *wrap(text, width, role)]
        return lines

    def _text(self, width: int, height: int) -> list[StyledLine]:
        return self._written(width)

    def _keys(self, width: int, height: int) -> list[StyledLine]:
        line = StyledLine()
        answers = dict(self._answers)
        if self._detail:
            answers["enter"] = "hide details" if self._open else "details"
        answers["escape"] = "close"
        for key, meaning in answers.items():
            line.add("  " if line.width else "").add(keymap.key_name(key), "key", key)
            line.add(f" {meaning}", "dim", key)
        return [StyledLine(), line]

    def _hit(self, hit: object) -> None:
        if isinstance(hit, str):
            self._answer(hit)

    def on_key(self, event: events.Key) -> None:
        """Take an answer."""
        if event.key in self._answers or event.key == "enter":
            event.stop()
            event.prevent_default()
            self._answer(event.key)

    def _answer(self, key: str) -> None:
        if key == "escape":
            self.dismiss(None)
        elif key in self._answers:
            self.dismiss(key)
        elif key == "enter" and self._detail:
            self._unfold()

    def _unfold(self) -> None:
        self._open = not self._open
        listing = self.query_one(Listing)
        listing.display = self._open
        lines = self._detail.splitlines()
        room = self.size.height - 6 - self.query_one("#text").size.height
        listing.styles.height = max(3, min(len(lines), room))
        rows = [Row(number, [(line, "quiet")]) for number, line in enumerate(lines)]
        from finn_tui.ui.toolkit.listing import Column

        width = max(cells(line) for line in lines)
        content = Content([Column("", max(1, width))], rows)
        listing.call_after_refresh(listing.set_content, content)
        listing.focus()
        self.query_one("#keys", LineView).redraw()

    def do_dialog_close(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


def confirm(question: str, why: str, yes: str) -> Notice:
    """Return a yes-or-no question; its answer is "y" or None.

    Args:
        question: the title.
        why: its explanation.
        yes: label of the key y.
    """
    return Notice(question, [(why, "")], [("y", yes)], role="warn")


def show_error(error: FinnTuiError, answers: Sequence[tuple[str, str]] = ()) -> Notice:
    """Return the dialog of an error, its details folded.

    Args:
        error: what happened, why, what to do.
        answers: (key, label) of what the user can do.
    """
    paragraphs = [(error.why, ""), (error.fix, "accent")]
    return Notice(f"! {error.what}", paragraphs, answers, role="bad", detail=error.detail)
