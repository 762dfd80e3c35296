"""One thing that a user can do, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from finn_tui.ui.state import AppState

DisabledReason = Callable[[AppState], str | None]

#: Where an action applies: scope and the words for it on screens.
SCOPES = {
    "app": "everywhere",
    "mode": "on the six screens",
    "list": "in lists",
    "pane": "between panes",
    "log": "in logs",
    "viewer": "in a large log",
    "flow": "Flow",
    "tune": "Tune",
    "runs": "Runs",
    "board": "Board",
    "results": "Results",
    "learn": "Learn",
    "dialog": "in dialogs",
    "solve": "in the solve dialog",
    "next": "in the dialog of what next",
    "pareto": "at the Pareto front",
}


@dataclass(frozen=True)
class Action:
    """One user action.

    Attributes:
        id: stable name, used by keymaps.
        title: a few words, for palette and help.
        help: one sentence.
        keys: default keys, in Textual's names.
        scope: a key of ``SCOPES``.
        footer: the word in the line of keys; empty if it is not shown there.
        disabled_reason: returns why it cannot be done now, or None if it can.
        priority: taken before the focused widget sees the key.
    """

    id: str
    title: str
    help: str
    keys: tuple[str, ...]
    scope: str
    footer: str = ""
    disabled_reason: DisabledReason | None = None
    priority: bool = False

    @property
    def method(self) -> str:
        """Return the name of the method that does the action."""
        return "do_" + self.id.replace(".", "_").replace("-", "_")
