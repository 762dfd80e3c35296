"""The base of the six screens: their frame, and following the state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget

from finn_tui.ui.actions import table as actions
from finn_tui.ui.context import AppContext, context_of
from finn_tui.ui.state import AppState, Topic
from finn_tui.ui.toolkit.frame import footer_actions, key_line, top_line
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import Listing
from finn_tui.ui.toolkit.panes import PaneScreen, TooSmall
from finn_tui.ui.toolkit.styled_line import StyledLine


class TopLine(LineView):
    """Shows model, board, clock and modes."""


class KeyLine(LineView):
    """Shows the main keys of the screen."""


class ModeScreen(PaneScreen):
    """One of the six screens."""

    #: The parts of the state that it shows.
    topics: ClassVar[frozenset[Topic]] = frozenset(Topic) - {Topic.SNAPSHOT}
    # Keys that start something expensive are not those of the app, which live in viewers too.
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("mode")]

    @property
    def context(self) -> AppContext:
        """Return the app context."""
        return context_of(self)

    @property
    def state(self) -> AppState:
        """Return the state of the app."""
        return self.context.state

    def compose(self) -> ComposeResult:
        """Yield the frame with the screen's own widgets."""
        yield TopLine(self._top, on_hit=self._do, classes="frame")
        yield from self.body()
        yield KeyLine(self._keys, on_hit=self._do, classes="frame")
        yield TooSmall(classes="frame")

    def body(self) -> Iterable[Widget]:
        """Yield the screen's own widgets from top to bottom."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Subscribe to the state."""
        self.context.state_changed.subscribe(self, self._state_changed)

    def _state_changed(self, topic: Topic) -> None:
        # A hidden screen is drawn when it is shown again.
        if topic in self.topics and self.app.screen_stack[0] is self:
            self.redraw()

    def redraw(self) -> None:
        """Show the present state."""
        self.query_one(TopLine).redraw()
        self.draw()
        self.query_one(KeyLine).redraw()

    def draw(self) -> None:
        """Show the state in the screen's own widgets."""

    def on_screen_resume(self, _: events.ScreenResume) -> None:
        """Redraw: the state may have changed while another screen was shown."""
        self.redraw()

    def on_listing_resized(self, _: Listing.Resized) -> None:
        """Choose the columns for the new width, which a layout gives a list when it comes to it."""
        if self.app.screen_stack[0] is self:
            self.redraw()

    def _top(self, width: int, height: int) -> list[StyledLine]:
        return [top_line(self.state, self.place, width)]

    def _keys(self, width: int, height: int) -> list[StyledLine]:
        alone = self.place in ("tune", "board")
        places = (self.place,) if alone else (self.place, "pane", "list")
        return [key_line(footer_actions(*places), self.state, width)]

    def _do(self, hit: object) -> None:
        if isinstance(hit, str) and hit in actions.BY_ID:
            self.context.action_do(hit)
