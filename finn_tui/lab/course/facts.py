"""Reads what a workspace holds of a course."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.course import notes, pictures
from finn_tui.lab.course.definition import Course
from finn_tui.lab.course.progress import CourseFacts, StepProgress, TrainingFact, progress
from finn_tui.lab.results.results_table import experiments
from finn_tui.runs.documents import RunStatus
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
    models = {part.model for part in course.part if part.model is not None}
    written = {part.notes for part in course.part if notes.written(folder / part.notes)}
    there = {part.notes for part in course.part if (folder / part.notes).is_file()}
    return CourseFacts(
        prepared=frozenset(workspace.models()),
        exported=frozenset(model for model in models if exported_path(workspace, model)),
        trainings=tuple(trainings(runs)),
        experiments=tuple(rows),
        written=frozenset(written),
        begun=frozenset(there - written),
        pictures={part.id: tuple(pictures.names(workspace, part.id)) for part in course.part},
    )


def read_progress(workspace: Workspace, course: Course) -> list[StepProgress]:
    """Return the steps of a course with how they stand in a workspace."""
    return progress(course, read_facts(workspace, course))


def exported_path(workspace: Workspace, model: str) -> Path | None:
    """Return the file that `finn-tui export` has written of a model; None if there is none."""
    paths = (folder / f"{model}.onnx" for folder in (workspace.root, notes.folder(workspace)))
    return next((path for path in paths if path.is_file() and not path.is_symlink()), None)


def trainings(runs: Iterable[RunFolder]) -> Iterable[TrainingFact]:
    """Yield the trainings among runs that have ended well."""
    for run in runs:
        try:
            request = run.request
            if request.training is None or run.state().state is not RunStatus.SUCCEEDED:
                continue
            result = run.results().get("training") or {}
        except FinnTuiError:
            continue
        dataset = result.get("dataset") or request.training.dataset_name or request.dataset
        yield TrainingFact(request.model, dataset, result.get("percent"), result.get("images"))
