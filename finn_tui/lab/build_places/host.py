"""Builds on a host that is reached over a line, or in its container: processes or Slurm's jobs.

Their run folders are there; the workspace has mirrors of them (``runs/remote``).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.hosts import catalogue
from finn_tui.lab.build_places import notice
from finn_tui.lab.build_places.links import HostLinks
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch.rebuild import first_step
from finn_tui.runs.placement import CANCEL, RESUME, change_placement, read_placement
from finn_tui.runs.remote import control, jobs, launch
from finn_tui.runs.remote.follow import Follower
from finn_tui.runs.remote.link import is_refusal

if TYPE_CHECKING:
    from finn_tui.hosts.catalogue import Host
    from finn_tui.runs.documents import RunState
    from finn_tui.runs.launch.clean import Cleanup
    from finn_tui.runs.launch.launch import BuildRequest
    from finn_tui.runs.launch.preflight import Finding
    from finn_tui.runs.remote.link import Link

#: What the preflight looks at on this machine and a build on a host does not need here.
LOCAL_CHECKS = frozenset({"path", "tools", "licence", "place", "disk", "memory"})


class HostMachine:
    """A host whose builds are processes there, or in its container; see ``Place``."""

    takes_arrays = False

    def __init__(self, name: str) -> None:
        """For a host by its name in hosts.toml."""
        self.name = name

    async def check(self, findings: Sequence[Finding], *, rehearse: bool) -> list[Finding]:
        """See ``Place``."""
        async with HostLinks() as hosts, hosts.use(self.name) as link:
            there, _ = await launch.check(link, rehearse=rehearse)
        return [*(one for one in findings if one.id not in LOCAL_CHECKS), *there]

    async def launch(
        self,
        requests: Sequence[BuildRequest],
        runs_dir: Path,
        *,
        force: bool = False,
        on_progress: OnProgress = ignore,
    ) -> list[RunFolder]:
        """See ``Place``."""
        async with HostLinks(on_progress) as hosts, hosts.use(self.name) as link:
            engine = engine_of(link.host)
            own = [replace(request, engine=engine) for request in requests]
            return await self._begin(own, runs_dir, link, force, on_progress)

    async def _begin(
        self,
        requests: Sequence[BuildRequest],
        runs_dir: Path,
        link: Link,
        force: bool,
        on_progress: OnProgress,
    ) -> list[RunFolder]:
        return [
            await launch.launch_on(request, runs_dir, link, force=force, on_progress=on_progress)
            for request in requests
        ]

    async def cancel(self, runs: Sequence[RunFolder]) -> list[RunState]:
        """End runs; where the host does not answer, as soon as they are followed and it does.

        Args:
            runs: one, or those of a job array.

        Raises:
            FinnTuiError: the host or its Slurm does not answer, or what works there cannot be
                ended.
        """
        reached = False
        try:
            async with HostLinks() as hosts, hosts.use(self.name) as link:
                reached = True
                states = await self._end(runs, link)
                await _fetch_ends(runs, hosts, link)
                return states
        except FinnTuiError as error:
            if reached and is_refusal(error):
                raise
            for run in runs:
                if not (await asyncio.to_thread(run.state)).final:
                    await asyncio.to_thread(change_placement, run.path, wanted=CANCEL)
            id, more = runs[0].id, len(runs) - 1
            raise FinnTuiError(
                f"{id}{f' with {more} more' if more else ''} is not cancelled yet: {error.what}",
                error.why,
                # A login, a daemon that is down: what only the user can do comes first.
                (f"{error.fix} " if is_refusal(error) and error.fix else "")
                + f"It is cancelled when {self.name} answers again and the run is followed: by the "
                f"app, or `finn-tui attach {id}`.",
                kind="host",
            ) from error

    async def _end(self, runs: Sequence[RunFolder], link: Link) -> list[RunState]:
        return [await control.cancel(run, link) for run in runs]

    async def resume(
        self,
        run: RunFolder,
        step: str | None,
        *,
        parallel: int,
        notify: str,
        on_progress: OnProgress = ignore,
    ) -> RunFolder:
        """See ``Place``."""
        first = await self._first_step(run, step)
        async with HostLinks(on_progress) as hosts, hosts.use(self.name) as link:
            # The command is one of this machine: whoever sees the end here starts it.
            await self._go_on(run, first, link, bool(notify), on_progress)
        return run

    async def _first_step(self, run: RunFolder, step: str | None) -> str:
        return await first_step(run, step)

    async def _go_on(
        self, run: RunFolder, step: str, link: Link, notify: bool, on_progress: OnProgress
    ) -> None:
        await control.resume(run, step, link, notify=notify)

    def engine_of(self, run: RunFolder) -> EngineSpec:
        """Return the host's own engine, whichever has built the run."""
        return engine_of(catalogue.find(self.name))

    async def clean(self, plan: Cleanup, *, keep_results: bool, dry: bool) -> Cleanup:
        """See ``Place``."""
        async with HostLinks() as hosts, hosts.use(self.name) as link:
            count = await control.clean(plan.run, link, all=keep_results, dry=dry)
        return replace(plan, host_bytes=count)


class HostCluster(HostMachine):
    """A host whose builds are jobs of its Slurm, in run folders that are sent there."""

    takes_arrays = True

    async def check(self, findings: Sequence[Finding], *, rehearse: bool) -> list[Finding]:
        """See ``Place``."""
        # The nodes of a cluster have AMD's tools, not its login node.
        return await super().check(findings, rehearse=True)

    async def _begin(
        self,
        requests: Sequence[BuildRequest],
        runs_dir: Path,
        link: Link,
        force: bool,
        on_progress: OnProgress,
    ) -> list[RunFolder]:
        return await jobs.launch_jobs(
            requests, runs_dir, link, force=force, on_progress=on_progress
        )

    async def _end(self, runs: Sequence[RunFolder], link: Link) -> list[RunState]:
        return await jobs.cancel(runs, link)

    async def _first_step(self, run: RunFolder, step: str | None) -> str:
        placement = await asyncio.to_thread(read_placement, run.path)
        if placement is not None and placement.wanted == RESUME:
            return step or placement.resume_step  # asked for before, and the line broke
        return await super()._first_step(run, step)

    async def _go_on(
        self, run: RunFolder, step: str, link: Link, notify: bool, on_progress: OnProgress
    ) -> None:
        try:
            await jobs.resume(run, step, link, on_progress, notify=notify)
        except FinnTuiError as error:
            if is_refusal(error) and not link.transport.is_closed:
                raise
            raise FinnTuiError(
                f"{run.id} is not resumed yet: {error.what}",
                error.why,
                f"It is resumed when {self.name} answers again and the run is followed: by the "
                f"app, or `finn-tui attach {run.id}`.",
                kind="host",
            ) from error


def engine_of(host: Host) -> EngineSpec:
    """The FINN of a host, as run.json names it."""
    return EngineSpec(host.name, tuple(host.engine))


async def _fetch_ends(runs: Sequence[RunFolder], hosts: HostLinks, link: Link) -> None:
    """Have the mirrors show that runs were ended, as far as that is quickly done."""
    follower = Follower(lambda: runs, hosts.use, on_change=notice.told)
    # What is not fetched now is fetched when they are followed.
    with contextlib.suppress(FinnTuiError, TimeoutError):
        async with asyncio.timeout(10.0):
            # The first look may see an end; the second one then asks for all files.
            for _ in range(2):
                await follower.look(link, runs)
