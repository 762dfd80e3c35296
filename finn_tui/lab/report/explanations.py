"""Explanations as files for the report: drawings as SVG and PNG, and text."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from finn_tui.base import files
from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.core.learn.drawing import Drawing
from finn_tui.core.learn.lesson import QUESTIONS, Lesson
from finn_tui.core.learn.text import plain
from finn_tui.lab.report import typesetter
from finn_tui.lab.workspace import Workspace

#: Columns of a text for the report, and rows of a matrix in it.
TEXT_WIDTH, TEXT_HEIGHT = 96, 60
#: Pixels per inch of a PNG: two for each pixel of the drawing, whose points are Typst's.
_PPI = 144.0
_PAGE = '#set page(width: auto, height: auto, margin: 0pt)\n#image("drawing.svg")\n'


def text_of(lesson: Lesson, question: int, position: int = 0) -> str:
    """Return the explanation of a question as text.

    Args:
        lesson: the subject.
        question: 1 to 4.
        position: cycle or output pixel.
    """
    title = f"Question {question}: {QUESTIONS[question]}, {lesson.name}"
    lines = plain(lesson.lines(question, TEXT_WIDTH, TEXT_HEIGHT, position))
    return f"{title}\n\n{lines}\n"


def drawing_of(lesson: Lesson, question: int, position: int = 0) -> Drawing:
    """Return the drawing of a question.

    Args:
        lesson: the subject.
        question: 1 to 4.
        position: cycle or output pixel.

    Raises:
        FinnTuiError: the subject has none.
    """
    drawing = lesson.drawing(question, position)
    if drawing is None:
        raise FinnTuiError(
            f"{lesson.name} has no drawing for question {question}",
            f"The question is: {QUESTIONS[question]}.",
            "Choose an MVAU; one with a convolution for question 3.",
            kind=ErrorKind.INPUT,
        )
    return drawing


def file_name(lesson: Lesson, question: int) -> str:
    """Return a telling name without an ending: "question1-lab-8x8-pe4-simd1"."""
    name = re.sub(r"[^A-Za-z0-9._]+", "-", lesson.name).strip("-")
    folding = ""
    if lesson.unit is not None and question < 3:
        folding = f"-pe{lesson.unit.pe}-simd{lesson.unit.simd}"
    return f"question{question}-{name}{folding}"


def export(workspace: Workspace, lesson: Lesson, question: int, position: int = 0) -> list[Path]:
    """Write drawing and text of a question into the workspace's report folder.

    Args:
        workspace: the workspace.
        lesson: the subject.
        question: 1 to 4.
        position: cycle or output pixel.

    Returns:
        the files.

    Raises:
        FinnTuiError: the subject has no drawing, or the disk does not take the files.
    """
    drawing = drawing_of(lesson, question, position)
    stem = workspace.root / "report" / file_name(lesson, question)
    svg, text = stem.with_name(f"{stem.name}.svg"), stem.with_name(f"{stem.name}.txt")
    files.replace(svg, drawing.svg())
    files.replace(text, text_of(lesson, question, position))
    return [svg, text]


async def write_png(drawing: Drawing, path: Path, on_progress: OnProgress = ignore) -> None:
    """Write a drawing as PNG; what renders it is the typesetter of reports.

    Args:
        drawing: the picture.
        path: of the file.
        on_progress: gets what is going on.

    Raises:
        FinnTuiError: the typesetter is not there, or cannot draw it.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "drawing.svg").write_text(drawing.svg(), encoding="utf-8")
        (folder / "page.typ").write_text(_PAGE, encoding="utf-8")
        task = typesetter.Task("page.typ", "drawing.png", _PPI)
        typeset = await typesetter.run(folder, [task], on_progress=on_progress)
        if typeset.errors:
            raise FinnTuiError(
                "the drawing could not be rendered as PNG",
                "; ".join(typeset.errors.values()),
                "Write it as SVG (--svg) and convert it with a browser or Inkscape.",
                kind=ErrorKind.TOOLS,
            )
        files.replace(path, (folder / "drawing.png").read_bytes())
