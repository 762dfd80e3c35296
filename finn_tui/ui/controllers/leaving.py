"""Leaving the app: what is asked and ended before."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from finn_tui.ui.context import AppContext
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.controllers.boards import BoardController
from finn_tui.ui.controllers.models import ModelController
from finn_tui.ui.controllers.viewer import ViewerController
from finn_tui.ui.messages import WorkKind

#: How long leaving waits for the engine to end.
_CLOSE_SECONDS = 1.0


class LeavingController(Controller):
    """Ends what must not outlive the app; builds go on."""

    def __init__(
        self,
        context: AppContext,
        models: ModelController,
        boards: BoardController,
        viewer: ViewerController,
        leave: Callable[[int], object],
    ) -> None:
        """For an app.

        Args:
            context: of the app.
            models: whose folding is kept.
            boards: whose job is stopped.
            viewer: which is closed.
            leave: ends the app with an exit code.
        """
        super().__init__(context)
        self._models = models
        self._boards = boards
        self._viewer = viewer
        self._leave = leave

    def do_app_quit(self) -> None:
        """Quit; stop the board's job first, if the user agrees."""
        if not self.state.board.busy:
            self._models.leave_folding(self._close)
            return
        from finn_tui.ui.dialogs.choose import confirm

        def answered(answer: str | None) -> None:
            if answer == "y":
                self._boards.leave()
                self.do_app_quit()

        text = self._boards.leave_text()
        self.context.show_dialog(
            confirm("The board is at work. Leave all the same?", text, "leave"), answered
        )

    def _close(self) -> None:
        self.context.start(WorkKind.QUIT, self._close_down())

    async def _close_down(self) -> None:
        await self._viewer.close()
        # The engine ends when its input is closed, which happens at the latest when we end.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.lab.close(), _CLOSE_SECONDS)
        self._leave(0)
