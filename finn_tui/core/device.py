"""The device that a design must fit: a board's part, its budget and FINN's fill limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from finn_tui.errors import FinnTuiError

#: Resources in the order in which they are shown. FINN estimates all but FF.
RESOURCES = ("LUT", "BRAM_18K", "URAM", "DSP")

#: FINN's guidance for designs that still meet timing (``finn.util.platforms``), as fractions.
DEFAULT_LIMITS: Mapping[str, float] = {
    "LUT": 0.7,
    "FF": 0.5,
    "BRAM_18K": 0.8,
    "URAM": 0.8,
    "DSP": 0.8,
}


@dataclass(frozen=True)
class Device:
    """A board with its part and budget.

    Attributes:
        board: FINN's name of it, exact to the letter ("Pynq-Z2").
        part: the FPGA part ("xc7z020clg400-1").
        budget: units on the part by resource; BRAM_18K counts halves of a RAMB36. Empty where
            neither FINN nor the user says what the part has.
        limits: FINN's fill limits, as fractions of the budget.
    """

    board: str
    part: str
    budget: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_LIMITS))

    def use(self, resource: str, amount: float) -> float | None:
        """The share of the budget that ``amount`` takes; None where the budget is unknown.

        A part without the resource gives 0.0 for nothing and infinity for anything.
        """
        if resource not in self.budget:
            return None
        available = self.budget[resource]
        if available == 0:
            return 0.0 if amount == 0 else float("inf")
        return amount / available


def clock_period(clock_ns: float) -> float:
    """The clock period in ns, checked: positive and within what an FPGA can be clocked at."""
    if not 0.5 <= clock_ns <= 1000:
        raise FinnTuiError(
            f"a clock period of {clock_ns:g} ns cannot be",
            "The period must lie between 0.5 ns (2 GHz) and 1000 ns (1 MHz).",
            "Give the period in nanoseconds: 10 for 100 MHz, 5 for 200 MHz.",
        )
    return float(clock_ns)
