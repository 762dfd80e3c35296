"""Where FINN and Vivado work: the folders of a build, found by looking and not by reading.

A look costs one ``stat`` a folder; a folder is listed again only when its time has changed. So a
build with a thousand finished runs costs a thousand ``stat``.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from finn_tui.runs.readers.marker import parse_name

#: Some network folders do not tell that they have changed: all is listed again after this.
RELIST_SECONDS = 30.0

#: Python's tempfile ends the names of FINN's folders with this many random characters.
RANDOM = 8
#: Where HLS works on a layer.
HLS_FOLDER = re.compile(r"code_gen_ipgen_(.+)_.{8}")
_PROJECT = re.compile(r"vivado_(stitch|zynq)_proj_?(.*)")
_OUT_OF_CONTEXT = re.compile(r"synth_out_of_context_(.+)")
#: What FINN writes into a folder right before it starts the tool there: the time of the start.
_STARTS = ("ipgen.sh", "make_project.sh", "synth_project.sh", "make_project.tcl", "ip_config.tcl")
_LOGS = ("vitis_hls.log", "vivado_hls.log", "vivado.log")


@dataclass
class Folder:
    """A folder that is looked at again and again: its names, as of when it was listed."""

    path: Path
    changed: int = -1
    listed: float = 0.0
    names: frozenset[str] = frozenset()

    def look(self, now: float) -> bool:
        """List it if it has changed; returns whether it was listed anew."""
        try:
            changed = self.path.stat().st_mtime_ns
        except OSError:
            return False
        # What was made within the clock's grain of the last listing may not have changed the time.
        fresh = self.changed == changed and self.listed - changed / 1e9 > 0.05
        if fresh and now - self.listed < RELIST_SECONDS:
            return False
        try:
            names = frozenset(entry.name for entry in os.scandir(self.path))
        except OSError:
            return False
        self.changed, self.listed = changed, now
        if names == self.names:
            return False
        self.names = names
        return True


@dataclass
class Work:
    """A folder in which one tool does one thing.

    Attributes:
        kind: hls, stitch, project (the Zynq shell), synthesis, implementation.
        name: a layer, a run, a partition.
        folder: what is in it; log: the name of its log, None before there is one.
        marks: seconds since the epoch by stage and event, from the marker files of a run.
        start: when FINN started it, None if that cannot be told.
    """

    kind: str
    name: str
    folder: Folder
    log: str | None = None
    marks: dict[tuple[str, str], float] = field(default_factory=dict)
    start: float | None = None

    def look(self, now: float) -> bool:
        """See what is new; returns whether something is."""
        if not self.folder.look(now):
            return False
        names = self.folder.names
        if self.kind in ("synthesis", "implementation"):
            self.log = "runme.log" if "runme.log" in names else None
            self._read_marks(names)
        else:
            self.log = next((name for name in _LOGS if name in names), None)
            self.start = self.start or self._time(next((n for n in _STARTS if n in names), None))
        return True

    @property
    def real(self) -> bool:
        """Whether a tool has anything to do there: layers in RTL have a folder, too."""
        if self.kind != "hls" or self.log is not None:
            return True
        return any(name.startswith("hls_syn_") for name in self.folder.names)

    def _read_marks(self, names: frozenset[str]) -> None:
        marks = {}
        for name in names:
            mark = parse_name(name)
            if mark is not None and (at := self._time(name)) is not None:
                marks[mark] = at
        self.marks = marks
        self.start = marks.get(("vivado", "begin"), self.start)

    def _time(self, name: str | None) -> float | None:
        if name is None:
            return None
        try:
            return (self.folder.path / name).stat().st_mtime
        except OSError:
            return None


class WorkDirs:
    """All work under one of FINN's working folders, or in one Vivado project."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._top = Folder(root)
        # Vivado projects, and how far below them more may come up.
        self._projects: dict[Path, tuple[Folder, int]] = {}
        self._runs: dict[Path, Folder] = {}
        self._works: dict[Path, Work] = {}

    def look(self, now: float) -> list[Work]:
        """See what is new; returns the works that have changed."""
        if self._top.look(now):
            for name in sorted(self._top.names):
                self._enter(self.root / name, name)
            self._project(self.root)
        for project, depth in list(self._projects.values()):
            if project.look(now):
                for name in project.names:
                    path = project.path / name
                    if name.endswith(".runs"):
                        self._runs.setdefault(path, Folder(path))
                    elif depth and path.is_dir():
                        self._project(path, depth - 1)
        for runs in list(self._runs.values()):
            if runs.look(now):
                for name in runs.names:
                    if not name.startswith("."):
                        kind = "implementation" if name.startswith("impl_") else "synthesis"
                        self._work(runs.path / name, kind, name)
        return [work for work in self._works.values() if work.look(now)]

    def _enter(self, path: Path, name: str) -> None:
        if layer := HLS_FOLDER.fullmatch(name):
            self._work(path, "hls", layer.group(1))
        elif project := _PROJECT.fullmatch(name):
            kind, rest = project.groups()
            title = rest[:-RANDOM].rstrip("_")
            self._work(path, "stitch" if kind == "stitch" else "project", title or "accelerator")
            self._project(path)
        elif _OUT_OF_CONTEXT.fullmatch(name):
            self._project(path, 2)
        elif name.endswith(".runs"):
            self._runs.setdefault(path, Folder(path))

    def _project(self, path: Path, depth: int = 0) -> None:
        self._projects.setdefault(path, (Folder(path), depth))

    def _work(self, path: Path, kind: str, name: str) -> None:
        if path not in self._works:
            self._works[path] = Work(kind, name, Folder(path))

    @property
    def works(self) -> list[Work]:
        """All that was found, in the order in which it was."""
        return [work for work in self._works.values() if work.real]
