"""SIMULATED: the processing system's clocks."""

from __future__ import annotations


class Clocks:
    """The PL clocks in MHz, as assignable class attributes like PYNQ's."""

    fclk0_mhz: float = 100.0
    fclk1_mhz: float = 100.0
    fclk2_mhz: float = 100.0
    fclk3_mhz: float = 100.0
