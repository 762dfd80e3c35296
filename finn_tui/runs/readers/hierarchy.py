"""``report_utilization -hierarchical -format xml``: FINN's ``post_synth_resources.xml``."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from finn_tui.runs.readers.parsed_file import ParsedFile
from finn_tui.runs.readers.utilization import number
from finn_tui.runs.readers.xml import XmlReader

#: Column heads and FINN's names; "DSP48 Blocks" until 2019, "DSP Blocks" since.
_COLUMNS = {
    "Total LUTs": "LUT",
    "LUTRAMs": "LUTRAM",
    "SRLs": "SRL",
    "FFs": "FF",
    "RAMB36": "BRAM_36K",
    "RAMB18": "RAMB18",
    "URAM": "URAM",
    "DSP48 Blocks": "DSP",
    "DSP Blocks": "DSP",
}
MAX_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance: depth in the hierarchy (0: the design), its module, what it uses.

    ``BRAM_18K`` counts both kinds: a RAMB36 is two of them.
    """

    name: str
    module: str
    level: int
    used: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """What each instance of a design uses; ``device`` and ``state`` as the report says."""

    device: str | None = None
    state: str | None = None
    instances: tuple[Instance, ...] = ()


class HierarchyReader(XmlReader):
    """Reads the report."""

    kind = "hierarchy"

    def __init__(self) -> None:
        super().__init__()
        self._head: dict[str, str] = {}
        self._columns: list[str] = []
        self._cells: list[str] = []
        self._names: list[str] = []
        self._instances: list[Instance] = []
        self._whole_document = False

    def _element(self, element: Element, path: tuple[str, ...]) -> None:
        if element.tag == "tableheader":
            self._names.append(element.get("contents", ""))
        elif element.tag == "tablecell":
            self._cells.append(element.get("contents", ""))
        elif element.tag == "tablerow":
            if self._names:
                self._columns, self._names = self._names, []
            elif self._cells:
                self._row(self._cells)
            self._cells = []
        elif element.tag == "RptDoc":
            self._head = dict(element.attrib)
            self._whole_document = True

    def _row(self, cells: list[str]) -> None:
        named = dict(zip(self._columns, cells, strict=False))
        name, module = named.get("Instance"), named.get("Module", "")
        if not name or len(self._instances) >= MAX_ROWS:
            return
        used: dict[str, int] = {}
        for column, resource in _COLUMNS.items():
            value = number(named[column]) if column in named else None
            if value is not None and abs(value) < 1e12:
                used[resource] = int(value)
        used["BRAM_18K"] = 2 * used.get("BRAM_36K", 0) + used.pop("RAMB18", 0)
        level = (len(name) - len(name.lstrip(" "))) // 2
        self._instances.append(Instance(name.strip(), module, level, used))

    def _result(self) -> ParsedFile:
        data = Hierarchy(
            self._head.get("partname"), self._head.get("designstate"), tuple(self._instances)
        )
        outcome = "succeeded" if self._whole_document and self._instances else "incomplete"
        return ParsedFile(self.kind, tool="Vivado", outcome=outcome, data=data)
