"""Which place builds a run, or is meant by a name of hosts.toml."""

from __future__ import annotations

import asyncio

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.hosts import catalogue
from finn_tui.hosts.container import Container
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


def host_of_engine(spec: EngineSpec) -> str | None:
    """Return the host of hosts.toml whose builds are done by an engine; None is this machine.

    Args:
        spec: of the workspace.

    Raises:
        FinnTuiError: it is elsewhere, and no host builds with it.
    """
    if not spec.is_elsewhere:
        return None
    for host in catalogue.hosts().values():
        is_there = host.name == spec.host if spec.host else not host.is_remote
        if is_there and host.engine == spec.command and _is_same(host.container, spec.container):
            return host.name
    container = spec.container
    if spec.host:
        fix = f"Build with the host's own engine: `--on {spec.host}`. Or make `engine"
        if container is not None:
            fix += "` and `container"
        fix += f"` of [{spec.host}] in hosts.toml those of engines.toml."
    else:
        assert container is not None
        what = container.name or container.image
        fix = f"`finn-tui hosts add NAME --here --finn docker:{what}`; builds go there then."
    raise FinnTuiError(
        f"no host builds with the engine {spec.name} ({spec.place})",
        "A build is done where its engine is, and hosts.toml says where builds there have their "
        "files.",
        fix,
        kind="engine",
    )


def _is_same(one: Container | None, other: Container | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.name, one.image) == (other.name, other.image)


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
