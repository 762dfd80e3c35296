"""The passphrase of a key: asked for on the terminal, in no argument, variable, file or output."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import asyncssh
import psutil
import pytest

from benchmarks.terminal import Terminal
from finn_tui.board import catalogue
from finn_tui.rehearsal import board as rehearsal_board

SECRET = "correct horse battery"


def _holds_secret(process: psutil.Process) -> bool:
    try:
        texts = [*process.cmdline(), *process.environ().values()]
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # it has just ended
        return False
    return any(SECRET in text for text in texts)


def _ask(command: list[str], answers: list[str]) -> tuple[int, bytes]:
    """Run a command on a terminal and answer each question; its exit code and what it showed."""
    with Terminal(command, 100, 30) as terminal:
        for number, answer in enumerate(answers, 1):
            end = time.monotonic() + 120
            while terminal.output.count(b"passphrase of") < number:
                assert time.monotonic() < end, bytes(terminal.output)
                terminal.read(0.1)
            # getpass turns the echo off before it asks, so that what is typed now is not shown.
            os.write(terminal.fd, answer.encode() + b"\n")
        process = psutil.Process(terminal.pid)
        end = time.monotonic() + 120
        while process.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < end, bytes(terminal.output)
            assert not _holds_secret(process)
            assert not any(map(_holds_secret, process.children(recursive=True)))
            terminal.read(0.1)
        while terminal.read(0.1):
            pass
        ended = os.waitid(os.P_PID, terminal.pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        return ended.si_status, bytes(terminal.output)


async def test_a_passphrase_is_asked_for_and_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    async with rehearsal_board.running(
        folder=tmp_path / "board", python=Path(sys.executable)
    ) as endpoint:
        key = tmp_path / "key"
        asyncssh.read_private_key(endpoint.client_key).write_private_key(key, passphrase=SECRET)
        key.chmod(0o600)
        board = catalogue.Board(
            "lab", endpoint.host, endpoint.port, endpoint.user, sudo=False, key=str(key)
        )
        catalogue.add(board)
        known = f"[{endpoint.host}]:{endpoint.port} {endpoint.host_key}\n"
        (home / ".ssh" / "known_hosts").write_text(known)
        command = [sys.executable, "-m", "finn_tui.cli", "boards", "test", "lab"]
        workspace = ["--workspace", str(tmp_path / "ws")]
        code, output = await asyncio.to_thread(
            _ask, [*command, *workspace], ["not it", "nor this", SECRET]
        )
        assert (code, output.count(b"does not open the key")) == (0, 2)
        code, output_wrong = await asyncio.to_thread(_ask, [*command, *workspace], ["x", "y", "z"])
        assert code == 1 and b"is encrypted" in output_wrong
        assert SECRET.encode() not in output + output_wrong
        # Nobody to ask: an error that says what to do, at once.
        process = await asyncio.create_subprocess_exec(
            *command, *workspace, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        _, errors = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == 1 and b"ssh-add" in errors
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
