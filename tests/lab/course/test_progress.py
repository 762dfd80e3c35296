"""The steps of the course are done when their results are on disk."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from finn_tui.lab.course import definition, notes, pictures
from finn_tui.lab.course.definition import Course, Part, Step
from finn_tui.lab.course.facts import read_progress
from finn_tui.lab.course.progress import CourseFacts, TrainingFact, next_step, progress
from finn_tui.lab.results.results_table import Experiment, experiment
from finn_tui.lab.workspace import Workspace
from finn_tui.ui.actions.table import BY_ID
from tests.ui.conftest import make_run


def course_of(**step: object) -> Course:
    made = Step("a step", command="finn-tui x", **step)  # type: ignore[arg-type]
    return Course("c", "C", (Part("Part1", "first", "part1.md", "tfc-w1a1", "mnist", (made,)),))


@pytest.fixture
def row(tmp_path: Path) -> Experiment:
    workspace = Workspace.open(tmp_path / "workspace")
    return experiment(make_run(workspace, measured=True))


def done(course: Course, facts: CourseFacts) -> tuple[bool, bool]:
    (step,) = progress(course, facts)
    return step.done, step.simulated


def test_the_shipped_course_has_keys_that_exist_and_notes() -> None:
    course = definition.load()
    assert [part.id for part in course.part] == ["Part1", "Part2", "Part3", "Question"]
    for part in course.part:
        assert "TODO" in notes.template(part)
        for step in part.step:
            assert step.key is None or step.key in BY_ID, step.key
            assert step.command.startswith("finn-tui ")


def test_files_make_a_step_done() -> None:
    assert done(course_of(done="prepared"), CourseFacts()) == (False, False)
    assert done(course_of(done="prepared"), CourseFacts(prepared=frozenset({"tfc-w1a1"})))[0]
    assert done(course_of(done="exported"), CourseFacts(exported=frozenset({"tfc-w1a1"})))[0]
    assert done(course_of(done="written"), CourseFacts(written=frozenset({"part1.md"})))[0]
    (step,) = progress(course_of(done="written"), CourseFacts(begun=frozenset({"part1.md"})))
    assert (step.done, step.command) == (False, "edit report/part1.md")
    (step,) = progress(course_of(done="written"), CourseFacts())
    assert step.command == "finn-tui x"
    trained = CourseFacts(trainings=(TrainingFact("cnv-w1a1"),))
    assert not done(course_of(done="trained"), trained)[0]
    trained = CourseFacts(trainings=(TrainingFact("tfc-w1a1", "mnist"),))
    assert done(course_of(done="trained"), trained)[0]
    flow = course_of(done="pictures", picture="flow")
    assert not done(flow, CourseFacts(pictures={"Part1": ("board.svg",)}))[0]
    for name in ("flow-1.svg", pictures.title("Part1", "flow-01-export") + ".svg"):
        assert done(flow, CourseFacts(pictures={"Part1": (name,)}))[0]
    board = pictures.title("Part1", "board-flow") + ".svg"
    assert not done(flow, CourseFacts(pictures={"Part1": (board,)}))[0]


def test_runs_make_a_step_done_and_rehearsals_are_marked(row: Experiment) -> None:
    facts = CourseFacts(experiments=(row,))
    assert done(course_of(done="built"), facts) == (True, True)
    assert not done(course_of(done="built", folding="exp1"), facts)[0]
    assert not done(course_of(done="measured", count=2), facts)[0]
    other = dataclasses.replace(row, run="other", folding="exp1")
    assert done(course_of(done="measured", count=2), CourseFacts(experiments=(row, other)))[0]
    # The same folding twice is one experiment.
    twice = CourseFacts(experiments=(row, dataclasses.replace(row, run="again")))
    assert not done(course_of(done="measured", count=2), twice)[0]
    assert done(course_of(done="validated", percent=93.0), facts)[0]
    assert not done(course_of(done="validated", percent=94.0), facts)[0]
    real = dataclasses.replace(row, simulated=False, measured_simulated=False)
    assert done(course_of(done="measured"), CourseFacts(experiments=(row, real))) == (True, False)
    weaker = dataclasses.replace(real, accuracy=91.0)
    (step,) = progress(course_of(done="validated"), CourseFacts(experiments=(row, weaker)))
    assert not step.simulated and step.detail == "91.00 % on mnist", "not the rehearsal's figure"
    failed = dataclasses.replace(row, state="failed")
    assert not done(course_of(done="built"), CourseFacts(experiments=(failed,)))[0]


def test_the_next_step_is_the_first_that_is_open(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "workspace")
    course = definition.load()
    steps = read_progress(workspace, course)
    assert not any(step.done for step in steps)
    first = next_step(steps)
    assert first is not None and first.place == "Part 1, step 1"
    notes.init(workspace, course)
    assert not any(step.done for step in read_progress(workspace, course))
    (workspace.root / "report" / "part1.md").write_text("All written.")
    assert [step.place for step in read_progress(workspace, course) if step.done] == [
        "Part 1, step 6"
    ]
