"""Beginning a build: what is refused before anything is started, and starts that fail."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections import namedtuple
from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.runs.folder import list_runs
from finn_tui.runs.launch import launch as launching
from finn_tui.runs.launch.launch import BuildRequest, launch
from finn_tui.runs.live.watch import StateChanged, follow
from tests.runs.conftest import FOLDING

ResourceUsage = namedtuple("ResourceUsage", "total used free")


@pytest.fixture
def request_(tmp_path: Path) -> BuildRequest:
    """A request for a model that no FINN would take, with this Python as its engine."""
    folder = tmp_path / "model"
    (folder / "sample").mkdir(parents=True)
    (folder / "sample" / "labels.npy").write_bytes(b"labels")
    (folder / "dataflow.onnx").write_bytes(b"not a graph")
    return BuildRequest(
        model="my net/1",
        graph=folder / "dataflow.onnx",
        folder=folder,
        folding=FOLDING,
        folding_name="published",
        board="Pynq-Z2",
        part="xc7z020clg400-1",
        clock_ns=10.0,
        engine=EngineSpec("here", (sys.executable,)),
        rehearse=1.0,
    )


async def test_a_real_build_without_tools_is_refused(
    request_: BuildRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if "XILINX" in name or name.endswith("_PATH") or name == "FINN_TOOL_DIR_OVERRIDE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FinnTuiError) as caught:
        await launch(replace(request_, rehearse=None), tmp_path / "runs")
    assert caught.value.kind == "tools"
    assert list_runs(tmp_path / "runs") == []


async def test_a_disk_that_is_too_small_is_refused(
    request_: BuildRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: ResourceUsage(10**12, 10**12, 10**6))
    with pytest.raises(FinnTuiError, match="too little room") as caught:
        await launch(request_, tmp_path / "runs")
    assert caught.value.kind == "disk"
    assert not (tmp_path / "runs").exists()


async def test_a_path_that_finn_would_not_find_is_refused(
    request_: BuildRequest, tmp_path: Path
) -> None:
    with pytest.raises(FinnTuiError, match="cannot build in this folder") as caught:
        await launch(request_, tmp_path / "my runs (old)" / "runs")
    assert "' '" in caught.value.why
    assert "'('" in caught.value.why
    with pytest.raises(FinnTuiError, match="cannot build in this folder") as caught:
        await launch(request_, tmp_path / "two\nlines" / "runs")
    assert "a line end ('\\n')" in caught.value.why and "\n" not in caught.value.why


async def test_a_disk_that_fills_while_the_folder_is_made_leaves_nothing(
    request_: BuildRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(launching, "install", full)
    with pytest.raises(FinnTuiError) as caught:
        await launch(request_, tmp_path / "runs")
    assert caught.value.kind == "disk"
    assert list((tmp_path / "runs").iterdir()) == []


async def test_an_engine_that_is_not_there_leaves_a_failed_run(
    request_: BuildRequest, tmp_path: Path
) -> None:
    broken = replace(request_, engine=EngineSpec("gone", (str(tmp_path / "python"),)))
    with pytest.raises(FinnTuiError, match="could not be started") as caught:
        await launch(broken, tmp_path / "runs")
    assert caught.value.kind == "engine"
    (run,) = list_runs(tmp_path / "runs")
    state = run.state()
    assert state.state == "failed"
    assert state.error is not None
    assert "No such file" in state.error.why


async def test_an_engine_without_finn_fails_with_the_reason(
    request_: BuildRequest, tmp_path: Path
) -> None:
    run = await launch(request_, tmp_path / "runs")
    async for update in follow(run, poll=0.05):
        if isinstance(update, StateChanged):
            last = update.state
    assert last.state == "failed"
    assert last.error is not None
    assert last.error.kind == "engine"
    assert "ModuleNotFoundError" in last.error.detail
    assert "finn-tui engine info" in last.error.fix


async def test_the_run_folder_is_whole(request_: BuildRequest, tmp_path: Path) -> None:
    run = await launch(replace(request_, estimate={"fps": 7.0}), tmp_path / "runs")
    async for _ in follow(run, poll=0.05):
        pass
    assert run.id.split("-", 1)[1].startswith("my-net-1-")
    assert (run.path / "model.onnx").read_bytes() == b"not a graph"
    assert (run.sample / "labels.npy").read_bytes() == b"labels"
    assert run.request.folding["MVAU_hls_0"] == {"PE": 16, "SIMD": 49}
    assert run.request.simulated
    assert run.request.estimate == {"fps": 7.0}
    vivado = run.path / "rehearsal/Vivado/2022.2/bin/vivado"
    assert os.access(vivado, os.X_OK)
    assert not list((tmp_path / "runs").glob(".*.partial"))


def test_runs_of_one_second_never_share_an_id(
    request_: BuildRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = iter(["aaaa", "aaaa", "bbbb", "bbbb", "cccc"])
    monkeypatch.setattr(secrets, "token_hex", lambda size: next(digits))
    monkeypatch.setattr(launching, "datetime", _StoppedClock)
    (tmp_path / "runs" / ".20260102T030405Z-my-net-1-cccc.partial").mkdir(parents=True)
    runs = [launching.queued_build(request_, tmp_path / "runs") for _ in range(2)]
    assert [run.id[-4:] for run in runs] == ["aaaa", "bbbb"]
    with pytest.raises(StopIteration):  # "bbbb" is a run's, "cccc" is being made by another
        launching.queued_build(request_, tmp_path / "runs")
    assert sorted(list_runs(tmp_path / "runs"), key=lambda run: run.id) == runs


class _StoppedClock:
    @staticmethod
    def now(zone: tzinfo) -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=zone)
