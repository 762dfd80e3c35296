"""Work for runs that goes on beside what must not wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from finn_tui.runs.folder import RunFolder


class Beside:
    """One kind of work, at most once at a time; to be used as a context manager."""

    def __init__(self, work: Callable[[Sequence[RunFolder]], Coroutine[Any, Any, None]]) -> None:
        """Begin nothing yet; ``work`` does all that is to be done for runs at that time."""
        self._work = work
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Beside:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def go_on(self, runs: Sequence[RunFolder], seconds: float) -> None:
        """Begin the work unless it goes on, and wait a moment for its end.

        Args:
            runs: for which it is begun.
            seconds: that are waited at most.

        Raises:
            FinnTuiError: what it has ended with.
        """
        if self._task is None:
            self._task = asyncio.create_task(self._work(runs))
        await asyncio.wait({self._task}, timeout=seconds)
        if self._task.done():
            finished, self._task = self._task, None
            finished.result()
