"""Work that the user waits for: the question before it, and its progress over the screen."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.ui.context import AppContext
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.controllers.hosts import HostController
from finn_tui.ui.dialogs.messages import OutlookReady
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.state import Topic


class WaitingController(Controller):
    """Shows and hides the dialogs around long work; the work itself is other controllers'."""

    def __init__(self, context: AppContext, hosts: HostController) -> None:
        """For an app; ``hosts`` may ask for a login, over which nothing is shown."""
        super().__init__(context)
        self._hosts = hosts

    def show_progress(self, kind: WorkKind, progress: Progress) -> None:
        """Show long work that the user waits for, over the screen.

        Args:
            kind: of the work.
            progress: how far it is.
        """
        from finn_tui.ui.dialogs.working import Working

        state = self.state
        # A question of a login may lie over it.
        stack = self.context.screen_stack
        shown = next(
            (each for each in stack if isinstance(each, Working) and each.kind is kind), None
        )
        if kind is WorkKind.OPEN:
            state.opening_at = progress
        if shown is not None:
            shown.report(progress)
        elif kind in state.aside:
            state.publish(Topic.MODEL)
        elif self._hosts.asking:
            return  # not over the question; the next step shows it
        elif state.opening or state.launching:
            title = f"Opening {state.opening}" if kind is WorkKind.OPEN else "Starting the build"
            working = Working(title, kind)
            working.report(progress)
            self.context.show_dialog(working, self._set_aside)

    def _set_aside(self, action: str | None) -> None:
        """Hide the progress while the work goes on, and show a mode."""
        if action is not None:
            self.state.aside.add(WorkKind.OPEN)
            self.context.after_refresh(self.context.action_do, action)

    def close(self, kind: WorkKind) -> None:
        """Close the progress of ended work."""
        from finn_tui.ui.dialogs.working import Working

        self.state.aside.discard(kind)
        for screen in self.context.screen_stack:
            if isinstance(screen, Working) and screen.kind == kind:
                screen.end()

    def confirm(
        self,
        title: str,
        facts: Sequence[tuple[str, str]],
        yes: str,
        pending: str,
        outlook: Coroutine[Any, Any, WorkResult],
        then: Callable[[], None],
    ) -> None:
        """Ask before something expensive begins; see ``AppContext.confirm``."""
        from finn_tui.ui.dialogs.confirm import Confirm

        def answered(answer: bool | None) -> None:
            self.context.stop(WorkKind.OUTLOOK)
            if answer:
                then()

        self.context.show_dialog(Confirm(title, facts, yes, pending), answered)
        self.context.start(WorkKind.OUTLOOK, outlook)

    def outlook_failed(self, error: FinnTuiError) -> None:
        """Say in the confirmation that details are not available."""
        self.context.post_message(OutlookReady([(f"{error.what}: {error.why}", "warn")]))
