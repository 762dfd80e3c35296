"""Processes that have died, that only look like the runner, and that are to be ended."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.server.runs import runcontrol, runfiles, runprocesses
from finn_tui.runs.launch import processes
from finn_tui.runs.launch.processes import adopt, alive, cancel, reconcile
from tests.runs.conftest import MakeRun
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="builds run on Linux")


def _gone() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def _me() -> dict[str, object]:
    return {"state": "running", "heartbeat": time.time(), **runprocesses.own_identity()}


def test_start_times_are_those_of_psutil() -> None:
    started = runprocesses.process_started(os.getpid())
    assert started is not None
    assert abs(started - psutil.Process().create_time()) < 1.5
    assert runprocesses.process_started(2**22 + 1) is None


def test_a_living_runner_keeps_its_state(make_run: MakeRun) -> None:
    run = make_run(**_me())
    assert reconcile(run).state == "running"


def test_a_dead_runner_is_lost_and_the_folder_says_so(make_run: MakeRun) -> None:
    run = make_run(**{**_me(), "pid": _gone(), "step": "step_hw_ipgen", "step_count": 14})
    state = reconcile(run)
    assert state.state == "lost"
    assert run.state() == state or run.state().state == "lost"
    assert state.error is not None
    assert "step_hw_ipgen" in state.error.why
    assert state.step_count == 14
    assert [e["state"] for e in run.events() if e["event"] == "state"] == ["lost"]
    assert reconcile(run).state == "lost"


def test_another_process_with_the_same_id_is_not_the_runner(make_run: MakeRun) -> None:
    me = _me()
    assert alive(make_run("20260101T000000Z-a-0001", **me).state())
    ticks = me["pid_ticks"]
    assert isinstance(ticks, int)
    assert not alive(make_run("20260101T000000Z-a-0002", **{**me, "pid_ticks": ticks + 9}).state())


def test_a_clock_that_was_set_does_not_lose_a_run(make_run: MakeRun) -> None:
    me = _me()
    started = me["pid_started"]
    assert isinstance(started, float)
    run = make_run(**{**me, "pid_started": started - 7200, "heartbeat": time.time() - 7200})
    assert reconcile(run).state == "running"


def test_a_run_that_is_locked_lives_whatever_its_process_looks_like(make_run: MakeRun) -> None:
    run = make_run(**{**_me(), "pid": _gone()})
    held = runfiles.lock(str(run.path))
    assert reconcile(run).state == "running"
    held.close()
    assert reconcile(run).state == "lost"


def test_on_another_machine_only_a_long_silence_counts(make_run: MakeRun) -> None:
    there = {**_me(), "host": "elsewhere", "boot": "another", "pid": _gone()}
    assert reconcile(make_run("20260101T000000Z-a-0001", **there)).state == "running"
    silent = {**there, "heartbeat": time.time() - 3600}
    assert reconcile(make_run("20260101T000000Z-a-0002", **silent)).state == "lost"


def test_a_launch_that_never_became_a_process_is_lost(make_run: MakeRun) -> None:
    fresh = make_run("20260101T000000Z-a-0001", state="queued", heartbeat=time.time())
    assert reconcile(fresh).state == "queued"
    stale = make_run("20260101T000000Z-a-0002", state="queued", heartbeat=time.time() - 300)
    assert reconcile(stale).state == "lost"


def test_a_child_that_has_ended_is_not_alive(make_run: MakeRun) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    adopt(child)
    deadline = time.monotonic() + 120
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    run = make_run(**{**_me(), "pid": child.pid})
    assert reconcile(run).state == "lost"


def test_tools_in_sessions_of_their_own_are_found_and_ended(make_run: MakeRun) -> None:
    run = make_run(state="running")
    environment = {**os.environ, runprocesses.MARK: str(run.path)}
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('ready', flush=True); time.sleep(600)"
    )
    children = [
        subprocess.Popen(["sleep", "60"], env=environment, start_new_session=True),
        subprocess.Popen(
            [sys.executable, "-c", stubborn],
            env=environment,
            start_new_session=True,
            stdout=subprocess.PIPE,
        ),
    ]
    other = subprocess.Popen(["sleep", "60"], start_new_session=True)
    assert children[1].stdout is not None and children[1].stdout.readline() == b"ready\n"
    tools = runprocesses.build_processes(str(run.path))
    assert {process.pid for process in tools} == {child.pid for child in children}
    runprocesses.end_processes(str(run.path), grace=0.5)
    assert all(child.wait(PATIENCE) < 0 for child in children)
    assert other.poll() is None
    other.kill()
    other.wait()


def test_what_is_killed_is_waited_for_though_the_machine_stood_still(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(state="running")
    environment = {**os.environ, runprocesses.MARK: str(run.path)}
    child = subprocess.Popen(["sleep", "600"], env=environment, start_new_session=True)
    wait_until(lambda: runprocesses.build_processes(str(run.path)))
    still = itertools.chain([0.0], itertools.repeat(1000.0))
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + next(still), sleep=time.sleep)
    monkeypatch.setattr(runprocesses, "time", clock)

    def send(process: object, number: int) -> bool:
        # It takes a moment to end.
        assert number == signal.SIGKILL
        threading.Timer(0.3, child.kill).start()
        return True

    monkeypatch.setattr(runprocesses, "send_signal", send)
    runprocesses.end_processes(str(run.path), grace=60.0)
    assert not runprocesses.build_processes(str(run.path))
    child.wait(PATIENCE)


async def test_without_proc_the_clock_and_the_arguments_prove_a_runner(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runprocesses, "_proc_is_ours", lambda: False)
    monkeypatch.setattr(runprocesses, "boot_id", lambda: None)
    monkeypatch.setattr(processes, "_has_proc", lambda: False)
    monkeypatch.setattr(runcontrol, "CANCEL_SECONDS", 10.0)
    run = make_run()
    names = (str(run.path), "another")
    runner, other = [
        subprocess.Popen(  # noqa: ASYNC220 - starting it takes no time
            [sys.executable, "-c", "import time; time.sleep(600)", name]
        )
        for name in names
    ]
    try:
        for child, late, ended in ((other, 0.0, False), (runner, 60.0, False), (runner, 0.0, True)):
            started = psutil.Process(child.pid).create_time() - late
            state = {"pid": child.pid, "pid_started": started, "host": runprocesses.host()}
            state |= {"state": "running", "heartbeat": time.time()}
            (run.path / "state.json").write_text(json.dumps(state))
            if ended:
                assert (await cancel(run)).state == "cancelled"
                assert child.wait(PATIENCE) == -signal.SIGTERM
            else:
                with pytest.raises(FinnTuiError):
                    await cancel(run)
                assert child.poll() is None
    finally:
        for child in (runner, other):
            child.kill()
            child.wait()


async def test_cancel_of_a_run_elsewhere_or_ended(make_run: MakeRun) -> None:
    away = {**_me(), "host": "elsewhere", "boot": "another"}
    run = make_run("20260101T000000Z-a-0001", **away)
    with pytest.raises(FinnTuiError, match="runs on elsewhere"):
        await cancel(run)
    done = make_run("20260101T000000Z-a-0002", state="succeeded")
    assert (await cancel(done)).state == "succeeded"
    queued = make_run("20260101T000000Z-a-0003", state="queued", heartbeat=time.time())
    assert (await cancel(queued)).state == "cancelled"
