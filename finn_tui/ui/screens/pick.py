"""Dialogs: choosing from a list or typing, confirming, and errors with what can be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from finn_tui.errors import FinnTuiError
from finn_tui.ui import actions
from finn_tui.ui.rows import matches
from finn_tui.ui.text import Line, cells, fit, wrap
from finn_tui.ui.widgets.lines import Lines
from finn_tui.ui.widgets.listing import Content, Listing, Row

#: Why a typed text cannot be taken; None if it can.
Refuse = Callable[[str], str | None]


class Pick(ModalScreen[str | None]):
    """Choose a row, or type what is wanted. Gives the row's key or the text; None if closed."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("dialog")]
    CSS_PATH = "pick.tcss"

    def __init__(
        self,
        title: str,
        content: Content,
        key: str | None = None,
        *,
        free: Refuse | None = None,
        narrow: bool = True,
        hint: str = "",
        secret: bool = False,
    ) -> None:
        """A dialog.

        Args:
            key: the row that the cursor begins on.
            free: whether a text that is no row may be taken; None: rows only.
            narrow: letters filter the rows; else they move the cursor to the row they name.
            secret: what is typed is not shown.
        """
        super().__init__()
        self._title = title
        self._content = content
        self._key = key
        self._free = free
        self._narrow = narrow
        self._hint = hint
        self._secret = secret
        self._text = ""
        self._refused = ""

    def compose(self) -> ComposeResult:
        """Title, what is typed, the rows, a hint."""
        with Vertical(classes="box"):
            yield Lines(self._head, id="head")
            listing = Listing(id="rows")
            listing.display = bool(self._content.rows) or not self._secret
            yield listing
            yield Lines(self._foot, id="foot")

    def on_mount(self) -> None:
        """As high as its rows, if there is room."""
        listing = self.query_one(Listing)
        listing.styles.height = min(max(1, len(self._content.rows)) + 1, self.size.height - 7)
        listing.content = self._content
        listing.focus()
        listing.call_after_refresh(listing.give, self._content, self._key)

    def _head(self, width: int, height: int) -> list[Line]:
        shown = "•" * len(self._text) if self._secret else self._text
        typed = Line().add("> ", "accent").add(shown).add("▏", "accent")
        return [Line().add(fit(self._title, width).rstrip(), "title"), typed]

    def _foot(self, width: int, height: int) -> list[Line]:
        if self._refused:
            return wrap(self._refused, width, "bad")[:height]
        return wrap(self._hint or "enter takes it, esc closes", width, "dim")[:height]

    def on_key(self, event: events.Key) -> None:
        """What is typed; all else is for the list and the bindings."""
        if event.key in ("backspace", "ctrl+h") and self._text:
            self._type(self._text[:-1])
        elif event.is_printable and event.character is not None and event.key != "enter":
            self._type(self._text + event.character)
        elif event.key == "enter":
            self._take()
        else:
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """A pasted path or name."""
        event.stop()
        self._type(self._text + event.text.strip())

    def _type(self, text: str) -> None:
        self._text, self._refused = text, ""
        listing = self.query_one(Listing)
        if self._narrow:
            rows = [row for row in self._content.rows if matches(text, *(c for c, _ in row.cells))]
            listing.give(Content(self._content.columns, rows, self._empty()))
        else:
            named = [str(row.key) for row in self._content.rows]
            starting = [key for key in named if key.startswith(text)]
            if text in named or starting:
                listing.give(self._content, text if text in named else starting[0])
        self._redraw()

    def _empty(self) -> str:
        return "enter takes what you typed" if self._free is not None else "nothing like that"

    def _redraw(self) -> None:
        self.query_one("#head", Lines).redraw()
        self.query_one("#foot", Lines).redraw()

    def _take(self) -> None:
        listing = self.query_one(Listing)
        text = self._text.strip()
        keys = [str(row.key) for row in self._content.rows]
        if not text or text in keys:
            chosen = text or (str(listing.key) if listing.key is not None else None)
            if chosen is not None:
                self.dismiss(chosen)
            return
        if self._narrow and listing.rows and (self._free is None or len(listing.rows) == 1):
            self.dismiss(str(listing.key))
            return
        why = self._free(text) if self._free is not None else "there is nothing of that name"
        if why is None:
            self.dismiss(text)
            return
        self._refused = why
        self._redraw()

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """A click on the row under the cursor."""
        self.dismiss(str(event.key))

    def do_dialog_close(self) -> None:
        """Close without a choice."""
        self.dismiss(None)


class Notice(ModalScreen[str | None]):
    """A text and a few answers, each a key; escape gives None."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("dialog")]
    CSS_PATH = "pick.tcss"

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
        """The text, the details, the answers."""
        with Vertical(classes="box"):
            yield Lines(self._text, id="text")
            listing = Listing(id="rows", headings=False)
            listing.display = False
            yield listing
            yield Lines(self._keys, on_hit=self._hit, id="keys")

    def on_mount(self) -> None:
        """As high as the text needs."""
        self._fit()
        if not self._detail:
            self.set_focus(None)

    def on_resize(self) -> None:
        """Another width breaks the text elsewhere."""
        self._fit()

    def _fit(self) -> None:
        width = min(76, self.size.width) - 4
        wanted = len(self._written(width))
        self.query_one("#text").styles.height = max(1, min(wanted, self.size.height - 5))

    def _written(self, width: int) -> list[Line]:
        lines = wrap(self._title, width, self._role)
        for text, role in self._paragraphs:
            if text:
                lines += [Line(), *wrap(text, width, role)]
        return lines

    def _text(self, width: int, height: int) -> list[Line]:
        return self._written(width)

    def _keys(self, width: int, height: int) -> list[Line]:
        line = Line()
        answers = dict(self._answers)
        if self._detail:
            answers["enter"] = "hide details" if self._open else "details"
        answers["escape"] = "close"
        for key, meaning in answers.items():
            line.add("  " if line.width else "").add(actions.key_name(key), "key", key)
            line.add(f" {meaning}", "dim", key)
        return [Line(), line]

    def _hit(self, hit: object) -> None:
        if isinstance(hit, str):
            self._answer(hit)

    def on_key(self, event: events.Key) -> None:
        """An answer."""
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
        from finn_tui.ui.widgets.listing import Column

        width = max(cells(line) for line in lines)
        content = Content([Column("", max(1, width))], rows)
        listing.call_after_refresh(listing.give, content)
        listing.focus()
        self.query_one("#keys", Lines).redraw()

    def do_dialog_close(self) -> None:
        """No answer."""
        self.dismiss(None)


def confirm(question: str, why: str, yes: str) -> Notice:
    """A question whose answer is "y" or None, and None unless y is pressed."""
    return Notice(question, [(why, "")], [("y", yes)], role="warn")


def trouble(error: FinnTuiError, answers: Sequence[tuple[str, str]] = ()) -> Notice:
    """An error: what happened, why, what to do; its details folded away."""
    paragraphs = [(error.why, ""), (error.fix, "accent")]
    return Notice(f"! {error.what}", paragraphs, answers, role="bad", detail=error.detail)
