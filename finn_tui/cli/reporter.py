"""Progress of commands on stderr: one live bar on a terminal, lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from finn_tui.base.text import one_line
from finn_tui.cli.terminal import echo

if TYPE_CHECKING:
    from types import TracebackType

    from finn_tui.base.progress import Progress
    from finn_tui.hosts.ssh.questions import Ask


class Reporter:
    """Progress on stderr: one live bar on a terminal, a line for each step elsewhere.

    While it is in use, logins to hosts ask on the terminal.
    """

    def __init__(self) -> None:
        self._asked_before: Ask | None = None
        self._live: Any = None
        self._task: Any = None
        self._stage = ""
        self._last = ""
        self._at = 0.0

    def __enter__(self) -> Self:
        from finn_tui.cli.questions import asker
        from finn_tui.hosts.shared import ask_with

        self._asked_before = ask_with(asker(self))
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bars

            self._live = Bars(
                TextColumn("{task.fields[stage]:>10}"),
                BarColumn(20),
                TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        from finn_tui.hosts.shared import ask_with

        ask_with(self._asked_before)
        self.close()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Take the bar away while the block asks something on the terminal."""
        if self._live is not None:
            self._live.stop()
        try:
            yield
        finally:
            if self._live is not None:
                self._live.start()

    def close(self) -> None:
        """Take the bar away: the terminal is somebody else's from now on."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __call__(self, progress: Progress) -> None:
        message = one_line(progress.message)
        if self._live is None:
            # Where nobody watches live, fast counters would only fill the log.
            time_now = time.monotonic()
            new_stage = progress.stage != self._stage
            if message != self._last and (new_stage or time_now - self._at > 0.5):
                echo(f"{progress.stage:>10}  {message}", err=True)
                self._at = time_now
            self._stage, self._last = progress.stage, message
            return
        if self._task is None or progress.stage != self._stage:
            if self._task is not None:
                self._live.remove_task(self._task)
            self._task = self._live.add_task(message, total=1.0, stage=progress.stage)
            self._stage = progress.stage
        self._live.update(
            self._task,
            description=message,
            completed=progress.fraction or 0.0,
            total=None if progress.fraction is None else 1.0,
        )

    def say(self, text: str) -> None:
        """Print a line that stays."""
        if self._live is not None:
            self._live.console.print(one_line(text), markup=False, highlight=False)
        else:
            echo(one_line(text), err=True)
