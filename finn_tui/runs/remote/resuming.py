"""Going on with an ended run as another job of a cluster behind a line that may break.

That it is asked for stands in the run's placement, with the name of the job that is to come, until
the host has made the run a queued one. Where an answer was lost, the host knows by that name what
it has done, and its Slurm whether a job works on the run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from msgspec.structs import replace

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.server.runs import runfiles
from finn_tui.runs.documents import RunState, RunStatus
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.placement import (
    CANCEL,
    RESUME,
    Placement,
    Stage,
    change_placement,
    read_placement,
    update_placement,
)
from finn_tui.runs.remote.link import Link
from finn_tui.runs.slurm import commands, submit
from finn_tui.runs.slurm.follow import UNSEEN_SECONDS
from finn_tui.runs.slurm.host import SlurmHost

_NO_LONGER: dict[str, Any] = {"wanted": "", "resume_step": "", "resume_name": ""}


def ask_for(run: RunFolder, step: str, notify: bool) -> None:
    """Keep that a run is to go on; from now on it is queued here.

    Args:
        run: it has ended.
        step: FINN's name of the step to begin with.
        notify: whether the user's command is to be started at its end.

    Raises:
        FinnTuiError: it cannot be written (kind "disk").
    """
    placement = read_placement(run.path)
    # The answer to asking for it before may have been lost.
    name = (placement.resume_name if placement is not None else "") or submit.new_name()
    facts = {"wanted": RESUME, "resume_step": step, "resume_name": name, "problem": None}
    change_placement(run.path, **facts, notify=notify)
    state = run.state()
    if state.final:
        queued = RunState(
            RunStatus.QUEUED,
            heartbeat=time.time(),
            attempt=state.attempt + 1,
            start_step=step,
            scheduler="slurm",
        )
        _save(run, queued.as_dict())


def take_back(run: RunFolder, state: RunState) -> None:
    """Keep no longer that a run is to go on; one whose job was asked for goes on.

    Args:
        run: see ``ask_for``.
        state: it is in then.

    Raises:
        FinnTuiError: it cannot be written (kind "disk").
    """
    placement = read_placement(run.path)
    if placement is not None and placement.resume_name:
        change_placement(run.path, **_NO_LONGER, notify=False)
        _save(run, state.as_dict())


def _save(run: RunFolder, state: dict[str, Any]) -> None:
    try:
        runfiles.save_state(str(run.path), state)
    except OSError as error:
        raise files.not_written(run.path / runfiles.STATE, error) from error


async def requeue(host: SlurmHost, link: Link, run: RunFolder) -> None:
    """Make a run a queued one, there and here, whose job is the next to be asked for.

    Args:
        host: whose Slurm.
        link: to the host.
        run: see ``ask_for``.

    Raises:
        FinnTuiError: a job works on it, its folder is gone, or the line broke.
    """
    placement = await asyncio.to_thread(read_placement, run.path)
    assert placement is not None
    answer = await _ask(link, placement)
    if "silent" in answer:
        await _free(host, link, run, placement, answer)
        answer = await _ask(link, placement)
        if "silent" in answer:
            raise _not_ended(run, "Somebody else has just resumed it.")
    await asyncio.to_thread(_save, run, dict(answer["state"]))
    await asyncio.to_thread(
        partial(
            _become,
            run,
            job_name=placement.resume_name,
            stage=Stage.SENDING,
            submitted=0.0,
        )
    )


async def _ask(link: Link, placement: Placement) -> dict[str, Any]:
    return await link.ask(
        "requeue",
        folder=placement.folder,
        step=placement.resume_step,
        job_name=placement.resume_name,
    )


def _become(run: RunFolder, **facts: Any) -> None:
    """Make a run one of another job; that it was cancelled meanwhile is kept."""
    alone = {"array_index": None, "after_job": "", "job": "", "problem": None}

    def change(known: Placement) -> Placement:
        wanted = CANCEL if known.wanted == CANCEL else ""
        return replace(known, **{**alone, **_NO_LONGER, **facts, "wanted": wanted})

    update_placement(run.path, change)


async def _free(
    host: SlurmHost, link: Link, run: RunFolder, placement: Placement, answer: Mapping[str, Any]
) -> None:
    """End a run that has not, and on which no job works, by the word of Slurm.

    Raises:
        FinnTuiError: a job works on it, which is followed from now on, or it is too early to say.
    """
    state = dict(answer["state"])
    name, key = await _job_of(host, state, placement)
    if key:
        await asyncio.to_thread(take_up, run, run.state_of(state), name, key)
        raise _not_ended(run, f"It is {state.get('state')}, as job {key} of Slurm on {link.name}.")
    if float(answer["silent"]) < UNSEEN_SECONDS:
        # Whoever has made it a queued one may be about to ask for its job.
        raise _not_ended(run, "Somebody else has just resumed it.")
    await link.ask("conclude", folder=placement.folder, state="lost", error=None)


async def _job_of(
    host: SlurmHost, state: Mapping[str, Any], placement: Placement
) -> tuple[str, str]:
    """The job that works on a run: its name and Slurm's name of it; empty if there is none."""
    if state.get("job"):
        # It has begun; whether it lives is found out by whoever follows it.
        return str(state.get("job_name") or placement.job_name), str(state["job"])
    if state.get("job_name"):
        name = str(state["job_name"])
        number = await commands.find(host.runner, name, ended=False)
        return name, str(number or "")
    key = placement.job_key
    if key is None:
        return "", ""
    job = (await commands.query(host.runner, [key])).get(key)
    return (placement.job_name, key) if job is not None and job.phase != "ended" else ("", "")


def take_up(run: RunFolder, state: RunState, name: str, key: str = "") -> None:
    """Follow a run as what it is: at work, by a job that was not known here.

    Args:
        run: see ``ask_for``.
        state: it is in on the host.
        name: of the job.
        key: what Slurm calls it; empty takes it from the state.
    """
    number, _, index = (key or state.job or "").partition("_")
    _save(run, state.as_dict())
    place = int(index) if index.isdecimal() else None
    _become(run, job_name=name, job=number, array_index=place, stage=Stage.STARTED)


def _not_ended(run: RunFolder, why: str) -> FinnTuiError:
    return FinnTuiError(
        f"{run.id} has not ended", why, f"Follow it: finn-tui attach {run.id}", kind="tools"
    )
