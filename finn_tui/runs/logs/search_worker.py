"""The app's end of a scan: the process that searches, and what it has found so far."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator
from pathlib import Path

from finn_tui.base import subprocesses
from finn_tui.base.errors import FinnTuiError
from finn_tui.runs.logs.search import BLOCK_SECONDS, MOST, Query, SearchBatch


class SearchHits:
    """Where a query was found, in the order of the file; one offset for each line."""

    def __init__(self, query: Query, start: int = 0) -> None:
        """Nothing so far; a scan that begins at ``start`` goes round and ends there."""
        self.query = query
        self.done = 0
        self.whole = False
        self._start = start
        self._later = array("Q")
        self._earlier = array("Q")

    def add(self, batch: SearchBatch) -> None:
        """Take in what a step of the scan has found."""
        self.done, self.whole = batch.done, batch.whole
        for offset in batch.offsets:
            (self._later if offset >= self._start else self._earlier).append(offset)

    def __len__(self) -> int:
        return len(self._earlier) + len(self._later)

    def __getitem__(self, index: int) -> int:
        first = len(self._earlier)
        return self._earlier[index] if index < first else self._later[index - first]

    @property
    def full(self) -> bool:
        """Whether the search ended because it found too much."""
        return len(self) >= MOST

    def index(self, at: int) -> int:
        """The first hit at an offset or behind it; ``len`` if there is none."""
        if at < self._start:
            return bisect_left(self._earlier, at)
        return len(self._earlier) + bisect_left(self._later, at)


async def scan(path: Path, query: Query, start: int = 0) -> AsyncIterator[SearchBatch]:
    """Look through a file and go on with what is appended, until the caller has enough.

    The process ends when the caller stops iterating, and with us in any case.

    Raises:
        FinnTuiError: the file cannot be read, or an expression takes for ever.
    """
    asked = {"path": str(path), "query": vars(query), "start": start}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "finn_tui.runs.logs.search",
        json.dumps(asked),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # A block of lines that all match.
        limit=1 << 25,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        while line := await process.stdout.readline():
            message = json.loads(line)
            yield SearchBatch(tuple(message["offsets"]), message["done"], message["whole"])
        code = await process.wait()
        if code == -signal.SIGALRM:
            raise FinnTuiError(
                f"the search for {query.text} was ended",
                f"It spent {BLOCK_SECONDS} s on one megabyte.",
                "Repetitions inside repetitions, such as (a+)+, take for ever; write it simpler.",
            )
        if code:
            errors = (await process.stderr.read()).decode("utf-8", "replace").strip()
            why = errors.splitlines()[-1] if errors else f"It ended with {code}."
            raise FinnTuiError(
                f"{path.name} cannot be searched", why, "Look whether it is still there."
            )
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        # Reaped here, or it stays as a zombie; it is dead, so that this does not wait.
        with contextlib.suppress(asyncio.CancelledError):
            await subprocesses.end(process)
