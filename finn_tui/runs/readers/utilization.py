"""``report_utilization``: what a design uses of a part.

Columns are found by their heads, which differ by version (Prohibited came with 2022).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from finn_tui.runs.readers.parsed_file import ParsedFile
from finn_tui.runs.readers.report import ReportReader

#: Rows by their names on 7-series and UltraScale+, and what FINN calls the resource.
_ROWS = {
    "Slice LUTs": "LUT",
    "CLB LUTs": "LUT",
    "Slice Registers": "FF",
    "CLB Registers": "FF",
    "Slice": "SLICE",
    "CLB": "SLICE",
    "LUT as Memory": "LUTRAM",
    "Block RAM Tile": "BRAM_36K",
    "URAM": "URAM",
    "DSPs": "DSP",
    "CARRY8": "CARRY",
}
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d{1,2})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Utilization:
    """What a design uses.

    Attributes:
        design, device, state: ``top_wrapper``, ``xc7z020clg400-1``, ``Fully Placed``.
        used, available: by FINN's names of resources; ``BRAM_36K`` counts tiles, and halves of
            them, ``BRAM_18K`` twice as many.
        black_boxes: blocks that are not counted: OOC-synthesized IPs.
    """

    design: str | None = None
    device: str | None = None
    state: str | None = None
    used: dict[str, float] = field(default_factory=dict)
    available: dict[str, float] = field(default_factory=dict)
    black_boxes: int = 0


def number(text: str) -> float | None:
    """A cell of a table as a number, None if it is none."""
    cell = text.strip().lstrip("<~")
    return float(cell) if len(cell) < 40 and _NUMBER.fullmatch(cell) else None


class UtilizationReader(ReportReader):
    """Reads a utilization report."""

    kind = "utilization"

    def __init__(self) -> None:
        super().__init__()
        self._columns: dict[str, int] = {}
        self._boxes = 0
        self._in_boxes = False
        self._used: dict[str, float] = {}
        self._available: dict[str, float] = {}
        self._over = False

    def _body(self, text: str) -> None:
        if text[:1].isdigit():
            self._in_boxes = text.rstrip().endswith("Black Boxes")
            return
        if text[:2] != "| ":
            return
        cells = [cell.strip() for cell in text.strip("|").split("|")]
        if "Used" in cells:
            self._columns = {name: at for at, name in enumerate(cells)}
            return
        if self._in_boxes:
            self._boxes += cells[0] != "Ref Name"
            return
        self._compare(cells, text)
        name = _ROWS.get(cells[0].rstrip("*"))
        if name is None or name in self._used or not self._columns:
            return
        for column, into in (("Used", self._used), ("Available", self._available)):
            value = self._cell(cells, column)
            if value is not None:
                into[name] = value
                if name == "BRAM_36K":
                    into["BRAM_18K"] = 2 * value

    def _cell(self, cells: list[str], column: str) -> float | None:
        at = self._columns.get(column)
        return number(cells[at]) if at is not None and at < len(cells) else None

    def _compare(self, cells: list[str], text: str) -> None:
        """Keep a row that says that more is used than there is: the design cannot be placed."""
        used, available = self._cell(cells, "Used"), self._cell(cells, "Available")
        if used is not None and available is not None and used > available:
            self._over = True
            self._messages.point("over-utilization", text)

    def result(self) -> ParsedFile:
        """The resources."""
        data = Utilization(
            self.head.get("Design"),
            self.head.get("Device"),
            self.head.get("Design State"),
            dict(self._used),
            dict(self._available),
            self._boxes,
        )
        outcome = "failed" if self._over else "succeeded" if self._used else "incomplete"
        return ParsedFile("utilization", outcome=outcome, data=data)
