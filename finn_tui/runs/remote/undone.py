"""What could not be done for a run on its host: why, and when it is tried again."""

from __future__ import annotations

import time
from dataclasses import dataclass

from finn_tui.base.errors import FinnTuiError
from finn_tui.runs.documents import RunError
from finn_tui.runs.folder import RunFolder

#: Seconds between two attempts, as at a host that does not answer: the first time, and at most.
FIRST_RETRY_SECONDS = 1.0
MOST_RETRY_SECONDS = 60.0


@dataclass(frozen=True)
class _Failed:
    problem: RunError
    again_at: float
    wait: float


class UndoneWork:
    """The attempts to send, resume or cancel runs that have failed; each has its own pace.

    An upload that a full disk refuses reads a whole file for each attempt.
    """

    def __init__(self) -> None:
        """Begin without one."""
        self._failed: dict[RunFolder, _Failed] = {}

    def is_due(self, run: RunFolder) -> bool:
        """Return whether what is to be done for a run may be tried."""
        failed = self._failed.get(run)
        return failed is None or time.monotonic() >= failed.again_at

    def problem(self, run: RunFolder) -> RunError | None:
        """Return why the last attempt for a run has failed; None if it has not."""
        failed = self._failed.get(run)
        return failed.problem if failed is not None else None

    def attempted(self, run: RunFolder, error: FinnTuiError | None) -> None:
        """Keep how an attempt has ended.

        Args:
            run: for which it was.
            error: why it has failed; None if it has not.
        """
        before = self._failed.pop(run, None)
        if error is not None:
            wait = min(2 * before.wait, MOST_RETRY_SECONDS) if before else FIRST_RETRY_SECONDS
            self._failed[run] = _Failed(problem_of(error), time.monotonic() + wait, wait)


def problem_of(error: FinnTuiError) -> RunError:
    """Return an error as a run's placement keeps it."""
    return RunError(**error.as_dict())
