"""SIMULATED: an overlay that computes its network in software and takes the hardware's time.

The time of a batch is the pipeline's: latency + (N - 1) * II cycles at the accelerator's clock, or
more where the port to the memory takes longer for a frame than the II: TFC's II is 64, and 784
bytes need 98 cycles of a 64-bit port. The clock is what the design's own clocking wizard makes of
FCLK0 (finn-plus designs have one), or FCLK0 itself (upstream FINN's), so a driver that sets the
wrong clock is as slow here as there.
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


def _module(package: str, name: str) -> ModuleType:
    """Load a module of finn_tui by file: it is not installed on a board."""
    path = Path(__file__).resolve().parents[3] / package / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"_finn_tui_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no module at {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_bitstream = _module("rehearsal", "bitstream")
_network = _module("rehearsal", "network")
_dma_port = _module("core", "dma_port")
_said = False


class Device:
    """The only device of this board."""

    name = "SIMULATED"
    active_device: Device | None = None
    devices: list[Device] = []  # noqa: RUF012 - PYNQ's interface


Device.active_device = Device()
Device.devices = [Device.active_device]


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
    """The network behind its input and output DMA engines."""

    def __init__(self, bitfile: Path) -> None:
        self.meta, data = _bitstream.unpack(str(bitfile))
        self.network = _network.Network(io.BytesIO(data))
        self.inputs = [_Dma(self) for _ in self.network.inputs]
        self.outputs = [_Dma(self) for _ in self.network.outputs]
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
        part = str(self.meta.get("part", ""))
        moved = (
            _dma_port.frame_cycles(part, engine.buffer.nbytes // len(engine.buffer)) or 0
            for engine in (*self.inputs, *self.outputs)
        )
        interval = max(self.meta["ii_cycles"], *moved)
        cycles = self.meta["latency_cycles"] + max(0, batch - 1) * interval
        return float(cycles) / (self.clock_mhz() * 1e6)

    def start(self, dma: _Dma) -> None:
        """Begin a transfer; the computation begins once all sides are ready."""
        self._waiting.add(dma)
        engines = {*self.inputs, *self.outputs}
        if self._waiting != engines:
            return
        began = time.perf_counter()
        self._waiting.clear()
        batch = self.inputs[0].batch
        # The driver may fill the input buffers again before it fetches this result.
        images = [_snapshot(engine.buffer, batch) for engine in self.inputs]
        result = _Result(self.network, images)
        for at, engine in enumerate(self.outputs):
            result.arrives_in(engine.buffer, at)
        self._ends = began + self.seconds(batch)
        self._done_unread = engines

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


def _snapshot(source: buffers.PynqBuffer, batch: int) -> Any:
    """What an input buffer holds now."""
    assert source.snapshot is not None
    images = source.snapshot[:batch]
    np.copyto(images, source[:batch])
    return images


class _Result:
    """What a batch gives; computed when the first of its buffers is looked at."""

    def __init__(self, network: Any, images: list[Any]) -> None:
        self._network = network
        self._images = images
        self._outputs: list[Any] | None = None

    def arrives_in(self, buffer: buffers.PynqBuffer, at: int) -> None:
        """Have output ``at`` written to a buffer when that is looked at."""

        def arrive() -> None:
            values = self._values()[at]
            shape = (len(values), *buffer.shape[1:])
            buffer[: len(values)] = packing.pack(values, self._network.outputs[at], shape)

        buffer.arrive = arrive

    def _values(self) -> list[Any]:
        if self._outputs is None:
            batch = len(self._images[0])
            alike = batch > 1 and all((images == images[0]).all() for images in self._images)
            # A throughput test sends the same image (zeros) over and over.
            images = [each[:1] if alike else each for each in self._images]
            outputs = self._network.run_all(
                [
                    packing.unpack(each, tensor)
                    for each, tensor in zip(images, self._network.inputs, strict=True)
                ]
            )
            self._outputs = [np.repeat(o, batch, axis=0) for o in outputs] if alike else outputs
        return self._outputs


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
        names = [f"idma{at}" for at in range(len(self._accelerator.inputs))]
        names += [f"odma{at}" for at in range(len(self._accelerator.outputs))]
        self.ip_dict: dict[str, dict[str, Any]] = {name: {} for name in names}
        self.is_loaded = download
        _say(self._accelerator)

    def download(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to do: there is no FPGA."""
        self.is_loaded = True

    def __getattr__(self, name: str) -> _Dma:
        """DMA engines by name: ``idma0``, ``idma1``, ... for the inputs, ``odma0``, ... .

        FINN numbers them as it likes: the driver's own table says which belongs to which input.
        """
        accelerator: _Accelerator = self.__dict__.get("_accelerator")  # type: ignore[assignment]
        if accelerator is not None and name in self.__dict__.get("ip_dict", ()):
            kind, number = name[: len("idma")], int(name[len("idma") :])
            engines = accelerator.inputs if kind == "idma" else accelerator.outputs
            table = self.__dict__.get("_io_shape_dict") or {}
            upstream = {"idma": "input_dma_name", "odma": "output_dma_name"}
            names = table.get(f"{kind}_names") or table.get(upstream[kind]) or []
            return engines[names.index(name) if name in names else number]
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
