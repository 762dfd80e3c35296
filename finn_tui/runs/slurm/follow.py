"""Following the jobs of a workspace: one query for all of them, and what their ends mean."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import time_span
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import runfiles
from finn_tui.engine.server import scheduled as scheduled_runs
from finn_tui.runs import scheduled
from finn_tui.runs.documents import RunState
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.placement import Placement, read_placement
from finn_tui.runs.scheduled import JobReport, SchedulerReport
from finn_tui.runs.slurm import commands
from finn_tui.runs.slurm.commands import Job
from finn_tui.runs.slurm.host import SlurmHost
from finn_tui.runs.slurm.submit import set_number

#: Seconds between two queries of one scheduler, whoever asks.
TICK_SECONDS = 5.0
#: Seconds between queries of one that does not answer, at most.
_MOST_TICK = 60.0
#: After a job has ended, its last words may take this long to be seen over a network folder.
GRACE_SECONDS = 15.0
#: A job that was never seen by its name this long after it was sent does not exist.
_UNSEEN_SECONDS = 120.0
CANCEL_SECONDS = 45.0


def unfinished(runs: Sequence[RunFolder]) -> dict[str, list[RunFolder]]:
    """Return the runs that jobs of schedulers build and that have not ended, by host.

    Args:
        runs: of a workspace.
    """
    by_host: dict[str, list[RunFolder]] = {}
    for run in runs:
        # One that cannot be read is shown as damaged elsewhere.
        with contextlib.suppress(FinnTuiError):
            placement = job_of(run)
            if placement is not None and not run.state().final:
                by_host.setdefault(placement.host, []).append(run)
    return by_host


def job_of(run: RunFolder) -> Placement | None:
    """Return where a run's job waits or runs; None for a run that no scheduler has.

    Args:
        run: which.
    """
    try:
        placement = read_placement(run.path)
    except FinnTuiError:
        return None
    return placement if placement is not None and placement.job_name else None


def is_due(runs_dir: Path, host: str, tick: float = TICK_SECONDS) -> bool:
    """Return whether it is time to ask a host's scheduler again; less often if it is silent.

    Args:
        runs_dir: of the workspace.
        host: name in hosts.toml.
        tick: seconds between two queries.
    """
    report = scheduled.read_report(runs_dir, host)
    wait = min(_MOST_TICK, tick * 2 ** min(report.failures, 10)) if report.failures else tick
    # A clock that was set back must not stop it.
    return not 0 <= time.time() - report.asked < wait


async def refresh(
    host: SlurmHost, runs_dir: Path, runs: Sequence[RunFolder], tick: float = TICK_SECONDS
) -> None:
    """Ask a host's Slurm once for all jobs, keep the answer, and conclude runs whose jobs ended.

    Returns at once if somebody has just asked or is asking. A Slurm that does not answer is no
    error: its jobs go on, and that it is silent is kept with what it said last.

    Args:
        host: whose Slurm.
        runs_dir: of the workspace.
        runs: those of this host that have not ended, see ``unfinished``.
        tick: seconds between two queries.

    Raises:
        FinnTuiError: the answer cannot be written (kind "disk").
    """
    if not await asyncio.to_thread(is_due, runs_dir, host.name, tick):
        return
    lock = scheduled.path_of(runs_dir, host.name).with_suffix(".lock")
    with scheduled.alone(lock) as alone:
        # Somebody may have asked since.
        if not alone or not await asyncio.to_thread(is_due, runs_dir, host.name, tick):
            return
        before = await asyncio.to_thread(scheduled.read_report, runs_dir, host.name)
        try:
            report = await _ask(host, runs, before)
        except FinnTuiError as error:
            report = silent(before, error)
        await asyncio.to_thread(scheduled.write_report, runs_dir, host.name, report)


def silent(before: SchedulerReport, error: FinnTuiError) -> SchedulerReport:
    """Return what is known of jobs whose scheduler has just not answered.

    Args:
        before: what it said last.
        error: why it did not.
    """
    said = error.why or error.what
    return SchedulerReport(time.time(), before.answered, before.jobs, said, before.failures + 1)


async def _ask(
    host: SlurmHost, runs: Sequence[RunFolder], before: SchedulerReport
) -> SchedulerReport:
    """Ask for all jobs; a second query only for those whose end squeue does not explain."""
    await _find_unnumbered(host, runs)
    placements = await asyncio.to_thread(_jobs_of, runs)
    ours = {key: run for run, job in placements if (key := job.job_key) is not None}
    jobs = await commands.query(host.runner, list(ours))
    missing = [key for key in ours if key not in jobs]
    if missing:
        jobs.update(await commands.ended(host.runner, missing))
    places = commands.positions(jobs.values())
    now = time.time()
    reports: dict[str, JobReport] = {}
    for key in ours:
        job = jobs.get(key) or Job(key, "UNKNOWN")
        old = before.jobs.get(key)
        ended_before = old if old is not None and old.phase == "ended" else None
        seen = (ended_before.ended_seen if ended_before is not None else None) or now
        reports[key] = JobReport(
            job.state,
            job.phase,
            job.reason,
            _why(job),
            places.get(key),
            job.start,
            job.end,
            job.node or (old.node if old is not None else ""),
            seen if job.phase == "ended" else None,
            job.phase == "ended" and ended_before is not None and ended_before.concluded,
        )
    over = [key for key, one in reports.items() if one.phase == "ended" and not one.concluded]
    if over:
        codes = {key: jobs[key].exit for key in over if key in jobs}
        ended = {key: (ours[key], reports[key]) for key in over}
        for key in await _conclude_all(host, ended, codes, now):
            reports[key] = msgspec.structs.replace(reports[key], concluded=True)
    return SchedulerReport(now, now, reports)


def _why(job: Job) -> str:
    """Why a job waits, in plain language; empty for one that does not."""
    if job.phase != "waiting":
        return ""
    # Slurm gives a start before it gives a reason.
    return "Slurm has planned its start" if job.reason == "None" and job.start else job.why


def _jobs_of(runs: Sequence[RunFolder]) -> list[tuple[RunFolder, Placement]]:
    return [(run, job) for run in runs if (job := job_of(run)) is not None]


async def _find_unnumbered(host: SlurmHost, runs: Sequence[RunFolder]) -> None:
    """Learn the numbers of jobs whose submission was cut off before Slurm's answer came."""
    pairs = await asyncio.to_thread(_jobs_of, runs)
    by_name: dict[str, list[tuple[RunFolder, Placement]]] = {}
    for run, job in pairs:
        if not job.job:
            by_name.setdefault(job.job_name, []).append((run, job))
    for name, members in by_name.items():
        runs_dir = members[0][0].path.parent
        if await asyncio.to_thread(scheduled.is_being_sent, runs_dir, name):
            continue
        number = await commands.find(host.runner, name)
        same = [run for run, _ in members]
        if number is not None:
            await asyncio.to_thread(set_number, same, number)
        elif time.time() - members[0][1].submitted > _UNSEEN_SECONDS:
            error = EngineError(
                "the build was never sent",
                f"Slurm on {host.name} has no job {name}; whoever sent it was cut off.",
                "Build it again: `finn-tui runs retry`.",
                kind="lost",
            )
            for run in same:
                # A folder that has not got there is missed by whoever mirrors it.
                with contextlib.suppress(FinnTuiError):
                    await host.folders.conclude(run, "lost", error)


async def _conclude_all(
    host: SlurmHost,
    ended: Mapping[str, tuple[RunFolder, JobReport]],
    codes: Mapping[str, str],
    now: float,
) -> list[str]:
    """Write the ends of runs that have not said so themselves; returns the jobs that are done."""
    concluded = []
    for key, (run, report) in ended.items():
        # One whose state cannot be read is shown as damaged.
        with contextlib.suppress(FinnTuiError, OSError, ValueError):
            state = await asyncio.to_thread(run.state)
            if state.final or now - (report.ended_seen or now) < grace(report):
                continue
            if state.pid is None and state.heartbeat > (report.ended_seen or now):
                continue  # it was resumed meanwhile, and has another job
            status, error = meaning(host.name, key, report, codes.get(key, ""), state, run)
            if (await host.folders.conclude(run, status, error)).final:
                concluded.append(key)
    return concluded


def grace(report: JobReport) -> float:
    """Return how long the last word of a job that has ended is waited for, in seconds.

    Args:
        report: of the job.
    """
    # One that never ran has nothing to say.
    return GRACE_SECONDS if report.node or report.state == "UNKNOWN" else 0.0


def meaning(
    host: str, key: str, report: JobReport, code: str, state: RunState, run: RunFolder
) -> tuple[str, EngineError | None]:
    """Return what the end of a job means for its run, which has not said so itself.

    Args:
        host: name in hosts.toml.
        key: what Slurm calls the job.
        report: of the job.
        code: its exit code and signal, as ``1:0``; empty where not known.
        state: of the run, as its runner left it.
        run: its folder.
    """
    if report.state == "CANCELLED" or scheduled_runs.is_cancelled(str(run.path)):
        return "cancelled", None
    where = f"in {state.step}" if state.step else "before its first step"
    node = f" on {report.node}" if report.node else ""
    resume = f"`finn-tui runs resume {run.id}` goes on where its steps got to."
    table = f"the table [{host}.slurm] of hosts.toml"
    job = f"job {key} of Slurm on {host}"
    ran = ""
    if report.start is not None and report.end is not None and report.end > report.start:
        ran = f" after {time_span(report.end - report.start)}"
    if report.state in ("TIMEOUT", "DEADLINE"):
        return "failed", EngineError(
            "the time limit of the job was reached",
            f"Slurm ended {job}{node}{ran}, {where}.",
            f"Give it more time (time in {table}). {resume}",
            kind="tools",
        )
    if report.state == "OUT_OF_MEMORY":
        return "failed", EngineError(
            "the build used more memory than its job was given",
            f"Slurm ended {job}{node}{ran}, {where}.",
            f"Give it more memory (memory in {table}). {resume}",
            kind="tools",
        )
    if report.state in ("NODE_FAIL", "BOOT_FAIL"):
        return "lost", EngineError(
            f"the node {report.node or 'of the build'} failed",
            f"It took {job} with it{ran}, {where}.",
            resume,
            kind="lost",
        )
    if report.state in ("PREEMPTED", "REVOKED"):
        return "lost", EngineError(
            "another job took the place of the build",
            f"Slurm preempted {job}{node}{ran}, {where}, and does not start it again by itself.",
            resume,
            kind="lost",
        )
    if report.state == "UNKNOWN":
        return "lost", EngineError(
            "Slurm no longer knows the job of the build",
            f"J{job[1:]} is in neither its queue nor its accounting; the build was last "
            f"heard of {where}. How it ended is not known.",
            resume,
            kind="lost",
        )
    tail = ""
    with contextlib.suppress(OSError):
        tail = (run.path / runfiles.LOG).read_bytes()[-2000:].decode("utf-8", "replace").strip()
    code_text = f" with exit code and signal {code}" if code else ""
    return "failed", EngineError(
        "the job ended without a result",
        f"J{job[1:]} is {report.state}{code_text}{node}{ran}; the build said nothing, {where}.",
        f"Look at its log: `finn-tui logs {run.id}`. The engine's Python and the run folder must "
        f"be there on the nodes of the cluster, too.",
        kind="engine",
        detail=tail,
    )


async def cancel(host: SlurmHost, runs: Sequence[RunFolder]) -> list[RunState]:
    """End the jobs of runs and return the runs' states; those that have ended stay as they are.

    Args:
        host: whose Slurm.
        runs: of that host.

    Raises:
        FinnTuiError: Slurm refuses or does not answer.
    """
    await _find_unnumbered(host, runs)
    left: dict[str, RunFolder] = {}
    states: dict[RunFolder, RunState] = {}
    for run, job in await asyncio.to_thread(_jobs_of, runs):
        if (await asyncio.to_thread(run.state)).final:
            continue
        if job.job_key is None:
            raise FinnTuiError(
                f"{run.id} is not known to Slurm yet",
                f"Its job {job.job_name} was sent, and no answer came.",
                "Try again in a minute.",
                kind="tools",
            )
        left[job.job_key] = run
    if left:
        for run in left.values():
            await host.folders.mark_cancelled(run)
        await commands.cancel(host.runner, list(left))
        states = await _until_cancelled(host, left)
    return [states[run] if run in states else await asyncio.to_thread(run.state) for run in runs]


async def _until_cancelled(
    host: SlurmHost, left: Mapping[str, RunFolder]
) -> dict[RunFolder, RunState]:
    """Wait for the last words of runs whose jobs are being ended; write them for the silent."""
    waiting = dict(left)
    states: dict[RunFolder, RunState] = {}
    deadline = time.monotonic() + CANCEL_SECONDS
    while time.monotonic() < deadline:
        jobs = await commands.query(host.runner, list(waiting))
        for key, run in list(waiting.items()):
            job = jobs.get(key)
            if job is None or job.phase == "ended":
                # Whatever its runner had to say, it has said.
                states[run] = await host.folders.conclude(run, "cancelled", None)
            else:
                states[run] = await asyncio.to_thread(run.state)
            if states[run].final:
                del waiting[key]
        if not waiting:
            break
        await asyncio.sleep(1.0)
    return states
