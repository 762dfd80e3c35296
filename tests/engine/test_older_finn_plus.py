"""An older finn-plus, installed beside the first: its tables are its own reports, in every layer.

``benchmarks/finn_versions.py`` does the same, and more, with every FINN; it is run by hand.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.finn_versions import Row
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace

#: The oldest that installs; between it and the newest FINN's estimators changed twice.
VERSION = "1.4.0"

pytestmark = [pytest.mark.engine, pytest.mark.slow]


@pytest.fixture(scope="module")
def older() -> str:
    """Its interpreter, in the user's folder, so that it is made once a machine."""
    code = (
        "import asyncio\n"
        "from finn_tui.engine.provision import install\n"
        f"print(asyncio.run(install(version={VERSION!r})).command[0])\n"
    )
    hidden = ("FINN_TUI_HOME", "FINN_TUI_ENGINE_PYTHON")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"finn-plus {VERSION} could not be installed (no network?)")
    return done.stdout.strip().splitlines()[-1]


async def test_tables_equal_its_own_reports(
    older: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FINN_TUI_ENGINE_PYTHON", older)
    async with Workbench(Workspace.open(tmp_path / "workspace")) as lab:
        await lab.prepare("tfc-w1a1", weights={"kind": "random", "seed": 0})
        row = Row(lab, "tfc", "tfc-w1a1")
        row.cells["starts"] = await row.starts()
        assert row.cells["starts"] == VERSION
        assert (await row.prepares()).startswith("7 layers")
        assert await row.tables() == "56 layer rows equal"
        assert await row.truth() == "equal"
        assert await row.published() == "II 64"
        assert await row.set_folding() == "7 layers"
