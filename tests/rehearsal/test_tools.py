"""The stand-ins for vivado and vitis_hls: what they leave, and that their logs have the form.

The patterns are those that readers of real logs rely on, checked against real logs elsewhere.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from finn_tui.rehearsal import bitstream
from finn_tui.rehearsal.tools.install import install
from tests.sources import syntax_tree

LAYERS = ("StreamingFIFO_rtl_0", "MVAU_hls_0", "MVAU_hls_1", "StreamingFIFO_rtl_1")

TIME = (
    r"Time \(s\): cpu = ([\d:.]+) ; elapsed = ([\d:.]+) \. "
    r"Memory \(MB\): peak = ([\d.]+) ; gain = (-?[\d.]+)"
    r"(?: ; free physical = (\d+) ; free virtual = (\d+))?"
)
BANNER = re.compile(r"^\*{6} (Vivado|Vivado\(TM\) HLS|Vitis HLS)\b.*? v(\d{4}\.\d+) \(64-bit\)")
COMMAND = re.compile(r"^Command: (\w+)(?: (.*))?$")
RESULT = re.compile(r"^(\w+) (completed successfully|failed)$")
COUNTS = re.compile(
    r"^(\d+) Infos, (\d+) Warnings, (\d+) Critical Warnings and (\d+) Errors encountered\.$"
)
EXIT = re.compile(r"^INFO: \[Common 17-206\] Exiting (\S+) at (.+?)\.\.\.$")
MESSAGE = re.compile(r"^(INFO|WARNING|CRITICAL WARNING|ERROR): \[([^\]]+)\] ?(.*)$")
START = re.compile(r"^Phase (\d+(?:\.\d+)*) ((?:(?! \| Checksum).)+)$")
END = re.compile(r"^Phase (\d+(?:\.\d+)*) (.+?) \| Checksum: ([0-9a-f]+)$")
TASK = re.compile(r"^(Starting|Ending) (.+?) Task(?: \| Checksum: [0-9a-f]+)?$")
WNS = re.compile(
    r"(Estimated|Intermediate|Current|Post Routing|Post Placement|Post Physical Optimization) "
    r"Timing Summary (?:\| )?WNS=\s*(-?[\d.]+|N/A|inf)"
)
OVERLAPS = re.compile(r"^ Number of Nodes with overlaps = (\d+)$")
UNROUTED = re.compile(r"^  Number of (Failed|Unrouted|Partially Routed) Nets\s*= (\d+)")
PARENT = re.compile(
    r"^\[(\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4})\] "
    r"(Launched .+\.\.\.|Waiting for \S+ to finish.*|\S+ finished)$"
)
SYNTHESIS = re.compile(r"^(Starting|Finished|Synthesis) (.+?) : Time \(s\): ")


@pytest.fixture
def plan(tmp_path: Path) -> dict[str, Any]:
    """A plan for two layers on a Pynq-Z2."""
    estimate = {"LUT": 1000.2, "BRAM_18K": 3, "URAM": 0, "DSP": 0}
    return {
        "seconds": 0.3,
        "part": "xc7z020clg400-1",
        "clock_ns": 10.0,
        "ii_cycles": 784,
        "latency_cycles": 1000,
        "cycles": {"MVAU_hls_0": 784, "MVAU_hls_1": 64},
        "resources": {"MVAU_hls_0": estimate, "MVAU_hls_1": estimate},
        "device": {"LUT": 53200, "FF": 106400, "BRAM_18K": 280, "URAM": 0, "DSP": 220},
        "hls_layers": 2,
    }


class Bench:
    """A folder with the stand-ins and the scripts that FINN would write."""

    def __init__(self, folder: Path, plan: dict[str, Any]) -> None:
        self.folder = folder
        self.rehearsal = folder / "rehearsal"
        self.tools = install(self.rehearsal)
        (self.rehearsal / "rehearsal.json").write_text(json.dumps(plan))
        (self.rehearsal / "network.npz").write_bytes(b"the network")

    def run(
        self, tool: str, *arguments: str, cwd: Path, patience: float = 60
    ) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "FINN_TUI_REHEARSAL": str(self.rehearsal),
            "FINN_TUI_REHEARSAL_PYTHON": sys.executable,
        }
        return subprocess.run(
            [str(self.tools / tool), *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=patience,
        )

    def hls(self, layer: str = "MVAU_hls_0") -> tuple[Path, subprocess.CompletedProcess[str]]:
        place = self.folder / f"code_gen_ipgen_{layer}_abcdefgh"
        place.mkdir()
        (place / f"hls_syn_{layer}.tcl").write_text(
            f"set config_proj_name project_{layer}\n"
            'set config_proj_part "xc7z020clg400-1"\n'
            f'set config_toplevelfxn "{layer}"\n'
            "set config_clkperiod 10.0\n"
            "open_project $config_proj_name\ncsynth_design\nexport_design -format ip_catalog\n"
        )
        return place, self.run("vitis_hls", str(place / f"hls_syn_{layer}.tcl"), cwd=place)

    def stitch(self, name: str = "StreamingDataflowPartition_1") -> Path:
        place = self.folder / "vivado_stitch_proj_abcdefgh"
        place.mkdir()
        cells = "".join(
            f"create_bd_cell -type hier {name}_{layer}\n"
            f"create_bd_cell -type ip -vlnv xilinx.com:hls:{layer}:1.0 /{name}_{layer}/{layer}\n"
            for layer in LAYERS
        )
        (place / "make_project.tcl").write_text(
            f"create_project finn_vivado_stitch_proj {place} -part xc7z020clg400-1\n"
            f'create_bd_design "{name}"\n{cells}validate_bd_design\n'
            f"ipx::package_project -root_dir {place}/ip -vendor xilinx_finn\n"
        )
        done = self.run("vivado", "-mode", "batch", "-source", "make_project.tcl", cwd=place)
        assert done.returncode == 0, done.stdout
        return place

    def zynq(
        self, mhz: int = 100, patience: float = 60
    ) -> tuple[Path, subprocess.CompletedProcess[str]]:
        stitched = self.stitch()
        place = self.folder / "vivado_zynq_proj_abcdefgh"
        place.mkdir()
        script = place / "ip_config.tcl"
        script.write_text(
            f"set FREQ_MHZ {mhz}\nset BOARD Pynq-Z2\nset FPGA_PART xc7z020clg400-1\n"
            "create_project finn_zynq_link ./ -part $FPGA_PART\n"
            "if {$ZYNQ_TYPE == 1} {\n"
            "    create_bd_cell -type ip -vlnv $zynq_ps_vlnv zynq_ps\n"
            "    create_bd_cell -type ip -vlnv $other smartconnect_mlo\n}\n"
            "create_bd_cell -type ip -vlnv $smartconnect_vlnv smartconnect_0\n"
            "create_bd_cell -type ip -vlnv $x clk_wiz_0\n"
            f"set_property ip_repo_paths [list {stitched}/ip $::env(FINN_RTLLIB)/memstream]\n"
            "create_bd_cell -type ip -vlnv xilinx_finn:finn:StreamingDataflowPartition_0:1.0 "
            "idma0\n"
            "create_bd_cell -type ip -vlnv xilinx_finn:finn:StreamingDataflowPartition_1:1.0 "
            "StreamingDataflowPartition_1\n"
            "create_bd_cell -type ip -vlnv xilinx_finn:finn:StreamingDataflowPartition_2:1.0 "
            "odma0\n"
            "launch_runs -jobs 2 -to_step write_bitstream impl_1\nwait_on_run [get_runs impl_1]\n"
            "# generate synthesis report\nopen_run impl_1\nclose_project\n"
        )
        arguments = ("-mode", "batch", "-source", str(script))
        return place, self.run("vivado", *arguments, cwd=place, patience=patience)


@pytest.fixture
def bench(tmp_path: Path, plan: dict[str, Any]) -> Bench:
    return Bench(tmp_path, plan)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def _nested(lines: list[str]) -> list[tuple[str, str]]:
    """Commands and phases as a reader with a stack of tasks takes them apart.

    Fails where a phase ends that is not open, or a task within which phases are still open.
    """
    stack: list[tuple[str, list[str]]] = [("", [])]
    seen = []
    for line in lines:
        if match := TASK.match(line):
            if match.group(1) == "Starting":
                stack.append((match.group(2), []))
            else:
                assert stack[-1][0] == match.group(2), line
                stack.pop()
        elif match := END.match(line):
            numbers = stack[-1][1]
            # Phases whose end is never said lie above those that end.
            while numbers and numbers[-1] != match.group(1):
                numbers.pop()
            assert numbers, f"{line!r} ends a phase that is not open"
            numbers.pop()
        elif match := START.match(line):
            stack[-1][1].append(match.group(1))
            seen.append((stack[-1][0], match.group(2)))
    return seen


def _check_form(lines: list[str]) -> None:
    """What holds for every log of Vivado."""
    assert any(BANNER.match(line) for line in lines)
    early = [line for line in lines[:40] if "SIMULATED" in line]
    assert early
    assert MESSAGE.match(early[0])
    for line in lines:
        if "Time (s)" in line:
            assert re.search(TIME, line), line
        if line.startswith(("INFO:", "WARNING:", "CRITICAL WARNING:", "ERROR:")):
            assert MESSAGE.match(line), line
        if "encountered." in line:
            assert COUNTS.match(line), line
        if "@" in line:
            raise AssertionError(f"not filled in: {line}")


def test_hls_leaves_an_ip_a_report_and_a_log(bench: Bench) -> None:
    place, done = bench.hls()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (place / "project_MVAU_hls_0/sol1/impl/ip/component.xml").is_file()
    report = place / "project_MVAU_hls_0/sol1/syn/report/MVAU_hls_0_csynth.xml"
    root = ET.parse(report).getroot()
    resources = {
        child.tag: int(child.text or 0) for child in root.find("AreaEstimates/Resources") or ()
    }
    assert (resources["LUT"], resources["BRAM_18K"]) == (1001, 3)
    assert root.findtext(".//Worst-caseLatency") == "784"
    lines = _lines(place / "vitis_hls.log")
    _check_form(lines)
    start = r"^INFO: \[HLS 200-10\] For user '.*' on host '.*' \(.*\) on (.+)$"
    assert any(re.match(start, line) for line in lines)
    running = [
        m.group(1)
        for line in lines
        if (m := re.match(r"^INFO: \[HLS 200-1510\] Running: (.+)$", line))
    ]
    assert any(command.startswith("csynth_design") for command in running)
    phase = re.compile(
        r"^INFO: \[HLS 200-111\] ?Finished (.+?)(?: Time \(s\): cpu = .*elapsed = ([\d:.]+)|"
        r":? CPU user time: .*Elapsed time: ([\d.]+) seconds)"
    )
    phases = [m.group(1) for line in lines if (m := phase.match(line))]
    assert phases[:2] == ["File checks of 1 files", "Source Code Analysis and Preprocessing"]
    assert phases[-1] == "Command csynth_design"
    module = re.compile(r"^INFO: \[HLS 200-42\] -- Implementing module '(.+?)' ")
    modules = [m.group(1) for line in lines if (m := module.match(line))]
    assert modules[-1] == "MVAU_hls_0"
    fmax = r"^INFO: \[HLS 200-789\] \*\*\*\* Estimated Fmax: ([\d.]+) MHz"
    assert any(re.match(fmax, line) for line in lines)
    end = (
        r"^INFO: \[HLS 200-112\] .*[Tt]otal elapsed time: ([\d.]+) seconds; "
        r"peak allocated memory: ([\d.]+) (MB|GB)"
    )
    assert re.match(end, lines[-1])


def test_hls_that_fails_says_so_in_its_own_words(bench: Bench, plan: dict[str, Any]) -> None:
    plan["fail"] = {"mode": "hls", "layer": "MVAU_hls_1"}
    (bench.rehearsal / "rehearsal.json").write_text(json.dumps(plan))
    assert bench.hls("MVAU_hls_0")[1].returncode == 0
    place, done = bench.hls("MVAU_hls_1")
    assert done.returncode == 1
    errors = [
        m.group(2)
        for line in _lines(place / "vitis_hls.log")
        if (m := MESSAGE.match(line)) and m.group(1) == "ERROR"
    ]
    assert errors == ["HLS 207-3337", "HLS 200-1715", "HLS 200-70"]
    assert not (place / "project_MVAU_hls_1/sol1/impl/ip").exists()


def test_stitching_leaves_the_wrapper_that_finn_waits_for(bench: Bench) -> None:
    place = bench.stitch()
    wrapper = "sources_1/bd/StreamingDataflowPartition_1/hdl/StreamingDataflowPartition_1_wrapper.v"
    assert (place / "finn_vivado_stitch_proj.gen" / wrapper).is_file()
    assert (place / "finn_vivado_stitch_proj.srcs" / wrapper).is_file()
    assert (place / "ip/component.xml").is_file()
    lines = _lines(place / "vivado.log")
    _check_form(lines)
    assert re.match(r"^# Vivado v(\S+) \(64-bit\)", lines[1])
    assert any(re.match(r"^# Start of session at: (.+)$", line) for line in lines)
    assert any(re.match(r"^# Process ID: (\d+)", line) for line in lines)
    assert "# validate_bd_design" in lines
    assert EXIT.match(lines[-1])


def test_bitfile_with_everything_that_finn_reads(bench: Bench) -> None:
    place, done = bench.zynq()
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    runs = place / "finn_zynq_link.runs"
    meta, network = bitstream.unpack(runs / "impl_1/top_wrapper.bit")
    assert network == b"the network"
    assert meta == {
        "simulated": True,
        "ii_cycles": 784,
        "latency_cycles": 1000,
        "clock_ns": 10.0,
        "part": "xc7z020clg400-1",
    }
    rows = {}
    for row in ET.parse(place / "synth_report.xml").getroot().iter("tablerow"):
        cells = [cell.get("contents", "").strip() for cell in row]
        rows[cells[0]] = cells
    head = rows.pop("Instance")
    assert [head.index(n) for n in ("Total LUTs", "SRLs", "FFs", "RAMB36", "RAMB18", "DSP Blocks")]
    top = rows["top_wrapper"]
    assert top[1] == "(top)"
    layer = rows["StreamingDataflowPartition_1_MVAU_hls_0"]
    assert int(layer[head.index("Total LUTs")]) == 1001
    halves = 2 * int(layer[head.index("RAMB36")]) + int(layer[head.index("RAMB18")])
    assert halves == 3
    blocks = [cells for name, cells in rows.items() if name.startswith("top_") and cells is not top]
    whole = sum(int(cells[head.index("Total LUTs")]) for cells in blocks)
    assert int(top[head.index("Total LUTs")]) == whole
    assert "smartconnect_mlo" not in (place / "synth_report.xml").read_text()


def test_the_handoff_has_the_clock_and_the_data_movers(bench: Bench) -> None:
    place, _ = bench.zynq(mhz=200)
    path = place / "finn_zynq_link.gen/sources_1/bd/top/hw_handoff/top.hwh"
    root = ET.parse(path).getroot()
    modules = {m.get("INSTANCE"): m for m in root.iter("MODULE")}
    wizard = {p.get("NAME"): p.get("VALUE") for p in modules["clk_wiz_0"].iter("PARAMETER")}
    assert float(wizard["CLKOUT1_OUT_FREQ"] or 0) == 200.0
    assert {"idma0", "odma0", "StreamingDataflowPartition_1"} <= set(modules)
    ranges = {r.get("INSTANCE"): r.get("BASEVALUE") for r in root.iter("MEMRANGE")}
    assert ranges == {"idma0": "0x40000000", "odma0": "0x40010000"}


def test_implementation_scrolls_by_in_vivados_form(bench: Bench) -> None:
    place, _ = bench.zynq()
    folder = place / "finn_zynq_link.runs/impl_1"
    lines = _lines(folder / "runme.log")
    _check_form(lines)
    assert lines[1] == "*** Running vivado"
    assert re.match(r"^    with args -log (\S+)\.(vds|vdi) ", lines[2])
    commands = [m.group(1) for line in lines if (m := COMMAND.match(line))]
    assert commands == [
        "link_design",
        "opt_design",
        "report_drc",
        "place_design",
        "phys_opt_design",
        "route_design",
        "report_drc",
        "report_methodology",
        "report_power",
        "write_bitstream",
    ]
    results = [m.groups() for line in lines if (m := RESULT.match(line))]
    assert results == [(command, "completed successfully") for command in commands]
    phases = _nested(lines)
    assert ("Placer", "Global Placement") in phases
    assert ("Physical Synthesis", "Physical Synthesis Initialization") in phases
    assert ("Routing", "Rip-up And Reroute") in phases
    # Within the placer's phase 4.1.1.1 another task begins, whose phases count from 1 again.
    at = lines.index("Starting Physical Synthesis Task")
    assert "Phase 4.1.1.1 BUFG Insertion" in lines[at - 2 : at]
    wns = [m.group(1) for line in lines if (m := WNS.search(line))]
    assert wns[0] == "Estimated"
    assert wns.count("Intermediate") == 3
    overlaps = [int(m.group(1)) for line in lines if (m := OVERLAPS.match(line))]
    assert overlaps[0] > overlaps[1] > overlaps[2]
    assert overlaps[-1] == 0
    unrouted = [int(m.group(2)) for line in lines if (m := UNROUTED.match(line))]
    assert unrouted[0] > 0
    assert unrouted[-1] == 0
    assert "INFO: [Vivado 12-1842] Bitgen Completed Successfully." in lines
    assert EXIT.match(lines[-1])
    vdi = _lines(folder / "top_wrapper.vdi")
    assert re.match(r"^# Vivado v(\S+) \(64-bit\)", vdi[1])
    assert vdi[-len(lines) :] == lines


def test_marker_files_tell_the_stages(bench: Bench) -> None:
    place, _ = bench.zynq()
    runs = place / "finn_zynq_link.runs"
    impl = {path.name for path in (runs / "impl_1").glob(".*.rst")}
    for stage in ("init_design", "opt_design", "place_design", "route_design", "write_bitstream"):
        assert {f".{stage}.begin.rst", f".{stage}.end.rst"} <= impl
    assert ".vivado.end.rst" in impl
    assert ".Vivado_Implementation.queue.rst" in impl
    begin = ET.parse(runs / "impl_1/.vivado.begin.rst").getroot().find("Process")
    assert begin is not None
    assert int(begin.get("Pid") or 0) > 1
    for folder in runs.glob("*_synth_1"):
        assert (folder / "__synthesis_is_complete__").exists()
        assert (folder / ".vivado.end.rst").exists()
        assert (folder / ".Vivado_Synthesis.queue.rst").exists()


def test_synthesis_runs_have_their_stages_and_reports(bench: Bench) -> None:
    place, _ = bench.zynq()
    folder = place / "finn_zynq_link.runs/top_StreamingDataflowPartition_1_0_synth_1"
    lines = _lines(folder / "runme.log")
    _check_form(lines)
    stages = [m.group(2) for line in lines if (m := SYNTHESIS.match(line))]
    assert stages[:2] == ["RTL Elaboration", "RTL Elaboration"]
    order = ["Constraint Validation", "Cross Boundary and Area Optimization", "Technology Mapping"]
    assert [stage for stage in stages if stage in order] == order
    assert "synth_design completed successfully" in lines
    report = next(folder.glob("*_utilization_synth.rpt")).read_text()
    row = re.search(r"^\| Slice LUTs +\| +(\d+) \|", report, re.M)
    assert row is not None
    assert int(row.group(1)) >= 2002


def test_the_parent_tells_its_runs_and_repeats_the_implementation(bench: Bench) -> None:
    place, done = bench.zynq()
    lines = _lines(place / "vivado.log")
    _check_form(lines)
    messages = [m.group(2) for line in lines if (m := PARENT.match(line))]
    assert messages[0].startswith("Launched ")
    assert "top_idma0_0_synth_1" in messages[0]
    assert messages[1:] == [
        "Launched impl_1...",
        "Waiting for impl_1 to finish...",
        "impl_1 finished",
    ]
    child = _lines(place / "finn_zynq_link.runs/impl_1/runme.log")
    at = lines.index("*** Running vivado")
    assert lines[at - 1 : at - 1 + len(child)] == child
    assert done.stdout.splitlines() == lines


def test_reports_have_the_columns_that_readers_look_for(bench: Bench) -> None:
    place, _ = bench.zynq()
    folder = place / "finn_zynq_link.runs/impl_1"
    placed = (folder / "top_wrapper_utilization_placed.rpt").read_text()
    assert "| Design State : Fully Placed" in placed
    header = next(line for line in placed.splitlines() if "Site Type" in line)
    names = [cell.strip() for cell in header.strip("|").split("|")]
    assert names == ["Site Type", "Used", "Fixed", "Prohibited", "Available", "Util%"]
    for name in ("Slice LUTs", "Slice Registers", "Slice", "Block RAM Tile", "DSPs"):
        assert re.search(rf"^\| +{name} +\| +([\d.]+) \|", placed, re.M), name
    timing = (folder / "top_wrapper_timing_summary_routed.rpt").read_text().splitlines()
    at = next(i for i, line in enumerate(timing) if line.strip().startswith("WNS(ns)"))
    assert set(timing[at + 1]) <= set("- ")
    numbers = [float(number) for number in timing[at + 2].split()]
    assert len(numbers) == 12
    assert "All user specified timing constraints are met." in timing
    status = (folder / "top_wrapper_route_status.rpt").read_text()
    assert re.search(r"# of nets with routing errors\.+ :\s+0 :", status)


def test_missed_timing_is_no_error(bench: Bench, plan: dict[str, Any]) -> None:
    plan["clock_ns"] = 4.0
    (bench.rehearsal / "rehearsal.json").write_text(json.dumps(plan))
    place, done = bench.zynq(mhz=250)
    assert done.returncode == 0
    folder = place / "finn_zynq_link.runs/impl_1"
    lines = _lines(folder / "runme.log")
    _nested(lines)
    assert not [line for line in lines if line.startswith("ERROR")]
    assert [line for line in lines if line.startswith("WARNING: [Route 35-328]")]
    assert [line for line in lines if line.startswith("CRITICAL WARNING: [Timing 38-282]")]
    assert any("Post Physical Optimization Timing Summary | WNS=-" in line for line in lines)
    timing = (folder / "top_wrapper_timing_summary_routed.rpt").read_text()
    assert "Timing constraints are not met." in timing


def test_a_design_that_is_too_large_is_refused_by_the_placer(
    bench: Bench, plan: dict[str, Any]
) -> None:
    plan["device"]["BRAM_18K"] = 4
    (bench.rehearsal / "rehearsal.json").write_text(json.dumps(plan))
    place, done = bench.zynq()
    assert done.returncode == 1
    folder = place / "finn_zynq_link.runs/impl_1"
    lines = _lines(folder / "runme.log")
    errors = [
        m.group(2, 3) for line in lines if (m := MESSAGE.match(line)) and m.group(1) == "ERROR"
    ]
    assert [id for id, _ in errors] == ["DRC UTLZ-1", "Vivado_Tcl 4-23", "Common 17-39"]
    assert "requires 14 of such cell types but only 4" in errors[0][1]
    assert "place_design failed" in lines
    assert (folder / ".place_design.error.rst").exists()
    assert (folder / ".vivado.error.rst").exists()
    assert not (folder / "top_wrapper.bit").exists()
    parent = _lines(place / "vivado.log")
    assert "WARNING: [Vivado 12-8222] Failed run(s) : 'impl_1'" in parent
    assert any(line.startswith("ERROR: [Common 17-69] Command failed") for line in parent)


#: How each failure shows: the log, a line in it, and marker files of the run (there, not there).
FAILING = {
    "spawn": ("vivado.log", r"^ERROR: \[Common 17-180\] Spawn failed", (), ()),
    "licence": ("synth", r"^ERROR: \[Common 17-345\] A valid license was not found", (), ()),
    "synth-crash": ("synth", r"^Abnormal program termination \(11\)$", (), ()),
    "place": ("impl", r"^ERROR: \[DRC UTLZ-1\]", (".place_design.error.rst",), ()),
    "crash": ("impl", r"hs_err_pid\d+\.log' for details$", (".place_design.error.rst",), ()),
    "memory": (
        "impl",
        r"rdiArgs\.sh: line \d+: \d+ Killed",
        (".place_design.begin.rst",),
        (".place_design.error.rst", ".vivado.error.rst", ".vivado.end.rst"),
    ),
    "route": ("impl", r"^route_design failed$", (".route_design.error.rst",), ()),
    "disk": ("impl", r"no space left on device$", (".write_bitstream.error.rst",), ()),
}


@pytest.mark.parametrize("mode", FAILING)
def test_each_failure_shows_in_the_tools_own_words(
    bench: Bench, plan: dict[str, Any], mode: str
) -> None:
    plan["fail"] = {"mode": mode}
    (bench.rehearsal / "rehearsal.json").write_text(json.dumps(plan))
    place, done = bench.zynq()
    assert done.returncode == 1
    log, pattern, there, not_there = FAILING[mode]
    runs = place / "finn_zynq_link.runs"
    names = {"impl": "impl_1/runme.log", "synth": "top_*_synth_1/runme.log"}
    logs = runs.glob(names[log]) if log in names else [place / log]
    lines = [line for path in logs for line in _lines(path)]
    assert [line for line in lines if re.search(pattern, line)], lines[-12:]
    assert all((runs / "impl_1" / name).exists() for name in there)
    assert not any((runs / "impl_1" / name).exists() for name in not_there)
    assert not (runs / "impl_1" / "top_wrapper.bit").exists()
    assert bool(list(runs.glob("*/hs_err_pid*.log"))) == mode.endswith("crash")
    # Nobody who only waits for a word of success is misled.
    assert "write_bitstream completed successfully" not in lines


def test_an_ip_that_was_not_exported_is_missed_by_its_vlnv(
    bench: Bench, plan: dict[str, Any]
) -> None:
    plan["fail"] = {"mode": "vlnv", "layer": "MVAU_hls_0"}
    (bench.rehearsal / "rehearsal.json").write_text(json.dumps(plan))
    place, done = bench.hls("MVAU_hls_0")
    assert done.returncode == 0, "FINN goes on"
    assert (place / "project_MVAU_hls_0/sol1/impl/ip").is_dir()
    assert "ERROR: [IMPL 213-28] Failed to generate IP." in _lines(place / "vitis_hls.log")
    with pytest.raises(AssertionError, match=r"BD 5-390.*xilinx.com:hls:MVAU_hls_0:1.0"):
        bench.stitch()


def test_a_told_timing_failure_is_a_good_build_with_a_missed_clock(
    bench: Bench, plan: dict[str, Any]
) -> None:
    plan["fail"] = {"mode": "timing"}
    (bench.rehearsal / "rehearsal.json").write_text(json.dumps(plan))
    place, done = bench.zynq()
    assert done.returncode == 0
    lines = _lines(place / "finn_zynq_link.runs/impl_1/runme.log")
    assert not [line for line in lines if line.startswith("ERROR")]
    assert [line for line in lines if "[Timing 38-282]" in line]


def test_a_silent_tool_ends_only_when_it_is_ended(bench: Bench, plan: dict[str, Any]) -> None:
    plan["fail"] = {"mode": "hang"}
    (bench.rehearsal / "rehearsal.json").write_text(json.dumps(plan))
    with pytest.raises(subprocess.TimeoutExpired):
        bench.zynq(patience=3)
    log = bench.folder / "vivado_zynq_proj_abcdefgh/finn_zynq_link.runs/impl_1/runme.log"
    lines = _lines(log)
    assert any(line.startswith("Command: route_design") for line in lines)
    assert not [line for line in lines if line.startswith(("ERROR", "route_design "))]


def test_long_logs_are_written_quickly_and_only_where_they_belong(
    bench: Bench, plan: dict[str, Any]
) -> None:
    plan["log_mb"] = 5
    (bench.rehearsal / "rehearsal.json").write_text(json.dumps(plan))
    place, done = bench.zynq()
    assert done.returncode == 0
    log = place / "finn_zynq_link.runs/impl_1/runme.log"
    assert 5_000_000 < log.stat().st_size < 5_200_000
    assert (place / "vivado.log").stat().st_size < 300_000 and len(done.stdout) < 300_000
    lines = _lines(log)
    assert all(MESSAGE.match(line) for line in lines if "[Memdata" in line or "DPOP" in line)
    assert "write_bitstream completed successfully" in lines


def test_the_tools_take_the_time_that_they_are_told(bench: Bench, plan: dict[str, Any]) -> None:
    plan["seconds"] = 3.0
    (bench.rehearsal / "rehearsal.json").write_text(json.dumps(plan))
    begin = time.monotonic()
    _, done = bench.zynq()
    took = time.monotonic() - begin
    assert done.returncode == 0
    # 67 % of the time is the bitfile's and 2 % that of one stitched project.
    # Above, only the machine's load counts: starting two interpreters takes a part of a second.
    assert 0.69 * 3.0 <= took < 0.69 * 3.0 + 20.0


def test_log_lines_come_while_time_passes(bench: Bench, plan: dict[str, Any]) -> None:
    plan["seconds"] = 4.0
    (bench.rehearsal / "rehearsal.json").write_text(json.dumps(plan))
    stamps = []
    place = bench.folder / "code"
    place.mkdir()
    (place / "hls_syn_X.tcl").write_text(
        'set config_proj_name project_X\nset config_toplevelfxn "X"\n'
    )
    environment = {"PATH": os.environ["PATH"], "FINN_TUI_REHEARSAL": str(bench.rehearsal)}
    environment["FINN_TUI_REHEARSAL_PYTHON"] = sys.executable
    plan["hls_layers"] = 0
    (bench.rehearsal / "rehearsal.json").write_text(json.dumps(plan))
    process = subprocess.Popen(
        [str(bench.tools / "vitis_hls"), "hls_syn_X.tcl"],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for _ in process.stdout:
        stamps.append(time.monotonic())
    assert process.wait() == 0
    assert stamps[-1] - stamps[0] > 0.3
    pauses = [later - sooner for sooner, later in pairwise(stamps)]
    assert sum(pause > 0.01 for pause in pauses) >= 3, "all lines came at once"


@pytest.mark.parametrize("arguments", [(), ("-mode", "gui"), ("-mode", "batch")])
def test_what_they_cannot_do_is_an_error(bench: Bench, arguments: tuple[str, ...]) -> None:
    done = bench.run("vivado", *arguments, cwd=bench.folder)
    assert done.returncode == 1
    assert done.stdout.startswith("ERROR: [")
    assert "SIMULATED" in done.stdout


def test_versions_are_told(bench: Bench) -> None:
    assert bench.run("vivado", "-version", cwd=bench.folder).stdout.startswith("Vivado v2022.2")
    assert "v2022.2" in bench.run("vitis_hls", "-version", cwd=bench.folder).stdout


def test_they_run_in_the_oldest_python_that_finn_runs_in() -> None:
    package = Path(install.__code__.co_filename).parent
    sources = [*sorted(package.glob("*.py")), package.parent / "bitstream.py"]
    assert len(sources) > 8
    for path in sources:
        tree = syntax_tree(path, (3, 8))
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not names & {"removeprefix", "removesuffix", "is_relative_to", "readlink"}, path
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom | ast.Import):
                module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                top = (module or "").split(".")[0]
                assert top in sys.stdlib_module_names | {"finn_tui"}, f"{path}: {module}"
