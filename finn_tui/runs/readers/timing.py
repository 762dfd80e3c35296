"""``report_timing_summary`` and ``report_route_status``: whether a design meets its clock."""

from __future__ import annotations

import re
from dataclasses import dataclass

from finn_tui.runs.readers.parsed_file import Reading
from finn_tui.runs.readers.report import ReportReader
from finn_tui.runs.readers.utilization import number

_ROUTE = re.compile(r" *# of (.+?)\.* : +(\d{1,12}) :")
_CLOCK = re.compile(r"(\S+) +\{[\d. ]+\} +(\d{1,12}(?:\.\d{1,12})?) +(\d{1,12}(?:\.\d{1,12})?) *$")


@dataclass(frozen=True, slots=True)
class TimingSummary:
    """The design's slacks in ns and how many paths fail.

    ``met`` is the report's verdict, None if it was cut off; ``clocks`` the periods by clock.
    """

    wns: float | None = None
    tns: float | None = None
    whs: float | None = None
    ths: float | None = None
    failing: int | None = None
    endpoints: int | None = None
    met: bool | None = None
    clocks: tuple[tuple[str, float], ...] = ()


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

    def result(self) -> Reading:
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
        )
        return Reading(self.kind, wns=row[0], tns=row[1], whs=row[4], outcome=outcome, data=data)


class RouteStatusReader(ReportReader):
    """Reads a route status."""

    kind = "route-status"

    def __init__(self) -> None:
        super().__init__()
        self._nets: dict[str, int] = {}

    def _body(self, text: str) -> None:
        if len(self._nets) < 100 and (found := _ROUTE.match(text)):
            self._nets[found.group(1)] = int(found.group(2))

    def result(self) -> Reading:
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
        return Reading(self.kind, outcome=outcome, data=data)
