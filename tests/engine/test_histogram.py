"""The histogram of a constant tensor, without FINN."""

from __future__ import annotations

import numpy as np
import pytest

from finn_tui.engine.server.graphs import histogram


def test_few_different_values_are_counted_each() -> None:
    assert histogram(np.array([[1, -1], [1, 1]])) == {
        "count": 4,
        "min": -1.0,
        "max": 1.0,
        "bins": [[-1.0, -1.0, 1], [1.0, 1.0, 3]],
    }


def test_many_values_are_put_into_ranges() -> None:
    values = histogram(np.arange(1000.0))
    assert len(values["bins"]) == 12
    assert sum(count for _, _, count in values["bins"]) == 1000
    assert values["bins"][0][0] == 0.0 and values["bins"][-1][1] == 999.0


def test_a_value_behind_the_sample_is_not_lost() -> None:
    array = np.zeros(10_000)
    array[9_000] = 5.0
    values = histogram(array)
    assert sum(count for _, _, count in values["bins"]) == 10_000
    assert values["max"] == 5.0


@pytest.mark.parametrize("array", [np.array([]), np.array([np.nan, np.inf]), np.array(["a"])])
def test_nothing_to_count(array: np.ndarray) -> None:
    values = histogram(array)
    assert values["bins"] == [] and values["min"] is None
