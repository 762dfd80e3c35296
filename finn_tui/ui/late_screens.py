"""The six screens and the palette, imported at their first use: the app starts without them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.command import Provider
from textual.screen import Screen


def mode(name: str) -> Callable[[], Screen[Any]]:
    """Return what makes the screen of a mode."""

    def make() -> Screen[Any]:
        from importlib import import_module

        module = import_module(f"finn_tui.ui.{name}.screen")
        screen: Screen[Any] = getattr(module, f"{name.capitalize()}Screen")()
        return screen

    return make


def palette() -> type[Provider]:
    """Return the palette's commands."""
    from finn_tui.ui.palette import ActionCommands

    return ActionCommands
