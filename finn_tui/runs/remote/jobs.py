"""Builds on a cluster that is reached over a line: their folders go there, Slurm starts them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.engine.archive import engine_archive
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import runcontrol, runfiles
from finn_tui.runs import scheduled
from finn_tui.runs.documents import RunState
from finn_tui.runs.folder import RunFolder, list_runs
from finn_tui.runs.launch.launch import BuildRequest, make_folder
from finn_tui.runs.launch.preflight import refused
from finn_tui.runs.placement import (
    CANCEL,
    Placement,
    Stage,
    change_placement,
    read_placement,
)
from finn_tui.runs.remote import send
from finn_tui.runs.remote.launch import check
from finn_tui.runs.remote.link import Link, is_refusal
from finn_tui.runs.remote.mirror_folder import held
from finn_tui.runs.slurm import follow, submit
from finn_tui.runs.slurm.host import SlurmHost, without_slurm


class LinkFolders:
    """Run folders on a host; see ``RunFolders``."""

    def __init__(self, link: Link) -> None:
        """For an open connection."""
        self._link = link

    async def conclude(self, run: RunFolder, status: str, error: EngineError | None) -> RunState:
        """See ``RunFolders``."""
        placement = await asyncio.to_thread(read_placement, run.path)
        assert placement is not None
        answer = await self._link.ask(
            "conclude",
            folder=placement.folder,
            state=status,
            error=error.as_dict() if error is not None else None,
        )
        state = await asyncio.to_thread(run.state_of, dict(answer["state"]))
        # One that has never begun has nothing to be fetched; of the others, whoever follows them
        # writes the state here, once all that belongs to it is here.
        if state.started is None:
            await asyncio.to_thread(runfiles.save_state, str(run.path), state.as_dict())
        return state

    async def mark_cancelled(self, run: RunFolder) -> None:
        """See ``RunFolders``."""
        placement = await asyncio.to_thread(read_placement, run.path)
        assert placement is not None
        await self._link.ask("cancel", folder=placement.folder)


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

    def place(id: str) -> Placement:
        return Placement(host=link.name, folder=f"{there['folder']}/{id}")

    runs = []
    for index, request in enumerate(requests):
        on_progress(_of("run folder", index, len(requests)))
        asked = replace(request, engine=engine, notify="")
        runs.append(await asyncio.to_thread(make_folder, asked, runs_dir, archive, place))
    name = await asyncio.to_thread(submit.place, link.name, runs)
    with scheduled.sending(runs_dir, name):
        try:
            for index, run in enumerate(runs):
                on_progress(_of(f"sending to {link.name}: run folder", index, len(runs)))
                with held(run):
                    await send.upload(run, link)
                (run.path / send.PACKED).unlink(missing_ok=True)
        except FinnTuiError as error:
            await asyncio.to_thread(_not_sent, runs, error)
            raise
        await submit_jobs(link, runs, on_progress)
    return runs


def _of(what: str, index: int, count: int) -> Progress:
    return Progress("build", f"{what} {index + 1} of {count}", index / count)


def _not_sent(runs: Sequence[RunFolder], error: FinnTuiError) -> None:
    """No job was asked for: the runs have failed, here and, as far as they got there, nowhere."""
    reason = EngineError(error.what, error.why, error.fix, kind=str(error.kind))
    for run in runs:
        runcontrol.conclude(str(run.path), "failed", reason)
        change_placement(run.path, stage=Stage.SETTLED)


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
    try:
        await submit.send(slurm_of(link), runs, link.host.engine)
    except FinnTuiError as error:
        # Whether Slurm has it is found out by its name.
        if error.kind is not ErrorKind.TIMEOUT:
            raise
        on_progress(Progress("WARNING", f"{error.what}: {error.why} {error.fix}"))


async def resume(run: RunFolder, step: str, link: Link, on_progress: OnProgress = ignore) -> None:
    """Go on with a run that has ended as another job, in its folder on the host.

    Args:
        run: it has ended.
        step: FINN's name of the step to begin with.
        link: to its host.
        on_progress: told what is going on.

    Raises:
        FinnTuiError: it has not ended there, its folder is gone, or Slurm refuses it.
    """
    placement = await asyncio.to_thread(read_placement, run.path)
    assert placement is not None
    answer = await link.ask("requeue", folder=placement.folder, step=step)
    await asyncio.to_thread(runfiles.save_state, str(run.path), dict(answer["state"]))
    await asyncio.to_thread(submit.place, link.name, [run])
    await submit_jobs(link, [run], on_progress)


async def cancel(runs: Sequence[RunFolder], link: Link) -> list[RunState]:
    """End the jobs of runs; returns the runs' states.

    What is asked for is kept until it is done: a line that breaks does not lose it.

    Args:
        runs: of the host.
        link: to the host.

    Raises:
        FinnTuiError: Slurm refuses, or the line broke.
    """
    for run in runs:
        await asyncio.to_thread(change_placement, run.path, wanted=CANCEL)
    try:
        states = await follow.cancel(slurm_of(link), runs)
    except FinnTuiError as error:
        if is_refusal(error) and not link.transport.is_closed:
            for run in runs:
                await asyncio.to_thread(change_placement, run.path, wanted="")
        raise
    for run in runs:
        await asyncio.to_thread(change_placement, run.path, wanted="")
    return states


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
