"""Fixtures of the board's tests, shared with the rehearsal's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from finn_tui.board import agent_session as session_module
from finn_tui.board import deploy as deploy_module
from finn_tui.board import request as request_module
from finn_tui.board.catalogue import Board
from finn_tui.board.connection import connect
from finn_tui.board.transport import Transport
from finn_tui.rehearsal import board as rehearsal_board
from tests.board import samples


@pytest.fixture(scope="session")
def driver_python() -> Iterator[Path]:
    """An interpreter with the real driver, installed as for a user's first rehearsal.

    It lies where the user's lies too; ``FINN_TUI_DRIVER_PYTHON`` names another one.
    """
    given = os.environ.get("FINN_TUI_DRIVER_PYTHON")
    if not given:
        code = (
            "import asyncio\n"
            "from finn_tui.rehearsal.driver_env import ensure\n"
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
            pytest.skip(f"the board driver could not be installed: {done.stderr[-300:]}")
        given = done.stdout.strip().splitlines()[-1]
    yield Path(given)


@pytest.fixture
def board_home(driver_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated boards of this test use the environment that is there already."""
    monkeypatch.setenv("FINN_TUI_DRIVER_PYTHON", str(driver_python))


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run as a rehearsal leaves it."""
    folder = tmp_path / "runs" / "20261123T120000-tfc-w1a1-ab12"
    folder.mkdir(parents=True)
    return samples.write_run(folder)


@pytest.fixture
async def lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Transport, Path]]:
    """A board without a driver, and its home."""
    monkeypatch.setattr(deploy_module, "check_kind", lambda link, what: None)
    monkeypatch.setattr(request_module, "check_kind", lambda link, what: None)
    running = rehearsal_board.running(folder=tmp_path / "board", python=Path(sys.executable))
    async with running as endpoint:
        key = str(endpoint.client_key)
        board = Board("lab", endpoint.host, endpoint.port, endpoint.user, sudo=False, key=key)
        async with connect(board, trust=True) as link:
            yield link, endpoint.home


def pretend(home: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Let the board start this Python program in place of the agent."""
    (home / "agent.py").write_text("import json, sys, time\n" + program)

    async def nothing(link: Transport) -> None:
        (home / "finn-tui").mkdir(exist_ok=True)

    monkeypatch.setattr(session_module, "_bring_agent", nothing)
    monkeypatch.setattr(session_module, "agent_name", lambda: "../agent.py")
