"""`finn-tui explain`: the lab's questions with the numbers of a layer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.cli.common import (
    HandlingChoice,
    Reporter,
    echo,
    open_lab,
    print_json,
    run,
    shared_options,
)

if TYPE_CHECKING:
    from finn_tui.core.learn.lesson import Lesson

#: Columns of the text where standard output is no terminal, and rows of a matrix in it.
_WIDTH, _HEIGHT = 100, 40
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("model")
@click.argument("layer", default="")
@click.option("--question", type=click.IntRange(1, 4), help="One of the lab's four (default: all).")
@click.option("--pe", type=click.IntRange(1), help="PE instead of the folding's.")
@click.option("--simd", type=click.IntRange(1), help="SIMD instead of the folding's.")
@click.option("--position", type=click.IntRange(0), default=0, help="Cycle or output pixel shown.")
@click.option("--folding", help="FINN folding JSON, or ones, published, exp1, a saved one.")
@click.option("--svg", type=_FILE, help="Write the drawing of the question as SVG.")
@click.option("--png", type=_FILE, help="Write the drawing of the question as PNG.")
@click.option("--text", is_flag=True, help="Print the text, with --svg and --png too.")
@shared_options(board=True, clock=True, handling=True)
def explain(
    model: str,
    layer: str,
    question: int | None,
    pe: int | None,
    simd: int | None,
    position: int,
    folding: str | None,
    svg: Path | None,
    png: Path | None,
    text: bool,
    board: str | None,
    clock_ns: float | None,
    handling: HandlingChoice,
    workspace: Path,
    as_json: bool,
) -> None:
    """Explain how a folded layer computes.

    MODEL is a preset, a QONNX file or a model of the workspace; LAYER one of its layers, or a
    number for a matrix layer (0 is the first). MODEL lab needs no model: LAYER is then a matrix
    such as 8x8, or a convolution such as "224x224x3 K3 S1 P1 Co64".
    """
    from finn_tui.core.learn.lesson import FIRST_EXAMPLE, LAB, QUESTIONS, lab_lesson, layer_lesson

    if (svg or png) and question is None:
        raise FinnTuiError(
            "--svg and --png write one drawing",
            "Each of the four questions has its own.",
            "Add --question 1, 2, 3 or 4.",
        )
    lessons: dict[int, Lesson]
    questions = [question] if question is not None else list(QUESTIONS)
    if model == LAB:
        lessons = {
            number: lab_lesson(layer or FIRST_EXAMPLE[number], pe, simd, clock_ns=clock_ns or 10.0)
            for number in questions
        }
    else:

        async def work() -> Lesson:
            async with open_lab(workspace, handling=handling) as lab:
                with Reporter() as reporter:
                    opened = await lab.open(
                        model, board=board, clock_ns=clock_ns, folding=folding, on_progress=reporter
                    )
            return layer_lesson(opened.editor, layer or "0", pe, simd)

        lessons = dict.fromkeys(questions, run(work()))
    if question is not None:
        _write(lessons[question], question, position, svg, png)
    if as_json:
        print_json(lessons[questions[0]].as_json())
    elif text or not (svg or png):
        _print(lessons, position)


def _write(
    lesson: Lesson, question: int, position: int, svg: Path | None, png: Path | None
) -> None:
    """Write the drawing of a question into files.

    Args:
        lesson: the subject.
        question: 1 to 4.
        position: cycle or output pixel.
        svg: file for SVG; None for none.
        png: file for PNG; None for none.
    """
    from finn_tui.lab.report import explanations

    if svg is None and png is None:
        return
    drawing = explanations.drawing_of(lesson, question, position)
    if svg is not None:
        files.replace(svg, drawing.svg())
        echo(f"{svg}", err=True)
    if png is not None:
        with Reporter() as reporter:
            run(explanations.write_png(drawing, png, reporter))
        echo(f"{png}", err=True)


def _print(lessons: dict[int, Lesson], position: int) -> None:
    """Print the explanations.

    Args:
        lessons: by question.
        position: cycle or output pixel.
    """
    from finn_tui.core.learn.lesson import QUESTIONS
    from finn_tui.core.learn.text import plain

    width = shutil.get_terminal_size((_WIDTH, _HEIGHT)).columns
    for number, lesson in lessons.items():
        echo(f"Question {number}: {QUESTIONS[number]}, {lesson.name}\n", bold=True)
        echo(plain(lesson.lines(number, width, _HEIGHT, position)))
        echo()
