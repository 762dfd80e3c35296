"""How much of a validation is its own: time in the board's driver against the whole, as JSON.

    uv run python benchmarks/validation.py [IMAGES] [BATCH]

A simulated board computes a network that takes 328 microseconds an image (CNV-w1a1 with the
published folding at 100 MHz). ``overhead`` is the part of the time, from the request to the last
result with the driver loaded, that was not within ``driver.execute``; the target is 0.05. Both
times are of the same validation.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from finn_tui.board.agent_session import conversation
from finn_tui.board.catalogue import find
from finn_tui.board.connection import connect
from finn_tui.board.deploy import deploy
from finn_tui.board.validation import validate
from finn_tui.rehearsal import driver_env
from tests.board import samples

#: Cycles an image of CNV-w1a1 with the published folding.
II = 32_768


async def measure(images: int, batch: int | None) -> dict[str, Any]:
    """Validate random images; return the times."""
    python = os.environ.get("FINN_TUI_DRIVER_PYTHON") or str(await driver_env.ensure())
    os.environ["FINN_TUI_DRIVER_PYTHON"] = python
    with tempfile.TemporaryDirectory(prefix="finn-tui-bench-") as home:
        os.environ["FINN_TUI_HOME"] = home
        run = Path(home, "runs", "20260101T000000Z-bench-0001")
        run.mkdir(parents=True)
        samples.write_run(run)
        bitfile = run / "build" / "deploy" / "bitfile" / "finn-accel.bit"
        request = json.loads((run / "run.json").read_text())
        request["estimate"] = {"ii_cycles": II, "fps": 1e8 / II}
        (run / "run.json").write_text(json.dumps(request))
        samples.write_bitstream(bitfile, samples.network_bytes(), II)
        own = Path(home, "own.npz")
        np.savez(own, images=samples.images(images), labels=np.arange(images) % 10)
        async with connect(find("simulated")) as link:
            await deploy(link, run)
            async with conversation(link) as agent:
                # Python, the driver and the bitstream are loaded once.
                await validate(link, run, dataset=own, batch=batch, limit=100, agent=agent)
                done = await validate(link, run, dataset=own, batch=batch, agent=agent)
    assert done.seconds and done.driver_seconds and done.board_seconds
    return {
        "images": done.images,
        "batch": done.batch,
        "seconds": done.seconds,
        "board_seconds": done.board_seconds,
        "driver_seconds": done.driver_seconds,
        "overhead": 1 - done.driver_seconds / done.seconds,
        "target": 0.05,
    }


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    size = numbers[1] if len(numbers) > 1 else None
    print(json.dumps(asyncio.run(measure(numbers[0] if numbers else 10_000, size)), indent=1))
