"""What a board can be asked for, and the agent's entry point."""

from __future__ import annotations

import importlib
import json
import os
import queue
import re
import shutil
import sys
import threading
import time
import traceback
from typing import Any, Callable

from finn_tui.board.agent import deployments, driver_env
from finn_tui.board.agent.driver import (
    Accelerator,
    classes,
    clock_mhz,
    hello,
    is_locked,
    open_lock,
    shaped,
)
from finn_tui.board.agent.facts import facts
from finn_tui.board.agent.testset import test_set
from finn_tui.board.agent.wire import Failure, Wire

# What finn-plus-driver prints after each batch.
_BATCH_LINE = re.compile(r"batch (\d+).*total OK (\d+) NOK (\d+)")


def main() -> int:
    """Answer the requests on standard input, one after the other, until it closes."""
    wire = Wire()
    driver_env.use()
    accelerator = Accelerator(wire)
    requests: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    while True:
        request = requests.get()
        try:
            hello(wire, request["flavour"])
            _JOBS[request["do"]](wire, request, accelerator)
        except Failure as failure:
            accelerator.forget()
            wire.send("error", **failure.fields)
        except Exception as error:  # The boundary of the process: everything crosses it as data.
            accelerator.forget()
            wire.send(
                "error",
                what="the driver stopped with %s" % type(error).__name__,
                why=str(error),
                fix=_advice(error),
                kind="board",
                detail=traceback.format_exc(),
            )
        wire.patience = None


def _listen(requests: queue.Queue[dict[str, Any]]) -> None:
    for line in sys.stdin.buffer:
        # A sudo that needed no password leaves it to us: what is no request is skipped unseen.
        if line.startswith(b"{"):
            requests.put(json.loads(line.decode("utf-8")))
    # No clean-up can be trusted while a driver polls a DMA engine.
    os._exit(0)


def _advice(error: Exception) -> str:
    if isinstance(error, PermissionError) or "ermission" in str(error):
        return "Drivers need root on the board: set sudo = true for it in boards.toml."
    if isinstance(error, MemoryError) or "allocate" in str(error):
        return "The board ran out of memory for buffers: use a smaller batch."
    if isinstance(error, ImportError) and error.name:
        return "Install it there: sudo -H %s -m pip install %s" % (sys.executable, error.name)
    return "The board's log shows what the driver did before."


def check(wire: Wire, request: dict[str, Any], accelerator: Accelerator) -> None:
    """What the board is, which ``hello`` has said already; nothing is loaded."""
    wire.send("result")


def doctor(wire: Wire, request: dict[str, Any], accelerator: Accelerator) -> None:
    """Everything that can be read of the board; nothing is loaded."""
    wire.send("result", **facts("."))


def list_deployments(wire: Wire, request: dict[str, Any], accelerator: Accelerator) -> None:
    """The runs and test sets that lie on the board."""
    wire.send("result", entries=deployments.listed(), free_bytes=shutil.disk_usage(".").free)


def remove_deployments(wire: Wire, request: dict[str, Any], accelerator: Accelerator) -> None:
    """Remove runs and test sets, unless another agent works with one."""
    if not is_locked(open_lock(".")):
        raise Failure(
            "another finn-tui works on the board",
            "What it uses must not be removed meanwhile.",
            "Try again when it has finished.",
        )
    wire.send("result", **deployments.remove([str(each) for each in request["folders"]]))


def install_driver(wire: Wire, request: dict[str, Any], accelerator: Accelerator) -> None:
    """Install the driver from wheels that were sent."""
    driver_env.install(wire, request)


def execute(wire: Wire, request: dict[str, Any], accelerator: Accelerator) -> None:
    """Samples through the accelerator; what it gives is sent as it is."""
    import numpy as np

    inputs = [np.load(path, mmap_mode="r") for path in request["inputs"]]
    count = len(inputs[0])
    chosen = [int(i) for i in request["indices"]]
    for index in chosen:
        if not 0 <= index < count:
            why = "The run has %d, counted from 0." % count
            raise Failure("there is no sample image %d" % index, why, "Choose another.", "input")
    total = len(chosen)
    batch = min(int(request.get("batch") or 1), total)
    driver = accelerator.driver(request, batch)
    wanted = int(getattr(driver, "num_inputs", 1))
    if len(inputs) != wanted:
        raise Failure(
            "the accelerator has %d inputs, the samples are for %d" % (wanted, len(inputs)),
            "Each input of the accelerator needs samples of its own.",
            "Prepare the model again and build it.",
            "input",
        )
    shapes = []
    seconds = 0.0
    for start in range(0, total, batch):
        rows = chosen[start : start + batch]
        # The last batch is filled up: a driver takes full ones only.
        padded = rows + [rows[-1]] * (batch - len(rows))
        images = [shaped(driver, np.array(array[padded]), at) for at, array in enumerate(inputs)]
        began = time.time()
        outputs = driver.execute(images[0] if len(images) == 1 else images)
        seconds += time.time() - began
        outputs = outputs if isinstance(outputs, list) else [outputs]
        shapes = [list(output.shape[1:]) for output in outputs]
        for number, output in enumerate(outputs):
            wire.send_values(number, np.asarray(output)[: len(rows)])
        done = start + len(rows)
        if total > 1:
            wire.send("progress", message="%d of %d images" % (done, total), done=done, total=total)
    wire.send("result", images=total, shapes=shapes, seconds=seconds, clock_mhz=clock_mhz(driver))


def throughput(wire: Wire, request: dict[str, Any], accelerator: Accelerator) -> None:
    """The driver's own throughput test."""
    batch = int(request["batch"])
    driver = accelerator.driver(request, batch)
    wire.send("progress", message="a batch of %d images" % batch)
    metrics = {key: float(value) for key, value in driver.throughput_test().items()}
    wire.send("result", metrics=metrics, batch=batch, clock_mhz=clock_mhz(driver))


def validate(wire: Wire, request: dict[str, Any], accelerator: Accelerator) -> None:
    """The whole test set through the accelerator."""
    images, labels = test_set(request["dataset"], request["dataset_path"])
    images, labels = images[: request.get("limit")], labels[: request.get("limit")]
    total = len(labels)
    batch = _dividing(total, int(request["batch"]))
    driver = accelerator.driver(request, batch)

    def progress(ok: int, nok: int) -> None:
        done = ok + nok
        text = "%d of %d images" % (done, total)
        accuracy = 100.0 * ok / done
        wire.send("progress", message=text, done=done, total=total, ok=ok, accuracy=accuracy)

    through = _batches if request["flavour"] == "upstream" else _driver_validation
    predictions = through(wire, driver, request, images, labels, progress)
    correct = int((predictions == labels).sum())
    wire.send(
        "result",
        percent=100.0 * correct / total,
        correct=correct,
        images=total,
        batch=batch,
        predictions=[int(x) for x in predictions],
        labels=[int(x) for x in labels],
        clock_mhz=clock_mhz(driver),
    )


def _dividing(total: int, wanted: int) -> int:
    """The largest batch up to ``wanted`` that divides ``total``: drivers count a rest as wrong."""
    return max(size for size in range(1, min(total, wanted) + 1) if total % size == 0)


_Progress = Callable[[int, int], None]


def _batches(
    wire: Wire,
    driver: Any,
    request: dict[str, Any],
    images: Any,
    labels: Any,
    progress: _Progress,
) -> Any:
    """Batch by batch through ``execute``: upstream's validate.py cannot be told the clock."""
    import numpy as np

    predictions = np.empty(len(labels), int)
    for start in range(0, len(labels), driver.batch_size):
        end = start + driver.batch_size
        predictions[start:end] = classes(driver.execute(shaped(driver, images[start:end])))
        ok = int((predictions[:end] == labels[:end]).sum())
        progress(ok, end - ok)
    return predictions


def _driver_validation(
    wire: Wire,
    driver: Any,
    request: dict[str, Any],
    images: Any,
    labels: Any,
    progress: _Progress,
) -> Any:
    """finn-plus-driver's validate(), fed with the files that were pushed instead of a download."""
    import numpy as np

    # Its data set modules ask the loader for all parts and use the test part only.
    def loaded(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
        return None, None, images, labels, None, None

    for name in ("mnist", "cifar"):
        setattr(importlib.import_module("dataset_loading." + name), "load_%s_data" % name, loaded)

    def line(text: str) -> None:
        match = _BATCH_LINE.search(text)
        if match:
            progress(int(match.group(2)), int(match.group(3)))

    wire.on_line = line
    reports = os.path.join(request["folder"], "reports")
    # As an argument it would reach the driver's own function twice.
    driver.validation_dataset = request["dataset"]
    driver.validate(
        report_dir=reports,
        dataset_path=request["dataset_path"],
        # Designs with pixels as input have the scaling inside; the driver's default differs.
        normalize=not driver.idt().is_integer(),
    )
    wire.on_line = None
    with np.load(os.path.join(reports, "validate_predictions.npz")) as file:
        return np.array(file["predictions"][0])


_JOBS: dict[str, Callable[[Wire, dict[str, Any], Accelerator], None]] = {
    "check": check,
    "doctor": doctor,
    "deployments": list_deployments,
    "remove": remove_deployments,
    "install": install_driver,
    "execute": execute,
    "throughput": throughput,
    "validate": validate,
}
