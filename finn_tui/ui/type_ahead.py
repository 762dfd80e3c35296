"""Keys in the order in which they were typed, also where they come faster than screens.

Textual hands a key at once to the widget that has the focus at that moment. Of keys that come
together (typed while the app started, or over a slow line) all would go to that widget, although
the first of them opens a dialog that the others are meant for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.screen import Screen
from textual.timer import Timer

Typed = events.Key | events.Paste

#: A widget that hangs never gives its key back: the next one waits no longer.
_LONGEST_SECONDS = 1.0


class TypeAhead:
    """Holds keys back until what the key before them has opened is there."""

    def __init__(self, app: App[Any], hand_over: Callable[[Typed], Awaitable[None]]) -> None:
        """For an app.

        Args:
            app: whose keys it takes.
            hand_over: gives a key to the widget that has the focus.
        """
        self._app = app
        self._hand_over = hand_over
        self._waiting: deque[Typed] = deque()
        self._timer: Timer | None = None
        #: Counts keys: what comes late of an earlier one is told from the present one's.
        self._turn = 0
        self._busy = False

    async def take(self, event: Typed) -> None:
        """Handle a key, after those that were typed before it."""
        if self._busy:
            self._waiting.append(event)
        else:
            self._busy = True
            await self._send(event)

    async def _send(self, event: Typed) -> None:
        self._turn += 1
        screen = self._app.screen
        way = (self._app.focused or screen).ancestors_with_self
        self._timer = self._app.set_timer(_LONGEST_SECONDS, partial(self._next, self._turn))
        await self._hand_over(event)
        # Twice: what a widget makes of a key is a message that goes the same way after it.
        self._follow([*way, *way], partial(self._handled, self._turn, screen))

    def _follow(self, way: Sequence[DOMNode], then: Callable[[], Any]) -> None:
        """Go where a key goes: behind it through the queue of each widget up to the app.

        Args:
            way: the widgets whose queues come next; those that are closed are left out.
            then: called at the end.
        """
        for number, node in enumerate(way, 1):
            if node.call_later(self._follow, way[number:], then):
                return
        self._app.call_later(then)

    async def _handled(self, turn: int, before: Screen[Any]) -> None:
        screen = self._app.screen
        if screen is before:
            await self._next(turn)
        else:
            # Another screen: once it is made, and has told the app which widget has the focus.
            screen.call_later(self._app.call_later, self._next, turn)

    async def _next(self, turn: int) -> None:
        if turn != self._turn or not self._busy:
            return
        if self._timer is not None:
            self._timer.stop()
        if self._waiting:
            await self._send(self._waiting.popleft())
        else:
            self._busy = False
