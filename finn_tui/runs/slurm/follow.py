"""Following the jobs of a workspace: one query for all of them, and what their ends mean."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.protocol import EngineError
from finn_tui.runs import scheduled
from finn_tui.runs.documents import RunState
from finn_tui.runs.folder import RunFolder, list_runs
from finn_tui.runs.placement import RESUME, Placement, read_placement
from finn_tui.runs.scheduled import JobReport, SchedulerReport
from finn_tui.runs.slurm import accounting, commands
from finn_tui.runs.slurm.accounting import Records
from finn_tui.runs.slurm.commands import Job
from finn_tui.runs.slurm.endings import ACCOUNTING_BEHIND, ACCOUNTING_SILENT, meaning
from finn_tui.runs.slurm.host import SlurmHost
from finn_tui.runs.slurm.submit import set_number

#: Seconds between two queries of one scheduler, whoever asks.
TICK_SECONDS = 5.0
#: Seconds between queries of one that does not answer, at most.
_MOST_TICK = 60.0
#: After a job has ended, its last words may take this long to be seen over a network folder.
GRACE_SECONDS = 15.0
#: So many times that if its runner has ended by itself: then there is a last word, and a network
#: folder may show the old one for a minute (acdirmax of NFS).
_PATIENT = 5
#: The accounting hears of ends late where slurmdbd was down; what it never hears of is given up.
BEHIND_SECONDS = 600.0
#: A job that was never seen by its name this long after it was sent does not exist.
UNSEEN_SECONDS = 120.0
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
            if placement is None or placement.wanted == RESUME:
                continue  # its former job says nothing of it any more
            if not run.state().final:
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


def sweep_of(run: RunFolder) -> list[RunFolder]:
    """Return the runs of the sweep that a run is part of, itself among them.

    A sweep that is larger than an array of the cluster has several arrays, and what was resumed
    has a job of its own.

    Args:
        run: one that a job of Slurm builds.
    """
    placement = job_of(run)
    if placement is None or not placement.sweep:
        return [run]
    others = ((other, job_of(other)) for other in list_runs(run.path.parent))
    return [
        other
        for other, job in others
        if job and (job.host, job.sweep) == (placement.host, placement.sweep)
    ]


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
    names = {key: job.job_name for _, job in placements if (key := job.job_key) is not None}
    jobs = await commands.query(host.runner, list(ours))
    unknown = Records()
    if missing := {key: name for key, name in names.items() if key not in jobs}:
        unknown = await _forgotten(host, jobs, missing)
        for key in missing.keys() - jobs.keys():
            old = before.jobs.get(key)
            if old is not None and old.phase == "ended" and old.state != commands.UNKNOWN:
                jobs[key] = _as_seen(key, old)
    places = commands.positions(jobs.values())
    now = time.time()
    reports: dict[str, JobReport] = {}
    for key in ours:
        job = jobs.get(key) or Job(key, commands.UNKNOWN, _why_unknown(key, unknown))
        old = before.jobs.get(key)
        ended_before = old if old is not None and old.phase == "ended" else None
        seen = (ended_before.ended_seen if ended_before is not None else None) or now
        reports[key] = JobReport(
            job.state,
            job.phase,
            job.reason,
            job.why,
            places.get(key),
            job.start,
            job.end,
            job.node or (old.node if old is not None else ""),
            seen if job.phase == "ended" else None,
            job.phase == "ended" and ended_before is not None and ended_before.concluded,
        )
    over = [key for key, one in reports.items() if one.phase == "ended" and not one.concluded]
    if over:
        ended = {key: (ours[key], reports[key]) for key in over}
        due = await asyncio.to_thread(_due, ended, now)
        # squeue does not say who cancelled a job, with which code it ended or what its limit was.
        if bare := {key: names[key] for key in due if key in jobs and not jobs[key].exit}:
            details = await _details(host, bare)
            jobs.update({key: one for key, one in details.items() if one.phase == "ended"})
        for key in await _conclude_all(host, due, jobs):
            reports[key] = msgspec.structs.replace(reports[key], concluded=True)
    if not unknown.silent:
        return SchedulerReport(now, now, reports)
    problem = f"its accounting does not answer: {unknown.silent}"
    return SchedulerReport(now, now, reports, problem, before.failures + 1)


async def _forgotten(host: SlurmHost, jobs: dict[str, Job], missing: Mapping[str, str]) -> Records:
    """Add the jobs that squeue no longer has, as others have them; what the accounting said."""
    recorded = await accounting.records(host.runner, missing)
    jobs.update(recorded.jobs)
    if left := [key for key in missing if key not in jobs]:
        jobs.update(await commands.controlled(host.runner, left))
    return recorded


async def _details(host: SlurmHost, ended: Mapping[str, str]) -> dict[str, Job]:
    """More about jobs that have ended, where somebody has more."""
    recorded = await accounting.records(host.runner, ended)
    jobs = recorded.jobs
    if left := [key for key in ended if key not in jobs]:
        with contextlib.suppress(FinnTuiError):
            jobs.update(await commands.controlled(host.runner, left))
    return jobs


def _why_unknown(key: str, recorded: Records) -> str:
    """Why nobody knows how a job ended, in the place of a reason of Slurm's."""
    if recorded.silent:
        return ACCOUNTING_SILENT
    return ACCOUNTING_BEHIND if key in recorded.unended else ""


def _as_seen(key: str, report: JobReport) -> Job:
    """A job that nobody knows any more, as Slurm had it when it had ended."""
    return Job(key, report.state, report.reason, start=report.start, end=report.end)


def _jobs_of(runs: Sequence[RunFolder]) -> list[tuple[RunFolder, Placement]]:
    return [(run, job) for run in runs if (job := job_of(run)) is not None]


async def _find_unnumbered(host: SlurmHost, runs: Sequence[RunFolder]) -> None:
    """Learn the numbers of jobs whose submission was cut off; one that never was is no job."""
    pairs = await asyncio.to_thread(_jobs_of, runs)
    by_name: dict[str, list[tuple[RunFolder, Placement]]] = {}
    for run, job in pairs:
        if not job.job:
            by_name.setdefault(job.job_name, []).append((run, job))
    for name, members in by_name.items():
        first = members[0][0]
        if await asyncio.to_thread(scheduled.is_being_sent, first.path.parent, name):
            continue
        # Its sender may just have come to its end.
        latest = await asyncio.to_thread(job_of, first)
        if latest is None or latest.job or latest.job_name != name:
            continue
        if latest.unsent and latest.is_mirrored:
            continue  # whoever follows it sends it
        number = await commands.find(host.runner, name)
        same = [run for run, _ in members]
        if number is not None:
            await asyncio.to_thread(set_number, same, number)
            continue
        made = (await asyncio.to_thread(first.state)).heartbeat
        if time.time() - (latest.submitted or made) > UNSEEN_SECONDS:
            error = EngineError(
                "the build was never sent",
                f"Slurm on {host.name} has no job {name}; whoever sent it was cut off.",
                "Build it again: `finn-tui runs retry`.",
                kind="lost",
            )
            # A folder that has not got there is missed by whoever mirrors it.
            with contextlib.suppress(FinnTuiError):
                await host.folders.conclude(same, "lost", error)


def _due(
    ended: Mapping[str, tuple[RunFolder, JobReport]], now: float
) -> dict[str, tuple[RunFolder, JobReport, RunState]]:
    """Those of some jobs that have ended whose runs will not say so themselves any more."""
    due = {}
    for key, (run, report) in ended.items():
        # One whose state cannot be read is shown as damaged.
        with contextlib.suppress(FinnTuiError):
            state = run.state()
            seen = report.ended_seen or now
            if state.final or now - seen < grace(report, state):
                continue
            if state.pid is None and state.heartbeat > seen:
                continue  # it was resumed meanwhile, and has another job
            due[key] = (run, report, state)
    return due


async def _conclude_all(
    host: SlurmHost,
    due: Mapping[str, tuple[RunFolder, JobReport, RunState]],
    jobs: Mapping[str, Job],
) -> list[str]:
    """Write the ends of runs that have not said so themselves; returns the jobs that are done."""
    # What is the same of many is written at once: 200 that were cancelled while they waited.
    alike: dict[tuple[str, EngineError | None], list[str]] = {}
    for key, (run, report, state) in due.items():
        job = jobs.get(key) or Job(key, commands.UNKNOWN, report.reason)
        job = replace(job, node=job.node or report.node)
        if job.ended_by:
            job = replace(job, ended_by=await commands.user_name(host.runner, job.ended_by))
        alike.setdefault(meaning(host.name, job, state, run), []).append(key)
    concluded = []
    for (status, error), keys in alike.items():
        with contextlib.suppress(FinnTuiError, OSError, ValueError):
            states = await host.folders.conclude([due[key][0] for key in keys], status, error)
            concluded += [key for key, one in zip(keys, states, strict=True) if one.final]
    return concluded


def grace(report: JobReport, state: RunState) -> float:
    """Return how long the last word of a job that has ended is waited for, in seconds.

    Args:
        report: of the job.
        state: of its run, as far as the folder shows it.
    """
    if report.state == commands.UNKNOWN and report.reason == ACCOUNTING_SILENT:
        return math.inf
    if report.state == commands.UNKNOWN and report.reason == ACCOUNTING_BEHIND:
        return BEHIND_SECONDS
    if report.state == "COMPLETED" or (report.state == "FAILED" and state.pid is not None):
        return _PATIENT * GRACE_SECONDS
    # One that never ran has nothing to say.
    return GRACE_SECONDS if report.node or report.state == commands.UNKNOWN else 0.0


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
    unknown: FinnTuiError | None = None
    states: dict[RunFolder, RunState] = {}
    for run, job in await asyncio.to_thread(_jobs_of, runs):
        if (await asyncio.to_thread(run.state)).final:
            continue
        if job.job_key is None:
            unknown = FinnTuiError(
                f"{run.id} is not known to Slurm yet",
                f"Its job {job.job_name} was sent, and no answer came.",
                "Try again in a minute.",
                kind="timeout",
            )
        else:
            left[job.job_key] = run
    if left:
        await host.folders.mark_cancelled(list(left.values()))
        await commands.cancel(host.runner, list(left))
        states = await _until_cancelled(host, left)
    if unknown is not None:
        raise unknown
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
        over = [key for key in waiting if key not in jobs or jobs[key].phase == "ended"]
        if over:
            # Whatever their runners had to say, they have said.
            ended = [waiting[key] for key in over]
            states |= zip(ended, await host.folders.conclude(ended, "cancelled", None), strict=True)
        for key in waiting.keys() - over:
            states[waiting[key]] = await asyncio.to_thread(waiting[key].state)
        waiting = {key: run for key, run in waiting.items() if not states[run].final}
        if not waiting:
            break
        await asyncio.sleep(1.0)
    return states
