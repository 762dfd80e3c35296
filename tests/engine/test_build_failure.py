"""What is said about a build that failed."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from pathlib import Path

import pytest

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.build.build_results import post_synthesis, timing
from finn_tui.engine.server.failures import build_failure
from finn_tui.engine.server.runs import runfiles
from finn_tui.runs.readers import lines
from tests.runs.real_logs import LOGS

IMPL = "vivado_zynq_proj_x/finn_zynq_link.runs/impl_1/runme.log"


def _log(folder: Path, name: str, text: str, age: float = 0.0) -> Path:
    path = folder / "finn_build_dir" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    stamp = path.stat().st_mtime - age
    os.utime(path, (stamp, stamp))
    return path


def test_the_first_error_of_the_run_counts_not_the_echo(tmp_path: Path) -> None:
    _log(tmp_path, "vivado_zynq_proj_x/vivado.log", "ERROR: [Common 17-69] Command failed\n")
    utlz = "ERROR: [DRC UTLZ-1] Resource utilization: RAMB18 over-utilized\n"
    rest = "ERROR: [Vivado_Tcl 4-23] Placer not run.\nERROR: [Common 17-39] 'place_design' failed\n"
    _log(tmp_path, IMPL, f"INFO: [X 1-1] fine\n{utlz}{rest}")
    error = build_failure.explain(RuntimeError("no bitfile found"), str(tmp_path))
    assert error.kind == "tools"
    assert error.what == "[DRC UTLZ-1] Resource utilization: RAMB18 over-utilized"
    assert f"finn_build_dir/{IMPL}:2" in error.why
    assert "PE and SIMD" in error.fix
    assert "INFO: [X 1-1] fine" in error.detail
    assert "no bitfile found" in error.detail


def test_what_only_looks_like_an_error_is_none(tmp_path: Path) -> None:
    echo = (
        '#    catch {common::send_msg_id "BD_TCL-109" "ERROR" "text"}\nDRC finished with 0 Errors\n'
    )
    _log(tmp_path, IMPL, echo)
    error = build_failure.explain(ValueError("shape mismatch"), str(tmp_path))
    assert error.kind == "finn"
    assert error.what == "ValueError: shape mismatch"


def test_a_log_with_bad_bytes_is_read(tmp_path: Path) -> None:
    path = _log(tmp_path, IMPL, "")
    path.write_bytes(b"ECHO \xb1\xd2\r\nERROR: [Common 17-345] A valid license was not found\r\n")
    error = build_failure.explain(RuntimeError("x"), str(tmp_path))
    assert error.what == "[Common 17-345] A valid license was not found"
    assert "licence" in error.why


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_the_cause_whatever_the_tools_say(tmp_path: Path, number: int) -> None:
    _log(tmp_path, IMPL, "ERROR: [HLS 200-1715] cannot write\n")
    error = build_failure.explain(OSError(number, "No space left on device"), str(tmp_path))
    assert error.kind == "disk"
    assert "finn-tui runs clean" in error.fix


def test_a_disk_found_full_afterwards_explains_a_tool_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _log(tmp_path, IMPL, "ERROR: [HLS 200-1715] cannot write\n")
    monkeypatch.setattr(build_failure, "_free", lambda _: 1000)
    assert build_failure.explain(RuntimeError("x"), str(tmp_path)).kind == "disk"


def test_an_explained_error_stays_as_it_is(tmp_path: Path) -> None:
    given = EngineError("a", "b", "c", kind="input")
    assert build_failure.explain(given, str(tmp_path)) is given


def test_a_real_failing_build_names_block_ram(tmp_path: Path) -> None:
    (place,) = LOGS.glob("pgreksic*")
    (tmp_path / "finn_build_dir").symlink_to(place)
    error = build_failure.first_tool_error(str(tmp_path / "finn_build_dir"))
    assert error is not None
    assert error.cause == "over-utilization"
    assert "613 of such cell types but only 280" in error.text


def test_reports_become_results(tmp_path: Path) -> None:
    report = tmp_path / "build" / "report"
    report.mkdir(parents=True)
    assert post_synthesis(str(tmp_path)) is None
    assert timing(str(tmp_path), 4.0) is None
    row = {"LUT": 10, "SRL": 1, "FF": 12, "BRAM_36K": 2, "BRAM_18K": 1, "DSP": 3}
    (report / "post_synth_resources.json").write_text(
        json.dumps({"(top)": row, "StreamingDataflowPartition_1_MVAU_hls_0": row})
    )
    (report / "post_route_timing.rpt").write_text(
        "    WNS(ns)      TNS(ns)  TNS Failing Endpoints  \n"
        "    -------      -------  ---------------------  \n"
        "     -0.618     -152.301                    311  \n"
    )
    resources = post_synthesis(str(tmp_path))
    assert resources is not None
    assert resources["BRAM_18K"] == 5
    source = "build/report/post_synth_resources.json"
    assert resources["layers"] == [
        {
            "name": "MVAU_hls_0",
            "LUT": 10,
            "FF": 12,
            "SRL": 1,
            "BRAM_18K": 5,
            "URAM": 0,
            "DSP": 3,
            "source": source,
        }
    ]
    measured = timing(str(tmp_path), 4.0)
    assert measured is not None
    assert (measured["wns"], measured["tns"], measured["met"]) == (-0.618, -152.301, False)
    assert measured["fmax_mhz"] == pytest.approx(216.54, abs=0.01)


def test_a_real_timing_report_is_read(tmp_path: Path) -> None:
    (source,) = LOGS.glob("hsiang*/impl_1/*timing_summary_routed.rpt")
    report = tmp_path / "build" / "report"
    report.mkdir(parents=True)
    (report / "post_route_timing.rpt").write_bytes(source.read_bytes())
    measured = timing(str(tmp_path), 20.0)
    assert measured is not None
    assert measured["wns"] == 1.438
    assert measured["met"]


def test_finns_own_refusals_are_told_in_its_words_with_what_to_do(tmp_path: Path) -> None:
    text = "HLS synthesis requires: SIMD >= MW / 1024. Not so for node: MVAU_hls_3."
    error = build_failure.explain(AssertionError(text), str(tmp_path))
    assert error.what == text
    assert "1,024 input words" in error.why
    assert "SIMD" in error.fix


def test_a_tool_that_was_killed_is_named_so_behind_finns_words(tmp_path: Path) -> None:
    words = AssertionError("HLS IP Generation failed. Logs and sources are in /x")
    words.__cause__ = subprocess.CalledProcessError(137, ["bash", "ipgen.sh"])
    error = build_failure.explain(words, str(tmp_path))
    assert "killed" in error.what and "memory" in error.why and "/x" in error.why
    words.__cause__ = subprocess.CalledProcessError(1, ["bash", "ipgen.sh"])
    assert "killed" not in build_failure.explain(words, str(tmp_path)).what


@pytest.mark.parametrize(
    ("lines", "what", "fix"),
    [
        ("Phase 2 x\nAbnormal program termination (11)\nPlease check", "Abnormal", "resume"),
        ('x.sh: line 3: 77 Killed                 "$RDI_PROG" "$@"', "Killed", "memory"),
        ("route_design failed\nERROR: [Common 17-39] 'route_design' failed", "route_", "parallel"),
        ('error writing "a.bit": no space left on device', "no space", "runs clean"),
    ],
)
def test_ends_without_an_error_of_their_own_are_understood(
    tmp_path: Path, lines: str, what: str, fix: str
) -> None:
    _log(tmp_path, IMPL, lines + "\n")
    error = build_failure.explain(AssertionError("no bitfile found"), str(tmp_path))
    assert what in error.what and fix in error.fix
    assert f"{IMPL}:" in error.why


def test_a_vivado_whose_log_breaks_off_was_ended(tmp_path: Path) -> None:
    words = AssertionError("CreateStitchedIP failed, no wrapper HDL found")
    place = "vivado_stitch_proj_x/vivado.log"
    _log(tmp_path, place, "****** Vivado v2022.2 (64-bit)\n# create_bd_cell\n")
    error = build_failure.explain(words, str(tmp_path))
    assert "in the middle of its work" in error.what and "no wrapper HDL" in error.why
    _log(tmp_path, place, "****** Vivado v2022.2\nINFO: [Common 17-206] Exiting Vivado at x...\n")
    assert "middle" not in build_failure.explain(words, str(tmp_path)).what


def test_logs_of_an_earlier_attempt_do_not_count(tmp_path: Path) -> None:
    _log(tmp_path, IMPL, "ERROR: [DRC UTLZ-1] RAMB18 over-utilized\n", age=3600)
    (tmp_path / "state.json").write_text(json.dumps({"started": runfiles.now()}))
    assert build_failure.explain(ValueError("x"), str(tmp_path)).kind == "finn"


def test_the_worst_shortage_is_named_with_advice_for_it(tmp_path: Path) -> None:
    line = "ERROR: [DRC UTLZ-1] Resource utilization: {} over-utilized in Top Level Design (This "
    line += "design requires {} of such cell types but only {} compatible sites are available)\n"
    text = line.format("F7 Muxes", 200, 100) + line.format("LUT as Distributed RAM", 500, 100)
    _log(tmp_path, IMPL, text)
    (tmp_path / "run.json").write_text(json.dumps({"part": "xc7z020clg400-1"}))
    error = build_failure.explain(RuntimeError("no bitfile found"), str(tmp_path))
    assert "LUT as Distributed RAM" in error.what
    assert "block" in error.fix and "distributed" not in error.fix and "ultra" not in error.fix
    (tmp_path / "run.json").write_text(json.dumps({"part": "xczu7ev-ffvc1156-2-e"}))
    assert "ultra" in build_failure.explain(RuntimeError("x"), str(tmp_path)).fix


def test_the_builder_and_the_readers_ask_the_same_catalogue() -> None:
    assert vars(build_failure)["causes"] is vars(lines)["causes"]
