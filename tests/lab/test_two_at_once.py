"""Two commands on one model at once: they take turns and do not destroy each other's work."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from finn_tui.base.progress import Progress
from finn_tui.core.device import Device
from finn_tui.lab.models import identity, model_request, models, preparation
from finn_tui.lab.workspace import Workspace
from tests.waiting import until


class SlowEngine:
    """Writes a preparation file by file; ``at_work`` counts who does so."""

    def __init__(self) -> None:
        self.at_work = 0
        self.calls = 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def call(self, method: str, params: dict[str, Any], on_event: Any = None) -> Any:
        """Prepare, in two tenths of a second."""
        self.calls += 1
        self.at_work += 1
        assert self.at_work == 1, "one at a time"
        out = Path(params["out"])
        (out / "stages").mkdir()
        await self.goes_on.wait()
        for name in ("dataflow.onnx", "stages/0.onnx"):
            await asyncio.sleep(0.1)
            (out / name).write_text(str(self.calls))
        self.at_work -= 1
        return {"stages": [], "format": 2, "warnings": []}


@pytest.fixture
def prepare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``prepare(engine, tell)`` of one network in one workspace."""
    monkeypatch.setattr(preparation, "find_prepared", lambda *_: None)
    monkeypatch.setattr(preparation, "identified", lambda *_: {})
    monkeypatch.setattr(identity, "content", lambda source: "content")
    workspace = Workspace.open(tmp_path)
    request = model_request.ModelRequest("net", {"kind": "onnx", "path": "x.onnx"}, None, "content")

    async def run(engine: Any, tell: Any) -> models.Model:
        device = Device("Pynq-Z2", "part")
        return await preparation.prepare(
            workspace, request, device, 10.0, engine, out=tmp_path / "out", on_progress=tell
        )

    return run


async def test_two_preparations_take_turns(prepare: Any, tmp_path: Path) -> None:
    engine = SlowEngine()
    told: list[Progress] = []
    results = await asyncio.gather(*(prepare(engine, told.append) for _ in range(3)))
    assert len(results) == 3 and engine.calls == 3
    assert any("another finn-tui prepares" in progress.message for progress in told)
    folder = tmp_path / "out"
    assert (folder / "dataflow.onnx").read_text() == (folder / "stages/0.onnx").read_text() == "3"
    assert not list(tmp_path.glob("**/*.partial"))


async def test_who_waits_can_leave_and_what_was_killed_is_swept(
    prepare: Any, tmp_path: Path
) -> None:
    (tmp_path / ".out.dead.partial").mkdir()
    engine = SlowEngine()
    engine.goes_on.clear()
    first = asyncio.create_task(prepare(engine, lambda progress: None))
    await until(lambda: engine.at_work)
    told: list[Progress] = []
    second = asyncio.create_task(prepare(engine, told.append))
    await until(lambda: any("another finn-tui prepares" in one.message for one in told))
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    engine.goes_on.set()
    await first
    assert engine.calls == 1 and not list(tmp_path.glob(".*.partial"))
