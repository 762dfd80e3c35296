"""``report_timing_summary`` and ``report_route_status``: whether a design meets its clock."""

from __future__ import annotations

import re
from dataclasses import dataclass

from finn_tui.runs.readers.parsed_file import ParsedFile
from finn_tui.runs.readers.report import ReportReader
from finn_tui.runs.readers.utilization import number

_ROUTE = re.compile(r" *# of (.+?)\.* : +(\d{1,12}) :")
_CLOCK = re.compile(
    r" *(\S+) +\{[\d. ]+\} +(\d{1,12}(?:\.\d{1,12})?) +(\d{1,12}(?:\.\d{1,12})?) *$"
)
_SECTION = re.compile(r"\| (\w[\w ]*?) *$")
_INTRA = re.compile(r" *(\S+) +(-?\d{1,12}\.\d{1,12}) +-?\d")
_SLACK = re.compile(r"Slack(?: \(\w+\))? : +(-?\d{1,12}(?:\.\d{1,12})?)ns")
_REQUIRED = re.compile(r" +Requirement: +(\d{1,12}(?:\.\d{1,12})?)ns +\((\S+) ")


@dataclass(frozen=True, slots=True)
class TimingSummary:
    """The design's slacks in ns and how many paths fail.

    ``met`` is the report's verdict, None if it was cut off; ``clocks`` the periods by clock,
    generated ones included; ``worst_clock`` the clock of the path with the least slack.
    """

    wns: float | None = None
    tns: float | None = None
    whs: float | None = None
    ths: float | None = None
    failing: int | None = None
    endpoints: int | None = None
    met: bool | None = None
    clocks: tuple[tuple[str, float], ...] = ()
    worst_clock: str | None = None

    @property
    def period(self) -> float | None:
        """The period in ns of the clock that the worst path has to meet; None if not told."""
        periods = dict(self.clocks)
        if self.worst_clock in periods:
            return periods[self.worst_clock]
        return min(periods.values(), default=None) if len(periods) == 1 else None


@dataclass(frozen=True, slots=True)
class RouteStatus:
    """Nets of a design, and how many are not right: ``errors`` is 0 for a routed one."""

    nets: int | None = None
    routable: int | None = None
    routed: int | None = None
    errors: int | None = None


class TimingReader(ReportReader):
    """Reads a timing summary; only its first pages are of interest."""

    kind = "timing-summary"

    def __init__(self) -> None:
        super().__init__()
        self._expect = 0
        self._row: list[float | None] = []
        self._met: bool | None = None
        self._clocks: dict[str, float] = {}
        self._section = ""
        # Least slack and its clock, by the tables and by the paths in detail.
        self._by_clock: tuple[float, str] | None = None
        self._by_path: tuple[float, str] | None = None
        self._slack: float | None = None

    def _body(self, text: str) -> None:
        if self._expect:
            self._expect -= 1
            if self._expect == 0:
                self._row = [number(cell) for cell in text.split()[:12]]
        elif not self._row and text.lstrip().startswith("WNS(ns)") and "TPWS" in text:
            self._expect = 2
        elif self._met is None and text.startswith("All user specified timing constraints are met"):
            self._met = True
        elif self._met is None and text.startswith("Timing constraints are not met"):
            self._met = False
        elif len(self._clocks) < 200 and "{" in text and (clock := _CLOCK.match(text)):
            self._clocks[clock.group(1)] = float(clock.group(2))
        elif text[:1] == "|" and (section := _SECTION.match(text)):
            self._section = section.group(1)
        elif self._section == "Intra Clock Table" and (row := _INTRA.match(text)):
            slack = float(row.group(2))
            if row.group(1) in self._clocks and (not self._by_clock or slack < self._by_clock[0]):
                self._by_clock = slack, row.group(1)
        elif text[:5] == "Slack" and (slack_ := _SLACK.match(text)):
            self._slack = float(slack_.group(1))
        elif self._slack is not None and "Requirement:" in text:
            self._on_requirement(text, self._slack)

    def _on_requirement(self, text: str, slack: float) -> None:
        """A path in detail; those of hold have a requirement of 0 ns."""
        self._slack = None
        needed = _REQUIRED.match(text)
        if needed is None or float(needed.group(1)) <= 0 or needed.group(2) not in self._clocks:
            return
        # The clock that captures stands first: "(clk_b rise@10ns - clk_a rise@0ns)".
        if not self._by_path or slack < self._by_path[0]:
            self._by_path = slack, needed.group(2)

    def _worst(self, wns: float | None) -> str | None:
        """The clock whose slack is the design's, by whichever part of the report tells it."""
        for match in (self._by_path, self._by_clock):
            if match is not None and (wns is None or abs(match[0] - wns) < 0.0015):
                return match[1]
        return None

    def result(self) -> ParsedFile:
        """Slacks, and whether the design meets its clock."""
        row = [*self._row, *[None] * 12][:12]
        met = self._met
        if met is None and row[0] is not None and row[4] is not None:
            met = row[0] >= 0 and row[4] >= 0
        outcome = {True: "succeeded", False: "failed", None: "incomplete"}[met]
        data = TimingSummary(
            row[0],
            row[1],
            row[4],
            row[5],
            None if row[2] is None else int(row[2]),
            None if row[3] is None else int(row[3]),
            met,
            tuple(self._clocks.items()),
            self._worst(row[0]),
        )
        return ParsedFile(self.kind, wns=row[0], tns=row[1], whs=row[4], outcome=outcome, data=data)


class RouteStatusReader(ReportReader):
    """Reads a route status."""

    kind = "route-status"

    def __init__(self) -> None:
        super().__init__()
        self._nets: dict[str, int] = {}

    def _body(self, text: str) -> None:
        if len(self._nets) < 100 and (match := _ROUTE.match(text)):
            self._nets[match.group(1)] = int(match.group(2))

    def result(self) -> ParsedFile:
        """How many nets are routed."""
        nets = self._nets
        errors = nets.get("nets with routing errors")
        outcome = "incomplete" if errors is None else "failed" if errors else "succeeded"
        data = RouteStatus(
            nets.get("logical nets"),
            nets.get("routable nets"),
            nets.get("fully routed nets"),
            errors,
        )
        return ParsedFile(self.kind, outcome=outcome, data=data)
