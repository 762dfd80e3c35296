"""The runner's process: whether it is alive, ending it, and what its death means."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.server import runfiles, runprocesses, runqueue
from finn_tui.runs.documents import RunError, RunState, RunStatus
from finn_tui.runs.folder import RunFolder

#: Of a run on a machine that cannot be looked into only the heartbeat tells; clocks may differ.
SILENT_SECONDS = 600.0
#: Start times of one process differ by less where only the clock tells them (no /proc).
_SAME_START_SECONDS = 1.0
#: How long a cancelled build may take to end its tools.
CANCEL_SECONDS = 20.0

#: Runners started by this process: they must be waited for, or they stay as zombies.
_children: list[subprocess.Popen[bytes]] = []


def _has_proc() -> bool:
    return Path("/proc/self").exists()


def adopt(child: subprocess.Popen[bytes]) -> None:
    """Remember a runner as a child of this process; it is not ended with it."""
    _children.append(child)


def alive(state: RunState) -> bool:
    """Whether the process that state.json names is there and proved to be that process."""
    for child in list(_children):
        if child.poll() is not None:
            _children.remove(child)
    return runprocesses.leader(state.as_dict()) is not None or _by_clock(state) is not None


def is_here(state: RunState) -> bool:
    """Whether the process numbers of a state count on this machine and in this container."""
    return runprocesses.origin(state.as_dict()) == runprocesses.HERE or alive(state)


def build_pids(run: RunFolder, state: RunState) -> list[int]:
    """Return the processes of a run but its runner; without a proved runner the marked ones."""
    runner = runprocesses.leader(state.as_dict())
    processes = runprocesses.build_processes(str(run.path), runner)
    return [process.pid for process in processes if process.pid != state.pid]


def _by_clock(state: RunState) -> psutil.Process | None:
    """The runner on a system without /proc: its number, and its start by the clock."""
    if _has_proc() or state.pid is None or state.pid_started is None:
        return None
    # A boot id means that Linux wrote it, perhaps in a home directory that both share.
    if state.boot is not None or state.host != runprocesses.host() or state.pid == os.getpid():
        return None
    try:
        process = psutil.Process(state.pid)
        same = abs(process.create_time() - state.pid_started) < _SAME_START_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


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
def _held(run: RunFolder, patience: float = 0.2) -> Iterator[bool]:
    """Keep runners and other apps from a run for a moment; False if one of them has it."""
    try:
        lock = runfiles.hold(str(run.path), patience)
    except BlockingIOError:
        yield False
        return
    except OSError:  # a folder that can be read only: nobody will write to it
        yield True
        return
    with lock:
        yield True


def _dead(run: RunFolder, state: RunState, *, held: bool = False) -> bool:
    """Whether it is proved that the runner is gone, or it has been silent for long."""
    silent = time.time() - state.heartbeat
    if state.pid is None:
        return silent > runqueue.LAUNCH_SECONDS
    if alive(state):
        return False
    if silent > SILENT_SECONDS:
        return held or not runfiles.is_locked(str(run.path))
    origin = runprocesses.origin(state.as_dict())
    if origin == runprocesses.HERE and state.pid_ticks is not None:
        return held or not runfiles.is_locked(str(run.path))
    if origin in (runprocesses.HERE, runprocesses.SAME_KERNEL):
        # Its number may mean another process here, but a runner holds its lock while it lives.
        free = held or runfiles.is_free(str(run.path))
        return free and silent > runqueue.LAUNCH_SECONDS
    return origin == runprocesses.REBOOTED and silent > runqueue.LAUNCH_SECONDS


def _bury(run: RunFolder, state: RunState) -> RunState:
    last = datetime.fromtimestamp(state.heartbeat, UTC).isoformat(timespec="seconds")
    where = f"in {state.step}" if state.step else "before its first step"
    origin = runprocesses.origin(state.as_dict())
    again = "`finn-tui runs resume` goes on where its steps got to, `runs retry` builds anew."
    heard = f"it was last heard of at {last}, {where}"
    if state.pid is None and state.started is not None:
        what, why = "the build has ended without a result", f"Its state names no process; {heard}."
    elif state.pid is None:
        what, why = "the build was never started", "Whoever launched it was ended while doing so."
    elif origin == runprocesses.REBOOTED:
        what, why = "the machine was restarted while the build ran", f"I{heard[1:]}."
    elif origin == runprocesses.ELSEWHERE:
        what = "the build has been silent for long"
        why = (
            f"Its process {state.pid} on {state.host or 'an unnamed machine'} cannot be seen from "
            f"here; {heard}."
        )
        again = f"Look there whether it still runs; cancel it there. {again}"
    else:
        what = "the build was ended from outside"
        why = f"Its process {state.pid} on {state.host or 'this machine'} is gone; {heard}."
        again += " If nobody ended it, the kernel may have, for lack of memory (see dmesg)."
    error = FinnTuiError(what, why, again, kind="lost")
    if state.pid is not None and origin == runprocesses.HERE:
        # Its number may be somebody else's by now: only what carries the run's mark is ended.
        runprocesses.end_processes(str(run.path))
    return _write(run, state, RunStatus.LOST, error)


def _write(
    run: RunFolder, state: RunState, status: RunStatus, error: FinnTuiError | None
) -> RunState:
    document = error.as_dict() if error else None
    final = msgspec.structs.replace(
        state,
        state=status,
        position=None,
        ended=runfiles.now(),
        error_document=RunError(**document) if document else None,
    )
    # A reader on a full or read-only disk still answers truly; the next one may write it.
    with contextlib.suppress(OSError):
        runfiles.save_state(str(run.path), final.as_dict())
        runfiles.append_event(str(run.path), "state", state=status, error=document)
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
    try:
        await asyncio.to_thread(_ask_to_end, run, state)
    except (PermissionError, psutil.AccessDenied) as error:
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


def _ask_to_end(run: RunFolder, state: RunState) -> None:
    """Send SIGTERM to the runner if it is proved to be this run's.

    Raises:
        FinnTuiError: it runs elsewhere, or its process is not proved to be this run's.
        PermissionError, psutil.AccessDenied: it belongs to another user.
    """
    runner = runprocesses.leader(state.as_dict())
    if runner is not None and runprocesses.works_on(runner, str(run.path)):
        runprocesses.send_signal(runner, signal.SIGTERM)
        return
    process = _by_clock(state)
    if process is not None and str(run.path) in process.cmdline():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)
        return
    if runner is None and process is None and _is_from_here(state):
        return  # it has just ended, or its lock is held by whoever looks at it
    if runner is not None or process is not None:
        raise FinnTuiError(
            f"process {state.pid} does not build {run.id}",
            "Neither its arguments nor its environment name this run's folder; the folder may be "
            "a copy.",
            "Cancel the run in the folder where it was started.",
            kind="tools",
        )
    place = f"{state.host or 'an unnamed machine'}"
    if state.host == runprocesses.host():
        place += ": another machine or container of the same name as this one"
    raise FinnTuiError(
        f"{run.id} runs on {place}",
        "A process can be ended only where it runs.",
        f"Cancel it from {state.host or 'there'}.",
        kind="tools",
    )


def _is_from_here(state: RunState) -> bool:
    return runprocesses.origin(state.as_dict()) == runprocesses.HERE


def _never(run: RunFolder) -> RunState:
    """Cancel a run whose process has not said anything yet; it will find it cancelled."""
    deadline = time.monotonic() + CANCEL_SECONDS
    while True:
        with _held(run) as held:
            state = run.state()
            if held and state.pid is None and not state.final:
                return _write(run, state, RunStatus.CANCELLED, None)
        if state.final or state.pid is not None or time.monotonic() > deadline:
            return state
        time.sleep(0.1)


def _force(run: RunFolder, state: RunState) -> RunState:
    """End what is left of a run whose runner did not end by itself.

    Raises:
        FinnTuiError: its lock is held by a process that is not proved to be this run's.
    """
    folder = str(run.path)
    runner = runprocesses.leader(state.as_dict())
    if runner is not None and runprocesses.works_on(runner, folder):
        # Whatever has left every trail is known by descent only as long as the runner lives.
        tools = runprocesses.build_processes(folder, runner)
        with contextlib.suppress(OSError):
            runprocesses.send_signal(runner, signal.SIGKILL)
        runprocesses.end_processes(folder, more=tools)
    elif _is_from_here(state):
        runprocesses.end_processes(folder)
    elif (process := _by_clock(state)) is not None and folder in process.cmdline():
        with contextlib.suppress(psutil.Error):
            process.kill()
    with _held(run, patience=2.0) as held:
        state_after = run.state()
        if state_after.final:
            return state_after
        if not held:
            raise FinnTuiError(
                f"{run.id} could not be cancelled",
                "A process that is not known as this run's holds its folder.",
                f"See which: `fuser -v {run.path / '.runner.lock'}`. Nothing else was ended.",
                kind="tools",
            )
        return _write(run, state_after, RunStatus.CANCELLED, None)
