"""Real logs of other people's builds."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from finn_tui.runs.analysis.inspect import Inspection, inspect, read_file
from finn_tui.runs.logs.severity import Severity, severity
from finn_tui.runs.readers.registry import reader_for
from tests.runs.real_logs import LOGS, folders


@pytest.mark.parametrize("folder", folders())
def test_every_file_is_read_whole_or_cut_off(folder: str) -> None:
    draw = random.Random(folder)
    for path in sorted((LOGS / folder).rglob("*")):
        if not path.is_file():
            continue
        reading = read_file(path)
        assert reading.kind != "binary", path
        assert reading.note is None, path
        data = path.read_bytes()[: draw.randrange(1, 40_000)]
        reader = reader_for(path.name, data)
        places = sorted(draw.sample(range(len(data)), min(len(data), 5))) if data else []
        for a, b in zip([0, *places], [*places, len(data)], strict=True):
            reader.feed(data[a:b])
        again = reader_for(path.name, data)
        again.feed(data)
        assert reader.finish() == again.finish(), path


@pytest.fixture(scope="module")
def failing() -> Inspection:
    return inspect(LOGS / "pgreksic_FINN_Export_AXI_Lite_Missing")


def test_the_failing_build_directory(failing: Inspection) -> None:
    assert failing.outcome == "failed"
    cause = failing.cause
    assert cause is not None
    assert cause.id == "over-utilization"
    assert "613 of 280" in cause.text
    assert "BRAM" in cause.text
    assert cause.file is not None
    assert cause.file.endswith("vivado_zynq_proj_cr8hg2w8/finn_zynq_link.runs/impl_1/runme.log")
    lines = (LOGS / "pgreksic_FINN_Export_AXI_Lite_Missing" / cause.file).read_text().splitlines()
    assert lines[(cause.line or 0) - 1] == cause.quote
    assert {"over-utilization", "run-failed"} == {cause.id, *(d.id for d in failing.others)}


def test_the_failing_build_names_the_ips_that_use_most(failing: Inspection) -> None:
    assert failing.cause is not None and failing.usage is not None
    users = failing.cause.details["users"]
    assert [user["name"] for user in users[:2]] == [
        "StreamingFCLayer_Batch_5_wstrm",
        "StreamingFCLayer_Batch_4_wstrm",
    ]
    # The partition's own report says 0: its IPs are black boxes there.
    assert 600 <= failing.usage.used["BRAM_18K"] <= 613
    assert failing.usage.available["BRAM_18K"] == 280


def test_a_repeated_run_is_counted_once(failing: Inspection) -> None:
    items = {item.path: item for item in failing.items}
    project = "vivado_zynq_proj_cr8hg2w8"
    parent = items[f"{project}/vivado.log"].reading
    run = items[f"{project}/finn_zynq_link.runs/impl_1/runme.log"].reading
    assert run.messages["ERROR"] == 5
    assert parent.messages["ERROR"] == 1
    assert not any(phase.run for phase in parent.phases)
    alone = inspect(LOGS / "pgreksic_FINN_Export_AXI_Lite_Missing" / project / "vivado.log")
    assert alone.items[0].reading.messages["ERROR"] == 6
    assert alone.cause is not None and alone.cause.id == "over-utilization"


def test_the_complete_bitstream_run() -> None:
    inspection = inspect(LOGS / "hsiang0103_piyan-FPGA")
    assert (inspection.outcome, inspection.cause, inspection.simulated) == (
        "succeeded",
        None,
        False,
    )
    items = {item.path: item for item in inspection.items}
    run = items["impl_1/runme.log"].reading
    assert run.sessions == 2
    assert run.wns == 1.436
    times = {phase.name: phase.seconds for phase in run.phases if phase.level == 0}
    assert (times["place_design"], times["route_design"]) == (75, 105)
    assert times["write_bitstream"] == 26
    assert items["impl_1/design_1_wrapper.vdi"].copy_of == "impl_1/runme.log"
    alone = inspect(LOGS / "hsiang0103_piyan-FPGA/impl_1/runme.log")
    assert (alone.outcome, alone.cause) == ("succeeded", None)


@pytest.mark.parametrize("build", ["wb3_ab3", "wb3_ab3_prune"])
def test_out_of_context_builds(build: str) -> None:
    inspection = inspect(LOGS / f"CNStanLee_DATELBR/output_acc_caseA1_cyclehalf_{build}")
    assert (inspection.outcome, inspection.cause) == ("succeeded", None)
    steps = {step.name: step.seconds or 0 for step in inspection.steps}
    assert len(steps) == 19
    assert steps["step_out_of_context_synthesis"] > 200
    log = next(item for item in inspection.items if item.path == "build_dataflow.log").reading
    ooc_result = next(
        item for item in inspection.items if item.reading.kind == "ooc-result"
    ).reading
    assert log.wns == ooc_result.wns


def test_settings_alone_are_no_success() -> None:
    inspection = inspect(LOGS / "Xilinx_finn-examples")
    assert len(inspection.items) == 26
    assert (inspection.outcome, inspection.cause) == ("incomplete", None)


def test_a_crash_file_alone() -> None:
    path: Path = LOGS / "hsiang0103_piyan-FPGA/project_1/hs_err_pid24032.log"
    inspection = inspect(path)
    assert inspection.outcome == "failed"
    assert inspection.cause is not None and inspection.cause.id == "crash"
    assert "EXCEPTION_ACCESS_VIOLATION" in inspection.cause.text
    assert "librdi_filemgmt.dll" in inspection.cause.text


#: Logs that do not say that they succeeded, each looked at by a person.
_PGREKSIC = "pgreksic_FINN_Export_AXI_Lite_Missing"
NOT_SUCCEEDED = {
    # FINN's log has no word for how its last step ended.
    "CNStanLee_DATELBR/output_acc_caseA1_cyclehalf_wb3_ab3/build_dataflow.log": "unknown",
    "CNStanLee_DATELBR/output_acc_caseA1_cyclehalf_wb3_ab3_prune/build_dataflow.log": "unknown",
    "zhangks98_eeg-adapt/output_final_1a4d06eb/build_dataflow.log": "unknown",
    # It stops within a step.
    f"{_PGREKSIC}/output/output_estimates_only/build_dataflow.log": "incomplete",
    "slowman26_TCN-FINN_EXCERPTS/build_dataflow.EXCERPT.log": "incomplete",
    "hsiang0103_piyan-FPGA/project_1/hs_err_pid24032.log": "failed",
    f"{_PGREKSIC}/vivado_zynq_proj_cr8hg2w8/finn_zynq_link.runs/impl_1/runme.log": "failed",
    f"{_PGREKSIC}/vivado_zynq_proj_cr8hg2w8/vivado.log": "failed",
}


def test_every_log_has_the_verdict_that_a_person_gave_it() -> None:
    verdicts = {}
    for path in sorted(LOGS.rglob("*.log")):
        # A solution's own log is a copy without the end.
        if path.name != "sol1.log" and (verdict := inspect(path).outcome) != "succeeded":
            verdicts[path.relative_to(LOGS).as_posix()] = verdict
    assert verdicts == NOT_SUCCEEDED


def test_inspect_and_the_viewer_count_the_same_in_every_log() -> None:
    grades = {
        Severity.ERROR: "ERROR",
        Severity.CRITICAL: "CRITICAL WARNING",
        Severity.WARNING: "WARNING",
        Severity.INFO: "INFO",
    }
    for path in sorted(p for p in LOGS.rglob("*") if p.suffix in (".log", ".vdi")):
        reading = inspect(path).items[0].reading
        counts = Counter(severity(line.rstrip(b"\r")) for line in path.read_bytes().split(b"\n"))
        shown = {word: counts[grade] for grade, word in grades.items()}
        assert reading.messages == shown, path
