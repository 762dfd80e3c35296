"""What the Results screen says of a run: a missed clock is no plain success."""

from __future__ import annotations

from dataclasses import replace

import pytest

from finn_tui.lab.results_table import Experiment
from finn_tui.ui.results.view import result_facts, results_content

ROW = Experiment(
    run="20260101T000000-tfc-ab12",
    model="tfc-w1a1",
    folding="ones",
    board="Pynq-Z2",
    clock_ns=10.0,
    created="2026-01-01T00:00:00Z",
    state="succeeded",
    simulated=False,
    ii_cycles=100,
    estimated_fps=1000.0,
    estimated={"LUT": 900},
    synthesized={"LUT": 1000},
    wns=-0.618,
    timing_met=False,
    fps=None,
    batch=None,
    clock_mhz=None,
    accuracy=None,
    images=None,
    measured_simulated=False,
)
SENTENCE = "clock missed by 0.618 ns"


def facts(row: Experiment) -> str:
    return "\n".join(f"{field.name}: {field.value}" for field in result_facts(row))


@pytest.mark.parametrize(("width", "words"), [(80, "! clock"), (120, "! clock"), (150, SENTENCE)])
def test_a_missed_clock_stands_in_the_table(width: int, words: str) -> None:
    met = replace(ROW, run="20260101T000001-tfc-cd34", wns=0.1, timing_met=True)
    content = results_content([ROW, met], width)
    missed, good = (" ".join(cell[0] for cell in row.cells) for row in content.rows)
    assert words in missed
    assert "clock" not in good


def test_a_missed_clock_stands_in_the_details() -> None:
    assert facts(ROW).count(SENTENCE) == 2, "in the state and beside WNS"
    assert "succeeded, clock missed" in facts(ROW)
    assert SENTENCE not in facts(replace(ROW, wns=0.1, timing_met=True))
    assert "timing met" in facts(replace(ROW, wns=0.1, timing_met=True))
    assert "timing not met" in facts(replace(ROW, wns=0.1, timing_met=None))
    assert SENTENCE not in facts(replace(ROW, state="failed", wns=None, timing_met=None))
