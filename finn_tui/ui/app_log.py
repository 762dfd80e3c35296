"""A log that the app itself writes, in a file so that every viewer of logs can show it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO


class AppLog:
    """A log in a temporary file that is removed with the app."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        #: The file; None while the log is empty.
        self.path: Path | None = None

    @property
    def lines(self) -> list[str]:
        """Return the lines that were added."""
        path = self.path
        return path.read_text(encoding="utf-8").splitlines() if path is not None else []

    def add(self, lines: Iterable[str]) -> None:
        """Append lines; ignores a full disk."""
        with contextlib.suppress(OSError):
            if self._file is None:
                self._file = tempfile.NamedTemporaryFile(prefix="finn-tui-", suffix=".log")  # noqa: SIM115
                self.path = Path(self._file.name)
            for line in lines:
                self._file.write(line.encode("utf-8", "replace") + b"\n")
            self._file.flush()

    def clear(self) -> None:
        """Remove all lines."""
        if self._file is not None:
            self._file.close()
        self._file, self.path = None, None
