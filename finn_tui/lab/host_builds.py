"""Builds on hosts, from the workbench: reaching hosts, starting, following, ending, cleaning.

Which hosts are of Slurm is ``slurm_builds``'s to know; these are the others.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.runs.folder import RunFolder, list_runs
from finn_tui.runs.placement import Placement, is_placed, read_placement

if TYPE_CHECKING:
    from finn_tui.hosts.catalogue import Host
    from finn_tui.hosts.pool import HostPool, OnStatus
    from finn_tui.hosts.ssh.questions import Ask, Secrets
    from finn_tui.hosts.transport import Transport
    from finn_tui.runs.documents import RunState
    from finn_tui.runs.launch.clean import Cleanup
    from finn_tui.runs.launch.launch import BuildRequest
    from finn_tui.runs.launch.preflight import Finding
    from finn_tui.runs.remote.follow import OnChange
    from finn_tui.runs.remote.link import Link

#: What the preflight looks at on this machine and a build on a host does not need here.
LOCAL_CHECKS = frozenset({"path", "tools", "licence", "place", "disk", "memory"})

_kept: list[Secrets] = []


def secrets() -> Secrets:
    """What the user has typed for logins in this process; kept in memory only."""
    # asyncssh takes half a second to import, which only those who build on hosts shall pay.
    from finn_tui.hosts.ssh.questions import Secrets

    if not _kept:
        _kept.append(Secrets())
    return _kept[0]


def ask_with(ask: Ask | None) -> None:
    """Have the user asked for passwords and host keys; None asks nobody."""
    secrets().ask = ask


class HostLinks:
    """The hosts that are reached, one connection each; to be used as a context manager."""

    def __init__(
        self,
        on_progress: OnProgress = ignore,
        on_status: OnStatus = lambda status: None,
    ) -> None:
        """Begin without a connection.

        Args:
            on_progress: told what is waited for.
            on_status: told when a connection has another status.
        """
        self._on_progress = on_progress
        self._on_status = on_status
        self._pool: HostPool | None = None
        self._links: dict[str, tuple[Transport, Link]] = {}

    async def __aenter__(self) -> HostLinks:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @contextlib.asynccontextmanager
    async def use(self, name: str) -> AsyncIterator[Link]:
        """Reach a host; the connection stays open for the next use.

        Args:
            name: in hosts.toml.

        Raises:
            FinnTuiError: there is no such host, or it cannot be reached.
        """
        from finn_tui.hosts import catalogue
        from finn_tui.hosts.pool import HostPool

        host = await asyncio.to_thread(catalogue.find, name)
        if not host.is_remote and host.container is None:
            raise _is_here(host)
        if self._pool is None:
            self._pool = HostPool(
                secrets(), on_progress=self._on_progress, on_status=self._on_status
            )
        async with self._pool.use(host) as transport:
            known = self._links.get(name)
            if known is None or known[0] is not transport or known[1].host != host:
                known = self._links[name] = (transport, await _link(host, transport))
            yield known[1]

    async def close(self) -> None:
        """Close all connections."""
        self._links.clear()
        if self._pool is not None:
            await self._pool.close()
            self._pool = None


async def _link(host: Host, transport: Transport) -> Link:
    """The way to where a host builds: its container, where it has one that runs.

    Raises:
        FinnTuiError: the container does not run, or the host has no docker or podman.
    """
    from finn_tui.hosts.container_transport import open_container
    from finn_tui.hosts.detached import ImageContainers
    from finn_tui.runs.remote.image_link import ImageLink, MachineLink
    from finn_tui.runs.remote.link import Link

    if host.container is None:
        return Link(host, transport)
    if host.slurm is not None:
        return MachineLink(host, transport)
    if host.container.name:
        return Link(host, await open_container(transport, host.container))
    return ImageLink(host, transport, await ImageContainers.of(transport, host.container))


def _is_here(host: Host) -> FinnTuiError:
    return FinnTuiError(
        f"{host.name} is this machine",
        "hosts.toml gives it no address.",
        "Build without --on; a container or Slurm of this machine is a table of its own in "
        "hosts.toml.",
    )


def engine_of(host: Host) -> EngineSpec:
    """The FINN of a host, as run.json names it."""
    return EngineSpec(host.name, tuple(host.engine))


def host_of(run: RunFolder) -> str | None:
    """The host that is asked for a run; None for one of this machine or of Slurm here."""
    placement = read_placement(run.path) if is_placed(run.path) else None
    if placement is None or (placement.shared and placement.job_name):
        return None
    return placement.host


async def check(name: str, *, rehearse: bool) -> list[Finding]:
    """What can be said of a build on a host before it begins, by what the host says.

    Raises:
        FinnTuiError: the host cannot be asked.
    """
    from finn_tui.runs.remote import launch

    async with HostLinks() as hosts, hosts.use(name) as link:
        return (await launch.check(link, rehearse=rehearse))[0]


async def launch(
    name: str,
    request: BuildRequest,
    runs_dir: Path,
    *,
    force: bool = False,
    on_progress: OnProgress = ignore,
) -> RunFolder:
    """Begin a build on a host; see ``runs.remote.launch.launch_on``."""
    from finn_tui.runs.remote.launch import launch_on

    async with HostLinks(on_progress) as hosts, hosts.use(name) as link:
        # The user's command at the end is one of this machine.
        request = replace(request, engine=engine_of(link.host), notify="")
        if link.host.slurm is not None:
            from finn_tui.runs.remote.jobs import launch_jobs

            (run,) = await launch_jobs(
                [request], runs_dir, link, force=force, on_progress=on_progress
            )
            return run
        return await launch_on(request, runs_dir, link, force=force, on_progress=on_progress)


async def cancel(runs: Sequence[RunFolder]) -> list[RunState]:
    """End a run, or those of a job array, where they work; returns their states.

    Raises:
        FinnTuiError: the host or its Slurm does not answer (they are ended as soon as somebody
            follows them and it answers), or what works there cannot be ended.
    """
    from finn_tui.runs.placement import CANCEL, change_placement
    from finn_tui.runs.remote import control, jobs
    from finn_tui.runs.remote.link import is_refusal

    name = host_of(runs[0])
    assert name is not None
    try:
        async with HostLinks() as hosts, hosts.use(name) as link:
            if _is_job(runs[0]):
                states = await jobs.cancel(runs, link)
            else:
                states = [await control.cancel(run, link) for run in runs]
            await _fetch_ends(runs, hosts, link)
            return states
    except FinnTuiError as error:
        if is_refusal(error):
            raise
        for run in runs:
            if not (await asyncio.to_thread(run.state)).final:
                await asyncio.to_thread(change_placement, run.path, wanted=CANCEL)
        id, more = runs[0].id, len(runs) - 1
        raise FinnTuiError(
            f"{id}{f' with {more} more' if more else ''} is not cancelled yet: {error.what}",
            error.why,
            f"It is cancelled when {name} answers again and the run is followed: by the app, or "
            f"`finn-tui attach {id}`.",
            kind="host",
        ) from error


async def _fetch_ends(runs: Sequence[RunFolder], hosts: HostLinks, link: Link) -> None:
    """Have the mirrors show that runs were ended, as far as that is quickly done."""
    from finn_tui.runs.remote.follow import Follower

    follower = Follower(lambda: runs, hosts.use)
    # What is not fetched now is fetched when they are followed.
    with contextlib.suppress(FinnTuiError, TimeoutError):
        async with asyncio.timeout(10.0):
            # The first look may see an end; the second one then asks for all files.
            for _ in range(2):
                await follower.look(link, runs)


async def resume(run: RunFolder, step: str, on_progress: OnProgress = ignore) -> RunFolder:
    """Go on with a run at a step, in its folder on its host.

    Raises:
        FinnTuiError: its host cannot be reached, or nothing is left of that step there.
    """
    from finn_tui.runs.remote import control, jobs

    name = host_of(run)
    assert name is not None
    async with HostLinks(on_progress) as hosts, hosts.use(name) as link:
        if _is_job(run):
            await jobs.resume(run, step, link, on_progress)
        else:
            await control.resume(run, step, link)
    return run


def _is_job(run: RunFolder) -> bool:
    """Whether a scheduler's job has built a run."""
    placement = read_placement(run.path)
    return placement is not None and bool(placement.job_name)


async def retry(run: RunFolder, parallel: int, on_progress: OnProgress = ignore) -> RunFolder:
    """Build what a run was asked for again, in a new run on the same host.

    Args:
        run: a build on a host.
        parallel: how many builds run at once there.
        on_progress: told what is going on.

    Raises:
        FinnTuiError: as ``launch``; or the model was cleaned out of the old folder.
    """
    from finn_tui.hosts import catalogue
    from finn_tui.runs.launch.rebuild import retry_request

    name = host_of(run)
    assert name is not None
    host = await asyncio.to_thread(catalogue.find, name)
    request = await asyncio.to_thread(retry_request, run, engine=engine_of(host), parallel=parallel)
    return await launch(name, request, run.path.parent, on_progress=on_progress)


async def clean(plan: Cleanup, *, keep_results: bool, dry: bool) -> Cleanup:
    """Remove what a run has left on its host; for one of this machine, nothing.

    Args:
        plan: what is removed of its mirror.
        keep_results: remove the whole run folder there; otherwise only working files.
        dry: measure only.

    Returns:
        the plan with the bytes on the host.

    Raises:
        FinnTuiError: its host cannot be reached, or the run has not ended there.
    """
    from finn_tui.runs.remote import control

    name = await asyncio.to_thread(host_of, plan.run)
    if name is None:
        return plan
    async with HostLinks() as hosts, hosts.use(name) as link:
        count = await control.clean(plan.run, link, all=keep_results, dry=dry)
    return replace(plan, host_bytes=count)


async def fetch_log(run: RunFolder, log: Path) -> None:
    """Fetch what was left out of a large log.

    Args:
        run: on a host.
        log: its mirror here.

    Raises:
        FinnTuiError: its host cannot be reached, or the log is not there any more.
    """
    from finn_tui.runs.remote.mirror import Mirror

    placement = await asyncio.to_thread(read_placement, run.path)
    name = host_of(run)
    assert name is not None and placement is not None
    async with HostLinks() as hosts, hosts.use(name) as link:
        path = log.relative_to(run.path).as_posix()
        await Mirror(run).fetch_whole(await link.files(), placement.folder, path)


async def look(runs: Sequence[RunFolder], seconds: float = 10.0) -> list[FinnTuiError]:
    """Look at runs on their hosts now; returns why some could not be looked at.

    Args:
        runs: any; those of this machine and those that have settled are left alone.
        seconds: that it may take.
    """
    from finn_tui.runs.remote.follow import Follower, placed_runs

    problems: list[FinnTuiError] = []

    async def one(host: str, some: Sequence[RunFolder]) -> None:
        try:
            async with asyncio.timeout(seconds), hosts.use(host) as link:
                follower = Follower(lambda: some, hosts.use)
                await follower.look(link, some)
                # An end is shown once everything that belongs to it is here.
                while ended := follower.ended():
                    read = follower.read
                    await follower.look(link, ended)
                    if (follower.read, follower.ended()) == (read, ended):
                        break  # another finn-tui is at it, or the disk here is full
        except FinnTuiError as error:
            problems.append(error)
        except TimeoutError:
            text = f"{host} has not answered within {seconds:g} s"
            problems.append(FinnTuiError(text, "", "What is shown is what was last heard."))

    by_host = await asyncio.to_thread(placed_runs, runs)
    if by_host:
        async with HostLinks() as hosts:
            await asyncio.gather(*(one(host, some) for host, some in by_host.items()))
    return problems


@contextlib.asynccontextmanager
async def mirrored(
    runs_dir: Path, only: RunFolder | None = None, on_change: OnChange | None = None
) -> AsyncIterator[None]:
    """Keep the mirrors of runs on hosts up to date while the block works.

    Args:
        runs_dir: of the workspace.
        only: follow this run; None follows all.
        on_change: told of a run that was looked at, or could not be.
    """
    if only is not None and host_of(only) is None:
        yield
        return
    task = asyncio.create_task(keep_mirrors(runs_dir, only, on_change))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def keep_mirrors(
    runs_dir: Path,
    only: RunFolder | None = None,
    on_change: OnChange | None = None,
    on_status: OnStatus = lambda status: None,
) -> None:
    """Follow runs on hosts until it is cancelled; see ``mirrored``."""
    from finn_tui.runs.remote.follow import Follower

    def runs() -> list[RunFolder]:
        return [only] if only is not None else list_runs(runs_dir)

    def tell(run: RunFolder, placement: Placement) -> None:
        if on_change is not None:
            on_change(run, placement)

    async with HostLinks(on_status=on_status) as hosts:
        await Follower(runs, hosts.use, on_change=tell).for_ever()
