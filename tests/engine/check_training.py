"""Run with the engine's Python: data sets, batches and trainings, as JSON."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.finn import finn_env
from finn_tui.engine.server.runs import runfiles
from finn_tui.engine.server.training import (
    augment,
    checkpoints,
    datasets,
    evaluate,
    initial,
    job,
    test_files,
    trainer,
    weights,
)
from tests.engine import dataset_files

HERE = Path.cwd()
TINY = {
    "family": "mlp",
    "input": [1, 28, 28],
    "input_bits": 1,
    "weight_bits": 1,
    "activation_bits": 1,
    "fully_connected": [32],
    "classes": 10,
}
torch.set_num_threads(1)
finn_env.torch_ready()


def read_formats() -> dict[str, Any]:
    """The same content through every format."""
    dataset_files.write_idx(HERE / "idx")
    dataset_files.write_idx(HERE / "plain", packed=False)
    dataset_files.write_cifar10(HERE / "c10")
    dataset_files.write_cifar10(HERE / "c10bin", binary=True)
    dataset_files.write_cifar100(HERE / "c100")
    dataset_files.write_cifar100(HERE / "c100bin", binary=True)
    sets = {name: datasets.load(str(HERE / name)) for name in ("idx", "plain", "c10", "c10bin")}
    for kind in ("fine", "coarse"):
        for name in ("c100", "c100bin"):
            sets[f"{name} {kind}"] = datasets.load(str(HERE / name), kind)

    def same(a: str, b: str) -> bool:
        pairs = zip(sets[a][2:6], sets[b][2:6], strict=True)
        return all(bool((one == other).all()) for one, other in pairs)

    wanted, labels = dataset_files.learnable(10, 100, (3, 32, 32), 0)
    return {
        "shapes": {name: list(one.train_images.shape) for name, one in sets.items()},
        "names": {name: one.name for name, one in sets.items()},
        "classes": {name: len(one.classes) for name, one in sets.items()},
        "first class": sets["c10"].classes[0],
        "same": [
            same("idx", "plain"),
            same("c10", "c10bin"),
            same("c100 fine", "c100bin fine"),
            same("c100 coarse", "c100bin coarse"),
        ],
        "content": bool((sets["c10"].train_images[:100] == wanted).all())
        and bool((sets["c10"].train_labels[:100] == labels).all()),
        "coarse": bool(
            (sets["c100 coarse"].train_labels == sets["c100 fine"].train_labels // 5).all()
        ),
    }


def refused(source: str, damage: Callable[[Path], Any], labels: str = "fine") -> str:
    """What is said of a copy of a data set that was damaged."""
    folder = HERE / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HERE / source, folder)
    damage(folder)
    try:
        datasets.load(str(folder), labels)
    except EngineError as error:
        return f"{error.what}: {error.why}"
    return "read without a word"


class _Evil:
    def __reduce__(self) -> Any:
        return os.system, (f"touch {HERE / 'ran'}",)


class _Vast:
    """One byte that claims to be 6 GB of images."""

    def __reduce__(self) -> Any:
        return np.ndarray, ((1 << 21, 3072), np.dtype("uint8"), b"x", 0, (0, 0))


def pipe(name: str) -> Callable[[Path], Any]:
    """Put a pipe in the place of a file, to which nobody writes."""

    def damage(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return damage


def cut(name: str, size: int) -> Callable[[Path], Any]:
    """Cut a file short."""
    return lambda folder: os.truncate(folder / name, size)


def pickled(name: str, document: Any) -> Callable[[Path], Any]:
    """Put something else into a file of CIFAR's Python version."""
    return lambda folder: (folder / name).write_bytes(pickle.dumps(document, protocol=2))


def damages() -> dict[str, str]:
    """What is said of damaged files."""
    images, labels = "train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
    rows = np.zeros((3, 3072), np.uint8)
    return {
        "idx cut": refused("plain", cut(images, 5000)),
        "gzip cut": refused("idx", cut(images + ".gz", 2000)),
        "idx missing": refused("plain", lambda folder: (folder / labels).unlink()),
        "idx no idx": refused("plain", lambda folder: (folder / labels).write_bytes(b"PK" * 9)),
        "idx huge": refused(
            "plain", lambda folder: (folder / images).write_bytes(b"\0\0\x08\x03" + b"\xff" * 12)
        ),
        "label": refused(
            "plain", lambda folder: (folder / labels).write_bytes(_labels(folder / labels, 77))
        ),
        "cifar batch missing": refused("c10", lambda folder: (folder / "data_batch_1").unlink()),
        "cifar binary cut": refused("c10bin", cut("test_batch.bin", 4000)),
        "cifar evil": refused("c10", pickled("test_batch", _Evil())),
        "cifar no pickle": refused("c100", lambda f: (f / "train").write_bytes(b"\x80\x02junk")),
        "cifar pipe": refused("c10", pipe("data_batch_1")),
        "idx pipe": refused("plain", pipe(labels)),
        "cifar batch 0": refused(
            "c10", lambda folder: (folder / "data_batch_1").rename(folder / "data_batch_0")
        ),
        "cifar vast": refused("c100", pickled("train", {"data": _Vast(), "fine_labels": [1]})),
        "cifar list": refused("c100", pickled("train", [1, 2])),
        "cifar no labels": refused("c100", pickled("train", {"data": rows})),
        "cifar few labels": refused("c100", pickled("train", {"data": rows, "fine_labels": [1]})),
        "cifar floats": refused(
            "c100", pickled("train", {"data": rows * 0.5, "fine_labels": [1, 2, 3]})
        ),
    }


def _labels(path: Path, value: int) -> bytes:
    content = path.read_bytes()
    return content[:-1] + bytes([value])


def crops() -> dict[str, bool]:
    """Whether augmented images are windows of the padded ones, moved and mirrored both ways."""
    images = torch.randint(1, 256, (64, 3, 8, 8), dtype=torch.uint8)
    generator = torch.Generator().manual_seed(3)
    results = augment.crop_and_flip(images, generator, padding=2)
    again = augment.crop_and_flip(images, torch.Generator().manual_seed(3), padding=2)
    found = []
    for image, result in zip(images, results, strict=True):
        padded = torch.nn.functional.pad(image, (2, 2, 2, 2))
        places = [
            (y, x, flip)
            for y in range(5)
            for x in range(5)
            for flip in (False, True)
            if torch.equal(
                result, (w := padded[:, y : y + 8, x : x + 8]) if not flip else w.flip(2)
            )
        ]
        found += places[:1]
    return {
        "windows": len(found) == 64,
        "moves": len({place[:2] for place in found}) > 12,
        "both": len({place[2] for place in found}) == 2,
        "seeded": torch.equal(results, again),
    }


def trained(
    folder: str,
    epochs: int = 2,
    stop_after: int | None = None,
    at_stop: str = "kill",
    **recipe: Any,
) -> tuple[trainer.Trainer, list[dict[str, Any]]]:
    """A tiny network trained on the IDX files; perhaps stopped in the middle of an epoch.

    Args:
        folder: where its checkpoints are; an earlier training in it is taken up again.
        epochs: to train.
        stop_after: steps, after which it stops.
        at_stop: "kill", "time" for the end of its time limit, or "diverge" for weights that are no
            numbers any more.
        recipe: other options of the recipe.
    """
    data = datasets.load(str(HERE / "idx"))
    events: list[dict[str, Any]] = []
    chosen = trainer.recipe_of({"epochs": epochs, "batch": 20, "lr": 0.05, "seed": 5, **recipe})
    net = initial.network(TINY, chosen.seed)
    output = HERE / folder
    output.mkdir(exist_ok=True)
    training = trainer.Trainer(
        net,
        data,
        chosen,
        str(output),
        lambda name, **values: events.append({"event": name, **values}),
        TINY,
    )
    if (output / runfiles.CHECKPOINT).exists():
        training.resume()
    if stop_after is not None:
        step, steps = training.step, [0]

        def counted(*arguments: Any) -> Any:
            steps[0] += 1
            if steps[0] > stop_after and at_stop == "time":
                training._deadline = 0.0
            elif steps[0] > stop_after and at_stop == "diverge":
                for weights_ in training.net.parameters():
                    weights_.data.fill_(float("nan"))
            elif steps[0] > stop_after:
                training.save_latest()
                raise KeyboardInterrupt
            return step(*arguments)

        training.step = counted  # type: ignore[method-assign, assignment]
        # Every batch is told, so that sums are in the checkpoint as they stand.
        trainer._LEAST_REPORT_SECONDS = -1.0
    training.train()
    return training, events


def numbers(state: dict[str, Any]) -> bool:
    """Whether all weights are finite."""
    return all(bool(torch.isfinite(value.float()).all()) for value in state.values())


def parameters(training: trainer.Trainer) -> list[float]:
    """All weights as one list."""
    return [float(v) for p in training.net.state_dict().values() for v in p.flatten().float()]


def trainings() -> dict[str, Any]:
    """Trainings with seeds, an interruption, early stop and wrong recipes."""
    first, events = trained("one")
    second, _ = trained("two")
    other, _ = trained("three", seed=6)
    largest, _ = trained("largest seed", seed=2**31)
    with contextlib.suppress(KeyboardInterrupt):
        trained("broken", stop_after=13)
    resumed, _ = trained("broken")
    trained("cut", stop_after=13, at_stop="time")
    continued, _ = trained("cut")
    with contextlib.suppress(EngineError):
        trained("diverged", epochs=3, stop_after=23, at_stop="diverge")
    kept = (runfiles.BEST_WEIGHTS, runfiles.CHECKPOINT)
    diverged = [checkpoints.load(str(HERE / "diverged" / name)) for name in kept]
    best = checkpoints.load(str(HERE / "one" / runfiles.BEST_WEIGHTS))
    again = initial.network(TINY, 1)
    initial.load_weights(again, best, "best.pt")
    predictions = evaluate.predict(again, torch.from_numpy(first.data.test_images))
    scores = evaluate.summary(predictions, first.data.test_labels, first.data.classes)
    patient, told = trained("patient", epochs=30, patience=2, lr=1e-9)
    held, _ = trained("held", validation=0.25)
    hinge, _ = trained("hinge", epochs=4, loss="hinge", schedule="step", milestones=[1])
    trained("sgd", epochs=1, optimizer="sgd")
    limited, _ = trained("limited", epochs=500, limit_s=0.5)
    recipe = hinge.recipe
    return {
        "equal": parameters(first) == parameters(second),
        "seed matters": parameters(first) != parameters(other),
        "largest seed": [entry["epoch"] for entry in largest.history],
        "resumed equal": parameters(first) == parameters(resumed)
        and [e["loss"] for e in first.history] == [e["loss"] for e in resumed.history],
        "diverged": [numbers(document["state_dict"]) for document in diverged],
        "continued": [entry["epoch"] for entry in continued.history],
        "accuracy": first.best["accuracy"] if first.best else 0.0,
        "hinge": hinge.best["accuracy"] if hinge.best else 0.0,
        "best again": scores["percent"] == (first.best or {})["accuracy"],
        "sum of classes": sum(one["correct"] for one in scores["per_class"]) == scores["correct"],
        "wrong": sum(one["count"] for one in scores["confusions"])
        == scores["images"] - scores["correct"],
        "events": sorted({event["event"] for event in events}),
        "epochs": [event["epoch"] for event in events if event["event"] == "epoch"],
        "patient": len(patient.history),
        "held": [len(held.labels), len(held.held_labels), held.selected_on],
        "limited": len(limited.history),
        "rates": [recipe.rate(1, 0.5), recipe.rate(2, 0.0)],
        "cosine": [first.recipe.rate(1, 0.0), first.recipe.rate(2, 1.0)],
        "clipped": float(max(p.abs().max() for p in first.net.parameters() if p.ndim == 2)),
        "told": len(told) > 0,
    }


def test_images() -> dict[str, Any]:
    """The test part of the data set that a checkpoint names, as a board gets it."""
    facts: dict[str, Any] = {}
    for name, labels in (("idx", "fine"), ("c10", "fine"), ("c100", "fine")):
        data = datasets.load(str(HERE / name), labels)
        path = str(HERE / f"{name}.pt")
        document = {"state_dict": {}, "dataset_folder": str(HERE / name), "labels": labels}
        checkpoints.save(path, document)
        shape = list(data.shape)
        found = test_files.trained_on({"kind": "checkpoint", "path": path}, shape)
        assert found is not None
        test_files.write(str(HERE / f"board-{name}"), found)
        (HERE / f"board-{name}" / "train").touch()  # CIFAR-100 is known by both files
        if name == "c10":
            (HERE / f"board-{name}" / "data_batch_1").touch()
        again = datasets.load(str(HERE / f"board-{name}"), test_only=True)
        facts[name] = [
            found.name,
            len(found.train_images),
            bool((again.test_images == data.test_images).all()),
            bool((again.test_labels == data.test_labels).all()),
        ]
    wanted = {"kind": "checkpoint", "path": str(HERE / "idx.pt")}
    facts["other shape"] = test_files.trained_on(wanted, [3, 32, 32]) is None
    shutil.rmtree(HERE / "c10")
    wanted = {"kind": "checkpoint", "path": str(HERE / "c10.pt")}
    facts["moved"] = test_files.trained_on(wanted, [3, 32, 32]) is None
    facts["none"] = test_files.published(None, [1, 28, 28]) is None
    return facts


def as_prepare() -> bool:
    """Whether pixels become what ``prepare`` compares the stages on, for every value."""
    values = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    return bool((evaluate.as_input(torch.from_numpy(values)) == weights.as_input(values)).all())


def misfits() -> dict[str, str]:
    """What is said of what does not go together."""
    texts = {}
    data = datasets.load(str(HERE / "c100"))
    calls: dict[str, Callable[[], Any]] = {
        "shape": lambda: job.check_fit(initial.network(TINY, 0), data),
        "classes": lambda: job.check_fit(initial.network({**TINY, "input": [3, 32, 32]}, 0), data),
        "lr": lambda: trained("nan", lr=1e-3, loss="hinge", epochs=1, batch=1),
        "gpu": lambda: job.choose_device(torch, "cuda"),
        "device": lambda: job.choose_device(torch, "gpu9"),
        "checkpoint": lambda: checkpoints.load(str(HERE / "idx" / "t10k-labels-idx1-ubyte.gz")),
    }
    for name, call in calls.items():
        try:
            call()
            texts[name] = "went on"
        except EngineError as error:
            texts[name] = f"{error.what}: {error.why} {error.fix}"
    return texts


if __name__ == "__main__":
    facts = {
        "formats": read_formats(),
        "damages": damages(),
        "ran": (HERE / "ran").exists(),
        "crops": crops(),
        "trainings": trainings(),
        "as_prepare": as_prepare(),
        "misfits": misfits(),
        "test images": test_images(),
    }
    sys.stdout.write("\n" + json.dumps(facts) + "\n")
