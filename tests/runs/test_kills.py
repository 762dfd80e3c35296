"""kill -9 at random moments, with the real runner and a builder that needs no FINN.

``benchmarks/kill_builds.py`` does the same over rehearsal builds, with the app itself.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from finn_tui.engine.server.runs import runprocesses
from finn_tui.runs.launch.processes import reconcile
from tests.runs.conftest import Begin
from tests.waiting import PATIENCE

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="builds run on Linux")


@pytest.mark.parametrize("victim", ["runner", "builder", "all"])
@pytest.mark.parametrize("seed", range(4))
async def test_whoever_is_killed_the_state_is_true_and_nothing_is_left(
    begin: Begin, victim: str, seed: int
) -> None:
    run = await begin(seconds=0.25)
    await asyncio.sleep(random.Random(f"{victim} {seed}").uniform(0.0, 1.2))
    state = run.state()
    assert state.pid is not None
    left = [process.pid for process in runprocesses.build_processes(str(run.path))]
    pids = {"runner": [state.pid], "builder": left, "all": [state.pid, *left]}[victim]
    for pid in [] if state.final else pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pids = []
    async with asyncio.timeout(PATIENCE):
        ended = False
        while not ended:
            await asyncio.sleep(0.05)
            ended = reconcile(run).final and not runprocesses.build_processes(str(run.path))
    after = reconcile(run)
    if state.final or not pids:
        assert after.state in ("succeeded", "lost", "failed")
    elif victim == "builder":
        # Its last step may have been reported when it was killed.
        assert after.state in ("failed", "succeeded")
        assert after.state == "succeeded" or (after.error and "SIGKILL" in after.error.what)
    else:
        assert after.state in ("lost", "succeeded")
    worked = run.path / "worked"
    lines = worked.read_text().splitlines() if worked.exists() else []
    assert after.state != "succeeded" or lines[-1].startswith("end")
    assert len(lines) <= 2, "it was built once"
    assert [e["state"] for e in run.events() if e["event"] == "state"][-1] == after.state
