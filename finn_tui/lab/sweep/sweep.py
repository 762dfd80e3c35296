"""A series of foldings: each is built, deployed, measured and validated, one after the other.

What is on disk already is not done again: a run that has built the same folding of the same model
is taken, and so are its figures of the same board. A series that was broken off goes on where it
was, and builds that run meanwhile are followed.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.core.folding import finn_json
from finn_tui.core.folding.model import Folding
from finn_tui.lab.builds.build_request import host_for
from finn_tui.lab.builds.plans import plan_build, same_builds
from finn_tui.lab.foldings import saved_foldings
from finn_tui.lab.foldings.opened import Opened
from finn_tui.lab.sweep.sweep_builds import (
    as_they_end,
    beginning,
    build_one,
    check_built,
    send_all,
)
from finn_tui.lab.sweep.sweep_items import SweepItem, SweepOptions, SweepStatus, with_folding
from finn_tui.runs.folder import RunFolder, missed_text

if TYPE_CHECKING:
    from finn_tui.lab.workbench import Workbench

__all__ = ["SweepItem", "SweepOptions", "SweepStatus", "look", "named", "pareto", "spread", "sweep"]

#: Targets that are tried for a front of which some points are taken.
_FRONT = 24
#: Foldings with a mistake, as many as one error names.
_MOST_NAMED = 6

OnItem = Callable[[int, SweepItem], None]


def _untold(index: int, item: SweepItem) -> None:
    pass


def named(lab: Workbench, opened: Opened, names: Sequence[str]) -> list[SweepItem]:
    """Return foldings that are named as FOLDING is.

    Args:
        lab: the workspace.
        opened: the model.
        names: of the foldings; one that is named twice counts once.

    Raises:
        FinnTuiError: there is none of a name, or it is not legal; it names all of them.
    """
    items = []
    errors: dict[str, FinnTuiError] = {}
    for name in dict.fromkeys(names):
        try:
            folding, notes = lab.read_folding(opened, name)
        except FinnTuiError as error:
            errors[name] = error
            continue
        title = saved_foldings.title(name)
        items.append(SweepItem(title, with_folding(opened, folding, title), notes=tuple(notes)))
    if errors:
        raise _unusable(errors, len(items) + len(errors))
    return items


def _unusable(errors: Mapping[str, FinnTuiError], count: int) -> FinnTuiError:
    """Return one error for all names of a series that mean no folding of the model."""
    first_name, first = next(iter(errors.items()))
    if len(errors) == 1 and (count == 1 or first_name in first.what):
        return first
    reasons = [f"{name}: {error.what}" for name, error in list(errors.items())[:_MOST_NAMED]]
    if len(errors) > _MOST_NAMED:
        reasons.append(f"and {len(errors) - _MOST_NAMED} more")
    return FinnTuiError(
        f"{len(errors)} of {count} foldings cannot be used",
        "; ".join(reasons),
        f"{first.fix} Or leave them out. Nothing was begun.",
        kind=first.kind,
    )


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
    return [_look_at(lab, item, runs, options) for item in items]


def _look_at(
    lab: Workbench, item: SweepItem, runs: Sequence[RunFolder], options: SweepOptions
) -> SweepItem:
    """Return a folding of a series as some runs have it."""
    built, building = same_builds(plan_build(lab.workspace, item.opened, options.rehearse), runs)
    if built is not None:
        status = SweepStatus.DONE if _measured(built, options.board) else SweepStatus.BUILT
        return replace(item, status=status, run=built, reused=True)
    if building is not None:
        return replace(item, status=SweepStatus.BUILDING, run=building, reused=True)
    return replace(item, status=SweepStatus.WAITING)


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
    # Listed before: a run that another series begins in between is looked at again.
    known = {run.id for run in await asyncio.to_thread(lab.runs)}
    current = await asyncio.to_thread(look, lab, items, options)

    def update(index: int, **changes: Any) -> None:
        current[index] = replace(current[index], **changes)
        on_item(index, current[index])

    for index, item in enumerate(current):
        on_item(index, item)
    # All builds are begun at once: they wait for their turn in the queue of builds, or of the
    # cluster, which goes on when this process is ended.
    twins = _twins(current)
    waiting = [at for at in twins if twins[at] == at]

    async def look_again(index: int) -> bool:
        """Whether another series of the workspace has begun a folding since; its run is taken."""
        runs = [run for run in await asyncio.to_thread(lab.runs) if run.id not in known]
        item = await asyncio.to_thread(_look_at, lab, current[index], runs, options)
        if item.run is not None:
            update(index, status=item.status, run=item.run, reused=True)
        return item.run is not None

    if waiting:
        try:
            options = replace(options, on=await host_for(lab, options.on, on_progress))
        except FinnTuiError as error:
            for index in waiting:
                update(index, status=SweepStatus.FAILED, error=error)
            waiting = []
    if options.on is not None and waiting:
        async with beginning(lab, on_progress):
            waiting = [index for index in waiting if not await look_again(index)]
            await send_all(lab, current, waiting, options, update, on_progress)
        waiting = []
    for index in waiting:
        try:
            async with beginning(lab, on_progress):
                if not await look_again(index):
                    run = await build_one(lab, current[index], options, on_progress)
                    known.add(run.id)
                    update(index, status=SweepStatus.BUILDING, run=run)
        except FinnTuiError as error:
            update(index, status=SweepStatus.FAILED, error=error)
    for index, twin in twins.items():
        if index != twin:
            other = current[twin]
            update(index, status=other.status, run=other.run, error=other.error, reused=True)
    async for index in as_they_end(lab, current, on_progress):
        await _finish(
            lab, current[index], options, lambda i=index, **c: update(i, **c), on_progress
        )
    return current


def _twins(items: Sequence[SweepItem]) -> dict[int, int]:
    """Return for each folding that waits the first that is the same: it is built once."""
    first: dict[str, int] = {}
    twins = {}
    for index, item in enumerate(items):
        if item.status is SweepStatus.WAITING:
            editor = item.opened.editor
            folding = json.dumps(finn_json.to_json(editor.design, editor.folding), sort_keys=True)
            twins[index] = first.setdefault(folding, index)
    return twins


async def _finish(
    lab: Workbench,
    item: SweepItem,
    options: SweepOptions,
    update: Callable[..., None],
    on_progress: OnProgress,
) -> None:
    """Measure what a build that has ended has built."""
    run = item.run
    if run is None or item.status in (SweepStatus.DONE, SweepStatus.FAILED):
        return
    try:
        if item.status is SweepStatus.BUILDING:
            await asyncio.to_thread(check_built, item, run)
        # Another name of the same folding, or another series, may have measured it meanwhile.
        if await asyncio.to_thread(_measured, run, options.board):
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
    from finn_tui.lab.boards.driver_consent import check_driver

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
