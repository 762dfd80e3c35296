"""Sending queued runs as one job, or one array of jobs."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence

from msgspec.structs import replace

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server import runcontrol, runfiles
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.placement import (
    Placement,
    Stage,
    change_placement,
    read_placement,
    write_placement,
)
from finn_tui.runs.slurm import commands
from finn_tui.runs.slurm.host import SlurmHost
from finn_tui.runs.slurm.script import JobPlan, batch_script, sbatch_options


def place(host: str, runs: Sequence[RunFolder]) -> str:
    """Make queued runs those of one job, whose name is returned; nothing is sent yet.

    What Slurm takes is then found by that name, even if its answer is lost.

    Args:
        host: name in hosts.toml.
        runs: they are queued or have ended, and nothing works on them.

    Raises:
        FinnTuiError, OSError: their folders cannot be written.
    """
    name = f"finn-tui-{secrets.token_hex(6)}"
    now = time.time()
    for index, run in enumerate(runs):
        state = runcontrol.read_state(str(run.path))
        runfiles.save_state(str(run.path), {**state, "scheduler": "slurm"})
        run.log.touch()
        known = read_placement(run.path)
        before = known or Placement(host=host, folder=str(run.path), shared=True)
        placement = replace(
            before,
            stage=Stage.SENDING,
            wanted="",
            problem=None,
            job="",
            job_name=name,
            array_index=index if len(runs) > 1 else None,
            submitted=now,
        )
        write_placement(run.path, placement)
    return name


async def send(
    host: SlurmHost, runs: Sequence[RunFolder], engine: Sequence[str], *, notify: str = ""
) -> None:
    """Send queued runs to Slurm that ``place`` has given a job, several of them as an array.

    Args:
        host: whose Slurm.
        runs: all those of the job, in their order.
        engine: command that ends in FINN's Python there.
        notify: the user's command at the end of each build; empty for none.

    Raises:
        FinnTuiError: Slurm refuses (all the runs have failed then), or does not answer (kind
            "timeout"; it may have taken them, which is found out when they are followed).
    """
    placements = [await asyncio.to_thread(read_placement, run.path) for run in runs]
    known = [placement for placement in placements if placement is not None]
    plan = JobPlan(
        engine,
        [one.folder for one in known],
        host.setup,
        host.environment,
        notify,
        host.container,
    )
    options = sbatch_options(host.settings)
    if len(runs) > 1:
        limit = f"%{host.settings.parallel}" if host.settings.parallel else ""
        options.append(f"--array=0-{len(runs) - 1}{limit}")
    try:
        number = await commands.submit(
            host.runner, known[0].job_name, batch_script(plan), options, f"Slurm on {host.name}"
        )
    except FinnTuiError as error:
        if error.kind is not ErrorKind.TIMEOUT:
            reason = EngineError(error.what, error.why, error.fix, kind="tools")
            for run in runs:
                await host.folders.conclude(run, "failed", reason)
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
