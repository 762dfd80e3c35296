"""The queue of builds: whose turn it is when only some may run at once. Standard library only.

A run takes a numbered ticket when it is launched, a file in ``runs/.queue``. Its turn has come
when fewer living, unfinished runs with smaller tickets are left than may run at once. Tickets
only grow, so the runs before one only become fewer: nobody has to be asked and no daemon watches;
each run's own runner waits for itself. A run that died holds nobody up, since the kernel tells.
"""

import contextlib
import os
import time
from typing import List, Optional, Tuple

from finn_tui.engine.server.runs import runfiles, runprocesses

FOLDER = ".queue"
#: ``{"parallel": N}``, written by whoever launches from the workspace's settings.
LIMIT = "limit.json"
#: How often the first in line looks whether its turn has come, in seconds; others look less often,
#: up to so many times this.
LOOK_SECONDS = 0.5
_MOST_LOOKS = 20
#: A launch that has not become a process after this long was interrupted.
LAUNCH_SECONDS = 60.0
#: Names of run folders are shorter than this.
_NAME_BYTES = 256
#: Of so many that wait before a run it is looked whether they live, at each look of each run; in a
#: series of hundreds those behind them count as they stand.
_LOOKED_AT = 16


def set_limit(runs: str, parallel: int) -> None:
    """Set how many builds of a workspace may run at once. Raises ``OSError``."""
    place = os.path.join(runs, FOLDER)
    os.makedirs(place, exist_ok=True)
    if limit(runs) != parallel or not os.path.exists(os.path.join(place, LIMIT)):
        runfiles.write_json(os.path.join(place, LIMIT), {"parallel": parallel})


def limit(runs: str) -> int:
    """How many builds of a workspace may run at once; 1 if nobody said."""
    try:
        document = runfiles.read_json(os.path.join(runs, FOLDER, LIMIT)) or {}
        return max(1, int(document.get("parallel", 1)))
    except (OSError, ValueError, TypeError, AttributeError):
        return 1


def take(folder: str) -> int:
    """Take the next ticket for a run and return its number. Raises ``OSError``."""
    runs, run = os.path.split(folder)
    place = os.path.join(runs, FOLDER)
    os.makedirs(place, exist_ok=True)
    while True:
        numbers = [number for number, _ in _tickets(runs)]
        number = (numbers[-1] if numbers else 0) + 1
        try:
            # Two launches at once never get the same number: the second one's file exists.
            ticket = os.open(_path(runs, number), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            continue
        with os.fdopen(ticket, "w") as file:
            file.write(run)
        return number


def own_ticket(folder: str, number: Optional[int]) -> int:
    """Return the number of a run's ticket; it takes one if it has none. Raises ``OSError``.

    Args:
        folder: of the run.
        number: of the ticket that it had; another run may have cleared it away meanwhile, whose
            look at this one failed.
    """
    if number is not None and os.path.exists(_path(os.path.dirname(folder), number)):
        return number
    return number_of(folder) or take(folder)


def place(folder: str, own_number: int) -> int:
    """0 if a run's turn has come, else its place among those that wait, from 1.

    Tickets of runs that have ended are cleared away as they come to the front. Raises ``OSError``.

    Args:
        folder: of the run.
        own_number: of its ticket.
    """
    runs, run = os.path.split(folder)
    parallel = limit(runs)
    before = 0
    ahead = [(number, path) for number, path in _tickets(runs) if number < own_number]
    for index, (_, path) in enumerate(ahead):
        if before >= parallel + _LOOKED_AT:
            before += len(ahead) - index
            break
        other = _read(path)
        if other == run:
            continue  # from an attempt before this one
        if _holds(runs, path, other):
            before += 1
        else:
            # The largest stays, whoever holds it, so that no number is given out twice.
            with contextlib.suppress(OSError):
                os.unlink(path)
    return max(0, before - parallel + 1)


def seconds_to_look(place: int) -> float:
    """How long a run at a place of the line waits until it looks again.

    Each look reads files of those before it: 200 that looked twice a second kept two cores busy.
    """
    return LOOK_SECONDS * min(max(place, 1), _MOST_LOOKS)


def in_use(runs: str) -> int:
    """How many builds of a workspace run or wait on this machine."""
    return sum(1 for _, path in _tickets(runs) if _holds(runs, path, _read(path)))


def number_of(folder: str) -> Optional[int]:
    """The number of a run's newest ticket, or None."""
    runs, run = os.path.split(folder)
    numbers = [number for number, path in _tickets(runs) if _read(path) == run]
    return numbers[-1] if numbers else None


def _tickets(runs: str) -> List[Tuple[int, str]]:
    try:
        names = os.listdir(os.path.join(runs, FOLDER))
    except FileNotFoundError:
        return []
    # isdigit() takes superscripts, which int() does not.
    numbers = sorted(int(name) for name in names if name.isascii() and name.isdigit())
    return [(number, _path(runs, number)) for number in numbers]


def _path(runs: str, number: int) -> str:
    return os.path.join(runs, FOLDER, "%08d" % number)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_NAME_BYTES).strip()
    except OSError:
        return ""


def _holds(runs: str, path: str, run: str) -> bool:
    """Whether a ticket is in use on this machine; another machine has a limit of its own."""
    if not run:
        # It is being written right now, or whoever wrote it died doing so.
        try:
            return time.time() - os.path.getmtime(path) < LAUNCH_SECONDS
        except OSError:
            return False
    if os.path.basename(run) != run or run in (".", ".."):
        return False
    folder = os.path.join(runs, run)
    try:
        state = runfiles.read_json(os.path.join(folder, runfiles.STATE))
    except (OSError, ValueError):
        return False
    if not isinstance(state, dict) or state.get("state") in runfiles.FINAL:
        return False
    if runprocesses.origin(state) not in (runprocesses.HERE, runprocesses.SAME_KERNEL):
        return False
    if runprocesses.valid_pid(state.get("pid")) is None:
        heartbeat = runprocesses.valid_heartbeat(state.get("heartbeat"))
        return time.time() - heartbeat < LAUNCH_SECONDS
    return runprocesses.leader(state) is not None or runfiles.is_locked(folder)
