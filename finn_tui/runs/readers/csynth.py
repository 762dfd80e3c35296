"""HLS's report of a layer: latency, interval, resources, from ``_csynth.rpt`` or ``.xml``.

The two differ: in 2020.1 the DSP row is ``DSP48E``, and an XML's interval is the table's plus one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from finn_tui.runs.readers.lines import LogReader
from finn_tui.runs.readers.parsed_file import Evidence, ParsedFile
from finn_tui.runs.readers.utilization import number
from finn_tui.runs.readers.xml import XmlReader

_TITLE = re.compile(r"== (?:Vivado|Vitis) HLS Report for '(.+)'")
_VERSION = re.compile(r"\* Version: +(\d{4}\.\d{1,12}(?:\.\d{1,12})?)")
_RESOURCES = ("BRAM_18K", "DSP", "FF", "LUT", "URAM")


@dataclass(frozen=True, slots=True)
class Csynth:
    """A layer as HLS sees it.

    Attributes:
        top: its name; part: as HLS writes it.
        latency_min, latency_max, interval_min, interval_max: cycles, None for unknown.
        clock_ns, estimated_ns: the period asked for and the one expected.
        resources, available: by FINN's names.
    """

    top: str | None = None
    part: str | None = None
    latency_min: int | None = None
    latency_max: int | None = None
    interval_min: int | None = None
    interval_max: int | None = None
    clock_ns: float | None = None
    estimated_ns: float | None = None
    resources: dict[str, int] = field(default_factory=dict)
    available: dict[str, int] = field(default_factory=dict)


def _over(data: Csynth) -> tuple[Evidence, ...]:
    """What a layer needs, by HLS's estimate, and the part does not have."""
    return tuple(
        Evidence(
            "over-utilization",
            0,
            f"{name} over-utilized by HLS's estimate: {amount} required, "
            f"{data.available[name]} available",
        )
        for name, amount in data.resources.items()
        if amount > data.available.get(name, amount)
    )


def _outcome(data: Csynth) -> str:
    if _over(data):
        return "failed"
    return "succeeded" if data.resources else "incomplete"


def _whole(text: str | None) -> int | None:
    value = number(text or "")
    return int(value) if value is not None and abs(value) < 1e18 else None


class CsynthReader(LogReader):
    """Reads the table form."""

    def __init__(self) -> None:
        super().__init__()
        self._top: str | None = None
        self._version: str | None = None
        self._part: str | None = None
        self._section = ""
        self._latency: list[int | None] = []
        self._clock: tuple[float | None, float | None] = (None, None)
        self._names: list[str] = []
        self._rows: dict[str, list[str]] = {}

    def _line(self, text: str) -> None:
        self._messages.take(text)
        bare = text.strip()
        if title := _TITLE.match(bare):
            self._top = title.group(1)
        elif version := _VERSION.match(bare):
            self._version = version.group(1)
        elif bare.startswith("* Target device:"):
            self._part = bare.partition(":")[2].strip()
        elif bare.startswith(("+ ", "== ")):
            self._section = bare.lstrip("+= ").rstrip(": ")
        elif bare.startswith("|"):
            self._row([cell.strip() for cell in bare.strip("|").split("|")])

    def _row(self, cells: list[str]) -> None:
        if self._section == "Latency" and not self._latency:
            if len(cells) == 7 and (cells[0].isdigit() or cells[0] == "?"):
                self._latency = [_whole(cells[at]) for at in (0, 1, 4, 5)]
        elif self._section == "Timing" and len(cells) == 4 and self._clock[0] is None:
            periods = [number(cell.removesuffix("ns")) for cell in cells[1:3]]
            self._clock = (periods[0], periods[1])
        elif self._section == "Utilization Estimates":
            if cells[0] == "Name":
                self._names = cells[1:]
            elif cells[0] in ("Total", "Available"):
                self._rows.setdefault(cells[0], cells[1:])

    def _amounts(self, row: str) -> dict[str, int]:
        values = {}
        for name, cell in zip(self._names, self._rows.get(row, []), strict=False):
            value = _whole(cell)
            name = "DSP" if name == "DSP48E" else name
            if value is not None and name in _RESOURCES:
                values[name] = value
        return values

    def reading(self) -> ParsedFile:
        """Return what was read so far."""
        low, high, quick, slow = self._latency or [None] * 4
        data = Csynth(
            self._top,
            self._part,
            low,
            high,
            quick,
            slow,
            self._clock[0],
            self._clock[1],
            self._amounts("Total"),
            self._amounts("Available"),
        )
        return ParsedFile(
            kind="csynth",
            tool="HLS" if self._top else None,
            version=self._version,
            lines=self._messages.line,
            messages=self._messages.own,
            evidence=(*self._messages.evidence, *_over(data)),
            outcome=_outcome(data),
            data=data,
        )


class CsynthXmlReader(XmlReader):
    """Reads the XML form, which FINN reads, too."""

    kind = "csynth-xml"
    _WANTED = frozenset(
        {
            "Version",
            "Part",
            "TopModelName",
            "TargetClockPeriod",
            "EstimatedClockPeriod",
            "Best-caseLatency",
            "Worst-caseLatency",
            "Interval-min",
            "Interval-max",
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self._texts: dict[str, str] = {}
        self._resources: dict[str, int] = {}
        self._available: dict[str, int] = {}

    def _element(self, element: Element, path: tuple[str, ...]) -> None:
        text = (element.text or "").strip()
        if element.tag in self._WANTED and len(path) <= 4:
            self._texts.setdefault(element.tag, text[:200])
        into = {"Resources": self._resources, "AvailableResources": self._available}
        amounts = into.get(path[-2] if len(path) > 1 else "")
        name = "DSP" if element.tag == "DSP48E" else element.tag
        if amounts is not None and name in _RESOURCES and name not in amounts:
            value = _whole(text)
            if value is not None:
                amounts[name] = value

    def _result(self) -> ParsedFile:
        texts = self._texts
        data = Csynth(
            texts.get("TopModelName"),
            texts.get("Part"),
            _whole(texts.get("Best-caseLatency")),
            _whole(texts.get("Worst-caseLatency")),
            _whole(texts.get("Interval-min")),
            _whole(texts.get("Interval-max")),
            number(texts.get("TargetClockPeriod", "")),
            number(texts.get("EstimatedClockPeriod", "")),
            dict(self._resources),
            dict(self._available),
        )
        return ParsedFile(
            self.kind,
            tool="HLS",
            version=texts.get("Version"),
            evidence=_over(data),
            outcome=_outcome(data),
            data=data,
        )
