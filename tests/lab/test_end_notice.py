"""The user's command at the end of a build that was made on a host or by Slurm."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts import catalogue
from finn_tui.hosts.catalogue import Host, SlurmEntry
from finn_tui.lab.build_places import following, notice, shared_cluster
from finn_tui.lab.build_places.locate import place_named, place_of
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch import launch
from finn_tui.runs.launch.launch import BuildRequest, Place
from finn_tui.runs.placement import change_placement, read_placement
from finn_tui.runs.slurm import follow, submit
from tests.runs.conftest import begin, fake_archive
from tests.runs.remote.conftest import BeginOn, Server, begin_on, server
from tests.runs.slurm.conftest import queued, requests
from tests.waiting import PATIENCE, until

__all__ = ["begin", "begin_on", "fake_archive", "server"]

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="builds run on Linux")

COMMAND = 'echo "$FINN_TUI_RUN $FINN_TUI_STATE" >>../../told'


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace whose user has agreed to its command."""
    (tmp_path / "finn-tui.toml").write_text(f"notify = '{COMMAND}'\n")
    workspace = Workspace.open(tmp_path)
    workspace.agree_to_notify(COMMAND)
    return workspace


async def lines(path: Path) -> list[str]:
    """What the command has written, once it has."""
    await until(lambda: path.exists() and path.read_text().endswith("\n"))
    await asyncio.sleep(0.5)
    return path.read_text().splitlines()


async def test_the_end_of_a_build_on_a_host_is_told_once_however_many_follow_it(
    workspace: Workspace, server: Server, begin_on: BeginOn, tmp_path: Path
) -> None:
    catalogue.add(server.host)
    async with server.connect() as link:
        run = await begin_on(link, seconds=0.2)
    change_placement(run.path, notify=True)
    async with (
        following.mirrored(workspace.runs_dir),
        following.mirrored(workspace.runs_dir, run),
        asyncio.timeout(PATIENCE),
    ):
        while (one := read_placement(run.path)) is None or not one.settled:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        assert await lines(tmp_path / "told") == [f"{run.id} succeeded"]
    await following.look([run])
    assert await lines(tmp_path / "told") == [f"{run.id} succeeded"]


async def test_a_cancel_that_sees_the_end_first_tells_it(
    workspace: Workspace, server: Server, begin_on: BeginOn, tmp_path: Path
) -> None:
    catalogue.add(server.host)
    async with server.connect() as link:
        run = await begin_on(link, seconds=60)
    change_placement(run.path, notify=True)
    await place_of(run).cancel([run])
    assert await lines(tmp_path / "told") == [f"{run.id} cancelled"]


@dataclass
class NodeFailed:
    """A Slurm whose node has failed."""

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """squeue."""
        values = ["7", "N/A", "7", "NODE_FAIL", "1", "main", "100", "200", "n1", "None"]
        return 0, "\x1f".join(values).encode() + b"\n", b""


async def test_a_job_whose_runner_could_not_start_it_has_it_started_here(
    workspace: Workspace, tmp_path: Path, begin: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.add(Host(name="cluster", engine=(sys.executable,), slurm=SlurmEntry()))
    monkeypatch.setattr(follow, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(shared_cluster, "LocalTransport", NodeFailed)
    (run,) = queued(tmp_path, [{}])
    submit.place("cluster", [run])
    submit.set_number([run], 7)
    for _ in range(2):
        await following.refresh(workspace.runs_dir, tick=0.0)
    assert str(run.state().state) == "lost"
    assert await lines(tmp_path / "told") == [f"{run.id} lost"]


async def test_a_sweep_whose_folders_cannot_be_made_leaves_none_that_waits(
    workspace: Workspace, tmp_path: Path, begin: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.add(Host(name="cluster", engine=(sys.executable,), slurm=SlurmEntry()))
    made: list[RunFolder] = []

    def queued_build(request: BuildRequest, runs_dir: Path, place: Place) -> RunFolder:
        if made:
            raise FinnTuiError("the disk is full", "", "", kind="disk")
        made.append(launch.queued_build(request, runs_dir, place))
        return made[0]

    monkeypatch.setattr(shared_cluster, "queued_build", queued_build)
    with pytest.raises(FinnTuiError, match="the disk is full"):
        await place_named("cluster").launch(requests(tmp_path, [{}, {}]), workspace.runs_dir)
    (run,) = made
    state = run.state()
    assert str(state.state) == "failed" and state.error is not None
    assert (state.error.what, state.error.kind) == ("the disk is full", "disk")


def test_without_an_agreement_nothing_is_started(
    tmp_path: Path, begin: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "finn-tui.toml").write_text(f"notify = '{COMMAND}'\n")
    (run,) = queued(tmp_path, [{}])
    started: list[object] = []
    monkeypatch.setattr("subprocess.Popen", lambda *a, **k: started.append(a))
    notice.start(run)
    assert started == []
