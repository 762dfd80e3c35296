"""The log viewer: opening a log, and searching it."""

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
    """A search in a log has progressed."""

    kind = WorkKind.LOG_SEARCH
    hits: SearchHits
    progress: SearchBatch


@dataclass
class LogsListed(WorkResult):
    """The logs of a run, each with its size and time of last change."""

    kind = WorkKind.LOGS
    run: str
    logs: tuple[tuple[LogFile, int, float], ...]


class LogController(Controller):
    """Opens, lists and searches logs."""

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
            self.context.notify("There is no log yet", severity="warning", markup=False)
            return
        self.context.show_dialog(
            LogScreen(path, title, run, searching=searching, tree=tree, line=line)
        )

    def search(self, kind: WorkKind, path: Path, hits: SearchHits, start: int = 0) -> None:
        """Search a log in the background; ends another search of that kind.

        Args:
            kind: of work.
            path: the log.
            hits: collects the lines.
            start: offset in bytes where it starts.
        """
        self.context.start(kind, self._scan(path, hits, start))

    def search_advanced(self, message: SearchAdvanced) -> None:
        """Add new hits and show them."""
        from finn_tui.ui.logs.screen import LogScreen

        message.hits.add(message.progress)
        for screen in self.context.screen_stack:
            if isinstance(screen, LogScreen):
                screen.show_hits(message.hits)

    def logs_listed(self, message: LogsListed) -> None:
        """Show the logs of a run."""
        from finn_tui.ui.logs.screen import LogScreen

        for screen in self.context.screen_stack:
            if isinstance(screen, LogScreen):
                screen.show_logs(message.run, message.logs)

    def list_logs(self, run: RunFolder) -> None:
        """List the logs of a run repeatedly."""
        self.context.start(WorkKind.LOGS, self._list(run))

    async def _scan(self, path: Path, hits: SearchHits, start: int) -> None:
        """Search a log, and go on with what is appended."""
        from finn_tui.runs.logs.search_worker import scan

        async for progress in scan(path, hits.query, start):
            self.context.post_message(SearchAdvanced(hits, progress))

    async def _list(self, run: RunFolder) -> None:
        """Post the logs of a run repeatedly."""
        from finn_tui.runs.logs.tail import find_logs, measured

        while True:
            logs = await asyncio.to_thread(lambda: measured(find_logs(run)))
            self.context.post_message(LogsListed(run.id, logs))
            await asyncio.sleep(_LOOK)
