"""What a build's processes take."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from finn_tui.engine.server.runs import runprocesses
from finn_tui.runs.live import process_usage
from finn_tui.runs.live.process_usage import ProcessUsage
from tests.runs.conftest import MakeRun

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="builds run on Linux")


def test_the_processes_of_a_run(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_usage, "LOOK_SECONDS", 0.0)
    run = make_run(state="running", **runprocesses.own_identity())
    busy = subprocess.Popen(
        [sys.executable, "-c", "while True: pass"],
        env={**os.environ, runprocesses.MARK: str(run.path)},
        cwd=run.path,
    )
    try:
        watch = ProcessUsage(run)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            usage = [one for one in watch.look(run.state()) if one.pid == busy.pid]
            if usage and usage[0].cpu:
                break
            time.sleep(0.1)
        (one,) = usage
        assert one.cpu is not None and 0 < one.cpu < 2
        assert one.memory > 1_000_000
        assert one.folder == run.path
    finally:
        busy.kill()
        busy.wait()
    assert busy.pid not in {one.pid for one in watch.look(run.state())}


def test_a_run_elsewhere_or_ended_has_none_here(make_run: MakeRun) -> None:
    elsewhere = make_run(state="running", **{**runprocesses.own_identity(), "boot": "another"})
    assert ProcessUsage(elsewhere).look(elsewhere.state()) == ()
    ended = make_run(
        "20260104T030405Z-tfc-w1a1-00ff", state="failed", **runprocesses.own_identity()
    )
    assert ProcessUsage(ended).look(ended.state()) == ()
