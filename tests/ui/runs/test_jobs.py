"""Runs that wait in a cluster: 200 of them are one query a tick, and keys work meanwhile."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from finn_tui.base import paths
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.documents import RunError
from finn_tui.runs.placement import Placement, Stage, write_placement
from finn_tui.runs.slurm import follow
from finn_tui.ui.controllers.run_notices import run_notices
from finn_tui.ui.controllers.run_reader import read_runs
from finn_tui.ui.runs.place_view import place_lines
from tests.ui.conftest import MakeApp, make_run, opened, screen_text, until

JOBS = 200
SQUEUE = """#!/bin/sh
echo "$@" >> {asked}
cat {rows}
"""


@pytest.fixture
def asked(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make 200 runs that wait as jobs of one array; the file has a line for each query."""
    hosts = paths.config_dir() / "hosts.toml"
    hosts.parent.mkdir(parents=True, exist_ok=True)
    hosts.write_text("[cluster]\n[cluster.slurm]\n")
    rows = []
    for index in range(JOBS):
        run = make_run(workspace, f"20260102T0304{index:03}Z-tfc-w1a1-0{index:03x}", "queued")
        state = {"state": "queued", "scheduler": "slurm", "heartbeat": time.time()}
        (run.path / "state.json").write_text(json.dumps(state))
        place = Placement(
            host="cluster",
            folder=str(run.path),
            shared=True,
            stage=Stage.STARTED,
            job="7",
            job_name="finn-tui-7",
            array_index=index,
        )
        write_placement(run.path, place)
        values = ("7", str(index), "8", "PENDING", "5", "main", "N/A", "N/A", "", "Licenses")
        rows.append("\x1f".join(values))
    programs = tmp_path / "bin"
    programs.mkdir()
    (tmp_path / "rows").write_text("\n".join(rows) + "\n")
    script = SQUEUE.format(asked=tmp_path / "asked", rows=tmp_path / "rows")
    (programs / "squeue").write_text(script)
    (programs / "squeue").chmod(0o755)
    for name in ("sacct", "scontrol"):
        (programs / name).write_text(f"#!/bin/sh\necho {name} >> {tmp_path / 'asked'}\nexit 1\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(follow, "TICK_SECONDS", 1.0)
    return tmp_path / "asked"


async def test_200_jobs_are_one_query_a_tick_and_keys_work(make_app: MakeApp, asked: Path) -> None:
    began = time.monotonic()
    app = make_app("tfc-w1a1")
    async with app.run_test(size=(160, 50)) as pilot:
        await opened(pilot)
        await pilot.press("3")
        await until(pilot, lambda: "queued, position 200" in screen_text(app))
        assert "waits for a licence that Slurm counts" in screen_text(app)
        for _ in range(20):
            await pilot.press("down")
        await until(pilot, lambda: "position 180 in the queue" in screen_text(app))
        ticks = time.monotonic() - began
    queries = asked.read_text().splitlines()
    assert 1 <= len(queries) <= ticks + 2, queries
    assert all("--array" in query for query in queries)


def test_why_a_job_waits_is_there_in_a_narrow_window(workspace: Workspace) -> None:
    id = "20260102T030405Z-tfc-w1a1-0001"
    run = make_run(workspace, id, "queued")
    state = {"state": "queued", "scheduler": "slurm", "heartbeat": time.time()}
    (run.path / "state.json").write_text(json.dumps(state))
    folder, full = f"/lab/runs/{id}", RunError("disk", "the disk of lab is full")
    place = Placement(host="lab", folder=folder, job_name="finn-tui-7", problem=full)
    write_placement(run.path, place)
    (view,), _ = read_runs(Workbench(workspace), ())
    lines = place_lines(view, time.time(), 30)
    said = " ".join(line.text.strip() for line in lines)
    assert said == "on lab not sent to Slurm on lab yet: the disk of lab is full"


def test_the_ends_of_an_array_are_one_notice(workspace: Workspace) -> None:
    lab, ids = Workbench(workspace), [f"20260102T03040{n}Z-tfc-w1a1-000{n}" for n in range(5)]
    for id in ids:
        make_run(workspace, id, "failed" if id == ids[0] else "succeeded")
    views, _ = read_runs(lab, ())
    (notice,) = run_notices(views)
    assert notice.alert == "5 runs have ended: 4 succeeded, 1 failed SIMULATED"
    assert notice.severity == "warning"
    few = run_notices(views[-3:])
    assert [one.severity for one in few] == ["information", "information", "error"]
    assert few[2].text.startswith(f"{ids[0]}: failed SIMULATED; e on Runs")
