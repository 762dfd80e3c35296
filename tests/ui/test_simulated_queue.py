"""The queue on the simulated board: runs deployed, measured and validated, with nothing fake."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from finn_tui.lab.boards.board_queue import EntryStatus
from finn_tui.ui.controllers.board_work import board_job
from tests.board import samples
from tests.board.fixtures import board_home, driver_python
from tests.ui.conftest import MakeApp, RecordedLab, make_run, opened, screen_text, until, until_mode

__all__ = ["board_home", "driver_python"]

IDS = [f"2026010{day}T030405Z-tfc-w1a1-00b{day}" for day in (1, 2, 3)]


def built(lab: RecordedLab, id: str) -> Path:
    """A run with a simulated bitstream, and what the software gives."""
    folder = make_run(lab.workspace, id).path
    request = json.loads((folder / "run.json").read_text())
    for name in ("images.npy", "run.json"):
        (folder / ("sample" if name.endswith("npy") else "") / name).unlink()
    (folder / "sample").rmdir()
    samples.write_run(folder)
    run = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**request, **run}))
    return folder


async def test_two_runs_and_one_that_computes_something_else(
    make_app: MakeApp, lab: RecordedLab, board_home: None
) -> None:
    folders = [built(lab, id) for id in IDS]
    # What the software gives for the last one is not what its bitstream computes.
    software = np.load(folders[2] / "sample" / "software.npy")
    np.save(folders[2] / "sample" / "software.npy", (software + 1) % 10)
    app = make_app("tfc-w1a1", board_job)
    async with app.run_test(size=(160, 50), notifications=True) as pilot:
        await opened(pilot)
        await pilot.press("4")
        await until_mode(pilot, "board")
        app.boards.queue.add(IDS, "simulated")
        app.boards.start_next()
        entries = app.state.board.queue.entries
        await until(pilot, lambda: all(entry.ended for entry in entries), 300)
        assert [entry.status for entry in entries] == [
            EntryStatus.DONE,
            EntryStatus.DONE,
            EntryStatus.DIFFERS,
        ], [(entry.why, entry.fix) for entry in entries]
        await until(pilot, lambda: "2 of 3 runs are deployed" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Queue, finished" in screen_text(app))
        assert screen_text(app).count("✓ done") == 2 and "✗ differs" in screen_text(app)
    for folder in folders[:2]:
        results = json.loads((folder / "results.json").read_text())
        assert results["throughput"]["simulated"] and results["accuracy"]["images"] == 60
        assert results["accuracy"]["software_same"] == 60
