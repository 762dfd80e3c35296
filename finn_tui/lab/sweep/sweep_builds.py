"""The builds of a series: begun here or sent to a host, and seen to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from finn_tui.base import files
from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, Progress
from finn_tui.lab.sweep.sweep_items import SweepItem, SweepOptions, SweepStatus
from finn_tui.runs.documents import RunState, RunStatus
from finn_tui.runs.folder import RunFolder

if TYPE_CHECKING:
    from finn_tui.lab.workbench import Workbench

#: Seconds between looks at the builds.
_LOOK = 0.5


@asynccontextmanager
async def beginning(lab: Workbench, on_progress: OnProgress) -> AsyncIterator[None]:
    """Keep other series of the workspace from beginning the same builds meanwhile.

    Raises:
        FinnTuiError: no lock can be made in the folder of the runs.
    """
    import filelock

    path = lab.workspace.runs_dir / ".series.lock"
    lock = filelock.AsyncFileLock(path, poll_interval=_LOOK)
    try:
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        try:
            await lock.acquire(timeout=0)
        except filelock.Timeout:
            on_progress(Progress("sweep", "another series of this workspace begins a build"))
            await lock.acquire()
    except OSError as error:
        raise files.not_written(path, error) from error
    try:
        yield
    finally:
        await lock.release()


async def build_one(
    lab: Workbench, item: SweepItem, options: SweepOptions, on_progress: OnProgress
) -> RunFolder:
    """Begin the build of a folding on this machine. Raises ``FinnTuiError`` if it is refused."""
    await lab.price(item.opened, on_progress)
    on_progress(Progress("sweep", f"{item.name}: starting the build"))
    return await lab.build(
        item.opened, rehearse=options.rehearse, seconds=options.seconds, on_progress=on_progress
    )


async def send_all(
    lab: Workbench,
    items: Sequence[SweepItem],
    waiting: Sequence[int],
    options: SweepOptions,
    update: Callable[..., None],
    on_progress: OnProgress,
) -> None:
    """Send what is not built yet to a host: to its Slurm as one job array, else one by one."""
    from finn_tui.lab.boards.driver_consent import remember_own
    from finn_tui.lab.build_places.locate import place_named
    from finn_tui.lab.builds.build_request import request_for

    assert options.on is not None
    indices, requests = [], []
    for index in waiting:
        item = items[index]
        try:
            await lab.price(item.opened, on_progress)
            request = await request_for(
                lab,
                item.opened,
                rehearse=options.rehearse,
                seconds=options.seconds,
                on=options.on,
                on_progress=on_progress,
            )
        except FinnTuiError as error:
            update(index, status=SweepStatus.FAILED, error=error)
        else:
            indices.append(index)
            requests.append(request)
    if not requests:
        return
    place = await asyncio.to_thread(place_named, options.on)
    launches = list(zip(indices, requests, strict=True))
    # Without arrays they wait there for their turn, as builds of this machine do here.
    batches = [launches] if place.takes_arrays else [[launch] for launch in launches]
    for batch in batches:
        try:
            runs = await place.launch(
                [request for _, request in batch], lab.workspace.runs_dir, on_progress=on_progress
            )
        except FinnTuiError as error:
            for index, _ in batch:
                update(index, status=SweepStatus.FAILED, error=error)
            continue
        for (index, _), run in zip(batch, runs, strict=True):
            await asyncio.to_thread(remember_own, run)
            update(index, status=SweepStatus.BUILDING, run=run)


async def as_they_end(
    lab: Workbench, items: Sequence[SweepItem], on_progress: OnProgress
) -> AsyncIterator[int]:
    """Yield the places of foldings whose builds have ended, the first that ends first."""
    from finn_tui.lab.build_places import following

    left = dict(enumerate(items))
    runs_dir = lab.workspace.runs_dir
    async with following.asked(runs_dir), following.mirrored(runs_dir):
        last = ""
        while left:
            ended, text = await asyncio.to_thread(_look_at, left)
            if text and text != last:
                last = text
                on_progress(Progress("sweep", text, 1 - len(left) / len(items)))
            for index in ended:
                del left[index]
                yield index
            if left and not ended:
                await asyncio.sleep(_LOOK)


def _look_at(items: Mapping[int, SweepItem]) -> tuple[list[int], str]:
    """Return which of some builds have ended, and what the others do, in one line."""
    from finn_tui.runs.launch.processes import reconcile

    ended: list[int] = []
    running: list[tuple[str, RunState]] = []
    waiting: list[tuple[str, RunState]] = []
    for index, item in items.items():
        if item.status is not SweepStatus.BUILDING or item.run is None:
            ended.append(index)
            continue
        try:
            state = reconcile(item.run)
        except FinnTuiError:
            ended.append(index)
            continue
        if state.final:
            ended.append(index)
        else:
            (waiting if state.state is RunStatus.QUEUED else running).append((item.name, state))
    parts = [
        f"{name}: {state.step} ({state.step_index} of {state.step_count})"
        if state.step
        else f"{name}: starting"
        for name, state in running[:2]
    ]
    if len(running) > 2:
        parts.append(f"{len(running) - 2} more running")
    if waiting:
        name, state = waiting[0]
        more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
        parts.append(f"{name}{more}: queued, {state.queue_text}" if state.queue_text else "")
    return ended, "; ".join(part for part in parts if part)


def check_built(item: SweepItem, run: RunFolder) -> None:
    """Raise ``FinnTuiError`` unless a build that has ended has succeeded."""
    state = run.state()
    if state.state is not RunStatus.SUCCEEDED:
        raise state.error or FinnTuiError(
            f"the build of {item.name} was {state.state}",
            f"It is {run.id}.",
            f"`finn-tui runs show {run.id}` has more.",
            kind=ErrorKind.FINN,
        )
