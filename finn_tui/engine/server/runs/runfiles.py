"""The run folder's files, from the builder's side. Standard library only.

A run folder is read while it is written, by this process and by others, perhaps over a network
folder: documents are replaced in one go, events are appended a line at a time.
"""

import contextlib
import errno
import fcntl
import json
import os
import time
from datetime import datetime, timezone
from typing import Any, Dict, Iterator

RUN = "run.json"
STATE = "state.json"
EVENTS = "events.jsonl"
RESULTS = "results.json"
LOG = "runner.log"
NOTES = "notes.json"
#: In ``build/``: where a training goes on from, and the weights of its best epoch.
CHECKPOINT = "checkpoint.pt"
BEST_WEIGHTS = "best.pt"

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


def read_events(folder: str) -> Iterator[Dict[str, Any]]:
    """The events of a run, oldest first; lines that are not whole, as after a full disk, not."""
    try:
        with open(os.path.join(folder, EVENTS), encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if isinstance(event, dict):
                    yield event
    except OSError:
        pass


def reserve(folder: str) -> None:
    """Put some disk space aside, so that a full disk does not take the last word away."""
    with open(os.path.join(folder, _RESERVE), "wb") as file:
        file.write(os.urandom(_RESERVE_BYTES))  # noise: a compressing disk must keep it whole


def release(folder: str) -> None:
    """Give the space back that ``reserve`` took."""
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(folder, _RESERVE))


def save_state(folder: str, state: Dict[str, Any]) -> None:
    """Write state.json; the last word on a full disk with the space that ``reserve`` kept.

    A heartbeat does not take that space: it would be gone when the last word is due.
    """
    path = os.path.join(folder, STATE)
    try:
        write_json(path, state)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or state.get("state") not in FINAL:
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


def is_free(folder: str) -> bool:
    """Whether a run's lock is there and nobody holds it; False where nothing can be proved.

    Tells about all processes of this kernel, those in other containers too.
    """
    try:
        with open(os.path.join(folder, _LOCK), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


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
