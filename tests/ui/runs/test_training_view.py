"""A training on the Runs screen: epochs and curves in place of a build's steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finn_tui.lab.workspace import Workspace
from finn_tui.runs.live.training import TrainingWatcher
from finn_tui.ui.actions import availability
from finn_tui.ui.runs import training_view
from finn_tui.ui.state import RunView
from finn_tui.ui.toolkit.line_view import LineView
from finn_tui.ui.toolkit.listing import Listing
from tests.runs import trainings
from tests.ui.conftest import MakeApp, opened, screen_text, until


def view_of(tmp_path: Path, **made: Any) -> tuple[RunView, Any]:
    """A training and its snapshot."""
    run = trainings.write(tmp_path, **made)
    return RunView(run, run.request, run.state()), TrainingWatcher(run).look()


@pytest.mark.parametrize(("width", "height"), [(120, 40), (44, 12), (30, 3)])
def test_the_lines_of_a_training_stay_inside_their_room(
    tmp_path: Path, width: int, height: int
) -> None:
    run, snapshot = view_of(tmp_path, state="running", done=3)
    ended, last = view_of(tmp_path / "other")
    for lines in (
        training_view.live_lines(run, snapshot, {}, width, height),
        training_view.live_lines(ended, last, trainings.result(), width, height),
    ):
        assert 0 < len(lines) <= height
        assert max(line.width for line in lines) <= width


def test_a_running_training_shows_rate_best_and_time_left(tmp_path: Path) -> None:
    run, snapshot = view_of(tmp_path, state="running", done=2)
    text = "\n".join(line.text for line in training_view.live_lines(run, snapshot, {}, 120, 30))
    for part in ("epoch 2 of 4", "50%", "20 s left", "best 72.00 %", "800 images/s", "mnist-10k"):
        assert part in text
    assert "loss" in text and "accuracy %" in text  # both curves


def test_an_ended_training_shows_classes_and_confusions_lowest_first(tmp_path: Path) -> None:
    run, snapshot = view_of(tmp_path)
    lines = training_view.live_lines(run, snapshot, trainings.result(), 120, 40)
    text = "\n".join(line.text for line in lines)
    assert "74.00 % of 2,000 test images of mnist-10k, in software" in text
    assert "4 as 9  21" in text
    classes = [line.text.split()[0] for line in lines[-10:]]
    assert classes == [str(digit) for digit in range(10)]


def test_odd_results_of_a_foreign_run_are_no_crash(tmp_path: Path) -> None:
    run, snapshot = view_of(tmp_path)
    odd = {
        "percent": 1,
        "images": None,
        "per_class": [
            {"class": 0, "name": "\x1b[2J", "percent": 50.0},
            {"class": [], "name": "a list", "percent": 1.0},
            {"name": "no number", "percent": 2.0},
            3,
        ],
        "confusions": [{"label": [], "predicted": None, "count": "x"}, "y"],
    }
    lines = training_view.live_lines(run, snapshot, odd, 120, 40)
    assert not any("\x1b" in line.text for line in lines)


async def test_a_training_is_shown_by_epochs_and_is_nothing_to_deploy(
    make_app: MakeApp, workspace: Workspace
) -> None:
    trainings.write(workspace.runs_dir)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("3")
        await until(pilot, lambda: "74.00 % of 2,000 test images" in screen_text(app))
        steps = app.screen.query_one("#steps", Listing)
        assert steps.title == "Epochs"
        assert [row.key for row in steps.content.rows] == [1, 2, 3, 4]
        about = app.screen.query_one("#about", LineView).shown
        assert "training on mnist-10k" in about and "MHz" not in about
        assert app.state.newest_built() is None
        assert availability.cannot_go(app.state) is not None
        assert availability.cannot_train(app.state) is None
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "Train cnv-w1a1" in screen_text(app))
        await until(pilot, lambda: "epochs of batches of" in screen_text(app))
