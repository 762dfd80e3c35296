"""What the agent reads of a board, as data of checked types and sizes."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from finn_tui.base.text import one_line

Text = Annotated[str, Meta(max_length=2100)]
Bytes = Annotated[int, Meta(ge=0, le=1 << 60)]
_Megahertz = Annotated[float, Meta(gt=0.0, le=10_000.0)]
_Seconds = Annotated[float, Meta(ge=0.0, le=1e12)]


def cleaned(values: Any) -> None:
    """Make the texts of a struct harmless for a terminal, in place."""
    for name in values.__struct_fields__:
        value = getattr(values, name)
        if isinstance(value, str):
            setattr(values, name, one_line(value).strip())


class BoardProcess(Struct):
    """A process on the board that uses the FPGA, or may.

    Attributes:
        reason: "agent" (finn-tui's), "driver" (by its command line), or the device it has open.
    """

    pid: Annotated[int, Meta(ge=1, le=1 << 31)]
    command: Text
    reason: Text
    user: Text | None = None

    def __post_init__(self) -> None:
        cleaned(self)


class LoadedDesign(Struct):
    """What an agent of finn-tui loaded into the FPGA since the board booted.

    Attributes:
        who: user and machine that asked for it.
        time: on the board's clock, seconds since 1970.
        clock_mhz: what the accelerator ran at.
    """

    bitfile: Text
    who: Text
    time: _Seconds | None = None
    clock_mhz: _Megahertz | None = None

    def __post_init__(self) -> None:
        cleaned(self)


class BoardFacts(Struct):
    """What could be read of a board; None is what could not.

    Attributes:
        venv: folder of the virtual environment that Python runs in.
        uptime_s: since the board booted.
        time: the board's clock, seconds since 1970.
        image: the PYNQ image's release notes (REVISION).
        os: the distribution.
        board: FINN's name of the board type, as the image sets it.
        model: the device tree's model.
        pynq_error, driver_error: why the installed package cannot be imported.
        xrt_library: whether XRT's library is installed.
        device_node: what PYNQ reaches the FPGA through.
        cma_free_bytes, cma_total_bytes: contiguous memory, which DMA buffers come from.
        clock_mhz: FCLK0, which the processing system gives to the FPGA.
        fpga_state: of the kernel's FPGA manager.
        overlay: the bitfile that PYNQ says it loaded last.
        loaded: what an agent of finn-tui loaded last.
        logins: lines of ``who``.
        processes: that use the FPGA or may, other than the agent that asks.
    """

    python: Text
    executable: Text
    venv: Text | None = None
    root: bool = False
    user: Text | None = None
    machine: Text | None = None
    kernel: Text | None = None
    uptime_s: _Seconds | None = None
    time: _Seconds | None = None
    image: Text | None = None
    os: Text | None = None
    board: Text | None = None
    model: Text | None = None
    pynq: Text | None = None
    pynq_error: Text | None = None
    driver: Text | None = None
    driver_error: Text | None = None
    numpy: Text | None = None
    bitstring: Text | None = None
    xrt: Text | None = None
    xrt_library: bool | None = None
    device_node: Text | None = None
    disk_free_bytes: Bytes | None = None
    disk_total_bytes: Bytes | None = None
    memory_available_bytes: Bytes | None = None
    memory_total_bytes: Bytes | None = None
    cma_free_bytes: Bytes | None = None
    cma_total_bytes: Bytes | None = None
    clock_mhz: _Megahertz | None = None
    temperature_c: Annotated[float, Meta(ge=-60.0, le=200.0)] | None = None
    fpga_state: Text | None = None
    overlay: Text | None = None
    loaded: LoadedDesign | None = None
    logins: Annotated[list[Text], Meta(max_length=50)] | None = None
    processes: Annotated[list[BoardProcess], Meta(max_length=50)] | None = None
    simulated: bool = False

    def __post_init__(self) -> None:
        cleaned(self)
        if self.logins is not None:
            self.logins = [one_line(line) for line in self.logins]
