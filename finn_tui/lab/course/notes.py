"""The student's notes: Markdown files in the workspace's folder ``report``, and their templates."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.course.definition import Course, Part

if TYPE_CHECKING:
    from finn_tui.lab.workspace import Workspace

#: Bytes beyond which a file is no notes.
MOST_BYTES = 400_000
#: What templates have where something is to be written.
_TODO = re.compile(r"\bTODO\b")

_GENERAL = """\
# {title}

TODO: what this part is about and what came out, in two or three sentences.

[[facts]]

## Results

[[table]]

[[plots]]

## Observations

TODO: what you observed, and why it is so.

[[pictures]]
"""

_TRANSFORMATIONS = """\
# {title}

TODO: what this part is about and what came out, in two or three sentences.

[[facts]]

## Transformations

TODO: for each stage of the flow, what it changes in the graph and why FINN needs it
(`finn-tui graph {model}` and the Flow screen show the nodes before and after).

## Results

[[table]]

[[pictures]]
"""

_EXPERIMENTS = """\
# {title}

[[facts]]

## Experiment 1: PE = SIMD = 1 in the second layer

TODO: what changed against the published folding, and why.

## Experiment 2: the best performance

TODO: how you chose the foldings, and what limits them.

## Results

[[table]]

[[plots]]

## Analysis

TODO: why the measured throughput differs from the estimate, and which layer decides.

[[pictures]]
"""

_QUESTIONS = """\
# {title}

The drawings of the Learn screen can be put in here. A command writes one, with your own numbers:

    finn-tui explain lab 8x8 --pe 4 --simd 1 --question 1 --svg report/question1.svg

and a line such as `![circuit with PE 4, SIMD 1](question1.svg)` shows it; remove these lines.

## Question 1: circuits of two foldings

TODO: the circuit with PE 4 and SIMD 1, and the one with PE 8 and SIMD 8.

## Question 2: latency of an 8x8 matrix product

TODO: the cycles of both foldings, and which weights meet which inputs in which cycle.

## Question 3: a convolution as a matrix product

TODO: the shapes of the filter matrix and of the image matrix.

## Question 4: a picture of 224x224

TODO: why it does not fit as a whole, and what hardware does about it.
"""


def folder(workspace: Workspace) -> Path:
    """Return where the notes are."""
    return workspace.root / "report"


def template(part: Part) -> str:
    """Return the template of a part's notes."""
    if part.model is None:
        text = _QUESTIONS
    elif any(step.picture == "flow" for step in part.step):
        text = _TRANSFORMATIONS
    elif any(step.count > 1 for step in part.step):
        text = _EXPERIMENTS
    else:
        text = _GENERAL
    return text.format(title=part.heading, model=part.model)


def init(workspace: Workspace, course: Course) -> list[Path]:
    """Write the templates that are not there yet.

    Args:
        workspace: whose notes they are.
        course: names the parts.

    Returns:
        The files that were written.

    Raises:
        FinnTuiError: the disk does not take them.
    """
    paths = []
    for part in course.part:
        path = folder(workspace) / part.notes
        if not path.exists():
            files.replace(path, template(part))
            paths.append(path)
    return paths


def read(path: Path) -> str | None:
    """Return a file of notes; None if there is none.

    Raises:
        FinnTuiError: it is too large, no plain file, or not UTF-8.
    """
    try:
        if not path.is_file():
            return None
        # A workspace may come from somebody else: a link must not put other files into a report.
        if not path.resolve().is_relative_to(path.parent.resolve()):
            raise _unreadable(path, "It is a link to a file in another folder.")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    if len(content) > MOST_BYTES:
        raise _unreadable(path, f"It has more than {MOST_BYTES:,} bytes.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _unreadable(path, f"Line {line} has bytes that are not UTF-8.") from error


def _unreadable(path: Path, why: str) -> FinnTuiError:
    return FinnTuiError(
        f"{path} cannot be read as notes", why, "Save it as a text file in UTF-8.", kind="input"
    )


def written(path: Path) -> bool:
    """Return whether notes are there in which nothing is to be done any more."""
    try:
        text = read(path)
    except FinnTuiError:
        return False
    return bool(text and text.strip()) and not _TODO.search(text or "")


def open_places(text: str) -> int:
    """Return how many places of a text are still to be written."""
    return len(_TODO.findall(text))
