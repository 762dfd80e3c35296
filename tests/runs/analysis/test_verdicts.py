"""Verdicts on logs of all kinds: nothing is called succeeded without a line that says so.

The texts are written for these tests after the tools' own words; none is a real log.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import pytest
from click.testing import CliRunner

from finn_tui.cli.inspect import inspect as command
from finn_tui.engine.server.failures import causes
from finn_tui.runs.analysis.inspect import Inspection, inspect
from tests.runs.conftest import MakeRun
from tests.runs.readers.samples import HLS, IMPLEMENTATION, REFUSED

STEPS = "".join(f"Running step: step_{name} [{at}/3]\n" for at, name in enumerate("abc", 1))
HLS_HEAD = (
    "****** Vitis HLS - High-Level Synthesis from C, C++ and OpenCL v2022.2 (64-bit)\n"
    "INFO: [HLS 200-1510] Running: csynth_design\n"
)
VIVADO_HEAD = "****** Vivado v2022.2 (64-bit)\nsource make_project.tcl\n"
EXIT = "INFO: [Common 17-206] Exiting Vivado at Mon Mar  1 14:36:01 2021...\n"
TRACE = (
    'Traceback (most recent call last):\n  File "/finn/build_dataflow.py", line 158, in f\n'
    "    model = transform_step(model, cfg)\n"
)
BOARD = (
    'Traceback (most recent call last):\n  File "driver.py", line 7, in <module>\n'
    '  File "/usr/lib/python3/pynq/overlay.py", line 3, in g\n    x()\n'
)
VPP = "****** v++ v2022.2 (64-bit)\nINFO: [v++ 60-629] Linking for hardware target\n"


def read(folder: Path, text: str, name: str = "build.log") -> Inspection:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return inspect(path)


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (
            "tools-missing",
            STEPS + "/usr/bin/env: \u2018vitis_hls\u2019: No such file or directory\n",
        ),
        ("tools-missing", STEPS + "sh: 1: vivado: not found\n"),
        ("tools-missing", "which: no vivado in (/usr/bin:/bin)\nmake: *** [all] Error 1\n"),
        ("tools-missing", STEPS + TRACE + "Exception: Could not find vitis-run in PATH\n"),
        ("tools-missing", STEPS + "bash: line 1: verilator: command not found\n"),
        ("environment-variable", STEPS + TRACE + "KeyError: 'FINN_BUILD_DIR'\n"),
        ("environment-variable", "run-docker.sh: line 9: FINN_XILINX_PATH: unbound variable\n"),
        (
            "environment-variable",
            VIVADO_HEAD + 'can\'t read "env(FINN_ROOT)": no such variable\n'
            '    while executing\n"x"\n' + EXIT,
        ),
        ("licence", HLS_HEAD + "ERROR: [HLS 200-101] Failed to check out a license for HLS.\n"),
        ("licence", VIVADO_HEAD + "ERROR: [Common 17-9] The license for 'X' has expired.\n"),
        ("out-of-memory", STEPS + "g++: internal compiler error: Killed (program cc1plus)\n"),
        ("out-of-memory", STEPS + "collect2: fatal error: ld terminated with signal 9 [Killed]\n"),
        ("out-of-memory", STEPS + "slurmstepd: error: Exceeded job memory limit at some point.\n"),
        ("out-of-memory", "srun: error: node7: task 0: Out Of Memory\n"),
        ("out-of-memory", STEPS + "Killed\n"),
        ("out-of-memory", STEPS + TRACE + "numpy.core._exceptions._ArrayMemoryError: Unable\n"),
        ("out-of-memory", VIVADO_HEAD + '/x/bin/loader: line 164: 1449 Killed   "$RDI_PROG"\n'),
        (
            "out-of-memory",
            VIVADO_HEAD + "ERROR: [Common 17-180] Spawn failed: Cannot allocate memory\n" + EXIT,
        ),
        (
            "time-limit",
            STEPS + "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00"
            " DUE TO TIME LIMIT ***\n",
        ),
        ("tool-version", HLS_HEAD + "ERROR: [HLS 200-101] 'config_rtl': Unknown option '-new'.\n"),
        (
            "tool-version",
            VIVADO_HEAD + "ERROR: [Common 17-170] Unknown option '-x', please type "
            "'synth_design -help' for usage info.\n" + EXIT,
        ),
        (
            "part-missing",
            VIVADO_HEAD + "ERROR: [Coretcl 2-106] Specified part could not be found.\n" + EXIT,
        ),
        (
            "board-files",
            VIVADO_HEAD + "ERROR: [Board 49-71] The board_part definition was "
            "not found "
            "for x:y:z.\n" + EXIT,
        ),
        (
            "y2k22",
            "****** Vivado v2019.1 (64-bit)\nbad lexical cast: source type value "
            "could not be "
            'interpreted as target\n    while executing\n"rdi::set_property"\n' + EXIT,
        ),
        (
            "hls-failed",
            HLS_HEAD + "ERROR: [HLS 207-12] no matching function (a.cpp:1:2)\nERROR: "
            "[HLS 200-1715] Encountered problem during source synthesis\n",
        ),
        ("c-simulation-failed", HLS_HEAD + "ERROR: [SIM 211-100] 'csim_design' failed: errors.\n"),
        (
            "co-simulation-failed",
            HLS_HEAD + "ERROR: [COSIM 212-4] *** C/RTL co-simulation finished: FAIL ***\n",
        ),
        (
            "unroutable",
            VIVADO_HEAD + "Command: write_bitstream x.bit\nERROR: [DRC RTSTAT-2] "
            "Partially routed nets: 3 net(s).\nwrite_bitstream failed\n" + EXIT,
        ),
        (
            "ports-without-standard",
            VIVADO_HEAD + "Command: write_bitstream x.bit\nERROR: "
            "[DRC NSTD-1]"
            " Unspecified I/O Standard: 64 out of 194 ports.\nwrite_bitstream failed\n" + EXIT,
        ),
        (
            "tcl-error",
            VIVADO_HEAD + 'wrong # args: should be "set a b"\n    while executing\n'
            '"set a"\n' + EXIT,
        ),
        (
            "tcl-error",
            VIVADO_HEAD + 'no files matched glob pattern "*.v"\n    while executing\n'
            '"glob *.v"\n' + EXIT,
        ),
        (
            "tcl-file-missing",
            HLS_HEAD + 'couldn\'t read file "/b/x.tcl": no such file or '
            "directory\n"
            '    while executing\n"source /b/x.tcl"\n',
        ),
        (
            "vpp-link-failed",
            VPP + "ERROR: [VPL 60-806] Failed to finish platform linker\n"
            "INFO: [v++ 60-1653] Closing dispatch client.\n",
        ),
        (
            "vpp-error",
            VPP + "ERROR: [v++ 60-602] Source file does not exist: a.xo\n"
            "INFO: [v++ 60-1653] Closing dispatch client.\n",
        ),
        (
            "fifo-simulation",
            STEPS + TRACE + "FileNotFoundError: [Errno 2] No such file or "
            "directory:"
            " '/b/verilator_fifosim_x/results.txt'\n",
        ),
        (
            "stitch-failed",
            STEPS + TRACE + "FileNotFoundError: [Errno 2] No such file or directory: "
            "'/b/vivado_stitch_proj_x/all_verilog_srcs.txt'\n",
        ),
        (
            "project-failed",
            STEPS + "ERROR: [Common 17-69] Command failed: The provided IP "
            "directory "
            "doesn't exist: '/b/ip'\n" + TRACE + "Exception: Synthesis failed, no bitfile found.\n",
        ),
        (
            "docker",
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the "
            "docker daemon running?\n",
        ),
        ("permission", STEPS + TRACE + "PermissionError: [Errno 13] Permission denied: '/tmp/f'\n"),
        ("permission", "mkdir: cannot create directory '/tmp/finn_dev_x': Permission denied\n"),
        ("exception", STEPS + TRACE + "Exception: Unrecognized shell flow\n"),
        ("exception", STEPS + TRACE + "AssertionError\n"),
        ("exception", STEPS + TRACE + "onnxruntime.capi.InvalidGraph: In Node, Im2Col\n"),
        ("board-memory", BOARD + "RuntimeError: Failed to allocate memory!\n"),
        ("board-root", BOARD + "PermissionError: [Errno 13] Permission denied: '/dev/mem'\n"),
        ("board-error", BOARD + "ValueError: shapes differ\n"),
    ],
)
def test_each_kind_of_failure_is_told_in_its_own_words(
    tmp_path: Path, cause: str, text: str
) -> None:
    inspection = read(tmp_path, text)
    assert inspection.outcome == "failed"
    assert inspection.cause is not None
    assert inspection.cause.id == cause
    assert inspection.cause.advice


@pytest.mark.parametrize(
    "text",
    [
        STEPS + TRACE + "KeyboardInterrupt\n",
        STEPS + "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 ***\n",
        VIVADO_HEAD
        + "Command: place_design\nINFO: [Common 17-344] 'place_design' was cancelled\n"
        + EXIT,
    ],
)
def test_what_somebody_ended_is_cancelled(tmp_path: Path, text: str) -> None:
    inspection = read(tmp_path, text)
    assert inspection.outcome == "cancelled"
    assert inspection.cause is not None and inspection.cause.id == "cancelled"


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("", "unknown"),
        ("some words\n", "unknown"),
        (STEPS, "unknown"),  # its last step began, and nothing says how that ended
        (STEPS[: STEPS.index("Running step: step_c")], "incomplete"),
        (STEPS + "Completed successfully\n", "succeeded"),
        ("Completed successfully\n", "unknown"),  # whoever says so, it is no build
        ("docker pull\n" * 3000 + STEPS + "Completed successfully\n", "succeeded"),
        (VPP, "incomplete"),
        (VPP + "INFO: [v++ 60-791] Total elapsed time: 1h 2m\n", "succeeded"),
        (VIVADO_HEAD + "Command: place_design\n" + EXIT, "incomplete"),
        (HLS_HEAD, "incomplete"),
        ('{"a": 1}', "unknown"),
    ],
)
def test_success_needs_a_line_that_says_so(tmp_path: Path, text: str, outcome: str) -> None:
    assert read(tmp_path, text).outcome == outcome


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("runme.log.gz", lambda text: gzip.compress(text.encode())),
        ("runme.log.xz", lambda text: lzma.compress(text.encode())),
        ("runme.log.bz2", lambda text: bz2.compress(text.encode())),
        ("a.log", lambda text: text.encode("utf-16")),
        ("a.log", lambda text: text.encode("utf-16-be")),
        ("a.log", lambda text: b"\xef\xbb\xbf" + text.lstrip().replace("\n", "\r\n").encode()),
        ("a.log", lambda text: text.replace("\n", "\r").encode()),
        ("a.log", lambda text: stamped(text, "[2026-01-02 03:04:05,678] ")),
        ("a.log", lambda text: stamped(text, "2026-01-02T03:04:05.678901234Z ")),
        ("a.log", lambda text: stamped(text, "Jan  2 03:04:05 ")),
        ("a.log", lambda text: stamped(text, "Jan 12 03:04:05 lab vivado[71]: ")),
        ("a.log", lambda text: stamped(text, "finn-1  | ")),
        ("a.log", lambda text: stamped(text, "03:04:05 ")),
        ("a.log", lambda text: stamped(text, "\x1b[0m")),
        ("a.log", lambda text: stamped(text, "\x1b[36m#7 12.3 \x1b[0m")),
        ("a.log", lambda text: text.encode() + b"\0" * 500),
        ("a.log", lambda text: text.encode() + bytes(range(256)) * 4),
        ("nohup.out", lambda text: ("nohup: ignoring input\n" * 2000 + text).encode()),
    ],
)
def test_logs_are_read_whatever_they_went_through(
    tmp_path: Path, name: str, change: object
) -> None:
    assert callable(change)
    path = tmp_path / name
    path.write_bytes(change(REFUSED))
    inspection = inspect(path)
    assert (inspection.outcome, inspection.cause and inspection.cause.id) == (
        "failed",
        "over-utilization",
    )
    assert inspection.cause is not None and "613 of 280" in inspection.cause.text
    whole = inspect(tmp_path)
    assert whole.cause is not None and whole.cause.id == "over-utilization"


def stamped(text: str, stamp: str) -> bytes:
    return "".join(f"{stamp}{line}\n" for line in text.split("\n")[:-1]).encode()


def test_a_compressed_log_that_is_cut_off_is_read_so_far(tmp_path: Path) -> None:
    path = tmp_path / "runme.log.gz"
    path.write_bytes(gzip.compress(IMPLEMENTATION.encode())[:-200])
    inspection = inspect(path)
    assert inspection.outcome != "succeeded"


def test_a_try_after_a_failure_counts_within_one_hls_log(tmp_path: Path) -> None:
    failed = HLS_HEAD + "ERROR: [HLS 207-1] no (a.cpp:1:1)\n"
    assert read(tmp_path, failed + HLS, "vitis_hls.log").outcome == "succeeded"
    again = (
        failed
        + HLS_HEAD.split("\n", 1)[1]
        + (
            "INFO: [HLS 200-111] Finished Command csynth_design CPU user time: 1 seconds. "
            "CPU system "
            "time: 0 seconds. Elapsed time: 3.5 seconds; current allocated memory: 1.0 MB.\n"
        )
    )
    assert read(tmp_path, again, "vitis_hls.log").outcome == "succeeded"
    assert read(tmp_path, HLS + failed, "vitis_hls.log").outcome == "failed"


def _routed(wns: str) -> str:
    return f"INFO: [Route 35-57] Estimated Timing Summary | WNS={wns} | TNS=-1.0 | WHS=0.01  |\n"


def test_a_missed_clock_in_finns_own_log(tmp_path: Path) -> None:
    log = "Running step: step_out_of_context_synthesis [1/2]\n" + _routed("-3.000")
    log += "Running step: step_synthesize_bitfile [2/2]\n{}Completed successfully\n"
    missed = read(tmp_path, log.format(_routed("-0.618")))
    assert (missed.outcome, missed.clock_missed_ns) == ("failed", 0.618)
    assert missed.cause is not None and missed.cause.id == "timing-missed"
    assert "clock missed by 0.618 ns" in missed.cause.text
    # Out-of-context synthesis is asked for more than it can.
    met = read(tmp_path, log.format(_routed("0.100")))
    assert (met.outcome, met.clock_missed_ns) == ("succeeded", None)


def test_the_highest_clock_is_that_of_the_worst_path(tmp_path: Path) -> None:
    text = (
        "| Design : x\n    WNS(ns)      TNS(ns)  TPWS(ns)\n    -------   ------\n"
        "     -0.500     -2.0    2    90   0.010  0.000  0  90  1.5  0.0  0  100\n\n"
        "Timing constraints are not met.\n\n| Clock Summary\n"
        "clk_fpga_0  {0.000 2.000}        4.000           250.000\n"
        "  clk_out1  {0.000 5.000}       10.000           100.000\n\n"
        "| Intra Clock Table\nClock   WNS(ns)  TNS(ns)\n-----   -------  -------\n"
        "clk_fpga_0   0.200   0.000   0\n  clk_out1    -0.500   -2.000   2\n"
    )
    inspection = read(tmp_path, text, "top_timing_summary_routed.rpt")
    assert inspection.cause is not None
    assert inspection.cause.details["clock"] == "clk_out1"
    assert inspection.cause.details["fmax_mhz"] == pytest.approx(95.2)


def _build(folder: Path, log: str, run: str = "") -> None:
    (folder / "output").mkdir(parents=True)
    (folder / "output/build_dataflow.log").write_text(log)
    if run:
        place = folder / "vivado_zynq_proj_abcdefgh/x.runs/impl_1"
        place.mkdir(parents=True)
        (place / "runme.log").write_text(run)


def test_several_builds_in_one_folder_are_told_apart(tmp_path: Path) -> None:
    _build(tmp_path / "first", STEPS, REFUSED)
    _build(tmp_path / "second", STEPS + "Completed successfully\n", IMPLEMENTATION)
    inspection = inspect(tmp_path)
    assert inspection.outcome == "failed"
    assert inspection.cause is not None and inspection.cause.id == "over-utilization"
    assert {build.name: build.outcome for build in inspection.builds} == {
        "first": "failed",
        "second": "succeeded",
    }


def test_a_later_success_excuses_only_its_own_retry(tmp_path: Path) -> None:
    build = "Building dataflow accelerator from {}\n" + STEPS
    failed, good = (
        build + TRACE + "ValueError: x\nBuild failed\n",
        build + "Completed successfully\n",
    )
    retried = read(tmp_path, failed.format("a.onnx") + good.format("a.onnx"))
    assert (retried.outcome, [b.retried for b in retried.builds]) == ("succeeded", [True, False])
    other = read(tmp_path, failed.format("a.onnx") + good.format("b.onnx"))
    assert (other.outcome, [b.retried for b in other.builds]) == ("failed", [False, False])
    assert other.cause is not None and "ValueError: x" in other.cause.text


def test_a_caught_exception_ends_no_build(tmp_path: Path) -> None:
    first, rest = STEPS.split("\n", 1)
    text = f"{first}\n{TRACE}ValueError: tried\n{rest}Completed successfully\n"
    inspection = read(tmp_path, text)
    assert (inspection.outcome, inspection.builds) == ("succeeded", ())


def test_times_prove_that_an_upstream_build_succeeded(tmp_path: Path) -> None:
    log = "".join(
        f"[2026-01-02 03:0{at}:00,000] Running step: step_{at} [{at}/2]\n" for at in (1, 2)
    )
    _build(tmp_path, log)
    assert inspect(tmp_path).outcome == "unknown"
    times = tmp_path / "output/time_per_step.json"
    times.write_text('{"step_1": 60.1, "step_2": 5.0}')
    assert inspect(tmp_path).outcome == "succeeded"
    times.write_text('{"step_1": 30.0, "step_2": 5.0}')  # of another build
    assert inspect(tmp_path).outcome == "unknown"


@pytest.mark.parametrize(
    ("part", "ultra"),
    [
        ("xc7z020clg400-1", False),
        ("xczu3eg-sbva484-1-e", False),
        ("xczu7ev-ffvc1156-2-e", True),
        ("xcu250-figd2104-2L-e", True),
        ("xck26-sfvc784-2LV-c", True),
    ],
)
def test_ultraram_is_advised_only_where_there_is_some(part: str, ultra: bool) -> None:
    line = "requires more RAMB18 cells: requires 600 of such cell types but only 280 compatible"
    assert ("ultra" in causes.shortage(line).advice(part)) is ultra
    assert "ultra" not in causes.shortage(line).advice(None)


def test_a_pblocks_limit_is_not_the_parts() -> None:
    shortage = causes.shortage(
        "ERROR: [DRC UTLZ-1] Resource utilization: LUT as Logic over-utilized in Pblock "
        "pblock_dyn (This design requires more LUT as Logic cells than are available in Pblock "
        "'pblock_dyn'. This design requires 200 of such cell types but only 100 compatible sites)"
    )
    assert (shortage.region, shortage.resource) == ("pblock_dyn", "LUT")
    assert "Pblock pblock_dyn" in shortage.text and "not the part's" in shortage.advice("xcu250-x")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (IMPLEMENTATION, 0),
        (REFUSED, 1),
        (STEPS + TRACE + "KeyboardInterrupt\n", 1),
        ("words\n", 3),
        (STEPS[:40], 3),
    ],
)
def test_exit_codes(tmp_path: Path, text: str, code: int) -> None:
    path = tmp_path / "a.log"
    path.write_text(text)
    assert CliRunner().invoke(command, [str(path)]).exit_code == code
    assert CliRunner().invoke(command, [str(tmp_path / "no/where")]).exit_code == 2


UTILIZATION = """| Tool Version : Vivado v.2022.2
| Command      : report_utilization
| Design       : top_wrapper
| Device       : xc7z020clg400-1
| Design State : Fully Placed

| Site Type  | Used | Fixed | Available | Util% |
| Slice LUTs | {} |     0 |     53200 |  1.0 |
"""


def _project(folder: Path, name: str, at: str, text: str, luts: int, layer: str) -> None:
    run = folder / f"vivado_zynq_proj_{name}/finn_zynq_link.runs/impl_1"
    run.mkdir(parents=True)
    (run / "runme.log").write_text(text.replace("14:36:00", at))
    (run / "top_wrapper_utilization_placed.rpt").write_text(UTILIZATION.format(luts))
    (folder / f"vivado_zynq_proj_{name}/vivado.log").write_text(
        f"# Vivado v2022.2 (64-bit)\n[Mon Mar  1 14:00:00 2021] Launched {layer}_synth_1...\n{EXIT}"
    )


@pytest.mark.parametrize(("layer", "outcome"), [("MVAU_0", "succeeded"), ("VVAU_0", "failed")])
def test_a_project_is_excused_by_a_later_one_of_the_same_design(
    tmp_path: Path, layer: str, outcome: str
) -> None:
    _project(tmp_path, "zzzzzzzz", "12:00:00", REFUSED, 999, "MVAU_0")
    _project(tmp_path, "aaaaaaaa", "18:00:00", IMPLEMENTATION, 111, layer)
    inspection = inspect(tmp_path)
    assert inspection.outcome == outcome
    assert inspection.usage is not None
    assert inspection.usage.used["LUT"] == (111 if outcome == "succeeded" else 999)


def test_a_build_that_stopped_beside_one_that_went_on_is_one_of_two(tmp_path: Path) -> None:
    for name, hour in (("output_a", 1), ("output_b", 5)):
        (tmp_path / name).mkdir()
        log = f"[2021-03-01 0{hour}:00:00,000] Running step: step_x [1/2]\n"
        (tmp_path / name / "build_dataflow.log").write_text(log)
    _project(tmp_path, "abcdefgh", "06:00:00", REFUSED, 999, "MVAU_0")
    inspection = inspect(tmp_path)
    # By its time the project is that of the second build.
    assert {b.name: b.outcome for b in inspection.builds} == {
        "output_a": "incomplete",
        "output_b": "failed",
    }
    assert inspection.outcome == "failed"


def test_folders_without_a_build_are_unknown(tmp_path: Path) -> None:
    assert inspect(tmp_path).outcome == "unknown"
    (tmp_path / "notes.txt").write_text("ERROR: I wrote this down\nKeyError: 'FINN_ROOT'\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/notes.txt").write_text("AssertionError: no\n")
    (tmp_path / "a.log").write_bytes(bytes(range(256)) * 100)
    assert inspect(tmp_path / "a.log").outcome == "unknown"


def test_an_error_that_the_runner_explains_is_told_in_its_words(make_run: MakeRun) -> None:
    error = {"kind": "tools", "what": "no hlslib", "why": "It is missing.", "fix": "Fetch it."}
    run = make_run(state="failed", error=error)
    run.log.write_text(
        "Traceback (most recent call last):\n"
        '  File "engine.pyz/builder.py", line 89, in check\n'
        "    raise EngineError(\n"
        "finn_tui.engine.protocol.EngineError: no hlslib\n"
    )
    cause = inspect(run.path).cause
    assert cause is not None
    assert (cause.title, cause.means, cause.advice) == ("no hlslib", "It is missing.", "Fetch it.")
    assert (cause.file, cause.line) == ("runner.log", 4)
