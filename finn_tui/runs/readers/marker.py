"""Marker files (``.place_design.begin.rst``): the exact and cheapest sign of where a run is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from finn_tui.runs.readers.parsed_file import ParsedFile

_NAME = re.compile(r"\.(\w+)\.(begin|end|error|queue|stop)\.rst$")
_PROCESS = re.compile(rb'<Process Command="([^"]*)" Owner="[^"]*" Host="([^"]*)" Pid="(\d{1,10})"')
COMPLETE = "__synthesis_is_complete__"
_MOST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Marker:
    """A stage of a run and what happened to it: begin, end, error, queue, complete.

    ``host`` and ``pid`` are those of the process that began it, as its container numbers them.
    """

    stage: str
    event: str
    host: str | None = None
    pid: int | None = None


def parse_name(name: str) -> tuple[str, str] | None:
    """Stage and event of a marker file by its name; None if it is none."""
    if name == COMPLETE:
        return "synthesis", "complete"
    match = _NAME.match(name)
    return (match.group(1), match.group(2)) if match else None


class MarkerReader:
    """Reads a marker."""

    def __init__(self, name: str) -> None:
        self._stage, self._event = parse_name(name) or ("", "")
        self._data = b""

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""
        self._data = (self._data + data)[:_MOST]

    def finish(self) -> ParsedFile:
        """Nothing more will come."""
        return self.reading()

    def reading(self) -> ParsedFile:
        """Return what was read so far."""
        process = _PROCESS.search(self._data)
        host = process.group(2).decode("utf-8", "replace") if process else None
        pid = int(process.group(3)) if process else None
        # A beginning says nothing alone; what followed is another file.
        outcome = {"end": "succeeded", "complete": "succeeded", "error": "failed"}.get(self._event)
        return ParsedFile(
            "marker", outcome=outcome, data=Marker(self._stage, self._event, host, pid)
        )
