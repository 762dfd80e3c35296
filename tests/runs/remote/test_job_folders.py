"""The mirror of a job's run on a cluster: its last word comes after all that belongs to it."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from pathlib import Path
from typing import Any, cast

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.cli.run_places import place_text
from finn_tui.engine.server.runs import remote, runcontrol
from finn_tui.hosts.catalogue import Host, SlurmEntry
from finn_tui.runs import scheduled
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.placement import (
    CANCEL,
    Placement,
    Stage,
    change_placement,
    read_placement,
    write_placement,
)
from finn_tui.runs.remote import follow as remote_follow
from finn_tui.runs.remote import jobs
from finn_tui.runs.remote.jobs import LinkFolders
from finn_tui.runs.remote.link import Connect, Link
from finn_tui.runs.remote.mirror import Mirror
from finn_tui.runs.slurm import follow, submit
from finn_tui.runs.slurm.host import SlurmHost
from tests.runs.conftest import Begin
from tests.runs.slurm.conftest import EMPTY_QUEUE, queued


def test_results_that_no_reader_takes_leave_ours(tmp_path: Path, begin: Begin) -> None:
    (run,) = queued(tmp_path, [{}])
    run.update_results(kept=1)
    part = tmp_path / "part"
    for content in ("no JSON", "[" * 100_000, '{"self": 2}'):
        part.write_text(content)
        Mirror(run)._merge_results(part)
    assert run.results() == {"kept": 1, "self": 2} and not part.exists()


class FolderHere:
    """The host's files, which are here; one of them is not ours to read.

    Attributes:
        closed: its path.
    """

    def __init__(self, closed: Path) -> None:
        self.closed = closed

    async def read_from(self, path: str, offset: int, most: int) -> bytes:
        """A part of a file."""
        if Path(path) == self.closed:
            raise PermissionError(path)
        return Path(path).read_bytes()[offset : offset + most]


class ClusterOfFiles:
    """A host whose run folders are here, in another place."""

    name = "lab"
    judges = True
    is_closed = False

    def __init__(self, files: FolderHere) -> None:
        self._files = files

    @property
    def transport(self) -> ClusterOfFiles:
        """Its connection."""
        return self

    @property
    def host(self) -> Host:
        """Without Slurm."""
        return Host(name="lab")

    def translated(self) -> contextlib.AbstractContextManager[None]:
        """Its errors are ours."""
        return contextlib.nullcontext()

    async def files(self) -> FolderHere:
        """See ``Link``."""
        return self._files

    async def ask(self, job: str, **request: Any) -> dict[str, Any]:
        """Do a job of the engine's archive there."""
        return json.loads(json.dumps(remote.JOBS[job](request)))  # type: ignore[no-any-return]

    async def verify(self, folder: str, state: object, at: float) -> None:
        """Nothing is to be judged."""


async def test_a_file_that_may_not_be_read_keeps_no_end_from_being_seen(
    tmp_path: Path, begin: Begin
) -> None:
    (run,) = queued(tmp_path, [{}])
    there = tmp_path / "host" / run.id
    shutil.copytree(run.path, there)
    for name in ("open.rpt", "closed.rpt"):
        (there / "build").mkdir(exist_ok=True)
        (there / "build" / name).write_text(name)
    (there / "results.json").write_text("{}")
    runcontrol.end_state(str(there), run.state().as_dict(), "succeeded")
    write_placement(run.path, Placement(host="lab", folder=str(there), stage=Stage.STARTED))
    link = cast(Link, ClusterOfFiles(FolderHere(there / "build" / "closed.rpt")))
    follower = remote_follow.Follower(lambda: [run], cast(Connect, None))
    for _ in range(2):
        await follower.look(link, [run])
    assert str(run.state().state) == "succeeded"
    placement = read_placement(run.path)
    assert placement is not None and placement.settled
    assert placement.unreadable == ("build/closed.rpt",)
    assert (run.build / "open.rpt").read_text() == "open.rpt"
    assert "build/closed.rpt" in (place_text(run) or "")


class ClusterWhoseJobIsOver:
    """Says of one job that it has ended, and of its run that it has succeeded."""

    def __init__(self, run: RunFolder) -> None:
        self.asked: list[str] = []
        self._state = run.state().as_dict() | {
            "state": "succeeded",
            "started": "2026-01-01T00:00:00Z",
        }

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """What squeue says."""
        values = ["7", "N/A", "7", "COMPLETED", "1", "main", "100", "200", "n1", "None"]
        return 0, "\x1f".join(values).encode() + b"\n", b""

    async def ask(self, job: str, **request: Any) -> dict[str, Any]:
        """What the engine's archive says there."""
        self.asked.append(job)
        return {"states": [dict(self._state)]}


class SilentCluster:
    """Can be reached, and its Slurm does not answer."""

    name = "lab"
    host = Host(name="lab", slurm=SlurmEntry())
    is_closed = False
    judges = True

    @property
    def transport(self) -> SilentCluster:
        """Runs its commands."""
        return self

    def translated(self) -> contextlib.AbstractContextManager[None]:
        """Its errors are ours."""
        return contextlib.nullcontext()

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """What Slurm's commands say while its controller starts."""
        return 1, b"", b"slurm_load_jobs error: Unable to contact slurm controller"

    async def ask(self, job: str, **request: Any) -> dict[str, Any]:
        """Nothing is to be said of the answer."""
        return {}


async def test_a_cancel_that_slurm_has_not_heard_is_asked_for_again(
    tmp_path: Path, begin: Begin
) -> None:
    (run,) = queued(tmp_path, [{}])
    submit.place("lab", [run])
    submit.set_number([run], 7)
    with pytest.raises(FinnTuiError, match="Slurm does not answer"):
        await jobs.cancel([run], cast(Link, SilentCluster()))
    placement = read_placement(run.path)
    assert placement is not None and placement.wanted == CANCEL


class PendingCluster(SilentCluster):
    """Its Slurm does not answer; of the run folders there it tells."""

    def __init__(self, run: RunFolder) -> None:
        self._state = run.state().as_dict()

    async def ask(self, job: str, **request: Any) -> dict[str, Any]:
        """All of them are as they were."""
        if job != "listing":
            return {}
        folders = [one["folder"] for one in request["runs"]]
        runs = [{"folder": folder, "state": self._state} for folder in folders]
        return {"time": time.time(), "runs": runs}

    async def verify(self, folder: str, state: object, at: float) -> None:
        """Nothing is to be judged."""


async def test_a_run_says_why_its_job_is_not_cancelled_yet(tmp_path: Path, begin: Begin) -> None:
    wanted, other = runs = queued(tmp_path, [{}, {}])
    for number, run in enumerate(runs):
        submit.place("lab", [run])
        submit.set_number([run], 7 + number)
    change_placement(wanted.path, wanted=CANCEL)
    follower = remote_follow.Follower(lambda: runs, cast(Connect, None))
    await follower.look(cast(Link, PendingCluster(wanted)), runs)
    placements = [read_placement(run.path) for run in runs]
    problems = [one.problem for one in placements if one is not None]
    assert problems[0] is not None and problems[0].what == "Slurm does not answer"
    assert problems[1] is None and str(other.state().state) == "queued"


class FullCluster(SilentCluster):
    """Its Slurm ends jobs; its disk takes no run folder."""

    def __init__(self, run: RunFolder) -> None:
        self._state = run.state().as_dict() | {"state": "cancelled"}

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """No job, no error."""
        return 0, b"" if "--format=%F" in command else EMPTY_QUEUE, b""

    async def ask(self, job: str, **request: Any) -> dict[str, Any]:
        """Its runs end."""
        return {"states": [self._state for _ in request["folders"]]}

    async def files(self) -> None:
        """As where its folder cannot be made."""
        raise FinnTuiError("the disk is full", "", "", kind="disk")


async def test_what_cannot_be_sent_keeps_no_other_job_from_its_end(
    tmp_path: Path, begin: Begin
) -> None:
    wanted, unsent = runs = queued(tmp_path, [{}, {}])
    for run in runs:
        submit.place("lab", [run])
    submit.set_number([wanted], 7)
    change_placement(wanted.path, wanted=CANCEL)
    change_placement(unsent.path, shared=False, submitted=0.0)
    assert jobs.undone(runs) == runs
    problems = await jobs.catch_up(cast(Link, FullCluster(wanted)), runs)
    assert [(run, error.what) for run, error in problems.items()] == [(unsent, "the disk is full")]
    placement = read_placement(wanted.path)
    assert placement is not None and placement.wanted == ""


class UnknowingCluster(SilentCluster):
    """Its Slurm has no job, and no run folder is there."""

    judges = True

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """No job, no error."""
        return 0, b"" if "--format=%F" in command else EMPTY_QUEUE, b""

    async def ask(self, job: str, **request: Any) -> dict[str, Any]:
        """Of a folder that is not there."""
        if job != "listing":
            raise FinnTuiError("no such folder", "", "", kind="engine")
        folders = [one["folder"] for one in request["runs"]]
        runs = [{"folder": folder, "missing": True} for folder in folders]
        return {"time": time.time(), "runs": runs}


async def test_a_run_is_not_lost_while_its_folder_is_being_sent(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "UNSEEN_SECONDS", 0.0)
    monkeypatch.setattr(remote_follow, "MISSING_SECONDS", 0.0)
    (run,) = queued(tmp_path, [{}])
    name = submit.place("lab", [run])
    change_placement(run.path, shared=False)
    link = cast(Link, UnknowingCluster())
    follower = remote_follow.Follower(lambda: [run], cast(Connect, None))
    with scheduled.sending(run.path.parent, name):
        await follower.look(link, [run])
        assert run.state().state == "queued"
    # Whoever sent it is gone: now it is.
    await follower.look(link, [run])
    assert run.state().state == "lost"


async def test_a_run_that_has_succeeded_there_is_final_here_only_when_it_is_fetched(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "GRACE_SECONDS", 0.0)
    (run,) = queued(tmp_path, [{}])
    submit.place("lab", [run])
    submit.set_number([run], 7)
    cluster = ClusterWhoseJobIsOver(run)
    host = SlurmHost("lab", cluster, SlurmEntry(), folders=LinkFolders(cast(Link, cluster)))
    for _ in range(3):
        await follow.refresh(host, run.path.parent, [run], tick=0.0)
    assert run.state().state == "queued"
    # The host was asked once, not at every look until the results are here.
    assert cluster.asked == ["conclude_many"]
