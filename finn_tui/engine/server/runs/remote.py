"""What finn-tui asks of runs on a machine where only this archive is: a request, an answer.

``engine.pyz JOB`` reads one JSON object from its standard input and prints one line; what shells
and settings files print besides does not matter. Standard library only.
"""

import contextlib
import json
import os
import shlex
import shutil
import sys
import time
from typing import Any, Callable, Dict, List, Optional

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.runs import (
    arrival,
    listing,
    runcontrol,
    runfiles,
    runprocesses,
    scheduled,
    sharing,
    starting,
)
from finn_tui.engine.server.tools import tools

#: What the line of the answer begins with.
MARK = "finn-tui answers: "

#: Working files: only going on with the build needs them.
WORKING = ("finn_build_dir", "build/intermediate_models", "build/stitched_ip")


def cancel(request: Dict[str, Any]) -> Dict[str, Any]:
    """End a run with all its tools; ``request``: ``folder``."""
    folder = os.path.realpath(str(request["folder"]))
    return {"state": runcontrol.cancel(folder)}


def conclude(request: Dict[str, Any]) -> Dict[str, Any]:
    """End a run whose scheduler says that its job is over; one that has ended stays as it is.

    ``request``: ``folder``; ``state``, how it has ended; ``error``, why, or null.
    """
    folder = os.path.realpath(str(request["folder"]))
    sharing.open_up(folder, whole=True)
    return {"state": runcontrol.conclude(folder, str(request["state"]), _reason(request))}


def conclude_many(request: Dict[str, Any]) -> Dict[str, Any]:
    """As ``conclude``, of runs that have all ended for one reason.

    ``request``: ``folders``; ``state``; ``error``. Of a run that cannot be read the state is null.
    """
    reason, states = _reason(request), []
    for folder in request["folders"]:
        state = None
        with contextlib.suppress(OSError, ValueError):
            path = os.path.realpath(str(folder))
            state = runcontrol.conclude(path, str(request["state"]), reason)
        states.append(state)
    return {"states": states}


def _reason(request: Dict[str, Any]) -> Optional[EngineError]:
    error = request.get("error")
    if not isinstance(error, dict):
        return None
    text = {key: str(error.get(key) or "") for key in ("what", "why", "fix", "kind", "detail")}
    return EngineError(**text)


def mark_cancelled(request: Dict[str, Any]) -> Dict[str, Any]:
    """Say that a user cancels runs whose jobs a scheduler is to end; ``request``: ``folders``."""
    for folder in request["folders"]:
        # One that is not there has no runner either.
        with contextlib.suppress(FileNotFoundError):
            scheduled.mark_cancelled(os.path.realpath(str(folder)))
    return {}


def requeue(request: Dict[str, Any]) -> Dict[str, Any]:
    """Make an ended run a queued one that a scheduler is to start; starts nothing.

    ``request``: ``folder``; ``step``, which it goes on at; ``job_name``, of the job that is to be
    asked for then. Asked again with the same name, as where the answer was lost, it is done once.
    The answer for a run that has not ended has ``silent``, the seconds since its last word.
    """
    folder, step = os.path.realpath(str(request["folder"])), str(request["step"])
    name = str(request["job_name"])
    state = runcontrol.read_state(folder)
    if not runcontrol.is_final(state):
        if state.get("job_name") == name:
            return {"state": state}
        silent = time.time() - runprocesses.valid_heartbeat(state.get("heartbeat"))
        return {"state": state, "silent": silent}
    starting.check_step(folder, step)
    starting.requeue(folder, step, os.path.abspath(sys.argv[0]))
    scheduled.unmark_cancelled(folder)
    state = dict(runcontrol.read_state(folder), scheduler="slurm", job_name=name)
    runfiles.save_state(folder, state)
    return {"state": state}


def clean(request: Dict[str, Any]) -> Dict[str, Any]:
    """Remove a run that has ended, or what only going on with it needs.

    ``request``: ``folder``; ``all``, whether the whole folder is to go; ``dry``, only measure.
    """
    folder = os.path.realpath(str(request["folder"]))
    paths: List[str] = []
    if os.path.isdir(folder):
        state = runcontrol.reconcile(folder, runcontrol.read_state(folder))
        if not runcontrol.is_final(state):
            raise EngineError(
                "%s has not ended" % os.path.basename(folder),
                "It is %s." % state.get("state"),
                "Wait for its end, or cancel it; then clean up.",
            )
        whole = bool(request.get("all"))
        paths = [folder] if whole else [os.path.join(folder, name) for name in WORKING]
        paths = [path for path in paths if os.path.isdir(path) and not os.path.islink(path)]
    # What nobody was allowed to remove the last time; a whole folder takes along what is in it.
    inside = os.path.join(folder, "") if folder in paths else None
    paths += [path for path in _half_removed(folder) if not inside or not path.startswith(inside)]
    count = sum(_bytes(path) for path in paths)
    if not request.get("dry"):
        _remove(folder, paths)
    return {"bytes": count}


def _remove(folder: str, paths: List[str]) -> None:
    kept: List[str] = []
    left: List[str] = []
    for number, path in enumerate(paths):
        # Away at once under its name: half a folder is never taken for a whole one.
        name = "%s%s-%d-%d" % (_removed_start(folder), time.time(), os.getpid(), number)
        gone = os.path.join(os.path.dirname(path), name)
        os.rename(path, gone)
        shutil.rmtree(gone, onerror=lambda _, place, error: kept.append(str(place)))
        if os.path.exists(gone):
            left.append(gone)
    if left:
        raise _not_removed(folder, kept[0], left)


def _removed_start(folder: str) -> str:
    return ".cleaned-%s-" % os.path.basename(folder)


def _half_removed(folder: str) -> List[str]:
    """What of a run somebody before could not remove."""
    paths: List[str] = []
    for place in (os.path.dirname(folder), folder, os.path.join(folder, "build")):
        with contextlib.suppress(OSError):
            names = os.listdir(place)
            start = _removed_start(folder)
            paths += [os.path.join(place, name) for name in names if name.startswith(start)]
    return paths


def _not_removed(folder: str, first: str, left: List[str]) -> EngineError:
    """The error for files that belong to somebody else, as after a build in a container."""
    why = "%s is not this user's (%d)" % (first, os.geteuid())
    with contextlib.suppress(OSError):
        owner = os.lstat(os.path.dirname(first)).st_uid
        why = "%s is in a folder of the user %d; this one is %d" % (first, owner, os.geteuid())
    return EngineError(
        "not all of %s can be removed" % os.path.basename(folder),
        why,
        "Remove the rest there as its owner: sudo rm -rf %s" % " ".join(map(shlex.quote, left)),
        kind="disk",
    )


def _bytes(path: str) -> int:
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
            except OSError:
                continue
    return total


def survey(request: Dict[str, Any]) -> Dict[str, Any]:
    """Tell what a build here can count on; ``request``: ``folder``, where runs are to lie."""
    folder = os.path.realpath(os.path.expanduser(str(request["folder"])))
    with contextlib.suppress(PermissionError):
        os.makedirs(folder, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise EngineError(
            "%s cannot be written" % folder,
            "FINN runs as the user %d there, who may not" % os.geteuid(),
            "Look at its owner and its rights; a container gets another user by --user among its "
            "options",
        )
    notes: List[str] = []
    way = starting.launch_way(notes)
    return {
        "folder": folder,
        "free": listing.free_bytes(folder),
        "memory": _available_memory(),
        "tools": tools(),
        "python": "%d.%d.%d" % sys.version_info[:3],
        "host": runprocesses.host(),
        "time": time.time(),
        "way": way,
        "notes": notes,
    }


def _available_memory() -> int:
    try:
        with open("/proc/meminfo") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


JOBS: Dict[str, Callable[[Dict[str, Any]], Dict[str, Any]]] = {
    "listing": listing.listing,
    "receive": arrival.receive,
    "receive_many": arrival.receive_many,
    "ready": starting.ready,
    "start": starting.start,
    "cancel": cancel,
    "conclude": conclude,
    "conclude_many": conclude_many,
    "mark_cancelled": mark_cancelled,
    "requeue": requeue,
    "clean": clean,
    "survey": survey,
}


def main(job: str) -> int:
    """Do what is asked; returns 0, also where the answer is an error."""
    try:
        request = json.loads(sys.stdin.buffer.read().decode("utf-8") or "{}")
        answer: Dict[str, Any] = {"result": JOBS[job](request)}
    except EngineError as error:
        answer = {"error": error.as_dict()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        failure = EngineError(
            "%s failed" % job, "%s: %s" % (type(error).__name__, error), kind="engine"
        )
        answer = {"error": failure.as_dict()}
    sys.stdout.write("\n%s%s\n" % (MARK, json.dumps(answer)))
    sys.stdout.flush()
    return 0
