"""A workspace or run folder from somebody else runs nothing."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine import catalogue
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import runner
from finn_tui.engine.server.training import locate
from finn_tui.engine.server.training.datasets import read_test
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch import rebuild


def settings(tmp_path: Path, command: str) -> Workspace:
    (tmp_path / "finn-tui.toml").write_text(f"notify = {json.dumps(command)}\n")
    return Workspace.open(tmp_path)


def test_notify_runs_only_if_the_user_agreed_to_it_here(tmp_path: Path) -> None:
    first, other = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    other.mkdir()
    workspace = settings(first, "touch x")
    assert workspace.agreed_notify() == ""
    workspace.agree_to_notify("touch x")
    assert workspace.agreed_notify() == "touch x"
    assert Workspace.open(first).agreed_notify() == "touch x"
    assert settings(other, "touch x").agreed_notify() == "", "agreed to for one workspace"
    assert settings(first, "touch y").agreed_notify() == "", "another command"


def run_of(tmp_path: Path, engine: dict[str, object]) -> RunFolder:
    path = tmp_path / "runs" / "20260102T030405Z-tfc-w1a1-00ff"
    path.mkdir(parents=True)
    request = {
        "format": 1,
        "id": path.name,
        "model": "m",
        "created": "2026-01-02T03:04:05+00:00",
        "folding": {},
        "folding_name": "f",
        "board": "Pynq-Z2",
        "part": "p",
        "clock_ns": 10.0,
        "engine": engine,
    }
    (path / "run.json").write_text(json.dumps(request))
    return RunFolder(path)


def test_a_run_s_engine_is_started_as_the_catalogue_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = EngineSpec("mine", (sys.executable, "-I"))
    monkeypatch.setattr(catalogue, "engines", lambda: [spec])
    evil = ["sh", "-c", "touch /tmp/owned"]
    known = run_of(tmp_path / "known", {"name": "mine", "command": evil})
    assert rebuild.engine_of(known).command == spec.command
    renamed = run_of(tmp_path / "renamed", {"name": "x", "command": list(spec.command)})
    assert rebuild.engine_of(renamed).command == spec.command
    for name in ("", "stranger"):
        foreign = run_of(tmp_path / f"foreign{name}", {"name": name, "command": evil})
        with pytest.raises(FinnTuiError, match="not yours") as caught:
            rebuild.engine_of(foreign)
        assert "engines.toml" in caught.value.fix


def test_the_builder_imports_nothing_from_the_run_folder(tmp_path: Path) -> None:
    for name in ("json", "subprocess", "threading", "traceback", "numpy", "finn", "tempfile"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'w')\n")
    root = str(Path(runner.__file__).parents[3])
    command = [sys.executable, "-c", runner._BOOT, root, str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300, check=False)
    assert done.returncode != 0 and b"builder" in done.stderr
    assert not (tmp_path / "owned").exists()


class Evil:
    """Calls a function when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_test_set_calls_nothing(tmp_path: Path, protocol: int) -> None:
    rows = np.zeros((4, 3072), np.uint8)
    good = pickle.dumps({"data": rows, "labels": [1, 2, 3, 4], b"x": b"y"}, protocol=protocol)
    (tmp_path / "test_batch").write_bytes(good)
    files = locate.files_in(str(tmp_path))
    assert files is not None
    data = read_test(files)
    assert data.test_images.shape == (4, 3, 32, 32) and data.test_labels.tolist() == [1, 2, 3, 4]
    owned = tmp_path / "owned"
    for content in ({"data": rows, "labels": Evil(owned)}, Evil(owned), [Evil(owned)], "text", 7):
        (tmp_path / "test_batch").write_bytes(pickle.dumps(content, protocol=protocol))
        with pytest.raises(EngineError):
            read_test(files)
    assert not owned.exists()
