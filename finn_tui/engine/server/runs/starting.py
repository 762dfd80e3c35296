"""Starting a run's runner so that it outlives whoever starts it. Standard library only.

``engine.pyz start`` does this on a host: over SSH, the runner must outlive the connection.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from typing import Any, Dict, List, Optional

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.runs import runcontrol, runfiles, runprocesses, runqueue, scheduled

#: The runner imports nothing of FINN before it says that it runs; a network disk may be slow.
START_SECONDS = 60.0
_ASK_SECONDS = 5.0


def ready(request: Dict[str, Any]) -> Dict[str, Any]:
    """Make a run one that somebody else is to start, as in a container of its own.

    ``request``: as of ``start``. The answer says by ``untouched`` whether it is to be started.
    """
    folder = os.path.realpath(str(request["folder"]))
    try:
        state = _queued(folder, request)
    except (OSError, ValueError) as error:
        raise _not_startable(folder, error) from error
    return {"state": state, "untouched": _is_untouched(state), "notes": []}


def _queued(folder: str, request: Dict[str, Any]) -> Dict[str, Any]:
    """The state of a run whose turn may come; one that was started is left as it is."""
    if request.get("resume"):
        step = str(request["resume"])
        check_step(folder, step)
        requeue(folder, step, os.path.abspath(sys.argv[0]))
        scheduled.unmark_cancelled(folder)
    state = runcontrol.read_state(folder)
    if not _is_untouched(state):
        return state
    runqueue.set_limit(os.path.dirname(folder), int(request.get("parallel", 1)))
    if runqueue.number_of(folder) is None or request.get("resume"):
        runqueue.take(folder)
    # The wait for the launch counts from here, by this machine's clock.
    state = dict(state, heartbeat=time.time())
    runfiles.save_state(folder, state)
    return state


def start(request: Dict[str, Any]) -> Dict[str, Any]:
    """Start the runner of a queued run and wait until it has taken over; once is enough.

    ``request``: ``folder``; ``parallel``, how many builds of this folder of runs work at once;
    ``resume``, the step to go on at if the run has ended.
    """
    folder = os.path.realpath(str(request["folder"]))
    notes: List[str] = []
    try:
        state = _queued(folder, request)
        if not _is_untouched(state):
            return {"state": state, "way": "", "notes": notes}
        way = launch_way(notes)
        child = _launch(folder, way)
        if not _has_taken_over(folder, child) and way == "systemd":
            # A user manager that does not answer is no reason not to build.
            way = "session"
            notes.append("systemd-run did not start it; it runs in a session of its own")
            child = _launch(folder, way)
            _has_taken_over(folder, child)
        state = runcontrol.read_state(folder)
    except (OSError, ValueError) as error:
        raise _not_startable(folder, error) from error
    if _is_untouched(state):
        if child.poll() is None:
            child.kill()
        with contextlib.suppress(OSError):
            runcontrol.end_state(folder, state, "failed", _not_started(folder, child))
        raise _not_started(folder, child)
    return {"state": state, "way": way, "notes": notes}


def _not_startable(folder: str, error: Exception) -> EngineError:
    return EngineError(
        "The run could not be started",
        str(error),
        "Make room on the disk, and look at the owner and the rights of %s" % folder,
        kind="disk",
    )


def _not_started(folder: str, child: "subprocess.Popen[bytes]") -> EngineError:
    try:
        with open(os.path.join(folder, runfiles.LOG), "rb") as file:
            tail = file.read()[-2000:].decode("utf-8", "replace").strip()
    except OSError:
        tail = ""
    return EngineError(
        "The run could not be started",
        tail or "Its runner ended with code %s and said nothing." % child.poll(),
        "Check the engine there; the run's folder is kept",
        kind="engine",
    )


def check_step(folder: str, step: str) -> None:
    """Raise ``EngineError`` unless the graph for a step is there."""
    steps = scheduled.resume_steps(folder)
    if step not in steps:
        raise EngineError(
            "%s cannot go on at %s" % (os.path.basename(folder), step),
            "It left the graphs for %s." % (", ".join(steps) or "no step"),
            "Name one of them, or build it anew: finn-tui runs retry %s" % os.path.basename(folder),
        )


def _is_untouched(state: Dict[str, Any]) -> bool:
    """Whether no runner has said anything yet."""
    return state.get("state") == "queued" and state.get("pid") is None


def requeue(folder: str, step: str, archive: str) -> None:
    """Make an ended run a queued one again that goes on at a step.

    A failure that its rehearsal was told to have is taken back.

    Args:
        folder: the run folder.
        step: FINN's name of the step to begin with.
        archive: the engine's code that works on it from now on.

    Raises ``EngineError`` if it has not ended or somebody else has just resumed it, and ``OSError``
    if the folder cannot be written.
    """
    id = os.path.basename(folder)
    follow = "Follow it: finn-tui attach %s" % id
    try:
        lock = runfiles.hold(folder)
    except BlockingIOError as error:
        raise EngineError(
            "%s is at work" % id, "Somebody else has just resumed it.", follow
        ) from error
    with lock:
        state = runcontrol.read_state(folder)
        if not runcontrol.is_final(state):
            raise EngineError("%s has not ended" % id, "It is %s." % state.get("state"), follow)
        target = os.path.join(folder, "engine.pyz")
        shutil.copyfile(archive, target + ".partial")
        os.replace(target + ".partial", target)
        plan = os.path.join(folder, "rehearsal", "rehearsal.json")
        if os.path.isfile(plan):
            with open(plan, encoding="utf-8") as file:
                document = json.load(file)
            runfiles.write_json(plan, dict(document, fail=None))
        attempt = int(state.get("attempt") or 1) + 1
        queued: Dict[str, Any] = {"state": "queued"}
        queued.update(runprocesses.identity())
        queued.update({"heartbeat": time.time(), "attempt": attempt, "from": step})
        runfiles.save_state(folder, queued)
        runfiles.append_event(folder, "state", state="queued", error=None)
        text = "attempt %d goes on at %s" % (attempt, step)
        runfiles.append_event(folder, "log", level="info", text=text)


def launch_way(notes: List[str]) -> str:
    """Return how a process outlives its login here: ``systemd`` or ``session``.

    systemd may end whatever a session has left when its user has logged out; a scope of the
    user's own manager is no part of a session.

    Args:
        notes: gets what the user should know.
    """
    # The module pwd is not everywhere, and a number does for loginctl.
    user = str(os.getuid())
    lingers = _ask("loginctl", "show-user", user, "--property=Linger", "--value") == "yes"
    runtime = os.environ.get("XDG_RUNTIME_DIR") or "/run/user/%s" % user
    manager = os.path.exists(os.path.join(runtime, "systemd", "private"))
    if lingers and manager and shutil.which("systemd-run"):
        return "systemd"
    if _ask("loginctl", "show-session", "--property=KillUserProcesses", "--value") == "yes":
        notes.append(
            "this host ends all processes of a user at logout (KillUserProcesses of systemd): run "
            "`loginctl enable-linger` there once, else the build may end with the connection"
        )
    return "session"


def _ask(*command: str) -> Optional[str]:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_ASK_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None


def _launch(folder: str, way: str) -> "subprocess.Popen[bytes]":
    """Start the runner without terminal, in a session of its own."""
    command = [sys.executable, os.path.join(folder, "engine.pyz"), "build", folder]
    environment = dict(os.environ)
    # Of this process, not of the user's environment.
    for name in ("PYTHONHOME", "PYTEST_CURRENT_TEST", runprocesses.MARK):
        environment.pop(name, None)
    if way == "systemd":
        environment.setdefault("XDG_RUNTIME_DIR", "/run/user/%d" % os.getuid())
        unit = "finn-tui-%s-%d" % (os.path.basename(folder), os.getpid())
        scope = ["systemd-run", "--user", "--scope", "--quiet", "--collect", "--unit=" + unit]
        command = [*scope, "--", *command]
    with open(os.path.join(folder, runfiles.LOG), "ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )


def _has_taken_over(folder: str, child: "subprocess.Popen[bytes]") -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        ended = child.poll() is not None
        if not _is_untouched(runcontrol.read_state(folder)):
            return True
        if ended:
            return False
        time.sleep(0.05)
    return False
