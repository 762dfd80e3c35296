"""Ending, resuming and cleaning a run where it works."""

from __future__ import annotations

import asyncio
import shutil
from functools import partial
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.server.runs import runcontrol, runfiles
from finn_tui.runs.documents import RunState
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.placement import (
    CANCEL,
    Placement,
    Stage,
    change_placement,
    read_placement,
)
from finn_tui.runs.remote.link import LONG_SECONDS, Link, is_refusal
from finn_tui.runs.remote.mirror_folder import PARTS, Busy, held


async def cancel(run: RunFolder, link: Link) -> RunState:
    """End a run on its host, with all its tools; the host proves the process.

    What is asked for is kept until the host has done it: a line that breaks does not lose it.

    Raises:
        FinnTuiError: the line broke, or its process cannot be ended.
    """
    placement = await asyncio.to_thread(change_placement, run.path, wanted=CANCEL)
    if placement.stage is Stage.SENDING and not await _is_there(placement, link):
        try:
            with held(run):
                return await asyncio.to_thread(never_sent, run)
        except Busy:
            # Whoever sends it looks at what is wanted before it is started.
            return await asyncio.to_thread(run.state)
    try:
        answer = await link.cancel(placement.folder)
    except FinnTuiError as error:
        if is_refusal(error) and not link.transport.is_closed:
            await asyncio.to_thread(change_placement, run.path, wanted="")
        raise
    await asyncio.to_thread(change_placement, run.path, wanted="", stage=Stage.STARTED)
    return await asyncio.to_thread(run.state_of, dict(answer["state"]))


async def _is_there(placement: Placement, link: Link) -> bool:
    remote = await link.files()
    with link.transport.translated():
        return await remote.size(f"{placement.folder}/run.json") is not None


def never_sent(run: RunFolder) -> RunState:
    """Cancel a run that was not started on its host: nothing works there."""
    document = runcontrol.end_state(str(run.path), run.state().as_dict(), "cancelled")
    change_placement(run.path, wanted="", stage=Stage.SETTLED)
    return run.state_of(document)


async def resume(run: RunFolder, step: str, link: Link, *, notify: bool = False) -> RunState:
    """Go on with a run that has ended, in its folder on the host.

    Args:
        run: it has ended.
        step: FINN's name of the step to begin with.
        link: to its host.
        notify: whether the user's command is to be started at its end.

    Raises:
        FinnTuiError: it has not ended there, its folder is gone, or its runner does not start.
    """
    placement = await asyncio.to_thread(read_placement, run.path)
    assert placement is not None
    # Before it is asked for: where the answer is lost, whoever follows the run sees what has become
    # of it.
    facts = {"stage": Stage.STARTED, "wanted": "", "problem": None, "notify": notify}
    await asyncio.to_thread(partial(change_placement, run.path, **facts))
    try:
        answer = await link.start(placement.folder, placement.parallel, step)
    except FinnTuiError as error:
        if is_refusal(error) and not link.transport.is_closed:
            await asyncio.to_thread(change_placement, run.path, notify=placement.notify)
        raise
    state = await asyncio.to_thread(run.state_of, dict(answer["state"]))
    await asyncio.to_thread(runfiles.save_state, str(run.path), state.as_dict())
    return state


async def clean(run: RunFolder, link: Link, *, all: bool, dry: bool) -> int:
    """Remove what a run that has ended has left on its host, and return how many bytes that is.

    Args:
        run: it has ended.
        link: to its host.
        all: the whole folder there; otherwise only what going on with the build needs.
        dry: measure only.

    Raises:
        FinnTuiError: it has not ended there, or the line broke.
    """
    placement = await asyncio.to_thread(read_placement, run.path)
    assert placement is not None
    answer: dict[str, Any] = await link.ask(
        "clean",
        seconds=LONG_SECONDS,
        folder=placement.folder,
        all=all and not placement.shared,
        dry=dry,
    )
    if not dry:
        await asyncio.to_thread(shutil.rmtree, run.path / PARTS, ignore_errors=True)
    return int(answer["bytes"])
