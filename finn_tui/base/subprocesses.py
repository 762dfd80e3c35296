"""Ending child processes that asyncio started.

``Process.wait`` returns only once all pipes have ended, too. What holds a pipe open, or leaves one
full that nobody reads any more, makes it wait for ever, although the process itself is gone.
"""

from __future__ import annotations

import asyncio
import contextlib


async def exit_code(process: asyncio.subprocess.Process) -> int:
    """Wait for the end of a process, whatever is with its pipes, and return its exit code."""
    while process.returncode is None:  # noqa: ASYNC110 - nothing else tells of the exit alone
        await asyncio.sleep(0.02)
    return process.returncode


async def end(process: asyncio.subprocess.Process, patience: float = 0.0) -> int:
    """Wait for a process, kill it when the time is over, and return its exit code.

    Args:
        process: a child that was not waited for, so that its number is still its own.
        patience (s): what it gets to end by itself.
    """
    try:
        async with asyncio.timeout(patience):
            return await exit_code(process)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return await exit_code(process)
