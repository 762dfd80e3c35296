"""What sbatch is asked, and what its words mean, without a cluster."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.cli import main
from finn_tui.engine.server.runs import runcontrol
from finn_tui.hosts.catalogue import SlurmEntry
from finn_tui.lab.build_places import locate
from finn_tui.runs import scheduled
from finn_tui.runs.documents import RunStatus
from finn_tui.runs.folder import RunFolder, RunState, list_runs
from finn_tui.runs.placement import Placement, read_placement, write_placement
from finn_tui.runs.slurm import follow, sbatch
from finn_tui.runs.slurm.host import SlurmHost
from finn_tui.runs.slurm.submit import place, send
from tests.runs.conftest import Begin
from tests.runs.slurm.conftest import EMPTY_QUEUE, queued

#: Of Slurm 22.05 and its manual; the last is a plugin's.
REFUSALS = [
    ("invalid partition specified: none\nsbatch: error: Batch job submission failed: Invalid "
     "partition name specified", "partition of `sinfo`"),
    ("Batch job submission failed: Invalid account or account/partition combination specified",
     "Name an account"),
    ("Batch job submission failed: Invalid qos specification", "quality of service"),
    ("Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's "
     "size and/or time limits)", "Send fewer foldings, or ask for less"),
    ("Memory specification can not be satisfied\nsbatch: error: Batch job submission failed: "
     "Requested node configuration is not available", "less memory"),
    ("Invalid --time specification", "H:MM:SS"),
    ("You must name a project with --comment\nsbatch: error: Batch job submission failed: "
     "Unspecified error", "slurm table of hosts.toml"),
]  # fmt: skip


@dataclass
class Cluster:
    """A Slurm that gives numbers, until it refuses.

    Attributes:
        most: its MaxArraySize.
        refuse: number of the job that it does not take.
        note: what it says of a job that it takes.
        asked: sbatch's options, of each job.
    """

    most: int = 1001
    refuse: int = -1
    note: str = ""
    asked: list[list[str]] = field(default_factory=list)

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """sbatch and scontrol."""
        if "scontrol" in command:
            return 0, f"MaxArraySize            = {self.most}\nMaxDBDMsgs = 20008\n".encode(), b""
        array = next((word for word in command if word.startswith("--array=")), "--array=0-0")
        if int(array.partition("%")[0].rpartition("-")[2]) >= self.most:
            why = "Batch job submission failed: Invalid job array specification"
            return 1, b"", f"sbatch: error: {why}\n".encode()
        self.asked.append(list(command))
        if len(self.asked) == self.refuse:
            return 1, b"", b"sbatch: error: Batch job submission failed: no more today\n"
        return 0, f"{10 * len(self.asked)}\n".encode(), self.note.encode()

    def options(self, name: str) -> list[str]:
        """The values of an option, of each job."""
        values = []
        for command in self.asked:
            given = [word for word in command if word.startswith(f"--{name}=")]
            values.append(given[0].partition("=")[2] if given else "")
        return values


async def send_to(
    cluster: Cluster, folder: Path, count: int, notes: list[str], parallel: int = 2
) -> list[RunFolder]:
    """Send a sweep."""
    runs = queued(folder, [{}] * count)
    host = SlurmHost("cluster", cluster, SlurmEntry(parallel=parallel))
    place(host.name, runs)
    await send(host, runs, (sys.executable,), on_note=notes.append)
    return runs


def keys(runs: Sequence[RunFolder]) -> list[str | None]:
    """Slurm's names of the jobs of runs."""
    placements = [read_placement(run.path) for run in runs]
    return [one.job_key if one is not None else None for one in placements]


async def test_a_sweep_larger_than_an_array_goes_as_several_one_after_the_other(
    tmp_path: Path, begin: Begin
) -> None:
    cluster, notes = Cluster(most=2), list[str]()
    runs = await send_to(cluster, tmp_path, 5, notes)
    assert cluster.options("array") == ["0-1%2", "0-1%2", ""]
    # The limit of parallel builds, one for each licence, counts in each array.
    assert cluster.options("dependency") == ["", "afterany:10", "afterany:20"]
    assert keys(runs) == ["10_0", "10_1", "20_0", "20_1", "30"]
    assert len(set(cluster.options("job-name"))) == 3
    assert notes == ["5 builds go as 3 arrays: Slurm takes 2 in one"]
    free = Cluster(most=3)
    (tmp_path / "free").mkdir()
    await send_to(free, tmp_path / "free", 5, notes, parallel=0)
    assert free.options("array") == ["0-2", "0-1"] and free.options("dependency") == ["", ""]


class Ending:
    """Stands for a cluster that ends what it is asked to."""

    def __init__(self) -> None:
        self.ended: list[RunFolder] = []

    async def cancel(self, runs: Sequence[RunFolder]) -> list[RunState]:
        """End runs, except for those that have ended."""
        self.ended += runs
        return [
            run.state() if run.state().final else replace(run.state(), state=RunStatus.CANCELLED)
            for run in runs
        ]


def test_a_sweep_in_several_arrays_is_cancelled_as_one(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = asyncio.run(send_to(Cluster(most=2), tmp_path, 5, []))
    alone = queued(tmp_path, [{}])
    place("cluster", alone)
    # One that was resumed has a job of its own, and is part of the sweep.
    place("cluster", runs[1:2])
    runcontrol.end_state(str(runs[0].path), runs[0].state().as_dict(), "succeeded")
    cluster = Ending()
    monkeypatch.setattr(locate, "place_of", lambda run: cluster)

    def cancel(run: RunFolder) -> Result:
        return CliRunner().invoke(main, ["cancel", run.id, "--array", "--workspace", str(tmp_path)])

    done = cancel(runs[3])
    assert done.exit_code == 0 and sorted(run.id for run in cluster.ended) == sorted(
        run.id for run in runs
    )
    assert "4 of 5 builds of the sweep are cancelled" in done.stderr
    assert "no part of a sweep" in cancel(alone[0]).stderr


async def test_an_array_that_is_refused_leaves_those_before(tmp_path: Path, begin: Begin) -> None:
    cluster, notes = Cluster(most=2, refuse=2), list[str]()
    runs = await send_to(cluster, tmp_path, 5, notes)
    assert len(cluster.asked) == 2
    assert [str(run.state().state) for run in runs] == ["queued"] * 2 + ["failed"] * 3
    assert keys(runs) == ["10_0", "10_1", None, None, None]
    assert "3 of 5 builds were not taken: Batch job submission failed: no more today" in notes


async def test_an_array_that_waits_to_be_sent_is_not_taken_for_one_cut_off(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "UNSEEN_SECONDS", 0.0)

    class Watched(Cluster):
        """Somebody follows the runs while it is slow."""

        async def run(
            self, *command: str, timeout: float = 30.0, stdin: bytes = b""
        ) -> tuple[int, bytes, bytes]:
            if "sbatch" not in command and "scontrol" not in command:
                return 0, b"" if "--format=%F" in command else EMPTY_QUEUE, b""
            if "sbatch" in command and self.asked:
                every = list_runs(tmp_path / "runs")
                await follow.refresh(host, tmp_path / "runs", every, tick=0.0)
            return await super().run(*command, timeout=timeout, stdin=stdin)

    cluster = Watched(most=2)
    host = SlurmHost("cluster", cluster, SlurmEntry(parallel=2))
    runs = queued(tmp_path, [{}] * 5)
    place(host.name, runs)
    await send(host, runs, (sys.executable,))
    assert keys(runs)[-1] == "30"
    assert {str(run.state().state) for run in runs[2:]} == {"queued"}


def test_a_folder_that_takes_no_lock_is_said(tmp_path: Path) -> None:
    (tmp_path / scheduled.FOLDER).write_text("no folder")
    with pytest.raises(FinnTuiError) as refused, scheduled.sending(tmp_path, "finn-tui-0a1b2c"):
        pass
    assert refused.value.kind is ErrorKind.DISK


async def test_a_build_whose_sender_was_killed_does_not_wait_for_ever(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Idle:
        async def run(
            self, *command: str, timeout: float = 30.0, stdin: bytes = b""
        ) -> tuple[int, bytes, bytes]:
            return 0, b"" if "--format=%F" in command else EMPTY_QUEUE, b""

    (run,) = queued(tmp_path, [{}])
    runs_dir, name = run.path.parent, "finn-tui-0a1b2c"
    at = Placement(host="cluster", folder=str(run.path), shared=True, job_name=name)
    write_placement(run.path, at)
    host = SlurmHost("cluster", Idle(), SlurmEntry())
    # Its run folder has just been made.
    await follow.refresh(host, runs_dir, [run], tick=0.0)
    assert str(run.state().state) == "queued"
    monkeypatch.setattr(follow, "UNSEEN_SECONDS", 0.0)
    # Those of its array are still being made.
    with scheduled.sending(runs_dir, name):
        await follow.refresh(host, runs_dir, [run], tick=0.0)
    assert str(run.state().state) == "queued"
    await follow.refresh(host, runs_dir, [run], tick=0.0)
    state = run.state()
    assert str(state.state) == "lost"
    assert state.error is not None and state.error.what == "the build was never sent"


async def test_what_a_plugin_says_of_a_job_that_is_taken_is_told(
    tmp_path: Path, begin: Begin
) -> None:
    notes: list[str] = []
    note = "sbatch: lua: your project ends in May\nsbatch: Charged to lab\n"
    (run,) = await send_to(Cluster(note=note), tmp_path, 1, notes)
    assert notes == ["Slurm on cluster says: lua: your project ends in May Charged to lab"]
    assert keys([run]) == ["10"]


@pytest.mark.parametrize(("said", "fix"), REFUSALS)
async def test_each_refusal_names_what_helps(said: str, fix: str) -> None:
    class Refusing:
        async def run(
            self, *command: str, timeout: float = 30.0, stdin: bytes = b""
        ) -> tuple[int, bytes, bytes]:
            return 1, b"", f"sbatch: error: {said}\n".encode()

    with pytest.raises(FinnTuiError, match="does not take the job") as raised:
        await sbatch.submit(Refusing(), "name", "", [])
    assert fix in raised.value.fix
    assert raised.value.why == re.sub("\nsbatch: error:", "", said)
