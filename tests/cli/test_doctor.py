"""``finn-tui doctor``: exit codes, and ``--fix`` in a real terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.waiting import PATIENCE


@pytest.fixture
def student(tmp_path: Path) -> dict[str, str]:
    """The environment of a student who misspelt the board and forgot nothing else."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".bashrc").write_text("export FINN_XILINX_VERSION =2022.1\n")
    (tmp_path / "workspace").mkdir()
    return {
        "HOME": str(home),
        "SHELL": "/bin/bash",
        "FINN_TUI_HOME": str(tmp_path / "finn-tui"),
        "FINN_TUI_WORKSPACE": str(tmp_path / "workspace"),
        "FINN_TUI_ENGINE_PYTHON": "",
        "PYNQ_BOARD": "pynq-z2",
        "FINN_HOST_BUILD_DIR": "/tmp/build",
    }


def test_exit_code_1_where_something_is_wrong(cli: Cli, student: dict[str, str]) -> None:
    done = cli("doctor", "--json", env=student)
    assert done.code == 1
    checks = {check["id"]: check for check in done.json["checks"]}
    assert checks["PYNQ_BOARD"]["fix"].startswith("export PYNQ_BOARD=Pynq-Z2")
    assert checks["FINN_XILINX_VERSION"]["verdict"] == "wrong"
    assert checks["python"]["verdict"] == "ok"
    text = cli("doctor", env=student)
    assert text.code == 1
    assert "-> export PYNQ_BOARD=Pynq-Z2" in text.out


def test_a_cache_that_cannot_be_written_is_one_check(cli: Cli, student: dict[str, str]) -> None:
    # A file in place of the folder: also root cannot write into it.
    home = Path(student["FINN_TUI_HOME"])
    home.mkdir()
    (home / "cache").write_text("")
    done = cli("doctor", "--json", env=student)
    assert done.code == 1
    checks = {check["id"]: check for check in done.json["checks"]}
    assert checks["cache"]["verdict"] == "wrong"
    assert str(home / "cache") in checks["cache"]["value"] and checks["cache"]["fix"]
    assert checks["PYNQ_BOARD"]["verdict"] == "wrong" and checks["python"]["verdict"] == "ok"


def test_fix_asks_and_needs_a_terminal(cli: Cli, student: dict[str, str]) -> None:
    before = sorted(Path(student["HOME"]).rglob("*"))
    done = cli("doctor", "--fix", env=student)
    assert done.code == 2
    assert "needs a terminal" in done.err
    assert cli("doctor", "--fix", "--json", env=student).code == 2
    assert sorted(Path(student["HOME"]).rglob("*")) == before


def in_terminal(arguments: list[str], env: dict[str, str], answers: list[str]) -> str:
    """Run finn-tui in a terminal and answer its questions in order; what it showed."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "finn_tui.cli", *arguments],
        env={**os.environ, **env},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    shown, asked = "", 0
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if not select.select([master], [], [], 1.0)[0]:
            continue
        try:
            data = os.read(master, 1 << 16)
        except OSError:
            break
        shown += data.decode(errors="replace")
        while shown.count("[y/N]") > asked:
            os.write(master, f"{answers[asked]}\n".encode())
            asked += 1
    os.close(master)
    process.wait(timeout=PATIENCE)
    return shown


def test_fix_writes_only_what_was_agreed_to(cli: Cli, student: dict[str, str]) -> None:
    startup = Path(student["HOME"]) / ".bashrc"
    before = startup.read_text()
    # The blank in a line: no. The board: yes. The folder for builds: no, its variable: no.
    shown = in_terminal(["doctor", "--fix"], student, ["n", "y", "n", "n", "n", "n"])
    own = Path(student["FINN_TUI_HOME"]) / "config" / "environment.sh"
    assert "export PYNQ_BOARD=Pynq-Z2" in own.read_text()
    assert "FINN_HOST_BUILD_DIR" not in own.read_text()
    assert startup.read_text().startswith(before)
    assert len(startup.read_text().splitlines()) == 2
    assert "undo: " in shown
    script = '. "$HOME/.bashrc"; printf %s "$PYNQ_BOARD"'
    env = {"HOME": student["HOME"]}
    assert subprocess.run(["bash", "-c", script], capture_output=True, env=env).stdout == b"Pynq-Z2"
    assert not (Path(student["HOME"]) / "finn_build").exists()
    checks = {check["id"]: check for check in cli("doctor", "--json", env=student).json["checks"]}
    assert checks["PYNQ_BOARD"]["verdict"] == "warning", "this terminal is older than the change"
    assert f"source {own}" in checks["PYNQ_BOARD"]["fix"]
