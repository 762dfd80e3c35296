"""What a rehearsal is to do: ``rehearsal.json``, written by launcher and builder."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VERSION = "2022.2"

#: How the rehearsal's seconds are shared between the tools: all HLS runs together, each of the
#: four stitched projects (the accelerator, and the partitions around it), the bitfile.
HLS_SHARE = 0.25
STITCH_SHARE = 0.02
BITFILE_SHARE = 0.67

#: The two data movers are HLS layers that are not in FINN's graph yet when it is estimated.
DATA_MOVERS = 2


@dataclass
class Plan:
    """One rehearsal.

    Attributes:
        folder: where ``rehearsal.json`` and ``network.npz`` lie.
        seconds: what the tools take in all when they run one after the other.
        part: FPGA part; clock_ns: clock period.
        ii_cycles, latency_cycles: of the design, as FINN estimates them.
        cycles, resources: FINN's estimates per layer.
        shell: blocks around the accelerator, each with a name and its resources; as finn-tui counts
            them, empty if it has no source.
        memory: LUTs of layers' memory that FINN leaves out of ``resources``.
        device: what the part has (LUT, FF, BRAM_18K, URAM, DSP), empty if unknown.
        hls_layers: how many layers Vitis HLS synthesizes.
        fail: what is to fail, ``{"mode": NAME}`` with a name of ``failures.FAILURES``, and
            ``"layer"`` where it is about one; None for a good run.
        log_mb: megabytes that the implementation's log has besides.
    """

    folder: Path
    seconds: float = 0.0
    part: str = "xc7z020clg400-1"
    clock_ns: float = 10.0
    ii_cycles: int = 1
    latency_cycles: int = 1
    cycles: dict[str, int] = field(default_factory=dict)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    shell: list[dict[str, Any]] = field(default_factory=list)
    memory: dict[str, float] = field(default_factory=dict)
    device: dict[str, int] = field(default_factory=dict)
    hls_layers: int = 0
    fail: dict[str, str] | None = None
    log_mb: float = 0.0

    def fails(self, mode: str, layer: str | None = None) -> bool:
        """Return whether a fault is to be simulated.

        Args:
            mode: the fault.
            layer: whether in this layer; in any if None.
        """
        if not self.fail or self.fail.get("mode") != mode:
            return False
        return layer is None or self.fail.get("layer") in (None, layer)

    @property
    def hls_seconds(self) -> float:
        """What one HLS layer takes."""
        return HLS_SHARE * self.seconds / (self.hls_layers + DATA_MOVERS)

    @property
    def network(self) -> bytes:
        """The network that the bitstream will hold."""
        return (self.folder / "network.npz").read_bytes()


def read_plan(folder: str | None = None) -> Plan:
    """Return the plan in ``folder`` (default: ``FINN_TUI_REHEARSAL`` from the environment).

    Raises:
        OSError, ValueError: if there is none, or it cannot be read.
    """
    place = folder or os.environ.get("FINN_TUI_REHEARSAL")
    if not place:
        raise ValueError("FINN_TUI_REHEARSAL is not set: these tools only rehearse")
    document = json.loads((Path(place) / "rehearsal.json").read_text(encoding="utf-8"))
    known = {name: document[name] for name in Plan.__dataclass_fields__ if name in document}
    known["device"] = known.get("device") or {}
    return Plan(**{**known, "folder": Path(place)})


class Pace:
    """Spends a number of seconds in portions, catching up when writing itself took time."""

    def __init__(self, seconds: float) -> None:
        self._scale = 0.0
        self._seconds = seconds
        self._due = time.monotonic()

    def over(self, weight: float) -> Pace:
        """Share the seconds over this much weight in all."""
        self._scale = self._seconds / weight if weight > 0 else 0.0
        return self

    def spend(self, weight: float) -> None:
        """Wait for the portion of time that ``weight`` stands for."""
        self._due += weight * self._scale
        pause = self._due - time.monotonic()
        if pause > 0:
            time.sleep(pause)
