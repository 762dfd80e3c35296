"""A model whose engine is on a host is folded by local tables: no key asks the engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine import catalogue
from finn_tui.engine.catalogue import EngineSpec, require_here
from finn_tui.engine.client import Engine
from finn_tui.engine.elsewhere import StreamProcess
from finn_tui.hosts import catalogue as hosts
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.pool import HostPool
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from finn_tui.ui.app import FinnTuiApp
from tests import data
from tests.engine.test_in_container import FAKE, count_calls
from tests.ui.conftest import opened, tune_of, until

KEYS = ("down", "+", "+", "right", "+", "-", "down", "+", "u", "left", "-", "+")


@pytest.fixture
async def workbench(
    tmp_path: Path, lab: Host, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Workbench]:
    """A workspace with a prepared model without its tables, and an engine on a host."""
    monkeypatch.delenv("FINN_TUI_ENGINE_PYTHON", raising=False)
    spec = EngineSpec("far", FAKE, host="lab")
    catalogue.add(spec)
    catalogue.remember(spec, data.engine_info())
    hosts.add(lab)
    pool = HostPool()
    async with pool.use(lab, trust=True):
        pass
    await pool.close()
    root = tmp_path / "workspace"
    data.workspace(root, "tfc-w1a1")
    for name in ("design.json", "tables.json"):
        (root / "models/tfc-w1a1" / data.PART / name).unlink()
    (root / "finn-tui.toml").write_text('rehearse = true\nengine = "far"\n')
    workbench = Workbench(Workspace.open(root))
    yield workbench
    await workbench.close()


async def test_no_key_crosses_the_line(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine: Engine = await workbench.engine()
    sent: list[bytes] = []
    write = StreamProcess.write

    def counted(self: StreamProcess, line: bytes) -> None:
        sent.append(line)
        write(self, line)

    monkeypatch.setattr(StreamProcess, "write", counted)
    with count_calls(engine) as calls:
        app = FinnTuiApp(workbench, "tfc-w1a1")
        async with app.run_test(size=(120, 40)) as pilot:
            await opened(pilot)
            assert {"design", "tables", "converters"} <= set(calls) and sent
            await until(pilot, lambda: engine._pending == {})
            calls.clear()
            sent.clear()
            before = tune_of(app).editor.folding.values
            for key in KEYS:
                await pilot.press(key)
            await pilot.pause()
            assert tune_of(app).editor.folding.values != before
            assert calls == [] and sent == []


async def test_tables_are_local_once_they_were_fetched(workbench: Workbench) -> None:
    await workbench.open("tfc-w1a1")
    await workbench.close()
    again = Workbench(workbench.workspace)

    async def no_engine(*_: Any) -> Engine:
        raise AssertionError("the engine is not needed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(again, "engine", no_engine)
        assert (await again.open("tfc-w1a1")).design.layers
    await asyncio.sleep(0)


def test_a_run_of_this_machine_needs_an_engine_of_it() -> None:
    with pytest.raises(FinnTuiError, match="far is elsewhere") as caught:
        require_here(EngineSpec("far", FAKE, host="lab"))
    assert "--on lab" in caught.value.fix
