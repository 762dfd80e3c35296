"""A host whose disk is full: said with its cause, and gone on with when there is room again."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.runs.folder import list_runs
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.placement import Stage, read_placement
from finn_tui.runs.remote import launch
from tests.runs.remote.conftest import BeginOn, Server
from tests.runs.remote.following import until_settled
from tests.runs.remote.test_builds import follower
from tests.waiting import PATIENCE, until


def mount(folder: Path, size: str, *more: str) -> bool:
    options = ",".join([f"size={size}", *more])
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The host's folder on a disk of 4 MB."""
    folder = tmp_path / "host"
    folder.mkdir()
    if not mount(folder, "4m"):
        pytest.skip("this user cannot mount a small disk")
    yield folder
    unmount(folder)


async def test_an_upload_fills_the_disk_and_goes_on_when_there_is_room(
    small_disk: Path,
    server: Server,
    begin_on: BeginOn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with server.connect() as link:
        with pytest.raises(FinnTuiError, match="the disk of lab is full") as refused:
            await begin_on(link, data=8 << 20)
        assert refused.value.kind == "disk" and "are needed" in refused.value.why
        assert not list_runs(tmp_path / "runs")  # refused before anything was begun
        monkeypatch.setattr(launch, "REHEARSAL_BYTES", 0)
        with pytest.raises(FinnTuiError, match="the disk of lab is full") as full:
            await begin_on(link, data=8 << 20, seconds=0.1)
        assert "runs clean" in full.value.fix
    (run,) = list_runs(tmp_path / "runs")
    task = asyncio.create_task(until_settled(follower(server, tmp_path)))

    def problem() -> str:
        placement = read_placement(run.path)
        return placement.problem.what if placement is not None and placement.problem else ""

    await until(lambda: "is full" in problem())
    assert mount(small_disk, "64m", "remount")
    async with asyncio.timeout(PATIENCE):
        await task
    assert reconcile(run).state == "succeeded"
    placement = read_placement(run.path)
    assert placement is not None
    assert placement.stage is Stage.SETTLED and placement.problem is None


async def test_a_full_disk_here_loses_nothing_once_there_is_room(
    server: Server, begin_on: BeginOn, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    if not mount(runs, "4m"):
        pytest.skip("this user cannot mount a small disk")
    try:
        async with server.connect() as link:
            run = await begin_on(link, seconds=0.2, say=2_500_000)
        follow = follower(server, tmp_path)
        task = asyncio.create_task(until_settled(follow))
        log = tmp_path / "host" / "runs" / run.id / "runner.log"
        await until(lambda: log.stat().st_size > 7_000_000)
        await asyncio.sleep(3)
        assert not task.done()
        assert mount(runs, "64m", "remount")
        async with asyncio.timeout(PATIENCE):
            await task
        assert reconcile(run).state == "succeeded"
        assert run.log.read_bytes() == log.read_bytes()
    finally:
        unmount(runs)
