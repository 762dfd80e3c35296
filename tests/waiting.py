"""Waiting for a state, and never for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

#: What takes moments has ended after this (s), on a machine that stands still for seconds too.
PATIENCE = 120.0


async def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Let other tasks run until something is so.

    Args:
        condition: asked again and again; of files and processes, which set no event.
        seconds: after which it counts as never.

    Raises:
        TimeoutError: it is not so.
    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.05)


def wait_until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until something is so, where no other task must run; see ``until``."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.05)
