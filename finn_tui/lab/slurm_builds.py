"""Builds as jobs of a host's Slurm: sending them from the workbench, and following them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.lab import host_builds
from finn_tui.lab.host_builds import HostLinks, host_of
from finn_tui.runs import scheduled
from finn_tui.runs.folder import RunFolder, list_runs
from finn_tui.runs.placement import Placement
from finn_tui.runs.slurm import follow, submit
from finn_tui.runs.slurm.host import SlurmHost, without_slurm

if TYPE_CHECKING:
    from finn_tui.runs.documents import RunState
    from finn_tui.runs.launch.launch import BuildRequest

#: What the preflight looks at on this machine and a job does elsewhere.
ELSEWHERE = frozenset({"tools", "licence", "memory"})


@contextlib.asynccontextmanager
async def connected(name: str, hosts: HostLinks | None = None) -> AsyncIterator[SlurmHost]:
    """A host's Slurm, to talk to, for runs whose folders are the workspace's own.

    Args:
        name: in hosts.toml.
        hosts: connections that stay open; None makes one where the host is another machine.

    Raises:
        FinnTuiError: there is no such host, it has no Slurm, or it cannot be reached.
    """
    from finn_tui.hosts import catalogue
    from finn_tui.hosts.local import LocalTransport

    host = await asyncio.to_thread(catalogue.find, name)
    if host.slurm is None:
        raise without_slurm(name)
    slurm = SlurmHost(name, LocalTransport(), host.slurm, host.setup, host.env)
    if not host.is_remote:
        yield slurm
    elif hosts is not None:
        async with hosts.use(name) as link:
            yield replace(slurm, runner=link.transport)
    else:
        async with HostLinks() as links, links.use(name) as link:
            yield replace(slurm, runner=link.transport)


def is_slurm(name: str) -> bool:
    """Return whether builds on a host are jobs of Slurm.

    Args:
        name: in hosts.toml.

    Raises:
        FinnTuiError: there is no such host.
    """
    from finn_tui.hosts import catalogue

    return catalogue.find(name).slurm is not None


def is_remote(name: str) -> bool:
    """Return whether a host is another machine than this one.

    Args:
        name: in hosts.toml.

    Raises:
        FinnTuiError: there is no such host.
    """
    from finn_tui.hosts import catalogue

    return catalogue.find(name).is_remote


async def send(
    name: str,
    requests: Sequence[BuildRequest],
    runs_dir: Path,
    *,
    force: bool = False,
    on_progress: OnProgress = ignore,
) -> list[RunFolder]:
    """Send builds to a host's Slurm, several of them as one job array.

    Args:
        name: of the host.
        requests: what to build, all by one engine.
        runs_dir: of the workspace, on a disk that the cluster's nodes share unless the host is
            another machine: then the folders are sent there.
        force: begin even where the disk there is likely to be too small.
        on_progress: gets what is going on.

    Returns:
        The runs in the order of the requests.

    Raises:
        FinnTuiError: Slurm refuses them; their runs have failed then.
    """
    from finn_tui.hosts import catalogue
    from finn_tui.runs.launch.launch import queued_build

    entry = await asyncio.to_thread(catalogue.find, name)
    if entry.slurm is None:
        raise without_slurm(name)
    if entry.is_remote:
        from finn_tui.runs.remote.jobs import launch_jobs

        async with HostLinks(on_progress) as hosts, hosts.use(name) as link:
            return await launch_jobs(requests, runs_dir, link, force=force, on_progress=on_progress)

    def place(id: str) -> Placement:
        return Placement(host=name, folder=str(runs_dir / id), shared=True)

    async with connected(name) as host:
        runs = []
        for index, request in enumerate(requests):
            share = index / len(requests)
            on_progress(Progress("build", f"run folder {index + 1} of {len(requests)}", share))
            run = await asyncio.to_thread(queued_build, request, runs_dir, place)
            runs.append(run)
        on_progress(Progress("build", f"sending {_count(len(runs))} to Slurm on {name}"))
        command = entry.engine or requests[0].engine.command
        try:
            await asyncio.to_thread(submit.place, name, runs)
            await submit.send(host, runs, command, notify=requests[0].notify)
        except FinnTuiError as error:
            if error.kind is not ErrorKind.TIMEOUT:
                raise
            on_progress(Progress("WARNING", f"{error.what}: {error.why} {error.fix}"))
    return runs


def _count(runs: int) -> str:
    return "a job" if runs == 1 else f"an array of {runs} jobs"


async def resume(
    run: RunFolder, step: str | None, notify: str = "", on_progress: OnProgress = ignore
) -> RunFolder:
    """Go on with a run that has ended as another job, in its folder.

    Args:
        run: one that a job of Slurm has built.
        step: FINN's name of the step to begin with; None for the one that it ended in.
        notify: the user's command at the end of the build; empty for none.
        on_progress: gets what is going on.

    Raises:
        FinnTuiError: nothing is left to go on from, or Slurm refuses it.
    """
    from finn_tui.engine.server import scheduled as scheduled_runs
    from finn_tui.runs.launch import rebuild

    placement = await asyncio.to_thread(follow.job_of, run)
    assert placement is not None
    async with connected(placement.host) as host:
        first = await rebuild.first_step(run, step)
        engine = await asyncio.to_thread(_engine, placement.host, run)
        on_progress(Progress("build", f"sending {run.id} to Slurm, from {first}"))
        await asyncio.to_thread(rebuild.requeue, run, first)
        await asyncio.to_thread(scheduled_runs.unmark_cancelled, str(run.path))
        await asyncio.to_thread(submit.place, placement.host, [run])
        await submit.send(host, [run], engine, notify=notify)
    return run


async def retry(run: RunFolder, notify: str = "", on_progress: OnProgress = ignore) -> RunFolder:
    """Build the same again as another job, in a new run folder.

    Args:
        run: one that a job of Slurm has built.
        notify: the user's command at the end of the build; empty for none.
        on_progress: gets what is going on.

    Raises:
        FinnTuiError: its model was cleaned away, or Slurm refuses it.
    """
    from finn_tui.runs.launch.rebuild import retry_request

    placement = await asyncio.to_thread(follow.job_of, run)
    assert placement is not None
    request = await asyncio.to_thread(retry_request, run, notify=notify)
    (new_run,) = await send(placement.host, [request], run.path.parent, on_progress=on_progress)
    return new_run


def _engine(name: str, run: RunFolder) -> tuple[str, ...]:
    from finn_tui.hosts import catalogue
    from finn_tui.runs.launch.rebuild import engine_of

    return tuple(catalogue.find(name).engine) or engine_of(run).command


async def cancel(runs: Sequence[RunFolder]) -> list[RunState]:
    """End the jobs of runs, all of one host; returns their states.

    Raises:
        FinnTuiError: Slurm refuses or does not answer; see ``host_builds.cancel``.
    """
    placement = await asyncio.to_thread(follow.job_of, runs[0])
    assert placement is not None
    if host_of(runs[0]) is None:
        async with connected(placement.host) as host:
            return await follow.cancel(host, runs)
    return await host_builds.cancel(runs)


def array_of(run: RunFolder) -> list[RunFolder]:
    """Return the runs of the job array that a run is part of, itself among them.

    Args:
        run: one that a job of Slurm builds.
    """
    placement = follow.job_of(run)
    if placement is None:
        return [run]
    others = ((other, follow.job_of(other)) for other in list_runs(run.path.parent))
    return [other for other, job in others if job and job.job_name == placement.job_name]


async def refresh(
    runs_dir: Path, tick: float = follow.TICK_SECONDS, hosts: HostLinks | None = None
) -> None:
    """Ask each scheduler that has jobs of a workspace, if it was not asked a moment ago.

    A host that cannot be reached changes nothing: its jobs go on. Those whose run folders are on
    a host are asked for by whoever mirrors them.

    Args:
        runs_dir: of the workspace.
        tick: seconds between two queries of one scheduler.
        hosts: connections that stay open.
    """
    by_host = await asyncio.to_thread(_unfinished, runs_dir)
    for name, runs in by_host.items():
        if not await asyncio.to_thread(follow.is_due, runs_dir, name, tick):
            continue
        try:
            async with connected(name, hosts) as host:
                await follow.refresh(host, runs_dir, runs, tick)
        except FinnTuiError as error:
            before = await asyncio.to_thread(scheduled.read_report, runs_dir, name)
            report = follow.silent(before, error)
            # A disk that cannot be written is told by whatever wants to write to it.
            with contextlib.suppress(FinnTuiError):
                await asyncio.to_thread(scheduled.write_report, runs_dir, name, report)


def _unfinished(runs_dir: Path) -> dict[str, list[RunFolder]]:
    by_host = follow.unfinished(list_runs(runs_dir))
    own = {name: [run for run in runs if host_of(run) is None] for name, runs in by_host.items()}
    return {name: runs for name, runs in own.items() if runs}


async def keep_asking(runs_dir: Path) -> None:
    """Ask the schedulers again and again, until it is cancelled.

    Args:
        runs_dir: of the workspace.
    """
    async with HostLinks() as hosts:
        while True:
            await refresh(runs_dir, hosts=hosts)
            await asyncio.sleep(follow.TICK_SECONDS)


@contextlib.asynccontextmanager
async def asked(runs_dir: Path) -> AsyncIterator[None]:
    """Keep what schedulers say up to date while the block works.

    Args:
        runs_dir: of the workspace.
    """
    task = asyncio.create_task(keep_asking(runs_dir))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
