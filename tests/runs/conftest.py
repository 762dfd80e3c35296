"""A small model to build, and runs made by hand."""

from __future__ import annotations

import asyncio
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finn_tui.base import paths
from finn_tui.engine.archive import engine_archive
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.client import Engine
from finn_tui.engine.server.runs import runfiles
from finn_tui.runs.folder import RunFolder, RunState
from finn_tui.runs.launch import launch, rebuild
from finn_tui.runs.launch.launch import BuildRequest
from finn_tui.runs.launch.processes import reconcile
from tests.waiting import PATIENCE

#: The lab's folding of TFC-w1a1 for its four MVAUs.
FOLDING = {
    "Defaults": {},
    "Thresholding_rtl_0": {"PE": 49},
    "MVAU_hls_0": {"PE": 16, "SIMD": 49},
    "MVAU_hls_1": {"PE": 8, "SIMD": 8},
    "MVAU_hls_2": {"PE": 8, "SIMD": 8},
    "MVAU_hls_3": {"PE": 10, "SIMD": 8},
}


@pytest.fixture(scope="session")
def engine(engine_python: str) -> EngineSpec:
    """The engine that tests build with."""
    return EngineSpec("test", (engine_python,))


@pytest.fixture(scope="session")
def tfc(engine: EngineSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """TFC-w1a1 with random weights as a dataflow graph, prepared by the engine itself."""
    out = tmp_path_factory.mktemp("tfc")

    async def prepare() -> None:
        client = await Engine.start(engine)
        try:
            source = {
                "kind": "brevitas",
                "network": "tfc_1w1a",
                "input": [1, 1, 28, 28],
                "weights": {"kind": "random", "seed": 0},
                "topk": 1,
            }
            request = {"source": source, "out": str(out), "board": "Pynq-Z2", "clock_ns": 10.0}
            await client.call("prepare", request)
        finally:
            await client.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINN_TUI_HOME", str(tmp_path_factory.mktemp("home")))
        asyncio.run(prepare())
    return out


MakeRun = Callable[..., RunFolder]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """A run folder with the given state, as a runner would leave it."""

    def make(id: str = "20260102T030405Z-tfc-w1a1-00ff", **state: Any) -> RunFolder:
        path = tmp_path / "runs" / id
        path.mkdir(parents=True)
        request = {
            "format": 1,
            "id": id,
            "model": "tfc-w1a1",
            "created": "2026-01-02T03:04:05+00:00",
            "folding": FOLDING,
            "folding_name": "published",
            "board": "Pynq-Z2",
            "part": "xc7z020clg400-1",
            "clock_ns": 10.0,
            "rehearsal": {"seconds": 2.0},
            "simulated": True,
        }
        (path / runfiles.RUN).write_text(json.dumps(request))
        (path / runfiles.STATE).write_text(json.dumps({"state": "queued", **state}))
        return RunFolder(path)

    return make


STEPS = ["step_one", "step_two", "step_three"]
#: ``await begin(parallel=1, notify="", **plan)``, see ``fake_builder``.
Begin = Callable[..., Any]


@pytest.fixture
def fake_archive(tmp_path: Path) -> Path:
    """The engine's archive with ``fake_builder`` in the builder's place."""
    archive = tmp_path / "engine.pyz"
    place = "finn_tui/engine/server/build/"
    with zipfile.ZipFile(engine_archive()) as real, zipfile.ZipFile(archive, "w") as out:
        for name in real.namelist():
            if name == place + "builder.py":
                out.writestr(name, (Path(__file__).parent / "fake_builder.py").read_text())
            else:
                out.writestr(name, real.read(name))
    return archive


@pytest.fixture
def begin(tmp_path: Path, fake_archive: Path, monkeypatch: pytest.MonkeyPatch) -> Begin:
    """Launch a run whose builder does what its keywords say."""
    monkeypatch.setattr(launch, "engine_archive", lambda: fake_archive)
    monkeypatch.setattr(rebuild, "engine_archive", lambda: fake_archive)

    known = paths.config_dir() / "engines.toml"
    known.parent.mkdir(parents=True, exist_ok=True)
    known.write_text(f"[here]\ncommand = {json.dumps([sys.executable])}\n")

    async def begin(parallel: int = 1, notify: str = "", **plan: Any) -> RunFolder:
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        (folder / "dataflow.onnx").write_text(json.dumps({"steps": STEPS, **plan}))
        request = BuildRequest(
            model="net",
            graph=folder / "dataflow.onnx",
            folder=folder,
            folding=FOLDING,
            folding_name="published",
            board="Pynq-Z2",
            part="xc7z020clg400-1",
            clock_ns=10.0,
            engine=EngineSpec("here", (sys.executable,)),
            rehearse=1.0,
            parallel=parallel,
            notify=notify,
        )
        return await launch.launch(request, tmp_path / "runs")

    return begin


def release(hold: Path) -> None:
    """Let all steps of builds that are held (see ``fake_builder``) go on."""
    hold.mkdir(exist_ok=True)
    for step in STEPS:
        (hold / step).touch()


async def until(run: RunFolder, *wanted: str, seconds: float = PATIENCE) -> RunState:
    """Wait until a run is in one of some states."""
    async with asyncio.timeout(seconds):
        while (state := reconcile(run)).state not in wanted:
            assert not state.final, state
            await asyncio.sleep(0.05)
    return state
