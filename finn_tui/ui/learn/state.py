"""What the Learn screen shows: a question, a subject, and where it is stepped to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from finn_tui.core.editor import Editor
from finn_tui.core.learn.exercises import Verdict, check
from finn_tui.core.learn.lesson import (
    EXAMPLES,
    FIRST_EXAMPLE,
    QUESTIONS,
    Lesson,
    lab_lesson,
    layer_lesson,
    refolded,
)
from finn_tui.core.learn.matrix import next_divisor

#: Identifies a subject in the list: the lab's folding by its number, or a layer by its name.
Subject = tuple[str, str]


@dataclass
class LearnState:
    """The state of the Learn screen.

    Attributes:
        question: 1 to 4.
        subject: ("lab", text) or ("layer", name).
        typed: the lab's matrix as the user typed it, below the lab's own two foldings.
        foldings: PE and SIMD that the user tried here, by subject; the Tune screen's stay.
        position: cycle (question 2) or output pixel (question 3).
        exercise: number of the exercise.
        verdict: on the answer to it; None before one is typed.
    """

    question: int = 2
    subject: Subject = ("lab", "8x8 PE 4 SIMD 1")
    typed: str = ""
    foldings: dict[Subject, tuple[int, int]] = field(default_factory=dict)
    position: int = 0
    exercise: int = 0
    verdict: Verdict | None = None
    #: The last lesson and what it was made of: a key asks for it several times.
    _known: tuple[object, Lesson] | None = None

    def subjects(self, editor: Editor | None) -> list[Subject]:
        """Return the lab's examples, what was typed, and the layers of the open model.

        Args:
            editor: of the open model; None if none is open.
        """
        examples = [*EXAMPLES, *([self.typed] if self.typed else [])]
        layers = editor.design.layers if editor is not None else ()
        return [("lab", text) for text in examples] + [("layer", layer.name) for layer in layers]

    def lesson(self, editor: Editor | None) -> Lesson:
        """Return the lesson of the chosen subject.

        Args:
            editor: of the open model; None if none is open.
        """
        if self.subject not in self.subjects(editor):
            self.choose(self.subjects(editor)[0])
        folding = self.foldings.get(self.subject)
        # The clock is no edit: it has no revision.
        tune = (id(editor), editor.revision, editor.clock_ns) if editor is not None else None
        key = (self.subject, folding, tune)
        if self._known is None or self._known[0] != key:
            self._known = (key, self._lesson(editor))
        return self._known[1]

    def _lesson(self, editor: Editor | None) -> Lesson:
        kind, name = self.subject
        clock_ns = editor.clock_ns if editor is not None else 10.0
        if kind == "layer" and editor is not None:
            lesson = layer_lesson(editor, name)
        else:
            lesson = lab_lesson(name, clock_ns=clock_ns)
            if editor is not None:
                device = editor.device
                budget = device.budget.get("BRAM_18K")
                lesson = replace(lesson, board=device.board, budget=budget)
            editor = None
        folding = self.foldings.get(self.subject)
        return refolded(lesson, editor, *folding) if folding is not None else lesson

    def choose(self, subject: Subject) -> None:
        """Show another subject from its first position."""
        if subject != self.subject:
            self.subject, self.position = subject, 0
            self.exercise, self.verdict = 0, None

    def turn(self, step: int) -> None:
        """Show the next (1) or previous (-1) question."""
        numbers = list(QUESTIONS)
        self.question = numbers[(numbers.index(self.question) + step) % len(numbers)]
        self.position, self.exercise, self.verdict = 0, 0, None
        kind, name = self.subject
        if kind == "lab" and name != self.typed:
            self.subject = ("lab", FIRST_EXAMPLE[self.question])

    def move(self, editor: Editor | None, step: int, *, large: bool = False) -> None:
        """Go to another cycle or output pixel; wraps around.

        Args:
            editor: of the open model.
            step: 1 or -1.
            large: by a whole neuron fold or row of pixels.
        """
        lesson = self.lesson(editor)
        step *= lesson.stride(self.question) if large else 1
        self.position = (self.position + step) % lesson.positions(self.question)

    def fold(self, editor: Editor | None, knob: str, step: int) -> None:
        """Try the next larger or smaller PE or SIMD; Tune's folding stays.

        Args:
            editor: of the open model.
            knob: "PE" or "SIMD".
            step: 1 or -1.
        """
        unit = self.lesson(editor).unit
        if unit is None:
            return
        pe, simd = unit.pe, unit.simd
        if knob == "PE":
            pe = next_divisor(unit.rows, pe, step)
        else:
            simd = next_divisor(unit.columns, simd, step)
        self.foldings[self.subject] = (pe, simd)
        self.position, self.verdict = 0, None

    def reset(self) -> None:
        """Return to the folding of Tune or of the lab."""
        self.foldings.pop(self.subject, None)
        self.position, self.verdict = 0, None

    def answer(self, editor: Editor | None, text: str) -> None:
        """Check the answer to the exercise.

        Args:
            editor: of the open model.
            text: as typed.
        """
        exercise = self.lesson(editor).exercise(self.question, self.exercise)
        self.verdict = check(exercise, text) if exercise is not None else None

    def another(self) -> None:
        """Ask another exercise."""
        self.exercise, self.verdict = self.exercise + 1, None
