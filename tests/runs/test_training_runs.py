"""A training is a run: it is followed, killed, resumed, cancelled and explained as a build is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from finn_tui.engine.server import runner
from tests.cli import contract
from tests.engine import dataset_files
from tests.runs.test_bystanders import ROOT, _unshare
from tests.runs.training_scenarios import EPOCHS


def test_threads_of_a_training_sleep_while_they_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    environment = runner._KINDS["train"].environment
    assert environment({}, "")["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert environment({}, "")["OMP_WAIT_POLICY"] == "ACTIVE"


@pytest.mark.engine
def test_a_training_lives_as_a_run(engine_python: str, tmp_path: Path) -> None:
    unshare = _unshare()
    if unshare is None:
        pytest.skip("no process namespaces for this user (unshare -pf --mount-proc)")
    dataset = tmp_path / "made-digits"
    dataset_files.write_idx(dataset, train=2000)
    command = [sys.executable, "-m", "tests.runs.training_scenarios", engine_python]
    done = subprocess.run(
        [*unshare, *command, str(tmp_path / "workspace"), str(dataset)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    facts = json.loads(done.stdout.splitlines()[-1])
    assert (facts["whole"], facts["resumed"]) == ("succeeded", "succeeded")
    assert facts["lost"] == "lost" and facts["left"] == 0
    assert 1 <= facts["before"] < EPOCHS and facts["attempt"] == 3
    # Killed, cancelled and resumed, every epoch has the loss that it has without.
    assert facts["same"]
    assert facts["cancelled"] == "cancelled" and facts["possible"] == ["checkpoint"]
    assert facts["result"]["dataset"] == "made-digits"
    assert facts["result"]["epochs"] == EPOCHS and facts["result"]["ended"] == "epochs"
    assert facts["result"]["percent"] > 50
    assert facts["evaluated"]["percent"] == facts["result"]["percent"]
    assert not contract.missing("evaluate", [facts["evaluated"]])
    assert facts["files"] == ["best.pt", "checkpoint.pt"]
    assert facts["last"] and facts["step"] == f"epoch {EPOCHS}"
