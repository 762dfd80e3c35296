"""What the user names is looked at before a board is connected to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import ignore
from finn_tui.cli import main
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from finn_tui.ui.controllers.board_work import Credentials, board_job
from tests.board import samples


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that is on no board: connecting to one fails the test."""

    def connected(*args: object, **more: object) -> None:
        raise AssertionError("the board was connected to")

    monkeypatch.setattr(Workbench, "board", connected)
    folder = samples.write_run(tmp_path / "runs" / "20261124T120000Z-tfc-ab12")
    request = json.loads((folder / "run.json").read_text())
    request |= {"model": "tfc-w1a1", "created": "2026-01-02T03:04:05+00:00", "folding": {}}
    request |= {"folding_name": "published", "board": "Pynq-Z2", "part": "xc7z020clg400-1"}
    (folder / "run.json").write_text(json.dumps(request))
    return folder


PIXELS = np.zeros((3, 1, 28, 28), np.uint8)
SETS: dict[str, dict[str, Any]] = {
    "has labels up to 10": {"images": PIXELS, "labels": [1, 2, 10]},
    "do not fit the accelerator": {"images": np.zeros((3, 5), np.uint8), "labels": [1, 2, 3]},
    "is no data set": {"pictures": PIXELS},
}


@pytest.mark.parametrize("words", SETS)
@pytest.mark.parametrize("command", ["validate", "go", "go-series"])
def test_a_data_set(tmp_path: Path, run: Path, command: str, words: str) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, **SETS[words])
    names = [str(run)]
    if command == "go-series":
        other = samples.write_run(tmp_path / "runs" / "20261124T120000Z-tfc-ab13")
        (other / "run.json").write_text((run / "run.json").read_text())
        names.append(str(other))
    call = [command.split("-")[0], *names, "--dataset", str(path), "--workspace", str(tmp_path)]
    answer = CliRunner().invoke(main, call)
    assert answer.exit_code in (1, 2) and words in answer.stderr, answer.output


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"text", "is no picture that can be read"),
        (b"", "is no picture that can be read"),
        (b"\x93NUMPY", "cannot be read"),
    ],
)
def test_a_file(tmp_path: Path, run: Path, content: bytes, words: str) -> None:
    path = tmp_path / "own.png"
    path.write_bytes(content)
    call = ["execute", str(run), "--file", str(path), "--workspace", str(tmp_path)]
    answer = CliRunner().invoke(main, call)
    assert answer.exit_code == 2 and words in answer.stderr, answer.output


def test_a_sample(tmp_path: Path, run: Path) -> None:
    call = ["execute", str(run), "--image", "99", "--workspace", str(tmp_path)]
    answer = CliRunner().invoke(main, call)
    assert answer.exit_code == 2 and "there is no sample image 99" in answer.stderr


async def test_the_app_looks_at_the_workspace_s_own_data_set(tmp_path: Path, run: Path) -> None:
    np.savez(tmp_path / "own.npz", images=PIXELS, labels=[1, 2, 10])
    (tmp_path / "finn-tui.toml").write_text('[datasets]\ntfc-w1a1 = "own.npz"\n')
    async with Workbench(Workspace.open(tmp_path)) as lab:
        with pytest.raises(FinnTuiError, match="has labels up to 10"):
            await board_job(lab, "go", run, "simulated", Credentials(), ignore)
