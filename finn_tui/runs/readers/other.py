"""What no reader knows: text is looked through for errors, the rest is only counted."""

from __future__ import annotations

from finn_tui.runs.readers.lines import LogReader
from finn_tui.runs.readers.parsed_file import Reading


class TextReader(LogReader):
    """Reads any text."""

    can_skip = True

    def _line(self, text: str) -> None:
        self._messages.take(text)

    def reading(self) -> Reading:
        """What has been found so far."""
        messages = self._messages
        return Reading(
            kind="text",
            lines=messages.line,
            messages=messages.own,
            muted=dict(messages.muted),
            evidence=messages.evidence,
        )


class BinaryReader:
    """Reads nothing; also for XML and other files that tell nothing about how a build went."""

    def __init__(self, kind: str = "binary") -> None:
        self._kind = kind

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""

    def finish(self) -> Reading:
        """Nothing more will come."""
        return self.reading()

    def reading(self) -> Reading:
        """What it is."""
        return Reading(kind=self._kind)
