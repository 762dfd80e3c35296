"""Real trainings as runs, in a process namespace of their own: they are killed and cancelled.

``python -m tests.runs.training_scenarios ENGINE_PYTHON FOLDER`` prints what came of it as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from finn_tui.base import paths
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.runs.documents import RunKind
from finn_tui.runs.folder import RunFolder, find_run
from finn_tui.runs.launch import processes, rebuild
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.launch.train import TrainRequest, launch_training

TINY = {
    "family": "mlp",
    "input": [1, 28, 28],
    "input_bits": 1,
    "weight_bits": 1,
    "activation_bits": 1,
    "fully_connected": [32],
    "classes": 10,
}


#: Together some seconds: long enough to be killed in the middle.
EPOCHS = 12


def request(engine: EngineSpec, dataset: Path, **recipe: Any) -> TrainRequest:
    """A tiny network on made digits."""
    training = {
        "definition": TINY,
        "dataset": str(dataset),
        "dataset_name": dataset.name,
        "epochs": 3,
        "batch": 20,
        "lr": 0.05,
        "seed": 5,
        **recipe,
    }
    return TrainRequest("tiny", training, engine)


async def until(run: RunFolder, *states: str) -> str:
    """Wait for a state."""
    async with asyncio.timeout(300):
        while (state := reconcile(run)).state not in states:
            assert not state.final, (state, run.log.read_text()[-2000:])
            await asyncio.sleep(0.1)
    return str(state.state)


async def first_epoch(run: RunFolder, after: int = 0) -> None:
    """Wait until an epoch is done, the next one that an earlier attempt has not done."""
    async with asyncio.timeout(300):
        while max(losses(run), default=0) <= after:
            assert not run.state().final, run.log.read_text()[-2000:]
            await asyncio.sleep(0.02)


def evaluate(run: RunFolder, engine: EngineSpec, workspace: Path) -> Any:
    """What the command says of a training."""
    command = [sys.executable, "-m", "finn_tui.cli", "evaluate", run.id, "--json"]
    done = subprocess.run(
        [*command, "--workspace", str(workspace)],
        env={**os.environ, "FINN_TUI_ENGINE_PYTHON": engine.command[0]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def losses(run: RunFolder) -> dict[int, float]:
    """The loss of each epoch."""
    return {event["epoch"]: event["loss"] for event in run.events() if event["event"] == "epoch"}


async def play(engine: EngineSpec, folder: Path, dataset: Path) -> dict[str, Any]:
    """Train to the end; train the same, kill it and go on; cancel one."""
    known = paths.config_dir() / "engines.toml"
    known.parent.mkdir(parents=True, exist_ok=True)
    known.write_text(f"[test]\ncommand = {json.dumps(list(engine.command))}\n")
    runs = folder / "runs"
    long = {"epochs": EPOCHS, "seed": 5}
    whole = await launch_training(request(engine, dataset, **long), runs)
    whole_state = await until(whole, "succeeded")

    killed = await launch_training(request(engine, dataset, **long), runs)
    await first_epoch(killed)
    pid = killed.state().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    lost = await until(killed, "lost")
    before = max(losses(killed))
    left = [one for one in Path("/proc").glob("[0-9]*") if _is_trainer(one, killed)]
    deadline = time.monotonic() + 120
    while left and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        left = [one for one in left if _is_trainer(one, killed)]
    await rebuild.resume(killed)
    await first_epoch(killed, after=before)
    cancelled = await processes.cancel(killed)
    possible = rebuild.resumable(killed)
    await rebuild.resume(killed)
    resumed = await until(killed, "succeeded")
    result = whole.results()["training"]
    evaluated = await asyncio.to_thread(evaluate, whole, engine, folder)
    return {
        "whole": whole_state,
        "lost": lost,
        "before": before,
        "left": len(left),
        "resumed": resumed,
        "same": losses(whole) == losses(killed),
        "attempt": killed.state().attempt,
        "cancelled": cancelled.state,
        "possible": list(possible.steps),
        "result": {key: result[key] for key in ("dataset", "epochs", "images", "ended", "percent")},
        "evaluated": evaluated,
        "files": sorted(path.name for path in whole.build.iterdir()),
        "last": find_run(runs, "last", RunKind.TRAIN) == killed,
        "step": whole.state().step,
    }


def _is_trainer(process: Path, run: RunFolder) -> bool:
    try:
        return str(run.path).encode() in (process / "cmdline").read_bytes()
    except OSError:
        return False


if __name__ == "__main__":
    python, place, data = sys.argv[1:4]
    facts = asyncio.run(play(EngineSpec("test", (python,)), Path(place), Path(data)))
    sys.stdout.write("\n" + json.dumps(facts) + "\n")
