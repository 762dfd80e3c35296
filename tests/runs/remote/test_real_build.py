"""The real FINN on a host: a rehearsed build of TFC over SSH, its line cut once in the middle."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as replace_struct

from finn_tui.engine.archive import engine_archive
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.runs.launch.launch import BuildRequest
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.live.snapshot import BuildWatcher
from finn_tui.runs.logs.tail import find_logs
from finn_tui.runs.remote import launch, link
from tests.runs.conftest import FOLDING
from tests.runs.remote.conftest import Server
from tests.runs.remote.following import until_settled
from tests.runs.remote.test_builds import follower, there
from tests.waiting import until


async def test_a_rehearsed_build_of_the_real_finn_on_a_host(
    server: Server,
    engine: EngineSpec,
    tfc: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (launch, link):
        monkeypatch.setattr(module, "engine_archive", engine_archive)
    server.host = replace_struct(server.host, engine=engine.command)
    request = BuildRequest(
        model="tfc-w1a1",
        graph=tfc / "dataflow.onnx",
        folder=tfc,
        folding=FOLDING,
        folding_name="published",
        board="Pynq-Z2",
        part="xc7z020clg400-1",
        clock_ns=10.0,
        engine=replace(engine, name="lab"),
        rehearse=1.0,
    )
    async with server.connect() as connection:
        run = await launch.launch_on(request, tmp_path / "runs", connection)
    follow = follower(server, tmp_path)
    task = asyncio.create_task(until_settled(follow))
    await until(lambda: run.state().step_index >= 3, seconds=180)
    server.cut()
    async with asyncio.timeout(300):
        await task
    state = reconcile(run)
    assert state.state == "succeeded", state.error
    # What screens and commands read is here; the large rest is not.
    assert list(run.deploy.glob("bitfile/*.bit"))
    assert run.results()["timing"]["wns"] is not None
    kinds = {log.kind for log in find_logs(run)}
    assert {"runner", "finn", "hls", "implementation"} <= kinds
    picture = BuildWatcher.of_run(run).look()
    assert picture.count("hls")[0] == picture.count("hls")[1] > 0
    assert all(step.status == "finished" for step in picture.steps)
    for log in find_logs(run):
        name = log.path.relative_to(run.path)
        assert log.path.read_bytes() == (there(run) / name).read_bytes()
    assert not (run.build / "intermediate_models").exists()
    here = sum(path.stat().st_size for path in run.working.rglob("*") if path.is_file())
    whole = sum(p.stat().st_size for p in (there(run) / "finn_build_dir").rglob("*") if p.is_file())
    assert here < whole
