"""Which resource does not suffice, as a line of a tool says it, and what helps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

_NEEDS = re.compile(
    r"requires (\d{1,12}) of such cell types but only (\d{1,12}) compatible|"
    r"(\d{1,12}) (?:\S+ )?(?:are )?required.*?(\d{1,12}) (?:\S+ )?(?:are )?available"
)
_CELLS = re.compile(r"([A-Z][^():]*?) over-utilized|requires more (.+?) cells")
_PBLOCK = re.compile(r"over-utilized in (?:Pblock|pblock) (\S+)|\b[Pp]block '?(pblock_\w+|\w+)'?")
_RESOURCES = (
    ("RAMB", "BRAM"),
    ("RAM/FIFO", "BRAM"),
    ("BRAM", "BRAM"),
    ("Block RAM", "BRAM"),
    ("URAM", "URAM"),
    ("DSP", "DSP"),
    ("Distributed RAM", "LUTRAM"),
    ("LUT as Memory", "LUTRAM"),
    ("RAMD", "LUTRAM"),
    ("RAMS", "LUTRAM"),
    ("Shift Register", "LUTRAM"),
    ("F7 Mux", "MUX"),
    ("F8 Mux", "MUX"),
    ("MUXF", "MUX"),
    ("LUT", "LUT"),
    ("FD", "FF"),
    ("Register", "FF"),
    ("Flip Flop", "FF"),
    ("FIFO", "BRAM"),
    ("CARRY", "CARRY"),
    ("IO", "IO"),
)
# Zynq UltraScale+ devices without UltraRAM; the others of the families below have it.
_NO_URAM = re.compile(r"xc7|xczu(?:1|2|3|6|9)(?:cg|eg|ev)|xazu(?:1|2|3)|xck24|xcku|xcvu\d+-|xc6")
_URAM = re.compile(
    r"xczu(?:4|5|7|11|15|17|19)(?:cg|eg|ev)|xczu\d\ddr|xck26|xcu\d|xcvu\d+p|xcku\d+p|xcv[cmpeh]\d"
)


@dataclass(frozen=True)
class Shortage:
    """What a line says of a resource that does not suffice.

    Attributes:
        resource: LUT, LUTRAM, MUX, FF, BRAM, URAM, DSP, CARRY, IO or the tool's own word.
        cells: as the tool calls them.
        need, have: cells; None where the line does not tell.
        region: the Pblock whose limit it is, None for the part's own.
    """

    resource: str
    cells: str
    need: Optional[int]
    have: Optional[int]
    region: Optional[str]

    @property
    def ratio(self) -> float:
        """How many times what there is would be needed; 0 if that is not told."""
        return self.need / max(1, self.have or 0) if self.need is not None else 0.0

    @property
    def text(self) -> str:
        """The shortage in words."""
        where = " in Pblock %s" % self.region if self.region else ""
        if self.need is None or self.have is None:
            return "the design does not fit: too much %s%s" % (self.resource, where)
        return "over-utilization of %s%s: %s of %s (%s)" % (
            self.resource,
            where,
            format(self.need, ","),
            format(self.have, ","),
            self.cells,
        )

    def advice(self, part: Optional[str]) -> str:
        """What to do about it on a part, None if nobody knows which it is."""
        if self.region is not None:
            return (
                "The limit is the one of Pblock %s, not the part's: enlarge or move the Pblock, or "
                "fold further." % self.region
            )
        ways = {
            "BRAM": "Fold the named layers further (smaller PE and SIMD: wide memories waste "
            "block RAM), move small memories to LUTs (ram_style distributed), and look at the "
            "depths of the FIFOs.",
            "LUTRAM": "Move memories from LUTs to block RAM (ram_style block; for FIFOs "
            "impl_style vivado with ram_style block), or fold further.",
            "MUX": "Wide multiplexers come from memories kept in LUTs: move them to block RAM "
            "(ram_style block), or fold further.",
            "LUT": "Fold further (smaller PE and SIMD), let multiplications use DSPs (resType "
            "dsp), and keep weights in block RAM (ram_style block).",
            "FF": "Fold further (smaller PE and SIMD).",
            "CARRY": "Fold further (smaller PE and SIMD): adders take the carry chains.",
            "DSP": "Fold further (smaller PE and SIMD), or let layers multiply in LUTs "
            "(resType lut).",
            "URAM": "Move memories from UltraRAM to block RAM (ram_style block), or fold further.",
            "IO": "The design has more ports than the part has pins: AXI streams have to stay "
            "inside the chip, behind FINN's shell.",
        }
        text = ways.get(
            self.resource,
            "Fold the named layers further (smaller PE and SIMD), or take a bigger part.",
        )
        if self.resource in ("BRAM", "LUTRAM", "MUX") and has_uram(part):
            text += " Large weight memories may go to UltraRAM (ram_style ultra)."
        return text


def has_uram(part: Optional[str]) -> Optional[bool]:
    """Say whether a part has UltraRAM; None if that is not known."""
    name = (part or "").lower()
    if _URAM.match(name):
        return True
    return False if _NO_URAM.match(name) else None


def shortage(text: str) -> Shortage:
    """Read a line that says that a resource does not suffice."""
    if text.startswith("| "):
        return _of_table(text)
    cells = _CELLS.search(text)
    name = next((part for part in cells.groups() if part), "cells") if cells else "cells"
    name = name.rpartition("utilization: ")[2] or name
    resource = next((short for sign, short in _RESOURCES if sign in name), name)
    numbers = _NEEDS.search(text)
    need, have = (int(part) for part in numbers.groups() if part) if numbers else (None, None)
    pblock = _PBLOCK.search(text)
    region = next((part for part in pblock.groups() if part), None) if pblock else None
    return Shortage(resource, name, need, have, region)


def _of_table(row: str) -> Shortage:
    """Read a row of a utilization report: name, used, ..., available, percent."""
    cells = [cell.strip(" *") for cell in row.strip().strip("|").split("|")]
    numbers = [re.sub(r"[^\d.]", "", cell)[:12] for cell in (cells[1:2] + cells[-2:-1])]
    resource = next((short for sign, short in _RESOURCES if sign in cells[0]), cells[0])
    try:
        need, have = (int(-(-float(text) // 1)) for text in numbers)
    except ValueError:
        return Shortage(resource, cells[0], None, None, None)
    return Shortage(resource, cells[0], need, have, None)
