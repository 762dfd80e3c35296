"""What no reader knows: files that tell nothing about how a build went."""

from __future__ import annotations

from finn_tui.runs.readers.parsed_file import ParsedFile


class BinaryReader:
    """Reads nothing; also for XML and other files that tell nothing about how a build went."""

    def __init__(self, kind: str = "binary", note: str | None = None) -> None:
        self._kind, self._note = kind, note

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""

    def finish(self) -> ParsedFile:
        """Nothing more will come."""
        return self.reading()

    def reading(self) -> ParsedFile:
        """What it is."""
        return ParsedFile(kind=self._kind, note=self._note)
