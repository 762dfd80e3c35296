"""The runner's process: whether it is alive, ending it, and what its death means."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from finn_tui.engine.server import runfiles, runqueue
from finn_tui.errors import FinnTuiError
from finn_tui.runs.folder import RunFolder, RunState

#: A process with the same id that began further away than this is another one. Used only where
#: the kernel's ticks are not known; the clock may have been set since.
_SAME_START_SECONDS = 2.0
#: On another machine only the heartbeat tells; clocks of machines may differ.
SILENT_SECONDS = 600.0
#: How long a cancelled build may take to end its tools.
CANCEL_SECONDS = 20.0

_LINUX = Path("/proc/self/stat").exists()

#: Runners started by this process: they must be waited for, or they stay as zombies.
_children: list[subprocess.Popen[bytes]] = []


def adopt(child: subprocess.Popen[bytes]) -> None:
    """Remember a runner as a child of this process; it is not ended with it."""
    _children.append(child)


def alive(state: RunState) -> bool:
    """Whether the process that state.json names is there and is still that process."""
    for child in list(_children):
        if child.poll() is not None:
            _children.remove(child)
    if state.pid is None or (state.boot and runfiles.boot() not in (None, state.boot)):
        return False
    try:
        process = psutil.Process(state.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        started = process.create_time()
    except psutil.Error:
        return False
    if state.pid_ticks is not None and _LINUX:
        return runfiles.process_ticks(state.pid) == state.pid_ticks
    return state.pid_started is None or abs(started - state.pid_started) < _SAME_START_SECONDS


def reconcile(run: RunFolder) -> RunState:
    """The true state of a run: one whose process has died without a last word becomes ``lost``.

    Reads and, if it is lost, writes state.json and ends tools that its runner left behind.

    Raises:
        FinnTuiError: state.json is missing or broken.
    """
    state = run.state()
    if state.final or not _dead(run, state):
        return state
    with _held(run) as held:
        # Somebody may hold it who has just begun; its last word may have come between the looks.
        state = run.state()
        if state.final or not held or not _dead(run, state, held=True):
            return state
        return _bury(run, state)


@contextlib.contextmanager
def _held(run: RunFolder) -> Iterator[bool]:
    """Keep runners and other apps from a run for a moment; False if one of them has it."""
    try:
        lock = runfiles.hold(str(run.path), 0.2)
    except BlockingIOError:
        yield False
        return
    except OSError:  # a folder that can be read only: nobody will write to it
        yield True
        return
    with lock:
        yield True


def _dead(run: RunFolder, state: RunState, *, held: bool = False) -> bool:
    silent = time.time() - state.heartbeat
    if state.pid is None:
        return silent > runqueue.LAUNCH_SECONDS
    if state.host != runfiles.host():
        return silent > SILENT_SECONDS
    return not alive(state) and (held or not runfiles.is_locked(str(run.path)))


def _bury(run: RunFolder, state: RunState) -> RunState:
    last = datetime.fromtimestamp(state.heartbeat, UTC).isoformat(timespec="seconds")
    where = f"in {state.step}" if state.step else "before its first step"
    here = state.host == runfiles.host()
    again = "`finn-tui runs resume` goes on where its steps got to, `runs retry` builds anew."
    if state.pid is None:
        what, why = "the build was never started", "Whoever launched it was ended while doing so."
    elif here and state.boot and runfiles.boot() not in (None, state.boot):
        what = "the machine was restarted while the build ran"
        why = f"It was last heard of at {last}, {where}."
    else:
        what = "the build was ended from outside"
        why = (
            f"Its process {state.pid} on {state.host or 'this machine'} is gone; it was last heard "
            f"of at {last}, {where}."
        )
        again += " If nobody ended it, the kernel may have, for lack of memory (see dmesg)."
    error = FinnTuiError(what, why, again, kind="lost")
    if state.pid is not None and state.host == runfiles.host() and _LINUX:
        runfiles.end_processes(str(run.path), state.pid)
    return _write(run, state, "lost", error)


def _write(run: RunFolder, state: RunState, name: str, error: FinnTuiError | None) -> RunState:
    final = replace(state, state=name, position=None, ended=runfiles.now(), error=error)
    said = error.as_dict() if error else None
    document: dict[str, Any] = {**vars(final), "error": said}
    # A reader on a full or read-only disk still answers truly; the next one may write it.
    with contextlib.suppress(OSError):
        runfiles.save_state(str(run.path), document)
        runfiles.append_event(str(run.path), "state", state=name, error=said)
    return final


async def cancel(run: RunFolder) -> RunState:
    """End a build with all its tools and return its state; one that has ended stays as it is.

    Raises:
        FinnTuiError: it runs on another machine, or its process cannot be ended.
    """
    state = await asyncio.to_thread(reconcile, run)
    if state.final:
        return state
    if state.pid is None:
        state = await asyncio.to_thread(_never, run)
        if state.final or state.pid is None:
            return state
    if state.host != runfiles.host():
        raise FinnTuiError(
            f"{run.id} runs on {state.host}",
            "A process can be ended only where it runs.",
            f"Cancel it from {state.host}.",
            kind="tools",
        )
    try:
        if alive(state):
            psutil.Process(state.pid).send_signal(signal.SIGTERM)
    except psutil.NoSuchProcess:
        return await asyncio.to_thread(reconcile, run)
    except psutil.AccessDenied as error:
        raise FinnTuiError(
            f"{run.id} belongs to another user",
            str(error),
            "Ask them to cancel it.",
            kind="tools",
        ) from error
    deadline = time.monotonic() + CANCEL_SECONDS
    while time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        state = await asyncio.to_thread(run.state)
        if state.final:
            return state
        if not alive(state):
            break
    # It did not manage by itself: end what is there and say so in its place.
    return await asyncio.to_thread(_force, run, state)


def _never(run: RunFolder) -> RunState:
    """Cancel a run whose process has not said anything yet; it will find it cancelled."""
    deadline = time.monotonic() + CANCEL_SECONDS
    while True:
        with _held(run) as held:
            state = run.state()
            if held and state.pid is None and not state.final:
                return _write(run, state, "cancelled", None)
        if state.final or state.pid is not None or time.monotonic() > deadline:
            return state
        time.sleep(0.1)


def _force(run: RunFolder, state: RunState) -> RunState:
    assert state.pid is not None
    if alive(state):
        with contextlib.suppress(psutil.Error):
            psutil.Process(state.pid).kill()
    runfiles.end_processes(str(run.path), state.pid)
    now = run.state()
    return now if now.final else _write(run, now, "cancelled", None)
