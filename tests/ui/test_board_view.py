"""What the Board screen says of validation: accuracy, and the board beside the software."""

from __future__ import annotations

from typing import Any

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.boards.board_results import BoardResults, ClassAccuracy, DifferingImage
from finn_tui.ui.board.progress import end_failed, end_finished, end_stopped
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


def test_where_something_was_measured_is_said_if_another_board_is_chosen() -> None:
    accuracy = {**ACCURACY, "board": "lab"}
    for machine, words in (("lab", "measured earlier"), ("pynq", "measured earlier on lab")):
        board = BoardState(machine=machine, results={"accuracy": accuracy})
        lines = [line.text.rstrip() for line in job_lines(board, 120, 20)]
        assert any(line.endswith(words) for line in lines), lines


@pytest.mark.parametrize("height", [60, 8])
def test_each_line_with_a_figure_has_its_mark(height: int) -> None:
    mark = {"simulated": True}
    clock = {"clock_mhz": 100.0, "clock_note": "built for 200 MHz, the board ran it at 100 MHz"}
    top = [{"class": 7, "score": 0.5}, {"class": 1, "score": 0.25}]
    executed = {"image": 2, "class": 7, "software": 3, "differs": True, "top": top, **mark}
    measured = {"images_per_s": 1000.0, "batch": 10, "estimate_images_per_s": 2000.0, **clock}
    measured |= {"reasons": ["packing takes 20 % of the time"], **mark}
    sure = {"dataset": "mnist", "low_percent": 90.0, "high_percent": 92.0, **clock}
    sure["label_note"] = "3 of 4 images have labels above 9"
    results = {
        "execute": {**executed, "scores_of": "board"},
        "throughput": measured,
        "accuracy": {**ACCURACY, **sure},
        "comparison": DIFFERS,
    }
    read = BoardResults(
        results,
        differing=(DifferingImage(4, None, 7, 3, 3),),
        worst=(ClassAccuracy("cat", 1, 4),),
    )
    lines = job_lines(BoardState(results=results), 120, height, None, read)
    texts = [line.text for line in lines]
    figures = [text for text in texts if any(map(str.isdigit, text))]
    assert len(figures) > (10 if height == 60 else 5)
    for text in figures:
        assert text.endswith("SIMULATED"), text
    # The software's scores are no measurement.
    results["execute"] = {**executed, "scores_of": "network"}
    lines = job_lines(BoardState(results=results), 120, 60)
    scores = next(line.text for line in lines if "scores of the network" in line.text)
    assert not scores.endswith("SIMULATED")


class Run:
    """As much of a run as the view asks for."""

    id = "20260102T030405Z-tfc-w1a1-00ff"
    clock_missed_ns = None

    class request:
        dataset = "mnist"


def test_a_failed_job_is_not_hidden_behind_an_earlier_verdict() -> None:
    measured = {"images_per_s": 1000.0, "batch": 10, "clock_mhz": 100.0}
    same = {**ACCURACY, "software_same": 400}
    board = BoardState(run=Run.id, results={"throughput": measured, "accuracy": same})

    def lines(height: int = 20, run: Any = Run) -> list[str]:
        return [line.text.strip() for line in job_lines(board, 120, height, run)]

    assert lines()[0].startswith("✓ 400 of 400 same")
    for job, status in (("throughput", "failed"), ("go", "failed"), ("go", "stopped")):
        for height in (20, 8, 5):
            board.begin(job)
            board.jobs["throughput"].start()
            if status == "failed":
                error = FinnTuiError("the line to lab broke", "It was cut.", kind="board")
                end_failed(board, error)
                wanted = "✗ throughput failed: the line to lab broke"
            else:
                end_stopped(board)
                wanted = "■ throughput was stopped"
            text = lines(height)
            assert text[0] == wanted, text
            assert not any(line.startswith("✓ 400 of 400 same") for line in text)
            assert any(
                "earlier: 1,000 images/s" in line or "earlier: 1.00" in line for line in text
            )
    # Of another run nothing is said to have failed.
    other = type("Other", (Run,), {"id": "20260102T030405Z-tfc-w1a1-0001"})
    assert "failed" not in "".join(lines(run=other))
    # A board that is not reached fails before any job.
    board.begin("execute")
    end_failed(board, FinnTuiError("lab does not answer", kind="board"))
    assert lines()[0] == "✗ lab does not answer"
    board.begin("throughput")
    board.jobs["throughput"].start()
    end_finished(board, ())
    assert lines()[0].startswith("✓ 400 of 400 same"), "it is shown again after a good end"
