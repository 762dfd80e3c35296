"""What a run folder holds, as one answer: for who follows the run from another machine.

Only what tells of the run: documents, logs, reports, and its results once it has ended; no links,
bounded in number, depth and time. Standard library only.
"""

import fnmatch
import os
import time
from typing import Any, Dict, Iterator, List, Optional, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.runs import runcontrol, runfiles

#: Entries that are looked at in a run, names that are told of, and seconds that it may take: a
#: network folder takes a millisecond an entry.
MOST_ENTRIES = 100_000
MOST_FILES = 6_000
MOST_SECONDS = 10.0
#: Files in an answer after which no further run is looked at.
MOST_IN_ANSWER = 12_000
MOST_DEPTH = 9
#: A state of a build has less.
MOST_STATE = 1 << 20
#: Times of files are as coarse as this at worst (two seconds on FAT), and clocks are set.
SLACK_NS = 10 * 10**9

_TOP = (runfiles.EVENTS, runfiles.RESULTS, runfiles.LOG, runfiles.RUN)
_REPORTS = ("*.log", "*.rpt", "*.xml", "*.json", "*.rst", "*.sh", "*.tcl", "*complete__")
#: What Vivado and Vitis HLS keep for themselves.
_SKIPPED = (
    *(".Xil", "xsim.dir", ".autopilot", "*.srcs", "*.gen", "*.cache", "*.hw", "*.sim"),
    *("*.ip_user_files", "ip", "verilog", "vhdl", "__pycache__"),
)
#: Of FINN's output: graphs and projects that only the machine which builds needs.
_HEAVY = ("intermediate_models", "stitched_ip", "finn-ip", "rtlsim_performance", "__pycache__")
#: The deployment package has them, too.
_TWICE = ("build/bitfile", "build/driver")

File = Tuple[str, int, int, int]


def listing(request: Dict[str, Any]) -> Dict[str, Any]:
    """Tell of runs what is new in their folders and whether their processes live.

    ``request["runs"]``: for each ``folder``; ``since``, the ``newest`` of the last answer, to be
    told only of what has changed after that; ``judge``, False where the runner works on another
    machine than this one, so that nothing can be said of its process.
    """
    asked = request.get("runs")
    if not isinstance(asked, list):
        raise EngineError("the request names no runs")
    runs: List[Dict[str, Any]] = []
    for one in asked:
        # What is left out is asked for again; those at the end then come first.
        if sum(len(run.get("files", ())) for run in runs) > MOST_IN_ANSWER:
            break
        runs.append(_run(one))
    return {"time": time.time(), "runs": runs}


def _run(asked: Dict[str, Any]) -> Dict[str, Any]:
    folder = os.path.realpath(str(asked["folder"]))
    answer: Dict[str, Any] = {"folder": asked["folder"]}
    try:
        if not os.path.isdir(folder):
            return dict(answer, missing=True)
        state: Optional[Dict[str, Any]] = None
        if _size(os.path.join(folder, runfiles.STATE)) <= MOST_STATE:
            state = runcontrol.read_state(folder)
            if asked.get("judge", True):
                state = runcontrol.reconcile(folder, state)
        # The state was read first: what was written before the last word is in the list.
        final = state is not None and runcontrol.is_final(state)
        walk = _Walk(folder, final)
        files = list(walk.files())
        newest = max([walk.newest, int(asked.get("since") or 0)])
        since = asked.get("since")
        if since is not None:
            files = [file for file in files if walk.changed[file[0]] > since - SLACK_NS]
        disk = os.statvfs(folder)
        return dict(
            answer,
            state=state,
            files=files,
            newest=newest,
            complete=walk.complete,
            free=disk.f_bavail * disk.f_frsize,
        )
    except (OSError, ValueError) as error:
        return dict(answer, error=str(error))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


class _Walk:
    """One look through a run folder: what matters first comes first."""

    def __init__(self, folder: str, final: bool) -> None:
        self.folder = folder
        self.final = final
        self.complete = True
        self.newest = 0
        self.changed: Dict[str, int] = {}
        self._entries = 0
        self._deadline = time.monotonic() + MOST_SECONDS

    def files(self) -> Iterator[File]:
        """The files: path, bytes, inode, time of the last change of content in ns."""
        for name in _TOP:
            try:
                status = os.lstat(os.path.join(self.folder, name))
            except OSError:
                continue
            yield self._file(name, status)
        # FINN's log and reports, then its results, then what the tools say.
        yield from self._below("build", ("*",) if self.final else _REPORTS, _HEAVY)
        yield from self._below("finn_build_dir", _REPORTS, _SKIPPED)

    def _file(self, path: str, status: os.stat_result) -> File:
        self.changed[path] = status.st_ctime_ns
        self.newest = max(self.newest, status.st_ctime_ns)
        return path, status.st_size, status.st_ino, status.st_mtime_ns

    def _below(self, top: str, names: Tuple[str, ...], skipped: Tuple[str, ...]) -> Iterator[File]:
        folders = [] if os.path.islink(os.path.join(self.folder, top)) else [(top, 1)]
        while folders:
            folder, depth = folders.pop(0)
            try:
                with os.scandir(os.path.join(self.folder, folder)) as entries:
                    listed = sorted(entries, key=lambda entry: entry.name)
            except OSError:
                continue
            for entry in listed:
                self._entries += 1
                late = self._entries % 100 == 0 and time.monotonic() > self._deadline
                full = len(self.changed) >= MOST_FILES or self._entries >= MOST_ENTRIES
                if late or full:
                    self.complete = False
                    return
                path = "%s/%s" % (folder, entry.name)
                try:
                    if entry.is_dir(follow_symlinks=False):
                        left_out = _fits(entry.name, skipped) or path in _TWICE
                        if depth < MOST_DEPTH and not left_out:
                            folders.append((path, depth + 1))
                    elif _fits(entry.name, names) and entry.is_file(follow_symlinks=False):
                        yield self._file(path, entry.stat(follow_symlinks=False))
                except OSError:
                    continue


def _fits(name: str, patterns: Tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def free_bytes(folder: str) -> int:
    """Return the free bytes of the disk that a folder lies on or will lie on."""
    place = os.path.abspath(folder)
    while not os.path.exists(place):
        place = os.path.dirname(place)
    disk = os.statvfs(place)
    return disk.f_bavail * disk.f_frsize


__all__: List[str] = ["free_bytes", "listing"]
