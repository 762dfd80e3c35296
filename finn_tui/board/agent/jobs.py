"""What a board can be asked for, and the agent's entry point."""

from __future__ import annotations

import json
import os
import queue
import shutil
import sys
import threading
import time
import traceback
from typing import Any, Callable

from finn_tui.board.agent import deployments, driver_env
from finn_tui.board.agent.driver import (
    Accelerator,
    batch_bytes,
    clock_mhz,
    hello,
    is_locked,
    open_lock,
    shaped,
)
from finn_tui.board.agent.facts import facts
from finn_tui.board.agent.wire import Failure, Wire


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
    started = time.perf_counter()
    for start in range(0, total, batch):
        rows = chosen[start : start + batch]
        # The last batch is filled up: a driver takes full ones only.
        padded = rows + [rows[-1]] * (batch - len(rows))
        # A slice of the file costs a tenth of picking its rows.
        picked = slice(rows[0], rows[0] + batch) if padded == _counted(rows[0], batch) else padded
        images = [shaped(driver, np.array(array[picked]), at) for at, array in enumerate(inputs)]
        began = time.perf_counter()
        outputs = driver.execute(images[0] if len(images) == 1 else images)
        seconds += time.perf_counter() - began
        outputs = outputs if isinstance(outputs, list) else [outputs]
        shapes = [list(output.shape[1:]) for output in outputs]
        for number, output in enumerate(outputs):
            wire.send_values(number, np.asarray(output)[: len(rows)])
        done = start + len(rows)
        if total > 1:
            wire.send("progress", message="%d of %d images" % (done, total), done=done, total=total)
    wire.send(
        "result",
        images=total,
        shapes=shapes,
        seconds=seconds,
        total_seconds=time.perf_counter() - started,
        clock_mhz=clock_mhz(driver),
    )


def _counted(first: int, count: int) -> list[int]:
    """The numbers from ``first`` on."""
    return list(range(first, first + count))


def throughput(wire: Wire, request: dict[str, Any], accelerator: Accelerator) -> None:
    """Batches of several sizes: the accelerator alone, and with packing and copying.

    The first runs of a batch warm up caches and memory and are not counted. How often a batch is
    repeated follows from the request, and from ``seconds`` for all repetitions of one size.
    """
    results = []
    for batch in request["batches"]:
        driver = accelerator.driver(request, batch)
        if batch > 1:
            wire.send("progress", message="a batch of {:,} images".format(batch))
        else:
            wire.send("progress", message="a batch of one image, for the latency")
        sizes = batch_bytes(driver)
        images = _any_images(driver)
        for _ in range(request["warmup"]):
            driver.execute_on_buffers()
        device = _repeated(wire, request, driver.execute_on_buffers)
        whole = _repeated(wire, request, lambda: driver.execute(images))  # noqa: B023 - called here
        metrics = {key: float(value) for key, value in driver.throughput_test().items()}
        results.append(dict(sizes, batch=batch, device=device, whole=whole, metrics=metrics))
    wire.send("result", batches=results, clock_mhz=clock_mhz(driver))


def _repeated(wire: Wire, request: dict[str, Any], work: Callable[[], Any]) -> list[float]:
    """Seconds of each repetition; fewer than asked for, but at least one, where it takes long."""
    seconds = []  # type: list[float]
    while len(seconds) < request["repetitions"] and sum(seconds) < request["seconds"]:
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
        if seconds[-1] > 1.0:
            wire.send("progress", message="repetition %d" % len(seconds))
    return seconds


def _any_images(driver: Any) -> Any:
    """A batch to measure with; what is in it takes no part in how long it takes."""
    import numpy as np

    arrays = []
    for index in range(int(getattr(driver, "num_inputs", 1))):
        shape = driver.ishape_normal(index) if index else driver.ishape_normal()
        kind = driver.idt(index) if index else driver.idt()
        name = getattr(kind, "name", str(kind))
        # Drivers pack these types by a copy, others bit by bit.
        dtype = {"UINT8": np.uint8, "INT8": np.int8}.get(name, np.float32)
        fill = kind.min() if name == "BIPOLAR" else 0
        arrays.append(np.full(shape, fill, dtype))
    return arrays[0] if len(arrays) == 1 else arrays


_JOBS: dict[str, Callable[[Wire, dict[str, Any], Accelerator], None]] = {
    "check": check,
    "doctor": doctor,
    "deployments": list_deployments,
    "remove": remove_deployments,
    "install": install_driver,
    "execute": execute,
    "throughput": throughput,
}
