"""What the app's halves share: doing actions, drawing, telling of errors, keeping settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from finn_tui.errors import FinnTuiError
from finn_tui.ui.actions import BY_ID
from finn_tui.ui.screens.base import ModeScreen
from finn_tui.ui.work import Workers


class Desk(Workers):
    """The app without what it is for."""

    @property
    def mode_screen(self) -> ModeScreen | None:
        """The mode's screen, below any dialog."""
        for screen in self.screen_stack:
            if isinstance(screen, ModeScreen):
                return screen
        return None

    def action_do(self, id: str) -> None:
        """Do an action of the table, or say why it cannot be done now."""
        action = BY_ID[id]
        why = action.why_not(self.state) if action.why_not is not None else None
        if why is not None:
            self.notify(why, title=action.title, severity="warning", markup=False)
            return
        focused = self.screen.focused
        chain = [*focused.ancestors_with_self] if focused is not None else [self.screen, self]
        for node in (*chain, self):
            method = getattr(node, action.method, None)
            if method is not None:
                method()
                return

    def redraw(self) -> None:
        """Draw the mode's screen anew, and a dialog that shows state."""
        screen = self.mode_screen
        if screen is not None and screen.is_mounted and screen is self.screen_stack[0]:
            screen.redraw()

    def trouble(self, error: FinnTuiError, answers: tuple[tuple[str, str], ...] = (),
                then: Callable[[str | None], None] | None = None) -> None:  # fmt: skip
        """Show an error with what to do about it."""
        from finn_tui.ui.screens.pick import trouble

        self.push_screen(trouble(error, answers), then)

    def close_working(self, work: str) -> None:
        """Take the progress of ended work off the screen."""
        from finn_tui.ui.screens.working import Working

        self.state.aside.discard(work)
        for screen in self.screen_stack:
            if isinstance(screen, Working) and screen.work == work:
                screen.dismiss(None)

    def keep_settings(self, **changes: Any) -> None:
        """Change settings of the workspace and write them."""
        for name, value in changes.items():
            setattr(self.lab.workspace.settings, name, value)
        try:
            self.lab.workspace.save_settings()
        except FinnTuiError as error:
            self.trouble(error)
