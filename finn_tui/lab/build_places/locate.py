"""Which place builds a run, or is meant by a name of hosts.toml."""

from __future__ import annotations

import asyncio

from finn_tui.base.progress import OnProgress, ignore
from finn_tui.hosts import catalogue
from finn_tui.lab.build_places.host import HostCluster, HostMachine
from finn_tui.lab.build_places.place import Place
from finn_tui.lab.build_places.shared_cluster import SharedCluster
from finn_tui.lab.build_places.this_machine import ThisMachine
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch import rebuild
from finn_tui.runs.placement import read_placement


def place_named(name: str | None) -> Place:
    """Return where builds go that are sent to a host.

    Args:
        name: in hosts.toml; None for this machine.

    Raises:
        FinnTuiError: there is no such host.
    """
    if name is None:
        return ThisMachine()
    host = catalogue.find(name)
    if host.slurm is None:
        return HostMachine(name)
    return HostCluster(name) if host.is_remote else SharedCluster(name)


def place_of(run: RunFolder) -> Place:
    """Return where a run works, as its placement says.

    Args:
        run: which.

    Raises:
        FinnTuiError: its placement.json is broken.
    """
    placement = read_placement(run.path)
    if placement is None:
        return ThisMachine()
    if not placement.job_name:
        return HostMachine(placement.host)
    return SharedCluster(placement.host) if placement.shared else HostCluster(placement.host)


async def retry(
    run: RunFolder, *, parallel: int, notify: str, on_progress: OnProgress = ignore
) -> RunFolder:
    """Build what a run was asked for again, in a new run where hosts.toml now has its place.

    Args:
        run: which.
        parallel: how many builds of the workspace run at once.
        notify: the user's command at the end of a build on this machine; empty for none.
        on_progress: told what is going on.

    Raises:
        FinnTuiError: as ``Place.launch``; or the model was cleaned out of the old folder.
    """
    place = await asyncio.to_thread(place_of, run)
    if place.name is None:
        return await rebuild.retry(run, parallel=parallel, notify=notify, on_progress=on_progress)
    engine = await asyncio.to_thread(place.engine_of, run)
    request = await asyncio.to_thread(
        rebuild.retry_request, run, engine=engine, parallel=parallel, notify=notify
    )
    place = await asyncio.to_thread(place_named, place.name)
    (new_run,) = await place.launch([request], run.path.parent, on_progress=on_progress)
    return new_run
