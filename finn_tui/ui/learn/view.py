"""The list of subjects, and lines of a lesson as the screen draws them."""

from __future__ import annotations

from collections.abc import Iterable

from finn_tui.core.editor import Editor
from finn_tui.core.learn.text import Line
from finn_tui.ui.learn.state import LearnState, Subject
from finn_tui.ui.toolkit.listing import Cell, Column, Content, Row
from finn_tui.ui.toolkit.styled_line import StyledLine, wrap


def subjects_content(state: LearnState, editor: Editor | None) -> Content:
    """Return the list of subjects with their foldings.

    Args:
        state: of the screen.
        editor: of the open model; None if none is open.
    """
    rows = [
        Row(subject, _cells(state, editor, subject), subject[0])
        for subject in state.subjects(editor)
    ]
    return Content([Column("layer"), Column("PE x SIMD", 9, True)], rows)


def _cells(state: LearnState, editor: Editor | None, subject: Subject) -> list[Cell]:
    kind, name = subject
    tried = state.foldings.get(subject)
    if kind == "lab" or editor is None:
        size, *rest = name.split(" ", 1)
        title = f"lab {size}"
        # A folding, or kernel and filters of a convolution.
        folding_text = (rest[0] if rest else "1 x 1").removeprefix("PE ").replace(" SIMD ", " x ")
    else:
        values = editor.folding.values[name]
        folding_text = " x ".join(str(values[knob]) for knob in ("PE", "SIMD") if knob in values)
        title = name
    if tried is not None:
        return [(title, ""), (f"*{tried[0]} x {tried[1]}", "accent")]
    return [(title, ""), (folding_text, "dim")]


def exercise_lines(state: LearnState, editor: Editor | None, width: int) -> list[StyledLine]:
    """Return the exercise of a lesson, with the answer and its explanation once there is one.

    Args:
        state: of the screen.
        editor: of the open model; None if none is open.
        width: columns.
    """
    exercise = state.lesson(editor).exercise(state.question, state.exercise)
    if exercise is None:
        return []
    lines = wrap(f"Exercise: {exercise.prompt}", width - 1, "accent")
    if state.verdict is not None:
        right = state.verdict.right
        text = f"{'✓' if right else '✗'} {state.verdict.text}"
        lines += wrap(text, width - 1, "good" if right else "bad")
    return [StyledLine().add(" ").append(each) for each in lines]


def styled(lines: Iterable[Line]) -> list[StyledLine]:
    """Return lines of core as lines of the screen."""
    result = []
    for spans in lines:
        styled_line = StyledLine().add(" ")
        for text, role in spans:
            styled_line.add(text, role)
        result.append(styled_line)
    return result
