"""The table of everything a user can do.

Bindings, the line of keys, the palette, the help screen and the user's keymap come from here and
from nowhere else. An action's method is ``do_`` and its id with dots and dashes as underscores; it
is looked for on the focused widget, then on the widgets around it, the screen and the app. The
actions themselves are in ``screens``, a file for each screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from finn_tui.ui.actions.action import Action
from finn_tui.ui.actions.screens.board import BOARD
from finn_tui.ui.actions.screens.dialogs import DIALOGS
from finn_tui.ui.actions.screens.everywhere import EVERYWHERE
from finn_tui.ui.actions.screens.flow import FLOW
from finn_tui.ui.actions.screens.learn import LEARN
from finn_tui.ui.actions.screens.logs import LOGS
from finn_tui.ui.actions.screens.results import RESULTS
from finn_tui.ui.actions.screens.runs import RUNS
from finn_tui.ui.actions.screens.tune import TUNE

if TYPE_CHECKING:
    from textual.binding import BindingType

ACTIONS: tuple[Action, ...] = (
    *EVERYWHERE,
    *LOGS,
    *TUNE,
    *RUNS,
    *BOARD,
    *FLOW,
    *LEARN,
    *RESULTS,
    *DIALOGS,
)

BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}


def actions_of(*scopes: str) -> list[Action]:
    """Return the actions of some scopes, in the table's order."""
    return [action for action in ACTIONS if action.scope in scopes]


def bindings(*scopes: str) -> list[BindingType]:
    """Return Textual bindings of the actions of some scopes; their ids are the actions'."""
    from textual.binding import Binding

    return [
        Binding(
            ",".join(keys),
            f"app.do('{action.id}')",
            action.title,
            show=False,
            id=action.id,
            priority=priority,
            tooltip=action.help,
        )
        for action in actions_of(*scopes)
        for priority, keys in _by_priority(action)
        if keys
    ]


def _by_priority(action: Action) -> Iterable[tuple[bool, list[str]]]:
    # Text can be typed everywhere: only keys that are no text are taken before the widget.
    early = [key for key in action.keys if action.priority and "+" in key]
    yield True, early
    yield False, [key for key in action.keys if key not in early]
