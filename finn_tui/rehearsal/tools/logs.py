"""Logs in the form of AMD's tools: banner, session header, messages, commands, phases, times.

Forms were learned from real logs (2020.1 to 2023.2); times and memory are this process's own.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import re
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Union

from finn_tui.rehearsal.tools.plan import VERSION, Pace

BUILD = "3671981"
SIMULATED = (
    "INFO: [finn-tui 1-1] SIMULATED {tool}: a stand-in wrote this log; nothing is synthesized, "
    "figures are computed from FINN's estimates"
)
#: Lines with which a command begins, whose time is then counted.
_BEGINS = (
    "Command: ",
    "Starting synth_design",
    "INFO: [HLS 200-1510] Running: csynth_design",
    "INFO: [HLS 200-1510] Running: export_design",
)
_SEVERITY = re.compile(r"^(INFO|WARNING|CRITICAL WARNING|ERROR): \[")


class Step(NamedTuple):
    """Lines that appear after ``weight`` of the run's time has passed.

    In a line ``@TIME@`` becomes the time of the running command, ``@QUICK@`` that of something
    that took no time, ``@SINCE@`` the seconds since the command began and ``@SPENT@`` those since
    the last such mark, ``@COUNTS@`` the number of messages so far, ``@NOW@`` the date.
    """

    weight: float
    lines: tuple[str, ...]


class Phase(NamedTuple):
    """A phase of a task: its share of time, what it says, and phases within it."""

    name: str
    weight: float = 1.0
    inner: tuple[Union[Phase, Task], ...] = ()  # noqa: UP007 - read by Python 3.8
    says: tuple[str, ...] = ()
    ends: bool = True


class Task(NamedTuple):
    """A task, whose phases are numbered from 1 whatever it stands in."""

    name: str
    phases: tuple[Phase, ...] = ()
    says: tuple[str, ...] = ()
    ends: bool = True


def checksum(*parts: object) -> str:
    """Eight or nine hexadecimal digits that depend on ``parts`` only."""
    digits = hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()
    return digits[: 8 + int(digits[-1], 16) % 2].lstrip("0") or "0"


def task_steps(task: Task, seed: str) -> Iterator[Step]:
    """Return the lines of a task: phases open, nest and close, each with the time so far.

    Args:
        task: the task.
        seed: of the random parts.
    """
    yield Step(0.0, (f"Starting {task.name} Task", *task.says))
    for number, phase in enumerate(task.phases, 1):
        yield from _phase_steps(phase, str(number), f"{seed}/{task.name}")
    if task.ends:
        end = f"Ending {task.name} Task | Checksum: {checksum(seed, task.name)}"
        yield Step(0.1, (end, "", "@TIME@"))


def _phase_steps(phase: Phase, number: str, seed: str) -> Iterator[Step]:
    yield Step(0.0, ("", f"Phase {number} {phase.name}"))
    place = 0
    for inner in phase.inner:
        if isinstance(inner, Task):
            yield Step(0.0, ("",))
            yield from task_steps(inner, seed)
        else:
            place += 1
            yield from _phase_steps(inner, f"{number}.{place}", seed)
    weight = 0.0 if phase.inner else phase.weight
    closing: tuple[str, ...] = ()
    if phase.ends:
        sum_ = checksum(seed, number, phase.name)
        closing = (f"Phase {number} {phase.name} | Checksum: {sum_}", "", "@TIME@")
    # What a phase says comes at intervals; the last portion closes it.
    portion = weight / (len(phase.says) + 1)
    for line in phase.says:
        yield Step(portion, (line,))
    yield Step(portion, closing)


class ToolLog:
    """One log, written to several files at once and to stdout if wanted."""

    def __init__(self, *paths: Path, echo: bool = False, parent: ToolLog | None = None) -> None:
        self._files = [path.open("a", encoding="utf-8") for path in paths]
        self._echo = echo
        self._parent = parent
        self._command = self._mark = time.monotonic()
        self._cpu = time.process_time()
        self._peak = 0.0
        self.counts = {"INFO": 0, "WARNING": 0, "CRITICAL WARNING": 0, "ERROR": 0}

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()

    def play(self, steps: Iterable[Step], pace: Pace) -> None:
        """Write steps as their time comes.

        Args:
            steps: lines, each with its weight.
            pace: turns weights into time.
        """
        for step in steps:
            pace.spend(step.weight)
            self.write(*step.lines)

    def write(self, *lines: str) -> None:
        """Write lines now; see ``Step`` for what is filled in."""
        if not lines:
            return
        done = [self._fill(line) for line in lines]
        self._pass_on("\n".join(done) + "\n")

    def _pass_on(self, text: str) -> None:
        for file in self._files:
            file.write(text)
            file.flush()
        if self._echo:
            sys.stdout.write(text)
            sys.stdout.flush()
        if self._parent is not None:
            self._parent._pass_on(text)

    def _fill(self, line: str) -> str:
        severity = _SEVERITY.match(line)
        if severity:
            self.counts[severity.group(1)] += 1
        if line.startswith(_BEGINS):
            self._command = self._mark = time.monotonic()
            self._cpu = time.process_time()
        if "@" not in line:
            return line
        line = line.replace("@NOW@", time.ctime())
        if "@SPENT@" in line:
            time_now = time.monotonic()
            line, self._mark = line.replace("@SPENT@", f"{time_now - self._mark:.3f}"), time_now
        line = line.replace("@SINCE@", f"{time.monotonic() - self._command:.3f}")
        if "@COUNTS@" in line:
            counts = self.counts
            totals = "{INFO} Infos, {WARNING} Warnings, {CRITICAL WARNING} Critical Warnings and "
            line = line.replace(
                "@COUNTS@", (totals + "{ERROR} Errors encountered.").format(**counts)
            )
        if "@TIME@" in line or "@QUICK@" in line:
            took = time.monotonic() - self._command
            cpu = time.process_time() - self._cpu
            line = line.replace("@TIME@", self._time(cpu, took))
            line = line.replace("@QUICK@", self._time(0.0, 0.01))
        return line

    def _time(self, cpu: float, elapsed: float) -> str:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        gain, self._peak = max(0.0, peak - self._peak), peak
        page = os.sysconf("SC_PAGE_SIZE") / 1e6
        free = int(os.sysconf("SC_AVPHYS_PAGES") * page)
        return (
            f"Time (s): cpu = {clock(cpu)} ; elapsed = {clock(elapsed)} . "
            f"Memory (MB): peak = {peak:.3f} ; gain = {gain:.3f} ; "
            f"free physical = {free} ; free virtual = {free}"
        )


def clock(seconds: float) -> str:
    """Seconds as hours, minutes and seconds; short times with two decimals."""
    whole = int(seconds)
    text = f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    hundredths = int((seconds - whole) * 100)
    return text + (f".{hundredths:02d}" if seconds < 10 and hundredths else "")


def banner(tool: str = "Vivado") -> tuple[str, ...]:
    """Return the lines that a tool greets with."""
    title = f"****** {tool} v{VERSION} (64-bit)"
    if tool != "Vivado":
        title = f"****** {tool} - High-Level Synthesis from C, C++ and OpenCL v{VERSION} (64-bit)"
    return (
        "",
        title,
        f"  **** SW Build {BUILD} (finn-tui stand-in)",
        f"  **** IP Build {BUILD} (finn-tui stand-in)",
        "",
    )


def session_header(command: str, log: Path) -> tuple[str, ...]:
    """Return the comment block at the top of vivado.log, .vds and .vdi.

    Args:
        command: the command line.
        log: path of the log.
    """
    rule = "#" + "-" * 59
    return (
        rule,
        f"# Vivado v{VERSION} (64-bit)",
        f"# SW Build {BUILD} (finn-tui stand-in)",
        "# Start of session at: @NOW@",
        f"# Process ID: {os.getpid()}",
        f"# Current directory: {log.parent}",
        f"# Command line: {command}",
        f"# Log file: {log}",
        f"# Journal file: {log.parent / 'vivado.jou'}",
        f"# Running On: {platform.node()}, OS: {platform.system()}, "
        f"CPU Physical cores: {os.cpu_count()}",
        rule,
    )


def user() -> str:
    """Who runs this, as a log names them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())


def total(steps: Iterable[Step]) -> float:
    """Return the weight of steps in all."""
    return sum(step.weight for step in steps)
