"""Following a run by its files."""

from __future__ import annotations

import asyncio
import time

from finn_tui.engine.server.runs import runfiles, runprocesses
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.live.watch import (
    LogLines,
    RunnerMessage,
    StateChanged,
    StepsChanged,
    Update,
    follow,
)
from finn_tui.runs.steps import steps
from tests.runs.conftest import MakeRun


def _say(run: RunFolder, event: str, **data: object) -> None:
    runfiles.append_event(str(run.path), event, **data)


def _begin(run: RunFolder) -> None:
    _say(run, "steps", names=["a", "b", "c"])
    for status in ("started", "finished"):
        _say(run, "step", name="a", status=status, index=1, count=3, seconds=1.5)
    _say(run, "step", name="b", status="started", index=2, count=3)


def test_steps_have_state_and_time(make_run: MakeRun) -> None:
    run = make_run()
    assert steps(run) == ()
    _begin(run)
    first, second, third = steps(run)
    assert (first.status, first.seconds) == ("finished", 1.5)
    assert second.status == "running"
    assert second.seconds is not None
    assert (third.status, third.seconds) == ("waiting", None)
    _say(run, "state", state="cancelled", error=None)
    assert [step.status for step in steps(run)] == ["finished", "cancelled", "waiting"]


async def test_following_tells_what_is_and_what_comes(make_run: MakeRun) -> None:
    run = make_run(
        state="running",
        **runprocesses.own_identity(),
        heartbeat=time.time(),
        step="b",
    )
    _begin(run)
    _say(run, "log", level="warning", text="slow")
    run.log.write_text("one\ntwo\n")
    got: list[Update] = []
    came = asyncio.Event()

    async def listen() -> None:
        async for update in follow(run, poll=0.02):
            got.append(update)
            came.set()

    async def more_than(count: int) -> None:
        async with asyncio.timeout(120):
            while len(got) <= count:
                await came.wait()
                came.clear()

    task = asyncio.create_task(listen())
    await more_than(3)
    before = len(got)
    assert [type(update) for update in got] == [StateChanged, RunnerMessage, StepsChanged, LogLines]
    with run.log.open("a") as file:
        file.write("three\nunended")
    await more_than(before)
    assert got[before:] == [LogLines(run.log, ("three",))]
    _say(run, "step", name="b", status="finished", index=2, count=3, seconds=2.0)
    _say(run, "state", state="succeeded", error=None)
    state = {"state": "succeeded", "step": "c"}
    runfiles.save_state(str(run.path), state)
    await asyncio.wait_for(task, 120)
    lines = [line for update in got if isinstance(update, LogLines) for line in update.lines]
    assert lines == ["one", "two", "three", "unended"]
    states = [update.state.state for update in got if isinstance(update, StateChanged)]
    assert states == ["running", "succeeded"]
    last = [update for update in got if isinstance(update, StepsChanged)][-1]
    assert [step.status for step in last.steps] == ["finished", "finished", "waiting"]


async def test_following_a_run_whose_process_is_gone_ends_with_lost(make_run: MakeRun) -> None:
    run = make_run(
        state="running",
        **{**runprocesses.own_identity(), "pid": 2**22 + 5},
        heartbeat=time.time(),
        step="b",
    )
    _begin(run)
    got = [update async for update in follow(run, poll=0.02)]
    states = [update.state.state for update in got if isinstance(update, StateChanged)]
    assert states == ["lost"]
    shown = [update for update in got if isinstance(update, StepsChanged)][-1]
    assert [step.status for step in shown.steps] == ["finished", "lost", "waiting"]


async def test_a_full_disk_that_swallowed_the_last_event_hides_nothing(make_run: MakeRun) -> None:
    run = make_run(state="failed", heartbeat=time.time() + 3)
    _begin(run)
    assert [step.status for step in steps(run)] == ["finished", "failed", "waiting"]
    got = [update async for update in follow(run, poll=0.02)]
    shown = [update for update in got if isinstance(update, StepsChanged)][-1]
    assert [step.status for step in shown.steps] == ["finished", "failed", "waiting"]
