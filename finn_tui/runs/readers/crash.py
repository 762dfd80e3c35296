"""Crash files, ``hs_err_pid*.log``: from Vivado's own handler or from its Java machine."""

from __future__ import annotations

import re
from dataclasses import dataclass

from finn_tui.runs.readers.lines import LogReader
from finn_tui.runs.readers.parsed_file import ParsedFile
from finn_tui.runs.readers.times import epoch

_SIGNAL = re.compile(r"# +(.+?) \((0x[0-9a-f]+)\) at pc=|# +(\w+) +.*?pid=\d+")
_TIME = re.compile(
    r"(?:Time: |# Created on: |# Start of session at: )(\w{3} \w{3} +\d+ [\d:]{8} \d{4})"
)
_FRAME = re.compile(r"# (C|V|J|j) +(.+)$")


@dataclass(frozen=True, slots=True)
class Crash:
    """What happened: the fault's name, the function or library it happened in, how it was run."""

    fault: str | None = None
    where: str | None = None
    command: str | None = None


class CrashReader(LogReader):
    """Reads a crash file; whoever has one has crashed."""

    def __init__(self) -> None:
        super().__init__()
        self._fault: str | None = None
        self._where: str | None = None
        self._command: str | None = None
        self._ended: float | None = None
        self._frame_next = False

    def _line(self, text: str) -> None:
        self._messages.take(text)
        if self._messages.line == 1:
            self._messages.point("crash", text)
        if self._fault is None and (match := _SIGNAL.match(text)):
            self._fault = match.group(1) or match.group(3)
            self._messages.point("crash", text)
        elif text.startswith("# Problematic frame"):
            self._frame_next = True
        elif self._frame_next and text.startswith("# "):
            self._where, self._frame_next = text[2:].strip()[:200], False
        elif self._command is None and text.startswith("Command Line:"):
            self._command = text.partition(":")[2].strip()[:300]
        if self._ended is None and (time := _TIME.match(text)):
            self._ended = epoch(time.group(1))

    def reading(self) -> ParsedFile:
        """Return what was read so far."""
        return ParsedFile(
            kind="crash",
            tool="Vivado",
            lines=self._messages.line,
            evidence=self._messages.evidence[-1:],
            outcome="failed",
            ended=self._ended,
            data=Crash(self._fault, self._where, self._command),
        )
