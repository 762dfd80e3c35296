"""The dialog of next moves: the next move, the moves to a frame rate, what can be reduced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from finn_tui.ui.actions import table as actions
from finn_tui.ui.actions.keymap import key_name, keys_of
from finn_tui.ui.actions.table import BY_ID
from finn_tui.ui.advice import state as advice
from finn_tui.ui.advice.messages import AdviceReady
from finn_tui.ui.advice.state import AdviceState
from finn_tui.ui.context import context_of
from finn_tui.ui.messages import WorkKind
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.list_keys import ListKeys
from finn_tui.ui.toolkit.listing import Listing
from finn_tui.ui.toolkit.styled_line import StyledLine, shorten
from finn_tui.ui.toolkit.text_input import FieldInput
from finn_tui.ui.tune.state import TuneState


class AdviceDialog(ListKeys, ModalScreen[None]):
    """Advice for the present folding; every applied change can be undone.

    Digits go to the rate, other keys to the list and to the actions.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("dialog", "next", "list")]
    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = "#rate"

    def __init__(self, tune: TuneState) -> None:
        """Create the dialog of a model."""
        super().__init__()
        self.state = AdviceState(tune)

    def compose(self) -> ComposeResult:
        """Yield text, list and keys."""
        with Vertical(classes="box"):
            with LineView(self._text, id="text"):
                yield FieldInput(id="rate", allowed="0123456789.,_")
            listing = Listing(id="back", lit=True)
            listing.can_focus = False
            yield listing
            yield LineView(self._keys, on_hit=self._hit, id="keys")

    def on_mount(self) -> None:
        """Show what is known at once."""
        self.show()

    def on_resize(self) -> None:
        """Wrap the text for the new width."""
        self.show()

    def show(self) -> None:
        """Show the advice, and compute what is missing in the background."""
        width, room = min(100, self.size.width) - 4, self.size.height - 6
        text = self.query_one("#text", LineView)
        lines = advice.lines(self.state, width)
        height = len(lines)
        content = advice.layers(self.state, width)
        listing = self.query_one(Listing)
        rows = min(max(1, len(content.rows)) + 1, max(4, room - height))
        text.styles.height = max(1, min(height, room - rows))
        listing.styles.height = rows
        self.query_one(FieldInput).place(lines, "rate")
        text.redraw()
        listing.call_after_refresh(listing.set_content, content)
        self.query_one("#keys", LineView).redraw()
        if not self.state.fresh:
            context_of(self).start(WorkKind.ADVICE, self._work_out())

    async def _work_out(self) -> AdviceReady:
        return AdviceReady(self.state, await asyncio.to_thread(self.state.work_out))

    def advice_ready(self, message: AdviceReady) -> None:
        """Show the computed advice."""
        if message.advice is self.state:
            self.state.advice = message.answer
            self.show()

    def _text(self, width: int, height: int) -> list[StyledLine]:
        return advice.lines(self.state, width)[:height]

    def _keys(self, width: int, height: int) -> list[StyledLine]:
        line, keymap = StyledLine(), context_of(self).state.keymap
        for id, meaning in (
            ("list.choose", "reduce"),
            ("next.all", "reduce all"),
            ("next.move", "faster"),
            ("next.target", "to the rate"),
            ("next.undo", "undo"),
            ("dialog.close", "close"),
        ):
            line.add("   " if line.width else "")
            line.add(key_name(keys_of(BY_ID[id], keymap)[0]), "key", id).add(
                f" {meaning}", "dim", id
            )
        notice = self.state.tune.notice
        notice_line = StyledLine()
        if notice is not None:
            notice_line.add(shorten(notice.text, width), notice.role or "accent")
        return [StyledLine(), notice_line, line]

    def _hit(self, hit: object) -> None:
        if isinstance(hit, str) and hit in BY_ID:
            target = self.query_one(Listing) if hit.startswith("list.") else self
            getattr(target, BY_ID[hit].method)()

    def on_key(self, event: events.Key) -> None:
        """Pass digits to the rate if they came before its field had the focus."""
        field = self.query_one(FieldInput)
        if self.focused is None and field.is_text(event):
            field.insert_typed(str(event.character))
            event.stop()
            event.prevent_default()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take the typed rate."""
        event.stop()
        self.state.target = event.value
        self.show()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Reduce the layer under the cursor."""
        event.stop()
        self.query_one(Listing).do_list_choose()

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Reduce this layer."""
        self._do(lambda: self.state.reclaim(str(event.key)))

    def _do(self, change: Callable[[], None]) -> None:
        change()
        self.show()

    def do_next_move(self) -> None:
        """Apply the cheapest change that lowers the II."""
        self._do(self.state.tune.apply_next_move)

    def do_next_target(self) -> None:
        """Apply all moves towards the rate."""
        self._do(self.state.go_to_target)

    def do_next_all(self) -> None:
        """Reduce all layers."""
        self._do(self.state.reclaim_all)

    def do_next_undo(self) -> None:
        """Undo the last change."""
        self._do(self.state.tune.undo)

    def do_dialog_close(self) -> None:
        """Close; applied changes stay."""
        self.dismiss(None)
