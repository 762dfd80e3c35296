"""Reads the workspace's runs, their results, and why one failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace as replace_struct

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.workbench import Workbench
from finn_tui.ui.state import RunView

if TYPE_CHECKING:
    from finn_tui.lab.results.results_table import Experiment
    from finn_tui.runs.analysis.diagnosis import Diagnosis
    from finn_tui.runs.folder import DamagedRun, RunFolder
    from finn_tui.runs.placement import Placement


def read_runs(
    lab: Workbench, before: tuple[RunView, ...]
) -> tuple[tuple[RunView, ...], tuple[DamagedRun, ...]]:
    """Read the runs of a workspace; ended ones only if their documents are newer.

    Args:
        lab: the workspace.
        before: the runs as they were at the last look.

    Returns:
        The runs, newest first, and why others could not be read.
    """
    from finn_tui.engine.server.runs import runfiles
    from finn_tui.runs.folder import DamagedRun
    from finn_tui.runs.launch.processes import reconcile
    from finn_tui.runs.notes import read_notes
    from finn_tui.runs.placement import PLACEMENT, read_placement

    runs_dir = lab.workspace.runs_dir
    previous = {run.id: run for run in before}
    runs, broken = [], []
    for folder in lab.runs():
        old = previous.get(folder.id)
        stamp = tuple(
            _written(folder.path / name)
            for name in (runfiles.RESULTS, runfiles.STATE, runfiles.NOTES, PLACEMENT)
        )
        # One that has ended changes by being measured, resumed or spoken of; one that works
        # elsewhere by its documents and its scheduler's word, too.
        if old is not None and old.stamp[:-1] == stamp:
            known = old.state.final or old.placement is not None
            if known and old.stamp[-1] == _word_of_scheduler(runs_dir, old.placement):
                runs.append(old)
                continue
        try:
            placement = read_placement(folder.path)
            # Before the state is: what is newer then is read again at the next look.
            stamp = (*stamp, _word_of_scheduler(runs_dir, placement))
            state = reconcile(folder)
            # A heartbeat is no news: without it, states that mean the same are equal. That of a job
            # which waits to be started again says how long it has worked.
            waits = state.scheduler is not None and state.state == "queued"
            seen = RunView(
                folder,
                folder.request,
                state if waits else replace_struct(state, heartbeat=0.0),
                stamp[0],
                read_notes(folder),
                stamp,
                folder.clock_missed_ns() if state.state == "succeeded" else None,
                placement,
            )
        except FinnTuiError as error:
            broken.append(DamagedRun(folder.path, error))
            continue
        runs.append(seen)
    return tuple(run for run in runs if run is not None), tuple(broken)


def has_changed(runs: Sequence[RunView], before: Sequence[RunView]) -> bool:
    """Return whether a run is new or another than at the last look; one comparison for each.

    Args:
        runs: as they are now.
        before: as they were at the last look.
    """
    old = {run.id: run for run in before}
    return any(old.get(run.id) != run for run in runs)


def _word_of_scheduler(runs_dir: Path, placement: Placement | None) -> float:
    """Return a number that changes with what the scheduler of a run says of it."""
    from finn_tui.runs import scheduled

    if placement is None or not placement.job_name:
        return 0.0
    report = scheduled.read_report(runs_dir, placement.host)
    return float(hash((report.jobs.get(placement.job_key or ""), report.problem)))


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def read_results(
    runs: tuple[RunView, ...], before: tuple[RunView, ...], results: tuple[Experiment, ...]
) -> tuple[Experiment, ...]:
    """Read the results of runs that have changed.

    Args:
        runs: the runs as they are now.
        before: the runs as they were at the last look.
        results: their results at the last look.
    """
    from finn_tui.lab.results.results_table import experiment

    old = {run.id: run for run in before}
    rows = {row.run: row for row in results}
    experiments = []
    for run in runs:
        if run.request.is_training:
            continue
        if run.id not in rows or old.get(run.id) != run:
            try:
                rows[run.id] = experiment(run.folder)
            except FinnTuiError:
                # Its state could be read a moment ago: it is listed without its figures then.
                continue
        experiments.append(rows[run.id])
    return tuple(experiments)


def cause_of_failure(run: RunFolder) -> Diagnosis | None:
    """Return why a run failed, from all its files; the file with its whole path."""
    from finn_tui.runs.analysis.inspect import inspect

    cause = inspect(run.path, quick=True).cause
    if cause is None or cause.file is None:
        return cause
    return replace(cause, file=str(run.path / cause.file))


def upkeep(run: RunFolder, job: str, argument: Any) -> Any:
    """Do a job on a run that has ended, see ``BuildController.look_after``."""
    from finn_tui.runs import notes
    from finn_tui.runs.launch import clean, rebuild

    if job == "steps":
        possible = rebuild.resumable(run)
        if possible.disabled_reason is not None:
            raise possible.disabled_reason
        return possible.steps
    if job == "space":
        return clean.plan_cleanup(run)
    if job == "clean":
        return clean.clean_up(argument)
    if job == "note":
        return notes.set_note(run, argument)
    add = [tag for tag in argument.split() if not tag.startswith("-")]
    return notes.change_tags(run, add, [tag[1:] for tag in argument.split() if tag[0] == "-"])
