"""Question 2 as text: what it says of a cycle, and that it has room."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from finn_tui.core.learn.matrix import MatrixUnit, lab_matrix
from finn_tui.core.learn.schedule import schedule_lines
from finn_tui.core.learn.text import plain
from tests.core.learn.test_matrix import units


def text_of(unit: MatrixUnit, number: int = 0, width: int = 80, height: int = 40) -> str:
    return plain(schedule_lines(unit, number, width, height, clock_ns=10.0))


def test_the_lab_s_example() -> None:
    text = text_of(lab_matrix(8, 8, 4, 1), 10)
    assert text.count("[10]") == 4
    assert "cycle 10 of 0..15   neuron fold 1 of 2   synapse fold 2 of 8" in text
    assert "x 2 from the buffer" in text
    assert "PE 3     acc += W[7,2] xnor x[2]" in text
    assert "y 4..7 in 5 cycles" in text
    assert "NF 8/4 x SF 8/1 = 16 cycles a vector" in text
    assert "x 8 vectors = 128 cycles = 1.280 µs at 10 ns" in text


def test_all_at_once() -> None:
    text = text_of(lab_matrix(8, 8, 8, 8))
    assert "PE 7     acc = sum(W[7,0..7] xnor x[0..7])" in text
    assert "y 0..7 leave through 1 threshold (8 x 1 bit)" in text
    assert "= 1 cycle a vector" in text


@given(units(), st.integers(0, 600), st.integers(48, 160), st.integers(15, 50))
def test_the_present_step_is_always_in_view(
    unit: MatrixUnit, number: int, width: int, height: int
) -> None:
    text = text_of(unit, number, width, height)
    now = number % unit.steps
    assert f"[{now}]" in text
    rows = [line for line in text.splitlines() if re.search(r"y \d+", line) and "[" in line]
    assert all(len(line) <= width for line in rows)
