"""Each way in which the stand-ins fail is understood from what they leave alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_tui.runs.analysis.inspect import inspect
from finn_tui.runs.live.snapshot import BuildWatcher
from tests.rehearsal.test_tools import Bench

ESTIMATE = {"LUT": 1000.2, "BRAM_18K": 3, "URAM": 0, "DSP": 0}


def bench(folder: Path, mode: str | None, layer: str | None = None) -> Bench:
    plan = {
        "seconds": 0.1,
        "part": "xc7z020clg400-1",
        "clock_ns": 10.0,
        "ii_cycles": 784,
        "latency_cycles": 1000,
        "cycles": {"MVAU_hls_0": 784, "MVAU_hls_1": 64},
        "resources": {"MVAU_hls_0": ESTIMATE, "MVAU_hls_1": ESTIMATE},
        "device": {"LUT": 53200, "FF": 106400, "BRAM_18K": 280, "URAM": 0, "DSP": 220},
        "hls_layers": 2,
        "fail": {"mode": mode, **({"layer": layer} if layer else {})} if mode else None,
    }
    return Bench(folder, plan)


@pytest.mark.parametrize(
    ("mode", "cause", "words"),
    [
        ("place", "over-utilization", "BRAM: 613 of 280"),
        ("crash", "crash", "Abnormal program termination"),
        ("memory", "out-of-memory", "Killed"),
        ("route", "unroutable", "1417 signals"),
        ("disk", "disk-full", "no space left on device"),
        ("timing", "timing-missed", "WNS -"),
        ("licence", "licence", "valid license was not found"),
        ("synth-crash", "crash", "Abnormal program termination"),
        ("spawn", "out-of-memory", "Spawn failed: Cannot allocate memory"),
    ],
)
def test_what_failed_in_vivado(tmp_path: Path, mode: str, cause: str, words: str) -> None:
    place, _ = bench(tmp_path, mode).zynq()
    inspection = inspect(place)
    assert inspection.outcome == "failed"
    assert inspection.cause is not None
    assert inspection.cause.id == cause
    assert words in inspection.cause.text
    assert inspection.cause.file is not None and (place / inspection.cause.file).is_file()
    # The live picture says the same before anybody asks.
    findings = BuildWatcher(None, tmp_path).look().findings
    assert cause in {finding.id for finding in findings}


@pytest.mark.parametrize(
    ("mode", "cause", "words"),
    [
        ("hls", "hls-failed", "unknown type name"),
        ("vlnv", "hls-export-failed", "Failed to generate IP"),
    ],
)
def test_what_failed_in_hls(tmp_path: Path, mode: str, cause: str, words: str) -> None:
    process = bench(tmp_path, mode, "MVAU_hls_0")
    process.hls("MVAU_hls_0")
    process.hls("MVAU_hls_1")
    inspection = inspect(tmp_path)
    assert inspection.outcome == "failed"
    assert inspection.cause is not None and inspection.cause.id == cause
    assert words in inspection.cause.text
    assert "code_gen_ipgen_MVAU_hls_0" in (inspection.cause.file or "")
    jobs = {job.name: job.state for job in BuildWatcher(None, tmp_path).look().jobs}
    assert jobs == {"MVAU_hls_0": "failed", "MVAU_hls_1": "finished"}


def test_what_went_well(tmp_path: Path) -> None:
    place, _ = bench(tmp_path, None).zynq()
    inspection = inspect(place)
    assert (inspection.outcome, inspection.cause) == ("succeeded", None)
    assert inspection.simulated and inspection.as_dict()["simulated"] is True
    for item in inspection.items:
        # Each file alone says so, too, wherever it is taken.
        if item.reading.tool == "Vivado" and item.reading.kind != "marker":
            assert inspect(place / item.path).simulated, item.path
    picture = BuildWatcher(None, tmp_path).look()
    assert {job.state for job in picture.jobs} == {"finished"}
    assert picture.overlaps[-1] == 0
    assert picture.findings == ()
