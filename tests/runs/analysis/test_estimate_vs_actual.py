"""Estimates and what came of them, read from builds of ours and of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.runs.analysis.estimate_vs_actual import of_directory, of_run
from tests.lab import real_build
from tests.runs.real_logs import LOGS


def test_a_run_of_ours(tmp_path: Path) -> None:
    comparison = of_run(real_build.write(tmp_path, "20260101T000000Z-a-0001"))
    assert comparison.measured == "post_synthesis" and not comparison.simulated
    assert comparison.names("layer") == list(real_build.ESTIMATE)
    assert len(comparison.names("dma")) == 2 and comparison.names("fifo") == ["StreamingFIFO_rtl_0"]
    built = comparison.of("post_synthesis", "MVAU_hls_0")
    assert built is not None and built["BRAM_18K"] == 36
    assert comparison.error("MVAU_hls_0", "LUT") == pytest.approx(4910 / 6741 - 1)
    assert comparison.error("MVAU_hls_0", "BRAM_18K") == 0
    assert comparison.error("MVAU_hls_1", "DSP") == float("inf")
    assert comparison.error("MVAU_hls_0", "URAM") == 0
    assert comparison.error("StreamingFIFO_rtl_0", "LUT") is None
    document = comparison.as_json()
    assert document["whole"]["post_synthesis"]["LUT"] == 12711
    row = next(row for row in document["nodes"] if row["name"] == "MVAU_hls_1")
    assert row["error"] == {"LUT": -0.6249, "BRAM_18K": 0.0, "URAM": 0.0}


def test_a_rehearsal_is_simulated_however_it_is_named(tmp_path: Path) -> None:
    run = real_build.write(tmp_path, "20260101T000000Z-a-0001", simulated=True)
    assert of_run(run).simulated
    for path in (run.path, run.build, run.build / "report", tmp_path):
        assert of_directory(path).simulated


def test_folders_with_nothing_in_them(tmp_path: Path) -> None:
    with pytest.raises(FinnTuiError, match="has no figures"):
        of_directory(tmp_path)
    with pytest.raises(FinnTuiError, match="is no folder"):
        of_directory(tmp_path / "missing")


def test_a_published_build_with_every_ip_synthesized_by_itself() -> None:
    """BRAM that FINN estimated at 344 halves and that came to 613, so that placing failed."""
    comparison = of_directory(LOGS / "pgreksic_FINN_Export_AXI_Lite_Missing")
    assert list(comparison.rows) == ["estimate", "hls", "out_of_context"]
    layers = comparison.names("layer")
    assert len(layers) == 19
    assert comparison.sum("estimate", layers)["BRAM_18K"] == 344
    everything = comparison.sum("out_of_context", comparison.names())
    assert everything["BRAM_18K"] == pytest.approx(613, abs=4)
    # The weight streamer, an IP of its own, is part of its layer.
    streamed = comparison.of("out_of_context", "StreamingFCLayer_Batch_4")
    assert streamed is not None and streamed["BRAM_18K"] == 156
    error = comparison.error("StreamingFCLayer_Batch_6", "LUT")
    assert error is not None and 1 < error < 1.1


@pytest.mark.parametrize(
    ("build", "whole"),
    [("output_final_1a4d06eb", 79940), ("output_final_6bit_53295f42", 142475)],
)
def test_published_builds_that_were_implemented(build: str, whole: int) -> None:
    comparison = of_directory(LOGS / "zhangks98_eeg-adapt" / build)
    assert comparison.measured == "post_synthesis"
    assert comparison.whole["post_synthesis"]["LUT"] == whole
    listed = comparison.sum("post_synthesis", comparison.names())["LUT"]
    # What is not in any node is the interconnect and the reset: as in the published shell.
    assert whole - listed == pytest.approx(3306 + 1281 + 15, rel=0.05)


def test_a_published_build_that_was_synthesized_out_of_context_as_a_whole() -> None:
    comparison = of_directory(LOGS / "CNStanLee_DATELBR/output_acc_caseA1_cyclehalf_wb3_ab3")
    assert comparison.measured is None and comparison.whole["out_of_context"]["LUT"] == 22901
