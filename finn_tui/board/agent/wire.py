"""The agent's end of the line: JSON events on standard output, and errors that explain."""

from __future__ import annotations

import base64
import io
import json
import os
import sys
import threading
import time
from typing import Any, Callable

# Bytes of values in one line.
_PIECE = 3 << 20


class Failure(Exception):
    """What went wrong, why, and what to do."""

    def __init__(self, what: str, why: str = "", fix: str = "", kind: str = "board") -> None:
        super().__init__(what)
        self.fields = {"what": what, "why": why, "fix": fix, "kind": kind, "detail": ""}


class Wire(io.TextIOBase):
    """Standard output for JSON lines only; whatever else prints becomes a log event.

    Attributes:
        on_line: also called with each line that the driver prints.
        last: when the last event was sent (``time.monotonic``).
        patience: seconds of silence after which the accelerator counts as stuck; None while
            nobody waits for it.
    """

    def __init__(self) -> None:
        sys.stdout.flush()
        self._file = os.fdopen(os.dup(1), "wb", buffering=0)
        # Prints from below Python go where they cannot break a line of ours.
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self._partial = ""
        self.on_line: Callable[[str], None] | None = None
        self.last = time.monotonic()
        self.patience: float | None = None
        sys.stdout = self

    def send(self, event: str, **data: Any) -> None:
        """Write one event."""
        line = json.dumps(dict(data, event=event)).encode("utf-8") + b"\n"
        with self._lock:
            self.last = time.monotonic()
            while line:
                line = line[self._file.write(line) :]

    def send_values(self, output: int, values: Any) -> None:
        """Write values of one output (an array), in lines of bounded length."""
        data = values.astype("<f4").tobytes()
        for start in range(0, len(data), _PIECE):
            piece = base64.b64encode(data[start : start + _PIECE]).decode("ascii")
            self.send("values", output=output, data=piece)

    def write(self, text: str) -> int:
        """What the driver prints, line by line."""
        lines = (self._partial + text).split("\n")
        self._partial = lines.pop()
        for line in lines:
            if line.strip():
                self.send("log", text=line[:4000])
                if self.on_line is not None:
                    self.on_line(line)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back but an unfinished line."""
