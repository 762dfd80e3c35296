"""200 runs of one sweep in the app: what a look at them costs, and how long the event loop stands.

Run by hand: ``uv run python benchmarks/many_runs.py [--runs 200] [--seconds 20]``. Prints JSON.
The runs are jobs of an array of Slurm, whose squeue is a script here: four run, a quarter has
ended, the others wait and move up at each query. The app is driven by Textual's pilot, which draws
as a terminal does. A stall is the time between two turns of the event loop; beside it stands the
processor time of the loop's thread in it, which a busy machine does not lengthen. Beside both
stands what Python's garbage collection took of them, in whichever thread it ran.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from textual.pilot import Pilot

from finn_tui.lab.workspace import Workspace
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.placement import Placement, Stage, write_placement
from finn_tui.ui.app import FinnTuiApp
from finn_tui.ui.controllers.run_reader import read_results, read_runs
from tests import data
from tests.ui.conftest import RecordedLab, make_run, until

TURN_SECONDS = 0.002
RUNNING = 4
_SQUEUE = """#!{python}
import time
began = int(time.time()) // 5
for index in range({ended}, {count}):
    running = index < {ended} + {running}
    state = "RUNNING" if running else "PENDING"
    # Everybody moves up.
    priority = (index * 7919 + began * 104729) % 1000
    print("\\x1f".join(map(str, (
        7, index, 100 + index, state, priority, "main", "N/A", "N/A",
        "n1" if running else "", "None" if running else "JobArrayTaskLimit",
    ))))
"""


class Turns:
    """Measures the turns of the event loop."""

    def __init__(self) -> None:
        self.stalls: list[tuple[float, float]] = []
        self.collections: list[tuple[int, float]] = []
        self._collecting = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Turns:
        gc.callbacks.append(self._collected)
        self._task = asyncio.create_task(self._measure())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        gc.callbacks.remove(self._collected)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _measure(self) -> None:
        clock, processor = time.perf_counter(), time.thread_time()
        while True:
            await asyncio.sleep(TURN_SECONDS)
            at, spent = time.perf_counter(), time.thread_time()
            self.stalls.append((at - clock - TURN_SECONDS, spent - processor))
            clock, processor = at, spent

    def _collected(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._collecting = time.thread_time()
        else:
            spent = time.thread_time() - self._collecting
            self.collections.append((info["generation"], spent))

    def summary(self) -> dict[str, float]:
        """The longest turns, and collections, in milliseconds."""
        wall = sorted(turn for turn, _ in self.stalls)
        spent = sorted(turn for _, turn in self.stalls)
        full = [spent for generation, spent in self.collections if generation == 2]
        return {
            "longest_ms": round(1000 * wall[-1], 1),
            "longest_processor_ms": round(1000 * spent[-1], 1),
            "turns_above_50_ms": sum(turn > 0.05 for turn in wall),
            "turns_above_50_processor_ms": sum(turn > 0.05 for turn in spent),
            "collections": len(self.collections),
            "full_collections": len(full),
            "longest_collection_ms": round(
                1000 * max((spent for _, spent in self.collections), default=0.0), 1
            ),
            "all_collections_ms": round(1000 * sum(spent for _, spent in self.collections), 1),
            "loop_percent_of_a_core": round(
                100 * sum(spent) / max(1e-9, sum(wall) + TURN_SECONDS * len(wall)), 1
            ),
        }


def make_sweep(workspace: Workspace, count: int, bin: Path) -> list[RunFolder]:
    """Write the runs of a sweep, and the squeue that knows its jobs.

    Args:
        workspace: of the runs.
        count: how many.
        bin: folder of the script.
    """
    ended = count // 4
    runs = []
    for index in range(count):
        state = "succeeded" if index < ended else "running"
        state = "queued" if index >= ended + RUNNING else state
        minute, second = divmod(index, 60)
        id = f"20260102T03{minute:02d}{second:02d}Z-tfc-w1a1-{index:04x}"
        run = make_run(workspace, id, state, measured=index % 2 == 0)
        document = json.loads((run.path / "state.json").read_text())
        document |= {"scheduler": "slurm", "job": f"7_{index}"}
        if state == "queued":
            document |= {"step": None, "step_index": 0, "step_count": 0, "started": None}
        (run.path / "state.json").write_text(json.dumps(document))
        placement = Placement(
            host="cluster",
            folder=str(run.path),
            shared=True,
            stage=Stage.STARTED,
            job="7",
            array_index=index,
            job_name="finn-tui-sweep",
            submitted=time.time(),
        )
        write_placement(run.path, placement)
        runs.append(run)
    script = bin / "squeue"
    script.write_text(
        _SQUEUE.format(python=sys.executable, ended=ended, count=count, running=RUNNING)
    )
    script.chmod(0o755)
    return runs


def beat(runs: Sequence[RunFolder]) -> None:
    """What the builds that run write every two seconds."""
    for run in runs:
        path = run.path / "state.json"
        document = json.loads(path.read_text())
        document["heartbeat"] = time.time()
        part = path.with_suffix(".part")
        part.write_text(json.dumps(document))
        part.replace(path)


def looks(lab: RecordedLab) -> dict[str, float]:
    """What one look at all runs costs, in milliseconds of the processor."""
    times: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        begin = time.thread_time()
        answer = work()
        times[name] = round(1000 * (time.thread_time() - begin), 1)
        return answer

    runs, _ = timed("first_look_ms", lambda: read_runs(lab, ()))
    results = timed("first_results_ms", lambda: read_results(runs, (), ()))
    timed("nothing_changed_ms", lambda: read_runs(lab, runs))
    beat([run.folder for run in runs if run.state.state == "running"])
    changed, _ = timed("four_changed_ms", lambda: read_runs(lab, runs))
    timed("results_of_four_ms", lambda: read_results(changed, runs, results))
    return times


async def drive(
    lab: RecordedLab, runs: Sequence[RunFolder], seconds: float, settle: Callable[[], None] | None
) -> dict[str, Any]:
    """Measure the app at rest on each screen that shows runs, and while a key is held."""
    app = FinnTuiApp(lab, "tfc-w1a1", settle=settle)
    answer: dict[str, Any] = {}
    running = [run for run in runs if run.state().state == "running"]

    async def rest(pilot: Pilot[Any], mode: str) -> None:
        app.show_mode(mode)
        await until(pilot, lambda: app.current_mode == mode)
        await asyncio.sleep(3)
        async with Turns() as turns:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                await asyncio.to_thread(beat, running)
                await asyncio.sleep(2)
        answer[mode] = turns.summary()

    async with app.run_test(size=(160, 50)) as pilot:
        await until(pilot, lambda: app.state.tune is not None and app.state.runs_read)
        for mode in ("runs", "results", "tune"):
            await rest(pilot, mode)
        app.show_mode("runs")
        await until(pilot, lambda: app.current_mode == "runs")
        async with Turns() as turns:
            for _ in range(60):
                await pilot.press("down")
        answer["runs_while_a_key_is_held"] = turns.summary()
    return answer


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--no-freeze", action="store_true", help="as the app was without gc.freeze")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["FINN_TUI_HOME"] = str(folder / "home")
        data.home(folder / "home")
        (folder / "bin").mkdir()
        os.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
        from finn_tui.base import paths

        hosts = paths.config_dir() / "hosts.toml"
        hosts.parent.mkdir(parents=True, exist_ok=True)
        hosts.write_text('[cluster]\nengine = ["python3"]\n[cluster.slurm]\nparallel = 4\n')
        data.workspace(folder / "workspace", "tfc-w1a1", "cnv-w1a1")
        (folder / "workspace" / "finn-tui.toml").write_text("rehearse = true\n")
        workspace = Workspace.open(folder / "workspace")
        runs = make_sweep(workspace, options.runs, folder / "bin")
        lab = RecordedLab(workspace)
        settle = None if options.no_freeze else gc.freeze
        answer = {"runs": options.runs, "look": looks(lab)}
        answer["at_rest"] = asyncio.run(drive(lab, runs, options.seconds, settle))
    print(json.dumps(answer, indent=2))


if __name__ == "__main__":
    main()
