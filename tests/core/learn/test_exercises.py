"""Exercises: answers are what the lessons compute, and typed answers are read leniently."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finn_tui.core.learn.convolution import Convolution
from finn_tui.core.learn.exercises import Exercise, check, exercise, exercises, read_answer
from finn_tui.core.learn.lesson import EXAMPLES, lab_lesson
from finn_tui.core.learn.matrix import MatrixUnit
from tests.core.learn.test_convolution import convolutions
from tests.core.learn.test_matrix import units


def prompts(question: int, text: str, count: int = 4) -> dict[str, tuple[int, ...]]:
    """The first exercises of a subject with their answers."""
    lesson = lab_lesson(text)
    asked = [lesson.exercise(question, number) for number in range(count)]
    return {each.prompt: each.answer for each in asked if each is not None}


def test_the_lab_s_questions_are_asked_first() -> None:
    assert prompts(2, EXAMPLES[0])[
        "How many cycles does one product of the 8x8 matrix with a vector take?"
    ] == (16,)
    assert prompts(2, EXAMPLES[1])["How many cycles do 8 vectors take?"] == (8,)
    assert prompts(1, EXAMPLES[1])["How many XNOR gates work at the same time?"] == (64,)
    assert prompts(3, EXAMPLES[2])["What shape does the image matrix have?"] == (18, 16)
    large = prompts(4, EXAMPLES[3])
    assert (2 * 226 + 3,) in large.values()


@given(units(), st.integers(0, 200))
def test_answers_about_cycles_are_those_of_the_schedule(unit: MatrixUnit, number: int) -> None:
    asked = exercise(exercises(2, unit, None, None), number)
    assert asked is not None
    words = asked.prompt.rstrip("?").split()
    if asked.prompt.startswith("Which row does PE"):
        step = unit.step(int(words[-1]))
        assert asked.answer == (step.first_row + int(words[4]),)
    elif asked.prompt.startswith("In which cycle"):
        row, column = int(words[8]), int(words[11])
        step = unit.step(asked.answer[0])
        assert 0 <= row - step.first_row < unit.pe
        assert 0 <= column - step.first_column < unit.simd
    else:
        assert asked.answer in ((unit.cycles_per_vector,), (unit.cycles,))


@given(convolutions(), st.integers(0, 100), st.sampled_from([3, 4]))
def test_every_exercise_of_a_convolution_is_solved_by_its_answer(
    conv: Convolution, number: int, question: int
) -> None:
    asked = exercise(exercises(question, None, conv, conv), number)
    assert asked is not None
    assert check(asked, asked.answer_text).right
    wrong = " x ".join(str(value + 1) for value in asked.answer)
    verdict = check(asked, wrong)
    assert not verdict.right
    assert asked.why in verdict.text


@pytest.mark.parametrize("text", ["1024", "1,024", "1_024", " 1024 ", "1'024", "1024 cycles"])
def test_a_number_is_read_however_it_is_written(text: str) -> None:
    assert read_answer(text, Exercise("?", (1024,), "")) == (1024,)


@pytest.mark.parametrize("text", ["64x576", "64 x 576", "64 × 576", "64, 576", "64 576"])
def test_a_shape_is_read_however_it_is_written(text: str) -> None:
    assert read_answer(text, Exercise("?", (64, 576), "")) == (64, 576)


@pytest.mark.parametrize(
    "text", ["", "x", "-3", "1.5x", "64x576x3", "64x", "\x1b[31m", "9" * 5 + "x"]
)
def test_something_else_is_no_answer(text: str) -> None:
    asked = Exercise("?", (64, 576), "")
    assert read_answer(text, asked) is None
    assert not check(asked, text).right


def test_the_same_number_asks_the_same() -> None:
    lesson = lab_lesson(EXAMPLES[0])
    assert lesson.exercise(2, 7) == lesson.exercise(2, 7)
    assert lesson.exercise(3, 0) is None
