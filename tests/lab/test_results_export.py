"""The table of experiments as text, and what its estimate counts."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path

import pytest

from finn_tui.lab.results import results_export
from finn_tui.lab.results.results_table import Experiment, experiment
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.folder import RunFolder
from tests.ui.conftest import make_run

EXTRA = {
    name: {"LUT": 1000, "BRAM_18K": 1, "URAM": 0, "DSP": 0} for name in ("dwc", "fifo", "shell")
}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = make_run(Workspace.open(tmp_path / "workspace"), measured=True)
    total = {"LUT": 8502.0, "BRAM_18K": 26, "URAM": 0, "DSP": 0}
    run.update_results(estimate={"ii_cycles": 64, "fps": 1562500.0, "total": total, "extra": EXTRA})
    return run


def test_the_estimate_counts_what_a_build_counts(run: RunFolder) -> None:
    row = experiment(run)
    assert row.estimated["LUT"] == 8502
    assert row.estimated_whole == {"LUT": 11502, "BRAM_18K": 29, "URAM": 0, "DSP": 0}
    assert row.error_percent["LUT"] == pytest.approx(100 * (11502 / 17561 - 1))
    # Nothing is known of what was built none of.
    assert set(row.error_percent) == {"LUT", "BRAM_18K"}
    assert row.of_estimate == pytest.approx(99.255, abs=0.01)


def test_without_a_shell_there_is_no_whole_estimate(run: RunFolder) -> None:
    run.update_results(estimate={"fps": 1.0, "total": {"LUT": 1}, "extra": {**EXTRA, "shell": {}}})
    row = experiment(run)
    assert not row.estimated_whole and not row.error_percent


def test_the_port_of_the_memory_limits_the_rate(run: RunFolder) -> None:
    # The lab's own figures on a Pynq-Z2: 784 bytes a frame through 64 bits a cycle.
    metrics = {"DRAM_in_bandwidth[Mb/s]": 751.3960048442748}
    throughput = {"images_per_s": 958413.2714850444, "clock_mhz": 100.0, "metrics": metrics}
    run.update_results(throughput={"batch": 10000, **throughput})
    row = experiment(run)
    assert row.input_bytes == 784
    assert row.port_fps == pytest.approx(1e8 / 98)
    assert row.fps and row.port_fps and row.estimated_fps
    assert row.fps < row.port_fps < row.estimated_fps
    # A frame that 64 does not divide gets a narrower DMA.
    odd = {**metrics, "DRAM_in_bandwidth[Mb/s]": 958413.2714850444 * 785 / 1e6}
    run.update_results(throughput={"batch": 10000, **throughput, "metrics": odd})
    assert experiment(run).port_fps == pytest.approx(1e8 / 785)
    run.update_results(throughput={"batch": 1, "images_per_s": 1.0, "clock_mhz": 100.0})
    assert experiment(run).port_fps is None


@pytest.fixture
def row(run: RunFolder) -> Experiment:
    return dataclasses.replace(experiment(run), folding=r"50%_of\{$x}|y~^&#")


def test_latex_takes_any_name(row: Experiment) -> None:
    text = results_export.latex([row])
    assert r"50\%\_of\textbackslash{}\{\$x\}|y\textasciitilde{}\textasciicircum{}\&\#" in text
    lines = text.splitlines()
    assert lines[-1] == r"\end{tabular}" and "% SIMULATED: 1 of 1 builds" in lines[0]
    (body,) = [line for line in lines if "1,550,861" in line]
    columns = len(results_export.REPORT_COLUMNS)
    assert body.replace(r"\&", "").count("&") == columns - 1


def test_markdown_and_csv_take_any_name(row: Experiment) -> None:
    text = results_export.markdown([row], results_export.REPORT_COLUMNS)
    head, rule, body = text.splitlines()
    # A pipe in a cell does not part it.
    assert body.replace("\\|", "").count("|") == head.count("|") == rule.count("|")
    (line,) = csv.DictReader(io.StringIO(results_export.comma_separated([row])))
    assert line["folding"] == row.folding and line["estimated_whole_LUT"] == "11502.0"


def test_a_data_set_is_named_for_what_it_is(row: Experiment) -> None:
    row = dataclasses.replace(row, dataset="digits28", trained_on="random")
    text = " ".join(results_export.provenance([row]))
    assert "not MNIST" in text and "400 images" in text and "never trained" in text
    real = dataclasses.replace(row, simulated=False, measured_simulated=False, dataset="mnist")
    assert "SIMULATED" not in " ".join(results_export.provenance([real]))
