"""Ends of jobs that only the accounting still knows: a real slurmdbd with a MariaDB of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from finn_tui.hosts.catalogue import SlurmEntry
from finn_tui.hosts.local import LocalTransport
from finn_tui.runs.documents import RunState
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.placement import read_placement
from finn_tui.runs.scheduled import read_report
from finn_tui.runs.slurm import accounting, commands, follow
from finn_tui.runs.slurm.host import SlurmHost
from finn_tui.runs.slurm.submit import place, send
from tests.hosts.slurm_cluster import SlurmCluster, missing
from tests.runs.slurm.conftest import queued
from tests.waiting import PATIENCE


@pytest.fixture(scope="module")
def accounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """A cluster with accounting, whose controller forgets jobs after some seconds."""
    why = missing(accounting=True)
    if why is not None:
        pytest.skip(f"no Slurm with accounting can be started here: {why}")
    folder = tmp_path_factory.mktemp("accounted") / "cluster"
    with SlurmCluster(folder, cpus=8, accounting=True, more="MinJobAge=2\n") as cluster:
        yield cluster


@pytest.fixture
def host(accounted: SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> SlurmHost:
    """This machine with that Slurm; ends are written at once."""
    for name, value in accounted.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(follow, "GRACE_SECONDS", 0.0)
    return SlurmHost("cluster", LocalTransport(), SlurmEntry(cpus=1))


class Jobs:
    """Sends runs whose jobs are shell lines, which say nothing to their runs."""

    def __init__(self, folder: Path, host: SlurmHost) -> None:
        self.folder = folder
        self.host = host
        self.count = 0

    async def send(self, line: str, *extra: str, tasks: int = 1) -> list[RunFolder]:
        """Send a job, or an array of them."""
        self.count += 1
        place_of_models = self.folder / str(self.count)
        place_of_models.mkdir()
        runs = [
            RunFolder(run.path.rename(self.folder / "runs" / run.path.name))
            for run in queued(place_of_models, [{}] * tasks)
        ]
        place(self.host.name, runs)
        host = replace(self.host, settings=SlurmEntry(cpus=1, extra=extra))
        await send(host, runs, ("sh", "-c", line))
        return runs


@pytest.fixture
def jobs(tmp_path: Path, host: SlurmHost) -> Jobs:
    """See ``Jobs``."""
    (tmp_path / "runs").mkdir()
    return Jobs(tmp_path, host)


def key(run: RunFolder) -> str:
    """Slurm's name of a run's job."""
    placement = read_placement(run.path)
    assert placement is not None and placement.job_key is not None
    return placement.job_key


async def until_forgotten(host: SlurmHost, runs: Sequence[RunFolder]) -> None:
    """Wait until squeue and scontrol know none of some jobs any more."""
    keys = [key(run) for run in runs]
    async with asyncio.timeout(PATIENCE):
        while set(keys) & set(await commands.query(host.runner, keys)):  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    assert await commands.controlled(host.runner, keys) == {}


async def asked(host: SlurmHost, runs: Sequence[RunFolder]) -> list[RunState]:
    """Ask Slurm about runs, once; their states then."""
    await follow.refresh(host, runs[0].path.parent, runs, tick=0)
    return [run.state() for run in runs]


async def test_each_end_is_read_where_only_accounting_knows_it(
    accounted: SlurmCluster, host: SlurmHost, jobs: Jobs
) -> None:
    (limited,) = await jobs.send("sleep 600", "--time=5", "--no-requeue")
    (node,) = await jobs.send("sleep 600", "--no-requeue")
    (code,) = await jobs.send("exit 3")
    (signal,) = await jobs.send("kill -9 $$")
    (again,) = await jobs.send('[ "$SLURM_RESTART_COUNT" = 1 ] && exit 4; sleep 600')
    (other,) = await jobs.send("true", "--hold", "--uid=nobody")
    array = await jobs.send("true", "--hold", tasks=3)
    runs = [limited, node, code, signal, again, other, *array]
    async with asyncio.timeout(PATIENCE):
        while "RUNNING" not in accounted.run("squeue", "-h", f"-j{key(again)}", "-o%T"):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    accounted.run("scontrol", "requeue", key(again))
    accounted.run("scancel", key(other), key(array[0]).partition("_")[0])
    # Slurm counts in minutes and looks every half one.
    accounted.run("scontrol", "update", f"jobid={key(limited)}", "EndTime=now")
    async with asyncio.timeout(PATIENCE):
        while "RUNNING" in accounted.run("squeue", "-h", f"-j{key(limited)}", "-o%T", check=False):  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    accounted.run("scontrol", "update", "nodename=localhost", "state=down", "reason=test")
    accounted.run("scontrol", "update", "nodename=localhost", "state=resume", check=False)
    accounted.run("scontrol", "update", f"jobid={key(again)}", "StartTime=now", check=False)
    await until_forgotten(host, runs)

    states = await asked(host, runs)
    assert [str(state.state) for state in states] == [
        *("failed", "lost", "failed", "failed", "failed", "cancelled"),
        *["cancelled"] * 3,
    ]
    errors = [state.error for state in states]
    text = [f"{error.what}: {error.why}" if error is not None else "" for error in errors]
    assert text[0].startswith("the time limit of the job was reached: ") and "limit of" in text[0]
    assert text[1].startswith("the node localhost failed")
    assert "is FAILED with exit code 3 on localhost" in text[2]
    assert "is FAILED, ended by signal 9 on localhost" in text[3]
    assert "exit code 4" in text[4]
    assert text[5].startswith("root has cancelled the job of the build")
    assert text[6:] == [""] * 3


async def test_while_accounting_is_down_or_hangs_no_build_is_given_up(
    accounted: SlurmCluster, host: SlurmHost, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounting, "SACCT_SECONDS", 1.0)
    accounted.kill("slurmdbd")
    try:
        runs = await jobs.send("exit 3")
        await until_forgotten(host, runs)
        (state,) = await asked(host, runs)
        assert not state.final
        report = read_report(runs[0].path.parent, host.name)
        assert "its accounting does not answer" in report.problem and report.failures == 1
    finally:
        accounted.start("slurmdbd")
    accounted.pause("slurmdbd")
    try:
        (state,) = await asked(host, runs)
        assert not state.final
        assert read_report(runs[0].path.parent, host.name).failures == 2
    finally:
        accounted.go_on("slurmdbd")
    # The controller tells it late what has happened meanwhile.
    async with asyncio.timeout(PATIENCE):
        while not (state := (await asked(host, runs))[0]).final:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    assert state.error is not None and "exit code 3" in state.error.why
    assert read_report(runs[0].path.parent, host.name).problem == ""
