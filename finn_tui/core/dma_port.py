"""What the port to the memory lets through: FINN's DMA engines move so many bits a cycle."""

from __future__ import annotations

import math

#: Bits a cycle of the port that FINN connects its DMA to, by the part's family: FINN's
#: ``pynq_native_port_width``.
_PORT_BITS = {"xc7z": 64, "xczu": 128, "xck26": 128}


def frame_cycles(part: str, count: int | None) -> int | None:
    """Return the cycles in which a DMA engine moves a frame; None of a part that is not known.

    FINN's DMA is as wide as the port, or as the largest part of it that divides a frame.

    Args:
        part: the FPGA part.
        count: bytes of a frame.
    """
    bits = next((bits for family, bits in _PORT_BITS.items() if part.startswith(family)), None)
    if not count or bits is None:
        return None
    return 8 * count // math.gcd(8 * count, bits)
