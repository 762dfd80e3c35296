"""Reads what a workspace holds of a course."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.course import notes, pictures
from finn_tui.lab.course.definition import Course
from finn_tui.lab.course.progress import CourseFacts, StepProgress, TrainingFact, progress
from finn_tui.lab.results_table import experiments
from finn_tui.runs.folder import RunFolder, list_runs

if TYPE_CHECKING:
    from finn_tui.lab.workspace import Workspace


def read_facts(workspace: Workspace, course: Course) -> CourseFacts:
    """Read what a workspace holds of a course; what cannot be read counts as not there.

    Args:
        workspace: the folder.
        course: names the files that matter.
    """
    runs = list_runs(workspace.runs_dir)
    rows, _ = experiments(runs)
    folder = notes.folder(workspace)
    return CourseFacts(
        prepared=frozenset(workspace.models()),
        exported=frozenset(_exported(workspace)),
        trainings=tuple(_trainings(runs)),
        experiments=tuple(rows),
        written=frozenset(part.notes for part in course.part if notes.written(folder / part.notes)),
        pictures={part.id: tuple(pictures.names(workspace, part.id)) for part in course.part},
    )


def read_progress(workspace: Workspace, course: Course) -> list[StepProgress]:
    """Return the steps of a course with how they stand in a workspace."""
    return progress(course, read_facts(workspace, course))


def _exported(workspace: Workspace) -> Iterable[str]:
    if not workspace.models_dir.is_dir():
        return ()
    # An export is the .onnx that stands beside the folders of parts.
    return {path.parent.name for path in workspace.models_dir.glob("*/*.onnx")}


def _trainings(runs: Iterable[RunFolder]) -> Iterable[TrainingFact]:
    for run in runs:
        try:
            request = run.request
            if getattr(request, "kind", "build") == "build" or run.state().state != "succeeded":
                continue
        except FinnTuiError:
            continue
        yield TrainingFact(request.model, request.dataset)
