"""How far a course is: a pure function of what the workspace holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from finn_tui.lab.course import pictures
from finn_tui.lab.course.definition import Course, Part, Step
from finn_tui.lab.results.results_table import Experiment


@dataclass(frozen=True)
class TrainingFact:
    """A training that has ended well.

    Attributes:
        model: what was trained.
        dataset: on what.
        percent: accuracy in software on the test images; None where that is not known.
        images: how many those are.
    """

    model: str
    dataset: str | None = None
    percent: float | None = None
    images: int | None = None

    def text(self) -> str:
        """What it has reached, in a few words."""
        if self.percent is None:
            return self.dataset or ""
        count = f", {self.images:,} images" if self.images else ""
        return f"{self.percent:.2f} % on {self.dataset or 'an unnamed data set'}{count}"


@dataclass(frozen=True)
class CourseFacts:
    """What the workspace holds of a course.

    Attributes:
        prepared: names of models that are dataflow graphs.
        exported: names of models that were exported from a training.
        trainings: trainings that have ended well, newest first.
        experiments: the runs.
        written: names of notes in which nothing is to be done any more.
        begun: names of notes that are there, with something still to be written.
        pictures: names of pictures by part.
    """

    prepared: frozenset[str] = frozenset()
    exported: frozenset[str] = frozenset()
    trainings: tuple[TrainingFact, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    written: frozenset[str] = frozenset()
    begun: frozenset[str] = frozenset()
    pictures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class StepProgress:
    """A step and how it stands.

    Attributes:
        part, number: where it stands; steps are counted from 1 in their part.
        step: what is to be done.
        done: whether it is.
        simulated: whether only stand-ins did it.
        detail: what there is, in a few words.
        edit: file of notes that is there and is to be written in; empty for other steps.
    """

    part: Part
    number: int
    step: Step
    done: bool
    simulated: bool = False
    detail: str = ""
    edit: str = ""

    @property
    def command(self) -> str:
        """What does the step on the command line, as things stand."""
        return f"edit {self.edit}" if self.edit else self.step.command

    @property
    def place(self) -> str:
        """The step as people name it."""
        return f"{self.part.label}, step {self.number}"

    def as_json(self) -> dict[str, Any]:
        """The step as ``lab status --json`` gives it."""
        return {
            "part": self.part.id,
            "number": self.number,
            "title": self.step.title,
            "done": self.done,
            "simulated": self.simulated,
            "detail": self.detail,
            "command": self.command,
        }


def progress(course: Course, facts: CourseFacts) -> list[StepProgress]:
    """Return all steps of a course with how they stand.

    Args:
        course: its definition.
        facts: what the workspace holds.
    """
    return [
        _step(part, number, step, facts)
        for part in course.part
        for number, step in enumerate(part.step, 1)
    ]


def next_step(steps: list[StepProgress]) -> StepProgress | None:
    """Return the first step that is not done; None if all are."""
    return next((step for step in steps if not step.done), None)


def _step(part: Part, number: int, step: Step, facts: CourseFacts) -> StepProgress:
    def answer(done: bool, detail: str = "", simulated: bool = False) -> StepProgress:
        return StepProgress(part, number, step, done, simulated and done, detail)

    model = part.model or ""
    match step.done:
        case "prepared":
            return answer(model in facts.prepared)
        case "exported":
            return answer(model in facts.exported)
        case "trained":
            trainings = [training for training in facts.trainings if training.model == model]
            return answer(bool(trainings), trainings[0].text() if trainings else "")
        case "written":
            # Questions keep their command: it makes the drawings that are asked for.
            begun = part.model is not None and part.notes in facts.begun
            edit = f"report/{part.notes}" if begun else ""
            return replace(answer(part.notes in facts.written), edit=edit)
        case "pictures":
            names = facts.pictures.get(part.id, ())
            count = sum(pictures.shows(name, part.id, step.picture) for name in names)
            return answer(count >= step.count, f"{count} pictures" if count else "")
    rows = [row for row in facts.experiments if row.model == model and _counts(row, step)]
    foldings = {row.folding for row in rows}
    wanted = 1 if step.folding is not None else step.count
    # Hardware wins: what was done on it is not marked for a rehearsal of the same.
    real = [row for row in rows if not _simulated(row, step)]
    simulated = len({row.folding for row in real}) < wanted
    detail = _detail(step, rows if simulated else real, len(foldings))
    return answer(len(foldings) >= wanted, detail, simulated)


def _counts(row: Experiment, step: Step) -> bool:
    """Whether a run has what a step asks for."""
    if step.folding is not None and row.folding != step.folding:
        return False
    if row.state != "succeeded":
        return False
    if step.done == "measured":
        return row.fps is not None
    if step.done == "validated":
        return row.accuracy is not None and row.accuracy >= (step.percent or 0.0)
    return True


def _simulated(row: Experiment, step: Step) -> bool:
    return row.simulated if step.done == "built" else row.any_simulated


def _detail(step: Step, rows: list[Experiment], count: int) -> str:
    if not rows:
        return ""
    if step.done == "validated":
        # A rehearsal's figure must not stand, unmarked, for the hardware's.
        hardware = [row for row in rows if not _simulated(row, step)]
        best = max(hardware or rows, key=lambda row: row.accuracy or 0.0)
        return f"{best.accuracy:.2f} % on {best.dataset or 'an unnamed test set'}"
    if step.count > 1:
        return f"{count} of {step.count} foldings" if count < step.count else f"{count} foldings"
    return f"run {rows[0].run[-4:]}"
