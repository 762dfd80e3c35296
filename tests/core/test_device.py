"""Clocks as people type them."""

from __future__ import annotations

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.device import read_clock


@pytest.mark.parametrize(
    ("text", "clock_ns"),
    [
        ("10", 10.0),
        ("100", 10.0),
        ("200", 5.0),
        ("5", 5.0),
        ("7.5 ns", 7.5),
        ("100ns", 100.0),
        (" 133 MHz ", 1000 / 133),
        ("0.2GHz", 5.0),
        ("10 mhz", 100.0),
    ],
)
def test_a_clock_is_a_period_or_a_frequency(text: str, clock_ns: float) -> None:
    assert read_clock(text) == pytest.approx(clock_ns)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "clock period 0 ns is out of range"),
        ("-5", "clock period -5 ns is out of range"),
        ("0 MHz", "clock frequency 0 MHz is out of range"),
        ("4000", "clock period 0.25 ns is out of range"),
        ("0.1 MHz", "clock period 1e.04 ns is out of range"),
        ("1,000", "1,000 is not a clock"),
        ("nan", "nan is not a clock"),
        ("1e999 MHz", "is not a clock"),
        ("fast", "fast is not a clock"),
        ("10 s", "10 s is not a clock"),
        ("", "is not a clock"),
    ],
)
def test_what_is_no_clock_is_a_message(text: str, message: str) -> None:
    with pytest.raises(FinnTuiError, match=message):
        read_clock(text)
