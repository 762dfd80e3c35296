"""The board's outputs beside the software's."""

from __future__ import annotations

import numpy as np
import pytest

from finn_tui.board.comparison import as_software, classes, compare_outputs, compared


def test_equal_outputs_and_classes() -> None:
    reference = np.random.default_rng(0).normal(0, 10, (6, 4)).astype(np.float32)
    board = reference * np.float32(1 + 1e-6)
    ours = as_software(board, reference, None)
    assert ours is not None
    best = classes(board, 0)
    done = compared(best, reference.argmax(axis=1), compare_outputs([ours], [reference]))
    assert done is not None and not done.differs
    assert done.classes_same == done.outputs_equal == done.samples == 6
    assert done.difference is not None and 0 < done.difference < 1e-3
    assert "classes equal, outputs equal, largest difference" in done.text()


def test_differences_are_counted_and_the_first_is_named() -> None:
    reference = np.ones((5, 3), np.float32)
    board = reference.copy()
    board[3, 1], board[4, 0] = 1.5, np.nan
    done = compared(None, None, compare_outputs([board], [reference]))
    assert done is not None and done.differs and done.first == 3
    assert done.outputs_equal == 3 and done.classes_same is None
    assert "2 of 5 outputs differ, first in sample 3" in done.text()
    several = compare_outputs([reference, board], [reference, reference])
    assert several[0].tolist() == [True, True, True, False, False], "of all outputs"
    classes_only = compared(np.array([1, 2, 2]), np.array([1, 1, 2]), None)
    assert classes_only is not None and classes_only.first == 1
    assert classes_only.text().endswith("3 samples: 1 of 3 classes differ, first in sample 1")
    assert compared(None, None, None) is None


def test_the_class_is_the_best_score_or_the_first_named() -> None:
    assert classes(np.array([[1.0, 5.0, 2.0]]), 0).tolist() == [1]
    assert classes(np.array([[4.0, 9.0]]), 2).tolist() == [4], "top-2 names classes, best first"
    assert classes(np.array([[7.0]]), None).tolist() == [7]
    for value in (0.5, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="no whole number"):
            classes(np.array([[value]]), 1)


def test_axes_and_what_was_left_to_the_host() -> None:
    reference = np.random.default_rng(0).normal(size=(2, 3, 5, 4))
    turned = as_software(reference.transpose(0, 2, 3, 1), reference, None)
    assert turned is not None and np.array_equal(turned, reference)
    scores = np.array([[1.0, 2.0]])
    shares = np.exp(scores) / np.exp(scores).sum()
    softmax = as_software(scores, shares, "Softmax")
    assert softmax is not None and np.allclose(softmax, shares)
    logs = as_software(scores, np.log(shares), "LogSoftmax")
    assert logs is not None and np.allclose(logs, np.log(shares))
    assert as_software(scores, np.zeros((1, 3)), None) is None, "another number of values"
