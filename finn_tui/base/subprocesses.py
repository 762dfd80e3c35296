"""Ending child processes that asyncio started.

``Process.wait`` returns only once all pipes have ended, too. What holds a pipe open, or leaves one
full that nobody reads any more, makes it wait for ever, although the process itself is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Mapping

#: Set for commands that are ended with all that they started: a word that nobody else knows.
MARK = "FINN_TUI_COMMAND"
_ROUNDS = 5


def marked_environment() -> Mapping[str, str]:
    """This process's variables with a mark by which a command's own children are known."""
    return {**os.environ, MARK: secrets.token_hex(8)}


def kill_session(session: int, mark: str) -> None:
    """Kill what a command has started in its session, the command too.

    What began a session of its own is meant to outlive the command and is left alone.

    Args:
        session: number of the process that was started in a session of its own.
        mark: value of ``MARK`` in its environment; a number may be another process's by now.
    """
    # Again while there was one: what begins, or becomes another program, in between is not seen.
    for _ in range(_ROUNDS):
        if not _kill_marked(session, mark):
            return


def _kill_marked(session: int, mark: str) -> bool:
    """Kill the processes of a session that have a mark now; returns whether there were any."""
    import psutil

    killed = False
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == session and process.environ().get(MARK) == mark:
                process.kill()
                killed = True
    return killed


async def exit_code(process: asyncio.subprocess.Process) -> int:
    """Wait for the end of a process, whatever is with its pipes, and return its exit code."""
    while process.returncode is None:  # noqa: ASYNC110 - nothing else tells of the exit alone
        await asyncio.sleep(0.02)
    return process.returncode


async def end(process: asyncio.subprocess.Process, patience: float = 0.0) -> int:
    """Wait for a process, kill it when the time is over, and return its exit code.

    Nothing is read of it any more.

    Args:
        process: a child that was not waited for, so that its number is still its own.
        patience (s): what it gets to end by itself.
    """
    try:
        return await stop(process, patience)
    finally:
        release(process)


def release(process: asyncio.subprocess.Process) -> None:
    """Close the pipes of a process that has ended, whoever else holds them.

    They are closed at their end otherwise, which a loop that is closed before does not see.
    """
    if process.returncode is not None:
        process._transport.close()  # type: ignore[attr-defined]


async def stop(process: asyncio.subprocess.Process, patience: float = 0.0) -> int:
    """End a process as ``end`` does, and leave what it has printed last to be read."""
    try:
        async with asyncio.timeout(patience):
            return await exit_code(process)
    except TimeoutError:
        kill(process)
        return await exit_code(process)


def kill(process: asyncio.subprocess.Process) -> None:
    """Kill a child and leave it to asyncio to ask how it ended.

    ``Process.kill`` asks first. If the child has just ended, asyncio's own thread asks in vain
    then: it logs "Unknown child process" and takes 255 for the exit code.
    """
    if process.returncode is not None:
        return
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):  # no Linux, a kernel before 5.3, or a sandbox
        _kill_by_number(process)
        return
    try:
        # It fails for what is no child of this process: the number may be another's by now.
        os.waitid(os.P_PIDFD, descriptor, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except (ChildProcessError, ProcessLookupError):
        pass  # it has ended
    except (AttributeError, OSError):  # a kernel, or a C library of Python, without P_PIDFD
        _kill_by_number(process)
    finally:
        os.close(descriptor)


def _kill_by_number(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
