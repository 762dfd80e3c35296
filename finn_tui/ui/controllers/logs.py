"""Large logs: showing one, and searching it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.runs.folder import RunFolder
from finn_tui.ui.controllers.base import Controller
from finn_tui.ui.messages import WorkKind, WorkResult
from finn_tui.ui.state import RunView

if TYPE_CHECKING:
    from finn_tui.runs.logs.search import SearchBatch
    from finn_tui.runs.logs.search_worker import SearchHits
    from finn_tui.runs.logs.tail import LogFile

#: Seconds between looks at which logs a run has.
_LOOK = 1.0


@dataclass
class SearchAdvanced(WorkResult):
    """A search in a log is a step further."""

    kind = WorkKind.LOG_SEARCH
    hits: SearchHits
    progress: SearchBatch


@dataclass
class LogsListed(WorkResult):
    """The logs that a run has, with how large each is and when it was last written to."""

    kind = WorkKind.LOGS
    run: str
    logs: tuple[tuple[LogFile, int, float], ...]


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
            self.context.notify("There is no log so far", severity="warning", markup=False)
            return
        self.context.show_dialog(
            LogScreen(path, title, run, searching=searching, tree=tree, line=line)
        )

    def search(self, kind: WorkKind, path: Path, hits: SearchHits, start: int = 0) -> None:
        """Search a log in the background; another search of that kind ends."""
        self.context.start(kind, self._scan(path, hits, start))

    def search_advanced(self, message: SearchAdvanced) -> None:
        """A search is a step further."""
        from finn_tui.ui.logs.screen import LogScreen

        message.hits.add(message.progress)
        for screen in self.context.screen_stack:
            if isinstance(screen, LogScreen):
                screen.show_hits(message.hits)

    def logs_listed(self, message: LogsListed) -> None:
        """The logs that a run has."""
        from finn_tui.ui.logs.screen import LogScreen

        for screen in self.context.screen_stack:
            if isinstance(screen, LogScreen):
                screen.show_logs(message.run, message.logs)

    def list_logs(self, run: RunFolder) -> None:
        """List the logs of a run again and again, until ``stop_listing``."""
        self.context.start(WorkKind.LOGS, self._list(run))

    async def _scan(self, path: Path, hits: SearchHits, start: int) -> None:
        """Look for something in a log, and go on with what is appended."""
        from finn_tui.runs.logs.search_worker import scan

        async for progress in scan(path, hits.query, start):
            self.context.post_message(SearchAdvanced(hits, progress))

    async def _list(self, run: RunFolder) -> None:
        """Which logs a run has, again and again."""
        from finn_tui.runs.logs.tail import find_logs, measured

        while True:
            logs = await asyncio.to_thread(lambda: measured(find_logs(run)))
            self.context.post_message(LogsListed(run.id, logs))
            await asyncio.sleep(_LOOK)
