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

from finn_tui.board.agent.deployments import verify
from finn_tui.board.agent.facts import note_loaded, read_note, write_note
from finn_tui.board.agent.layout import laid_out
from finn_tui.board.agent.processes import accelerator_processes
from finn_tui.board.agent.wire import Failure, Wire

# How long one terminal waits for another's work on the FPGA.
LOCK_SECONDS = 3600.0
# Clocks that differ by a smaller share are the same: PLLs divide by whole numbers.
CLOCK_TOLERANCE = 0.01

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


def only_one(wire: Wire, base: str, who: str) -> int:
    """Wait for the FPGA and hold it: two drivers would download over each other.

    ``who`` is told to others who wait. Returns the lock's descriptor; the lock ends with the
    process.
    """
    descriptor = open_lock(base)
    last_said = 0.0
    began = time.monotonic()
    while not is_locked(descriptor):
        holder = _holder(base)
        if time.monotonic() - began > LOCK_SECONDS:
            raise Failure(
                "%s has used the board for %d minutes" % (holder, LOCK_SECONDS // 60),
                "One accelerator can be in the FPGA at a time.",
                "Try again when it has finished; `ps aux | grep agent-` there shows it.",
            )
        # Again and again: the other end takes long silence for a hang.
        if time.monotonic() - last_said > 5.0:
            last_said = time.monotonic()
            wire.send("progress", message="%s uses the board; waiting" % holder)
        time.sleep(0.2)
    write_note(base, HOLDER_FILE, {"who": who, "pid": os.getpid(), "since": time.monotonic()})
    return descriptor


def open_lock(base: str) -> int:
    """The FPGA's lock file, for ``is_locked``."""
    # Opened for reading: the file may belong to root from an earlier time.
    return os.open(
        os.path.join(base, ".fpga.lock"), os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o666
    )


def is_locked(descriptor: int) -> bool:
    """Take the lock unless another agent holds it; whether it is ours now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


HOLDER_FILE = ".fpga.holder.json"


def _holder(base: str) -> str:
    """Who holds the lock and since when, as far as it is known."""
    note = read_note(base, HOLDER_FILE)
    who, since = note.get("who"), note.get("since")
    if not isinstance(who, str) or not isinstance(since, (int, float)):
        return "another finn-tui"
    return "%s (for %d s)" % (who[:100], max(0, time.monotonic() - since))


def _warn_of_others(wire: Wire, base: str) -> None:
    """Tell of processes that drive the FPGA without our lock, notebooks for example."""
    for other in accelerator_processes(base):
        if other["reason"] != "agent":
            text = "%s: %s (pid %d)" % (other["user"], other["command"][:100], other["pid"])
            wire.send("progress", message="warning: the FPGA is in use by %s" % text)


class Accelerator:
    """The downloaded design, kept from one request to the next."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._loaded: Any = None
        self._driver: Any = None
        self._locked = False

    def forget(self) -> None:
        """Load anew for the next request; something went wrong in this one."""
        self._loaded = None

    def driver(self, request: dict[str, Any], batch: int) -> Any:
        """The driver object on the request's bitstream, for batches of ``batch`` images.

        From here on silence of ``request["timeout"]`` seconds ends the process. Raises ``Failure``
        if the run, pynq or the driver is not on the board.
        """
        bitfile = request["bitfile"]
        if not os.path.isfile(bitfile):
            why = "There is no " + bitfile
            raise Failure("this run is not on the board", why, "Deploy it first.")
        if not self._locked:
            only_one(self._wire, request["base"], str(request.get("who") or "another finn-tui"))
            self._locked = True
            _warn_of_others(self._wire, request["base"])
        status = os.stat(bitfile)
        wanted = (
            request["flavour"],
            request.get("bitfile_sha256"),
            bitfile,
            status.st_mtime_ns,
            status.st_size,
        )
        if self._loaded != wanted:
            self._load(request, batch)
            self._loaded = wanted
        if self._driver.batch_size != batch:
            self._driver.batch_size = batch
        self._wire.last = time.monotonic()
        self._wire.patience = float(request["timeout"])
        return self._driver

    def _load(self, request: dict[str, Any], batch: int) -> None:
        try:
            importlib.import_module("pynq")
        except ImportError as error:
            raise Failure(
                "pynq cannot be used in the board's Python (%s)" % sys.executable,
                str(error),
                "Use a PYNQ image, and set python for the board in boards.toml to its pynq-venv.",
            ) from error
        verify(request["folder"], request["bitfile"], request.get("bitfile_sha256"))
        self._wire.send("progress", message="loading the bitstream")
        clock = float(request.get("clock_mhz") or 100.0)
        first = self._driver is None
        opened = _upstream if request["flavour"] == "upstream" else _finn_plus
        self._driver = opened(request, batch, clock)
        actual = clock_mhz(self._driver)
        note_loaded(request["base"], request["bitfile"], str(request.get("who") or ""), actual)
        if clock_differs(clock, actual):
            text = "warning: built for %g MHz, the board runs it at %g MHz" % (clock, actual)
            self._wire.send("progress", message=text)
        if first:
            threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        """End the process when the accelerator is stuck: drivers poll their DMA forever."""
        while True:
            time.sleep(0.25)
            patience = self._wire.patience
            if patience is not None and time.monotonic() - self._wire.last > patience:
                break
        status = []
        for name in ("idma", "odma"):
            for number, engine in enumerate(getattr(self._driver, name, [])):
                status.append("%s%d control 0x%x" % (name, number, engine.read(0x00)))
        self._wire.send(
            "error",
            what="the accelerator did not finish in %g s" % patience,
            why="The driver still waits for the output DMA (%s)." % ", ".join(status),
            fix="FIFOs that are too small, a bitfile for another board or too high a clock do "
            "that; power-cycle the board before the next try.",
            kind="board",
            detail="",
        )
        os._exit(4)


def _finn_plus(request: dict[str, Any], batch: int, clock: float) -> Any:
    try:
        package = importlib.import_module("finn_plus_driver")
    except ImportError as error:
        raise Failure(
            "finn-plus-driver cannot be used on the board",
            "Its Python (%s) says: %s" % (sys.executable, error),
            "On the board: sudo -H %s -m pip install finn-plus-driver" % sys.executable,
        ) from error
    beside = os.path.abspath(request["driver_folder"])
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


# What a package of upstream FINN brings beside its driver.
_BROUGHT = ("driver", "driver_base", "validate", "qonnx", "finn")


def _upstream(request: dict[str, Any], batch: int, clock: float) -> Any:
    """The driver of upstream FINN, from 0.8 on: all take the same arguments."""
    folder = os.path.abspath(request["driver_folder"])
    _forget_drivers()
    _driver_paths.append(folder)
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
    except AttributeError as error:
        raise Failure(
            "the driver in the deployment package is not one of FINN",
            "Python on the board says: %s" % error,
            "driver.py must have io_shape_dict, driver_base.py FINNExampleOverlay.",
        ) from error
    # Without the clock this driver sets 100 MHz, whatever the design was built for.
    return overlay(
        bitfile_name=os.path.abspath(request["bitfile"]),
        platform="zynq-iodma",
        io_shape_dict=shapes,
        batch_size=batch,
        fclk_mhz=clock,
        runtime_weight_dir=os.path.join(folder, "runtime_weights") + "/",
    )


_driver_paths: list[str] = []


def _forget_drivers() -> None:
    """Unload the modules of another run's driver: all have the same names."""
    for path in _driver_paths:
        if path in sys.path:
            sys.path.remove(path)
    for name in list(sys.modules):
        if name.split(".")[0] in _BROUGHT:
            del sys.modules[name]


def clock_differs(built_mhz: float, actual_mhz: float) -> bool:
    """Whether an accelerator runs at another clock than it was built for."""
    return abs(actual_mhz - built_mhz) > CLOCK_TOLERANCE * built_mhz


def clock_mhz(driver: Any) -> float:
    """What the accelerator really runs at."""
    actual = getattr(driver, "fclk_mhz_actual", None)
    if actual is None:
        actual = importlib.import_module("pynq.ps").Clocks.fclk0_mhz
    return float(actual)


def batch_bytes(driver: Any) -> dict[str, int]:
    """Bytes that a batch moves to the accelerator and from it."""
    import numpy as np

    totals = {}
    ends = (
        ("bytes_in", "num_inputs", driver.ishape_packed),
        ("bytes_out", "num_outputs", driver.oshape_packed),
    )
    for key, number, shape in ends:
        count = int(getattr(driver, number, 1))
        totals[key] = int(sum(np.prod(shape(at) if at else shape()) for at in range(count)))
    return totals


def shaped(driver: Any, images: Any, index: int = 0) -> Any:
    """Images (N, ...) as the accelerator takes them: channels last if that is what fits.

    ``index`` is the number of the input. Raises ``Failure`` for images with another number of
    values.
    """
    wanted = tuple(driver.ishape_normal(index) if index else driver.ishape_normal())[1:]
    fitting = laid_out(images, wanted)
    if fitting is None:
        raise Failure(
            "images of shape %s do not fit the accelerator" % (tuple(images.shape[1:]),),
            "It takes %s." % (wanted,),
            "Use images of the data set that the network was trained for.",
            "input",
        )
    return fitting
