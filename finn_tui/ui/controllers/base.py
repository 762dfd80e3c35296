"""The base of all controllers."""

from __future__ import annotations

from finn_tui.lab.workbench import Workbench
from finn_tui.ui.context import AppContext
from finn_tui.ui.state import AppState


class Controller:
    """Owns the actions and the background work of one subject."""

    def __init__(self, context: AppContext) -> None:
        self.context = context

    @property
    def state(self) -> AppState:
        """Return the state of the app."""
        return self.context.state

    @property
    def lab(self) -> Workbench:
        """Return the workspace with its engine and solver."""
        return self.context.lab
