"""The accelerator on the board, opened with the real driver of either flavour."""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import platform
import shutil
import sys
import threading
import time
from typing import Any

from finn_tui.board.agent.wire import Failure, Wire

_WITH_DMA = ("FINNDMAOverlay", "FINNDMAInstrumentationOverlay")


def hello(wire: Wire, flavour: str) -> None:
    """Tell what this board and its Python are."""
    pynq = driver = None
    try:
        pynq = getattr(importlib.import_module("pynq"), "__version__", "unknown")
    except ImportError:
        pass
    try:
        driver = importlib.import_module("importlib.metadata").version("finn-plus-driver")
    except Exception:  # Not installed; what is raised depends on the Python's age.
        pass
    wire.send(
        "hello",
        python=platform.python_version(),
        machine=platform.machine(),
        root=os.geteuid() == 0,
        free_bytes=shutil.disk_usage(".").free,
        flavour=flavour,
        pynq=pynq,
        driver=driver,
        simulated=pynq is not None and "simulated" in pynq,
    )


def only_one(wire: Wire, base: str) -> int:
    """Wait for the FPGA and hold it: two drivers would download over each other.

    Returns the lock's descriptor; the lock ends with the process.
    """
    # Opened for reading: the file may belong to root from an earlier time.
    descriptor = os.open(os.path.join(base, ".fpga.lock"), os.O_RDONLY | os.O_CREAT, 0o666)
    said = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if not said:
                said = True
                wire.send("progress", message="another finn-tui uses the board; waiting")
            time.sleep(0.2)


def open_driver(wire: Wire, request: dict[str, Any], batch: int) -> Any:
    """Download the bitstream; the driver object for batches of ``batch`` images.

    Raises ``Failure`` if the run, pynq or the driver is not on the board.
    """
    flavour = request["flavour"]
    hello(wire, flavour)
    bitfile = request["bitfile"]
    if not os.path.isfile(bitfile):
        raise Failure("this run is not on the board", "There is no " + bitfile, "Deploy it first.")
    try:
        importlib.import_module("pynq")
    except ImportError as error:
        raise Failure(
            "pynq cannot be used in the board's Python (%s)" % sys.executable,
            str(error),
            "Use a PYNQ image, and set python for the board in boards.toml to its pynq-venv.",
        ) from error
    only_one(wire, request["base"])
    wire.send("progress", message="loading the bitstream")
    clock = float(request.get("clock_mhz") or 100.0)
    opened = _upstream if flavour == "upstream" else _finn_plus
    driver = opened(request, batch, clock)
    _watch(wire, driver, float(request["timeout"]))
    return driver


def _finn_plus(request: dict[str, Any], batch: int, clock: float) -> Any:
    try:
        package = importlib.import_module("finn_plus_driver")
    except ImportError as error:
        raise Failure(
            "finn-plus-driver cannot be used on the board",
            "Its Python (%s) says: %s" % (sys.executable, error),
            "On the board: sudo -H %s -m pip install finn-plus-driver" % sys.executable,
        ) from error
    beside = os.path.abspath(os.path.join(request["folder"], "driver"))
    with open(os.path.join(beside, "settings.json")) as file:
        options = json.load(file)["driver_information"]
    kind = options.pop("driver_type", _WITH_DMA[0])
    if kind not in _WITH_DMA:
        raise Failure(
            "this design takes no images (%s)" % kind,
            "It was built for measurements inside the FPGA and has no DMA engines.",
            "Build it without instrumentation or live FIFO sizing.",
        )
    options.setdefault("runtime_weight_dir", os.path.join(beside, "runtime_weights"))
    options.setdefault("mlo_weight_dir", os.path.join(beside, "mlo_weights"))
    options.update(batch_size=batch, fclk_mhz=clock)
    return package.get_driver_class(kind)(request["bitfile"], **options)


def _upstream(request: dict[str, Any], batch: int, clock: float) -> Any:
    folder = os.path.join(request["folder"], "driver")
    sys.path.insert(0, folder)
    try:
        shapes = importlib.import_module("driver").io_shape_dict
        overlay = importlib.import_module("driver_base").FINNExampleOverlay
    except ImportError as error:
        raise Failure(
            "the driver in the deployment package cannot be used",
            "Python on the board says: %s" % error,
            "Install what it misses: sudo -H %s -m pip install bitstring" % sys.executable,
        ) from error
    # Without the clock this driver sets 100 MHz, whatever the design was built for.
    return overlay(
        bitfile_name=request["bitfile"],
        platform="zynq-iodma",
        io_shape_dict=shapes,
        batch_size=batch,
        fclk_mhz=clock,
        runtime_weight_dir=os.path.join(folder, "runtime_weights") + "/",
    )


def clock_mhz(driver: Any) -> float:
    """What the accelerator really runs at."""
    actual = getattr(driver, "fclk_mhz_actual", None)
    if actual is None:
        actual = importlib.import_module("pynq.ps").Clocks.fclk0_mhz
    return float(actual)


def _watch(wire: Wire, driver: Any, seconds: float) -> None:
    """End the process if nothing was heard for that long: a driver polls its DMA forever."""

    def watch() -> None:
        while time.monotonic() - wire.last < seconds:
            time.sleep(min(1.0, seconds / 4))
        status = []
        for name in ("idma", "odma"):
            for number, engine in enumerate(getattr(driver, name, [])):
                status.append("%s%d control 0x%x" % (name, number, engine.read(0x00)))
        wire.send(
            "error",
            what="the accelerator did not finish in %g s" % seconds,
            why="The driver still waits for the output DMA (%s)." % ", ".join(status),
            fix="FIFOs that are too small, a bitfile for another board or too high a clock do "
            "that; power-cycle the board before the next try.",
            kind="board",
            detail="",
        )
        os._exit(4)

    wire.last = time.monotonic()
    threading.Thread(target=watch, daemon=True).start()


def shaped(driver: Any, images: Any) -> Any:
    """Images (N, ...) as the accelerator takes them: channels last if that is what fits.

    Raises ``Failure`` for images with another number of values.
    """
    import numpy as np

    wanted = tuple(driver.ishape_normal())[1:]
    if images.shape[1:] != wanted and images.ndim == 4:
        turned = images.transpose(0, 2, 3, 1)
        if turned.shape[1:] == wanted:
            images = turned
    if np.prod(images.shape[1:]) != np.prod(wanted):
        raise Failure(
            "images of shape %s do not fit the accelerator" % (tuple(images.shape[1:]),),
            "It takes %s." % (wanted,),
            "Use images of the data set that the network was trained for.",
            "input",
        )
    return np.ascontiguousarray(images.reshape((len(images), *wanted)))


def classes(output: Any) -> Any:
    """One class per image (N, ...): the label itself, or the largest of the scores."""
    flat = output.reshape(len(output), -1)
    return (flat.argmax(axis=1) if flat.shape[1] > 1 else flat[:, 0]).astype(int)
