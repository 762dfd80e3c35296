"""The runner's process: whether it is alive, ending it, and what its death means.

What holds on every machine is in ``engine/server/runs/runcontrol.py``; here is what only the
process that started a runner knows, and systems without /proc.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import psutil

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.runs import runcontrol, runprocesses
from finn_tui.runs import scheduled
from finn_tui.runs.documents import RunState, RunStatus
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.placement import is_placed, read_placement

#: Start times of one process differ by less where only the clock tells them (no /proc).
_SAME_START_SECONDS = 1.0

#: Clocks of a cluster's machines differ by less.
_CLOCKS_SECONDS = 5.0

#: Runners started by this process: they must be waited for, or they stay as zombies.
_children: list[subprocess.Popen[bytes]] = []


def _has_proc() -> bool:
    return Path("/proc/self").exists()


def adopt(child: subprocess.Popen[bytes]) -> None:
    """Remember a runner as a child of this process; it is not ended with it."""
    _children.append(child)


def alive(state: RunState) -> bool:
    """Whether the process that state.json names is there and proved to be that process."""
    return _is_alive(state.as_dict())


def _is_alive(state: Mapping[str, Any]) -> bool:
    for child in list(_children):
        if child.poll() is not None:
            _children.remove(child)
    return runcontrol.is_alive(state) or _by_clock(state) is not None


def is_here(run: RunFolder, state: RunState) -> bool:
    """Whether the process numbers of a run's state count on this machine and in this container."""
    if is_placed(run.path):
        return False
    return runprocesses.origin(state.as_dict()) == runprocesses.HERE or alive(state)


def build_pids(run: RunFolder, state: RunState) -> list[int]:
    """Return the processes of a run but its runner; without a proved runner the marked ones."""
    runner = runprocesses.leader(state.as_dict())
    processes = runprocesses.build_processes(str(run.path), runner)
    return [process.pid for process in processes if process.pid != state.pid]


def _by_clock(state: Mapping[str, Any]) -> psutil.Process | None:
    """The runner on a system without /proc: its number, and its start by the clock."""
    pid = runprocesses.valid_pid(state.get("pid"))
    started = runprocesses.finite(state.get("pid_started"))
    if _has_proc() or pid is None or started is None:
        return None
    # A boot id means that Linux wrote it, perhaps in a home directory that both share.
    if state.get("boot") is not None or state.get("host") != runprocesses.host():
        return None
    if pid == os.getpid():
        return None
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < _SAME_START_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def reconcile(run: RunFolder) -> RunState:
    """The true state of a run: one whose process has died without a last word becomes ``lost``.

    Reads and, if it is lost, writes state.json and ends tools that its runner left behind. Of a
    run on a host nothing can be proved here: whoever follows it asks there.

    Raises:
        FinnTuiError: state.json is missing or broken.
    """
    state = run.state()
    if state.final:
        return state
    if is_placed(run.path):
        return _as_scheduled(run, state) if state.scheduler else state
    return run.state_of(runcontrol.reconcile(str(run.path), state.as_dict(), _is_alive))


def _as_scheduled(run: RunFolder, state: RunState) -> RunState:
    """The state of a run that is a scheduler's job: the scheduler knows whether it waits."""
    try:
        placement = read_placement(run.path)
    except FinnTuiError:
        placement = None
    if placement is None or not placement.job_name:
        return state
    report = scheduled.report_of(run.path.parent, placement)
    # A runner that has spoken since is no job that waits, whatever a silent Slurm said before.
    answered = scheduled.read_report(run.path.parent, placement.host).answered
    spoken = state.heartbeat - placement.clock_shift > answered + _CLOCKS_SECONDS
    waits = report is not None and report.phase == "waiting" and not spoken
    queued = state.state is RunStatus.QUEUED or waits
    return msgspec.structs.replace(
        state,
        state=RunStatus.QUEUED if queued else state.state,
        position=report.position if report is not None and queued else None,
        waiting=scheduled.waiting_text(run.path.parent, placement, stale=spoken) or None,
    )


async def cancel(run: RunFolder) -> RunState:
    """End a build with all its tools and return its state; one that has ended stays as it is.

    Raises:
        FinnTuiError: it runs on another machine, or its process cannot be ended.
    """
    state = await asyncio.to_thread(run.state)
    if state.final:
        return state
    try:
        document = await asyncio.to_thread(
            runcontrol.cancel, str(run.path), _is_alive, _signal(run)
        )
    except EngineError as error:
        raise FinnTuiError.from_dict(error.as_dict()) from error
    except (OSError, ValueError):
        return await asyncio.to_thread(run.state)  # it says what is wrong with state.json
    return run.state_of(document)


def _signal(run: RunFolder) -> runcontrol.SignalRunner:
    def signal_runner(state: Mapping[str, Any], number: int) -> bool:
        """Signal the runner if its start by the clock and its arguments prove it."""
        process = _by_clock(state)
        if process is None:
            return False
        try:
            if str(run.path) not in process.cmdline():
                return False
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        except psutil.AccessDenied as error:
            raise PermissionError(str(error)) from error
        return True

    return signal_runner
