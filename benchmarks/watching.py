"""What it costs to watch a build: a folder of a thousand runs, and a log that grows fast.

Run by hand: ``uv run python benchmarks/watching.py [--runs 1000] [--megabytes 200]``. Prints JSON;
processor time, so that a busy machine does not count. Needs no engine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from finn_tui.rehearsal.tools.failures import long_log
from finn_tui.runs.live.snapshot import LOOK_BYTES, BuildWatcher
from finn_tui.runs.readers.registry import reader_for


def thousand(folder: Path, count: int) -> dict[str, Any]:
    """Looks at a project with ``count`` synthesis runs, six tenths of them done, 20 at work."""
    runs = folder / "vivado_stitch_proj_abcdefgh" / "finn_vivado_stitch_proj.runs"
    active = []
    for number in range(count):
        run = runs / f"ip_{number}_synth_1"
        run.mkdir(parents=True)
        (run / ".Vivado_Synthesis.queue.rst").touch()
        if number < 0.6 * count + 20:
            (run / ".vivado.begin.rst").touch()
            (run / "runme.log").write_text("INFO: [X 1-1] something was done\n" * 1000)
        if number < 0.6 * count:
            (run / ".vivado.end.rst").touch()
        elif number < 0.6 * count + 20:
            active.append(run / "runme.log")
    watcher = BuildWatcher(None, folder)
    first = _cpu(watcher.look)
    looks = []
    for _ in range(20):
        for log in active:
            with log.open("a") as file:
                file.write("Finished something : Time (s): cpu = 00:00:01\n" * 50)
        looks.append(_cpu(watcher.look))
    mean = sum(looks) / len(looks)
    return {
        "runs": count,
        "first_look_ms": round(1000 * first, 1),
        "look_ms": round(1000 * mean, 1),
        "core_percent_at_one_look_a_second": round(100 * mean, 2),
    }


def growing(folder: Path, megabytes: float) -> dict[str, Any]:
    """Reads a log of so many megabytes as it comes."""
    log = folder / "runme.log"
    log.write_text("Command: place_design\n")
    long_log(log, megabytes)
    reader = reader_for(log.name, b"Command: place_design\n")
    lines = 0
    tracemalloc.start()
    begin = time.process_time()
    with log.open("rb") as file:
        while data := file.read(LOOK_BYTES):
            lines += data.count(b"\n")
            reader.feed(data)
    spent = time.process_time() - begin
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "megabytes": megabytes,
        "lines_per_second": round(lines / spent),
        "mb_per_second": round(log.stat().st_size / 1e6 / spent, 1),
        "peak_memory_mb": round(peak / 1e6, 1),
        "note": "memory is traced, which about halves the speed",
    }


def _cpu(work: Any) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--megabytes", type=float, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "a").mkdir()
        (folder / "b").mkdir()
        answer = {
            "watching": thousand(folder / "a", options.runs),
            "reading": growing(folder / "b", options.megabytes),
        }
    print(json.dumps(answer, indent=2))


if __name__ == "__main__":
    main()
