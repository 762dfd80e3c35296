"""The "bitstream" of a rehearsal: a container with the network it stands for.

It is written by the stand-in for Vivado and read by the simulated board. Standard library only
and Python 3.8 syntax, since the stand-ins run in FINN's Python and the reader in the driver's.

    one line     FINN-TUI SIMULATED BITSTREAM 1
    one line     JSON: {"simulated": true, "ii_cycles", "latency_cycles", "clock_ns", "part", ...}
    the rest     the network, an .npz as ``finn_tui.engine.server.preparing.netlist`` writes it
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MAGIC = b"FINN-TUI SIMULATED BITSTREAM 1\n"


def pack(path: str | Path, meta: dict[str, Any], network: bytes) -> None:
    """Write a bitstream container; ``meta`` is marked simulated whatever it says.

    Args:
        meta: ``ii_cycles`` and ``latency_cycles`` in clock cycles, ``clock_ns``, ``part``.
        network: the bytes of the network's .npz.
    """
    head = json.dumps({**meta, "simulated": True}).encode("utf-8")
    Path(path).write_bytes(MAGIC + head + b"\n" + network)


def unpack(path: str | Path) -> tuple[dict[str, Any], bytes]:
    """Meta data and network bytes of a container.

    Raises:
        ValueError: if the file is not one, such as a real bitstream or a half-written file.
        OSError: if it cannot be read.
    """
    data = Path(path).read_bytes()
    if not data.startswith(MAGIC):
        raise ValueError(f"{path} is not a bitstream of a rehearsal")
    head, newline, network = data[len(MAGIC) :].partition(b"\n")
    try:
        meta = json.loads(head.decode("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} has no readable description") from error
    if not newline or not network or not isinstance(meta, dict):
        raise ValueError(f"{path} is cut off")
    return meta, network
