"""Sending queued runs as one job, or one array of jobs."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from finn_tui.base import files
from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, Progress
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.runs import runcontrol, runfiles
from finn_tui.runs import scheduled
from finn_tui.runs.folder import RunFolder, list_runs
from finn_tui.runs.placement import (
    Placement,
    Stage,
    change_placement,
    read_placement,
    write_placement,
)
from finn_tui.runs.slurm import sbatch
from finn_tui.runs.slurm.host import SlurmHost
from finn_tui.runs.slurm.script import JobPlan, batch_script, sbatch_options

OnNote = Callable[[str], None]


def no_note(text: str) -> None:
    """Tell nobody."""


def new_name() -> str:
    """Return a name for a job that no other has: what Slurm has taken is found by it."""
    return f"finn-tui-{secrets.token_hex(6)}"


def place(host: str, runs: Sequence[RunFolder], *, after: str = "") -> str:
    """Make queued runs those of one job, whose name is returned; nothing is sent yet.

    What Slurm takes is then found by that name, even if its answer is lost.

    Args:
        host: name in hosts.toml.
        runs: they are queued or have ended, and nothing works on them.
        after: name of the array whose end this one waits for.

    Raises:
        FinnTuiError: their folders cannot be written.
    """
    name = new_name()
    now = time.time()
    for index, run in enumerate(runs):
        mark(run)
        known = read_placement(run.path)
        before = known or Placement(host=host, folder=str(run.path), shared=True)
        placement = replace(
            before,
            sweep=before.sweep or (name if len(runs) > 1 else ""),
            stage=Stage.SENDING,
            wanted="",
            problem=None,
            job="",
            job_name=name,
            array_index=index if len(runs) > 1 else None,
            after_job=after,
            submitted=now,
        )
        write_placement(run.path, placement)
    return name


def mark(run: RunFolder) -> None:
    """Say in a queued run's folder that a scheduler builds it.

    Raises:
        FinnTuiError: it cannot be written (kind "disk").
    """
    try:
        state = runcontrol.read_state(str(run.path))
        runfiles.save_state(str(run.path), {**state, "scheduler": "slurm"})
        run.log.touch()
    except OSError as error:
        raise files.not_written(run.path, error) from error


async def send(
    host: SlurmHost,
    runs: Sequence[RunFolder],
    engine: Sequence[str],
    *,
    notify: str = "",
    on_note: OnNote = no_note,
) -> None:
    """Send queued runs to Slurm that ``place`` has given a job, several of them as an array.

    More runs than an array may have become several arrays; where a limit of parallel builds is
    set, which counts in each array, one begins when the one before has ended.

    Args:
        host: whose Slurm.
        runs: all those of the job, in their order.
        engine: command that ends in FINN's Python there.
        notify: the user's command at the end of each build; empty for none.
        on_note: told what the cluster said besides.

    Raises:
        FinnTuiError: Slurm refuses (all the runs have failed then), or does not answer (kind
            "timeout"; it may have taken them, which is found out when they are followed).
    """
    try:
        await _send_array(host, runs, engine, notify, on_note)
        return
    except FinnTuiError as error:
        if error.kind is ErrorKind.TIMEOUT:
            raise
        most = await _smaller_arrays(host, len(runs), error)
        if not most:
            await not_taken(host, runs, error)
            raise
    arrays = await asyncio.to_thread(_split, host.name, runs, most)
    on_note(f"{len(runs)} builds go as {len(arrays)} arrays: Slurm takes {most} in one")
    with contextlib.ExitStack() as held:
        # The last one may be sent minutes after it was placed: nobody takes it for one cut off.
        for name in arrays:
            held.enter_context(scheduled.sending(runs[0].path.parent, name))
        await _send_arrays(host, list(arrays.values()), engine, notify, on_note)


async def send_told(
    host: SlurmHost,
    runs: Sequence[RunFolder],
    engine: Sequence[str],
    on_progress: OnProgress,
    *,
    notify: str = "",
) -> None:
    """Send queued runs to Slurm; that it does not answer is told: it may have them.

    Args:
        host, runs, engine, notify: as of ``send``.
        on_progress: told what the cluster said besides, and that no answer came.

    Raises:
        FinnTuiError: Slurm refuses; all the runs have failed then.
    """

    def note(text: str) -> None:
        on_progress(Progress("WARNING", text))

    try:
        await send(host, runs, engine, notify=notify, on_note=note)
    except FinnTuiError as error:
        # Whether Slurm has the job is found out by its name.
        if error.kind is not ErrorKind.TIMEOUT:
            raise
        note(unanswered(error, runs))


async def _send_arrays(
    host: SlurmHost,
    arrays: Sequence[Sequence[RunFolder]],
    engine: Sequence[str],
    notify: str,
    on_note: OnNote,
) -> None:
    count = sum(len(array) for array in arrays)
    for number, array in enumerate(arrays):
        try:
            await _send_array(host, array, engine, notify, on_note)
        except FinnTuiError as error:
            if error.kind is ErrorKind.TIMEOUT:
                raise
            left = [run for one in arrays[number:] for run in one]
            await not_taken(host, left, error)
            if number == 0:
                raise
            # Those before are built; these say themselves why they are not.
            on_note(f"{len(left)} of {count} builds were not taken: {error.why}")
            return


async def _smaller_arrays(host: SlurmHost, count: int, error: FinnTuiError) -> int:
    """How many jobs an array may have, if it was refused for having more; else 0."""
    if count == 1 or "array" not in error.why.lower():
        return 0
    with contextlib.suppress(FinnTuiError):
        most = await sbatch.most_tasks(host.runner)
        return most if most < count else 0
    return 0


async def not_taken(host: SlurmHost, runs: Sequence[RunFolder], error: FinnTuiError) -> None:
    """Say in runs that no job builds them.

    Args:
        host: that was to have them.
        runs: they have failed from now on.
        error: why.

    Raises:
        FinnTuiError: a folder cannot be reached.
    """
    reason = EngineError(error.what, error.why, error.fix, kind=str(error.kind))
    await host.folders.conclude(runs, "failed", reason)


def _split(host: str, runs: Sequence[RunFolder], most: int) -> dict[str, Sequence[RunFolder]]:
    """Place runs again as several arrays, each after the one before; by their jobs' names."""
    arrays: dict[str, Sequence[RunFolder]] = {}
    after = ""
    for start in range(0, len(runs), most):
        array = runs[start : start + most]
        after = place(host, array, after=after)
        arrays[after] = array
    return arrays


async def _send_array(
    host: SlurmHost,
    runs: Sequence[RunFolder],
    engine: Sequence[str],
    notify: str,
    on_note: OnNote,
) -> None:
    placements = [await asyncio.to_thread(read_placement, run.path) for run in runs]
    known = [placement for placement in placements if placement is not None]
    indices = [one.array_index for one in known if one.array_index is not None]
    folders = [one.folder for one in known]
    plan = JobPlan(engine, folders, host.setup, host.environment, notify, host.container, indices)
    options = sbatch_options(host.settings)
    if indices:
        limit = f"%{host.settings.parallel}" if host.settings.parallel else ""
        options.append(f"--array={_ranges(indices)}{limit}")
    name, before = known[0].job_name, known[0].after_job
    if before and host.settings.parallel:
        number = await asyncio.to_thread(_number_of, runs[0].path.parent, before)
        options += [f"--dependency=afterany:{number}"] if number else []
    if known[0].unsent:
        # From now on Slurm may have it.
        now = time.time()
        for run in runs:
            await asyncio.to_thread(change_placement, run.path, submitted=now)
    id, note = await sbatch.submit(
        host.runner, name, batch_script(plan), options, f"Slurm on {host.name}"
    )
    if note:
        on_note(f"Slurm on {host.name} says: {note}")
    await asyncio.to_thread(set_number, runs, id)


def _ranges(indices: Sequence[int]) -> str:
    """What sbatch calls some indices: ``0-4,7``."""
    parts: list[list[int]] = []
    for index in sorted(indices):
        if parts and parts[-1][1] == index - 1:
            parts[-1][1] = index
        else:
            parts.append([index, index])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def _number_of(runs_dir: Path, job_name: str) -> str:
    """Slurm's number of a job; empty if it was not taken."""
    for run in list_runs(runs_dir):
        with contextlib.suppress(FinnTuiError):
            placement = read_placement(run.path)
            if placement is not None and placement.job_name == job_name and placement.job:
                return placement.job
    return ""


def set_number(runs: Sequence[RunFolder], number: int) -> None:
    """Write down what number Slurm gave the job of some runs.

    Args:
        runs: of one job.
        number: of the job.

    Raises:
        FinnTuiError: it cannot be written (kind "disk").
    """
    for run in runs:
        change_placement(run.path, job=str(number), stage=Stage.STARTED)


def unanswered(error: FinnTuiError, runs: Sequence[RunFolder]) -> str:
    """Return what to tell where it is not known whether the scheduler has a job.

    Args:
        error: what asking for the job has ended with.
        runs: those of the job.
    """
    why = f" ({error.why.rstrip('.')})" if error.why else ""
    return (
        f"{error.what}{why}: whether Slurm has the job is found out when the run is followed: "
        f"finn-tui attach {runs[0].id}. Do not send it again."
    )
