"""A rehearsal's bitstream is refused on a real board before that is connected to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from finn_tui.board import catalogue
from finn_tui.board.catalogue import Board
from finn_tui.cli import main
from finn_tui.lab.workbench import Workbench
from tests.board import samples


@pytest.mark.parametrize("command", ["deploy", "execute", "throughput", "validate", "go"])
def test_a_rehearsal_reaches_no_real_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def connected(*args: object, **more: object) -> None:
        raise AssertionError("the board was connected to")

    monkeypatch.setattr(Workbench, "board", connected)
    catalogue.add(Board("lab", "192.0.2.1"))
    run = samples.write_run(tmp_path / "runs" / "20261124T120000Z-tfc-ab12")
    request = json.loads((run / "run.json").read_text())
    request |= {"model": "tfc-w1a1", "created": "2026-01-02T03:04:05+00:00", "folding": {}}
    request |= {"folding_name": "published", "board": "Pynq-Z2", "part": "xc7z020clg400-1"}
    (run / "run.json").write_text(json.dumps(request))
    words = [command, str(run), "--to", "lab", "--workspace", str(tmp_path)]
    answer = CliRunner().invoke(main, words)
    assert answer.exit_code == 2, answer.exception
    assert "a rehearsal's bitstream is SIMULATED" in answer.stderr
    assert "lab is a real board" in answer.stderr
