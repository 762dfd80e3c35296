"""Foldings of a model as jobs of a real Slurm, from the workbench and the command line."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest
from msgspec.structs import replace as replace_struct

from finn_tui.base import paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts import catalogue
from finn_tui.lab.build_places import following
from finn_tui.lab.foldings.opened import Opened
from finn_tui.lab.sweep import sweep
from finn_tui.lab.sweep.sweep_items import SweepOptions, SweepStatus
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from finn_tui.runs import scheduled
from finn_tui.runs.documents import RunState
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch import launch, rebuild
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.remote import jobs, link
from finn_tui.runs.slurm import follow
from tests import data
from tests.hosts.slurm_cluster import SlurmCluster
from tests.runs.conftest import STEPS
from tests.runs.remote.conftest import Server
from tests.waiting import PATIENCE

ON = SweepOptions(board=None, rehearse=True, seconds=1, on="cluster")


@pytest.fixture
def lab(tmp_path: Path, fake_archive: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    """A workspace with a model whose builds are steps of a builder that needs no FINN."""
    monkeypatch.delenv("FINN_TUI_ENGINE_PYTHON", raising=False)
    data.home(tmp_path / "home")
    data.workspace(tmp_path / "workspace", "tfc-w1a1")
    for module in (launch, rebuild):
        monkeypatch.setattr(module, "engine_archive", lambda: fake_archive)
    hosts = paths.config_dir() / "hosts.toml"
    hosts.write_text(
        f"[cluster]\nengine = [{json.dumps(sys.executable)}]\n"
        "[cluster.slurm]\ncpus = 1\nparallel = 2\n"
        f"[held]\nengine = [{json.dumps(sys.executable)}]\n"
        '[held.slurm]\ncpus = 1\nextra = ["--hold"]\n[plain]\n'
    )
    monkeypatch.setattr(follow, "TICK_SECONDS", 0.3)
    yield Workbench(Workspace.open(tmp_path / "workspace"))


async def open_model(lab: Workbench) -> Opened:
    """Open the model; what is built of it afterwards tells the builder what to do."""
    opened = await lab.open("tfc-w1a1")
    opened.model.dataflow.write_text(json.dumps({"steps": STEPS, "seconds": 0.1}))
    return opened


async def test_a_sweep_is_one_array_and_its_results_come_as_they_end(
    cluster: SlurmCluster, lab: Workbench
) -> None:
    opened = await open_model(lab)
    items = sweep.named(lab, opened, ["published", "exp1", "ones"])
    told: list[tuple[int, str]] = []
    done = await sweep.sweep(lab, items, ON, lambda at, item: told.append((at, item.status)))
    assert [item.status for item in done] == [SweepStatus.DONE] * 3
    jobs = {reconcile(item.run).job for item in done if item.run is not None}
    assert len({str(job).partition("_")[0] for job in jobs}) == 1 and len(jobs) == 3
    assert {item.run.request.host for item in done if item.run is not None} == {"cluster"}
    # What is built already is not sent again.
    again = await sweep.sweep(lab, items, ON)
    assert all(item.reused and item.status is SweepStatus.DONE for item in again)


async def test_a_sweep_that_was_broken_off_goes_on(cluster: SlurmCluster, lab: Workbench) -> None:
    opened = await open_model(lab)
    items = sweep.named(lab, opened, ["published", "exp1"])
    first = await lab.build(items[0].opened, rehearse=True, seconds=1, on="held")
    await following.refresh(lab.workspace.runs_dir, tick=0)
    assert reconcile(first).waiting is not None
    assert [item.status for item in sweep.look(lab, items, ON)] == ["building", "waiting"]
    cluster.run("scontrol", "release", key_of(first))
    done = await sweep.sweep(lab, items, ON)
    assert [(item.status, item.reused) for item in done] == [("done", True), ("done", False)]


async def test_a_run_is_cancelled_resumed_and_retried_as_jobs(
    cluster: SlurmCluster, lab: Workbench
) -> None:
    plan = {"steps": STEPS, "seconds": 0.2, "fail": "step_two"}
    opened = await open_model(lab)
    opened.model.dataflow.write_text(json.dumps(plan))
    run = await lab.build(opened, rehearse=True, seconds=1, on="held")
    assert (await lab.cancel(run)).state == "cancelled"
    assert cluster.run("squeue", "--noheader").strip() == ""

    async def ended(run: RunFolder) -> RunState:
        async with asyncio.timeout(PATIENCE), following.asked(run.path.parent):
            while not (state := reconcile(run)).final:  # noqa: ASYNC110 - a file tells it
                await asyncio.sleep(0.1)
        return state

    # The engine of the host is known to the user's catalogue, too.
    engines = paths.config_dir() / "engines.toml"
    engines.write_text(f"[recorded]\ncommand = [{json.dumps(sys.executable)}]\n")
    with pytest.raises(FinnTuiError, match="nothing to go on from"):
        await lab.resume(run)
    retried = await lab.retry(run)
    cluster.run("scontrol", "release", key_of(retried))
    failed = await ended(retried)
    assert (failed.state, failed.job) == ("failed", key_of(retried))
    await lab.resume(retried)
    cluster.run("scontrol", "release", key_of(retried))
    state = await ended(retried)
    assert (state.state, state.attempt, state.start_step) == ("succeeded", 2, "step_two")
    assert state.job == key_of(retried) != failed.job


def key_of(run: RunFolder) -> str:
    """Return what Slurm calls the job of a run."""
    placement = follow.job_of(run)
    assert placement is not None and placement.job_key is not None
    return placement.job_key


async def test_a_host_without_slurm_or_that_is_missing_is_said(
    cluster: SlurmCluster, lab: Workbench
) -> None:
    opened = await open_model(lab)
    with pytest.raises(FinnTuiError, match="plain is this machine"):
        await lab.build(opened, rehearse=True, seconds=1, on="plain")
    with pytest.raises(FinnTuiError, match="no host"):
        await lab.build(opened, rehearse=True, seconds=1, on="clutser")
    assert lab.runs() == []


async def test_a_job_whose_host_is_gone_from_hosts_toml_says_so(
    cluster: SlurmCluster, lab: Workbench
) -> None:
    opened = await open_model(lab)
    run = await lab.build(opened, rehearse=True, seconds=1, on="held")
    hosts = paths.config_dir() / "hosts.toml"
    hosts.write_text(hosts.read_text().replace("[held", "[other"))
    await following.refresh(lab.workspace.runs_dir, tick=0)
    assert "does not answer" in (reconcile(run).waiting or "")
    assert scheduled.read_report(lab.workspace.runs_dir, "held").failures == 1


def test_the_commands_say_why_a_job_waits(cluster: SlurmCluster, lab: Workbench) -> None:
    def call(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "finn_tui.cli", *arguments],
            cwd=lab.workspace.root,
            env={**os.environ, "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    built = call(*("build", "tfc-w1a1", "--rehearse", "--seconds", "1", "--on", "held", "--detach"))
    assert "queued, number 1 in line: held by its user" in built
    began = time.monotonic()
    listed = call("runs")
    assert "queued (1 in line)" in listed and "held by its user" in listed
    document = json.loads(call("runs", "--json"))
    assert document["runs"][0]["waiting"].startswith("held by its user")
    assert time.monotonic() - began < 60
    assert "cancelled" in call("cancel", "last")


async def test_a_sweep_on_a_cluster_behind_ssh(
    cluster: SlurmCluster,
    server: Server,
    fake_archive: Path,
    lab: Workbench,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same as on this machine, with the folders there and mirrors of them here."""
    for module in (jobs, link):
        monkeypatch.setattr(module, "engine_archive", lambda: fake_archive)
    server.stop()
    config = server.folder / "sshd_config"
    config.write_text(
        config.read_text() + f"SetEnv SLURM_CONF={cluster.environment['SLURM_CONF']}\n"
    )
    server.start()
    monkeypatch.delenv("SLURM_CONF")
    host = server.host
    catalogue.add(replace_struct(host, slurm=catalogue.SlurmEntry(cpus=1, parallel=2)))
    known = paths.config_dir() / "known_hosts"
    key = (server.folder / "host.pub").read_text() if (server.folder / "host.pub").exists() else ""
    key = key or asyncssh.read_private_key(server.folder / "host").export_public_key().decode()
    known.write_text(f"[127.0.0.1]:{server.port} {key}\n")
    opened = await open_model(lab)
    items = sweep.named(lab, opened, ["published", "exp1"])
    done = await sweep.sweep(lab, items, replace(ON, on="lab"))
    assert [item.status for item in done] == [SweepStatus.DONE] * 2, [i.error for i in done]
    for item in done:
        assert item.run is not None
        assert (item.run.build / "intermediate_models").exists() is False
        assert item.run.request.host == "lab" and reconcile(item.run).job is not None
