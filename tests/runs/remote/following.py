"""Following runs as the app does, until nothing is left to ask of their hosts."""

from __future__ import annotations

import asyncio
import contextlib

from finn_tui.runs.remote.follow import Follower, placed_runs


async def until_settled(follower: Follower) -> None:
    """Follow the runs of a follower until all of them have settled; raises what it raises."""
    following = asyncio.create_task(follower.for_ever())
    try:
        while placed_runs(follower._runs()):
            done, _ = await asyncio.wait([following], timeout=0.05)
            if done:
                following.result()
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
