"""Boards with their parts and budgets: all that the installed FINN knows, and the user's own."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.device import DEFAULT_LIMITS, Device
from finn_tui.lab.workspace import Settings


def devices(info: Mapping[str, Any], settings: Settings) -> dict[str, Device]:
    """All boards by name; the user's win over FINN's.

    Args:
        info: what the engine says of itself.
    """
    limits = info.get("limits") or dict(DEFAULT_LIMITS)
    known = {
        board: Device(board, entry["part"], entry.get("resources") or {}, limits)
        for board, entry in info["boards"].items()
    }
    for board, own in settings.boards.items():
        known[board] = Device(board, own.part, own.budget, limits)
    return known


def device(info: Mapping[str, Any], settings: Settings, board: str) -> Device:
    """The board of that name, exact to the letter, as FINN wants it.

    Raises:
        FinnTuiError: naming the nearest known one.
    """
    known = devices(info, settings)
    if board in known:
        return known[board]
    near = nearest(board, known)
    hint = f" (did you mean {near}?)" if near else ""
    raise FinnTuiError(
        f"there is no board called {board}{hint}",
        f"FINN knows {', '.join(sorted(known))}.",
        "Boards of your own go into finn-tui.toml as [boards.NAME].",
    )


def nearest(board: str, known: Iterable[str]) -> str | None:
    """Return the known board that is spelled most like a name; None if none is."""
    folded = {name.lower().replace("_", "-"): name for name in known}
    near = difflib.get_close_matches(board.lower().replace("_", "-"), folded, 1)
    return folded[near[0]] if near else None
