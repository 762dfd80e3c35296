"""What a build is worth: its reports and logs, gathered into ``results.json``.

Everything here takes what there is: a build that failed half way has estimates, step times and
warnings too. Standard library only; it runs in the runner's process.
"""

import contextlib
import os
import re
import xml.etree.ElementTree as ElementTree
from typing import Any, Dict, Iterator, List, Optional, Tuple

from finn_tui.engine.server.failures import build_failure
from finn_tui.engine.server.runs import runfiles

#: Layers sit in partitions of the stitched design, which FINN puts before their names.
_PARTITION = re.compile(r"^StreamingDataflowPartition_\d+_")
_NUMBER = r"(-?\d+(?:\.\d+)?|NA|N/A)"
_TIMING = re.compile(
    r"^\s*WNS\(ns\)\s+TNS\(ns\).*\n[\s-]*\n\s*%s\s+%s\s" % (_NUMBER, _NUMBER), re.M
)
_BANNER = re.compile(r"^\*{6} (Vivado\(TM\) HLS|Vivado|Vitis HLS)\b.*? v(\d{4}\.\d+(?:\.\d+)?)\b")
_MESSAGE = re.compile(r"^(WARNING|CRITICAL WARNING): \[([^\]]+)\] ?(.*)$")

#: Warnings that change what the result is worth.
_MATTER = ("Route 35-328", "Route 35-39")
#: Critical warnings that stand in good builds of FINN's designs, too.
_HARMLESS = (
    "BD 41-237",
    "IP_Flow 19-5234",
    "HDL 9-1206",
    "BD 41-1356",
    "BD 41-1167",
    "Designutils 20-1275",
)
#: Logs that say what became of the design; one of a tool that repeats another is left out.
_LOGS = ("runme.log", "vitis_hls.log", "vivado_hls.log")
#: More of one log than this is not looked through.
_LOG_BYTES = 64 * 1024 * 1024
#: The final report first: FINN copies the one from before the last optimization.
_FINAL_TIMING = re.compile(r"_timing_summary_postroute_physopted\.rpt$")


def collect(folder: str, run: Dict[str, Any]) -> Dict[str, Any]:
    """The parts of results.json that a build fills, each with ``source`` and ``simulated``.

    ``estimate`` as it was asked for (FINN's own figures where nothing was), ``post_synthesis``
    (LUT, FF, SRL, BRAM_18K counted in halves, URAM, DSP in all, and in ``layers`` a row a layer
    with its name), ``timing`` (WNS, TNS and clock in ns, Fmax in MHz, whether it is met),
    ``steps`` (seconds by step), ``tools`` (name, version) and ``warnings`` (those that matter,
    with how often). What no report says is left out.
    """
    simulated = run.get("rehearsal") is not None
    parts: Dict[str, Any] = {}
    estimate = run.get("estimate") or _own_estimate(folder, run)
    if estimate is not None:
        parts["estimate"] = estimate
    synthesis = post_synthesis(folder)
    if synthesis is not None:
        parts["post_synthesis"] = dict(synthesis, simulated=simulated)
    measured = timing(folder, float(run["clock_ns"]))
    if measured is not None:
        parts["timing"] = dict(measured, simulated=simulated)
    seconds = step_seconds(folder)
    if seconds:
        total = round(sum(seconds.values()), 2)
        parts["steps"] = {
            "seconds": seconds,
            "total_seconds": total,
            "source": runfiles.EVENTS,
            "simulated": simulated,
        }
    tools, warnings = read_logs(folder)
    if tools:
        parts["tools"] = [dict(tool, simulated=simulated) for tool in tools]
    parts["warnings"] = [dict(warning, simulated=simulated) for warning in warnings]
    return parts


def finn_estimate(folder: str) -> Dict[str, Any]:
    """FINN's estimate reports: ``cycles`` and ``resources`` per layer, II and latency in cycles."""
    reports = os.path.join(folder, "build", "report")
    cycles = runfiles.read_json(os.path.join(reports, "estimate_layer_cycles.json"))
    resources = runfiles.read_json(os.path.join(reports, "estimate_layer_resources.json"))
    network = runfiles.read_json(os.path.join(reports, "estimate_network_performance.json"))
    return {
        "cycles": cycles,
        "resources": resources,
        "ii_cycles": int(network["max_cycles"]),
        "latency_cycles": int(network["critical_path_cycles"]),
    }


def _own_estimate(folder: str, run: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """The estimate from FINN's reports, for a run that was asked for without one."""
    try:
        finn = finn_estimate(folder)
    except (TypeError, KeyError, ValueError):
        return None  # it ended before its reports were written
    return {
        "ii_cycles": finn["ii_cycles"],
        "latency_cycles": finn["latency_cycles"],
        "fps": 1e9 / (run["clock_ns"] * finn["ii_cycles"]),
        "clock_ns": run["clock_ns"],
        "total": finn["resources"].get("total", {}),
    }


def post_synthesis(folder: str) -> Optional[Dict[str, Any]]:
    """Resources after synthesis in all and per layer, or None without FINN's report of them."""
    source = "build/report/post_synth_resources.json"
    report = runfiles.read_json(os.path.join(folder, source))
    if not report:
        source = "build/report/post_synth_resources.xml"
        report = _synthesis_table(os.path.join(folder, source), _layer_names(folder))
    if not report or "(top)" not in report:
        return None
    result: Dict[str, Any] = dict(_resources(report["(top)"]))
    result["layers"] = [
        dict(_resources(row), name=_PARTITION.sub("", name), source=source)
        for name, row in report.items()
        if name != "(top)"
    ]
    result["source"] = source
    return result


#: FINN's names of the columns of Vivado's report, by Vivado's.
_XML_COLUMNS = {
    "Total LUTs": "LUT",
    "SRLs": "SRL",
    "FFs": "FF",
    "RAMB36": "BRAM_36K",
    "RAMB18": "BRAM_18K",
    "URAM": "URAM",
    "DSP Blocks": "DSP",
    "DSP48 Blocks": "DSP",
}
#: Vivado's report of a design of thousands of instances has some megabytes.
_MOST_XML_BYTES = 64 * 1024 * 1024


def _layer_names(folder: str) -> List[str]:
    path = os.path.join(folder, "build", "report", "estimate_layer_resources.json")
    estimates = runfiles.read_json(path)
    return [name for name in estimates or {} if name != "total"]


def _synthesis_table(path: str, layers: List[str]) -> Dict[str, Dict[str, int]]:
    """Rows of Vivado's utilization report as FINN from 0.10.1 on writes them; empty without one.

    FINN up to 0.10 leaves the report as it is.
    """
    try:
        if os.path.getsize(path) > _MOST_XML_BYTES:
            return {}
        with open(path, "rb") as file:
            content = file.read()
        # No report declares entities; one that does is not read, whatever they expand to.
        root = None if b"<!ENTITY" in content else ElementTree.fromstring(content)
    except (OSError, ElementTree.ParseError):
        return {}
    table: Dict[str, Dict[str, int]] = {}
    head: List[str] = []
    for row in root.iter("tablerow") if root is not None else ():
        cells = [(cell.get("contents") or "").strip() for cell in row]
        if "Instance" in cells:
            head = cells
            continue
        named = dict(zip(head, cells))
        # The shell's own instance has the name of the whole, "(top)" stands in the module's column.
        name = "(top)" if "(top)" in cells else _PARTITION.sub("", named.get("Instance", ""))
        if name in table or (name != "(top)" and name not in layers):
            continue  # the first row of a name is the outermost
        table[name] = {
            finn: int(named[vivado])
            for vivado, finn in _XML_COLUMNS.items()
            if named.get(vivado, "").isdigit()
        }
    return table


def _resources(row: Dict[str, Any]) -> Dict[str, int]:
    return {
        "LUT": int(row.get("LUT", 0)),
        "FF": int(row.get("FF", 0)),
        "SRL": int(row.get("SRL", 0)),
        "BRAM_18K": 2 * int(row.get("BRAM_36K", 0)) + int(row.get("BRAM_18K", 0)),
        "URAM": int(row.get("URAM", 0)),
        "DSP": int(row.get("DSP", 0)),
    }


def timing(folder: str, clock_ns: float) -> Optional[Dict[str, Any]]:
    """WNS and TNS in ns after routing and what follows from them, or None without a report."""
    for path in [
        *_final_reports(folder),
        os.path.join(folder, "build/report/post_route_timing.rpt"),
    ]:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                match = _TIMING.search(file.read())
        except OSError:
            continue
        if match is None or match.group(1).startswith("N"):
            continue
        wns = float(match.group(1))
        return {
            "wns": wns,
            "tns": float(match.group(2)),
            "clock_ns": clock_ns,
            "met": wns >= 0,
            "fmax_mhz": round(1000 / (clock_ns - wns), 2),
            "source": os.path.relpath(path, folder),
        }
    return None


def _final_reports(folder: str) -> List[str]:
    """Timing after post-route optimization, of the newest implementation first."""
    match = []
    for place, _, names in _tree(folder):
        if os.path.basename(place) == "impl_1":
            match += [os.path.join(place, name) for name in names if _FINAL_TIMING.search(name)]
    return sorted(match, key=os.path.getmtime, reverse=True)


def step_seconds(folder: str) -> Dict[str, float]:
    """How long each step took, as the runner's events tell; of a step built twice the last time."""
    seconds: Dict[str, float] = {}
    for event in runfiles.read_events(folder):
        if event.get("event") == "step" and event.get("seconds") is not None:
            seconds[event["name"]] = event["seconds"]
    return seconds


def read_logs(folder: str) -> Tuple[List[Dict[str, Any]], List[Dict[str, Any]]]:
    """Tools that worked (name, version, source), and warnings that matter, each id once."""
    tools: Dict[Tuple[Any, ...], Dict[str, Any]] = {}
    warnings: Dict[str, Dict[str, Any]] = {}
    for place, _, names in _tree(folder):
        for name in sorted(set(_LOGS) & set(names)):
            path = os.path.join(place, name)
            source = os.path.relpath(path, folder)
            for number, line in _lines(path):
                if line.startswith("******"):
                    banner = _BANNER.match(line)
                    if banner:
                        tool = {"name": banner.group(1), "version": banner.group(2)}
                        tools.setdefault(banner.group(1, 2), dict(tool, source=source))
                elif "WARNING: [" in line:
                    message = _MESSAGE.match(line)
                    if message and _matters(message.group(1), message.group(2)):
                        severity, id, text = message.groups()
                        first = {
                            "severity": severity,
                            "id": id,
                            "text": text,
                            "count": 0,
                            "source": source,
                            "line": number,
                        }
                        warnings.setdefault(id, first)["count"] += 1
    return list(tools.values()), list(warnings.values())


def _matters(severity: str, id: str) -> bool:
    return id in _MATTER or (severity == "CRITICAL WARNING" and id not in _HARMLESS)


def _tree(folder: str) -> Iterator[Tuple[str, List[str], List[str]]]:
    """FINN's working files, in an order that does not change."""
    for place, folders, names in os.walk(os.path.join(folder, "finn_build_dir")):
        folders.sort()
        yield place, folders, names


def _lines(path: str) -> Iterator[Tuple[int, str]]:
    with contextlib.suppress(OSError):
        yield from build_failure.log_lines(path, _LOG_BYTES)
