"""`finn-tui inspect` as people and programs call it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from click.testing import CliRunner

from finn_tui.cli import main
from tests.runs.readers.samples import IMPLEMENTATION, PARENT, SAMPLES


def test_json_has_the_keys_of_the_contract(tmp_path: Path) -> None:
    (tmp_path / "runme.log").write_text(IMPLEMENTATION)
    done = CliRunner().invoke(main, ["inspect", str(tmp_path), "--json"])
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert document["outcome"] == "succeeded"
    assert document["cause"] is None
    (file,) = document["files"]
    assert file["kind"] == "implementation"
    assert (file["tool"], file["version"], file["sessions"]) == ("Vivado", "2022.2", 1)
    assert (file["wns"], file["tns"]) == (0.244, 0.0)
    assert file["messages"] == {"ERROR": 0, "CRITICAL WARNING": 0, "WARNING": 1, "INFO": 6}
    assert {"name": "place_design", "seconds": 15.0, "level": 0} in file["phases"]
    assert document["utilization"] is None
    assert document["steps"] == []


def test_a_failure_is_told_first_and_by_the_exit_code(tmp_path: Path) -> None:
    log = tmp_path / "vivado.log"
    log.write_text(PARENT)
    done = CliRunner().invoke(main, ["inspect", str(log)])
    assert done.exit_code == 1
    first, second, third, *_ = done.stdout.splitlines()
    assert first.startswith("failed")
    assert "over-utilization of BRAM: 613 of 280" in second
    assert "vivado.log, line" in third
    cause = json.loads(CliRunner().invoke(main, ["inspect", str(log), "--json"]).stdout)["cause"]
    assert cause["id"] == "over-utilization"
    assert cause["details"]["need"] == 613
    assert cause["file"] == "vivado.log"


def test_escape_sequences_in_a_log_are_not_passed_on(tmp_path: Path) -> None:
    log = tmp_path / "vivado.log"
    log.write_text(PARENT.replace("RAMB18 and", "\x1b[2J\x1b]0;gotcha\x07RAMB18 and"))
    done = CliRunner().invoke(main, ["inspect", str(log)])
    assert "\x1b[2J" not in done.stdout and "gotcha" not in done.stdout


def test_nothing_there_is_wrong_use(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["inspect", str(tmp_path / "none")])
    assert done.exit_code == 2
    assert "there is no" in done.stderr
    done = CliRunner().invoke(main, ["inspect", "nosuchrun", "--workspace", str(tmp_path)])
    assert done.exit_code == 2
    assert "there is no file, folder or run called nosuchrun" in done.stderr
    (tmp_path / "link.log").symlink_to(tmp_path / "moved.log")
    done = CliRunner().invoke(main, ["inspect", str(tmp_path / "link.log")])
    assert done.exit_code == 2 and "symbolic link that leads to no file" in done.stderr
    for nothing in ("", " "):  # an unset variable in a script
        done = CliRunner().invoke(main, ["inspect", nothing, "--workspace", str(tmp_path)])
        assert done.exit_code == 2 and f"called {nothing!r}" in done.stderr
    os.mkfifo(tmp_path / "pipe")
    done = CliRunner().invoke(main, ["inspect", str(tmp_path / "pipe")])
    assert done.exit_code == 2


def test_a_report_alone_tells_its_figures(tmp_path: Path) -> None:
    report = tmp_path / "x_csynth.xml"
    report.write_text(SAMPLES["x_csynth.xml"])
    done = CliRunner().invoke(main, ["inspect", str(report)])
    assert done.exit_code == 0
    assert "latency_min   7" in done.stdout
    assert "LUT 12" in done.stdout
    answer = json.loads(CliRunner().invoke(main, ["inspect", str(report), "--json"]).stdout)
    assert answer["files"][0]["data"]["resources"] == {"LUT": 12}
