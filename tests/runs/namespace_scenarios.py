"""Run folders that name processes of others, looked at inside a process namespace of its own.

``python -m tests.runs.namespace_scenarios SCENARIO FOLDER`` is the namespace's first process. The
scenario runs in a child, so that a signal to all processes hits what the test can see: the first
process counts the signals that it gets, and a bystander shell with a child stands for a login.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.waiting import PATIENCE

MARK = "FINN_TUI_RUN_FOLDER"
RUN_ID = "20260102T030405Z-tfc-w1a1-00ff"


#: Exit code of a scenario that cannot be played on this machine.
UNAVAILABLE = 77


class Unavailable(Exception):
    """A scenario needs what this machine has not."""


class Bystander:
    """A session leader with a child, as a login shell with a job."""

    def __init__(self, **environment: str) -> None:
        self.process = subprocess.Popen(
            ["sh", "-c", "sleep 300 & wait"],
            start_new_session=True,
            env={**os.environ, **environment},
        )
        self.pid = self.process.pid
        while len(self.members()) < 2:  # the shell and its job
            time.sleep(0.01)

    def members(self) -> list[int]:
        return [pid for pid in processes() if int(stat(pid)[3]) == self.pid]

    def check_alive(self) -> None:
        time.sleep(0.05)  # a signal that was sent takes a moment to end it
        assert self.process.poll() is None, f"the shell was ended: {self.process.returncode}"
        assert len(self.members()) == 2, "its job was ended"

    def end(self) -> None:
        os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()


def processes() -> list[int]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [pid for pid in pids if pid > 1 and stat(pid) and stat(pid)[0] not in "ZX"]


def stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def ticks(pid: int) -> int:
    return int(stat(pid)[19])


def this_machine(pid: Any, start: int | None) -> dict[str, Any]:
    """The fields by which a runner of this namespace is known."""
    from finn_tui.engine.server.runs import runprocesses

    known = {"pid": pid, "pid_ticks": start, "pid_started": None}
    return {**runprocesses.identity(), **known}


def make_run(folder: Path, name: str = RUN_ID, **state: Any) -> Path:
    """A run folder whose state.json says what is given."""
    path = folder / "runs" / name
    path.mkdir(parents=True, exist_ok=True)
    request = {
        "format": 1,
        "id": name,
        "model": "tfc-w1a1",
        "created": "2026-01-02T03:04:05+00:00",
        "folding": {"Defaults": {}},
        "folding_name": "published",
        "board": "Pynq-Z2",
        "part": "xc7z020clg400-1",
        "clock_ns": 10.0,
        "simulated": True,
    }
    (path / "run.json").write_text(json.dumps(request))
    started = "2026-01-02T03:04:05+00:00"
    document = {"state": "running", "started": started, "heartbeat": time.time(), **state}
    (path / "state.json").write_text(json.dumps(document))
    (path / ".runner.lock").touch()
    return path


def look(path: Path) -> str:
    """The state of a run as whoever looks at it sees it."""
    from finn_tui.runs.folder import RunFolder
    from finn_tui.runs.launch.processes import reconcile

    return reconcile(RunFolder(path)).state


def cancel(path: Path) -> str:
    """Cancel a run and return its state, or what is said against it."""
    from finn_tui.base.errors import FinnTuiError
    from finn_tui.runs.folder import RunFolder
    from finn_tui.runs.launch.processes import cancel as cancel_run

    try:
        return asyncio.run(cancel_run(RunFolder(path))).state
    except FinnTuiError as error:
        return error.what


def stale_states(pid: int) -> dict[str, dict[str, Any]]:
    """States that name a bystander's process, by how they came about."""
    recorded = this_machine(pid, ticks(pid) - 1000)
    long_ago = time.time() - 30 * 86400
    host = socket.gethostname()
    return {
        "its number was given out again": recorded,
        "no start ticks": {**recorded, "pid_ticks": None, "heartbeat": long_ago},
        "before a restart": {**recorded, "boot": "0" * 8, "heartbeat": long_ago},
        "version 0.1": {
            "pid": pid,
            "pid_ticks": ticks(pid) - 1000,
            "host": host,
            "boot": recorded["boot"],
            "heartbeat": long_ago,
        },
        "host name only": {"pid": pid, "host": host, "heartbeat": long_ago},
    }


def stale(folder: Path) -> None:
    """Stale states are buried, and whoever has the number lives."""
    bystander = Bystander()
    for name, state in stale_states(bystander.pid).items():
        path = make_run(folder, **state)
        assert look(path) == "lost", name
        bystander.check_alive()


def odd_numbers(folder: Path) -> None:
    """Process numbers that no runner has."""
    bystander = Bystander()
    start = ticks(os.getpid())
    values = [
        0,
        1,
        -1,
        -bystander.pid,
        True,
        False,
        "12",
        str(bystander.pid),
        3.0,
        1e300,
        2**22 + 1,
        2**31,
        2**63,
        10**400,
        [bystander.pid],
        {},
        os.getpid(),
        os.getppid(),
    ]
    for value in values:
        for state in (
            {**this_machine(value, start - 1), "heartbeat": time.time() - 3600},
            {**this_machine(value, None), "heartbeat": time.time() - 3600},
            {"pid": value, "host": socket.gethostname(), "heartbeat": "x", "pid_ticks": True},
        ):
            assert look(make_run(folder, **state)) == "lost", value
            answer = cancel(make_run(folder, **{**state, "heartbeat": time.time()}))
            assert answer != "running", (value, answer)
            bystander.check_alive()


def queue(folder: Path) -> None:
    """Tickets of runs whose states are broken hold nobody up and raise nothing."""
    from finn_tui.engine.server.runs import runprocesses, runqueue

    bystander = Bystander()
    for number, pid in enumerate((True, "1", -1, 0, 1, 2**70, 1.5, [], bystander.pid)):
        state = {**this_machine(pid, 10**400 if number % 2 else 3), "heartbeat": 0}
        runqueue.take(str(make_run(folder, f"2026010{number}T000000Z-a-000{number}", **state)))
    place = folder / "runs" / ".queue"
    (place / "00000010").write_text("../../etc")
    (place / "00000011").write_text("x" * 10_000_000)
    (place / "²").write_text("")
    broken = make_run(folder, "20260202T000000Z-a-0010")
    (broken / "state.json").write_text("[1]")
    runqueue.take(str(broken))
    me = make_run(folder, "20260203T000000Z-a-0011", **runprocesses.own_identity())
    assert runqueue.place(str(me), runqueue.take(str(me))) == 0
    bystander.check_alive()


def leader_gone(folder: Path) -> None:
    """What carries the run's mark is ended; what does not stays, even below what does."""
    path = folder / "runs" / RUN_ID
    gone = subprocess.Popen(["true"])
    start = ticks(gone.pid) if stat(gone.pid) else 1
    gone.wait()
    marked = Bystander(**{MARK: str(path)})
    unmarked, other = Bystander(), Bystander(**{MARK: f"{path}-2"})
    below = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import subprocess, time\n"
            "subprocess.Popen(['sleep', '97'], env={}, start_new_session=True)\n"
            "time.sleep(300)",
        ],
        env={**os.environ, MARK: str(path)},
        start_new_session=True,
    )
    ours = subprocess.Popen(["sleep", "300"], env={**os.environ, MARK: str(path)})

    def sleeper() -> bool:
        lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes()]
        return b"sleep\x0097\x00" in lines

    while not sleeper():
        time.sleep(0.01)
    make_run(folder, **this_machine(gone.pid, start))
    assert look(path) == "lost"
    assert marked.process.wait(60) < 0 and below.wait(60) < 0
    assert not marked.members()
    assert sleeper(), "a process without the mark was ended"
    assert ours.poll() is None, "a process of our own session was ended"
    unmarked.check_alive()
    other.check_alive()


def restarted(folder: Path) -> None:
    """A restart is proved by the machine id and a heartbeat from before; a clone is not one."""
    from finn_tui.engine.server.runs import runprocesses

    bystander = Bystander()
    runprocesses.machine_id = lambda: "cloned"
    state = {**this_machine(bystander.pid, ticks(bystander.pid)), "boot": "another"}
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    assert look(make_run(folder, **{**state, "heartbeat": boot - 61})) == "lost"
    # A clone of this machine has the same machine id, and its run is at work.
    clone = make_run(folder, **{**state, "heartbeat": time.time() - 100})
    assert boot > time.time() - 100 or look(clone) == "running"
    assert "another machine or container" in cancel(make_run(folder, **state))
    nameless = {**state, "machine": None, "heartbeat": time.time() - 100}
    assert look(make_run(folder, **nameless)) == "running"
    silent = {**state, "machine": None, "heartbeat": time.time() - 601}
    assert look(make_run(folder, **silent)) == "lost"
    bystander.check_alive()


def containers(folder: Path) -> None:
    """Two containers have one host name and one boot id; process numbers are each one's own."""
    bystander = Bystander()
    machine = this_machine(bystander.pid, ticks(bystander.pid))
    assert machine["pid_namespace"], "the namespace is not known"
    other_namespace = {**machine, "pid_namespace": machine["pid_namespace"] + 1}
    path = make_run(folder, **other_namespace)
    with (path / ".runner.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make_run(folder, **{**other_namespace, "heartbeat": time.time() - 90})
        assert look(path) == "running"
        assert "another machine or container" in cancel(path)
        bystander.check_alive()
    assert look(make_run(folder, **other_namespace)) == "running", "it has just been heard of"
    path = make_run(folder, **{**other_namespace, "heartbeat": time.time() - 90})
    marked = Bystander(**{MARK: str(path)})
    assert look(path) == "lost", "this kernel knows that nobody holds it"
    marked.check_alive()
    bystander.check_alive()


def copied_folder(folder: Path) -> None:
    """The state of a copied folder names the runner of the original."""
    original = make_run(folder)
    runner = Bystander(**{MARK: str(original)})
    state = this_machine(runner.pid, ticks(runner.pid))
    copy = make_run(folder, "20260102T030405Z-tfc-w1a1-c0b1", **state)
    assert "does not build" in cancel(copy)
    runner.check_alive()
    assert look(make_run(folder, **state)) == "running"
    assert cancel(original) == "cancelled"
    assert not runner.members()


def board_command(folder: Path) -> None:
    """A command of the simulated board has ended, and its number is somebody else's."""
    from finn_tui.rehearsal import board_server

    last_pid = Path("/proc/sys/kernel/ns_last_pid")
    if not last_pid.exists():
        raise Unavailable("this kernel cannot be told which number to give out next")
    child = subprocess.Popen(["sleep", "300"], start_new_session=True)
    command = board_server._Command(child.pid, "0123")
    child.kill()
    child.wait()
    time.sleep(0.05)  # kernel ticks are 10 ms
    last_pid.write_text(str(child.pid - 1))
    bystander = Bystander()
    assert bystander.pid == child.pid, "the number was not given out again"
    command.end()
    bystander.check_alive()


def commands(folder: Path) -> None:
    """Every command that looks at runs leaves the bystander alone."""
    bystander = Bystander()
    states = stale_states(bystander.pid)
    states["zero"] = this_machine(0, None) | {"heartbeat": time.time() - 3600}
    states["one"] = this_machine(1, ticks(1)) | {"heartbeat": time.time() - 3600}
    lines = (
        ["runs"],
        ["runs", "show", RUN_ID],
        ["experiments"],
        ["attach", RUN_ID],
        ["cancel", RUN_ID],
        ["runs", "clean", "--yes", RUN_ID],
        ["logs", RUN_ID],
    )
    from click.testing import CliRunner

    from finn_tui.cli import main as cli

    for name, state in states.items():
        for line in lines:
            path = make_run(folder, **state)
            answer = CliRunner().invoke(cli, [*line, "--workspace", str(folder)])
            assert answer.exception is None or isinstance(answer.exception, SystemExit), answer
            assert "No such" not in answer.output, answer.output
            bystander.check_alive()
            if line[0] != "logs":
                assert json.loads((path / "state.json").read_text())["state"] == "lost", name


def app(folder: Path) -> None:
    """The app's watcher finds lost runs and leaves the bystander alone."""
    from finn_tui.lab.workbench import Workbench
    from finn_tui.lab.workspace import Workspace
    from finn_tui.ui.app import FinnTuiApp

    bystander = Bystander()
    states = stale_states(bystander.pid)
    states["zero"] = this_machine(0, None) | {"heartbeat": time.time() - 3600}
    paths = [
        make_run(folder, f"2026010{number}T000000Z-a-000{number}", **state)
        for number, state in enumerate(states.values(), 1)
    ]

    async def watch() -> None:
        app = FinnTuiApp(Workbench(Workspace.open(folder)))
        async with app.run_test() as pilot, asyncio.timeout(PATIENCE):
            while not all(b'"lost"' in (path / "state.json").read_bytes() for path in paths):
                await pilot.pause(0.05)

    asyncio.run(watch())
    bystander.check_alive()


SCENARIOS: dict[str, Callable[[Path], None]] = {
    name: scenario
    for name, scenario in list(globals().items())
    if name
    in (
        "stale",
        "odd_numbers",
        "queue",
        "leader_gone",
        "restarted",
        "containers",
        "copied_folder",
        "board_command",
        "commands",
        "app",
    )
}


@contextmanager
def _counted_signals() -> Iterator[list[int]]:
    counted: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: counted.append(number))
    yield counted


def main(arguments: list[str]) -> int:
    """Run a scenario in a child; nonzero if it fails or the first process was signalled."""
    name, folder = arguments[0], Path(arguments[1])
    assert os.getpid() == 1, "this ends processes: unshare -pf --mount-proc"
    with _counted_signals() as counted:
        child = os.fork()
        if child == 0:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            try:
                SCENARIOS[name](folder)
            except Unavailable as error:
                print(error, file=sys.stderr)
                os._exit(UNAVAILABLE)
            except BaseException:
                import traceback

                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        status = 0
        while True:
            pid, code = os.wait()
            if pid == child:
                status = code
                break
    if counted:
        print(f"the first process was signalled: {counted}", file=sys.stderr)
        return 1
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
