"""SIMULATED: stands where PYNQ's package stands on a board, so that the real drivers run on a PC.

Only this folder's parent is put on the simulated board's ``PYTHONPATH``. It offers what FINN's
drivers use: ``Overlay``, ``allocate``, ``Device``, ``ps.Clocks`` (and the name ``Bitstream``).
Names and behaviour follow PYNQ 3.0's documented interface; the register map of the DMA engines is
that of Vitis HLS block control (ap_ctrl at 0x00: start, done, idle in bits 0, 1, 2).
"""

from .buffers import PynqBuffer, allocate
from .overlay import Bitstream, Device, Overlay

__version__ = "3.0.1+simulated"
__all__ = ["Bitstream", "Device", "Overlay", "PynqBuffer", "allocate"]
