"""What the app's halves share: doing actions, drawing, telling of errors, keeping settings."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.workspace import Settings
from finn_tui.ui.actions.table import BY_ID
from finn_tui.ui.messages import OutlookReady, WorkKind
from finn_tui.ui.toolkit.mode_screen import ModeScreen
from finn_tui.ui.workers import Workers


class Controller(Workers):
    """The app without what it is for."""

    #: The settings and what was wrong with their file when they were last looked at.
    settings_seen: Settings
    settings_problem: FinnTuiError | None = None
    _settings_told = ""

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
        why = action.disabled_reason(self.state) if action.disabled_reason is not None else None
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

    def show_error(
        self,
        error: FinnTuiError,
        answers: tuple[tuple[str, str], ...] = (),
        then: Callable[[str | None], None] | None = None,
    ) -> None:
        """Show an error with what to do about it."""
        from finn_tui.ui.dialogs.choose import show_error

        self.push_screen(show_error(error, answers), then)

    def confirm(
        self,
        title: str,
        facts: Sequence[tuple[str, str]],
        yes: str,
        pending: str,
        outlook: Coroutine[Any, Any, OutlookReady],
        then: Callable[[], None],
    ) -> None:
        """Ask before something expensive begins.

        Args:
            title: what is to be done.
            facts: what is known of it, as texts with their roles.
            yes: the word for doing it.
            pending: what ``outlook`` looks up.
            outlook: more facts, which come while the bar is shown.
            then: does it.
        """
        from finn_tui.ui.dialogs.confirm import Confirm

        def answered(answer: bool | None) -> None:
            self.stop(WorkKind.OUTLOOK)
            if answer:
                then()

        self.push_screen(Confirm(title, facts, yes, pending), answered)
        self.start(WorkKind.OUTLOOK, outlook)

    def outlook_failed(self, error: FinnTuiError) -> None:
        """More cannot be told of what is to be confirmed: the bar says so."""
        self.post_message(OutlookReady([(f"{error.what}: {error.why}", "warn")]))

    def close_working(self, kind: WorkKind) -> None:
        """Take the progress of ended work off the screen."""
        from finn_tui.ui.dialogs.working import Working

        self.state.aside.discard(kind)
        for screen in self.screen_stack:
            if isinstance(screen, Working) and screen.kind == kind:
                screen.dismiss(None)

    def keep_settings(self, **changes: Any) -> None:
        """Change settings of the workspace and write them; those alone, the rest of the file stays.

        A file that is broken or cannot be written costs that only: the app goes on with them.
        """
        workspace = self.lab.workspace
        self.look_at_settings()
        try:
            workspace.change_settings(**changes)
        except FinnTuiError as error:
            if set(changes) == {"model"} and workspace.problem is not None:
                return  # nobody asked for it, and the broken file is told of by itself
            names = ", ".join(changes)
            self.notify(
                f"{error.what}. {error.why}\n{error.fix}",
                title=f"{names}: for now only",
                severity="warning",
                timeout=10,
                markup=False,
            )
        self.settings_seen = workspace.settings

    def look_at_settings(self) -> None:
        """Take up settings that were changed by hand while the app is open, and say so."""
        workspace = self.lab.workspace
        settings, problem = workspace.settings, workspace.problem
        # What an editor is just writing is whole at the next look.
        if problem is not None and problem is self.settings_problem:
            self.show_settings_problem(problem)
        if settings != self.settings_seen:
            changed = [
                (name, getattr(settings, name))
                for name in settings.__struct_fields__
                if getattr(settings, name) != getattr(self.settings_seen, name)
                and name != "model"  # only read at the start
            ]
            if any(name == "to" for name, _ in changed) and not self.state.board.busy:
                self.state.board.machine = settings.to
            lines = [name if name == "boards" else f"{name} = {value}" for name, value in changed]
            if any(name in ("board", "clock_ns", "boards") for name, _ in changed):
                lines.append("board and clock apply to the next model that is opened")
            if lines:
                self.notify("\n".join(lines), title="finn-tui.toml has changed", markup=False)
            self.redraw()
        self.settings_seen, self.settings_problem = settings, problem

    def show_settings_problem(self, problem: FinnTuiError) -> None:
        """Say once what is wrong with finn-tui.toml."""
        if str(problem) != self._settings_told:
            self._settings_told = str(problem)
            self.show_error(problem)
