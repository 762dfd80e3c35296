"""What each reader finds in its kind of file."""

from __future__ import annotations

import pytest

from finn_tui.runs.logs.severity import Severity, severity
from finn_tui.runs.readers.finn import FinnData
from finn_tui.runs.readers.hls import HlsData
from finn_tui.runs.readers.parsed_file import Phase
from finn_tui.runs.readers.registry import reader_for
from finn_tui.runs.readers.timing import TimingSummary
from finn_tui.runs.readers.vivado_data import VivadoData
from tests.runs.readers.samples import (
    FINN,
    FINN_PLUS,
    HLS,
    HLS_FAILED,
    IMPLEMENTATION,
    PARENT,
    REFUSED,
    SAMPLES,
)
from tests.runs.readers.test_streaming import read


def test_phases_nest_in_tasks_and_have_their_own_time() -> None:
    reading = read("runme.log", IMPLEMENTATION.encode())
    times = {phase.name: phase.seconds for phase in reading.phases}
    assert times["Placer Initialization"] == 4
    # The nested task counts from its own start, the phase around it from the placer's.
    assert times["Physical Synthesis Initialization"] == 2
    assert times["Physical Synthesis"] == 3
    assert times["BUFG Insertion"] == 9 - 4
    assert times["Post Placement Optimization and Clean-Up"] == 12 - 4
    assert times["Placer"] == 13
    assert Phase("place_design", 15.0) in reading.phases
    assert times["write_bitstream"] == 5
    assert reading.outcome == "succeeded"
    assert reading.kind == "implementation"


def test_where_an_implementation_is() -> None:
    text = IMPLEMENTATION[: IMPLEMENTATION.index("INFO: [Physopt 32-619]")]
    data = read("runme.log", text.encode()).data
    assert isinstance(data, VivadoData)
    assert data.now == (
        "place_design",
        "Placer",
        "Post Placement Optimization and Clean-Up",
        "Post Commit Optimization",
        "Post Placement Optimization",
        "BUFG Insertion",
        "Physical Synthesis",
        "Physical Synthesis Initialization",
    )


def test_slack_overlaps_and_nets_are_series() -> None:
    reading = read("runme.log", IMPLEMENTATION.encode())
    assert [point.wns for point in reading.timings] == [0.128, 0.533, 0.244]
    assert [point.whs for point in reading.timings] == [None, None, 0.012]
    assert (reading.wns, reading.tns, reading.whs) == (0.244, 0.0, 0.012)
    assert reading.overlaps == (700, 20, 0)
    assert reading.unrouted == 0


def test_muted_messages_are_known_to_be_minima() -> None:
    reading = read("runme.log", IMPLEMENTATION.encode())
    assert reading.muted == {"DRC DPOP-2": 100}
    assert reading.messages["WARNING"] == 1


def test_a_repeated_log_is_counted_apart() -> None:
    reading = read("vivado.log", PARENT.encode())
    assert reading.messages == {"ERROR": 1, "CRITICAL WARNING": 0, "WARNING": 2, "INFO": 1}
    assert reading.repeated == {
        "impl_1": {"ERROR": 3, "CRITICAL WARNING": 1, "WARNING": 0, "INFO": 1}
    }
    assert reading.outcome == "failed"
    data = reading.data
    assert isinstance(data, VivadoData)
    assert data.launched == ("a_synth_1", "synth_1", "impl_1")
    assert data.finished == ("impl_1",)
    assert data.failed == ("impl_1",)
    assert [e.run for e in reading.evidence if e.cause == "over-utilization"] == ["impl_1"]


def test_two_sessions_in_one_file() -> None:
    reading = read("runme.log", (REFUSED + IMPLEMENTATION).encode())
    assert reading.sessions == 2
    assert reading.outcome == "succeeded"  # what came later counts
    assert {e.session for e in reading.evidence} == {1}


def test_a_log_that_just_stops_is_incomplete() -> None:
    text = IMPLEMENTATION[: IMPLEMENTATION.index("route_design completed")]
    assert read("runme.log", text.encode()).outcome == "incomplete"


def test_hls() -> None:
    reading = read("vitis_hls.log", HLS.encode())
    assert (reading.tool, reading.version, reading.outcome) == ("Vitis HLS", "2022.2", "succeeded")
    data = reading.data
    assert isinstance(data, HlsData)
    assert (data.top, data.fmax_mhz, data.loops_met) == ("MVAU_hls_0", 136.99, True)
    assert data.modules == ("MVAU_hls_0_inner", "MVAU_hls_0")
    assert data.started == 1614560745.0
    assert reading.phases[-1] == Phase("total", 60.64)


def test_the_first_error_of_hls_is_the_cause() -> None:
    reading = read("vitis_hls.log", HLS_FAILED.encode())
    assert reading.outcome == "failed"
    assert reading.evidence[0].cause == "hls-failed"
    assert "unknown type name 'Slice'" in reading.evidence[0].text


def test_builds_in_one_finn_log() -> None:
    reading = read("build_dataflow.log", FINN.encode())
    assert isinstance(reading.data, FinnData)
    first, second = reading.data.builds
    assert [step.seconds for step in first.steps] == [1.5, None]
    assert [step.seconds for step in second.steps] == [1.0, 180.0, None]
    assert reading.outcome == "incomplete"


def test_finn_plus_form() -> None:
    reading = read("build_dataflow.log", FINN_PLUS.encode())
    assert isinstance(reading.data, FinnData)
    (build,) = reading.data.builds
    assert (build.model, build.outcome) == ("model.onnx", "failed")
    assert build.steps[0].index == 14
    assert reading.messages["WARNING"] == 1
    assert reading.messages["ERROR"] == 1
    assert "ipgen-failed" in {e.cause for e in reading.evidence}


def test_finn_plus_verbose_form() -> None:
    text = "[2026-03-03 15:38:17,200]INFO: /finn/builder/x.py:12: Running step: step_a [1/2]\n"
    reading = read("build_dataflow.log", text.encode())
    assert isinstance(reading.data, FinnData)
    assert [step.name for step in reading.data.builds[0].steps] == ["step_a"]


def test_v_plus_plus_stamps_its_lines() -> None:
    text = "****** v++ v2022.2 (64-bit)\n[17:21:20] Phase 2 Global Placement\n"
    data = read("v++.log", text.encode()).data
    assert isinstance(data, VivadoData)
    assert data.now == ("Global Placement",)


def test_a_debugger_prompt_without_a_line_end() -> None:
    text = "Running step: step_x [1/2]\nTraceback (most recent call last):\n  File x\n"
    text += "AssertionError: no\n> /finn/x.py(12)f()\n-> assert\n(Pdb) "
    reading = read("runner.log", text.encode())
    assert isinstance(reading.data, FinnData)
    assert reading.data.builds[-1].waiting
    assert "debugger-prompt" in {e.cause for e in reading.evidence}


def test_timing_summary() -> None:
    name = "x_timing_summary_routed.rpt"
    reading = read(name, SAMPLES[name].encode())
    assert (reading.wns, reading.tns, reading.whs, reading.outcome) == (
        -0.618,
        -152.301,
        0.01,
        "failed",
    )
    assert isinstance(reading.data, TimingSummary)
    assert reading.data.failing == 210
    assert reading.data.clocks == (("clk_fpga_0", 4.0),)


def test_what_a_file_is_by_its_content() -> None:
    kinds = {
        "renamed.txt": HLS,
        "other.txt": IMPLEMENTATION,
        "out.txt": FINN,
        "noise.txt": "nothing to see",
    }
    by_name = {name: read(name, text.encode()).kind for name, text in kinds.items()}
    assert by_name == {
        "renamed.txt": "hls",
        "other.txt": "implementation",
        "out.txt": "finn",
        "noise.txt": "text",
    }
    assert reader_for("x.bin", b"\x7fELF\0").finish().kind == "binary"


@pytest.mark.parametrize("name", [*SAMPLES])
def test_inspect_counts_severities_as_the_viewer_does(name: str) -> None:
    if not name.endswith(".log"):
        return
    text = SAMPLES[name] + "x.py:3: UserWarning: w\nAssertionError\nWARNING: w\n"
    reading = read(name.rpartition("/")[2], text.encode())
    repeated = reading.repeated.values()
    for grade, word in (
        (Severity.ERROR, "ERROR"),
        (Severity.CRITICAL, "CRITICAL WARNING"),
        (Severity.WARNING, "WARNING"),
        (Severity.INFO, "INFO"),
    ):
        counted = reading.messages[word] + sum(counts[word] for counts in repeated)
        assert counted == sum(severity(line) == grade for line in text.encode().split(b"\n")), word


def test_every_second_is_counted_once() -> None:
    line = (
        "{}: Time (s): cpu = 00:00:01 ; elapsed = 00:00:{:02d} . Memory (MB): peak = 1.0 ; gain = 0"
    )
    child = [
        "*** Running vivado",
        "    with args -log top.vdi -x",
        "****** Vivado v2022.2 (64-bit)",
        "Command: opt_design",
        line.format("report_drc", 3),
        "opt_design completed successfully",
        line.format("opt_design", 20),
    ]
    reading = read("runme.log", "\n".join([*child, ""]).encode())
    assert reading.seconds == 20  # report_drc is within opt_design
    parent = [
        "# Vivado v2022.2 (64-bit)",
        line.format("launch_runs", 5),
        "[Mon Mar  1 14:23:47 2021] Launched impl_1...",
        "[Mon Mar  1 14:23:47 2021] Waiting for impl_1 to finish...",
        *child,
        "[Mon Mar  1 14:36:01 2021] impl_1 finished",
        line.format("wait_on_run", 30),
    ]
    assert read("vivado.log", "\n".join([*parent, ""]).encode()).seconds == 35
    sourced = [*parent, line.format("source", 40), ""]
    assert read("vivado.log", "\n".join(sourced).encode()).seconds == 40
    commands = HLS.replace(
        "INFO: [HLS 200-112]",
        "INFO: [HLS 200-111] Finished Command csynth_design CPU user time: 1 seconds. CPU system "
        "time: 0 seconds. Elapsed time: 9.5 seconds; current\nINFO: [HLS 200-112]",
    )
    assert read("vitis_hls.log", commands.encode()).seconds == 60.64
