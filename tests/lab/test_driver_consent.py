"""The driver in a package from somebody else runs on no board before the user agrees to it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from benchmarks.terminal import Terminal
from finn_tui.base import paths
from finn_tui.board import catalogue as boards
from finn_tui.board.catalogue import Board
from finn_tui.lab import consent
from finn_tui.lab.boards.driver_consent import UnagreedDriver, check_driver, remember_own
from finn_tui.runs.folder import RunFolder
from tests.board import samples

NAME = "20261123T120000-tfc-w1a1-ab12"


def foreign(folder: Path, code: str = "print('hello')\n") -> Path:
    """A run with a package of upstream FINN, from wherever."""
    run = folder / "runs" / NAME
    run.mkdir(parents=True)
    samples.write_run(run)
    driver = run / "build" / "deploy" / "driver"
    (driver / "settings.json").unlink()
    (driver / "driver.py").write_text(code)
    (driver / "qonnx").mkdir()
    (driver / "qonnx" / "__init__.py").write_text("")
    return run


def test_code_is_agreed_to_by_its_content(tmp_path: Path) -> None:
    run = foreign(tmp_path)
    with pytest.raises(UnagreedDriver, match=r"driver\.py, qonnx/__init__\.py") as caught:
        check_driver(run)
    assert "--trust-driver" in caught.value.fix and caught.value.digest in caught.value.why
    consent.agree(caught.value.digest, caught.value.path)
    check_driver(run)
    driver = run / "build" / "deploy" / "driver"
    # Weights are data; whatever can be imported is code.
    (driver / "runtime_weights").mkdir(exist_ok=True)
    (driver / "runtime_weights" / "0_0_MatrixVector.dat").write_text("00\n")
    check_driver(run)
    for name in ("numpy.py", "numpy.cpython-310-arm-linux-gnueabihf.so", "x.pth", "qonnx/x.PY"):
        (driver / name).write_text("import os\n")
        with pytest.raises(UnagreedDriver):
            check_driver(run)
        (driver / name).unlink()
    (driver / "driver.py").write_text("print('hellO')\n")
    with pytest.raises(UnagreedDriver):
        check_driver(run)


def test_the_user_s_own_builds_are_not_asked_about(tmp_path: Path) -> None:
    run = foreign(tmp_path)
    remember_own(RunFolder(run))
    check_driver(run)
    # The same run elsewhere, sent back by somebody, is another; so is one asked for differently.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run.rename(elsewhere / NAME)
    with pytest.raises(UnagreedDriver):
        check_driver(elsewhere / NAME)
    (elsewhere / NAME).rename(run)
    check_driver(run)
    (run / "run.json").write_text((run / "run.json").read_text() + " ")
    with pytest.raises(UnagreedDriver):
        check_driver(run)


def test_a_package_without_code_needs_no_consent(tmp_path: Path) -> None:
    run = tmp_path / "runs" / NAME
    run.mkdir(parents=True)
    samples.write_run(run)
    check_driver(run)


def test_what_cannot_be_remembered_is_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = foreign(tmp_path)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path / "file" / "x")
    remember_own(RunFolder(run))
    with pytest.raises(UnagreedDriver):
        check_driver(run)


def test_a_damaged_memory_of_own_runs_asks(tmp_path: Path) -> None:
    run = foreign(tmp_path)
    remember_own(RunFolder(run))
    (store,) = paths.data_dir().glob("own-runs.txt")
    for content in (b"", b"\x00\xff" * 99, b"{}"):
        store.write_bytes(content)
        with pytest.raises(UnagreedDriver):
            check_driver(run)
        remember_own(RunFolder(run))
        check_driver(run)


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"y\n", 0)])
def test_the_command_asks(tmp_path: Path, answer: bytes, code: int) -> None:
    foreign(tmp_path)
    # Nothing listens there: what counts is whether anybody tries to reach it.
    boards.add(Board("nobody", "127.0.0.1", 1, stand_in=True))
    command = [sys.executable, "-m", "finn_tui.cli", "deploy", NAME, "--to", "nobody"]
    with Terminal([*command, "--workspace", str(tmp_path)], 100, 40) as terminal:
        terminal.wait_for("Run this code on the board?", 120)
        assert b"driver.py, qonnx" in terminal.output
        os.write(terminal.fd, answer)
        end = time.monotonic() + 120
        last = b"refuses the connection" if code == 0 else b"Aborted"
        while last not in terminal.output:
            assert time.monotonic() < end, bytes(terminal.output)
            terminal.read(0.1)
    agreed = paths.config_dir() / "agreed-steps.json"
    assert agreed.exists() == (code == 0)
