"""What stands on every screen: the line with model and modes, the line of keys, rules."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finn_tui.hosts.status import HostStatus, LinkState
from finn_tui.ui.actions.action import Action
from finn_tui.ui.actions.keymap import key_name, keys_of
from finn_tui.ui.actions.table import BY_ID, actions_of
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.styled_line import StyledLine, clock_text, fit, printable

if TYPE_CHECKING:
    from finn_tui.ui.state import AppState

#: The modes in the order of their keys: name, action, and their short titles.
MODES = (
    ("flow", "app.flow", "Flow"),
    ("tune", "app.tune", "Tune"),
    ("runs", "app.runs", "Runs"),
    ("board", "app.board", "Board"),
    ("results", "app.results", "Results"),
    ("learn", "app.learn", "Learn"),
)


def top_line(state: AppState, mode: str, width: int) -> StyledLine:
    """Return the top line: model, board, clock, progress, and the modes.

    Args:
        state: of the app.
        mode: shown in capitals.
        width: columns.
    """
    modes = _modes(state, mode, width >= 90, True)
    line = StyledLine().add(" ")
    tune = state.tune
    if tune is None:
        line.add(state.opening or "no model", "title" if state.opening else "dim")
        if state.opening and state.opening_at is not None:
            share = state.opening_at.fraction
            line.add(f" {state.opening_at.stage}", "dim")
            line.add(f" {share:.0%}" if share is not None else " ...", "dim")
    else:
        editor = tune.editor
        room = max(8, width - modes.width - 30)
        line.add(fit(tune.opened.model.title, room).rstrip(), "title", "app.open-model")
        line.add("   ").add(editor.device.board, hit="tune.target")
        line.add("   ").add(clock_text(editor.clock_ns), hit="tune.clock")
    short = _modes(state, mode, False, False)
    for host in _hosts(state):
        # What is wrong is worth the names of the modes; what is well takes free room only.
        rest = short if host.is_problem else modes
        if line.width + host.line.width + 1 + rest.width <= width:
            line.append(host.line)
    if line.width + 1 + modes.width > width:
        modes = short
    return line.right(modes, width)


@dataclass(frozen=True)
class _HostPiece:
    line: StyledLine
    is_problem: bool


def _hosts(state: AppState) -> list[_HostPiece]:
    """How the connections to the hosts in use are, those with a problem first."""
    now = time.monotonic()
    pieces = []
    for status in state.hosts.values():
        line = StyledLine().add("   ").add(f"{printable(status.host)} ", "dim", "app.hosts")
        line.add(status.words(now), host_role(status), "app.hosts")
        pieces.append(_HostPiece(line, status.state in (LinkState.WAITING, LinkState.REFUSED)))
    return sorted(pieces, key=lambda piece: not piece.is_problem)


def host_role(status: HostStatus) -> str:
    """Return the style for the state of a connection."""
    if status.state is LinkState.REFUSED:
        return "bad"
    return "dim" if status.state is LinkState.CONNECTED else "warn"


def _modes(state: AppState, mode: str, wide: bool, named: bool) -> StyledLine:
    """The modes with their keys.

    Args:
        state: of the app.
        mode: the present one, which always has its name.
        wide: names are not cut.
        named: the others have their names, too.
    """
    modes = StyledLine()
    for number, (name, action, title) in enumerate(MODES, 1):
        text = title.upper() if name == mode else title
        if not wide and name == "results":
            text = text[:3]
        if not named and name != mode:
            text = ""
        label = f" {number} {text}".rstrip()
        modes.add(f"{label}{_busy(state, name)} ", "mode" if name == mode else "dim", action)
    return modes


def _busy(state: AppState, mode: str) -> str:
    if mode == "runs" and any(not run.state.final for run in state.runs):
        return "*"
    return "*" if mode == "board" and state.board.busy else ""


#: What one does from an open model to a measured board, in order; shown at any width.
MAIN_PATH = (
    "app.build",
    "app.go",
    "app.open-model",
    "tune.load",
    "tune.save",
    "app.quit",
    "app.help",
)


def key_line(actions: Sequence[Action], state: AppState, width: int) -> StyledLine:
    """Return the keys that matter here, those that cannot be used now dimmed.

    The main path always fits, with the help last; before it, as many others as there is room for.

    Args:
        actions: those with a word for the line, most needed first.
        width: columns of the line.
    """
    main = StyledLine()
    for id in MAIN_PATH:
        if any(action.id == id for action in actions) or id == "app.help":
            main.add("  " if main.width else "")
            _key(main, BY_ID[id], state)
    line = StyledLine().add(" ")
    for action in actions:
        if action.footer and action.id not in MAIN_PATH:
            piece = StyledLine()
            _key(piece, action, state)
            if line.width + piece.width + 2 + main.width > width:
                break
            line.append(piece.add("  "))
    return line.append(main)


def _key(line: StyledLine, action: Action, state: AppState) -> None:
    keys = keys_of(action, state.keymap)
    if not keys:
        return
    disabled = action.disabled_reason is not None and action.disabled_reason(state) is not None
    line.add(key_name(keys[0]), "faint" if disabled else "key", action.id)
    line.add(f" {action.footer}", "faint" if disabled else "dim", action.id)


def footer_actions(*places: str) -> list[Action]:
    """Return the actions for a screen's line of keys: its own first, then those of everywhere."""
    return [action for action in actions_of(*places, "mode", "app") if action.footer]


class Rule(LineView):
    """A horizontal line."""

    def build(self, width: int, height: int) -> list[StyledLine]:
        return [StyledLine().add("─" * width, "faint")]
