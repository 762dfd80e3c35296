"""What stands on every screen: the line with model and modes, the line of keys, rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from finn_tui.ui.actions.keymap import key_name, keys_of
from finn_tui.ui.actions.table import BY_ID, Action, actions_of
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.styled_line import StyledLine, clock_text, fit

if TYPE_CHECKING:
    from finn_tui.ui.state import AppState

#: The modes in the order of their keys: name, action, and their short titles.
MODES = (
    ("flow", "app.flow", "Flow"),
    ("tune", "app.tune", "Tune"),
    ("runs", "app.runs", "Runs"),
    ("board", "app.board", "Board"),
    ("results", "app.results", "Results"),
)


def top_line(state: AppState, mode: str, width: int) -> StyledLine:
    """Model, board, clock; what is under way; the modes, the present one in capitals."""
    modes = StyledLine()
    for number, (name, action, title) in enumerate(MODES, 1):
        role = "mode" if name == mode else "dim"
        busy = _busy(state, name)
        text = title.upper() if name == mode else title
        if width < 90 and name == "results":
            text = text[:3]
        modes.add(f" {number} {text}{busy} ", role, action)
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
    return line.right(modes, width)


def _busy(state: AppState, mode: str) -> str:
    if mode == "runs" and any(not run.state.final for run in state.runs):
        return "*"
    return "*" if mode == "board" and state.board.busy else ""


def key_line(actions: Sequence[Action], state: AppState, width: int) -> StyledLine:
    """The keys that matter here, those that cannot be used now dimmed; as many as fit.

    Where to find the others always fits.
    """
    line = StyledLine().add(" ")
    last = StyledLine()
    _key(last, BY_ID["app.help"], state)
    for action in actions:
        if action.footer and action.id != "app.help":
            piece = StyledLine()
            _key(piece, action, state)
            if line.width + piece.width + 2 + last.width > width:
                break
            line.append(piece.add("  "))
    return line.append(last)


def _key(line: StyledLine, action: Action, state: AppState) -> None:
    keys = keys_of(action, state.keymap)
    if not keys:
        return
    disabled = action.disabled_reason is not None and action.disabled_reason(state) is not None
    line.add(key_name(keys[0]), "faint" if disabled else "key", action.id)
    line.add(f" {action.footer}", "faint" if disabled else "dim", action.id)


def footer_actions(*places: str) -> list[Action]:
    """The actions for a screen's line of keys: its own first, then those of everywhere."""
    own = [action for action in actions_of(*places) if action.footer]
    everywhere = [action for action in actions_of("mode", "app") if action.footer]
    if "board" in places:
        # Here the one key for everything comes before the keys for each part of it.
        return [BY_ID["app.go"], *own, *(a for a in everywhere if a.id not in ("app.go",))]
    return own + everywhere


class Rule(LineView):
    """A thin line across."""

    def build(self, width: int, height: int) -> list[StyledLine]:
        return [StyledLine().add("─" * width, "faint")]
