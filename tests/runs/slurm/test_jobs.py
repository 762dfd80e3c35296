"""Builds as jobs of a real Slurm: sent, followed, cancelled, started again, and how they end."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts.catalogue import SlurmEntry
from finn_tui.runs import scheduled
from finn_tui.runs.folder import RunFolder, list_runs
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.placement import Placement
from finn_tui.runs.slurm import follow
from finn_tui.runs.slurm.host import SlurmHost
from tests.hosts.slurm_cluster import SlurmCluster
from tests.runs.conftest import release
from tests.runs.slurm.conftest import LocalCommands, Submit, watch
from tests.waiting import PATIENCE, until


async def test_a_build_waits_runs_and_succeeds(
    cluster: SlurmCluster, host: SlurmHost, submit: Submit
) -> None:
    held = replace(host, settings=SlurmEntry(cpus=1, extra=("--hold",)))
    (run,) = await submit(held, {"seconds": 0.1})
    (state,) = await watch(host, [run], "queued")
    assert (state.position, state.waiting) == (1, "held by its user; `scontrol release` lets it go")
    cluster.run("scontrol", "release", key_of(run))
    (state,) = await watch(host, [run], "succeeded")
    assert state.job == key_of(run) and state.waiting is None and state.position is None


async def test_when_slurm_expects_to_start_a_job_is_told(
    cluster: SlurmCluster, host: SlurmHost, submit: Submit
) -> None:
    whole = replace(host, settings=SlurmEntry(cpus=4, time="30"))
    (first,) = await submit(whole, {"seconds": 200})
    await watch(host, [first], "running")
    (second,) = await submit(whole, {"seconds": 0.1})
    async with asyncio.timeout(PATIENCE):
        while "expected to start" not in (reconcile(second).waiting or ""):
            await follow.refresh(host, second.path.parent, [first, second], tick=0.2)
            await asyncio.sleep(0.2)
    report = scheduled.report_of(second.path.parent, placement_of(second))
    assert report is not None and report.start is not None
    assert 0 < report.start - time.time() < 31 * 60


async def test_an_array_keeps_its_limit_and_each_run_is_one_task(
    cluster: SlurmCluster, host: SlurmHost, commands: LocalCommands, submit: Submit
) -> None:
    licences = replace(host, settings=SlurmEntry(cpus=1, parallel=1))
    runs = await submit(licences, *({"seconds": 0.1} for _ in range(3)))
    assert commands.asked == ["sbatch"]
    assert [key_of(run).partition("_")[2] for run in runs] == ["0", "1", "2"]
    await watch(host, runs, "succeeded")
    spans = []
    for run in runs:
        lines = [line.split() for line in (run.path / "worked").read_text().splitlines()]
        spans.append((float(lines[0][1]), float(lines[-1][1])))
    spans.sort()
    assert spans[0][1] <= spans[1][0] and spans[1][1] <= spans[2][0]


async def test_one_of_an_array_is_cancelled_while_it_waits_and_one_while_it_runs(
    cluster: SlurmCluster, host: SlurmHost, submit: Submit
) -> None:
    licences = replace(host, settings=SlurmEntry(cpus=1, parallel=1))
    runs = await submit(licences, {"seconds": 200}, {"seconds": 200}, {"seconds": 0.1})
    await watch(host, runs[:1], "running")
    (state,) = await follow.cancel(host, [runs[1]])
    assert state.state == "cancelled"
    assert not (runs[1].path / "worked").exists()
    (state,) = await follow.cancel(host, [runs[0]])
    assert state.state == "cancelled"
    await watch(host, runs[2:], "succeeded")


async def test_a_job_that_is_ended_by_hand_is_a_cancelled_run(
    cluster: SlurmCluster, host: SlurmHost, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "GRACE_SECONDS", 0.5)
    (run,) = await submit(host, {"seconds": 200})
    await watch(host, [run], "running")
    cluster.run("scancel", "--user=root")
    await watch(host, [run], "cancelled")


async def test_a_requeued_build_goes_on_at_its_step(
    cluster: SlurmCluster, host: SlurmHost, submit: Submit, tmp_path: Path
) -> None:
    (run,) = await submit(host, {"hold": str(tmp_path)})
    (tmp_path / "step_one").touch()
    async with asyncio.timeout(PATIENCE):
        while reconcile(run).step != "step_two":  # noqa: ASYNC110 - a file tells it
            await asyncio.sleep(0.05)
    key = key_of(run)
    cluster.run("scontrol", "requeue", key)
    (state,) = await watch(host, [run], "queued")
    assert state.waiting
    release(tmp_path)
    await start_again(cluster, key)
    (state,) = await watch(host, [run], "succeeded", seconds=300)
    assert (state.attempt, state.start_step) == (2, "step_two")
    assert [line.split()[0] for line in (run.path / "worked").read_text().splitlines()] == [
        "step_one",
        "step_two",
        "end",
    ]


async def test_a_node_that_fails_loses_no_build_that_slurm_may_start_again(
    cluster: SlurmCluster,
    host: SlurmHost,
    submit: Submit,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(follow, "GRACE_SECONDS", 0.5)
    again, once = (
        await submit(host, {"hold": str(tmp_path)}),
        await submit(
            replace(host, settings=SlurmEntry(cpus=1, extra=("--no-requeue",))), {"seconds": 200}
        ),
    )
    runs = [*again, *once]
    await watch(host, runs, "running")
    cluster.run("scontrol", "update", "nodename=localhost", "state=down", "reason=test")
    # It may have come back by itself: slurmd registers it again.
    cluster.run("scontrol", "update", "nodename=localhost", "state=resume", check=False)
    (state,) = await watch(host, once, "lost")
    assert state.error is not None and state.error.what == "the node localhost failed"
    key = key_of(again[0])
    await watch(host, again, "queued")
    release(tmp_path)
    await start_again(cluster, key)
    (state,) = await watch(host, again, "succeeded")
    assert state.attempt == 2


async def test_slurm_is_killed_and_comes_back(
    cluster: SlurmCluster, host: SlurmHost, submit: Submit, tmp_path: Path
) -> None:
    waiting = replace(host, settings=SlurmEntry(cpus=1, extra=("--hold",)))
    (held,) = await submit(waiting, {"seconds": 0.1})
    (run,) = await submit(host, {"hold": str(tmp_path)})
    await watch(host, [run], "running")
    # slurmctld writes down what has changed, every five seconds; it may just have done so.
    saved, running_since = cluster.folder / "state" / "job_state", time.time()
    cluster.run("scontrol", "update", f"jobid={key_of(held)}", "comment=changed")
    await until(lambda: saved.exists() and saved.stat().st_mtime > running_since)
    cluster.kill("slurmctld")
    try:
        await follow.refresh(host, run.path.parent, [run, held], tick=0)
        assert "does not answer" in (reconcile(run).waiting or "")
        assert reconcile(run).state == "running" and reconcile(held).state == "queued"
        # A silent Slurm is asked less often.
        assert not follow.is_due(run.path.parent, "cluster", tick=5)
    finally:
        cluster.start("slurmctld")
    release(tmp_path)
    await watch(host, [run], "succeeded")
    await watch(host, [held], "queued")
    cluster.run("scontrol", "release", key_of(held))
    await watch(host, [held], "succeeded")


async def test_a_job_of_higher_priority_takes_the_place_of_a_build(
    cluster: SlurmCluster, host: SlurmHost, submit: Submit, tmp_path: Path
) -> None:
    whole = replace(host, settings=SlurmEntry(cpus=4))
    (run,) = await submit(whole, {"hold": str(tmp_path)})
    await watch(host, [run], "running")
    cluster.run(
        "sbatch", "--partition=urgent", "--cpus-per-task=4", "--output=/dev/null", "--wrap=sleep 3"
    )
    await watch(host, [run], "queued")
    release(tmp_path)
    key = key_of(run)
    await start_again(cluster, key)
    (state,) = await watch(host, [run], "succeeded")
    assert state.attempt == 2


async def test_the_time_limit_is_told_and_the_build_can_go_on(
    cluster: SlurmCluster, host: SlurmHost, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "GRACE_SECONDS", 0.5)
    limited = replace(host, settings=SlurmEntry(cpus=1, time="5"))
    (run,) = await submit(limited, {"seconds": 60})
    await watch(host, [run], "running")
    # Slurm counts in minutes and looks every half one.
    cluster.run("scontrol", "update", f"jobid={key_of(run)}", "EndTime=now")
    (state,) = await watch(host, [run], "failed", seconds=180)
    assert state.error is not None
    assert state.error.what == "the time limit of the job was reached"
    assert f"runs resume {run.id}" in state.error.fix and "[cluster.slurm]" in state.error.fix
    assert "Slurm has asked the build to end" in [event.get("text") for event in run.events()]


async def test_what_slurm_refuses_is_said_and_nothing_is_left_waiting(
    cluster: SlurmCluster, host: SlurmHost, submit: Submit, tmp_path: Path
) -> None:
    wrong = replace(host, settings=SlurmEntry(partition="none"))
    with pytest.raises(FinnTuiError, match="Invalid partition") as raised:
        await submit(wrong, {}, {})
    assert "sinfo" in raised.value.fix
    runs = [reconcile(run).state for run in _runs(tmp_path)]
    assert runs == ["failed", "failed"]


async def start_again(cluster: SlurmCluster, key: str) -> None:
    """Let Slurm start a requeued job at once, once it has done with the processes of the first.

    It would wait two minutes by itself, for the same reason.
    """
    title = f"slurmstepd: [{key}."
    await until(
        lambda: (
            not any(
                " ".join(one.info["cmdline"] or ()).startswith(title)
                for one in psutil.process_iter(["cmdline"])
            )
        )
    )
    await asyncio.sleep(4)
    cluster.run("scontrol", "update", f"jobid={key}", "StartTime=now")


def placement_of(run: RunFolder) -> Placement:
    """Return where a run's job is."""
    placement = follow.job_of(run)
    assert placement is not None and placement.host == "cluster"
    return placement


def key_of(run: RunFolder) -> str:
    """Return what Slurm calls the job of a run."""
    placement = placement_of(run)
    assert placement.job_key is not None
    return placement.job_key


def _runs(folder: Path) -> list[RunFolder]:
    return list_runs(folder / "runs")


async def test_an_answer_that_was_lost_is_found_by_the_name(
    cluster: SlurmCluster, host: SlurmHost, submit: Submit, tmp_path: Path
) -> None:
    class Cut(LocalCommands):
        async def run(
            self, *command: str, timeout: float = 30.0, stdin: bytes = b""
        ) -> tuple[int, bytes, bytes]:
            await super().run(*command, timeout=timeout, stdin=stdin)
            raise FinnTuiError("the line broke", kind="timeout")

    with pytest.raises(FinnTuiError, match="the line broke"):
        await submit(replace(host, runner=Cut()), {"seconds": 0.1}, {"seconds": 0.1})
    runs = _runs(tmp_path)
    assert [reconcile(run).state for run in runs] == ["queued", "queued"]
    await watch(host, runs, "succeeded")


async def test_200_foldings_are_one_query_a_tick(
    cluster: SlurmCluster, host: SlurmHost, commands: LocalCommands, submit: Submit
) -> None:
    held = replace(host, settings=SlurmEntry(cpus=1, parallel=2, extra=("--hold",)))
    runs = await submit(held, *({} for _ in range(200)))
    assert commands.asked == ["sbatch"]
    folder = runs[0].path.parent
    for _ in range(3):
        # Three who follow at once ask no more than one.
        await asyncio.gather(*(follow.refresh(host, folder, runs, tick=0.1) for _ in range(3)))
        await asyncio.sleep(0.2)
    assert commands.asked == ["sbatch", "squeue", "squeue", "squeue"]
    began = time.process_time()
    states = [reconcile(run) for run in runs]
    assert time.process_time() - began < 2
    assert [state.position for state in states] == list(range(1, 201))
    assert all(state.waiting for state in states)
    before = len(commands.asked)
    assert {state.state for state in await follow.cancel(host, runs)} == {"cancelled"}
    # One scancel for all; then Slurm is asked once a second until it has ended them.
    assert commands.asked[before] == "scancel"
    assert set(commands.asked[before + 1 :]) == {"squeue"}
