"""A Slurm of this machine whose commands hang."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from finn_tui.hosts import catalogue
from finn_tui.hosts.catalogue import Host, SlurmEntry
from finn_tui.lab.build_places import following, shared_cluster
from finn_tui.runs import scheduled
from finn_tui.runs.folder import list_runs
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.slurm import submit
from tests.runs.conftest import Begin, begin, fake_archive
from tests.runs.slurm.conftest import EMPTY_QUEUE, queued
from tests.waiting import until

__all__ = ["begin", "fake_archive"]


class Hanging:
    """Slurm's commands never end."""

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """Wait for ever."""
        await asyncio.Event().wait()
        return 0, b"", b""


class FirstHangs(Hanging):
    """The first who asks waits for ever; the others are told that there is no job."""

    made = 0

    def __init__(self) -> None:
        FirstHangs.made += 1
        self._hangs = FirstHangs.made == 1

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """squeue."""
        if self._hangs:
            return await super().run(*command)
        return 0, EMPTY_QUEUE, b""


def with_jobs(folder: Path, *names: str) -> Path:
    """Have hosts of those names and a run of each; returns the folder of the runs."""
    runs = queued(folder, [{}] * len(names))
    for name, run in zip(names, runs, strict=True):
        catalogue.add(Host(name=name, slurm=SlurmEntry()))
        submit.place(name, [run])
        submit.set_number([run], 7)
    return folder / "runs"


async def test_a_slurm_that_hangs_keeps_no_other_from_being_asked(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FirstHangs, "made", 0)
    monkeypatch.setattr(shared_cluster, "LocalTransport", FirstHangs)
    runs_dir = with_jobs(tmp_path, "one", "two")
    asking = asyncio.create_task(following.refresh(runs_dir))

    def answered() -> list[str]:
        names = ("one", "two")
        return [name for name in names if scheduled.read_report(runs_dir, name).answered]

    await until(answered)
    assert len(answered()) == 1 and not asking.done()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def test_a_list_waits_for_no_slurm_that_hangs(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_cluster, "LocalTransport", Hanging)
    runs_dir = with_jobs(tmp_path, "one")
    await following.refresh(runs_dir, seconds=0.05)
    (run,) = list_runs(runs_dir)
    waiting = reconcile(run).waiting
    assert waiting == "Slurm on one does not answer: no answer within 0.05 s"
