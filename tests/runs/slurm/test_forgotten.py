"""A job that has ended and that Slurm forgets before its run has its last word."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from finn_tui.engine.server.runs import runfiles
from finn_tui.hosts.catalogue import SlurmEntry
from finn_tui.runs import scheduled
from finn_tui.runs.documents import RunState, RunStatus
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.placement import read_placement
from finn_tui.runs.slurm import follow, submit
from finn_tui.runs.slurm.host import SlurmHost
from tests.runs.conftest import Begin
from tests.runs.slurm.conftest import EMPTY_QUEUE, queued


class Forgetful:
    """A Slurm without accounting, whose job 7 has reached its time limit.

    Attributes:
        forgotten: whether it has forgotten that.
    """

    forgotten = False

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """squeue; the other programs know nothing of the job."""
        if "squeue" not in command:
            return 1, b"", b"Invalid job id specified"
        values = ["7", "N/A", "7", "TIMEOUT", "1", "main", "100", "3700", "n1", "TimeLimit"]
        known = b"" if self.forgotten else "\x1f".join(values).encode() + b"\n"
        return 0, EMPTY_QUEUE + known, b""


def test_a_job_that_waits_to_be_started_again_does_not_work_meanwhile() -> None:
    began = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    state = RunState(RunStatus.QUEUED, started=began.isoformat(), scheduler="slurm")
    assert replace(state, heartbeat=began.timestamp() + 60).seconds == 60
    assert replace(state, heartbeat=0.0).seconds == 0


def test_a_build_that_has_spoken_since_slurm_did_runs(tmp_path: Path, begin: Begin) -> None:
    (run,) = queued(tmp_path, [{}])
    submit.place("cluster", [run])
    submit.set_number([run], 7)
    waits = scheduled.JobReport("PENDING", "waiting", "Priority", "others come first", 1)
    said = scheduled.SchedulerReport(1000.0, 1000.0, {"7": waits}, "it hangs", 1)
    scheduled.write_report(run.path.parent, "cluster", said)
    for heartbeat, state in ((990.0, "queued"), (1060.0, "running")):
        running = {**run.state().as_dict(), "state": "running", "heartbeat": heartbeat}
        runfiles.save_state(str(run.path), running)
        assert str(reconcile(run).state) == state
        assert ("others come first" in (reconcile(run).waiting or "")) == (state == "queued")


async def test_how_a_job_ended_is_kept_when_slurm_forgets_it(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm = Forgetful()
    host = SlurmHost("cluster", slurm, SlurmEntry())
    (run,) = queued(tmp_path, [{}])
    submit.place("cluster", [run])
    submit.set_number([run], 7)
    await follow.refresh(host, run.path.parent, [run], tick=0.0)
    state = reconcile(run)
    assert not state.final
    assert state.waiting == "its job has ended (timeout); the build's last word is waited for"
    slurm.forgotten = True
    monkeypatch.setattr(follow, "GRACE_SECONDS", 0.0)
    await follow.refresh(host, run.path.parent, [run], tick=0.0)
    state = reconcile(run)
    assert state.error is not None and str(state.state) == "failed"
    assert state.error.what == "the time limit of the job was reached"
    assert "on n1 after 60 min" in state.error.why
    placement = read_placement(run.path)
    assert placement is not None
    report = scheduled.report_of(run.path.parent, placement)
    assert report is not None and report.concluded


class Ended:
    """A Slurm whose job 7 has ended by itself, with a good exit code."""

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """squeue; the other programs know nothing of the job."""
        if "squeue" not in command:
            return 1, b"", b"Invalid job id specified"
        values = ["7", "N/A", "7", "COMPLETED", "1", "main", "100", "3700", "n1", "None"]
        return 0, EMPTY_QUEUE + "\x1f".join(values).encode() + b"\n", b""


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_last_word_that_a_network_folder_shows_after_a_minute_is_waited_for(
    tmp_path: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch, arrives: bool
) -> None:
    host = SlurmHost("cluster", Ended(), SlurmEntry())
    (run,) = queued(tmp_path, [{}])
    submit.place("cluster", [run])
    submit.set_number([run], 7)
    offset, now = [0.0], time.time
    monkeypatch.setattr(time, "time", lambda: now() + offset[0])
    await follow.refresh(host, run.path.parent, [run], tick=0.0)
    # Not so far that a machine that stands still meanwhile makes it more than a minute.
    offset[0] = 50.0
    await follow.refresh(host, run.path.parent, [run], tick=0.0)
    assert not run.state().final
    if arrives:
        document = run.state().as_dict() | {"state": "succeeded"}
        runfiles.save_state(str(run.path), document)
    offset[0] = 300.0
    await follow.refresh(host, run.path.parent, [run], tick=0.0)
    assert str(run.state().state) == ("succeeded" if arrives else "failed")
