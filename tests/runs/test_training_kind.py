"""A training among builds: `last` for a board is the newest build, and no training."""

from __future__ import annotations

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.results.results_table import experiments
from finn_tui.runs.documents import RunKind
from finn_tui.runs.folder import find_run, list_runs
from tests.runs import trainings
from tests.runs.conftest import MakeRun


def test_each_kind_has_a_last_run_of_its_own(make_run: MakeRun) -> None:
    build = make_run(state="succeeded")
    runs = build.path.parent
    training = trainings.write(runs)
    assert find_run(runs, "last") == training
    assert find_run(runs, "last", RunKind.BUILD) == build
    assert list_runs(runs, RunKind.TRAIN) == [training]
    with pytest.raises(FinnTuiError, match="is a training, not a build"):
        find_run(runs, training.id, RunKind.BUILD)
    assert [row.run for row in experiments(list_runs(runs))[0]] == [build.id]
    assert training.request.subject == "training on mnist-10k"
