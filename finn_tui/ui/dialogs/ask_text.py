"""A dialog with one line of text: a note, a tag, a position, a password."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.css.scalar import Scalar
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input

from finn_tui.ui.actions import table as actions
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.styled_line import StyledLine, fit, wrap
from finn_tui.ui.toolkit.text_input import TextInput

#: Why a typed text cannot be taken; None if it can.
Refuse = Callable[[str], str | None]
#: What a typed text means, shown below it; empty if there is nothing to say.
Echo = Callable[[str], str]


def anything(text: str) -> None:
    """Accept any text."""


class AskTextDialog(ModalScreen[str | None]):
    """Asks for a text; returns it stripped (a password unchanged), or None if closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings("dialog"),
        Binding("tab", "complete", "Complete", show=False),
    ]
    CSS_PATH: ClassVar[str | PurePath | list[str | PurePath] | None] = "ask_text.tcss"
    AUTO_FOCUS = "#typed"

    def __init__(
        self,
        title: str,
        *,
        refuse: Refuse = anything,
        echo: Echo | None = None,
        hint: str = "",
        text: str = "",
        secret: bool = False,
        empty: bool = False,
        suggester: Suggester | None = None,
    ) -> None:
        """Make a dialog.

        Args:
            refuse: tells why a text cannot be taken, shown below it; None if it can.
            echo: what a text means, shown below it while it is typed.
            text: what stands in the line at first; it is selected.
            secret: what is typed is shown as dots.
            empty: an empty text is an answer as well.
            suggester: proposes how the text could go on; tab takes that.
        """
        super().__init__()
        self._title = title
        self._refuse = refuse
        self._echo = echo
        self._hint = hint
        self._first_text = text
        self._secret = secret
        self._takes_empty = empty
        self._suggester = suggester
        self._refused = ""

    def compose(self) -> ComposeResult:
        """Yield title, input, remark, body and hint."""
        with Vertical(classes="box"):
            yield LineView(self._head, id="head")
            with Horizontal(id="line"):
                yield LineView(lambda *_: [StyledLine().add(">", "accent")], id="prompt")
                yield TextInput(
                    self._first_text,
                    id="typed",
                    password=self._secret,
                    suggester=None if self._secret else self._suggester,
                )
            yield LineView(self._said, id="said")
            yield from self.body()
            yield LineView(self._foot, id="foot")

    def body(self) -> Iterable[Widget]:
        """Yield widgets between the text and the hint."""
        return ()

    def on_mount(self) -> None:
        """Show the remark about the initial text."""
        self.show_remark()

    @property
    def text(self) -> str:
        """Return the typed text."""
        text = self.query_one(TextInput).value
        return text if self._secret else text.strip()

    def _head(self, width: int, height: int) -> list[StyledLine]:
        return [StyledLine().add(fit(self._title, width).rstrip(), "title")]

    def _remarks(self, width: int) -> list[StyledLine]:
        if self._refused:
            return wrap(self._refused, width, "bad")
        meaning = self._echo(self.text) if self._echo is not None and self.text else ""
        return wrap(meaning, width, "accent") if meaning else []

    def _said(self, width: int, height: int) -> list[StyledLine]:
        return self._remarks(width)[:height]

    def _foot(self, width: int, height: int) -> list[StyledLine]:
        return wrap(self._hint or "enter accepts, esc cancels", width, "dim")[:height]

    def on_key(self, event: events.Key) -> None:
        """Pass letters to the input if they came before it had the focus."""
        if event.is_printable and event.character is not None and self.focused is None:
            self.query_one(TextInput).insert_typed(event.character)
            event.stop()
            event.prevent_default()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show the remark about the new text."""
        event.stop()
        self.show_remark()

    def show_remark(self, refused: str = "") -> None:
        """Show the remark about the text, in as many rows as it needs.

        Args:
            refused: why it was not taken.
        """
        self._refused = refused
        said = self.query_one("#said", LineView)
        rows = len(self._remarks(min(76, self.size.width) - 4))
        said.display = bool(rows)
        if rows and said.styles.height != Scalar.from_number(rows):
            said.styles.height = rows
        said.call_after_refresh(said.redraw)
        said.redraw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Accept the text."""
        event.stop()
        self.accept_text()

    def accept_text(self) -> None:
        """Return the text, or show why it is refused."""
        text = self.text
        why = self._refuse(text) if text else None
        if why is not None:
            self.show_remark(why)
        elif text or self._takes_empty:
            self.dismiss(text)

    def action_complete(self) -> None:
        """Accept the suggestion of the input."""
        self.query_one(TextInput).complete()

    def do_dialog_close(self) -> None:
        """Close without an answer."""
        self.dismiss(None)
