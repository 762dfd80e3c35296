"""The settings of the workspace: changing them, and changes made by hand meanwhile."""

from __future__ import annotations

from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.ui.actions.keymap import key_name, keys_of
from finn_tui.ui.actions.table import BY_ID
from finn_tui.ui.context import AppContext
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.state import Topic


class SettingsController(Controller):
    """The settings and what is wrong with their file."""

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._seen = context.lab.workspace.settings
        self._problem: FinnTuiError | None = None
        self._shown_problem = ""
        #: The clock period (ns) that somebody else chose for the workspace, once that was said.
        self._clock_elsewhere: float | None = None

    def change(self, **changes: Any) -> None:
        """Change settings of the workspace and write them; those alone, the rest of the file stays.

        A file that is broken or cannot be written costs that only: the app goes on with them.
        """
        workspace = self.lab.workspace
        self.look()
        try:
            workspace.change_settings(**changes)
        except FinnTuiError as error:
            if set(changes) == {"model"} and workspace.problem is not None:
                return  # nobody asked for it, and the broken file is told of by itself
            names = ", ".join(changes)
            self.context.notify(
                f"{error.what}. {error.why}\n{error.fix}",
                title=f"{names}: for now only",
                severity="warning",
                timeout=10,
                markup=False,
            )
        self._seen = workspace.settings

    def look(self) -> None:
        """Reload settings that were edited by hand while the app is open, and say so."""
        workspace = self.lab.workspace
        self._keep_clock()
        settings, problem = workspace.settings, workspace.problem
        # What an editor is just writing is whole at the next look.
        if problem is not None and problem is self._problem:
            self.show_problem(problem)
        if settings != self._seen:
            changed = [
                (name, getattr(settings, name))
                for name in settings.__struct_fields__
                if getattr(settings, name) != getattr(self._seen, name)
                and name != "model"  # only read at the start
            ]
            if any(name == "to" for name, _ in changed) and not self.state.board.busy:
                self.state.board.machine = settings.to
            lines = [name if name == "boards" else f"{name} = {value}" for name, value in changed]
            if any(name == "notify" for name, _ in changed):
                self.ask_about_notify()
            if any(name in ("board", "clock_ns", "boards") for name, _ in changed):
                lines.append("board and clock apply to the next model that is opened")
            if lines:
                self.context.notify(
                    "\n".join(lines), title="finn-tui.toml has changed", markup=False
                )
            self.state.publish(Topic.SETTINGS)
        self._seen, self._problem = settings, problem

    def _keep_clock(self) -> None:
        """Go on with the own clock when another app or an editor changes the workspace's; say so.

        What is estimated, solved and built must not change without the user of this app.
        """
        workspace, own = self.lab.workspace, self._seen.clock_ns
        clock = workspace.written.clock_ns
        if clock == own:
            self._clock_elsewhere = None
        elif clock != self._clock_elsewhere:
            self._clock_elsewhere = clock
            workspace.keep(clock_ns=own)
            keys = keys_of(BY_ID["tune.clock"], self.state.keymap)
            ways = f"press {key_name(keys[0])} in Tune" if keys else "choose Clock in Tune"
            self.context.notify(
                f"clock of this workspace is now {clock:g} ns (changed elsewhere)\n"
                f"this app keeps {own:g} ns; {ways} to take it",
                title="finn-tui.toml has changed",
                markup=False,
            )

    def ask_about_notify(self) -> None:
        """Ask whether the workspace's ``notify`` may run, unless that was answered before.

        It may come from somebody else, and runs with the user's rights.
        """
        from finn_tui.ui.dialogs.choose import Notice

        workspace = self.lab.workspace
        command = workspace.settings.notify
        if not command or workspace.agreed_notify() or workspace.declined_notify():
            return

        def answered(answer: str | None) -> None:
            try:
                if answer == "r":
                    workspace.agree_to_notify(command)
                elif answer == "n":
                    workspace.agree_to_notify(command, declined=True)
            except FinnTuiError as error:
                self.context.show_error(error)

        paragraphs = [
            (command, "strong"),
            (
                f"{workspace.root / 'finn-tui.toml'} has this as notify. It runs with your rights; "
                "whoever wrote the file chose it. Until you agree it is not started.",
                "",
            ),
        ]
        ways = (("r", "run it from now on"), ("n", "never run it"))
        self.context.show_dialog(
            Notice("Start this command when a build has ended?", paragraphs, ways), answered
        )

    def show_problem(self, problem: FinnTuiError) -> None:
        """Show once what is wrong with finn-tui.toml."""
        if str(problem) != self._shown_problem:
            self._shown_problem = str(problem)
            self.context.show_error(problem)
