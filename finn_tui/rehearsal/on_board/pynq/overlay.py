"""SIMULATED: an overlay that computes its network in software and takes the hardware's time.

The time of a batch is the pipeline's: latency + (N - 1) * II cycles at the accelerator's clock.
The clock is what the design's own clocking wizard makes of FCLK0 (finn-plus designs have one), or
FCLK0 itself (upstream FINN's), so a driver that sets the wrong clock is as slow here as there.
"""

from __future__ import annotations

import importlib.util
import io
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from . import buffers, packing
from .ps import Clocks

_START, _DONE, _IDLE = 0x1, 0x2, 0x4
_CONTROL, _ADDRESS_LOW, _ADDRESS_HIGH, _BATCH = 0x00, 0x10, 0x14, 0x1C
# FINN's shells feed the clocking wizard with 100 MHz.
_WIZARD_INPUT_MHZ = 100.0


def _sibling(name: str) -> ModuleType:
    """Load a module of the rehearsal by file: finn_tui is not installed on a board."""
    path = Path(__file__).resolve().parents[2] / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"_finn_tui_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no module at {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_bitstream = _sibling("bitstream")
_network = _sibling("network")
_said = False


class Device:
    """The only device of this board."""

    name = "SIMULATED"
    active_device: Device | None = None


Device.active_device = Device()


class Bitstream:
    """Partial reconfiguration, which a simulated board does not have."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Always refuses."""
        raise NotImplementedError("SIMULATED board: no partial bitstreams")


class _Dma:
    """One DMA engine's registers."""

    def __init__(self, accelerator: _Accelerator) -> None:
        self._accelerator = accelerator
        self._registers: dict[int, int] = {}

    def read(self, offset: int = 0) -> int:
        """Read a register; the control register has start, done (cleared by reading it), idle."""
        if offset == _CONTROL:
            return self._accelerator.status(self)
        return self._registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Set a register; bit 0 of the control register starts a transfer."""
        self._registers[offset] = int(value)
        if offset == _CONTROL and value & _START:
            self._accelerator.start(self)

    @property
    def buffer(self) -> buffers.PynqBuffer:
        address = self._registers.get(_ADDRESS_LOW, 0)
        address |= self._registers.get(_ADDRESS_HIGH, 0) << 32
        buffer = buffers.at(address)
        if buffer is None:
            raise RuntimeError(f"SIMULATED board: no buffer was allocated at {address:#x}")
        return buffer

    @property
    def batch(self) -> int:
        return self._registers.get(_BATCH, 0)


class _Accelerator:
    """The network behind one input and one output DMA engine."""

    def __init__(self, bitfile: Path) -> None:
        self.meta, data = _bitstream.unpack(str(bitfile))
        self.network = _network.Network(io.BytesIO(data))
        self.input = _Dma(self)
        self.output = _Dma(self)
        self._wizard_mhz = _wizard(bitfile.with_suffix(".hwh"))
        self._waiting: set[_Dma] = set()
        self._ends = 0.0
        self._done_unread: set[_Dma] = set()

    def clock_mhz(self) -> float:
        """Return what the accelerator runs at, after what the driver set."""
        if self._wizard_mhz is not None:
            return self._wizard_mhz * Clocks.fclk0_mhz / _WIZARD_INPUT_MHZ
        return Clocks.fclk0_mhz

    def seconds(self, batch: int) -> float:
        """Return how long the hardware takes for a batch."""
        cycles = self.meta["latency_cycles"] + max(0, batch - 1) * self.meta["ii_cycles"]
        return float(cycles) / (self.clock_mhz() * 1e6)

    def start(self, dma: _Dma) -> None:
        """Begin a transfer; the computation begins once both sides are ready."""
        self._waiting.add(dma)
        if len(self._waiting) < 2:
            return
        began = time.perf_counter()
        self._waiting.clear()
        batch = self.input.batch
        # The driver may fill the input buffer again before it fetches this result.
        source = self.input.buffer
        assert source.snapshot is not None
        images = source.snapshot[:batch]
        np.copyto(images, source[:batch])
        output = self.output.buffer
        output.arrive = lambda: self._compute(images, output)
        self._ends = began + self.seconds(batch)
        self._done_unread = {self.input, self.output}

    def status(self, dma: _Dma) -> int:
        """Return the control register of a DMA engine, as of now."""
        if dma in self._waiting:
            return _START
        left = self._ends - time.perf_counter()
        if left > 0:
            # Drivers poll without pause: rest a little, but never into the end of the transfer.
            if left > 0.002:
                time.sleep(min(left - 0.001, 0.01))
            return _START
        if dma in self._done_unread:
            self._done_unread.discard(dma)
            return _DONE | _IDLE
        return _IDLE

    def _compute(self, images: Any, output: buffers.PynqBuffer) -> None:
        description = self.network.description
        batch = len(images)
        if batch > 1 and (images == images[0]).all():
            # A throughput test sends the same image (zeros) over and over.
            one = packing.unpack(images[:1], description["input"])
            results = np.repeat(self.network.run(one), batch, axis=0)
        else:
            results = self.network.run(packing.unpack(images, description["input"]))
        output[:batch] = packing.pack(results, description["output"], (batch, *output.shape[1:]))


def _wizard(hwh: Path) -> float | None:
    """Output clock in MHz of the design's clocking wizard, or None without one."""
    for module in ET.parse(hwh).getroot().iter("MODULE"):
        if module.get("INSTANCE") == "clk_wiz_0":
            parameters = {p.get("NAME"): p.get("VALUE") for p in module.iter("PARAMETER")}
            value = parameters.get("CLKOUT1_OUT_FREQ") or parameters.get(
                "CLKOUT1_REQUESTED_OUT_FREQ"
            )
            return float(value) if value else None
    return None


class Overlay:
    """A downloaded design; its DMA engines are attributes (``idma0``, ``odma0``, ...)."""

    def __init__(
        self,
        bitfile_name: str,
        dtbo: str | None = None,
        download: bool = True,
        ignore_version: bool = False,
        device: Device | None = None,
    ) -> None:
        """Open a simulated bitstream with the .hwh beside it.

        Raises:
            OSError: a file is missing, with PYNQ's words.
            RuntimeError: it is a real bitstream, which needs a real board.
        """
        bitfile = Path(bitfile_name).absolute()
        if not bitfile.is_file():
            raise OSError(f"Bitstream file {bitfile_name} does not exist.")
        if not bitfile.with_suffix(".hwh").is_file():
            raise OSError(f"Could not find the HWH file of {bitfile_name}.")
        self.device = device or Device.active_device
        self.bitfile_name = str(bitfile)
        try:
            self._accelerator = _Accelerator(bitfile)
        except ValueError as error:
            raise RuntimeError(f"SIMULATED board: {error}; deploy it to a real one") from error
        self.ip_dict: dict[str, dict[str, Any]] = {"idma0": {}, "odma0": {}}
        self.is_loaded = download
        _say(self._accelerator)

    def download(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to do: there is no FPGA."""
        self.is_loaded = True

    def __getattr__(self, name: str) -> _Dma:
        """DMA engines by name; a design of ours has one for input and one for output."""
        accelerator: _Accelerator = self.__dict__.get("_accelerator")  # type: ignore[assignment]
        if accelerator is not None and name.startswith("idma"):
            return accelerator.input
        if accelerator is not None and name.startswith("odma"):
            return accelerator.output
        raise AttributeError(f"SIMULATED board: the design has no IP called {name}")


def _say(accelerator: _Accelerator) -> None:
    global _said
    if not _said:
        _said = True
        meta = accelerator.meta
        print(
            f"SIMULATED: there is no FPGA here; finn-tui computes the network in software and "
            f"takes the time of II {meta['ii_cycles']} at {accelerator.clock_mhz():g} MHz",
            file=sys.stderr,
        )
