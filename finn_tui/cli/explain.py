"""`finn-tui explain`: the lab's questions with the numbers of a layer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

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

#: Columns of the text where standard output is no terminal.
_WIDTH = 100
#: Rows of the matrix that the text has room for.
_HEIGHT = 40


@click.command()
@click.argument("model")
@click.argument("layer", default="")
@click.option(
    "--question", type=click.IntRange(2, 2), help="Number of the question (default: all)."
)
@click.option("--pe", type=click.IntRange(1), help="PE instead of the folding's.")
@click.option("--simd", type=click.IntRange(1), help="SIMD instead of the folding's.")
@click.option("--position", type=click.IntRange(0), default=0, help="Cycle or output pixel shown.")
@click.option("--folding", help="FINN folding JSON, or ones, published, exp1, a saved one.")
@shared_options(board=True, clock=True, handling=True)
def explain(
    model: str,
    layer: str,
    question: int | None,
    pe: int | None,
    simd: int | None,
    position: int,
    folding: str | None,
    board: str | None,
    clock_ns: float | None,
    handling: HandlingChoice,
    workspace: Path,
    as_json: bool,
) -> None:
    """Explain how a folded layer computes.

    MODEL is a preset, a QONNX file or a model of the workspace; LAYER one of its layers, or a
    number for a matrix layer (0 is the first). `explain lab 8x8 --pe 4 --simd 1` needs no model.
    """
    from finn_tui.core.learn.lesson import LAB, QUESTIONS, lab_lesson, layer_lesson

    if model == LAB:
        lesson = lab_lesson(layer or "8x8 PE 4 SIMD 1", pe, simd, clock_ns or 10.0)
    else:

        async def work() -> Lesson:
            async with open_lab(workspace, handling=handling) as lab:
                with Reporter() as reporter:
                    opened = await lab.open(
                        model, board=board, clock_ns=clock_ns, folding=folding, on_progress=reporter
                    )
            return layer_lesson(opened.editor, layer or "0", pe, simd)

        lesson = run(work())
    questions = [question] if question is not None else list(QUESTIONS)
    if as_json:
        print_json(lesson.as_json())
        return
    width = shutil.get_terminal_size((_WIDTH, _HEIGHT)).columns
    for number in questions:
        echo(f"Question {number}: {QUESTIONS[number]}   {lesson.name}\n", bold=True)
        echo(_text(lesson, number, width, position))
        echo()


def _text(lesson: Lesson, question: int, width: int, position: int) -> str:
    from finn_tui.core.learn.text import plain

    return plain(lesson.lines(question, width, _HEIGHT, position))
