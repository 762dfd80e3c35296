"""The run folder's files and processes, from the builder's side. Standard library only.

A run folder is read while it is written, by this process and by others, perhaps over a network
folder: documents are replaced in one go, events are appended a line at a time.
"""

import contextlib
import errno
import fcntl
import json
import os
import signal
import socket
import time
from datetime import datetime, timezone
from typing import Any, Dict, List, Optional, Set

RUN = "run.json"
STATE = "state.json"
EVENTS = "events.jsonl"
RESULTS = "results.json"
LOG = "runner.log"
NOTES = "notes.json"

#: In the environment of every process of a build, so that none is missed when it is ended.
MARK = "FINN_TUI_RUN_FOLDER"

#: The user's own command to be started at the end; only in the runner's environment, since a run
#: folder may come from somebody else.
NOTIFY = "FINN_TUI_NOTIFY"

FINAL = ("succeeded", "failed", "cancelled", "lost")

_LOCK = ".runner.lock"
_RESERVE = ".reserve"
_RESERVE_BYTES = 256 * 1024


def read_json(path: str) -> Any:
    """A document, or None where there is none. Raises ``ValueError`` for a broken one."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def write_json(path: str, value: Any) -> None:
    """Replace a document in one go: a reader sees the old or the new one, never a part."""
    partial = "%s.%d.partial" % (path, os.getpid())
    try:
        with open(partial, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise


def reserve(folder: str) -> None:
    """Put some disk space aside, so that a full disk does not take the last word away."""
    with open(os.path.join(folder, _RESERVE), "wb") as file:
        file.write(os.urandom(_RESERVE_BYTES))  # noise: a compressing disk must keep it whole


def release(folder: str) -> None:
    """Give the space back that ``reserve`` took."""
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(folder, _RESERVE))


def save_state(folder: str, state: Dict[str, Any]) -> None:
    """Write state.json, on a full disk with the space that ``reserve`` kept."""
    path = os.path.join(folder, STATE)
    try:
        write_json(path, state)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        release(folder)
        write_json(path, state)


def append_event(folder: str, event: str, **data: Any) -> None:
    """Add a line to events.jsonl; one write each, so that lines never mix.

    On a full disk the line is left out: state.json tells the same, and has space of its own.
    """
    line = json.dumps(dict({"t": round(time.time(), 3), "event": event}, **data)) + "\n"
    with contextlib.suppress(OSError), open(os.path.join(folder, EVENTS), "ab+", 0) as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = "\n" + line  # a disk was full in the middle of the line before
        file.write(line.encode("utf-8"))


def update_results(folder: str, parts: Dict[str, Any]) -> None:
    """Set parts of results.json and leave the others; safe against others that do the same."""
    update_json(folder, RESULTS, parts)


def update_json(folder: str, name: str, parts: Dict[str, Any]) -> Dict[str, Any]:
    """Set parts of a document of the run and return all of it; writers take turns.

    Raises ``OSError``, and ``ValueError`` if what is there is broken.
    """
    path = os.path.join(folder, name)
    with open(os.path.join(folder, ".%s.lock" % name.partition(".")[0]), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        document: Dict[str, Any] = read_json(path) or {}
        document.update(parts)
        write_json(path, document)
    return document


def now() -> str:
    """The time in UTC as the run folder's documents write it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def host() -> str:
    """The name under which this machine's process ids mean something."""
    return socket.gethostname()


def process_started(pid: int) -> Optional[float]:
    """When a process began (seconds since the epoch), or None if it is not there.

    The same figure as ``psutil.Process(pid).create_time()``, from Linux's /proc.
    """
    fields = _stat(pid)
    if fields is None:
        return None
    with open("/proc/stat") as file:
        boot = next(int(line.split()[1]) for line in file if line.startswith("btime"))
    return boot + int(fields[19]) / float(os.sysconf("SC_CLK_TCK"))


def process_ticks(pid: int) -> Optional[int]:
    """When a process began in the kernel's own ticks, which no change of the clock moves."""
    fields = _stat(pid)
    return int(fields[19]) if fields is not None and fields[0] not in ("Z", "X") else None


def boot() -> Optional[str]:
    """What this start of the machine is called by its kernel, or None where it has no name."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return None


def is_alive(state: Dict[str, Any]) -> bool:
    """Whether the process that a state of this machine names is there and is still that one."""
    pid = state.get("pid")
    if pid is None or (state.get("boot") or boot()) != boot():
        return False
    ticks = process_ticks(pid)
    return ticks is not None and state.get("pid_ticks") in (None, ticks)


def hold(folder: str, patience: float = 2.0) -> Any:
    """Like ``lock``, with some patience: who only asks whether a run lives holds it for a moment.

    Raises ``BlockingIOError`` if another process keeps holding it.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return lock(folder)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def lock(folder: str) -> Any:
    """Hold a run for as long as the returned file is open; the kernel lets go when we die.

    Raises ``BlockingIOError`` if another process holds it.
    """
    file = open(os.path.join(folder, _LOCK), "a")  # noqa: SIM115 - closed by whoever asked
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise
    except OSError:
        pass  # a file system without locks: the process's identity alone has to do
    return file


def is_locked(folder: str) -> bool:
    """Whether a living process holds a run; False where the file system has no locks."""
    if not os.path.exists(os.path.join(folder, _LOCK)):
        return False
    try:
        lock(folder).close()
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def run_processes(folder: str, leader: int) -> List[int]:
    """Every process of a run but the leader: its session, its descendants, and marked ones.

    A tool may start its children in sessions of their own, so no single sign is enough.
    """
    parents: Dict[int, int] = {}
    found: Set[int] = set()
    mark = ("%s=%s" % (MARK, folder)).encode("utf-8", "surrogateescape")
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        pid = int(name)
        fields = _stat(pid)
        if fields is None or fields[0] in ("Z", "X"):
            continue
        parents[pid] = int(fields[1])
        if int(fields[3]) == leader or _has_environment(pid, mark):
            found.add(pid)
    grown = True
    while grown:
        children = {p for p, parent in parents.items() if parent in found or parent == leader}
        grown = not children <= found
        found |= children
    return sorted(found - {leader, os.getpid()})


def reap(leader: int, but: int) -> None:
    """Wait for children of ``leader``, this process, that have ended; not for ``but``."""
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == but:
            continue
        fields = _stat(int(name))
        if fields is not None and fields[0] == "Z" and int(fields[1]) == leader:
            with contextlib.suppress(OSError):
                os.waitpid(int(name), os.WNOHANG)


def end_processes(
    folder: str, leader: int, grace: float = 5.0, more: Optional[Set[int]] = None
) -> None:
    """End every process of a run but the leader: asked first, killed after ``grace`` seconds.

    ``more`` names processes that were known to belong to it and may have left every trail.
    """
    asked: Set[int] = set()
    more_ticks = {pid: process_ticks(pid) for pid in more or ()}
    deadline = time.monotonic() + grace
    while True:
        others = {p for p, ticks in more_ticks.items() if ticks and ticks == process_ticks(p)}
        pids = sorted(others.union(run_processes(folder, leader)) - {os.getpid(), leader})
        if not pids:
            return
        late = time.monotonic() > deadline
        for pid in pids:
            if late or pid not in asked:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
                asked.add(pid)
        if time.monotonic() > deadline + grace:
            return
        time.sleep(0.05)


def _stat(pid: int) -> Optional[List[str]]:
    """The fields of /proc/PID/stat after the name: state, parent, group, session, ..."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def _has_environment(pid: int, mark: bytes) -> bool:
    try:
        with open("/proc/%d/environ" % pid, "rb") as file:
            return mark in file.read().split(b"\0")
    except OSError:
        return False  # another user's, or gone
