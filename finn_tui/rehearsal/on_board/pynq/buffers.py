"""SIMULATED: memory that processor and accelerator share, with the addresses that DMA engines take.

A driver calls ``flush`` after it wrote a buffer and ``invalidate`` before it reads one. The
accelerator's results appear in a buffer when it is invalidated, as they would on the board.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

_FIRST_ADDRESS = 0x1000_0000
_PAGE = 4096

_by_address: weakref.WeakValueDictionary[int, PynqBuffer] = weakref.WeakValueDictionary()
_next_address = _FIRST_ADDRESS


class PynqBuffer(np.ndarray[Any, np.dtype[Any]]):
    """An array with a device address; copies and views of it have none.

    ``snapshot`` is what the accelerator read when it was last started on this buffer.
    """

    device_address: int
    cacheable: bool
    snapshot: np.ndarray[Any, np.dtype[Any]] | None
    arrive: Callable[[], None] | None

    def __array_finalize__(self, other: object) -> None:
        """Make every array from a buffer an ordinary one, unknown to the accelerator."""
        self.device_address = 0
        self.cacheable = False
        self.snapshot = None
        self.arrive = None

    @property
    def physical_address(self) -> int:
        """PYNQ's older name of the address."""
        return self.device_address

    def flush(self) -> None:
        """Nothing to do: the accelerator reads this very memory."""

    def invalidate(self) -> None:
        """Let what the accelerator has written become visible."""
        if self.arrive is not None:
            arrive, self.arrive = self.arrive, None
            arrive()

    def sync_to_device(self) -> None:
        """PYNQ's older name of ``flush``."""
        self.flush()

    def sync_from_device(self) -> None:
        """PYNQ's older name of ``invalidate``."""
        self.invalidate()

    def freebuffer(self) -> None:
        """Nothing to do: Python frees it."""


def allocate(
    shape: int | tuple[int, ...],
    dtype: npt.DTypeLike = "u4",
    target: object = None,
    cacheable: bool = True,
    **kwargs: Any,
) -> PynqBuffer:
    """Return a zeroed buffer with an address of its own."""
    global _next_address
    # Written at once, so that the pages exist before a transfer is timed.
    buffer = np.full(shape, 0, dtype).view(PynqBuffer)
    buffer.snapshot = np.full(shape, 0, dtype)
    buffer.device_address = _next_address
    buffer.cacheable = cacheable
    pages = -(-max(1, buffer.nbytes) // _PAGE)
    _next_address += pages * _PAGE
    _by_address[buffer.device_address] = buffer
    return buffer


def at(address: int) -> PynqBuffer | None:
    """Return the buffer that starts at a device address."""
    return _by_address.get(address)
