"""The palette's commands: the table of actions; those that cannot be done now say why."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from finn_tui.ui.actions.action import SCOPES, Action
from finn_tui.ui.actions.keymap import key_name, keys_of
from finn_tui.ui.actions.synonyms import SYNONYMS
from finn_tui.ui.actions.table import ACTIONS
from finn_tui.ui.context import AppContext, context_of
from finn_tui.ui.toolkit.frame import MODES

_MODES = tuple(name for name, _, _ in MODES)
_LEFT_OUT = ("list", "log", "dialog")
#: What cannot be done now comes after what can.
_DISABLED = 0.4
#: A synonym counts less than the action's own words.
_SYNONYM = 0.5


class ActionCommands(Provider):
    """The actions of this screen and of everywhere."""

    @property
    def _context(self) -> AppContext:
        return context_of(self.screen)

    def _listed(self) -> Iterable[tuple[Action, str, str]]:
        """Yield each action with its line and its help."""
        state = self._context.state
        here = getattr(self.screen, "place", "")
        for action in ACTIONS:
            places = ("app", "mode", "pane", here) if here in _MODES else ("app", here)
            if action.scope in _LEFT_OUT or action.scope not in places:
                continue
            if action.id == "app.palette":
                continue
            place = "" if action.scope in ("app", "mode", "pane") else f"{SCOPES[action.scope]}: "
            keys = ", ".join(key_name(key) for key in keys_of(action, state.keymap))
            why = action.disabled_reason(state) if action.disabled_reason is not None else None
            text = f"{place}{action.title}" + (f"  ({keys})" if keys else "")
            yield action, text, f"not now: {why}" if why else action.help

    async def discover(self) -> Hits:
        """Yield all actions before anything is typed, enabled ones first."""
        listed = sorted(self._listed(), key=lambda item: item[2].startswith("not now: "))
        for action, text, help in listed:
            yield DiscoveryHit(text, partial(self._context.action_do, action.id), text, help)

    async def search(self, query: str) -> Hits:
        """Yield the actions that match by their own words or by synonyms."""
        matcher = self.matcher(query)
        for action, text, help in self._listed():
            score = matcher.match(text)
            words = _synonyms(action, query)
            if words and score <= 0:
                score, text = _SYNONYM, f"{text}  {words}"
            if score > 0:
                if help.startswith("not now: "):
                    score *= _DISABLED
                command = partial(self._context.action_do, action.id)
                yield Hit(score, matcher.highlight(text), command, text, help)


def _synonyms(action: Action, query: str) -> str:
    """Return the synonyms of an action that begin with the words of a query; empty unless all do.

    Words that the action's own title has count, too: "open file" means "Open a model".
    """
    words = SYNONYMS.get(action.id, "").split()
    known = [*words, *action.title.lower().split()]
    typed = query.lower().replace("/", " ").split()
    if not typed or not all(any(w.lower().startswith(t) for w in known) for t in typed):
        return ""
    return " ".join(w for w in words if any(w.lower().startswith(t) for t in typed))
