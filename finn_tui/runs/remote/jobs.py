"""Builds on a cluster that is reached over a line: their folders go there, Slurm starts them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from msgspec.structs import replace as replace_struct

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.engine.archive import engine_archive
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.runs import runcontrol, runfiles
from finn_tui.runs import scheduled
from finn_tui.runs.documents import RunState, RunStatus
from finn_tui.runs.folder import RunFolder, list_runs
from finn_tui.runs.launch.launch import BuildRequest, make_folder
from finn_tui.runs.launch.preflight import refused
from finn_tui.runs.placement import (
    CANCEL,
    RESUME,
    Placement,
    Stage,
    change_placement,
    placing,
    read_placement,
)
from finn_tui.runs.remote import control, resuming, series
from finn_tui.runs.remote.launch import check
from finn_tui.runs.remote.link import LONG_SECONDS, Link, is_refusal
from finn_tui.runs.slurm import follow, submit
from finn_tui.runs.slurm.host import SlurmHost, without_slurm

#: Why what is to be done for some runs could not be done.
Problems = dict[RunFolder, FinnTuiError]


class LinkFolders:
    """Run folders on a host; see ``RunFolders``."""

    def __init__(self, link: Link) -> None:
        """For an open connection."""
        self._link = link

    async def conclude(
        self, runs: Sequence[RunFolder], status: str, error: EngineError | None
    ) -> list[RunState]:
        """See ``RunFolders``; of a run whose folder is not there, the state as it is here."""
        answer = await self._link.ask(
            "conclude_many",
            seconds=LONG_SECONDS,
            folders=await asyncio.to_thread(_folders, runs),
            state=status,
            error=error.as_dict() if error is not None else None,
        )
        states = []
        for run, document in zip(runs, answer["states"], strict=True):
            if document is None:
                states.append(await asyncio.to_thread(run.state))
                continue
            state = await asyncio.to_thread(run.state_of, dict(document))
            # One that has never begun has nothing to be fetched; of the others, whoever follows
            # them writes the state here, once all that belongs to it is here.
            if state.started is None:
                await asyncio.to_thread(runfiles.save_state, str(run.path), state.as_dict())
            states.append(state)
        return states

    async def mark_cancelled(self, runs: Sequence[RunFolder]) -> None:
        """See ``RunFolders``."""
        folders = await asyncio.to_thread(_folders, runs)
        await self._link.ask("mark_cancelled", seconds=LONG_SECONDS, folders=folders)


def _folders(runs: Sequence[RunFolder]) -> list[str]:
    placements = [read_placement(run.path) for run in runs]
    return [placement.folder for placement in placements if placement is not None]


def slurm_of(link: Link) -> SlurmHost:
    """Return the Slurm of a host that is reached.

    Args:
        link: to the host.

    Raises:
        FinnTuiError: hosts.toml gives it none.
    """
    host = link.host
    if host.slurm is None:
        raise without_slurm(host.name)
    return SlurmHost(
        host.name,
        link.transport,
        host.slurm,
        host.setup,
        host.env,
        LinkFolders(link),
        host.container,
    )


async def launch_jobs(
    requests: Sequence[BuildRequest],
    runs_dir: Path,
    link: Link,
    *,
    force: bool = False,
    on_progress: OnProgress = ignore,
) -> list[RunFolder]:
    """Send builds to a host and its Slurm, several of them as one job array.

    Args:
        requests: what to build.
        runs_dir: of the workspace.
        link: to the host, whose folder the cluster's nodes share.
        force: begin even where the disk there is likely to be too small.
        on_progress: told what is going on.

    Returns:
        The runs in the order of the requests; their folders are mirrors of those there.

    Raises:
        FinnTuiError: the host cannot be asked, or Slurm refuses the jobs.
    """
    on_progress(Progress("build", f"looking at {link.name}"))
    # The nodes have AMD's tools, not the login node.
    judged, there = await check(link, rehearse=True)
    refusal = refused(judged, force)
    if refusal is not None:
        raise refusal
    archive = await asyncio.to_thread(engine_archive)
    engine = EngineSpec(link.name, tuple(link.host.engine))

    name = submit.new_name()
    runs: list[RunFolder] = []
    at = Placement(
        host=link.name,
        folder=there["folder"],
        job_name=name,
        notify=any(request.notify for request in requests),
    )
    with scheduled.sending(runs_dir, name):
        try:
            for index, request in enumerate(requests):
                on_progress(_of("run folder", index, len(requests)))
                asked = replace(request, engine=engine)
                place = placing(at, index if len(requests) > 1 else None)
                run = await asyncio.to_thread(make_folder, asked, runs_dir, archive, place)
                runs.append(run)
                await asyncio.to_thread(submit.mark, run)
            await _deliver(link, runs, on_progress)
        except FinnTuiError as error:
            if is_refusal(error) and not link.transport.is_closed:
                await asyncio.to_thread(_not_sent, runs, error)
                raise
            text = f"{error.what}: what is there is kept, and {_count(runs)} sent further when it "
            on_progress(Progress("WARNING", f"{text}is followed: finn-tui attach {runs[0].id}"))
    return runs


def _count(runs: Sequence[RunFolder]) -> str:
    return "the build is" if len(runs) == 1 else f"the sweep of {len(runs)} builds is"


def _of(what: str, index: int, count: int) -> Progress:
    return Progress("build", f"{what} {index + 1} of {count}", index / count)


def _not_sent(runs: Sequence[RunFolder], error: FinnTuiError) -> None:
    """No job was asked for: the runs have failed, here and, as far as they got there, nowhere."""
    reason = EngineError(error.what, error.why, error.fix, kind=str(error.kind))
    for run in runs:
        runcontrol.conclude(str(run.path), "failed", reason)
        change_placement(run.path, stage=Stage.SETTLED)


async def _deliver(link: Link, runs: Sequence[RunFolder], on_progress: OnProgress) -> None:
    """Send the folders of a job, as far as they are not there, then ask for it."""
    await series.upload(runs, link, on_progress)
    await _submit_wanted(link, runs, on_progress)


async def _submit_wanted(link: Link, runs: Sequence[RunFolder], on_progress: OnProgress) -> None:
    """Ask for the job of runs whose folders are there, but for those that are cancelled."""
    left: list[RunFolder] = []
    cancelled: list[RunFolder] = []
    for run in runs:
        placement = await asyncio.to_thread(read_placement, run.path)
        final = (await asyncio.to_thread(run.state)).final
        gone = final or (placement is not None and placement.wanted == CANCEL)
        (cancelled if gone else left).append(run)
    if cancelled:
        # Meanwhile, by somebody else; they are not part of the array.
        await LinkFolders(link).conclude(cancelled, "cancelled", None)
        for run in cancelled:
            if (await asyncio.to_thread(run.state)).final:
                nothing = {"wanted": "", "stage": Stage.SETTLED}
                await asyncio.to_thread(partial(change_placement, run.path, **nothing))
            else:
                await asyncio.to_thread(control.never_sent, run)
    if left:
        await submit_jobs(link, left, on_progress)


async def send_unsent(
    link: Link, runs: Sequence[RunFolder], on_progress: OnProgress = ignore
) -> Problems:
    """Go on with jobs whose folders a broken line has left half sent, each on its own.

    Args:
        link: to the host.
        runs: of that host; those of another process that is at it are left alone.
        on_progress: told what is going on.

    Returns:
        Why some could not be sent; those that Slurm refuses have failed.

    Raises:
        FinnTuiError: the line broke again.
    """
    problems: Problems = {}
    for name in await asyncio.to_thread(_unsent_names, runs):
        runs_dir = runs[0].path.parent
        members: list[RunFolder] = []
        try:
            with link.transport.translated(), scheduled.sending(runs_dir, name) as alone:
                # All of the job's, whichever of them is followed here.
                members = await asyncio.to_thread(_unsent_of, runs_dir, name) if alone else []
                if members:
                    await _deliver(link, members, on_progress)
        except FinnTuiError as error:
            if link.transport.is_closed:
                raise
            problems.update(dict.fromkeys(members, error))
    return problems


def _unsent_names(runs: Sequence[RunFolder]) -> list[str]:
    placements = [read_placement(run.path) for run in runs]
    unsent = [one.job_name for one in placements if one is not None and one.is_to_be_sent]
    return list(dict.fromkeys(unsent))


def _unsent_of(runs_dir: Path, job_name: str) -> list[RunFolder]:
    members: list[tuple[int, RunFolder]] = []
    for run in list_runs(runs_dir):
        with contextlib.suppress(FinnTuiError):
            placement = read_placement(run.path)
            if placement is not None and placement.job_name == job_name and placement.unsent:
                members.append((placement.array_index or 0, run))
    return [run for _, run in sorted(members, key=lambda member: member[0])]


async def submit_jobs(
    link: Link, runs: Sequence[RunFolder], on_progress: OnProgress = ignore
) -> None:
    """Ask a host's Slurm for the job of runs whose folders are there.

    Args:
        link: to the host.
        runs: all those of the job, in their order.
        on_progress: told what is going on.

    Raises:
        FinnTuiError: Slurm refuses it; the runs have failed then.
    """
    on_progress(Progress("build", f"asking Slurm on {link.name} for the job"))
    await submit.send_told(slurm_of(link), runs, link.host.engine, on_progress)


async def resume(
    run: RunFolder,
    step: str,
    link: Link,
    on_progress: OnProgress = ignore,
    *,
    notify: bool = False,
) -> None:
    """Go on with a run that has ended as another job, in its folder on the host.

    What is asked for is kept until it is done: a line that breaks does not lose it.

    Args:
        run: it has ended.
        step: FINN's name of the step to begin with.
        link: to its host.
        on_progress: told what is going on.
        notify: whether the user's command is to be started at its end.

    Raises:
        FinnTuiError: it has not ended there, its folder is gone, Slurm refuses it, or the line
            broke.
    """
    before = await asyncio.to_thread(run.state)
    await asyncio.to_thread(resuming.ask_for, run, step, notify)
    try:
        await _go_on(link, run, on_progress)
    except FinnTuiError as error:
        if before.final and is_refusal(error) and not link.transport.is_closed:
            await asyncio.to_thread(resuming.take_back, run, before)
        raise


async def _go_on(link: Link, run: RunFolder, on_progress: OnProgress = ignore) -> None:
    """Resume a run of which this is asked for, as far as it is not done."""
    placement = await asyncio.to_thread(read_placement, run.path)
    if placement is None or placement.wanted != RESUME:
        return
    with scheduled.sending(run.path.parent, placement.resume_name) as alone:
        # Otherwise another finn-tui is at it, or it was cancelled before this one was.
        if alone and await asyncio.to_thread(_is_wanted, run, RESUME):
            await resuming.requeue(slurm_of(link), link, run)
            await _submit_wanted(link, [run], on_progress)


async def cancel(runs: Sequence[RunFolder], link: Link) -> list[RunState]:
    """End the jobs of runs; returns the runs' states.

    What is asked for is kept until it is done: a line that breaks does not lose it.

    Args:
        runs: of the host.
        link: to the host.

    Raises:
        FinnTuiError: Slurm refuses, or the line broke.
    """
    sent: list[RunFolder] = []
    for run in runs:
        placement = await asyncio.to_thread(change_placement, run.path, wanted=CANCEL)
        if placement.resume_name:
            if scheduled.is_being_sent(run.path.parent, placement.resume_name):
                continue  # whoever resumes it looks at what is wanted before Slurm is asked
            # Its folder may be queued there for a job that was not asked for yet.
            (state,) = await LinkFolders(link).conclude([run], "cancelled", None)
            if not state.final and state.job:
                # Another finn-tui's job works on it: that is what is to be ended.
                await asyncio.to_thread(resuming.take_up, run, state, placement.job_name)
                sent.append(run)
                continue
            if not state.final:
                state = replace_struct(state, state=RunStatus.CANCELLED, ended=runfiles.now())
            await asyncio.to_thread(resuming.take_back, run, state)
        elif not placement.unsent:
            sent.append(run)
        elif not scheduled.is_being_sent(run.path.parent, placement.job_name):
            await asyncio.to_thread(control.never_sent, run)
        # Whoever sends it looks at what is wanted before Slurm is asked.
    states: dict[RunFolder, RunState] = {}
    if sent:
        try:
            states = dict(zip(sent, await follow.cancel(slurm_of(link), sent), strict=True))
        except FinnTuiError as error:
            if is_refusal(error) and not link.transport.is_closed:
                for run in sent:
                    await asyncio.to_thread(change_placement, run.path, wanted="")
            raise
        for run in sent:
            await asyncio.to_thread(change_placement, run.path, wanted="")
    return [states[run] if run in states else await asyncio.to_thread(run.state) for run in runs]


async def catch_up(link: Link, runs: Sequence[RunFolder]) -> Problems:
    """Do what a broken line has left undone of a host's jobs: end, resume and send them.

    Args:
        link: to the host.
        runs: those of ``undone``.

    Returns:
        Why it was not done for some, which hold back no others.

    Raises:
        FinnTuiError: the line broke.
    """
    problems: Problems = {}
    wanted = [run for run in runs if await asyncio.to_thread(_is_wanted, run, CANCEL)]
    unnumbered = [run for run in wanted if await asyncio.to_thread(_is_unnumbered, run)]
    # Those whose number is not known yet have to wait for it; the others all end at once.
    for some in ([run for run in wanted if run not in unnumbered], unnumbered):
        try:
            await cancel(some, link)
        except FinnTuiError as error:
            if link.transport.is_closed:
                raise
            problems.update(dict.fromkeys(some, error))
    for run in [run for run in runs if await asyncio.to_thread(_is_wanted, run, RESUME)]:
        try:
            with link.transport.translated():
                await _go_on(link, run)
        except FinnTuiError as error:
            if link.transport.is_closed:
                raise
            problems[run] = error
    return problems | await send_unsent(link, runs)


def undone(runs: Sequence[RunFolder]) -> list[RunFolder]:
    """Return the runs whose jobs a broken line has left unsent, not ended or not resumed.

    Args:
        runs: of a host.
    """
    placements = [(run, read_placement(run.path)) for run in runs]
    return [
        run
        for run, one in placements
        if one is not None and (one.is_to_be_sent or (one.job_name and one.wanted))
    ]


def _is_unnumbered(run: RunFolder) -> bool:
    placement = read_placement(run.path)
    return placement is not None and not placement.job


def _is_wanted(run: RunFolder, what: str) -> bool:
    placement = read_placement(run.path)
    return placement is not None and placement.wanted == what


async def ask_scheduler(link: Link, runs: Sequence[RunFolder]) -> None:
    """Ask a host's Slurm about the jobs among runs, if it was not asked a moment ago.

    Args:
        link: to the host.
        runs: of that host that have not settled.

    Raises:
        FinnTuiError: what it said cannot be written (kind "disk").
    """
    if link.host.slurm is None or not runs:
        return
    runs_dir = runs[0].path.parent
    if not await asyncio.to_thread(follow.is_due, runs_dir, link.name, follow.TICK_SECONDS):
        return
    # All of the workspace's, whichever of them is followed here: others read the answer, too.
    jobs = await asyncio.to_thread(lambda: follow.unfinished(list_runs(runs_dir)))
    if jobs.get(link.name):
        await follow.refresh(slurm_of(link), runs_dir, jobs[link.name], follow.TICK_SECONDS)
