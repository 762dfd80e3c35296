"""Each way to fail in the tools' own words, and that the cause wins over what follows from it.

The texts are written for these tests after issue threads and FINN's code; none is a real log.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.server.failures import causes
from finn_tui.runs.analysis.inspect import Inspection, inspect
from tests.runs.readers.samples import (
    FINN_PLUS,
    HLS,
    HLS_FAILED,
    IMPLEMENTATION,
    OVER,
    PARENT,
    REFUSED,
    SAMPLES,
)

START = IMPLEMENTATION[: IMPLEMENTATION.index("Command: route_design")]
NO_BITFILE = (
    "[2026-03-03 15:38:17,200]INFO:Running step: step_synthesize_bitfile [17/20]\n"
    "[2026-03-03 16:38:17,200]ERROR:FINN ERROR: Synthesis failed, no bitfile found. "
    "Check logs under /b/vivado_zynq_proj_x\n"
)
RUN = "vivado_zynq_proj_x/finn_zynq_link.runs/impl_1/runme.log"


def build(folder: Path, **files: str) -> Inspection:
    for name, text in files.items():
        path = folder / PATHS[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return inspect(folder)


PATHS = {
    "finn": "build/build_dataflow.log",
    "run": RUN,
    "parent": "vivado_zynq_proj_x/vivado.log",
    "synth": "vivado_zynq_proj_x/finn_zynq_link.runs/a_synth_1/runme.log",
    "hls": "code_gen_ipgen_MVAU_hls_0_abcdefgh/vitis_hls.log",
    "timing": "vivado_zynq_proj_x/finn_zynq_link.runs/impl_1/top_timing_summary_routed.rpt",
    "crash": "vivado_zynq_proj_x/hs_err_pid42.log",
    "runner": "runner.log",
}


@pytest.mark.parametrize(
    ("cause", "line"),
    [
        ("over-utilization", OVER),
        (
            "over-utilization",
            "ERROR: [Place 30-640] Place Check : This design requires more RAMB36/FIFO cells than "
            "are available in the target device. This design requires 200 of such cell types but "
            "only 140 compatible sites are available in the target device.",
        ),
        ("packing", "ERROR: [Place 30-487] The packing of instances could not be obeyed."),
        ("unroutable", "ERROR: [Route 35-7] Design has 12 unroutable pins."),
        (
            "licence",
            "ERROR: [Common 17-345] A valid license was not found for feature 'Synthesis' and/or "
            "device 'xczu7ev'.",
        ),
        ("spawn-failed", "ERROR: [Common 17-180] Spawn failed: No error"),
        ("disk-full", "ERROR: [Common 17-1] write failed: No space left on device"),
        ("synthesis-failed", "ERROR: [Synth 8-439] module 'MVAU' not found [top.v:12]"),
        ("tool-error", "ERROR: [Foo 1-1] something new"),
        (
            "out-of-memory",
            '/tools/bin/rdiArgs.sh: line 312:  4711 Killed                  "$RDI_PROG" "$@"',
        ),
        ("out-of-memory", "Parent process (pid 4711) has died. This helper process will now exit"),
        ("crash", "Abnormal program termination (11)"),
    ],
)
def test_the_cause_in_a_run_wins_over_what_follows(tmp_path: Path, cause: str, line: str) -> None:
    followed = "place_design failed\nERROR: [Common 17-39] 'place_design' failed due to earlier"
    if not line.startswith("ERROR"):
        followed = ""
    text = START.replace("place_design completed", "place_design not completed")
    inspection = build(
        tmp_path,
        run=f"{text}{line}\n{followed}\n",
        finn=NO_BITFILE,
        parent="# Vivado v2022.2 (64-bit)\nERROR: [Common 17-69] Command failed: Run 'impl_1' "
        "failed. Unable to open\nINFO: [Common 17-206] Exiting Vivado at Mon Mar  1 14:36:01 "
        "2021...\n",
    )
    assert inspection.outcome == "failed"
    assert inspection.cause is not None
    assert inspection.cause.id == cause
    assert inspection.cause.file == RUN
    assert (tmp_path / RUN).read_text().splitlines()[(inspection.cause.line or 0) - 1] == line
    assert inspection.cause.advice
    assert "no-bitfile" in {other.id for other in inspection.others}


def test_hls_that_failed_behind_a_missing_ip(tmp_path: Path) -> None:
    inspection = build(
        tmp_path,
        hls=HLS_FAILED,
        parent="# Vivado v2022.2 (64-bit)\nERROR: [BD 5-390] IP definition not found for VLNV: "
        "xilinx.com:hls:MVAU_hls_0:1.0\nINFO: [Common 17-206] Exiting Vivado at Mon Mar  1 "
        "14:36:01 2021...\n",
        finn=FINN_PLUS,
    )
    assert inspection.cause is not None
    assert inspection.cause.id == "hls-failed"
    assert "MVAU_hls_0" in inspection.cause.text
    assert "unknown type name 'Slice'" in inspection.cause.text
    assert {other.id for other in inspection.others} >= {"ip-not-found", "ipgen-failed"}


def test_without_the_layers_log_the_symptom_stands(tmp_path: Path) -> None:
    inspection = build(tmp_path, finn=FINN_PLUS)
    assert inspection.cause is not None and inspection.cause.id == "ipgen-failed"
    assert "HLS log" in inspection.cause.advice


def test_missed_timing_is_found_though_no_error_stands_there(tmp_path: Path) -> None:
    missed = IMPLEMENTATION.replace("WNS=0.244", "WNS=-0.618").replace(
        "1 Infos,", "WARNING: [Route 35-328] Router estimated timing not met.\n1 Infos,"
    )
    inspection = build(tmp_path, run=missed)
    assert inspection.items[0].reading.messages["ERROR"] == 0
    assert inspection.outcome == "failed"
    assert inspection.cause is not None and inspection.cause.id == "timing-missed"
    assert "-0.618" in inspection.cause.text


def test_slack_that_is_won_back_is_no_cause(tmp_path: Path) -> None:
    won = IMPLEMENTATION.replace(
        "Command: route_design",
        "WARNING: [Route 35-328] Router estimated timing not met.\nCommand: route_design",
    )
    assert build(tmp_path, run=won).outcome == "succeeded"


def test_slack_that_is_won_back_after_routing_is_no_cause(tmp_path: Path) -> None:
    folder = (tmp_path / RUN).parent
    folder.mkdir(parents=True)
    text = SAMPLES["x_timing_summary_routed.rpt"]
    (folder / "top_timing_summary_routed.rpt").write_text(text)
    assert inspect(tmp_path).outcome == "failed"
    met = text.replace("-0.618     -152.301    210", "0.020     0.0    0").replace(
        "Timing constraints are not met.", "All user specified timing constraints are met."
    )
    (folder / "top_timing_summary_postroute_physopted.rpt").write_text(met)
    assert inspect(tmp_path).outcome == "succeeded"


def test_a_crash_within_hls_is_no_copy_of_its_log(tmp_path: Path) -> None:
    layer = tmp_path / "code_gen_ipgen_MVAU_hls_0_abcdefgh"
    build(tmp_path, hls=HLS[: HLS.index("INFO: [HLS 200-112]")])
    (layer / "sol1").mkdir()
    (layer / "sol1/sol1.log").write_text(HLS)
    (layer / "hs_err_pid7.log").write_text("# An unexpected error has occurred (11)\n")
    inspection = inspect(tmp_path)
    assert inspection.cause is not None and inspection.cause.id == "crash"
    copies = {item.path.rpartition("/")[2]: item.copy_of for item in inspection.items}
    assert copies["sol1.log"] == f"{layer.name}/vitis_hls.log"
    assert copies["hs_err_pid7.log"] is None


def test_out_of_context_synthesis_is_asked_for_more_than_it_can(tmp_path: Path) -> None:
    path = tmp_path / "synth_out_of_context_x/vivadocompile.runs/impl_1/runme.log"
    path.parent.mkdir(parents=True)
    text = "CRITICAL WARNING: [Timing 38-282] The design failed to meet the timing requirements.\n"
    path.write_text(IMPLEMENTATION.replace("WNS=0.244", "WNS=-3.0").replace("1 Infos", text + "1"))
    assert inspect(tmp_path).outcome == "succeeded"


def test_an_exception_at_a_debugger_prompt(tmp_path: Path) -> None:
    inspection = build(
        tmp_path,
        runner="Running step: step_streamline [3/19]\nTraceback (most recent call last):\n"
        '  File "x.py", line 3, in f\nAssertionError: no\n> /finn/x.py(12)f()\n-> assert\n(Pdb) ',
    )
    assert inspection.outcome == "failed"
    assert inspection.cause is not None and inspection.cause.id == "debugger-prompt"
    assert "AssertionError: no" in inspection.cause.text
    # A cause that is known comes first, the prompt after it.
    inspection = build(tmp_path, run=REFUSED)
    assert inspection.cause is not None and inspection.cause.id == "over-utilization"
    assert "debugger-prompt" in {other.id for other in inspection.others}


def test_a_crash_before_a_success_is_made_good(tmp_path: Path) -> None:
    crash = "#\n# An unexpected error has occurred (11)\n# Created on: {}\n"
    before = crash.format("Mon Mar  1 12:00:00 2021")
    after = crash.format("Mon Mar  1 18:00:00 2021")
    assert build(tmp_path, run=IMPLEMENTATION, crash=before).outcome == "succeeded"
    inspection = build(tmp_path, run=IMPLEMENTATION, crash=after)
    assert inspection.cause is not None and inspection.cause.id == "crash"


def test_errors_of_a_try_that_was_repeated_do_not_count(tmp_path: Path) -> None:
    assert build(tmp_path, run=REFUSED + IMPLEMENTATION).cause is None


def test_a_good_build_has_no_cause_and_one_that_stops_is_incomplete(tmp_path: Path) -> None:
    good = build(tmp_path / "a", run=IMPLEMENTATION, hls=HLS)
    assert (good.outcome, good.cause) == ("succeeded", None)
    stopped = build(tmp_path / "b", run=START, hls=HLS)
    assert (stopped.outcome, stopped.cause) == ("incomplete", None)
    (tmp_path / "c").mkdir()
    assert inspect(tmp_path / "c").outcome == "unknown"


def test_a_parent_repeats_its_run_once(tmp_path: Path) -> None:
    inspection = build(tmp_path, run=REFUSED, parent=PARENT)
    counts = {item.path: item.reading.messages["ERROR"] for item in inspection.items}
    assert counts == {RUN: 3, PATHS["parent"]: 1}
    assert inspection.cause is not None and inspection.cause.file == RUN


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(FinnTuiError) as caught:
        inspect(tmp_path / "no")
    assert caught.value.kind == "input"


def test_every_sign_is_let_through_by_the_quick_look() -> None:
    # Words decide which lines are looked at: an expression whose words cannot stand is dead.
    for cause in causes.CAUSES:
        for words, pattern in cause.signs:
            assert words, (cause.id, pattern)
            for word in words:
                assert word in causes.NEEDLES
            assert any(_could_hold(pattern, word) for word in words), (cause.id, pattern)
        assert cause.title and cause.means and cause.advice
    messages = [message for cause in causes.CAUSES for message in cause.ids]
    assert len(messages) == len(set(messages))


def _could_hold(pattern: str, needle: str) -> bool:
    plain = re.sub(r"\\(.)", r"\1", pattern)
    words = [word for word in re.split(r"\W+", needle) if word]
    return all(word.lower() in plain.lower() for word in words)
