"""kill -9 of the app, the command line, the runner, the builder and tools, over rehearsal builds.

``uv run python benchmarks/kill_builds.py 50 [--seed N] [--workspace DIR]``: every round begins a
rehearsal of TFC-w1a1, kills one of them at a random moment, and checks that the state comes out
right: a build whose watcher was killed succeeds, one whose runner was killed is lost, one whose
builder or tool was killed fails with the reason, and in no case is a process left. Prints a JSON
line a round and a summary; ends with 1 if any was wrong. Needs the engine (`finn-tui demo` once).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import pty
import random
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from finn_tui.engine.server.runs import runprocesses
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.folder import RunFolder, RunState, list_runs
from finn_tui.runs.launch.processes import reconcile

MODEL = "tfc-w1a1"
SECONDS = 3.0
#: Whom to kill; ``power`` is all of a build at once, ``waiting`` a build that is in the queue.
VICTIMS = ("app", "follower", "runner", "builder", "tool", "power", "waiting")
#: A whole build takes about this long; it is killed somewhere in it.
SPAN = 24.0
PATIENCE = 300.0


def main() -> int:
    """Play the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", type=int, nargs="?", default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--victims", default=",".join(VICTIMS))
    given = parser.parse_args()
    root = given.workspace or Path(tempfile.mkdtemp(prefix="finn-tui-kills-"))
    root.mkdir(parents=True, exist_ok=True)
    (root / "finn-tui.toml").write_text(
        f'model = "{MODEL}"\nrehearse = true\nrehearsal_seconds = {SECONDS}\n'
    )
    asyncio.run(_prepare(root))
    chance = random.Random(given.seed)
    wrong = 0
    seen: Counter[str] = Counter()
    begin = time.monotonic()
    victims = given.victims.split(",")
    for number in range(given.rounds):
        victim = victims[number % len(victims)]
        outcome = _round(root, victim, chance)
        wrong += not outcome["right"]
        seen[f"{victim}: {outcome['state']}"] += 1
        print(json.dumps({"round": number + 1, "victim": victim, **outcome}), flush=True)
    minutes = round((time.monotonic() - begin) / 60, 1)
    summary = {"rounds": given.rounds, "wrong": wrong, "seed": given.seed, "minutes": minutes}
    print(json.dumps({**summary, "outcomes": dict(sorted(seen.items()))}))
    return 1 if wrong else 0


async def _prepare(root: Path) -> None:
    """The model once, so that each round begins with the build."""
    async with Workbench(Workspace.open(root)) as lab:
        await lab.open(MODEL)


def _round(root: Path, victim: str, chance: random.Random) -> dict[str, Any]:
    if victim == "waiting":
        return _round_of_two(root, chance)
    before = set(list_runs(root / "runs"))
    watcher = _app(root) if victim == "app" else _follower(root)
    # Those who watch are also killed while they launch.
    at = chance.uniform(0.0, SPAN)
    if victim in ("app", "follower"):
        if victim == "app" or chance.random() < 0.5:
            _appears(root, before, watcher)
        else:
            at = chance.uniform(0.0, 2.0)
        time.sleep(at)
        watcher.kill()
        watcher.wait()
        time.sleep(0.5)
        runs = [run for run in list_runs(root / "runs") if run not in before]
        if not runs:
            return {"at": round(at, 2), "state": "nothing begun", "right": True, "why": ""}
        state = _until_final(runs[0])
        # Killed in the moment between the folder and its process, it says that it never began.
        never = state.state == "lost" and state.pid is None
        return _told(runs[0], at, state, state.state == "succeeded" or never)
    run = _appears(root, before, watcher)
    assert run is not None, "no build was begun"
    time.sleep(at)
    alive, killed = _kill(run, victim)
    state = _until_final(run)
    wanted = {"runner": "lost", "power": "lost", "builder": "failed", "tool": "failed"}[victim]
    right = state.state == (wanted if killed else "succeeded")
    if killed and victim == "builder" and state.error is not None:
        right = right and "SIGKILL" in state.error.what
    if not right and killed and not alive and state.state == "succeeded":
        right = True  # it had said its last word before it was killed
    with contextlib.suppress(subprocess.TimeoutExpired):
        watcher.wait(30)  # who follows is told the end, too
    return _told(run, at, state, right and watcher.poll() is not None)


def _round_of_two(root: Path, chance: random.Random) -> dict[str, Any]:
    """Of two builds the first or the second is killed while the second waits."""
    before = set(list_runs(root / "runs"))
    one = _follower(root)
    first = _appears(root, before, one)
    assert first is not None, "no build was begun"
    two = _follower(root)
    second = _appears(root, {*before, first}, two)
    assert second is not None, "no second build was begun"
    at = chance.uniform(0.0, 10.0)
    time.sleep(at)
    unlucky, other = (first, second) if chance.random() < 0.5 else (second, first)
    _, killed = _kill(unlucky, "runner")
    states = {run: _until_final(run) for run in (unlucky, other)}
    right = states[other].state == "succeeded"
    right = right and states[unlucky].state == ("lost" if killed else "succeeded")
    for watcher in (one, two):
        with contextlib.suppress(subprocess.TimeoutExpired):
            watcher.wait(30)
    return _told(unlucky, at, states[unlucky], right)


def _told(run: RunFolder, at: float, state: RunState, right: bool) -> dict[str, Any]:
    left = _left(run)
    again = reconcile(run)
    right = right and not left and again.state == state.state
    why = state.error.what if state.error is not None else ""
    outcome = {"run": run.id, "at": round(at, 2), "state": state.state, "step": state.step}
    return {**outcome, "why": why[:80], "left": len(left), "right": right}


def _follower(root: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "finn_tui.cli", "build", MODEL, "--workspace", str(root)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)


def _app(root: Path) -> subprocess.Popen[bytes]:
    """The app on a terminal of its own; builds as soon as the model is there."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    app = subprocess.Popen(
        [sys.executable, "-m", "finn_tui.cli", str(root)],
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(its)
    screen = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError):
            while piece := os.read(ours, 65536):
                screen.extend(piece)
        os.close(ours)

    threading.Thread(target=read, daemon=True).start()
    deadline = time.monotonic() + 60
    while b"MVAU" not in screen:
        assert time.monotonic() < deadline, "the app did not open the model"
        time.sleep(0.05)
    os.write(ours, b"b")
    return app


def _appears(root: Path, before: set[RunFolder], watcher: subprocess.Popen[bytes]) -> Any:
    """The run that a watcher begins, once it is there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        new = [run for run in list_runs(root / "runs") if run not in before]
        if new:
            return new[-1]
        time.sleep(0.02)
    return None


def _kill(run: RunFolder, victim: str) -> tuple[bool, bool]:
    """Kill; returns whether the run had still not ended then, and whether anybody was killed."""
    state = run.state()
    runner = state.pid
    if state.final or runner is None:
        return False, False
    left = _left(run)
    if victim == "runner":
        pids = [runner]
    elif victim == "builder":
        pids = [p.pid for p in _children(runner)]
    elif victim == "power":
        pids = [runner, *left]
    else:
        pids = [p for p in left if "tools.pyz" in " ".join(_command(p))]
        # The tool itself may not be at work at this moment: FINN's own Python is.
        deadline = time.monotonic() + 30
        while not pids and not run.state().final and time.monotonic() < deadline:
            time.sleep(0.05)
            pids = [p for p in _left(run) if "tools.pyz" in " ".join(_command(p))]
    killed = False
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
            killed = True
    return not run.state().final, killed


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children()
    except psutil.Error:
        return []


def _command(pid: int) -> list[str]:
    try:
        return psutil.Process(pid).cmdline()
    except psutil.Error:
        return []


def _left(run: RunFolder) -> list[int]:
    """Processes that carry the run's mark."""
    return [process.pid for process in runprocesses.build_processes(str(run.path))]


def _until_final(run: RunFolder) -> RunState:
    deadline = time.monotonic() + PATIENCE
    while True:
        state = reconcile(run)
        if state.final and (not _left(run) or time.monotonic() > deadline):
            return state
        if time.monotonic() > deadline:
            return state
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
