"""What all controllers have in common."""

from __future__ import annotations

from finn_tui.lab.workbench import Workbench
from finn_tui.ui.context import AppContext
from finn_tui.ui.state import AppState


class Controller:
    """A part of the app that owns the actions and the background work of one subject."""

    def __init__(self, context: AppContext) -> None:
        self.context = context

    @property
    def state(self) -> AppState:
        """The state of the app."""
        return self.context.state

    @property
    def lab(self) -> Workbench:
        """The workspace with its engine and solver."""
        return self.context.lab
