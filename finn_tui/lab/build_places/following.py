"""Following runs that work elsewhere: their hosts and schedulers are asked, all in one place."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts.remote_files import together
from finn_tui.lab.build_places import notice
from finn_tui.lab.build_places.links import HostLinks
from finn_tui.lab.build_places.shared_cluster import connected
from finn_tui.runs import scheduled
from finn_tui.runs.folder import RunFolder, list_runs
from finn_tui.runs.placement import Placement, is_mirrored, read_placement
from finn_tui.runs.slurm import follow
from finn_tui.runs.slurm.host import OwnFolders

if TYPE_CHECKING:
    from finn_tui.runs.remote.follow import OnChange


#: What a host that is reached is asked for; a Python on a network disk takes seconds to start.
_ANSWER_SECONDS = 20.0


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
    assert placement is not None
    async with HostLinks() as hosts, hosts.use(placement.host) as link:
        path = log.relative_to(run.path).as_posix()
        await Mirror(run).fetch_whole(await link.files(), placement.folder, path)


async def look(runs: Sequence[RunFolder], seconds: float = 10.0) -> list[FinnTuiError]:
    """Look at runs on their hosts now; returns why some could not be looked at.

    Args:
        runs: any; those of this machine and those that have settled are left alone.
        seconds: that reaching a host may take; one that is reached has longer.
    """
    from finn_tui.runs.remote.follow import Follower, placed_runs

    problems: list[FinnTuiError] = []

    async def one(host: str, some: Sequence[RunFolder]) -> None:
        reached = False
        try:
            async with asyncio.timeout(seconds) as limit, hosts.use(host) as link:
                reached = True
                limit.reschedule(asyncio.get_running_loop().time() + _ANSWER_SECONDS)
                follower = Follower(lambda: some, hosts.use, on_change=notice.told)
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
            text = f"{host} cannot be reached within {seconds:g} s"
            if reached:
                text = f"{host} has not answered all within {_ANSWER_SECONDS:g} s"
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
    if only is not None and not is_mirrored(only.path):
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
) -> None:
    """Follow runs on hosts until it is cancelled; see ``mirrored``."""
    from finn_tui.runs.remote.follow import Follower

    def runs() -> list[RunFolder]:
        return [only] if only is not None else list_runs(runs_dir)

    def tell(run: RunFolder, placement: Placement) -> None:
        notice.told(run, placement)
        if on_change is not None:
            on_change(run, placement)

    async with HostLinks() as hosts:
        await Follower(runs, hosts.use, on_change=tell).for_ever()


async def refresh(
    runs_dir: Path,
    tick: float = follow.TICK_SECONDS,
    hosts: HostLinks | None = None,
    seconds: float | None = None,
) -> None:
    """Ask each scheduler that has jobs of a workspace, if it was not asked a moment ago.

    A host that cannot be reached changes nothing: its jobs go on. Those whose run folders are on
    a host are asked for by whoever mirrors them.

    Args:
        runs_dir: of the workspace.
        tick: seconds between two queries of one scheduler.
        hosts: connections that stay open.
        seconds: that a scheduler may take; None leaves it the time that its commands have.
    """

    async def ask(name: str, runs: Sequence[RunFolder]) -> None:
        if not await asyncio.to_thread(follow.is_due, runs_dir, name, tick):
            return
        try:
            with _in_time(seconds):
                async with asyncio.timeout(seconds), connected(name, hosts) as host:
                    await follow.refresh(host, runs_dir, runs, tick)
                    # Their runners were to start the user's command, and could not.
                    assert isinstance(host.folders, OwnFolders)
                    for run in host.folders.concluded:
                        await asyncio.to_thread(notice.start, run)
        except FinnTuiError as error:
            before = await asyncio.to_thread(scheduled.read_report, runs_dir, name)
            report = follow.silent(before, error)
            # A disk that cannot be written is told by whatever wants to write to it.
            with contextlib.suppress(FinnTuiError):
                await asyncio.to_thread(scheduled.write_report, runs_dir, name, report)

    # One that hangs keeps no other from being asked.
    by_host = await asyncio.to_thread(_unfinished, runs_dir)
    await together(ask(name, runs) for name, runs in by_host.items())


@contextlib.contextmanager
def _in_time(seconds: float | None) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        why = f"no answer within {seconds:g} s"
        raise FinnTuiError("Slurm does not answer", why, kind="timeout") from error


def _unfinished(runs_dir: Path) -> dict[str, list[RunFolder]]:
    by_host = follow.unfinished(list_runs(runs_dir))
    own = {
        name: [run for run in runs if not is_mirrored(run.path)] for name, runs in by_host.items()
    }
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
