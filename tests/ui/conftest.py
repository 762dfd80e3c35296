"""The app on a workspace of recorded models: all real but FINN, the builder and the board."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.app import App
from textual.pilot import Pilot

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.engine.server.runs import runfiles
from finn_tui.lab.foldings.opened import Opened
from finn_tui.lab.models.models import Stage
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.folder import RunFolder
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.controllers.board_work import BoardJob, Credentials
from finn_tui.ui.tune.state import TuneState, tune_state
from tests import data

STEPS = [
    "step_target_fps_parallelization",
    "step_hw_codegen",
    "step_synthesize_bitfile",
    "step_make_driver",
]


class RecordedLab(Workbench):
    """A lab whose models are recorded; builds are run folders written by hand."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.graphs = 0
        self.builds: list[tuple[Mapping[str, Any], bool | None]] = []
        self.hosts: list[str | None] = []
        self.build_error: FinnTuiError | None = None

    async def graph(self, stage: Stage, on_progress: OnProgress = ignore) -> dict[str, Any]:
        self.graphs += 1
        name = stage.path.parent.parent.parent.name
        graph: dict[str, Any] = data.prepared(name)["graphs"][stage.name]
        return graph

    async def build(
        self,
        opened: Opened,
        *,
        rehearse: bool | None = None,
        seconds: float | None = None,
        fail: Mapping[str, str] | None = None,
        log_mb: float = 0.0,
        force: bool = False,
        on: str | None = None,
        on_progress: OnProgress = ignore,
    ) -> RunFolder:
        on_progress(Progress("build", "copying the model into the run's folder"))
        self.builds.append((opened.editor.folding.values, rehearse))
        self.hosts.append(on)
        if self.build_error is not None and not rehearse:
            raise self.build_error
        return make_run(self.workspace, "20260102T030405Z-tfc-w1a1-0b0b", "running")


def make_run(
    workspace: Workspace,
    id: str = "20260102T030405Z-tfc-w1a1-00ff",
    state: str = "succeeded",
    *,
    measured: bool = False,
    simulated: bool = True,
    error: FinnTuiError | None = None,
    log: str = "[2026-01-02 03:04:05] Running step: step_hw_codegen [2/4]\n",
) -> RunFolder:
    """A run folder as a runner leaves it; one that runs says so from another machine."""
    path = workspace.runs_dir / id
    path.mkdir(parents=True, exist_ok=True)
    estimate = {
        "ii_cycles": 64,
        "fps": 1562500.0,
        "total": {"LUT": 8502.0, "BRAM_18K": 26, "URAM": 0, "DSP": 0},
    }
    request = {
        "format": 1,
        "id": id,
        "model": "tfc-w1a1",
        "created": "2026-01-02T03:04:05+00:00",
        "folding": {"Defaults": {}},
        "folding_name": "published",
        "board": "Pynq-Z2",
        "part": data.PART,
        "clock_ns": 10.0,
        "rehearsal": {"seconds": 40.0},
        "simulated": simulated,
        "dataset": "mnist",
        "estimate": estimate,
    }
    final = state in runfiles.FINAL
    (path / "run.json").write_text(json.dumps(request))
    document = {
        "state": state,
        "step": STEPS[1],
        "step_index": 2,
        "step_count": 4,
        "host": "elsewhere",
        "pid": 4242,
        "heartbeat": time.time(),
        "started": "2026-01-02T03:04:05+00:00",
        "ended": "2026-01-02T03:05:47+00:00" if final else None,
        "error": error.as_dict() if error else None,
    }
    (path / "state.json").write_text(json.dumps(document))
    events: list[dict[str, Any]] = [
        {"t": 1.0, "event": "steps", "names": STEPS},
        {"t": 2.0, "event": "step", "name": STEPS[0], "status": "started"},
        {"t": 2.5, "event": "step", "name": STEPS[0], "status": "finished", "seconds": 0.5},
        {"t": 3.0, "event": "step", "name": STEPS[1], "status": "started"},
    ]
    if final:
        done = "finished" if state == "succeeded" else state
        events.append(
            {"t": 9.0, "event": "step", "name": STEPS[1], "status": done, "seconds": 95.0}
        )
        events.append({"t": 9.5, "event": "state", "state": state})
    (path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    (path / "runner.log").write_text(log)
    results: dict[str, Any] = {"estimate": estimate}
    if state == "succeeded":
        results["post_synthesis"] = {
            "LUT": 17561,
            "FF": 23639,
            "BRAM_18K": 36,
            "URAM": 0,
            "DSP": 0,
            "simulated": True,
        }
        results["timing"] = {"wns": 2.684, "met": True, "simulated": True}
    if measured:
        results.update(MEASURED)
    (path / "results.json").write_text(json.dumps(results))
    recorded = data.prepared("tfc-w1a1")
    (path / "sample").mkdir(exist_ok=True)
    np.save(path / "sample" / "images.npy", np.array(recorded["images"], dtype=np.uint8))
    return RunFolder(path)


MEASURED: dict[str, Any] = {
    "execute": {"board": "simulated", "simulated": True, "image": 0, "class": 8, "expected": 8},
    "throughput": {
        "board": "simulated",
        "simulated": True,
        "images_per_s": 1550861.2,
        "estimate_images_per_s": 1562500.0,
        "batch": 10000,
        "clock_mhz": 100.0,
    },
    "accuracy": {
        "board": "simulated",
        "simulated": True,
        "percent": 93.25,
        "correct": 373,
        "images": 400,
        "dataset": "mnist",
        "software_same": 400,
    },
}


@pytest.fixture(autouse=True)
def _toasts_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown for some seconds is still there when a slow machine comes to look."""
    notify = App.notify

    def stay(self: App[Any], message: str, **options: Any) -> None:
        notify(self, message, **{**options, "timeout": 600.0})

    monkeypatch.setattr(App, "notify", stay)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's home, in which an engine is known that never starts."""
    monkeypatch.delenv("FINN_TUI_ENGINE_PYTHON", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    folder = Path(os.environ["FINN_TUI_HOME"])
    data.home(folder)
    return folder


@pytest.fixture
def workspace(tmp_path: Path, home: Path) -> Workspace:
    """A workspace with both recorded models, set to rehearse."""
    root = tmp_path / "workspace"
    data.workspace(root, "tfc-w1a1", "cnv-w1a1")
    (root / "finn-tui.toml").write_text("rehearse = true\n")
    return Workspace.open(root)


@pytest.fixture
async def lab(workspace: Workspace) -> AsyncIterator[RecordedLab]:
    """The lab on that workspace; its solver ends with the test, as it does when the app is left."""
    lab = RecordedLab(workspace)
    yield lab
    await lab.close()


async def no_board(
    lab: Workbench, job: str, run: Path, machine: str, credentials: Credentials, tell: OnProgress
) -> tuple[FinnTuiError, ...]:
    """A board that does everything at once."""
    return ()


MakeApp = Callable[..., FinnTuiApp]


@pytest.fixture
def make_app(lab: RecordedLab) -> MakeApp:
    """The app on the workspace, opening a model."""

    def make(model: str | None = "cnv-w1a1", board_job: BoardJob = no_board) -> FinnTuiApp:
        return FinnTuiApp(lab, model, board_job=board_job)

    return make


async def until(pilot: Pilot[Any], condition: Callable[[], object], seconds: float = 120) -> None:
    """Let the app run until something is so; what is waited for is never a time."""
    async with asyncio.timeout(seconds):
        while not condition():
            await pilot.pause()
    await pilot.pause()


async def until_mode(pilot: Pilot[Any], mode: str) -> None:
    """Let the app run until a mode is shown."""
    await until(pilot, lambda: pilot.app.current_mode == mode)


async def opened(pilot: Pilot[Any]) -> FinnTuiApp:
    """Wait until the model is open and the runs were looked at."""
    app = pilot.app
    assert isinstance(app, FinnTuiApp)
    await until(pilot, lambda: app.state.tune is not None and app.state.runs_read)
    return app


def tune_of(app: FinnTuiApp) -> TuneState:
    """The model that is open, as Tune has it."""
    tune = tune_state(app.state)
    assert tune is not None
    return tune


def screen_text(app: FinnTuiApp) -> str:
    """Everything on the screen as text, trailing blanks cut."""
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    lines = ["".join(segment.text for segment in strip) for strip in strips[:height]]
    return "\n".join(line[:width].rstrip() for line in lines) + "\n"
