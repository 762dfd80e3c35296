"""Netron: found on the PATH, its address read, ended with what opened it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.models.netron import Netron
from tests.waiting import until

_SERVES = """#!{python}
import os, sys, time
open({pid!r}, "w").write(str(os.getpid()))
print("Serving", repr(sys.argv[1]), "at http://localhost:8080", flush=True)
for _ in range(600):
    print("GET /", "x" * 500, flush=True)
    time.sleep(0.1)
"""
_FAILS = """#!{python}
import sys
print("cannot read", sys.argv[1])
sys.exit(3)
"""
_WINDOW = """#!{python}
import time
for _ in range(4):
    print("x" * 60_000, flush=True)
    time.sleep(0.2)
print("y" * 200_000, flush=True)
open({pid!r}, "w").write("all was said")
time.sleep(60)
"""


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    """Where the pretended Netron writes its process id."""
    return tmp_path / "pid"


def install(folder: Path, text: str, pid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a pretended Netron on the PATH."""
    program = folder / "bin" / "netron"
    program.parent.mkdir(exist_ok=True)
    program.write_text(text.format(python=sys.executable, pid=str(pid)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


async def test_a_graph_is_shown_and_ends_with_the_next(
    tmp_path: Path, pid_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, _SERVES, pid_file, monkeypatch)
    netron = Netron()
    assert await netron.open(tmp_path / "a b.onnx") == "http://localhost:8080"
    first = psutil.Process(int(pid_file.read_text()))
    assert netron.running
    assert await netron.open(tmp_path / "other.onnx") == "http://localhost:8080"
    assert not first.is_running()
    second = psutil.Process(int(pid_file.read_text()))
    assert second.is_running()
    await netron.close()
    assert not second.is_running() and not netron.running
    await netron.close()


async def test_a_window_that_says_much_does_not_stand_still(
    tmp_path: Path, pid_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, _WINDOW, pid_file, monkeypatch)
    monkeypatch.setattr("finn_tui.lab.models.netron._PATIENCE", 0.3)
    netron = Netron()
    assert await netron.open(tmp_path / "a.onnx") == "" and netron.running
    await until(lambda: pid_file.exists())
    await netron.close()


async def test_a_netron_that_ends_at_once_is_an_error(
    tmp_path: Path, pid_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, _FAILS, pid_file, monkeypatch)
    with pytest.raises(FinnTuiError, match="exit code 3") as error:
        await Netron().open(tmp_path / "a.onnx")
    assert "cannot read" in error.value.why


async def test_without_netron_it_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FinnTuiError, match="not installed") as error:
        await Netron().open(tmp_path / "a.onnx")
    assert "uv tool install netron" in error.value.fix
