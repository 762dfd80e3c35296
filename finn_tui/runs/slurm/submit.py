"""Sending queued runs as one job, or one array of jobs."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import runcontrol, runfiles
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.placement import (
    Placement,
    Stage,
    change_placement,
    write_placement,
)
from finn_tui.runs.slurm import commands
from finn_tui.runs.slurm.host import SlurmHost
from finn_tui.runs.slurm.script import JobPlan, batch_script, sbatch_options


async def send(
    host: SlurmHost,
    runs: Sequence[RunFolder],
    engine: Sequence[str],
    *,
    folders: Mapping[str, str] | None = None,
    notify: str = "",
) -> None:
    """Send queued runs to Slurm, several of them as an array.

    Args:
        host: whose Slurm.
        runs: they are queued, and nothing works on them.
        engine: command that ends in FINN's Python there.
        folders: run folders as the cluster sees them, by id; None where they are the workspace's.
        notify: the user's command at the end of each build; empty for none.

    Raises:
        FinnTuiError: Slurm refuses (all the runs have failed then), or does not answer (kind
            "timeout"; it may have taken them, which is found out when they are followed).
    """
    name = f"finn-tui-{secrets.token_hex(6)}"
    array = len(runs) > 1
    # Before Slurm is asked: what it takes is found by the name even if its answer is lost.
    await asyncio.to_thread(_place, host.name, runs, name, folders)
    paths = [(folders or {}).get(run.id, str(run.path)) for run in runs]
    plan = JobPlan(engine, paths, host.setup, host.environment, notify)
    options = sbatch_options(host.settings)
    if array:
        limit = f"%{host.settings.parallel}" if host.settings.parallel else ""
        options.append(f"--array=0-{len(runs) - 1}{limit}")
    try:
        number = await commands.submit(
            host.runner, name, batch_script(plan), options, f"Slurm on {host.name}"
        )
    except FinnTuiError as error:
        if error.kind is not ErrorKind.TIMEOUT:
            await asyncio.to_thread(_refused, runs, error)
        raise
    await asyncio.to_thread(set_number, runs, number)


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


def _place(
    host: str, runs: Sequence[RunFolder], name: str, folders: Mapping[str, str] | None
) -> None:
    now = time.time()
    for index, run in enumerate(runs):
        state = runcontrol.read_state(str(run.path))
        runfiles.save_state(str(run.path), {**state, "scheduler": "slurm"})
        run.log.touch()
        write_placement(
            run.path,
            Placement(
                host=host,
                folder=(folders or {}).get(run.id, str(run.path)),
                shared=folders is None,
                job_name=name,
                array_index=index if len(runs) > 1 else None,
                submitted=now,
            ),
        )


def _refused(runs: Sequence[RunFolder], error: FinnTuiError) -> None:
    problem = EngineError(error.what, error.why, error.fix, kind="tools")
    for run in runs:
        runcontrol.conclude(str(run.path), "failed", problem)
