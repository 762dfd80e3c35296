"""Looking at runs ends no process that is not proved to be the run's.

Each scenario runs in a process namespace of its own, since it may end everything in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import data
from tests.runs.namespace_scenarios import SCENARIOS, UNAVAILABLE

ROOT = Path(__file__).resolve().parents[2]


def _unshare() -> list[str] | None:
    """The command that starts a process namespace, None where this user may not."""
    if shutil.which("unshare") is None:
        return None
    for options in ([], ["-r"]):
        command = ["unshare", *options, "-pf", "--mount-proc"]
        if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    return None


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_bystander_lives(scenario: str, tmp_path: Path) -> None:
    unshare = _unshare()
    if unshare is None:
        pytest.skip("no process namespaces for this user (unshare -pf --mount-proc)")
    folder = tmp_path / "workspace"
    folder.mkdir()
    data.home(Path(os.environ["FINN_TUI_HOME"]))
    environment = {k: v for k, v in os.environ.items() if k != "FINN_TUI_ENGINE_PYTHON"}
    done = subprocess.run(
        [*unshare, sys.executable, "-m", "tests.runs.namespace_scenarios", scenario, str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode == UNAVAILABLE:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
