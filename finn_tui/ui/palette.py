"""The palette's commands: the table of actions, those that can be done now."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from finn_tui.ui.actions.keymap import key_name, keys_of
from finn_tui.ui.actions.table import ACTIONS, SCOPES, Action
from finn_tui.ui.context import AppContext, context_of
from finn_tui.ui.toolkit.frame import MODES

_MODES = tuple(name for name, _, _ in MODES)
_LEFT_OUT = ("list", "log", "dialog")


class ActionCommands(Provider):
    """Everything that can be done on this screen and everywhere."""

    @property
    def _context(self) -> AppContext:
        return context_of(self.screen)

    def _usable(self) -> Iterable[tuple[Action, str]]:
        state = self._context.state
        here = getattr(self.screen, "place", "")
        for action in ACTIONS:
            places = ("app", "mode", here) if here in _MODES else ("app", here)
            if action.scope in _LEFT_OUT or action.scope not in places:
                continue
            if action.id == "app.palette" or (
                action.disabled_reason and action.disabled_reason(state)
            ):
                continue
            place = "" if action.scope in ("app", "mode") else f"{SCOPES[action.scope]}: "
            keys = ", ".join(key_name(key) for key in keys_of(action, state.keymap))
            yield action, f"{place}{action.title}" + (f"  ({keys})" if keys else "")

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for action, text in self._usable():
            yield DiscoveryHit(text, partial(self._context.action_do, action.id), text, action.help)

    async def search(self, query: str) -> Hits:
        """Those that match what is typed."""
        matcher = self.matcher(query)
        for action, text in self._usable():
            score = matcher.match(text)
            if score > 0:
                command = partial(self._context.action_do, action.id)
                yield Hit(score, matcher.highlight(text), command, text, action.help)
