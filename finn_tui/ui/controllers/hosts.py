"""Connections to hosts: what their logins ask, and how they are."""

from __future__ import annotations

from finn_tui.hosts import shared
from finn_tui.ui.context import AppContext
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.controllers.host_questions import HostQuestions


class HostController(Controller):
    """Asks what logins want, for all that reaches a host: engines, builds, runs, the doctor."""

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self.questions = HostQuestions(context)

    def begin(self) -> None:
        """Ask in dialogs from now on."""
        shared.ask_with(self.questions)

    def end(self) -> None:
        """Ask nobody: the app ends."""
        shared.ask_with(None)
