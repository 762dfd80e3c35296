"""Reports as files, in the forms that FINN and people's scripts read."""

from __future__ import annotations

import math
import platform
import time
from pathlib import Path
from typing import Tuple  # noqa: UP035 - an alias is evaluated, and Python 3.8 knows no other
from xml.sax.saxutils import quoteattr

from finn_tui.rehearsal.tools.design import Instance, layer_resources
from finn_tui.rehearsal.tools.logs import BUILD
from finn_tui.rehearsal.tools.plan import VERSION, Plan

SIMULATED = "SIMULATED by finn-tui: computed from FINN's estimates, nothing was synthesized"

_NAMES_7 = ("Slice LUTs", "Slice Registers", "Slice")
_NAMES_US = ("CLB LUTs", "CLB Registers", "CLB")

#: One line of a table: cells as text or numbers.
Row = Tuple[object, ...]  # noqa: UP006


def _head(command: str, design: str, device: str, state: str) -> list[str]:
    rule = "-" * 110
    return [
        rule,
        f"| Tool Version : Vivado v.{VERSION} (lin64) Build {BUILD} {SIMULATED}",
        f"| Date         : {time.ctime()}",
        f"| Host         : {platform.node()} running 64-bit {platform.system()}",
        f"| Command      : {command}",
        f"| Design       : {design}",
        f"| Device       : {device}",
        f"| Design State : {state}",
        rule,
        "",
    ]


def _table(title: str, cells: list[Row]) -> list[str]:
    """Return a boxed table; the first row is its head."""
    text = [[str(cell) for cell in row] for row in cells]
    widths = [max(len(row[i]) for row in text) for i in range(len(text[0]))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    lines = []
    for at, row in enumerate(text):
        padded = [
            cell.ljust(widths[i]) if i == 0 else cell.rjust(widths[i]) for i, cell in enumerate(row)
        ]
        lines.append("| " + " | ".join(padded) + " |")
        if at == 0:
            lines.append(rule)
    return [title, "-" * len(title), "", rule, *lines, rule, "", ""]


def utilization(path: Path, design: str, used: dict[str, int], plan: Plan, state: str) -> None:
    """Write ``report_utilization`` of a design: what it uses of what the part has.

    Args:
        path: file to write.
        design: name of the design.
        used: units by resource.
        plan: of the rehearsal, with the part.
        state: of the design, as Vivado names it.
    """

    def row(name: str, amount: float, key: str, scale: float = 1.0) -> Row:
        have = plan.device.get(key)
        if not have:
            return (name, f"{amount:g}", 0, 0, "-", "-")
        share = f"{100 * amount / (have * scale):.2f}"
        return (name, f"{amount:g}", 0, 0, f"{have * scale:g}", share)

    luts, registers, slices = _NAMES_7 if plan.part.startswith("xc7") else _NAMES_US
    head = ("Site Type", "Used", "Fixed", "Prohibited", "Available", "Util%")
    packed = math.ceil(max(used["LUT"] / 4, used["FF"] / 8) * 1.5)
    logic = used["LUT"] - used["SRL"]
    lines = _head(f"report_utilization -file {path.name}", design, plan.part, state)
    lines += ["Utilization Design Information", ""]
    lines += _table(
        "1. Slice Logic",
        [
            head,
            row(luts, used["LUT"], "LUT"),
            row("  LUT as Logic", logic, "LUT"),
            ("  LUT as Memory", used["SRL"], 0, 0, "-", "-"),
            ("    LUT as Shift Register", used["SRL"], 0, "", "", ""),
            row(registers, used["FF"], "FF"),
            row("  Register as Flip Flop", used["FF"], "FF"),
        ],
    )
    lines += _table("2. Slice Logic Distribution", [head, row(slices, packed, "LUT", 0.25)])
    whole, half = divmod(used["BRAM_18K"], 2)
    lines += _table(
        "3. Memory",
        [
            head,
            row("Block RAM Tile", used["BRAM_18K"] / 2, "BRAM_18K", 0.5),
            row("  RAMB36/FIFO*", whole, "BRAM_18K", 0.5),
            row("  RAMB18", half, "BRAM_18K"),
            row("URAM", used["URAM"], "URAM"),
        ],
    )
    lines += _table("4. DSP", [head, row("DSPs", used["DSP"], "DSP")])
    path.write_text("\n".join(lines), encoding="utf-8")


def timing_summary(path: Path, wns: float, plan: Plan) -> None:
    """Write ``report_timing_summary`` after routing.

    Args:
        path: file to write.
        wns: worst slack in ns.
        plan: of the rehearsal, with the clock.
    """
    failing = 0 if wns >= 0 else max(1, round(-200 * wns))
    tns = 0.0 if wns >= 0 else round(0.6 * wns * failing, 3)
    columns = (
        ("WNS(ns)", f"{wns:.3f}"),
        ("TNS(ns)", f"{tns:.3f}"),
        ("TNS Failing Endpoints", str(failing)),
        ("TNS Total Endpoints", "20000"),
        ("WHS(ns)", "0.021"),
        ("THS(ns)", "0.000"),
        ("THS Failing Endpoints", "0"),
        ("THS Total Endpoints", "20000"),
        ("WPWS(ns)", f"{plan.clock_ns / 2 - 1:.3f}"),
        ("TPWS(ns)", "0.000"),
        ("TPWS Failing Endpoints", "0"),
        ("TPWS Total Endpoints", "10000"),
    )
    widths = [max(12, len(name)) for name, _ in columns]
    names = "  ".join(name.rjust(widths[i]) for i, (name, _) in enumerate(columns))
    rules = "  ".join(("-" * len(name)).rjust(widths[i]) for i, (name, _) in enumerate(columns))
    values = "  ".join(value.rjust(widths[i]) for i, (_, value) in enumerate(columns))
    verdict = "All user specified timing constraints are met."
    if wns < 0:
        verdict = "Timing constraints are not met."
    period = f"{{0.000 {plan.clock_ns / 2:.3f}}}"
    lines = _head(f"report_timing_summary -file {path.name}", "top_wrapper", plan.part, "Routed")
    lines += ["Timing Summary Report", "", "| Design Timing Summary", "| " + "-" * 21, ""]
    lines += ["  " + names, "  " + rules, "  " + values, "", "", verdict, "", ""]
    lines += ["| Clock Summary", "| " + "-" * 13, ""]
    lines += [
        "Clock                 Waveform(ns)         Period(ns)      Frequency(MHz)",
        "-----                 ------------         ----------      --------------",
        f"clk_out1_clk_wiz_0    {period:<20} {plan.clock_ns:<15.3f} {1000 / plan.clock_ns:.3f}",
        "",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")


def route_status(path: Path, nets: int) -> None:
    """Write ``report_route_status`` of a fully routed design.

    Args:
        path: file to write.
        nets: number of nets.
    """
    lines = ["Design Route Status", " " * 48 + ":      # nets :"]
    for name, value in (
        ("# of logical nets", nets),
        ("    # of routable nets", nets),
        ("        # of fully routed nets", nets),
        ("        # of nets with routing errors", 0),
    ):
        lines.append(f"   {name.ljust(44, '.')} : {value:>11} :")
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def hierarchy(path: Path, blocks: list[Instance], used: dict[str, int]) -> None:
    """Write ``report_utilization -hierarchical -format xml``, one row an instance.

    Args:
        path: file to write.
        blocks: the instances.
        used: units of the whole design by resource.
    """
    kinds = ("Total LUTs", "Logic LUTs", "LUTRAMs", "SRLs", "FFs", "RAMB36", "RAMB18", "URAM")
    columns = ("Instance", "Module", *kinds, "DSP Blocks")

    def row(level: int, name: str, module: str, r: dict[str, int]) -> str:
        tiles, halves = divmod(r["BRAM_18K"], 2)
        values = [" " * 2 * level + name, module, r["LUT"], r["LUT"] - r["SRL"], 0, r["SRL"]]
        values += [r["FF"], tiles, halves, r["URAM"], r["DSP"]]
        inner = "".join(f"<tablecell contents={quoteattr(str(v))}/>" for v in values)
        return f"<tablerow>{inner}</tablerow>"

    rows = [row(0, "top_wrapper", "(top)", used)]
    for block in blocks:
        rows.append(row(2, block.module, block.module, block.resources))
        rows += [row(3, layer.name, layer.module, layer.resources) for layer in block.inner]
    head = "".join(f"<tableheader contents={quoteattr(name)}/>" for name in columns)
    path.write_text(
        '<?xml version="1.0" ?>\n'
        f"<!-- {SIMULATED} -->\n"
        '<RptDoc cmdline="report_utilization -hierarchical -hierarchical_depth 4 '
        f'-file synth_report.xml -format xml" date="{time.ctime()}" design="top_wrapper">\n'
        '<section title="Utilization by Hierarchy"><table>\n'
        f"<tablerow>{head}</tablerow>\n" + "\n".join(rows) + "\n</table></section></RptDoc>\n",
        encoding="utf-8",
    )


def csynth(project: Path, layer: str, plan: Plan) -> None:
    """Write HLS's report of one layer, as XML (which FINN reads) and as text.

    Args:
        project: folder of the HLS project.
        layer: name of the layer.
        plan: of the rehearsal.
    """
    used = layer_resources(layer, plan)
    cycles = int(plan.cycles.get(layer, 1))
    place = project / "sol1" / "syn" / "report"
    place.mkdir(parents=True, exist_ok=True)
    amounts = {name: used[name] for name in ("BRAM_18K", "DSP", "FF", "LUT", "URAM")}
    estimated = 0.73 * plan.clock_ns
    body = "".join(f"<{name}>{amount}</{name}>" for name, amount in amounts.items())
    available = "".join(f"<{name}>{plan.device.get(name, 0)}</{name}>" for name in amounts)
    (place / f"{layer}_csynth.xml").write_text(
        f"<!-- {SIMULATED} -->\n<profile>\n"
        f"<ReportVersion><Version>{VERSION}</Version></ReportVersion>\n"
        f"<UserAssignments><Part>{plan.part}</Part><TopModelName>{layer}</TopModelName>"
        f"<TargetClockPeriod>{plan.clock_ns:.2f}</TargetClockPeriod></UserAssignments>\n"
        "<PerformanceEstimates><SummaryOfTimingAnalysis>"
        f"<EstimatedClockPeriod>{estimated:.3f}</EstimatedClockPeriod>"
        "</SummaryOfTimingAnalysis><SummaryOfOverallLatency>"
        f"<Best-caseLatency>{cycles}</Best-caseLatency>"
        f"<Worst-caseLatency>{cycles}</Worst-caseLatency>"
        f"<Interval-min>{cycles + 1}</Interval-min><Interval-max>{cycles + 1}</Interval-max>"
        "</SummaryOfOverallLatency></PerformanceEstimates>\n"
        f"<AreaEstimates><Resources>{body}</Resources>"
        f"<AvailableResources>{available}</AvailableResources></AreaEstimates>\n</profile>\n",
        encoding="utf-8",
    )
    rule = "=" * 64
    lines = [rule, f"== Vitis HLS Report for '{layer}'", rule, f"* {SIMULATED}"]
    lines += [f"* Date:           {time.ctime()}", "", f"* Version:        {VERSION}"]
    lines += [f"* Target device:  {plan.part}", "", rule, "== Performance Estimates", rule]
    lines += ["+ Latency: ", "    * Summary: "]
    microseconds = f"{cycles * plan.clock_ns / 1000:.3f} us"
    row = (cycles, cycles, microseconds, microseconds, cycles, cycles, "none")
    lines.append("    |" + "|".join(str(cell).rjust(12) for cell in row) + "|")
    lines += ["", rule, "== Utilization Estimates", rule, "* Summary: "]
    names = ("BRAM_18K", "DSP", "FF", "LUT", "URAM")
    lines.append("|Name             |" + "|".join(name.rjust(9) for name in names) + "|")
    lines.append("|Total            |" + "|".join(str(used[n]).rjust(9) for n in names) + "|")
    (place / f"{layer}_csynth.rpt").write_text("\n".join([*lines, ""]), encoding="utf-8")


def component(name: str) -> str:
    """Return a minimal IP-XACT description of a packaged block."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<!-- {SIMULATED} -->\n"
        '<spirit:component xmlns:spirit="http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009">\n'
        "<spirit:vendor>xilinx.com</spirit:vendor><spirit:library>hls</spirit:library>\n"
        f"<spirit:name>{name}</spirit:name><spirit:version>1.0</spirit:version>\n"
        "</spirit:component>\n"
    )
