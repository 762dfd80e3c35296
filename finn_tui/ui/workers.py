"""Where all background work of the app starts, that of its screens too.

A coroutine returns its result as a message, and an error of any kind arrives as ``WorkFailed``;
none touches a widget.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from textual import on
from textual.app import App
from textual.worker import Worker, WorkerState

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress
from finn_tui.ui import crash
from finn_tui.ui.messages import (
    CONCURRENT,
    ProgressUpdated,
    WorkCancelled,
    WorkFailed,
    WorkKind,
    WorkResult,
)


@dataclass(frozen=True)
class WorkHandlers:
    """The handlers of the messages of one kind of work.

    Attributes:
        results: by the type of the result.
        progress: with each step; None shows none.
        failed: with the error; None shows it as a notice.
        cancelled: when no other work of the kind has taken its place.
    """

    results: Mapping[type[WorkResult], Callable[[Any], None]] = field(default_factory=dict)
    progress: Callable[[Progress], None] | None = None
    failed: Callable[[FinnTuiError], None] | None = None
    cancelled: Callable[[], None] | None = None


class Workers(App[int]):
    """Starts and stops background work, and hands its messages to whoever handles them."""

    work_table: Mapping[WorkKind, WorkHandlers]

    def __init__(self) -> None:
        super().__init__()
        self._coroutines: dict[Worker[Any], Coroutine[Any, Any, Any]] = {}

    def start(
        self, kind: WorkKind, work: Coroutine[Any, Any, WorkResult | None]
    ) -> Worker[WorkResult | None]:
        """Start work in the background.

        Args:
            kind: other work of it is cancelled, except where ``CONCURRENT`` names the kind.
            work: its result is posted to the app; so are its error and its cancellation.

        Returns:
            The worker; it gives None after an error.
        """
        guarded: Callable[[], Coroutine[None, None, WorkResult | None]]
        guarded = partial(self._guard, kind, work)
        worker: Worker[WorkResult | None] = self.run_worker(
            guarded,
            group=kind,
            exclusive=kind not in CONCURRENT,
            exit_on_error=False,
        )
        self._coroutines[worker] = work
        self._close_unstarted()
        return worker

    def stop(self, *kinds: WorkKind) -> None:
        """Cancel the work of some kinds."""
        for kind in kinds:
            self.workers.cancel_group(self, kind)
        self._close_unstarted()

    def _close_unstarted(self) -> None:
        """Close coroutines whose worker was cancelled before it started."""
        for worker, work in list(self._coroutines.items()):
            if worker.is_cancelled and inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
                work.close()
                del self._coroutines[worker]

    async def _guard(
        self, kind: WorkKind, work: Coroutine[Any, Any, WorkResult | None]
    ) -> WorkResult | None:
        try:
            result = await work
        except FinnTuiError as error:
            self.post_message(WorkFailed(kind, error))
            return None
        except Exception as error:
            # The boundary of all background work: what arrives here is a defect of finn-tui. It
            # is recorded and shown, and the app goes on.
            self.post_message(WorkFailed(kind, crash.explain(error, f"worker {kind}")))
            return None
        if result is not None:
            self.post_message(result)
        return result

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Report cancelled work unless other work of its kind replaced it."""
        worker, kind = event.worker, event.worker.group
        if not worker.is_finished or not isinstance(kind, WorkKind):
            return
        self._coroutines.pop(worker, None)
        replaced = any(
            other.group == kind and not (other.is_finished or other.is_cancelled)
            for other in self.workers
        )
        if event.state == WorkerState.CANCELLED and not replaced:
            self.post_message(WorkCancelled(kind))

    def progress_of(self, kind: WorkKind) -> OnProgress:
        """Return a callback that posts the progress of some work."""

        def report(progress: Progress) -> None:
            self.post_message(ProgressUpdated(kind, progress))

        return report

    def show_error(self, error: FinnTuiError) -> None:
        """Show an error and what to do about it."""
        raise NotImplementedError

    # What comes of it

    @on(WorkResult)
    def _take_result(self, message: WorkResult) -> None:
        self.work_table[message.kind].results[type(message)](message)

    @on(ProgressUpdated)
    def _take_progress(self, message: ProgressUpdated) -> None:
        handler = self.work_table[message.kind].progress
        if handler is not None:
            handler(message.progress)

    @on(WorkFailed)
    def _take_failure(self, message: WorkFailed) -> None:
        handler = self.work_table[message.kind].failed
        (handler or self.show_error)(message.error)

    @on(WorkCancelled)
    def _take_cancellation(self, message: WorkCancelled) -> None:
        handler = self.work_table[message.kind].cancelled
        if handler is not None:
            handler()
