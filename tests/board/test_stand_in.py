"""A stand-in for the FPGA behind a board of the user's is never shown as a real one."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from finn_tui.board.transport import Transport
from finn_tui.board.validation import validate
from tests.board.fixtures import pretend


async def test_a_comparison_alone_says_simulated(
    lab: tuple[Transport, Path], run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, home = lab
    shutil.rmtree(run_folder / "dataset")
    software = np.load(run_folder / "sample" / "software.npy")
    data = base64.b64encode(software.astype("<f4").tobytes()).decode()
    events = (
        {"event": "hello", "simulated": True},
        {"event": "values", "output": 0, "data": data},
        {
            "event": "result",
            "images": len(software),
            "shapes": [[1]],
            "seconds": 1.0,
            "clock_mhz": 100.0,
        },
    )
    lines = "".join(f"print({json.dumps(event)!r}, flush=True)\n" for event in events)
    pretend(home, monkeypatch, lines + "time.sleep(600)\n")
    done = await validate(link, run_folder)
    assert done.note and done.comparison is not None and not done.differs
    recorded = json.loads((run_folder / "results.json").read_text())["comparison"]
    assert done.simulated and recorded["simulated"], "the agent says that it has no FPGA"
