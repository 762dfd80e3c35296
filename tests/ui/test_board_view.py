"""What the Board screen says of validation: accuracy, and the board beside the software."""

from __future__ import annotations

from typing import Any

from finn_tui.ui.board.view import job_lines
from finn_tui.ui.state import BoardState

EQUAL = {"samples": 20, "classes_same": 20, "outputs_equal": None, "difference": None}
EQUAL |= {"first": None, "differs": False, "simulated": True}
DIFFERS = {**EQUAL, "classes_same": 17, "first": 4, "differs": True}
ACCURACY = {"percent": 91.5, "images": 400, "software_same": None, "simulated": True}


def shown(height: int = 20, **results: Any) -> str:
    board = BoardState(results=results)
    return "\n".join(line.text for line in job_lines(board, 120, height))


def test_a_run_without_a_test_set_is_compared() -> None:
    text = shown(comparison=EQUAL)
    assert "not validated SIMULATED" in text
    assert "as software: classes equal (20 samples)" in text
    text = shown(accuracy=ACCURACY, comparison=EQUAL)
    assert "91.50 % of 400 images" in text and "classes equal" in text


def test_a_difference_is_said_also_in_a_low_window() -> None:
    wanted = "3 of 20 classes DIFFER, first in sample 4"
    for height in (20, 6):
        assert wanted in shown(height, accuracy=ACCURACY, comparison=DIFFERS)
    executed = {"image": 2, "class": 7, "software": 3, "expected": None, "differs": True}
    assert "class 7, but software gives 3" in shown(execute=executed)
    values = {"image": 0, "class": None, "difference": 0.5, "differs": True}
    assert "sample 0: outputs differ from software, largest difference 0.5" in shown(execute=values)
