"""The commands that look after a board: doctor, deployments, clean."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from finn_tui.board.catalogue import find
from finn_tui.board.connection import connect
from finn_tui.board.deploy import deploy
from tests.board.fixtures import board_home, driver_python, run_folder
from tests.cli.conftest import Cli

__all__ = ["board_home", "driver_python", "run_folder"]


def test_boards_are_looked_for_where_that_is_asked_for(cli: Cli, tmp_path: Path) -> None:
    env = {"FINN_TUI_HOME": str(tmp_path)}
    # The discard port of this machine: nobody listens there.
    added = cli("boards", "add", "lab", "--host", "127.0.0.1", "--port", "9", env=env)
    assert added.code == 0
    rows = {
        row["name"]: row["reach"]
        for row in cli("boards", "list", "--reach", "--json", env=env).json["boards"]
    }
    assert rows["simulated"] is None and rows["lab"]["status"] == "refuses"
    assert "refuses: no server on port 9" in cli("boards", "list", "--reach", env=env).out
    assert "refuses" not in cli("boards", "list", env=env).out


def test_the_commands(
    cli: Cli,
    cli_home: Path,
    board_home: None,
    run_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FINN_TUI_HOME", str(cli_home / "home"))

    async def sent() -> None:
        async with connect(find("simulated")) as link:
            await deploy(link, run_folder)

    asyncio.run(sent())
    listed = cli("boards", "deployments", "simulated", "--json").json
    assert {row["name"] for row in listed["deployments"]} >= {run_folder.name}
    assert run_folder.name in cli("boards", "deployments", "simulated").out
    dry = cli("boards", "clean", "simulated", "ab12", "--dry-run", "--json").json
    assert dry["removed"] == [f"runs/{run_folder.name}"] and dry["dry_run"]
    assert "1 removed" in cli("boards", "clean", "simulated", "ab12").out
    assert cli("boards", "clean", "simulated").code == 2
    assert cli("boards", "doctor", "simulated", "--json").json["status"] != "fail"
    assert "SIMULATED board" in cli("boards", "doctor", "simulated").out
