"""What a host's scheduler last said of a workspace's jobs: ``runs/.schedulers/HOST.json``.

Whoever follows runs asks the scheduler, all jobs in one query, and writes the answer here; lists,
screens and commands only read it. So several of them beside each other ask no more than one does.
"""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from finn_tui.base import documents, files
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import time_span
from finn_tui.runs.placement import RESUME, Placement

FOLDER = ".schedulers"
_SUFFIX = ".json"


class JobReport(Struct, frozen=True, omit_defaults=True):
    """A job as the scheduler has it.

    Attributes:
        state: the scheduler's word for where it is, such as ``PENDING``.
        phase: what that means: ``waiting``, ``running`` or ``ended``.
        reason: the scheduler's word for why it waits or has ended.
        why: that in plain words.
        position: its place among the jobs that wait, from 1; null where it is not known.
        start (s since the epoch): when it began, or is expected to; null where it is not known.
        end (s since the epoch): when its time limit ends it, or when it ended.
        node: where it runs.
        ended_seen (s since the epoch): when it was first seen to have ended.
        concluded: whether its run has its final state, where it works.
    """

    state: str
    phase: str
    reason: str = ""
    why: str = ""
    position: int | None = None
    start: float | None = None
    end: float | None = None
    node: str = ""
    ended_seen: float | None = None
    concluded: bool = False


class SchedulerReport(Struct, frozen=True, omit_defaults=True):
    """What a scheduler said, and when.

    Attributes:
        asked (s since the epoch): when it was last asked, with or without an answer.
        answered (s since the epoch): when it last answered; 0 if never.
        jobs: the workspace's unfinished jobs by the scheduler's name of them.
        problem: why the last query has no answer, or its accounting none; empty if both have.
        failures: how many queries in a row had a problem.
    """

    asked: float = 0.0
    answered: float = 0.0
    jobs: dict[str, JobReport] = {}
    problem: str = ""
    failures: int = 0


def path_of(runs_dir: Path, host: str) -> Path:
    """Return where the answers of a host's scheduler are kept.

    Args:
        runs_dir: of the workspace.
        host: name in hosts.toml.
    """
    return runs_dir / FOLDER / f"{host}{_SUFFIX}"


@contextlib.contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Be the only one who holds a lock file; False if somebody else does.

    Args:
        path: of the lock file, which is made.

    Raises:
        FinnTuiError: it cannot be made (kind "disk").
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a")
    except OSError as error:
        raise files.not_written(path, error) from error
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError:
            pass  # a file system without locks: nobody is known to hold it
        yield True


@contextlib.contextmanager
def sending(runs_dir: Path, job_name: str) -> Iterator[bool]:
    """Say that the folders of a job are being sent, which may take long, or the job itself.

    Yields whether nobody else is at it.

    Args:
        runs_dir: of the workspace.
        job_name: of the job, see ``Placement``.
    """
    path = _sending_lock(runs_dir, job_name)
    with alone(path) as free:
        try:
            yield free
        finally:
            if free:
                path.unlink(missing_ok=True)


def is_being_sent(runs_dir: Path, job_name: str) -> bool:
    """Return whether a process that lives is sending a job.

    Args:
        runs_dir: of the workspace.
        job_name: of the job, see ``Placement``.
    """
    path = _sending_lock(runs_dir, job_name)
    if not path.exists():
        return False
    with alone(path) as free:
        return not free


def packed_of(runs_dir: Path, job_name: str) -> Path:
    """Return where the folders of a job are kept as one file until they are on their host.

    Args:
        runs_dir: of the workspace.
        job_name: of the job, see ``Placement``.
    """
    return runs_dir / FOLDER / f"{job_name}.tar"


def _sending_lock(runs_dir: Path, job_name: str) -> Path:
    return runs_dir / FOLDER / f"{job_name}.lock"


def read_report(runs_dir: Path, host: str) -> SchedulerReport:
    """Return what a host's scheduler last said; an empty report if it never did.

    Args:
        runs_dir: of the workspace.
        host: name in hosts.toml.
    """
    path = path_of(runs_dir, host)
    try:
        written = path.stat().st_mtime_ns
    except OSError:
        return SchedulerReport()
    # 200 runs of a list have one report.
    known = _reports.get(path)
    if known is not None and known[0] == written:
        return known[1]
    try:
        report = documents.decode(documents.read(path), SchedulerReport, path)
    except (FinnTuiError, FileNotFoundError):
        return SchedulerReport()
    _reports[path] = written, report
    return report


_reports: dict[Path, tuple[int, SchedulerReport]] = {}


def write_report(runs_dir: Path, host: str, report: SchedulerReport) -> None:
    """Keep what a host's scheduler said.

    Args:
        runs_dir: of the workspace.
        host: name in hosts.toml.
        report: what it said.

    Raises:
        FinnTuiError: it cannot be written (kind "disk").
    """
    path = path_of(runs_dir, host)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace(path, msgspec.json.encode(report), durable=False)


def report_of(runs_dir: Path, placement: Placement) -> JobReport | None:
    """Return what the scheduler last said of one job; None if it has not spoken of it yet.

    Args:
        runs_dir: of the workspace.
        placement: of the run that it builds.
    """
    key = placement.job_key
    return None if key is None else read_report(runs_dir, placement.host).jobs.get(key)


def waiting_text(runs_dir: Path, placement: Placement, *, stale: bool = False) -> str:
    """Return why a job does not run and when it is expected to, in plain words.

    Args:
        runs_dir: of the workspace.
        placement: of the run that it builds.
        stale: whether the run has spoken since the scheduler has: that it waits is no longer true.
    """
    host = placement.host
    if placement.unsent or placement.wanted == RESUME:
        if placement.problem is not None:
            return f"not sent to Slurm on {host} yet: {placement.problem.what}"
        sends = placement.unsent and placement.is_mirrored
        return (
            f"its folder is being sent to {host}" if sends else f"not sent to Slurm on {host} yet"
        )
    report = read_report(runs_dir, host)
    one = report_of(runs_dir, placement)
    parts = []
    if one is not None and one.phase == "running":
        parts.append(one.why)
    elif one is not None and one.phase == "ended" and not one.concluded:
        how = one.state.lower().replace("_", " ")
        parts.append(f"its job has ended ({how}); the build's last word is waited for")
    elif one is not None and one.phase == "waiting" and not stale:
        parts.append(one.why or one.reason)
        if one.start is not None and one.start > time.time():
            parts.append(f"expected to start {_when(one.start)}")
    elif one is None and not report.problem:
        parts.append(f"sent to Slurm on {host}")
    if report.problem and report.answered == report.asked:
        parts.append(f"Slurm on {host}: {report.problem[:120]}")
    elif report.problem:
        silent = f" for {time_span(time.time() - report.answered)}" if report.answered else ""
        parts.append(f"Slurm on {host} does not answer{silent}: {report.problem[:80]}")
    return "; ".join(part for part in parts if part)


def _when(moment: float) -> str:
    at = datetime.fromtimestamp(moment, UTC).astimezone()
    today = at.date() == datetime.now(UTC).astimezone().date()
    return f"{at:%H:%M}" if today else f"{at:%Y-%m-%d %H:%M}"
