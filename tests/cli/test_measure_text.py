"""Board measurements as text and JSON: each line or row that is copied alone has its mark."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from finn_tui.board.answers import BatchTimes, ThroughputAnswer
from finn_tui.board.catalogue import marks
from finn_tui.board.deploy import Deployed
from finn_tui.board.results import Executed, Throughput, Validation
from finn_tui.board.throughput import measured
from finn_tui.cli import measure_text


def _throughput(*, simulated: bool) -> Throughput:
    times = [
        BatchTimes(batch, [1e-6 * batch] * 3, [2e-6 * batch] * 3, 784 * batch, batch, {})
        for batch in (1, 100, 10_000)
    ]
    what: Any = SimpleNamespace(fps=1_562_500.0, clock_mhz=100.0)
    return measured("lab", simulated, ThroughputAnswer(times, 100.0), what, "xc7z020clg400-1")


_VALIDATION = Validation(
    "lab",
    True,
    50.0,
    1,
    2,
    "digits28",
    per_class=(
        {"class": 0, "name": "0", "images": 1, "correct": 0, "percent": 0.0},
        {"class": 1, "name": "1", "images": 1, "correct": 1, "percent": 100.0},
    ),
    differences=({"index": 3, "board": 1, "software": 2, "label": 2},),
)
_SCORES = ({"class": 3, "name": "3", "score": 0.5}, {"class": 5, "name": "5", "score": 0.25})
_EXECUTED = Executed(
    "lab", True, 0, 3, 3, 3, 100.0, 0.1, top=_SCORES, scores_of="board", outputs=(0.5, 0.25)
)


def test_each_line_of_a_simulated_measurement_says_so() -> None:
    sent = Deployed("lab", "runs/1", 4, ("a",), 1000, 0, 0.5, simulated=True)
    lines = [measure_text.deployed(sent.as_dict())]
    lines += measure_text.executed(_EXECUTED.as_dict())
    lines += measure_text.throughput(_throughput(simulated=True).as_dict())
    lines += measure_text.validation(_VALIDATION.as_dict())
    assert len([line for line in lines if "10,000" in line]) > 3
    for line in lines:
        assert not any(map(str.isdigit, line)) or line.endswith("SIMULATED"), line


def test_numbers_have_no_exponents() -> None:
    """A large network takes seconds for a batch: 1,000 ms, not 1e+03."""
    times = [
        BatchTimes(batch, [1e-3 * batch] * 3, [2e-1 * batch] * 3, 784 * batch, batch, {})
        for batch in (1, 1000)
    ]
    what: Any = SimpleNamespace(fps=1000.0, clock_mhz=100.0)
    done = measured("lab", False, ThroughputAnswer(times, 100.0), what, "xc7z020clg400-1")
    lines = measure_text.throughput(done.as_dict())
    scores = ({**_SCORES[0], "score": 123456.0},)
    lines += measure_text.executed(replace(_EXECUTED, top=scores, outputs=()).as_dict())
    text = "\n".join(lines)
    assert "1,000 ms for 1,000 images" in text and "200 times" in text and "123,456" in text
    assert "e+0" not in text


def test_a_measurement_on_a_board_has_no_mark() -> None:
    lines = measure_text.throughput(_throughput(simulated=False).as_dict())
    assert not any("SIMULATED" in line or "REPLAY" in line for line in lines)


@pytest.mark.parametrize("part", ["sweep", "per_class", "differences", "top"])
def test_each_row_of_a_document_says_so(part: str) -> None:
    results: tuple[Throughput | Executed | Validation, ...]
    results = (_throughput(simulated=True), _EXECUTED, _VALIDATION)
    rows = next(each.as_dict()[part] for each in results if hasattr(each, part))
    assert rows and all(marks(row) == "SIMULATED" for row in rows)


def test_scores_of_the_software_are_no_measurement() -> None:
    rows = replace(_EXECUTED, scores_of="dataflow graph").as_dict()["top"]
    assert rows and not any(map(marks, rows))
