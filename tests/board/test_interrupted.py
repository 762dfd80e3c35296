"""ctrl+c in the middle of ``go``, on a real OpenSSH server: nothing is left, and again goes on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from finn_tui.board import catalogue
from finn_tui.board.catalogue import Board
from finn_tui.board.connection import connect
from finn_tui.rehearsal import driver_env
from tests.board import samples
from tests.hosts import sshd


@pytest.fixture
def running(tmp_path: Path) -> sshd.Server:
    return sshd.server_in(tmp_path / "sshd")


def go(run: Path, workspace: Path, *interrupt_at: str) -> tuple[int, str]:
    """Start ``go``, and interrupt it at the first line with these words; exit code and stderr."""
    command = [sys.executable, "-m", "finn_tui.cli", "go", str(run), "--to", "lab"]
    with subprocess.Popen(
        [*command, "--batch", "100", "--workspace", str(workspace)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        lines: list[str] = []
        for line in process.stderr:
            lines.append(line)
            if interrupt_at and interrupt_at[0] in line:
                interrupt_at = ()
                process.send_signal(signal.SIGINT)
        return process.wait(60), "".join(lines)


async def test_an_interrupted_go_leaves_nothing_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, running: sshd.Server, driver_python: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    on_board = Path(driver_env.__file__).with_name("on_board")
    # Each process of the driver leaves its number, and takes it away at its end.
    wrapper, pids = tmp_path / "python3", tmp_path / "pids"
    pids.mkdir()
    wrapper.write_text(
        f"#!/bin/sh\ntouch {pids}/$$; trap '' INT\n"
        f'PYTHONPATH={on_board} {driver_python} "$@"\nrm {pids}/$$\n'
    )
    wrapper.chmod(0o755)
    board = Board(
        "lab",
        running.address,
        running.port,
        running.user,
        folder=str(tmp_path / "files"),
        sudo=False,
        key=running.key,
        python=str(wrapper),
        stand_in=True,
    )
    catalogue.add(board)
    run = samples.write_run(tmp_path / "runs" / "20261124T120000Z-tfc-ab12")
    request = json.loads((run / "run.json").read_text())
    request |= {"model": "tfc-w1a1", "created": "2026-01-02T03:04:05+00:00", "folding": {}}
    request |= {"folding_name": "published", "board": "Pynq-Z2", "part": "xc7z020clg400-1"}
    (run / "run.json").write_text(json.dumps(request))
    running.start()
    try:
        if os.geteuid() != 0 and (reason := running.refused()):
            pytest.skip(f"this user cannot log in here: {reason}")
        async with connect(board, trust=True):
            pass
        for words in ("looking for what changed", "a batch of"):
            code, text = go(run, tmp_path, words)
            assert code == 130, text
            assert text.endswith("and the same command goes on\nstopped\n")
            assert "Traceback" not in text
        code, text = go(run, tmp_path)
        assert code == 0, text
        assert (run / "results.json").is_file()
        await _none_left(pids)
    finally:
        running.stop()


async def _none_left(pids: Path) -> None:
    async with asyncio.timeout(60):
        while list(pids.iterdir()):  # noqa: ASYNC110 - other processes set no event
            await asyncio.sleep(0.05)
