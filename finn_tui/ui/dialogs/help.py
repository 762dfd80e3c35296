"""The keys of a screen, from the table of actions, with why one cannot be used now."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from finn_tui.ui.actions import table as actions
from finn_tui.ui.actions.keymap import key_name, keys_of
from finn_tui.ui.actions.table import SCOPES, actions_of
from finn_tui.ui.context import context_of
from finn_tui.ui.toolkit.frame import MODES
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import Column, Content, Listing, Row
from finn_tui.ui.toolkit.styled_line import StyledLine


class Help(ModalScreen[str | None]):
    """All keys that work on a screen; enter does what the row says."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("dialog")]
    CSS_PATH = "help.tcss"

    def __init__(self, place: str) -> None:
        """For the screen of that name."""
        super().__init__()
        self._place = place

    def compose(self) -> ComposeResult:
        """The list, and the sentence of the row under the cursor."""
        with Vertical(classes="box"):
            yield LineView(self._head, id="head")
            yield Listing(id="rows")
            yield LineView(self._sentence, id="sentence")

    def on_mount(self) -> None:
        """Fill the list."""
        listing = self.query_one(Listing)
        listing.focus()
        state = context_of(self).state
        logs = ("log",) if self._place in ("runs", "board", "viewer") else ()
        modes = ("mode",) if any(self._place == name for name, _, _ in MODES) else ()
        places = (self._place, "list", *logs, *modes, "app") if self._place else ("app",)
        rows = []
        for place in places:
            for action in actions_of(place):
                keys = " ".join(key_name(key) for key in keys_of(action, state.keymap))
                why = action.disabled_reason(state) if action.disabled_reason is not None else None
                rows.append(
                    Row(
                        action.id,
                        [
                            (keys or "palette only", "faint" if why else "key"),
                            (action.title, "dim" if why else ""),
                            (f"not now: {why}" if why else SCOPES[place], "dim"),
                        ],
                        action.help,
                    )
                )
        columns = [Column("key", 16), Column("does", 22), Column("")]
        listing.styles.height = min(len(rows) + 1, max(4, self.size.height - 8))
        content = Content(columns, rows)
        listing.call_after_refresh(self._fill, content)

    def _fill(self, content: Content) -> None:
        self.query_one(Listing).set_content(content)
        self.query_one("#sentence", LineView).redraw()

    def on_listing_moved(self) -> None:
        """Another row's sentence."""
        self.query_one("#sentence", LineView).redraw()

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Do it."""
        self.dismiss(str(event.key))

    def _head(self, width: int, height: int) -> list[StyledLine]:
        return [StyledLine().add(f"Keys: {SCOPES.get(self._place, 'everywhere')}", "title")]

    def _sentence(self, width: int, height: int) -> list[StyledLine]:
        action = actions.BY_ID.get(str(self.query_one(Listing).key))
        keys = StyledLine().add("enter", "key").add(" does it  ", "dim").add("/", "key")
        keys.add(" filter  ", "dim").add("esc", "key").add(" close", "dim")
        return [StyledLine().add(action.help if action is not None else ""), keys]

    def do_dialog_close(self) -> None:
        """Close."""
        self.dismiss(None)
