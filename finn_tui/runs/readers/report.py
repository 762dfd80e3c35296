"""Vivado's reports (``.rpt``): their common head, and those of which no more is read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from finn_tui.runs.readers.lines import LogReader
from finn_tui.runs.readers.parsed_file import ParsedFile
from finn_tui.runs.readers.times import epoch

#: No table is wider; what is, is no report, and must not take long to see through.
_WIDEST = 2000
_HEAD = re.compile(
    r"\| (Tool Version|Date|Command|Design|Device|Design State) *: *(.*?)(?: on host .*)?$"
)
_VERSION = re.compile(r"(\w+) v\.?(\d{4}\.\d{1,12}(?:\.\d{1,12})?)")
_VIOLATION = re.compile(r"\| ([A-Z][A-Z0-9_]*-\d+) +\| (\w[\w ]*?) +\| .*? +\| (\d{1,9}) +\|$")
_POWER = re.compile(r"\| Total On-Chip Power \(W\) +\| (\d{1,12}(?:\.\d{1,12})?) ")


@dataclass(frozen=True, slots=True)
class Violations:
    """A DRC or methodology report: severity and number by rule; ``watts`` of a power report."""

    rules: dict[str, tuple[str, int]] = field(default_factory=dict)
    watts: float | None = None


class ReportReader(LogReader):
    """Reads a report's head; ``_body`` reads the rest.

    A report is whole when its tables began; Vivado writes it in one go.
    """

    kind = "report"

    def __init__(self) -> None:
        super().__init__()
        self.head: dict[str, str] = {}
        self._rules: dict[str, tuple[str, int]] = {}
        self._watts: float | None = None

    def _line(self, text: str) -> None:
        self._messages.take(text)
        text = text[:_WIDEST]
        if len(self.head) < 6 and text[:1] == "|" and (head := _HEAD.match(text)):
            self.head[head.group(1)] = head.group(2).strip()
        self._body(text)

    def _body(self, text: str) -> None:
        if text[:1] != "|":
            if " over-utilized in " in text and not text.startswith(("ERROR", "WARNING")):
                self._messages.point("over-utilization", text)
            return
        if len(self._rules) < 1000 and (match := _VIOLATION.match(text)):
            self._rules[match.group(1)] = (match.group(2), int(match.group(3)))
        elif power := _POWER.match(text):
            self._watts = float(power.group(1))

    @property
    def whole(self) -> bool:
        """Whether the report says what it is for."""
        return "Design" in self.head

    def result(self) -> ParsedFile:
        """What ``data``, timing and outcome are; overridden by each kind of report."""
        kind = self.head.get("Command", "").split(" ")[0].removeprefix("report_") or self.kind
        failed = any(severity == "Error" for severity, _ in self._rules.values())
        outcome = "failed" if failed else "succeeded" if self.whole else "incomplete"
        data = Violations(dict(self._rules), self._watts)
        return ParsedFile(kind.replace("_", "-"), outcome=outcome, data=data)

    def reading(self) -> ParsedFile:
        """Return what was read so far."""
        version = _VERSION.search(self.head.get("Tool Version", ""))
        parsed = self.result()
        return ParsedFile(
            kind=parsed.kind,
            tool=version.group(1) if version else None,
            version=version.group(2) if version else None,
            lines=self._messages.line,
            sessions=1 if self.whole else 0,
            wns=parsed.wns,
            tns=parsed.tns,
            whs=parsed.whs,
            messages=self._messages.own,
            evidence=self._messages.evidence,
            outcome=parsed.outcome,
            ended=epoch(self.head.get("Date", "")),
            data=parsed.data,
        )
