"""A training's run folder, as the runner and the trainer leave it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from finn_tui.engine.server.runs import runfiles
from finn_tui.runs.folder import RunFolder

TRAINED = "20260103T030405Z-tfc-w1a1-cccc"
CLASSES = [str(digit) for digit in range(10)]
EPOCHS, IMAGES = 4, 8000


def events(done: int, epochs: int = EPOCHS, begun: float = 1000.0) -> list[dict[str, Any]]:
    """What a training says in its first ``done`` epochs, ten seconds each."""
    lines: list[dict[str, Any]] = [
        {"t": begun - 1, "event": "state", "state": "running", "error": None},
        {
            "t": begun,
            "event": "training",
            "epochs": epochs,
            "first": 1,
            "done": 0,
            "images": IMAGES,
            "test_images": 2000,
            "dataset": "mnist-10k",
            "batch": 100,
            "classes": CLASSES,
            "device": "cpu, 1 thread",
            "parameters": 59_530,
        },
    ]
    for epoch in range(1, done + 1):
        at = begun + 10.0 * epoch
        lr = 0.06 * (1 - (epoch - 1) / epochs)
        for part in (0.5, 1.0):
            loss = 2.0 / (epoch - 1 + part)
            lines.append(
                {
                    "t": at - 6 + 5 * part,
                    "event": "batch",
                    "epoch": epoch,
                    "lr": lr,
                    "images": int(IMAGES * part),
                    "loss": loss,
                    "accuracy": 60.0 + epoch,
                    "images_per_s": 800.0,
                }
            )
        lines.append(
            {
                "t": at,
                "event": "epoch",
                "epoch": epoch,
                "images": IMAGES,
                "loss": 2.0 / epoch,
                "train_accuracy": 60.0 + epoch,
                "accuracy": 70.0 + epoch,
                "lr": lr,
                "seconds": 10.0 * epoch,
                "best": epoch,
                "finished": True,
            }
        )
    return lines


def result() -> dict[str, Any]:
    """What a training of four epochs has reached."""
    per_class = [
        {"class": at, "name": name, "images": 200, "correct": 140 + at, "percent": 70 + at / 2}
        for at, name in enumerate(CLASSES)
    ]
    return {
        "percent": 74.0,
        "correct": 1480,
        "images": 2000,
        "per_class": per_class,
        "confusions": [{"label": 4, "predicted": 9, "count": 21}],
        "dataset": "mnist-10k",
        "dataset_source": "/data/mnist-10k",
        "train_images": IMAGES,
        "selected_on": "test images",
        "epochs": EPOCHS,
        "best_epoch": 4,
        "ended": "epochs",
        "seconds": 40.0,
        "images_per_s": 800.0,
        "data_share": 0.02,
        "device": "cpu, 1 thread",
        "threads": 1,
        "seed": 0,
        "checkpoint": "build/best.pt",
        "source": "evaluation of build/best.pt in software",
        "simulated": False,
    }


def write(
    runs: Path, id: str = TRAINED, state: str = "succeeded", done: int = EPOCHS, **extra: Any
) -> RunFolder:
    """Write a training into a folder of runs.

    Args:
        runs: of the workspace.
        id: of the run.
        state: in which it is.
        done: epochs that it has done.
        extra: other keys of state.json.
    """
    path = runs / id
    (path / "build").mkdir(parents=True)
    request = {
        "format": 1,
        "id": id,
        "kind": "train",
        "model": "tfc-w1a1",
        "created": "2026-01-03T03:04:05+00:00",
        "host": "local",
        "engine": {"name": "test", "command": [sys.executable]},
        "source": {"title": "TFC-w1a1 on MNIST"},
        "training": {
            "definition": {"brevitas": "tfc_1w1a"},
            "dataset": "/data/mnist-10k",
            "dataset_name": "mnist-10k",
            "epochs": EPOCHS,
        },
    }
    (path / runfiles.RUN).write_text(json.dumps(request))
    document = {
        "state": state,
        "step": f"epoch {done}",
        "step_index": done,
        "step_count": EPOCHS,
        "started": "2026-01-03T03:04:06+00:00",
        "ended": "2026-01-03T03:04:46+00:00",
        **extra,
    }
    (path / runfiles.STATE).write_text(json.dumps(document))
    with (path / runfiles.EVENTS).open("w") as file:
        file.writelines(json.dumps(event) + "\n" for event in events(done))
    (path / "build" / "best.pt").write_bytes(b"weights")
    if state == "succeeded":
        runfiles.write_json(str(path / runfiles.RESULTS), {"training": result()})
    return RunFolder(path)
