"""How long FINN's estimators take over every legal folding, and how long the cache takes.

Run by hand: ``uv run python benchmarks/tables.py [MODEL ...]``. Prints JSON. Needs an engine;
models are prepared with random weights in a workspace that is thrown away.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from finn_tui.cli.common import Reporter
from finn_tui.lab.foldings import cost_tables
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Workspace

REPEATS = 5


async def measure(lab: Workbench, name: str, reporter: Reporter) -> dict[str, Any]:
    """Seconds of engine work (as the engine measures it) and of a load from the cache."""
    prepared = await lab.prepare(name, weights={"kind": "random", "seed": 0}, on_progress=reporter)
    device = await lab.device(on_progress=reporter)
    engine = await lab.engine(reporter)
    await cost_tables.compute_design(prepared, device, engine)
    question = {"path": str(prepared.dataflow), "part": device.part}
    answers = [await engine.call("tables", question, lambda *_: None) for _ in range(REPEATS)]
    loads = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        if cost_tables.cached_design(prepared, device) is None:
            raise SystemExit(f"{name}: the cache was not used")
        loads.append(time.perf_counter() - start)
    return {
        "layers": answers[0]["layers"],
        "points": answers[0]["points"],
        "engine_seconds_median": statistics.median(item["seconds"] for item in answers),
        "cache_milliseconds_median": 1000 * statistics.median(loads),
    }


async def main(names: list[str]) -> dict[str, Any]:
    """Measure each model in one engine."""
    with tempfile.TemporaryDirectory() as folder, Reporter() as reporter:
        async with Workbench(Workspace.open(Path(folder))) as lab:
            return {name: await measure(lab, name, reporter) for name in names}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1:] or ["tfc-w1a1", "cnv-w1a1"])), indent=2))
