"""The queue and what a run lives through, with the real runner and a builder that needs no FINN."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import time
from pathlib import Path
from unittest.mock import Mock

import psutil
import pytest
from msgspec.structs import replace

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.server.runs import runprocesses, runqueue
from finn_tui.runs.folder import RunFolder, list_runs
from finn_tui.runs.launch import rebuild as again
from finn_tui.runs.launch.processes import cancel, reconcile
from finn_tui.runs.steps import steps
from tests import waiting
from tests.runs.conftest import STEPS, Begin, MakeRun, release, until

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="builds run on Linux")


def _span(run: RunFolder) -> tuple[float, float]:
    lines = [line.split() for line in (run.path / "worked").read_text().splitlines()]
    return float(lines[0][1]), float(lines[-1][1])


async def test_builds_wait_for_their_turn_in_the_order_of_launching(
    begin: Begin, tmp_path: Path
) -> None:
    hold = tmp_path / "hold"
    runs = [await begin(seconds=0.1, hold=str(hold)) for _ in range(3)]
    await until(runs[0], "running")
    positions = [None, 1, 2]
    await waiting.until(lambda: [reconcile(run).position for run in runs] == positions)
    release(hold)
    for run in runs:
        assert (await until(run, "succeeded")).position is None
    spans = [_span(run) for run in runs]
    assert spans[0][1] <= spans[1][0] and spans[1][1] <= spans[2][0]


async def test_two_may_run_at_once_and_the_third_waits(begin: Begin, tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    runs = [await begin(parallel=2, hold=str(hold)) for _ in range(3)]
    await until(runs[0], "running")
    await until(runs[1], "running")
    state = reconcile(runs[2])
    assert (state.state, state.position) == ("queued", 1)
    release(hold)
    for run in runs:
        await until(run, "succeeded")


async def test_a_build_that_waits_and_has_lost_its_ticket_takes_another(
    begin: Begin, tmp_path: Path
) -> None:
    hold = tmp_path / "hold"
    first, second = [await begin(hold=str(hold)) for _ in range(2)]
    await until(first, "running")
    await waiting.until(lambda: reconcile(second).position == 1)
    folder = str(second.path)
    number = runqueue.number_of(folder)
    assert number is not None
    # As another run does that could not read its state: those behind would not wait for it.
    (second.path.parent / runqueue.FOLDER / f"{number:08d}").unlink()
    await waiting.until(lambda: runqueue.number_of(folder) is not None)
    release(hold)
    for run in (first, second):
        await until(run, "succeeded")


async def test_a_queued_build_is_cancelled_and_the_next_moves_up(begin: Begin) -> None:
    first, second, third = [await begin(seconds=20) for _ in range(3)]
    await until(first, "running")
    state = await cancel(second)
    assert state.state == "cancelled" and state.started is None and state.position is None
    assert not (second.path / "worked").exists()
    await cancel(first)
    await until(third, "running")
    assert (await cancel(third)).state == "cancelled"


async def test_a_runner_that_is_killed_holds_nobody_up(begin: Begin) -> None:
    first, second = [await begin(seconds=20) for _ in range(2)]
    pid = (await until(first, "running")).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(second, "running")
    assert reconcile(first).state == "lost"
    await cancel(second)


async def test_a_waiting_runner_that_is_killed_is_lost_and_never_builds(
    begin: Begin, tmp_path: Path
) -> None:
    hold = tmp_path / "hold"
    first, second = [await begin(hold=str(hold)) for _ in range(2)]
    await until(first, "running")
    pid = reconcile(second).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    release(hold)
    await until(first, "succeeded")
    assert reconcile(second).state == "lost"
    assert not (second.path / "worked").exists()


async def test_cancel_reaches_what_left_its_session_parent_and_environment(begin: Begin) -> None:
    run = await begin(seconds=30, spawn=True)
    await until(run, "running")
    strays: list[psutil.Process] = []
    async with asyncio.timeout(120):
        while not strays:
            strays = [
                p
                for p in psutil.process_iter(["cmdline"])
                if p.info["cmdline"] == ["sleep", "97531"]
            ]
            await asyncio.sleep(0.05)
    assert (await cancel(run)).state == "cancelled"
    # A zombie has no ticks: it is ended, whoever has still to ask for it.
    assert not any(runprocesses.process_ticks(stray.pid) for stray in strays)


async def test_the_users_command_is_started_at_the_end_though_nobody_waits(
    begin: Begin, tmp_path: Path
) -> None:
    out = tmp_path / "said"
    run = await begin(notify=f'echo "$FINN_TUI_RUN $FINN_TUI_STATE" > {out}', fail="step_two")
    await until(run, "failed")
    await waiting.until(lambda: out.exists() and out.read_text())
    assert out.read_text() == f"{run.id} failed\n"


async def test_a_failed_run_goes_on_where_it_ended(begin: Begin) -> None:
    run = await begin(fail="step_two")
    await until(run, "failed")
    before = json.loads((run.path / "run.json").read_text())
    assert again.resumable(run).steps == ("step_one", "step_two")
    with pytest.raises(FinnTuiError, match="cannot go on at step_three"):
        await again.resume(run, "step_three")
    await again.resume(run)
    state = await until(run, "succeeded")
    assert state.attempt == 2 and state.error is None
    assert [step.status for step in steps(run)] == ["finished"] * 3
    done = (run.path / "worked").read_text().splitlines()
    assert [line.split()[0] for line in done] == ["step_one", "step_two", "end"]
    assert json.loads((run.path / "run.json").read_text()) == before
    with pytest.raises(FinnTuiError, match="has succeeded"):
        await again.resume(run)


async def test_of_two_that_resume_at_once_one_is_refused(begin: Begin) -> None:
    run = await begin(fail="step_two", seconds=0.5)
    await until(run, "failed")
    answers = await asyncio.gather(again.resume(run), again.resume(run), return_exceptions=True)
    assert sorted(isinstance(answer, FinnTuiError) for answer in answers) == [False, True]
    await until(run, "succeeded")
    done = (run.path / "worked").read_text().splitlines()
    assert [line.split()[0] for line in done] == ["step_one", "step_two", "end"]


async def test_a_retry_is_the_same_request_in_a_new_folder(begin: Begin) -> None:
    run = await begin(fail="step_two")
    await until(run, "failed")
    (run.path / "model.onnx").write_text(json.dumps({"steps": STEPS}))
    other = await again.retry(run)
    await until(other, "succeeded")
    assert reconcile(run).state == "failed"
    assert other.request.source["retry_of"] == run.id
    assert replace(other.request, id="", created="", source={}) == replace(
        run.request, id="", created="", source={}
    )


async def test_a_run_that_was_only_half_launched_is_cancelled_and_never_builds(
    begin: Begin, make_run: MakeRun
) -> None:
    run = make_run(state="queued", heartbeat=time.time(), **runprocesses.identity())
    assert (await cancel(run)).state == "cancelled"


def test_a_machine_that_was_restarted_has_lost_its_runs(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {"heartbeat": runprocesses.boot_time() - 90, "boot": "another"}
    monkeypatch.setattr(runprocesses, "machine_id", lambda: "this one")
    run = make_run(state="running", **{**runprocesses.own_identity(), **before})
    state = reconcile(run)
    assert state.state == "lost"
    assert state.error is not None and "restarted" in state.error.what


def test_tickets_are_never_given_out_twice(make_run: MakeRun) -> None:
    runs = [
        make_run(f"2026010{n}T000000Z-a-000{n}", heartbeat=time.time(), **runprocesses.identity())
        for n in range(1, 4)
    ]
    assert [runqueue.take(str(run.path)) for run in runs] == [1, 2, 3]
    assert [runqueue.place(str(run.path), n + 1) for n, run in enumerate(runs)] == [0, 1, 2]
    for run in runs[:2]:
        shutil.rmtree(run.path)
    assert runqueue.place(str(runs[2].path), 3) == 0
    shutil.rmtree(runs[2].path)
    again = make_run("20260105T000000Z-a-0005", heartbeat=time.time(), **runprocesses.identity())
    assert runqueue.take(str(again.path)) == 4
    assert runqueue.place(str(again.path), 4) == 0
    assert len(list_runs(again.path.parent)) == 1


def test_a_launch_that_died_holds_nobody_up_for_long(make_run: MakeRun) -> None:
    identity = runprocesses.identity()
    there = {**runprocesses.own_identity(), "boot": "another"}
    dead = make_run("20260101T000000Z-a-0001", heartbeat=time.time() - 120, **identity)
    elsewhere = make_run("20260101T000000Z-a-0002", heartbeat=time.time(), **there)
    waiting = make_run("20260101T000000Z-a-0003", heartbeat=time.time(), **identity)
    numbers = [runqueue.take(str(run.path)) for run in (dead, elsewhere, waiting)]
    assert runqueue.place(str(waiting.path), numbers[-1]) == 0


def test_a_long_line_is_not_read_by_each_that_waits(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_run("20260101T000000Z-a-0001", heartbeat=time.time(), **runprocesses.identity())
    runs_dir = first.path.parent
    numbers = [runqueue.take(str(first.path))]
    for number in range(2, 301):
        # Links to one folder: each has a ticket and lives.
        link = runs_dir / f"20260101T000000Z-b-{number:04}"
        link.symlink_to(first.path)
        numbers.append(runqueue.take(str(link)))
    holds = Mock(side_effect=runqueue._holds)
    monkeypatch.setattr(runqueue, "_holds", holds)
    assert runqueue.place(str(link), numbers[-1]) == 299
    assert holds.call_count < 20
    # The last of the line looks less often than the first, and none so seldom that it seems dead.
    assert runqueue.seconds_to_look(1) < 1 < 5 < runqueue.seconds_to_look(299)
    assert runqueue.seconds_to_look(10_000) < runqueue.LAUNCH_SECONDS / 2
