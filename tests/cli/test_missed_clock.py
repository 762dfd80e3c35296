"""A missed clock is no success: every list and last word says so, and nothing is sent unasked."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from finn_tui.cli.builds import attach, experiments
from finn_tui.cli.measure import deploy, go
from finn_tui.cli.runs import runs
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.folder import RunFolder
from tests.ui.conftest import make_run


def a_run(folder: Path, wns: float) -> RunFolder:
    run = make_run(Workspace.open(folder))
    run.update_results(timing={"wns": wns, "tns": 2 * wns, "met": wns >= 0, "clock_ns": 10.0})
    return run


def test_every_list_and_last_word_says_by_how_much(tmp_path: Path) -> None:
    run = a_run(tmp_path, -0.618)
    assert run.clock_missed_ns() == 0.618
    for command, given, code in (
        (runs, [], 0),
        (runs, ["show", run.id], 0),
        (experiments, [], 0),
        # The last word of a build is what it ended with: a missed clock is no success.
        (attach, [run.id], 1),
    ):
        done = CliRunner().invoke(command, [*given, "--workspace", str(tmp_path)])
        assert done.exit_code == code, done.output
        assert "succeeded, clock missed by 0.618 ns" in done.output
    done = CliRunner().invoke(runs, ["--json", "--workspace", str(tmp_path)])
    assert '"clock_missed_ns": 0.618' in done.output


def test_a_met_clock_is_not_spoken_of(tmp_path: Path) -> None:
    run = a_run(tmp_path, 0.2)
    assert run.clock_missed_ns() is None
    assert "missed" not in CliRunner().invoke(runs, ["--workspace", str(tmp_path)]).output


def test_a_bitstream_that_misses_its_clock_is_not_sent_unasked(tmp_path: Path) -> None:
    run = a_run(tmp_path, -0.618)
    for command in (go, deploy):
        done = CliRunner().invoke(command, [run.id, "--workspace", str(tmp_path)])
        assert done.exit_code == 2
        assert "clock missed by 0.618 ns" in done.output and "--yes" in done.output
        # With the answer given, it goes on to what comes next.
        done = CliRunner().invoke(command, [run.id, "--yes", "--workspace", str(tmp_path)])
        assert "clock missed" not in done.output
