"""The bar that asks before something expensive starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from finn_tui.ui.actions import table as actions
from finn_tui.ui.dialogs.messages import OutlookReady
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.styled_line import StyledLine, cells, printable, shorten, wrap

#: A text with its role.
Fact = tuple[str, str]


class Confirm(ModalScreen[bool]):
    """A question with its facts at the bottom of the screen; returns whether to go on."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("dialog")]
    CSS_PATH = "confirm.tcss"

    def __init__(
        self,
        title: str,
        facts: Sequence[Fact],
        yes: str,
        pending: str = "",
        lines: Sequence[Fact] = (),
    ) -> None:
        """Make the bar.

        Args:
            title: what is to be done.
            facts: what is known of it now.
            yes: the word for doing it.
            pending: what is still being looked up; ``outlook_ready`` brings it.
            lines: what is shown line by line, such as a file's difference.
        """
        super().__init__()
        self._title = title
        self._facts = list(facts)
        self._yes = yes
        self._pending = pending
        self._block = lines

    def compose(self) -> ComposeResult:
        """Yield one block of lines over the screen's last lines."""
        with Vertical(id="bar"):
            yield LineView(self._text, on_hit=self._hit, id="text")

    def on_mount(self) -> None:
        """Fit the height to the text."""
        self._fit()

    def on_resize(self) -> None:
        """Wrap the text for the new width."""
        self._fit()

    def outlook_ready(self, message: OutlookReady) -> None:
        """Show the facts that were looked up."""
        self._pending = ""
        self._facts += message.facts
        self._fit()

    def _fit(self) -> None:
        lines = self._lines(self.size.width - 2)
        self.query_one("#text").styles.height = min(len(lines), self.size.height - 1)
        self.query_one("#text", LineView).redraw()

    def _lines(self, width: int) -> list[StyledLine]:
        facts = [*self._facts, *([(self._pending, "dim")] if self._pending else [])]
        lines = [StyledLine().add(shorten(printable(self._title), width), "warn")]
        for text, role in self._block:
            lines += wrap(printable(text), width, role, "  ") or [StyledLine()]
        for text, role in facts:
            piece = printable(text)
            if cells(piece) > width - 2:
                lines += wrap(piece, width, role, "  ")
            elif lines[-1].width + cells(piece) + 3 > width:
                lines.append(StyledLine().add("  ").add(piece, role))
            else:
                lines[-1].add(" · ", "dim").add(piece, role)
        keys = StyledLine().add("enter", "key", True).add(f" {self._yes}", "dim", True)
        keys.add("   ").add("esc", "key", False).add(" cancel", "dim", False)
        return [*lines, keys]

    def _text(self, width: int, height: int) -> list[StyledLine]:
        *lines, keys = self._lines(width)
        return [*lines[: max(1, height - 1)], keys]

    def _hit(self, hit: object) -> None:
        if isinstance(hit, bool):
            self.dismiss(hit)

    def on_key(self, event: events.Key) -> None:
        """Take yes; ignore other letters."""
        if event.key in ("enter", "y"):
            event.stop()
            event.prevent_default()
            self.dismiss(True)

    def do_dialog_close(self) -> None:
        """Cancel."""
        self.dismiss(False)
