"""The app's part that shows logs large and searches them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.messages import LogsListed, SearchAdvanced, WorkKind
from finn_tui.ui.state import RunView

if TYPE_CHECKING:
    from finn_tui.runs.logs.search_worker import Hits


class LogController(Controller):
    """Logs."""

    def open_log(
        self,
        path: Path | None,
        title: str,
        run: RunView | None = None,
        *,
        searching: bool = False,
        tree: bool = False,
        line: int | None = None,
    ) -> None:
        """Show a log large.

        Args:
            run: whose other logs stand beside it.
            searching: begin with what to search for; tree: with the list of logs.
            line: the number of the line that matters.
        """
        from finn_tui.ui.logs.screen import LogScreen

        if path is None:
            self.notify("There is no log so far", severity="warning", markup=False)
            return
        self.push_screen(LogScreen(path, title, run, searching=searching, tree=tree, line=line))

    def begin_scan(self, kind: WorkKind, path: Path, hits: Hits, start: int = 0) -> None:
        """Search a log in the background; another search of that kind ends."""
        self.start(kind, self.scan_log(path, hits, start))

    def log_found(self, message: SearchAdvanced) -> None:
        """A search is a step further."""
        from finn_tui.ui.logs.screen import LogScreen

        message.hits.add(message.found)
        for screen in self.screen_stack:
            if isinstance(screen, LogScreen):
                screen.found(message.hits)

    def logs_listed(self, message: LogsListed) -> None:
        """The logs that a run has."""
        from finn_tui.ui.logs.screen import LogScreen

        for screen in self.screen_stack:
            if isinstance(screen, LogScreen):
                screen.listed(message.run, message.logs)
