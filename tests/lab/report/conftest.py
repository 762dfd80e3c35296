"""A workspace with finished runs, and the typesetter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from finn_tui.lab.workspace import Workspace
from tests.ui.conftest import make_run


@pytest.fixture(scope="session")
def typesetter() -> Iterator[str]:
    """An interpreter with Typst, installed as for a user's first report.

    It lies where the user's lies too; ``FINN_TUI_REPORT_PYTHON`` names another one.
    """
    given = os.environ.get("FINN_TUI_REPORT_PYTHON")
    if not given:
        code = (
            "import asyncio\n"
            "from finn_tui.lab.report.typesetter import ensure\n"
            "print(asyncio.run(ensure()))\n"
        )
        environment = {key: value for key, value in os.environ.items() if key != "FINN_TUI_HOME"}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode != 0:
            pytest.skip(f"the typesetter could not be installed: {done.stderr[-300:]}")
        given = done.stdout.strip().splitlines()[-1]
    before = os.environ.get("FINN_TUI_REPORT_PYTHON")
    os.environ["FINN_TUI_REPORT_PYTHON"] = given
    yield given
    if before is None:
        del os.environ["FINN_TUI_REPORT_PYTHON"]


@pytest.fixture
def student(tmp_path: Path) -> Workspace:
    """A workspace with rehearsed runs of three foldings of TFC; two are measured."""
    workspace = Workspace.open(tmp_path / "student")
    for minute, (folding, measured) in enumerate(
        (("published", True), ("exp1", True), ("filled", False))
    ):
        run = make_run(
            workspace, f"20260102T03{minute:02}05Z-tfc-w1a1-00f{minute}", measured=measured
        )
        rewrite(run.path / "run.json", folding_name=folding, source=SOURCE)
        if measured:
            results = json.loads((run.path / "results.json").read_text())
            results["accuracy"]["dataset"] = "digits28"
            (run.path / "results.json").write_text(json.dumps(results))
    return workspace


SOURCE = {"weights": {"kind": "trained", "dataset": "digits28"}}


def rewrite(path: Path, **changes: object) -> None:
    """Change keys of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
