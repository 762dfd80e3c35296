"""What the processes of a build take: processor and memory, tool by tool."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from finn_tui.runs.folder import RunFolder, RunState
from finn_tui.runs.launch import processes

#: Looking through all processes of a machine takes milliseconds: not at every picture.
LOOK_SECONDS = 3.0

#: Programs that only wait for another one.
_SHELLS = frozenset({"bash", "sh", "dash", "loader", "rdiArgs.sh", "tee", "make"})


@dataclass(frozen=True)
class ToolProcess:
    """A process of a build.

    Attributes:
        pid, name: ``vivado``, ``vitis_hls``, ``python3``.
        cpu: share of one core since the last look, 1 for all of one; None at the first look.
        memory: bytes that it has in memory.
        folder: where it works, which tells what on; None if that cannot be seen.
    """

    pid: int
    name: str
    cpu: float | None
    memory: int
    folder: Path | None = None


class ProcessUsage:
    """Follows the processes of one run on this machine."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._known: dict[int, psutil.Process] = {}
        self._spent: dict[int, tuple[float, float]] = {}
        self._last: tuple[ToolProcess, ...] = ()
        self._looked = 0.0

    def look(self, state: RunState) -> tuple[ToolProcess, ...]:
        """The run's processes, those that take most first; none of a run on another machine."""
        if state.final or state.pid is None or not processes.is_here(self._run, state):
            return ()
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._last = self._take(processes.build_pids(self._run, state))
        return self._last

    def _take(self, pids: list[int]) -> tuple[ToolProcess, ...]:
        self._known = {pid: self._known[pid] for pid in pids if pid in self._known}
        self._spent = {pid: self._spent[pid] for pid in pids if pid in self._spent}
        processes = []
        for pid in pids:
            try:
                process = self._known.setdefault(pid, psutil.Process(pid))
                usage = self._one(process)
            except psutil.Error:
                continue
            if usage is not None:
                processes.append(usage)
        return tuple(sorted(processes, key=lambda usage: (-(usage.cpu or 0.0), -usage.memory)))

    def _one(self, process: psutil.Process) -> ToolProcess | None:
        with process.oneshot():
            name = process.name()
            if name in _SHELLS:
                return None
            times, now = process.cpu_times(), time.monotonic()
            spent = times.user + times.system
            before = self._spent.get(process.pid)
            self._spent[process.pid] = (now, spent)
            cpu = None
            if before is not None and now > before[0]:
                cpu = max(0.0, (spent - before[1]) / (now - before[0]))
            memory = process.memory_info().rss
        try:
            folder = Path(process.cwd())
        except (psutil.Error, OSError):
            folder = None
        return ToolProcess(process.pid, name, cpu, memory, folder)
