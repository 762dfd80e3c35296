"""The device that a design must fit: a board's part, its budget and FINN's fill limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from finn_tui.base.errors import FinnTuiError

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

#: What a unit of each resource counts where nobody knows what the part has: its share of an
#: xc7z020, the part of the boards that most people have; UltraRAM as the bits of 16 BRAM_18K.
_UNKNOWN_PART = {"LUT": 1 / 53200, "BRAM_18K": 1 / 280, "URAM": 16 / 280, "DSP": 1 / 220}


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
        """Return the share of the budget that an amount takes.

        Args:
            resource: one of ``RESOURCES``.
            amount: units.

        Returns:
            the share (1.0 is all of it); None where the budget is unknown.
        """
        if resource not in self.budget:
            return None
        available = self.budget[resource]
        if available == 0:
            return 0.0 if amount == 0 else float("inf")
        return amount / available


def budget_weights(device: Device, factors: Mapping[str, float] | None = None) -> dict[str, float]:
    """Weights that count each resource by the share of the budget that a unit of it takes.

    Args:
        factors: how much more a share of one resource counts than of another; 1 where not named.
    """
    factors = factors or {}
    known = any(device.budget.get(name) for name in RESOURCES)
    each = (
        {name: 1.0 / device.budget[name] if device.budget.get(name) else 0.0 for name in RESOURCES}
        if known
        else _UNKNOWN_PART
    )
    return {name: weight * factors.get(name, 1.0) for name, weight in each.items()}


#: Clock periods in ns that an FPGA can be clocked at: 2 GHz to 1 MHz.
CLOCK_NS = (0.5, 1000.0)


def clock_period(clock_ns: float) -> float:
    """Return the clock period in ns, checked.

    Raises:
        FinnTuiError: it is not within ``CLOCK_NS``.
    """
    least, most = CLOCK_NS
    if not least <= clock_ns <= most:
        raise FinnTuiError(
            f"clock period {clock_ns:.4g} ns is out of range ({least:g} to {most:g} ns)",
            "These are 2 GHz and 1 MHz.",
            "Give the period in nanoseconds: 10 for 100 MHz, 5 for 200 MHz.",
        )
    return float(clock_ns)


def read_clock(text: str) -> float:
    """Return the clock period in ns that people mean: "10 ns", "133 MHz", "0.2 GHz", "100".

    A number alone is whichever of ns and MHz gives the faster clock: 10 is 10 ns, 100 is 100 MHz.
    So it is never a clock below 31 MHz, which nobody means without saying so.

    Raises:
        FinnTuiError: it is no clock, or out of range.
    """
    words = text.strip().lower()
    number = words.rstrip("abcdefghijklmnopqrstuvwxyz").rstrip()
    unit = words[len(number) :].strip()
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if unit not in ("", "ns", "mhz", "ghz") or not math.isfinite(value):
        raise FinnTuiError(
            f"{text} is not a clock",
            "A clock is a period in ns or a frequency in MHz.",
            "Type 10 ns or 100 MHz.",
        )
    frequency = value * 1000 if unit == "ghz" else value
    period = 1000 / frequency if frequency > 0 else math.inf
    if unit == "ns" or (not unit and value <= period):
        period = value
    if math.isinf(period):
        raise FinnTuiError(
            f"clock frequency {value:g} {unit[:1].upper()}Hz is out of range (1 to 2000 MHz)",
            "",
            "Type 10 ns or 100 MHz.",
        )
    return clock_period(period)
