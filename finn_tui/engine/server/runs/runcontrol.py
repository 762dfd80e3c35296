"""The end of a run seen from outside: whether its runner has died, what that means, cancelling it.

The same on this machine and, through ``engine.pyz cancel`` and ``listing``, on another one: only
where a process runs can be proved whether it lives. Standard library only.
"""

import contextlib
import os
import signal
import time
from datetime import datetime, timezone
from typing import Any, Callable, Dict, Iterator, Mapping, Optional

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.runs import runfiles, runprocesses, runqueue, scheduled

#: Of a run on a machine that cannot be looked into only the heartbeat tells; clocks may differ.
SILENT_SECONDS = 600.0
#: How long a cancelled build may take to end its tools.
CANCEL_SECONDS = 20.0
#: A network folder may hide a document for a moment while another machine replaces it.
_READ_TRIES = 4
_READ_SECONDS = 0.1

State = Dict[str, Any]
#: Whether the runner that a state names is there and proved to be that one.
Alive = Callable[[Mapping[str, Any]], bool]
#: Signals the runner of a state; False if it cannot be proved.
SignalRunner = Callable[[Mapping[str, Any], int], bool]


def is_alive(state: Mapping[str, Any]) -> bool:
    """Return whether the runner that a state names lives, by the kernel's word."""
    return runprocesses.leader(state) is not None


def read_state(folder: str) -> State:
    """Return state.json of a run.

    Raises ``OSError`` or ``ValueError`` if it cannot be read, also after some tries.
    """
    path = os.path.join(folder, runfiles.STATE)
    for attempt in range(_READ_TRIES):
        last = attempt == _READ_TRIES - 1
        try:
            document = runfiles.read_json(path)
        except (OSError, ValueError):
            if last:
                raise
        else:
            if isinstance(document, dict):
                return document
            if last:
                raise FileNotFoundError("%s is missing" % path)
        time.sleep(_READ_SECONDS)
    raise AssertionError("not reached")


def is_final(state: Mapping[str, Any]) -> bool:
    """Return whether nothing will change any more."""
    return state.get("state") in runfiles.FINAL


def reconcile(folder: str, state: State, alive: Alive = is_alive) -> State:
    """Return the true state of a run: one whose process died without a last word is ``lost``.

    Writes state.json if it is, and ends tools that its runner left behind.

    Args:
        folder: the run folder.
        state: what state.json says.
        alive: how a runner is proved to live.
    """
    # Of a scheduler's job only the scheduler knows whether it lives, or will be started again.
    if is_final(state) or state.get("scheduler") or not _is_dead(folder, state, alive):
        return state
    with _held(folder) as held:
        # Somebody may hold it who has just begun; its last word may have come between the looks.
        with contextlib.suppress(OSError, ValueError):
            state = read_state(folder)
        if is_final(state) or not held or not _is_dead(folder, state, alive, held=True):
            return state
        return _bury(folder, state)


def conclude(folder: str, status: str, error: Optional[EngineError] = None) -> State:
    """End a run in the place of its runner, which somebody else has proved to be gone.

    Nothing is written over the runner's own last word, nor while a process holds the run.

    Args:
        folder: the run folder.
        status: how it has ended.
        error: why.

    Raises ``OSError`` or ``ValueError`` if state.json cannot be read.
    """
    with _held(folder) as held:
        state = read_state(folder)
        if is_final(state) or not held:
            return state
        return end_state(folder, state, status, error)


@contextlib.contextmanager
def _held(folder: str, patience: float = 0.2) -> Iterator[bool]:
    """Keep runners and other apps from a run for a moment; False if one of them has it."""
    try:
        lock = runfiles.hold(folder, patience)
    except BlockingIOError:
        yield False
        return
    except OSError:  # a folder that can be read only: nobody will write to it
        yield True
        return
    with lock:
        yield True


def _is_dead(folder: str, state: State, alive: Alive, held: bool = False) -> bool:
    """Whether it is proved that the runner is gone, or it has been silent for long."""
    silent = time.time() - runprocesses.valid_heartbeat(state.get("heartbeat"))
    if runprocesses.valid_pid(state.get("pid")) is None:
        return silent > runqueue.LAUNCH_SECONDS
    if alive(state):
        return False
    if silent > SILENT_SECONDS:
        return held or not runfiles.is_locked(folder)
    origin = runprocesses.origin(state)
    if origin == runprocesses.HERE and state.get("pid_ticks") is not None:
        return held or not runfiles.is_locked(folder)
    if origin in (runprocesses.HERE, runprocesses.SAME_KERNEL):
        # Its number may mean another process here, but a runner holds its lock while it lives.
        free = held or runfiles.is_free(folder)
        return free and silent > runqueue.LAUNCH_SECONDS
    return origin == runprocesses.REBOOTED and silent > runqueue.LAUNCH_SECONDS


def _bury(folder: str, state: State) -> State:
    heartbeat = runprocesses.valid_heartbeat(state.get("heartbeat"))
    last = datetime.fromtimestamp(heartbeat, timezone.utc).isoformat(timespec="seconds")
    where = "in %s" % state["step"] if state.get("step") else "before its first step"
    origin = runprocesses.origin(state)
    pid = runprocesses.valid_pid(state.get("pid"))
    again = "`finn-tui runs resume` goes on where its steps got to, `runs retry` builds anew."
    heard = "it was last heard of at %s, %s" % (last, where)
    if pid is None and state.get("started") is not None:
        what, why = (
            "the build has ended without a result",
            "Its state names no process; %s." % heard,
        )
    elif pid is None:
        what, why = "the build was never started", "Whoever launched it was ended while doing so."
    elif origin == runprocesses.REBOOTED:
        what, why = "the machine was restarted while the build ran", "I%s." % heard[1:]
    elif origin == runprocesses.ELSEWHERE:
        what = "the build has been silent for long"
        why = "Its process %d on %s cannot be seen from here; %s." % (
            pid,
            state.get("host") or "an unnamed machine",
            heard,
        )
        again = "Look there whether it still runs; cancel it there. %s" % again
    else:
        what = "the build was ended from outside"
        why = "Its process %d on %s is gone; %s." % (
            pid,
            state.get("host") or "this machine",
            heard,
        )
        again += " If nobody ended it, the kernel may have, for lack of memory (see dmesg)."
    if pid is not None and origin == runprocesses.HERE:
        # Its number may be somebody else's by now: only what carries the run's mark is ended.
        runprocesses.end_processes(folder)
    return end_state(folder, state, "lost", EngineError(what, why, again, kind="lost"))


def end_state(folder: str, state: State, status: str, error: Optional[EngineError] = None) -> State:
    """Write the last word of a run that cannot say it itself and return it.

    A reader on a full or read-only disk still answers truly; the next one may write it.
    """
    document = error.as_dict() if error is not None else None
    final = dict(state, state=status, position=None, ended=runfiles.now(), error=document)
    with contextlib.suppress(OSError):
        runfiles.save_state(folder, final)
        runfiles.append_event(folder, "state", state=status, error=document)
    return final


def cancel(
    folder: str, alive: Alive = is_alive, signal_runner: Optional[SignalRunner] = None
) -> State:
    """End a build with all its tools and return its state; one that has ended stays as it is.

    Args:
        folder: the run folder, as its processes know it.
        alive: how a runner is proved to live.
        signal_runner: signals a runner that the kernel does not prove.

    Raises ``EngineError`` if it runs on another machine, or its process cannot be ended, and
    ``OSError`` or ``ValueError`` if state.json cannot be read.
    """
    state = reconcile(folder, read_state(folder), alive)
    if is_final(state):
        return state
    if state.get("scheduler"):
        # Its job is ended by the scheduler; this says that nobody need ask why.
        scheduled.mark_cancelled(folder)
        return state
    if runprocesses.valid_pid(state.get("pid")) is None:
        state = _never(folder)
        if is_final(state) or runprocesses.valid_pid(state.get("pid")) is None:
            return state
    try:
        _ask_to_end(folder, state, alive, signal_runner)
    except PermissionError as error:
        raise EngineError(
            "%s belongs to another user" % os.path.basename(folder),
            str(error),
            "Ask them to cancel it.",
            kind="tools",
        ) from error
    deadline = time.monotonic() + CANCEL_SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.1)
        state = read_state(folder)
        if is_final(state):
            return state
        if not alive(state):
            break
    # It did not manage by itself: end what is there and say so in its place.
    return _force(folder, state, signal_runner)


def _ask_to_end(
    folder: str, state: State, alive: Alive, signal_runner: Optional[SignalRunner]
) -> None:
    """Send SIGTERM to the runner if it is proved to be this run's."""
    runner = runprocesses.leader(state)
    if runner is not None and runprocesses.works_on(runner, folder):
        runprocesses.send_signal(runner, signal.SIGTERM)
        return
    if signal_runner is not None and signal_runner(state, signal.SIGTERM):
        return
    id = os.path.basename(folder)
    if runner is not None or alive(state):
        raise EngineError(
            "process %s does not build %s" % (state.get("pid"), id),
            "Neither its arguments nor its environment name this run's folder; the folder may be "
            "a copy.",
            "Cancel the run in the folder where it was started.",
            kind="tools",
        )
    if _is_from_here(state):
        return  # it has just ended, or its lock is held by whoever looks at it
    place = str(state.get("host") or "an unnamed machine")
    if state.get("host") == runprocesses.host():
        place += ": another machine or container of the same name as this one"
    raise EngineError(
        "%s runs on %s" % (id, place),
        "A process can be ended only where it runs.",
        "Cancel it from %s." % (state.get("host") or "there"),
        kind="tools",
    )


def _is_from_here(state: State) -> bool:
    return runprocesses.origin(state) == runprocesses.HERE


def _never(folder: str) -> State:
    """Cancel a run whose process has not said anything yet; it will find it cancelled."""
    deadline = time.monotonic() + CANCEL_SECONDS
    while True:
        with _held(folder) as held:
            state = read_state(folder)
            begun = runprocesses.valid_pid(state.get("pid")) is not None
            if held and not begun and not is_final(state):
                return end_state(folder, state, "cancelled")
        if is_final(state) or begun or time.monotonic() > deadline:
            return state
        time.sleep(0.1)


def _force(folder: str, state: State, signal_runner: Optional[SignalRunner]) -> State:
    """End what is left of a run whose runner did not end by itself."""
    runner = runprocesses.leader(state)
    if runner is not None and runprocesses.works_on(runner, folder):
        # Whatever has left every trail is known by descent only as long as the runner lives.
        tools = runprocesses.build_processes(folder, runner)
        with contextlib.suppress(OSError):
            runprocesses.send_signal(runner, signal.SIGKILL)
        runprocesses.end_processes(folder, more=tools)
    elif _is_from_here(state):
        runprocesses.end_processes(folder)
    elif signal_runner is not None:
        signal_runner(state, signal.SIGKILL)
    with _held(folder, patience=2.0) as held:
        state_after = read_state(folder)
        if is_final(state_after):
            return state_after
        if not held:
            raise EngineError(
                "%s could not be cancelled" % os.path.basename(folder),
                "A process that is not known as this run's holds its folder.",
                "See which: `fuser -v %s`. Nothing else was ended."
                % os.path.join(folder, ".runner.lock"),
                kind="tools",
            )
        return end_state(folder, state_after, "cancelled")
