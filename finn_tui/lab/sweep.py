"""A series of foldings: each is built, deployed, measured and validated, one after the other.

What is on disk already is not done again: a run that has built the same folding of the same model
is taken, and so are its figures of the same board. A series that was broken off goes on where it
was, and builds that run meanwhile are followed.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.core.editor import Editor
from finn_tui.core.folding import finn_json
from finn_tui.core.folding.model import Folding
from finn_tui.lab import saved_foldings
from finn_tui.lab.opened import Opened
from finn_tui.lab.plans import build_outlook, plan_build
from finn_tui.runs.documents import RunStatus
from finn_tui.runs.folder import RunFolder, missed_text

if TYPE_CHECKING:
    from finn_tui.lab.workbench import Workbench

#: Targets that are tried for a front of which some points are taken.
_FRONT = 24
#: Seconds between looks at a build.
_LOOK = 0.5


class SweepStatus(StrEnum):
    """Where one folding of a series stands."""

    WAITING = "waiting"
    BUILDING = "building"
    BUILT = "built"
    MEASURING = "measuring"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class SweepItem:
    """A folding of a series.

    Attributes:
        name: what it is called.
        opened: the model with it.
        status: how far it is.
        run: the run that builds it, or has built it; None before there is one.
        reused: whether that run was there already.
        error: why it has failed.
    """

    name: str
    opened: Opened
    status: SweepStatus = SweepStatus.WAITING
    run: RunFolder | None = None
    reused: bool = False
    error: FinnTuiError | None = None

    def as_json(self) -> dict[str, Any]:
        """The folding as ``sweep --json`` gives it."""
        estimate = self.opened.editor.estimate
        return {
            "folding": self.name,
            "ii_cycles": estimate.ii_cycles,
            "status": self.status,
            "run": self.run.id if self.run is not None else None,
            "reused": self.reused,
            "error": self.error.as_dict() if self.error is not None else None,
        }


@dataclass(frozen=True)
class SweepOptions:
    """How a series is done.

    Attributes:
        board: the machine to measure on; None only builds.
        rehearse: with stand-ins for AMD's tools; None takes the workspace's setting.
        seconds: how long the stand-ins take for each build.
        batch, limit: as of the board's ``throughput`` and ``validate``.
        allow_missed_clock: measure a bitstream that misses its clock, too.
    """

    board: str | None = None
    rehearse: bool | None = None
    seconds: float | None = None
    batch: int | None = None
    limit: int | None = None
    allow_missed_clock: bool = False


OnItem = Callable[[int, SweepItem], None]


def _untold(index: int, item: SweepItem) -> None:
    pass


def with_folding(opened: Opened, folding: Folding, name: str) -> Opened:
    """Return a model opened with another folding; the first is left as it is."""
    editor = opened.editor
    other = Editor(
        editor.design,
        editor.tables,
        editor.device,
        editor.clock_ns,
        folding,
        folding,
        name,
        editor.costs,
    )
    return replace(opened, editor=other)


def named(lab: Workbench, opened: Opened, names: Sequence[str]) -> list[SweepItem]:
    """Return foldings that are named as FOLDING is.

    Args:
        lab: the workspace.
        opened: the model.
        names: of the foldings; one that is named twice counts once.

    Raises:
        FinnTuiError: there is none of a name, or it is not legal.
    """
    items = []
    for name in dict.fromkeys(names):
        folding, _ = lab.read_folding(opened, name)
        title = saved_foldings.title(name)
        items.append(SweepItem(title, with_folding(opened, folding, title)))
    return items


async def pareto(
    lab: Workbench, opened: Opened, count: int, on_progress: OnProgress = ignore
) -> list[SweepItem]:
    """Return points of the Pareto front, saved as foldings of the workspace.

    Args:
        lab: the workspace.
        opened: the model.
        count: how many; from the fastest that fits to slower ones, in equal ratios of the II.
        on_progress: gets what the solver does.

    Raises:
        FinnTuiError: nothing fits, or the solver ended.
    """
    from finn_tui.lab.solver import requests
    from finn_tui.lab.solver.options import SolveOptions

    front = await requests.front(
        lab, opened, SolveOptions(), _FRONT, setfolding=False, on_progress=on_progress
    )
    points = {point.result.ii_cycles: point for point in front.points}
    items = []
    for cycles in spread(sorted(points), count):
        folding = points[cycles].folding
        name = _save(lab, opened, folding, f"{opened.model.name}-ii{cycles}")
        items.append(SweepItem(name, with_folding(opened, folding, name)))
    return items


def spread(values: Sequence[int], count: int) -> list[int]:
    """Return some of the values, the first of them and others in about equal ratios.

    The slow end of a front is worth little: half of the range of ratios is covered.
    """
    if len(values) <= count:
        return list(values)
    least, most = math.log(values[0]), math.log(values[-1])
    chosen: list[int] = []
    for index in range(count):
        wanted = least + index * (most - least) / (2 * max(1, count - 1))
        rest = [value for value in values if value not in chosen]
        chosen.append(min(rest, key=lambda value: abs(math.log(value) - wanted)))
    return sorted(chosen)


def _save(lab: Workbench, opened: Opened, folding: Folding, stem: str) -> str:
    """Save a folding under a name that no other folding has; returns the name."""
    document = finn_json.to_json(opened.design, folding)
    number = 1
    while True:
        name = stem if number == 1 else f"{stem}-{number}"
        if name not in lab.workspace.foldings():
            model = (opened.model.title, opened.model.content)
            lab.workspace.save_folding(name, document, model)
            return name
        if saved_foldings.document(lab.workspace, opened.model, name) == document:
            return name
        number += 1


def look(lab: Workbench, items: Sequence[SweepItem], options: SweepOptions) -> list[SweepItem]:
    """Return the foldings of a series as the disk has them; reads every run.

    Args:
        lab: the workspace.
        items: the series.
        options: how it is done.
    """
    runs = lab.runs()
    parallel = lab.workspace.settings.parallel_builds
    looked = []
    for item in items:
        plan = plan_build(lab.workspace, item.opened, options.rehearse)
        outlook = build_outlook(plan, runs, parallel)
        by_id = {run.id: run for run in runs}
        built, building = by_id.get(outlook.built), by_id.get(outlook.building)
        if built is not None:
            status = SweepStatus.DONE if _measured(built, options.board) else SweepStatus.BUILT
            looked.append(replace(item, status=status, run=built, reused=True))
        elif building is not None:
            looked.append(replace(item, status=SweepStatus.BUILDING, run=building, reused=True))
        else:
            looked.append(replace(item, status=SweepStatus.WAITING))
    return looked


def _measured(run: RunFolder, board: str | None) -> bool:
    """Whether a run has throughput and accuracy of a board, or none is asked for."""
    if board is None:
        return True
    try:
        results = run.results()
    except FinnTuiError:
        return False
    parts = [results.get(name) or {} for name in ("throughput", "accuracy")]
    return all(part.get("board") == board for part in parts)


async def sweep(
    lab: Workbench,
    items: Sequence[SweepItem],
    options: SweepOptions,
    on_item: OnItem = _untold,
    on_progress: OnProgress = ignore,
) -> list[SweepItem]:
    """Do a series; one folding that fails does not stop the others.

    Args:
        lab: the workspace.
        items: the foldings, see ``named`` and ``pareto``.
        options: how it is done.
        on_item: told of each folding that has changed, with its place.
        on_progress: gets what is going on.

    Returns:
        The foldings as they are at the end.
    """
    current = await asyncio.to_thread(look, lab, items, options)

    def update(index: int, **changes: Any) -> None:
        current[index] = replace(current[index], **changes)
        on_item(index, current[index])

    for index, item in enumerate(current):
        on_item(index, item)
    # All builds are begun at once: they wait for their turn in the queue of builds, which goes on
    # when this process is ended.
    for index, item in enumerate(current):
        if item.status is SweepStatus.WAITING:
            try:
                run = await _build(lab, item, options, on_progress)
            except FinnTuiError as error:
                update(index, status=SweepStatus.FAILED, error=error)
            else:
                update(index, status=SweepStatus.BUILDING, run=run)
    for index in range(len(current)):
        await _finish(
            lab, current[index], options, lambda i=index, **c: update(i, **c), on_progress
        )
    return current


async def _build(
    lab: Workbench, item: SweepItem, options: SweepOptions, on_progress: OnProgress
) -> RunFolder:
    await lab.price(item.opened, on_progress)
    on_progress(Progress("sweep", f"{item.name}: starting the build"))
    return await lab.build(
        item.opened, rehearse=options.rehearse, seconds=options.seconds, on_progress=on_progress
    )


async def _finish(
    lab: Workbench,
    item: SweepItem,
    options: SweepOptions,
    update: Callable[..., None],
    on_progress: OnProgress,
) -> None:
    """Wait for a build, then measure it."""
    run = item.run
    if run is None or item.status in (SweepStatus.DONE, SweepStatus.FAILED):
        return
    try:
        if item.status is SweepStatus.BUILDING:
            await _wait(item, run, on_progress)
        if options.board is None:
            update(status=SweepStatus.DONE)
            return
        missed = await asyncio.to_thread(run.clock_missed_ns)
        if missed is not None and not options.allow_missed_clock:
            raise FinnTuiError(
                f"{item.name}: {missed_text(missed)}",
                "The board may compute wrong results, so that it was not measured.",
                "Give --yes to measure it, or build with a longer clock period (--clock-ns).",
            )
        update(status=SweepStatus.MEASURING)
        await _measure(lab, item, run, options, on_progress)
    except FinnTuiError as error:
        update(status=SweepStatus.FAILED, error=error)
    else:
        update(status=SweepStatus.DONE)


async def _wait(item: SweepItem, run: RunFolder, on_progress: OnProgress) -> None:
    """Wait until a build has ended.

    Raises:
        FinnTuiError: it did not succeed.
    """
    async for text in _steps(run):
        on_progress(Progress("sweep", f"{item.name}: {text}"))
    state = await asyncio.to_thread(run.state)
    if state.state is not RunStatus.SUCCEEDED:
        raise state.error or FinnTuiError(
            f"the build of {item.name} was {state.state}",
            f"It is {run.id}.",
            f"`finn-tui runs show {run.id}` has more.",
            kind=ErrorKind.FINN,
        )


async def _steps(run: RunFolder) -> AsyncIterator[str]:
    """Yield what a build does, until it has ended."""
    from finn_tui.runs.launch.processes import reconcile

    last = ""
    while True:
        state = await asyncio.to_thread(reconcile, run)
        if state.final:
            return
        queued = f", number {state.position} in line" if state.position else ""
        text = f"{state.step or state.state} ({state.step_index} of {state.step_count}){queued}"
        if text != last:
            last = text
            yield text
        await asyncio.sleep(_LOOK)


async def _measure(
    lab: Workbench,
    item: SweepItem,
    run: RunFolder,
    options: SweepOptions,
    on_progress: OnProgress,
) -> None:
    """Deploy, execute, measure and validate a run.

    Raises:
        FinnTuiError: a part of it was not possible.
    """
    from finn_tui.board.jobs import go
    from finn_tui.lab.board_data import dataset_for, write_network
    from finn_tui.lab.driver_consent import check_driver

    await asyncio.to_thread(check_driver, run.path)
    await write_network(lab, run, on_progress)
    dataset = await dataset_for(lab.workspace, run, on_progress=on_progress)
    async with lab.board(options.board, on_progress) as link:
        done = await go(
            link,
            run.path,
            on_progress,
            batch=options.batch,
            limit=options.limit,
            dataset=dataset,
        )
    if done.failures:
        raise done.failures[0]
