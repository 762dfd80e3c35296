"""A training as a run: from ``run.json`` to checkpoints and ``results.json``."""

import errno
import importlib
import os
import re
import time
import traceback
from typing import Any, Dict, List

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.failures import build_failure
from finn_tui.engine.server.finn import finn_env
from finn_tui.engine.server.runs import runfiles, worker
from finn_tui.engine.server.training import checkpoints, datasets, evaluate, initial, trainer

#: What a later attempt starts at, in place of a build's step.
CHECKPOINT = "checkpoint"


def main(arguments: List[str]) -> int:
    """Train what a run asks for; see ``worker.main`` for the arguments."""
    return worker.main(arguments, train, explain)


def explain(error: BaseException, folder: str) -> EngineError:
    """Return the error that users are shown for what ended a training.

    Args:
        error: what was raised.
        folder: the run folder.
    """
    detail = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    if isinstance(error, EngineError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return build_failure.disk_full(folder, detail)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return EngineError(
            "The training ran out of memory",
            str(error)[:500],
            "Train with a smaller batch: --batch 50; or on a machine with more memory",
            kind="engine",
            detail=detail,
        )
    return EngineError(
        "%s: %s" % (type(error).__name__, error),
        "The training stopped here.",
        "Read runner.log; the Python traceback is in the details",
        kind="engine",
        detail=detail,
    )


def train(folder: str, start: str, say: worker.Say) -> None:
    """Train from the beginning, or from the checkpoint that an earlier attempt left.

    Args:
        folder: the run folder.
        start: ``CHECKPOINT`` to go on, else empty.
        say: reports an event.

    Raises:
        EngineError: data set, network or recipe cannot be used.
    """
    request = runfiles.read_json(os.path.join(folder, runfiles.RUN))["training"]
    recipe = trainer.recipe_of(request)
    say("log", level="info", text="importing torch and Brevitas")
    torch = finn_env.torch_ready()
    device = choose_device(torch, str(request.get("device") or "auto"))
    data = datasets.load(request["dataset"], request.get("labels") or "fine")
    net = initial.network(request["definition"], recipe.seed)
    if request.get("weights"):
        initial.load_weights(net, checkpoints.load(request["weights"]), request["weights"])
    check_fit(net, data)
    torch.set_num_threads(int(request.get("threads") or usual_threads(net)))
    # What comes after depends on the recipe alone, not on how the weights were made.
    torch.manual_seed(recipe.seed)
    output = os.path.join(folder, "build")
    os.makedirs(output, exist_ok=True)
    training = trainer.Trainer(net, data, recipe, output, say, request["definition"], device)
    training.dataset_folder = str(request["dataset"])
    training.data_labels = str(request.get("labels") or "fine")
    if start == CHECKPOINT:
        training.resume()
    say(
        "training",
        epochs=recipe.epochs,
        first=training.epoch,
        done=int(training.sums[2]),
        images=training.batches * recipe.batch if training.batches > 1 else len(training.labels),
        test_images=len(training.held_labels),
        dataset=data.name,
        classes=list(data.classes),
        batch=recipe.batch,
        device=device_name(torch, device),
        parameters=sum(p.numel() for p in net.parameters()),
    )
    begun = time.monotonic()
    results = _Results(folder, training, torch, device)
    training.on_saved = lambda: results.write("running")
    stopped = training.train()
    results.write(stopped.reason)
    say("log", level="info", text="training took %.1f s" % (time.monotonic() - begun))


class _Results:
    """What a training is worth so far, for ``results.json``."""

    def __init__(self, folder: str, training: trainer.Trainer, torch: Any, device: str) -> None:
        self.folder, self.training = folder, training
        self.threads = torch.get_num_threads()
        self.device = device_name(torch, device)

    def write(self, ended: str) -> None:
        """Write it; ``ended`` is why the training has, or ``running``."""
        training, best = self.training, self.training.best
        if best is None:
            return
        images = sum(entry["images"] for entry in training.history)
        document = {
            "dataset": training.data.name,
            "dataset_source": training.data.source,
            "train_images": len(training.labels),
            "selected_on": training.selected_on,
            "epochs": len(training.history),
            "best_epoch": best["epoch"],
            "ended": ended,
            "seconds": round(training.seconds, 2),
            "images_per_s": round(images / training.seconds, 1) if training.seconds else None,
            "data_share": round(training.data_seconds / training.seconds, 5)
            if training.seconds
            else None,
            "device": self.device,
            "threads": self.threads,
            "seed": training.recipe.seed,
            "checkpoint": "build/" + runfiles.BEST_WEIGHTS,
            "source": "evaluation of build/%s in software" % runfiles.BEST_WEIGHTS,
            "simulated": False,
            **best["scores"],
        }
        if ended != "running" and training.selected_on != "test images":
            document.update(self._test_scores())
        runfiles.update_results(self.folder, {"training": document})

    def _test_scores(self) -> Dict[str, Any]:
        """The best weights on the test images, which did not choose them."""
        training, torch = self.training, self.training.torch
        path = os.path.join(training.folder, runfiles.BEST_WEIGHTS)
        initial.load_weights(training.net, checkpoints.load(path), path)
        images = torch.from_numpy(training.data.test_images).to(training.device)
        predictions = evaluate.predict(training.net, images)
        return evaluate.summary(predictions, training.data.test_labels, training.data.classes)


def choose_device(torch: Any, wanted: str) -> str:
    """Return torch's name of the device to use. Raises ``EngineError`` if it is not there.

    Args:
        torch: the module.
        wanted: ``auto`` (a GPU where torch has one), ``cpu``, ``cuda`` or ``cuda:N``.
    """
    number = re.fullmatch(r"cuda(?::(\d{1,3}))?", wanted)
    if number is None and wanted not in ("auto", "cpu"):
        raise EngineError(
            "There is no device %.80r" % wanted, "", "Use auto, cpu, cuda, or cuda:N for GPU N"
        )
    available = bool(torch.cuda.is_available())
    if wanted == "auto":
        return "cuda" if available else "cpu"
    if number is not None and not available:
        raise EngineError(
            "There is no GPU for %s" % wanted,
            "torch %s of this engine sees none." % torch.__version__,
            "Train with --device cpu, or in an engine whose torch is built for the GPU",
            kind="engine",
        )
    if number is not None and int(number[1] or 0) >= torch.cuda.device_count():
        raise EngineError(
            "There is no GPU %s" % number[1],
            "torch sees %d, counted from 0." % torch.cuda.device_count(),
            "Use one of these",
        )
    return wanted


#: Weights below which a second thread costs more than it brings.
_FEW_WEIGHTS = 500_000


def usual_threads(net: Any) -> int:
    """Return how many threads train a network fastest on this machine's processors.

    The layers of a small dense network are done before a second thread has begun; where other
    processes work too, waiting for it makes a step ten times slower.
    """
    matrices = [p for p in net.parameters() if p.ndim >= 2]
    dense = all(p.ndim == 2 for p in matrices)
    if dense and sum(p.numel() for p in matrices) < _FEW_WEIGHTS:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def device_name(torch: Any, device: str) -> str:
    """Return what a device is called for people."""
    if device.startswith("cuda"):
        return "%s (%s)" % (device, torch.cuda.get_device_name(device))
    return "cpu, %d thread%s" % (torch.get_num_threads(), "s" * (torch.get_num_threads() != 1))


def check_fit(net: Any, data: datasets.Dataset) -> None:
    """Raise ``EngineError`` unless the network takes the images and has a class for each label."""
    torch = importlib.import_module("torch")
    images = torch.from_numpy(data.test_images[:2])
    try:
        net.eval()
        with torch.no_grad():
            outputs = net(evaluate.as_input(images))
    except Exception as error:
        # Whatever layer does not take the shape; torch raises RuntimeError, Brevitas others.
        raise EngineError(
            "The network does not take the images of %s" % data.name,
            "They have %d channels of %dx%d. %s" % (*data.shape, str(error)[:300]),
            "Choose a data set of the network's input shape",
        ) from error
    finally:
        net.train()
    if outputs.ndim != 2 or outputs.shape[1] != len(data.classes):
        raise EngineError(
            "The network does not fit the classes of %s" % data.name,
            "Its output is %s; the data set has %d classes."
            % (" x ".join(map(str, outputs.shape[1:])), len(data.classes)),
            "Choose another data set, or define the network with classes = %d" % len(data.classes),
        )
