"""The build runner: keeps one build's run folder true while FINN works in a child process.

``engine.pyz build RUN`` ends up in ``main``. This process imports nothing of FINN: it starts the
builder, writes ``state.json`` and ``events.jsonl`` from what the builder reports, beats the heart,
and ends every process of the build when it is told to (SIGTERM) or when the builder is gone. So a
builder that is killed for memory still gets a last word, and a cancelled build leaves no Vivado
behind. If this process itself is killed, the builder notices and ends with all its tools; whoever
reads the run folder next finds no process and says ``lost``. While other builds have their turn it
waits, and it starts the user's own command when all is over.
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.build import build_config, build_results
from finn_tui.engine.server.failures import build_failure
from finn_tui.engine.server.runs import runfiles, runprocesses, runqueue, scheduled, sharing

HEARTBEAT_SECONDS = 5.0
_NOTIFY_SECONDS = 30.0
_PR_SET_CHILD_SUBREAPER = 36

#: Starts the builder from the same place as this module, a folder or an archive. Nothing is
#: imported from the working directory: that is the run folder, which may be somebody else's.
_BOOT = (
    "import sys; sys.path[:] = [sys.argv[1]] + [p for p in sys.path if p not in ('', '.')]; "
    "import importlib; sys.exit(importlib.import_module(sys.argv[2]).main(sys.argv[3:]))"
)


class _Kind(NamedTuple):
    """What differs between the kinds of runs.

    Attributes: ``module`` whose ``main`` does the work, ``environment`` of its process,
    ``collect`` what its reports say at the end, for results.json.
    """

    module: str
    environment: Callable[[Dict[str, Any], str], Dict[str, str]]
    collect: Callable[[str, Dict[str, Any]], Dict[str, Any]]


#: By the ``kind`` in run.json; a run that does not say it is a build.
_KINDS = {
    "build": _Kind(
        "finn_tui.engine.server.build.builder", build_config.environment, build_results.collect
    ),
    # A training writes its results itself, after each epoch.
    "train": _Kind(
        "finn_tui.engine.server.training.job",
        # Threads that wait for each other sleep: beside other work, spinning costs three quarters.
        lambda run, folder: {"OMP_WAIT_POLICY": "PASSIVE", **os.environ},
        lambda folder, run: {},
    ),
}


def main(run_folder: str) -> int:
    """Build what ``run.json`` in a run folder asks for; returns 0 if that succeeded.

    Returns 1 if the build failed or was cancelled, 2 if there is nothing to build: no readable
    run folder, a run that has ended, or one that another runner works on.
    """
    folder = os.path.realpath(run_folder)
    try:
        run = runfiles.read_json(os.path.join(folder, runfiles.RUN))
    except (OSError, ValueError) as error:
        sys.stderr.write("%s cannot be read: %s\n" % (folder, error))
        return 2
    if run is None:
        sys.stderr.write("%s is no run folder: it has no run.json\n" % folder)
        return 2
    notify = os.environ.pop(runfiles.NOTIFY, "")
    try:
        lock = runfiles.hold(folder)
    except OSError as error:
        sys.stderr.write("another process is building this run: %s\n" % error)
        return 2
    with lock:
        # Read only now: it may have been cancelled before it was ours.
        try:
            state = runfiles.read_json(os.path.join(folder, runfiles.STATE)) or {}
        except (OSError, ValueError) as error:
            sys.stderr.write("%s cannot be read: %s\n" % (folder, error))
            return 2
        state = scheduled.go_on(folder, run, state)
        if state.get("state") in runfiles.FINAL:
            sys.stderr.write("this run has ended already: it is %s\n" % state["state"])
            return 2
        if run.get("kind", "build") not in _KINDS:
            sys.stderr.write("this finn-tui knows no runs of the kind %s\n" % run["kind"])
            return 2
        build = _Runner(folder, run, state)
        code = build.work()
    if notify:
        _notify(notify, folder, build.state["state"])
    return code


def _notify(command: str, folder: str, state: str) -> None:
    """Start the user's command; it is waited for a little so that its words reach runner.log."""
    environment = dict(os.environ)
    environment["FINN_TUI_RUN"] = os.path.basename(folder)
    environment["FINN_TUI_STATE"] = state
    environment["FINN_TUI_FOLDER"] = folder
    try:
        child = subprocess.Popen(
            command, shell=True, env=environment, cwd=folder, start_new_session=True
        )
        child.wait(_NOTIFY_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    except OSError as error:
        _complain("the command at the end could not be started: %s\n" % error)


class _Runner:
    """One build. All fields of state.json are written from here."""

    def __init__(self, folder: str, run: Dict[str, Any], before: Dict[str, Any]) -> None:
        self.folder = folder
        self.run = run
        self.kind = _KINDS[run.get("kind", "build")]
        #: The step to go on from, if this is not the first attempt.
        self.start: str = before.get("from") or ""
        self.cancelled = False
        self.error: Optional[Dict[str, str]] = None
        self.done = False
        self.worker: Optional["subprocess.Popen[bytes]"] = None
        self.state: Dict[str, Any] = {
            "state": "queued",
            "position": None,
            "attempt": before.get("attempt", 1),
            "from": self.start or None,
            "step": None,
            "step_index": 0,
            "step_count": 0,
            "heartbeat": time.time(),
            "started": None,
            "ended": None,
            "error": None,
            "scheduler": scheduled.name(),
            "job": scheduled.job(),
        }
        self.state.update(runprocesses.own_identity())

    def work(self) -> int:
        self._detach()
        try:
            self._wait_for_turn()
            if not self.cancelled:
                runfiles.reserve(self.folder)
                self.state["started"] = runfiles.now()
                self._save("running")
                self._start_worker()
                self._attend()
        except OSError as error:
            self.error = build_failure.explain(error, self.folder).as_dict()
        runprocesses.end_processes(self.folder, runprocesses.myself())
        self._end_worker()
        return self._finish()

    def _end_worker(self) -> None:
        """End the builder where there is no /proc to find its processes by."""
        if self.worker is not None and self.worker.poll() is None:
            self.worker.terminate()
            try:
                self.worker.wait(5.0)
            except subprocess.TimeoutExpired:
                self.worker.kill()
                self.worker.wait()

    def _wait_for_turn(self) -> None:
        """Wait until this run may build, saying in state.json which in the line it is."""
        if scheduled.is_scheduled():
            return  # its turn has come, or the scheduler had not started it
        number: Optional[int] = None
        while not self.cancelled:
            try:
                number = runqueue.own_ticket(self.folder, number)
                place = runqueue.place(self.folder, number)
            except OSError as error:
                _complain("the queue cannot be read, building at once: %s\n" % error)
                place = 0
            if place == 0:
                self.state["position"] = None
                return
            late = time.time() - self.state["heartbeat"] > HEARTBEAT_SECONDS
            if place != self.state["position"] or late:
                self.state["position"] = place
                self._save()
            until = time.monotonic() + runqueue.seconds_to_look(place)
            while not self.cancelled and time.monotonic() < until:
                time.sleep(runqueue.LOOK_SECONDS)  # a signal does not end a sleep

    def _detach(self) -> None:
        """A session of its own, no terminal, everything said into runner.log."""
        if os.getsid(0) != os.getpid():
            # A group's leader has to stay in its session; its processes are found by mark, too.
            with contextlib.suppress(OSError):
                os.setsid()
        # What a tool leaves to itself becomes a child of this process: none gets out of reach.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        signal.signal(signal.SIGTERM, self._on_cancel)
        signal.signal(signal.SIGINT, self._on_cancel)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        log = os.open(
            os.path.join(self.folder, runfiles.LOG), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644
        )
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)

    def _on_cancel(self, *_: Any) -> None:
        self.cancelled = True

    def _start_worker(self) -> None:
        events_read, events_write = os.pipe()
        alive_read, self._alive = os.pipe()
        root = os.path.abspath(__file__)
        for _ in range(4):
            root = os.path.dirname(root)
        environment = self.kind.environment(self.run, self.folder)
        if "FINN_BUILD_DIR" in environment:
            os.makedirs(environment["FINN_BUILD_DIR"], exist_ok=True)
        environment[runprocesses.MARK] = self.folder
        environment["PYTHONUNBUFFERED"] = "1"
        # FINN re-raises instead of reporting when it believes to be under pytest.
        environment.pop("PYTEST_CURRENT_TEST", None)
        self.worker = subprocess.Popen(
            [
                *(sys.executable, "-c", _BOOT, root, self.kind.module, self.folder),
                *(str(events_write), str(alive_read), self.start),
            ],
            pass_fds=(events_write, alive_read),
            env=environment,
            cwd=self.folder,
        )
        os.close(events_write)
        os.close(alive_read)
        self._events = events_read
        os.set_blocking(events_read, False)

    def _attend(self) -> None:
        """Take in what the builder reports until it has ended or the build is cancelled."""
        assert self.worker is not None
        pending = b""
        while not self.cancelled:
            ended = self.worker.poll() is not None
            if not ended:
                # Short enough that a cancel, whose signal only sets a flag, is seen at once.
                select.select([self._events], [], [], 0.2)
            try:
                chunk = os.read(self._events, 65536)
            except BlockingIOError:
                chunk = b""
            pending += chunk
            lines = pending.split(b"\n")
            pending = lines.pop()
            for line in lines:
                self._on_message(json.loads(line.decode("utf-8")))
            if ended and not chunk:
                return
            if not chunk:
                time.sleep(0.05)  # a closed pipe is readable for ever
            if time.time() - self.state["heartbeat"] > HEARTBEAT_SECONDS:
                self._save()
                sharing.open_up(self.folder, whole=False)
                runprocesses.reap(os.getpid(), self.worker.pid)

    def _on_message(self, message: Dict[str, Any]) -> None:
        event = message.pop("event")
        if event == "steps":
            self.state["step_count"] = len(message["names"])
        elif event == "step":
            if message["status"] == "started":
                self.state["step"] = message["name"]
                self.state["step_index"] = message["index"]
        elif event == "training":
            self.state["step_count"] = message["epochs"]
            self._enter_epoch(message["first"])
        elif event == "batch":
            # Many a minute: the heartbeat takes the state along.
            runfiles.append_event(self.folder, event, **message)
            return
        elif event == "epoch" and message["finished"]:
            self._enter_epoch(message["epoch"] + 1)
        elif event == "failed":
            self.error = message["error"]
            return
        elif event == "done":
            self.done = True
            return
        runfiles.append_event(self.folder, event, **message)
        self._save()

    def _enter_epoch(self, epoch: int) -> None:
        self.state["step_index"] = min(epoch, self.state["step_count"])
        self.state["step"] = "epoch %d" % self.state["step_index"]

    def _finish(self) -> int:
        done = self.done and self.error is None
        self._collect(done)
        sharing.open_up(self.folder, whole=True)
        self.state["ended"] = runfiles.now()
        self.state["position"] = None
        if done and self.error is None:
            self._save("succeeded")
            runfiles.release(self.folder)
            return 0
        if self.cancelled and scheduled.hands_back() and not scheduled.is_cancelled(self.folder):
            return self._hand_back()
        if self.cancelled:
            self._save("cancelled")
            runfiles.release(self.folder)
            return 1
        code = self.worker.returncode if self.worker is not None else None
        error = self.error or _unexplained(code, self.folder).as_dict()
        self.state["error"] = error
        self._save("failed")
        runfiles.release(self.folder)
        return 1

    def _hand_back(self) -> int:
        """A scheduler or a container's runtime ends the build: only it knows why."""
        self.state["ended"] = None
        self._save()
        who = "Slurm" if scheduled.is_scheduled() else "Something outside of the container"
        text = "%s has asked the build to end" % who
        runfiles.append_event(self.folder, "log", level="warning", text=text)
        runfiles.release(self.folder)
        return 1

    def _collect(self, done: bool) -> None:
        """What the build is worth, also of one that failed half way."""
        if self.cancelled and not done:
            return  # whoever cancelled waits for the last word, not for reports
        try:
            parts = self.kind.collect(self.folder, self.run)
            if parts:
                runfiles.update_results(self.folder, parts)
        except Exception as error:  # the boundary around reports that others wrote
            if done:
                self.error = build_failure.explain(error, self.folder).as_dict()
            _complain("results.json could not be written: %r\n" % error)

    def _save(self, state: Optional[str] = None) -> None:
        self.state["heartbeat"] = time.time()
        if state is not None:
            self.state["state"] = state
        try:
            runfiles.save_state(self.folder, self.state)
        except OSError as error:
            # A heartbeat that cannot be written must not end hours of work; the next one may.
            _complain("state.json could not be written: %s\n" % error)
        if state is not None:
            runfiles.append_event(
                self.folder, "state", state=state, error=self.state["error"] or None
            )


def _complain(text: str) -> None:
    """Write to the run's log, which a full disk does not take."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text)


def _unexplained(code: Optional[int], folder: str) -> EngineError:
    """Why a builder ended that had no time to say so; ``code`` is its return code."""
    tail = _tail(os.path.join(folder, runfiles.LOG))
    free = shutil.disk_usage(folder).free
    if free < build_failure.DISK_FULL_BYTES:
        return build_failure.disk_full(folder, tail)
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        why = "Something outside of the build ended it."
        if name == "SIGKILL":
            why += " On Linux that is most often the kernel, when memory runs out."
        return EngineError(
            "The builder was killed (%s)" % name,
            why,
            "Look at the kernel's log (dmesg), give the machine more memory or fewer parallel "
            "jobs, and build again",
            kind="finn",
            detail=tail,
        )
    return EngineError(
        "The builder ended without a result (exit code %s)" % code,
        "Its last words stand in runner.log.",
        "Read them, and check that the engine works: finn-tui engine info",
        kind="engine",
        detail=tail,
    )


def _tail(path: str, size: int = 4000) -> str:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - size))
            lines: List[str] = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-40:])
