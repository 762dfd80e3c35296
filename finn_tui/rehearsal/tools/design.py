"""The design as the stand-ins see it: what FINN's Tcl builds, and what it would cost.

Resources are FINN's estimates where FINN estimates a layer, and what finn-tui counts for the shell
and for memory that FINN leaves out: a rehearsal refuses what ``fits_with_extra`` refuses. What is
left gets round figures from the utilization reports of a published build for the xc7z020; they are
a stand-in's figures, not measurements.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from pathlib import Path

from finn_tui.rehearsal.tools.plan import Plan

RESOURCES = ("LUT", "SRL", "FF", "BRAM_18K", "URAM", "DSP")

# What stands under a condition is not made in the designs that are rehearsed, but for the
# processor, of which there are two kinds under one name.
_CELL = re.compile(
    r"^(?:create_bd_cell|\s+create_bd_cell(?=.* zynq_ps$)) -type (?:ip|module|hier)\b(.*)$"
)
_IP_DIR = re.compile(r"(/[^\s\]\"]+)/ip(?=[\s\]])")
_SET = re.compile(r"^set (\w+) (\S+)\s*$", re.M)
_LAYER = re.compile(r"^(?:StreamingDataflowPartition_\d+_)?(.+)$")

#: LUT, SRL, FF, BRAM_18K of what FINN does not estimate, by how its instance is called.
_EXTRA = (
    (re.compile(r"StreamingFIFO"), (40, 16, 60, 0)),
    (re.compile(r"StreamingDataWidthConverter"), (200, 0, 400, 0)),
    (re.compile(r"IODMA|^[io]dma"), (1200, 80, 1700, 4)),
    (re.compile(r"LabelSelect"), (44, 0, 74, 0)),
    (re.compile(r"smartconnect"), (4400, 900, 6300, 0)),
    (re.compile(r"axi_interconnect"), (530, 60, 690, 0)),
    (re.compile(r"proc_sys_reset"), (19, 1, 40, 0)),
    (re.compile(r"zynq_ps"), (112, 0, 0, 0)),
)


@dataclass
class Instance:
    """A block of the design.

    Attributes:
        name: as in the block design; ``module`` is the name of its IP's own run.
        resources: LUT, SRL, FF, BRAM_18K (halves), URAM, DSP.
        inner: blocks within it, for a partition with layers.
    """

    name: str
    module: str
    resources: dict[str, int]
    inner: list[Instance]


def chip(part: str) -> str:
    """Return the device of a part, as licences name it: xc7z020 of xc7z020clg400-1."""
    match = re.match(r"xc7z\d+s?|[^-]+", part)
    return match.group() if match else part


def cells(tcl: str) -> list[tuple[str, str]]:
    """Return name and VLNV of each cell that a script creates at the top of its block design."""
    types: dict[str, str] = {}
    for line in tcl.splitlines():
        match = _CELL.match(line)
        if not match:
            continue
        words = match.group(1).replace("[", " ").replace("]", " ").split()
        name = words[-1].strip("/")
        # Cells within cells belong to the one that holds them.
        if name and "/" not in name and "$" not in name:
            types.setdefault(name, next((w for w in words if w.count(":") == 3), ""))
    return list(types.items())


def variables(tcl: str) -> dict[str, str]:
    """Return the variables of a script, such as ``FREQ_MHZ``, ``FPGA_PART``, ``BOARD``."""
    return {name: value.strip('"{}') for name, value in _SET.findall(tcl)}


def partitions(tcl: str) -> dict[str, list[str]]:
    """Return the layer instances of each partition, from the stitched projects of a script."""
    layers = {}
    for place in dict.fromkeys(_IP_DIR.findall(tcl)):
        script = Path(place) / "make_project.tcl"
        if not script.is_file():
            continue
        text = script.read_text(encoding="utf-8", errors="replace")
        title = re.search(r'create_bd_design "([^"]+)"', text)
        if title:
            top = [name for name, _ in cells(text) if _is_layer(name)]
            layers[title.group(1)] = list(dict.fromkeys(top))
    return layers


def _is_layer(name: str) -> bool:
    return bool(re.search(r"_(hls|rtl)_\d+$|IODMA", name))


def layer_resources(instance: str, plan: Plan) -> dict[str, int]:
    """Return the resources of one layer, from FINN's estimate where there is one.

    Args:
        instance: name of the layer's cell.
        plan: of the rehearsal.
    """
    match = _LAYER.match(instance)
    row = plan.resources.get(match.group(1) if match else instance)
    shell = _shell(instance, plan)
    if shell is not None:
        return shell
    # What nobody counts, such as a constant, must not make a design too large that finn-tui fits.
    rest = (0 if plan.shell else 24, 0, 32, 0)
    lut, srl, ff, bram = next((v for p, v in _EXTRA if p.search(instance)), rest)
    more = plan.memory.get(match.group(1) if match else instance, 0)
    if row is not None and more:
        row = {**row, "LUT": float(row.get("LUT") or 0) + more}
    if row is not None and not any(float(row.get(name) or 0) for name in RESOURCES) and plan.shell:
        # Flip-flops at least; its LUTs are unknown to FINN, and finn-tui counts none either.
        lut = 0
    if row is None or not any(float(row.get(name) or 0) for name in RESOURCES):
        return {"LUT": lut, "SRL": srl, "FF": ff, "BRAM_18K": bram, "URAM": 0, "DSP": 0}
    estimated = {name: math.ceil(float(row.get(name) or 0)) for name in RESOURCES}
    # FINN does not estimate flip-flops; in its published builds there are somewhat more of them
    # than LUTs.
    estimated["FF"] = math.ceil(1.25 * estimated["LUT"])
    estimated["SRL"] = estimated["LUT"] // 50
    return estimated


#: Which blocks of the shell an instance stands for.
_SHELL = (
    (re.compile(r"IODMA|^[io]dma"), "DMA"),
    (re.compile(r"smartconnect"), "SmartConnect"),
    (re.compile(r"axi_interconnect"), "interconnect"),
    (re.compile(r"proc_sys_reset"), "reset"),
    (re.compile(r"zynq_ps"), "processor"),
)


def _title(name: str) -> str | None:
    """Return what kind of block a name of the shell's parts means, the first that is named."""
    return next((title for _, title in _SHELL if title in name), None)


def _shell(instance: str, plan: Plan) -> dict[str, int] | None:
    """Return the resources of a block of the shell, None for others or without a source."""
    title = next((title for pattern, title in _SHELL if pattern.search(instance)), None)
    if title is None or not plan.shell:
        return None
    blocks = [block for block in plan.shell if _title(str(block.get("name", ""))) == title]
    # One DMA is as good as another: all of them together are what the source says.
    share = len(blocks) if title == "DMA" else 1
    used = {name: sum(int(block.get(name, 0)) for block in blocks) for name in RESOURCES}
    if share:
        used = {name: amount // share for name, amount in used.items()}
    return {**used, "SRL": used["LUT"] // 10, "FF": math.ceil(1.4 * used["LUT"])}


def assemble(tcl: str, plan: Plan) -> list[Instance]:
    """Return the instances that a Zynq project's script puts together.

    Args:
        tcl: the script.
        plan: of the rehearsal.
    """
    layers = partitions(tcl)
    instances = []
    for name, vlnv in cells(tcl):
        design = vlnv.split(":")[2] if vlnv else ""
        inner = [Instance(i, i, layer_resources(i, plan), []) for i in layers.get(design, [])]
        own = layer_resources(name, plan) if not inner else total(inner)
        instances.append(Instance(name, f"top_{name}_0", own, inner))
    return instances


def total(instances: list[Instance]) -> dict[str, int]:
    """Return the resources of several blocks."""
    return {name: sum(i.resources[name] for i in instances) for name in RESOURCES}


def over_utilized(used: dict[str, int], plan: Plan) -> list[tuple[str, int, int]]:
    """Return the resources of which the part has too few.

    Args:
        used: units by resource.
        plan: of the rehearsal, with the part.

    Returns:
        (cell type, needed, available) of each.
    """
    cell = {
        "LUT": "Slice LUTs",
        "FF": "Slice Registers",
        "BRAM_18K": "RAMB18 and RAMB36/FIFO",
        "URAM": "URAM",
        "DSP": "DSPs",
    }
    have = plan.device
    shortages = [(cell[n], used[n], have[n]) for n in cell if n in have and used[n] > have[n]]
    if not shortages and plan.fails("place"):
        available = have.get("BRAM_18K", 280)
        shortages = [(cell["BRAM_18K"], 2 * available + 53, available)]
    return shortages


def slack(used: dict[str, int], plan: Plan) -> float:
    """Return the WNS in ns: lower on a full chip, and otherwise random, but fixed for one design.

    Args:
        used: units by resource.
        plan: of the rehearsal, with part and clock.
    """
    fill = used["LUT"] / plan.device["LUT"] if plan.device.get("LUT") else 0.3
    newer = not plan.part.startswith("xc7")
    delay = (3.1 + 1.9 * fill) if newer else (5.9 + 3.4 * fill)
    names = ",".join(f"{name}={used[name]}" for name in RESOURCES)
    chance = int(hashlib.sha256(names.encode()).hexdigest()[:4], 16) / 65536
    slack_ns = round(plan.clock_ns - delay - 0.5 * chance, 3)
    return -0.618 if plan.fails("timing") and slack_ns >= 0 else slack_ns
