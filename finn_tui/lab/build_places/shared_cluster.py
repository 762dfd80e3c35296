"""Builds as jobs of a Slurm whose nodes see the workspace: the run folders are the workspace's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.engine.server.runs import scheduled as scheduled_runs
from finn_tui.hosts import catalogue
from finn_tui.hosts.local import LocalTransport
from finn_tui.lab.build_places.links import HostLinks
from finn_tui.runs import scheduled
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch import rebuild
from finn_tui.runs.launch.launch import queued_build
from finn_tui.runs.placement import Placement, placing
from finn_tui.runs.slurm import follow, submit
from finn_tui.runs.slurm.host import SlurmHost, without_slurm

if TYPE_CHECKING:
    from finn_tui.engine.catalogue import EngineSpec
    from finn_tui.runs.documents import RunState
    from finn_tui.runs.launch.clean import Cleanup
    from finn_tui.runs.launch.launch import BuildRequest
    from finn_tui.runs.launch.preflight import Finding

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
    host = await asyncio.to_thread(catalogue.find, name)
    if host.slurm is None:
        raise without_slurm(name)
    slurm = SlurmHost(
        name, LocalTransport(), host.slurm, host.setup, host.env, container=host.container
    )
    if not host.is_remote:
        yield slurm
    elif hosts is not None:
        async with hosts.use(name) as link:
            yield replace(slurm, runner=link.transport)
    else:
        async with HostLinks() as links, links.use(name) as link:
            yield replace(slurm, runner=link.transport)


class SharedCluster:
    """A Slurm of this machine; see ``Place``."""

    takes_arrays = True

    def __init__(self, name: str) -> None:
        """For a host by its name in hosts.toml."""
        self.name = name

    async def check(self, findings: Sequence[Finding], *, rehearse: bool) -> list[Finding]:
        """See ``Place``."""
        return [finding for finding in findings if finding.id not in ELSEWHERE]

    async def launch(
        self,
        requests: Sequence[BuildRequest],
        runs_dir: Path,
        *,
        force: bool = False,
        on_progress: OnProgress = ignore,
    ) -> list[RunFolder]:
        """Send builds to Slurm, several of them as one job array.

        Args:
            requests: what to build, all by one engine.
            runs_dir: of the workspace, on a disk that the cluster's nodes share.
            force: makes no difference: nobody knows the disks of the nodes.
            on_progress: gets what is going on.

        Returns:
            The runs in the order of the requests.

        Raises:
            FinnTuiError: Slurm refuses them; their runs have failed then.
        """
        name = submit.new_name()
        entry = await asyncio.to_thread(catalogue.find, self.name)
        command = entry.engine or requests[0].engine.command
        # A job's from the beginning: nobody who sees it takes it for a run of a host.
        at = Placement(host=self.name, folder=str(runs_dir), shared=True, job_name=name)
        count = len(requests)
        runs: list[RunFolder] = []
        async with connected(self.name) as host:
            with scheduled.sending(runs_dir, name):
                try:
                    for index, request in enumerate(requests):
                        text = f"run folder {index + 1} of {count}"
                        on_progress(Progress("build", text, index / count))
                        place = placing(at, index if count > 1 else None)
                        run = await asyncio.to_thread(queued_build, request, runs_dir, place)
                        runs.append(run)
                        await asyncio.to_thread(submit.mark, run)
                except FinnTuiError as error:
                    # What cannot be written now is seen by whoever follows the runs.
                    with contextlib.suppress(FinnTuiError, OSError):
                        await submit.not_taken(host, runs, error)
                    raise
                on_progress(Progress("build", f"sending {_count(count)} to Slurm on {self.name}"))
                await submit.send_told(host, runs, command, on_progress, notify=requests[0].notify)
        return runs

    async def cancel(self, runs: Sequence[RunFolder]) -> list[RunState]:
        """See ``Place``."""
        async with connected(self.name) as host:
            return await follow.cancel(host, runs)

    async def resume(
        self,
        run: RunFolder,
        step: str | None,
        *,
        parallel: int,
        notify: str,
        on_progress: OnProgress = ignore,
    ) -> RunFolder:
        """Go on with a run that has ended as another job; see ``Place``."""
        async with connected(self.name) as host:
            first = await rebuild.first_step(run, step)
            engine = await asyncio.to_thread(self._command, run)
            on_progress(Progress("build", f"sending {run.id} to Slurm, from {first}"))
            await asyncio.to_thread(rebuild.requeue, run, first)
            await asyncio.to_thread(scheduled_runs.unmark_cancelled, str(run.path))
            await asyncio.to_thread(submit.place, self.name, [run])
            await submit.send_told(host, [run], engine, on_progress, notify=notify)
        return run

    def _command(self, run: RunFolder) -> tuple[str, ...]:
        return tuple(catalogue.find(self.name).engine) or rebuild.engine_of(run).command

    def engine_of(self, run: RunFolder) -> EngineSpec:
        """See ``Place``."""
        return rebuild.engine_of(run)

    async def clean(self, plan: Cleanup, *, keep_results: bool, dry: bool) -> Cleanup:
        """Return the plan: all that a run leaves is in its folder."""
        return plan


def _count(runs: int) -> str:
    return "a job" if runs == 1 else f"an array of {runs} jobs"
