"""A cluster behind SSH: folders go there, Slurm builds them, the line may be cut at any time."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace as replace_struct

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.hosts.catalogue import SlurmEntry
from finn_tui.hosts.container import Container
from finn_tui.runs.folder import RunFolder, list_runs
from finn_tui.runs.launch.launch import BuildRequest
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.placement import Stage, read_placement
from finn_tui.runs.remote import jobs
from finn_tui.runs.remote.follow import Follower
from finn_tui.runs.remote.image_link import MachineLink
from finn_tui.runs.slurm import follow
from tests.hosts.docker_daemon import IMAGE, Docker
from tests.hosts.slurm_cluster import SlurmCluster
from tests.hosts.slurm_fixtures import started_cluster
from tests.runs.conftest import FOLDING, STEPS
from tests.runs.remote.conftest import Server
from tests.runs.remote.following import until_settled
from tests.waiting import PATIENCE, until

__all__ = ["started_cluster"]


@pytest.fixture
def login_node(
    started_cluster: SlurmCluster,
    server: Server,
    fake_archive: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Server]:
    """A login node: only there, Slurm's commands find the cluster."""
    server.stop()
    config = server.folder / "sshd_config"
    variable = f"SetEnv SLURM_CONF={started_cluster.environment['SLURM_CONF']}\n"
    config.write_text(config.read_text() + variable)
    server.host = replace_struct(server.host, slurm=SlurmEntry(cpus=1, parallel=2))
    server.start()
    monkeypatch.delenv("SLURM_CONF", raising=False)
    monkeypatch.setattr(jobs, "engine_archive", lambda: fake_archive)
    monkeypatch.setattr(follow, "TICK_SECONDS", 0.3)
    yield server
    started_cluster.settle()


def requests(folder: Path, *plans: Mapping[str, object]) -> list[BuildRequest]:
    """What to build, by a builder that does what the plans say."""
    made = []
    for number, plan in enumerate(plans):
        model = folder / f"model{number}"
        model.mkdir()
        (model / "dataflow.onnx").write_text(json.dumps({"steps": STEPS, **plan}))
        request = BuildRequest(
            model="net",
            graph=model / "dataflow.onnx",
            folder=model,
            folding=FOLDING,
            folding_name=f"folding{number}",
            board="Pynq-Z2",
            part="xc7z020clg400-1",
            clock_ns=10.0,
            engine=EngineSpec("lab", (sys.executable,)),
            rehearse=1.0,
        )
        made.append(request)
    return made


async def settle(server: Server, runs: list[RunFolder], seconds: float = PATIENCE) -> None:
    """Follow runs until nothing is to be asked any more."""
    async with asyncio.timeout(seconds):
        await until_settled(Follower(lambda: runs, server.connect, tick=0.2))


async def test_an_array_is_sent_built_and_mirrored(login_node: Server, tmp_path: Path) -> None:
    quick: Mapping[str, object] = {"seconds": 0.1}
    plans = [quick, {**quick, "fail": "step_two"}, quick]
    async with login_node.connect() as link:
        runs = await jobs.launch_jobs(requests(tmp_path, *plans), tmp_path / "runs", link)
    assert [reconcile(run).state for run in runs] == ["queued"] * 3
    await settle(login_node, runs)
    states = [reconcile(run) for run in runs]
    assert [state.state for state in states] == ["succeeded", "failed", "succeeded"]
    assert len({str(state.job).partition("_")[0] for state in states}) == 1
    assert "step_two" in {event.get("name") for event in runs[1].events()}
    # The setup lines and variables of the host are the build's.
    assert "settings were read" in runs[0].log.read_text()
    async with login_node.connect() as link:
        await jobs.resume(runs[1], "step_two", link)
    await settle(login_node, runs)
    state = reconcile(runs[1])
    assert (state.state, state.attempt, state.start_step) == ("succeeded", 2, "step_two")


async def test_jobs_behind_ssh_build_in_containers(
    login_node: Server, docker: Docker, tmp_path: Path
) -> None:
    """The login node's own Python looks after them: FINN's is in the image."""
    config = login_node.folder / "sshd_config"
    login_node.stop()
    config.write_text(config.read_text().replace("SetEnv ", f"SetEnv DOCKER_HOST={docker.host} "))
    image = Container(image=IMAGE, mounts=("/usr:/usr:ro",), options=("--network", "none"))
    login_node.host = replace_struct(login_node.host, engine=("/usr/bin/python3",), container=image)
    login_node.start()
    async with login_node.connect(kind=MachineLink) as link:
        (run,) = await jobs.launch_jobs(
            requests(tmp_path, {"seconds": 0.1}), tmp_path / "runs", link
        )
        async with asyncio.timeout(PATIENCE):
            connect = partial(login_node.connect, kind=MachineLink)
            await until_settled(Follower(lambda: [run], connect, tick=0.2))
    state = reconcile(run)
    assert state.state == "succeeded" and state.job is not None
    # A container's name is that of its machine.
    assert state.host != socket.gethostname()


async def test_the_line_is_cut_and_the_server_away_while_jobs_wait_and_run(
    login_node: Server, started_cluster: SlurmCluster, tmp_path: Path
) -> None:
    host = login_node.host
    assert host.slurm is not None
    login_node.host = replace_struct(host, slurm=replace_struct(host.slurm, extra=("--hold",)))
    plans = [{"seconds": 0.5}, {"seconds": 0.5}]
    async with login_node.connect() as link:
        runs = await jobs.launch_jobs(requests(tmp_path, *plans), tmp_path / "runs", link)
    following = asyncio.create_task(settle(login_node, runs))
    await until(lambda: (reconcile(runs[0]).waiting or "").startswith("held"))
    assert [reconcile(run).position for run in runs] == [1, 2]
    login_node.stop()
    placement = read_placement(runs[0].path)
    assert placement is not None
    started_cluster.run("scontrol", "release", placement.job)
    await until(lambda: (one := read_placement(runs[0].path)) and one.problem is not None)
    assert reconcile(runs[0]).state == "queued"
    login_node.start()
    await following
    assert [reconcile(run).state for run in runs] == ["succeeded"] * 2


async def test_a_waiting_and_a_running_job_are_cancelled_there(
    login_node: Server, tmp_path: Path
) -> None:
    host = login_node.host
    login_node.host = replace_struct(host, slurm=SlurmEntry(cpus=1, parallel=1))
    plans = [{"seconds": 30}, {"seconds": 30}]
    async with login_node.connect() as link:
        runs = await jobs.launch_jobs(requests(tmp_path, *plans), tmp_path / "runs", link)
        follower = Follower(lambda: runs, login_node.connect, tick=0.2)
        async with asyncio.timeout(PATIENCE):
            while reconcile(runs[0]).state != "running":
                await follower.look(link, runs)
                await asyncio.sleep(0.2)
        states = await jobs.cancel(runs, link)
    assert [state.state for state in states] == ["cancelled"] * 2
    await settle(login_node, runs)
    folders = [Path(one.folder) for run in runs if (one := read_placement(run.path)) is not None]
    assert (folders[0] / "worked").exists() and not (folders[1] / "worked").exists()


async def test_what_slurm_refuses_has_failed_here_and_there(
    login_node: Server, tmp_path: Path
) -> None:
    login_node.host = replace_struct(login_node.host, slurm=SlurmEntry(partition="none"))
    async with login_node.connect() as link:
        with pytest.raises(FinnTuiError, match="Slurm on lab does not take the job"):
            await jobs.launch_jobs(requests(tmp_path, {}, {}), tmp_path / "runs", link)
    runs = list_runs(tmp_path / "runs")
    assert [reconcile(run).state for run in runs] == ["failed"] * 2
    await settle(login_node, runs)
    for run in runs:
        placement = read_placement(run.path)
        assert placement is not None and placement.stage is Stage.SETTLED
        there = json.loads((Path(placement.folder) / "state.json").read_text())
        assert there["state"] == "failed"
