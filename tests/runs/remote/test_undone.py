"""What a broken line leaves undone of a cluster's jobs: each run is taken up on its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.cli.run_places import host_text, problem_text
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.runs import remote, runcontrol, runfiles
from finn_tui.hosts.catalogue import Host, SlurmEntry
from finn_tui.runs import scheduled
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.placement import (
    CANCEL,
    RESUME,
    Placement,
    Stage,
    change_placement,
    read_placement,
)
from finn_tui.runs.remote import jobs, series
from finn_tui.runs.remote.follow import Follower
from finn_tui.runs.remote.link import Connect, Link
from finn_tui.runs.remote.mirror import Mirror
from finn_tui.runs.slurm import submit
from tests.runs.conftest import STEPS, Begin
from tests.runs.remote.following import until_settled
from tests.runs.slurm.conftest import EMPTY_QUEUE, queued


class Cluster:
    """A host whose run folders are in a folder here, and a Slurm that takes each job.

    Attributes:
        lose: what is done there, and whose answer is lost with the line.
        hangs: whether its squeue never ends.
        live: jobs that its Slurm has, by their names.
        sent: the names of the jobs that it was asked for.
        ended: the numbers of those that it was to end.
        asked: the engine's jobs that it did, in their order.
        meanwhile: what somebody does once before an answer comes, by the engine's jobs.
    """

    name = "lab"
    host = Host(name="lab", slurm=SlurmEntry(), engine=(sys.executable,))
    judges = True

    def __init__(self) -> None:
        self.is_closed = False
        self.lose = ""
        self.hangs = False
        self.live: dict[str, int] = {}
        self.sent: list[str] = []
        self.ended: list[str] = []
        self.asked: list[str] = []
        self.meanwhile: dict[str, Callable[[], Awaitable[object]]] = {}

    @property
    def transport(self) -> Cluster:
        """Runs its commands."""
        return self

    def translated(self) -> contextlib.AbstractContextManager[None]:
        """Its errors are ours."""
        return contextlib.nullcontext()

    async def ask(self, job: str, **request: Any) -> dict[str, Any]:
        """Do a job of the engine's archive there."""
        if self.is_closed:
            raise FinnTuiError("the line broke", kind="host")
        self.asked.append(job)
        try:
            answer = await asyncio.to_thread(remote.JOBS[job], request)
        except EngineError as error:
            raise FinnTuiError.from_dict(error.as_dict()) from error
        if (work := self.meanwhile.pop(job, None)) is not None:
            await work()
        if job == self.lose:
            self.lose, self.is_closed = "", True
            raise FinnTuiError("the line broke", kind="host")
        return cast(dict[str, Any], json.loads(json.dumps(answer)))

    async def verify(self, folder: str, state: object, at: float) -> None:
        """Nothing is to be judged."""

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """sbatch and squeue."""
        names = [word.partition("=")[2] for word in command if "name=" in word]
        if "sbatch" in command:
            self.sent.append(names[0])
            self.live[names[0]] = 40 + len(self.sent)
            return 0, b"%d\n" % self.live[names[0]], b""
        if "scancel" in command:
            self.ended += [word for word in command if word.isdecimal()]
        if "squeue" in command and names:
            number = self.live.get(names[0])
            return 0, b"%d\n" % number if number else b"", b""
        if self.hangs:
            await asyncio.Event().wait()
        return 0, EMPTY_QUEUE, b""

    async def files(self) -> None:
        """Nothing is fetched."""

    @contextlib.asynccontextmanager
    async def connect(self, name: str) -> AsyncIterator[Link]:
        """See ``runs.remote.link.Connect``."""
        self.is_closed = False
        yield self.link

    @property
    def link(self) -> Link:
        """The way to it."""
        return cast(Link, self)


@pytest.fixture
def cluster(fake_archive: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster behind a line."""
    monkeypatch.setattr(sys, "argv", [str(fake_archive)])
    return Cluster()


def placement_of(run: RunFolder) -> Placement:
    placement = read_placement(run.path)
    assert placement is not None
    return placement


def ended(folder: Path) -> RunFolder:
    """A run whose job 7 has failed in its second step; its folder there is the same as here."""
    (run,) = queued(folder, [{}])
    submit.place("lab", [run])
    submit.set_number([run], 7)
    runfiles.append_event(str(run.path), "steps", names=STEPS, start=STEPS[0])
    for step in STEPS[:2]:
        runfiles.append_event(str(run.path), "step", name=step, status="started")
    (run.path / "finn_build_dir").mkdir(exist_ok=True)
    graphs = run.path / "build" / "intermediate_models"
    graphs.mkdir(parents=True)
    (graphs / f"{STEPS[0]}.onnx").touch()
    runcontrol.end_state(str(run.path), run.state().as_dict(), "failed")
    there = folder / "host" / run.id
    shutil.copytree(run.path, there)
    change_placement(run.path, folder=str(there), shared=False, stage=Stage.SETTLED)
    return run


def there(run: RunFolder) -> dict[str, Any]:
    """What the host knows of a run."""
    return runcontrol.read_state(placement_of(run).folder)


async def lost_resume(cluster: Cluster, run: RunFolder) -> None:
    """Resume a run; the line breaks when it is done there."""
    cluster.lose = "requeue"
    with pytest.raises(FinnTuiError, match="the line broke"):
        await jobs.resume(run, STEPS[1], cluster.link)
    assert there(run)["state"] == "queued" and cluster.sent == []
    # It is waited for, and says why.
    assert str(run.state().state) == "queued" and placement_of(run).wanted == RESUME
    cluster.is_closed = False


@pytest.mark.parametrize("again", ["resume", "follow"])
async def test_a_resume_whose_answer_was_lost_is_done_once(
    cluster: Cluster, tmp_path: Path, begin: Begin, again: str
) -> None:
    run = ended(tmp_path)
    await lost_resume(cluster, run)
    if again == "resume":
        await jobs.resume(run, STEPS[1], cluster.link)
    else:
        assert jobs.undone([run]) == [run]
        assert await jobs.catch_up(cluster.link, [run]) == {}
    placement = placement_of(run)
    assert cluster.sent == [placement.job_name]
    assert (placement.job, placement.wanted, placement.resume_name) == ("41", "", "")
    for state in (there(run), run.state().as_dict()):
        assert (state["state"], state["attempt"], state["from"]) == ("queued", 2, STEPS[1])
    assert jobs.undone([run]) == []


async def test_a_resume_that_is_cancelled_before_its_job_is_asked_for(
    cluster: Cluster, tmp_path: Path, begin: Begin
) -> None:
    run = ended(tmp_path)
    await lost_resume(cluster, run)
    (state,) = await jobs.cancel([run], cluster.link)
    assert str(state.state) == str(run.state().state) == there(run)["state"] == "cancelled"
    assert jobs.undone([run]) == [] and cluster.sent == []
    await jobs.resume(run, STEPS[1], cluster.link)
    assert there(run)["attempt"] == 3 and len(cluster.sent) == 1


async def test_a_resume_that_is_cancelled_while_it_is_done(
    cluster: Cluster, tmp_path: Path, begin: Begin
) -> None:
    """Its cancel is neither lost nor followed by a job."""
    run = ended(tmp_path)
    cluster.meanwhile["requeue"] = lambda: jobs.cancel([run], cluster.link)
    await jobs.resume(run, STEPS[1], cluster.link)
    assert cluster.sent == [] and jobs.undone([run]) == []
    assert str(run.state().state) == there(run)["state"] == "cancelled"
    await jobs.resume(run, STEPS[1], cluster.link)
    assert there(run)["attempt"] == 3 and len(cluster.sent) == 1


async def test_a_resume_is_cancelled_while_another_s_job_builds_the_run(
    cluster: Cluster, tmp_path: Path, begin: Begin
) -> None:
    """What is cancelled is that job: the build does not go on with the word that it has ended."""
    run = ended(tmp_path)
    await lost_resume(cluster, run)
    folder = placement_of(run).folder
    runfiles.save_state(folder, {**there(run), "state": "running", "job": "9"})
    runner = runfiles.hold(folder)

    async def end() -> None:
        runner.close()

    cluster.meanwhile["mark_cancelled"] = end
    (state,) = await jobs.cancel([run], cluster.link)
    assert cluster.ended == ["9"] and str(state.state) == there(run)["state"] == "cancelled"
    assert (placement_of(run).job, placement_of(run).wanted) == ("9", "")


def requeued(run: RunFolder, silent: float, **facts: Any) -> None:
    """Make a run one that somebody else has made a queued one."""
    state = {"state": "queued", "heartbeat": time.time() - silent, "scheduler": "slurm", **facts}
    runfiles.save_state(placement_of(run).folder, state)


async def test_whether_a_job_works_on_a_run_is_asked_of_slurm(
    cluster: Cluster, tmp_path: Path, begin: Begin
) -> None:
    run = ended(tmp_path)
    requeued(run, 1000.0, job_name="finn-tui-other")
    cluster.live["finn-tui-other"] = 9
    with pytest.raises(FinnTuiError, match="It is queued, as job 9 of Slurm on lab"):
        await jobs.resume(run, STEPS[1], cluster.link)
    # From now on it is followed as what it is.
    placement = placement_of(run)
    assert (placement.job_name, placement.job) == ("finn-tui-other", "9")
    assert not placement.settled and str(run.state().state) == "queued" and cluster.sent == []


async def test_a_run_that_was_queued_there_for_no_job_can_be_resumed(
    cluster: Cluster, tmp_path: Path, begin: Begin
) -> None:
    run = ended(tmp_path)
    requeued(run, 10.0)
    with pytest.raises(FinnTuiError, match="just resumed it"):
        await jobs.resume(run, STEPS[1], cluster.link)
    assert str(run.state().state) == "failed" and placement_of(run).wanted == ""
    requeued(run, 1000.0)
    await jobs.resume(run, STEPS[1], cluster.link)
    assert there(run)["job_name"] == placement_of(run).job_name == cluster.sent[0]


async def test_a_step_whose_graph_is_not_there_is_refused(
    cluster: Cluster, tmp_path: Path, begin: Begin
) -> None:
    run = ended(tmp_path)
    shutil.rmtree(Path(placement_of(run).folder) / "finn_build_dir")
    with pytest.raises(FinnTuiError, match=f"cannot go on at {STEPS[1]}"):
        await jobs.resume(run, STEPS[1], cluster.link)
    assert str(run.state().state) == there(run)["state"] == "failed"


def unsent(folder: Path, count: int) -> list[RunFolder]:
    """Runs whose folders are not on the host yet, each for a job of its own."""
    runs = queued(folder, [{}] * count)
    for run in runs:
        submit.place("lab", [run])
        there = str(folder / "host" / run.id)
        change_placement(run.path, folder=there, shared=False, submitted=0.0)
    return runs


class Uploads:
    """Stands for ``series.upload``.

    Attributes:
        tried: the runs, in their order.
    """

    def __init__(self, refused: RunFolder | None = None, slow: RunFolder | None = None) -> None:
        self._refused, self._slow = refused, slow
        self.tried: list[RunFolder] = []

    async def __call__(
        self, runs: Sequence[RunFolder], link: Link, on_progress: OnProgress = ignore
    ) -> None:
        """Bring folders there."""
        self.tried += runs
        if self._refused in runs:
            raise FinnTuiError("the disk of lab is full", kind="disk")
        if self._slow in runs:
            await asyncio.Event().wait()
        for run in runs:
            shutil.copytree(run.path, placement_of(run).folder)


async def test_a_folder_that_cannot_be_sent_holds_back_no_other(
    cluster: Cluster, tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = unsent(tmp_path, 3)
    uploads = Uploads(refused=runs[0])
    monkeypatch.setattr(series, "upload", uploads)
    follower = Follower(lambda: runs, cast(Connect, None))
    await follower._catch_up(cluster.link, runs)
    assert uploads.tried == runs
    assert cluster.sent == [placement_of(run).job_name for run in runs[1:]]
    said = scheduled.waiting_text(tmp_path / "runs", placement_of(runs[0]))
    assert said == "not sent to Slurm on lab yet: the disk of lab is full"
    # The host itself has answered.
    assert (host_text(runs[0]), problem_text(runs[0])) == ("lab", "the disk of lab is full")
    # It is tried again, and not at once: each attempt reads all of it.
    await follower._catch_up(cluster.link, runs)
    assert len(uploads.tried) == 3


async def all_is_here(*_: object, **__: object) -> bool:
    """Stands for ``Mirror.update``."""
    return True


async def test_a_long_upload_keeps_nothing_else_from_being_seen(
    cluster: Cluster, tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, other = runs = unsent(tmp_path, 2)
    monkeypatch.setattr(series, "upload", Uploads(slow=slow))
    shutil.copytree(other.path, placement_of(other).folder)
    submit.set_number([other], 7)
    monkeypatch.setattr(Mirror, "update", all_is_here)
    follower = Follower(lambda: runs, cluster.connect, tick=0.01)
    following = asyncio.create_task(until_settled(follower))
    async with asyncio.timeout(60):
        while cluster.asked.count("listing") < 3:  # noqa: ASYNC110 - counted by another task
            await asyncio.sleep(0.01)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert placement_of(slow).unsent and cluster.sent == []


async def test_a_slurm_that_hangs_keeps_no_run_from_being_seen(
    cluster: Cluster, tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run,) = unsent(tmp_path, 1)
    shutil.copytree(run.path, placement_of(run).folder)
    submit.set_number([run], 7)
    cluster.hangs = True
    monkeypatch.setattr(Mirror, "update", all_is_here)
    follower = Follower(lambda: [run], cluster.connect, tick=0.01)
    following = asyncio.create_task(until_settled(follower))
    async with asyncio.timeout(60):
        while cluster.asked.count("listing") < 3:  # noqa: ASYNC110 - counted by another task
            await asyncio.sleep(0.01)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_a_cancel_of_what_slurm_does_not_know_yet_is_not_forgotten(
    cluster: Cluster, tmp_path: Path, begin: Begin
) -> None:
    """Its answer to sbatch was lost; another run of the host is cancelled meanwhile."""
    unknown, known = runs = queued(tmp_path, [{}, {}])
    for run in runs:
        submit.place("lab", [run])
        change_placement(run.path, shared=False, wanted=CANCEL)
    submit.set_number([known], 7)
    problems = await jobs.catch_up(cluster.link, runs)
    assert list(problems) == [unknown]
    assert placement_of(unknown).wanted == CANCEL and placement_of(known).wanted == ""
