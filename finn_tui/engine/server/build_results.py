"""What a finished build is worth: its reports, gathered into ``results.json``."""

import os
import re
from typing import Any, Dict, Optional

from finn_tui.engine.server import runfiles

#: Layers sit in partitions of the stitched design, which FINN puts before their names.
_PARTITION = re.compile(r"^StreamingDataflowPartition_\d+_")
_NUMBER = r"(-?\d+(?:\.\d+)?|NA|N/A)"
_TIMING = re.compile(
    r"^\s*WNS\(ns\)\s+TNS\(ns\).*\n[\s-]*\n\s*%s\s+%s\s" % (_NUMBER, _NUMBER), re.M
)


def collect(folder: str, run: Dict[str, Any]) -> Dict[str, Any]:
    """The parts of results.json that a finished build fills.

    ``estimate`` as it was asked for (FINN's own figures where nothing was), ``post_synthesis``
    (LUT, FF, BRAM_18K counted in halves, URAM, DSP in all and per layer) and ``timing`` (WNS and
    clock in ns, Fmax in MHz). What a report does not say is left out.
    """
    simulated = run.get("rehearsal") is not None
    parts: Dict[str, Any] = {}
    estimate = run.get("estimate")
    if estimate is None:
        finn = finn_estimate(folder)
        estimate = {"ii_cycles": finn["ii_cycles"], "latency_cycles": finn["latency_cycles"]}
        estimate["fps"] = 1e9 / (run["clock_ns"] * finn["ii_cycles"])
        estimate["clock_ns"] = run["clock_ns"]
        estimate["total"] = finn["resources"].get("total", {})
    parts["estimate"] = estimate
    synthesis = post_synthesis(folder)
    if synthesis is not None:
        parts["post_synthesis"] = dict(synthesis, simulated=simulated)
    measured = timing(folder, float(run["clock_ns"]))
    if measured is not None:
        parts["timing"] = dict(measured, simulated=simulated)
    steps = runfiles.read_json(os.path.join(folder, "build", "report", "time_per_step.json"))
    if steps:
        parts["steps"] = steps
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


def post_synthesis(folder: str) -> Optional[Dict[str, Any]]:
    """Resources after synthesis in all and per layer, or None without FINN's report of them."""
    source = "build/report/post_synth_resources.json"
    report = runfiles.read_json(os.path.join(folder, source))
    if not report or "(top)" not in report:
        return None
    result: Dict[str, Any] = dict(_resources(report["(top)"]))
    result["layers"] = {
        _PARTITION.sub("", name): _resources(row) for name, row in report.items() if name != "(top)"
    }
    result["source"] = source
    return result


def _resources(row: Dict[str, Any]) -> Dict[str, int]:
    return {
        "LUT": int(row.get("LUT", 0)),
        "FF": int(row.get("FF", 0)),
        "BRAM_18K": 2 * int(row.get("BRAM_36K", 0)) + int(row.get("BRAM_18K", 0)),
        "URAM": int(row.get("URAM", 0)),
        "DSP": int(row.get("DSP", 0)),
    }


def timing(folder: str, clock_ns: float) -> Optional[Dict[str, Any]]:
    """WNS and TNS in ns after routing and what follows from them, or None without a report."""
    source = "build/report/post_route_timing.rpt"
    try:
        with open(os.path.join(folder, source), encoding="utf-8", errors="replace") as file:
            found = _TIMING.search(file.read())
    except FileNotFoundError:
        return None
    if found is None or found.group(1).startswith("N"):
        return None
    wns = float(found.group(1))
    return {
        "wns": wns,
        "tns": float(found.group(2)),
        "clock_ns": clock_ns,
        "met": wns >= 0,
        "fmax_mhz": round(1000 / (clock_ns - wns), 2),
        "source": source,
    }
