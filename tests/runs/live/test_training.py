"""A training put together from its events: epochs, curves, what is to come."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finn_tui.engine.server.runs import runfiles
from finn_tui.runs.live.training import TrainingWatcher
from tests.runs import trainings


def test_a_training_is_told_by_epochs_curve_best_and_time_left(tmp_path: Path) -> None:
    run = trainings.write(tmp_path, state="running", done=2)
    snapshot = TrainingWatcher(run).look()
    assert [(one.number, one.accuracy, one.seconds) for one in snapshot.done] == [
        (1, 71.0, 10.0),
        (2, 72.0, 10.0),
    ]
    assert [point.at for point in snapshot.points] == [0.5, 1.0, 1.5, 2.0]
    assert snapshot.best == snapshot.done[1]
    assert snapshot.share == 0.5
    # Two epochs of ten seconds are left.
    assert snapshot.eta_s == pytest.approx(20.0)


def test_what_is_done_again_after_a_checkpoint_is_drawn_once(tmp_path: Path) -> None:
    run = trainings.write(tmp_path, state="running", done=3)
    again = {
        "t": 2000.0,
        "event": "training",
        "epochs": 4,
        "first": 2,
        "images": 8000,
        "done": 4000,
    }
    with (run.path / runfiles.EVENTS).open("a") as file:
        file.write(json.dumps(again) + "\n")
    snapshot = TrainingWatcher(run).look()
    assert [one.number for one in snapshot.done] == [1]
    assert [point.at for point in snapshot.points] == [0.5, 1.0, 1.5]


def test_events_that_are_not_whole_are_left_out(tmp_path: Path) -> None:
    run = trainings.write(tmp_path, state="running", done=1)
    with (run.path / runfiles.EVENTS).open("a") as file:
        file.write('{"t": 1, "event": "epoch", "epoch": 2}\n')
        file.write('{"t": 1, "event": "batch", "epoch": "two", "images": 3}\n{"t": 1, "ev')
    assert [one.number for one in TrainingWatcher(run).look().done] == [1]
