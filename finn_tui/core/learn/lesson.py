"""What the Learn screen and ``explain`` teach: a layer of the open model, or the lab's example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.core.design import Design, Layer
from finn_tui.core.editor import Editor
from finn_tui.core.learn.matrix import MatrixUnit, lab_matrix, matrix_unit, read_matrix
from finn_tui.core.learn.schedule import schedule_lines
from finn_tui.core.learn.text import Line, line, paragraph

#: The lab's questions, by number.
QUESTIONS = {
    2: "Which weights meet which inputs in which cycle",
}
#: A word for each, for tabs.
TABS = {2: "cycles"}
#: The name of the lab's own example where a model is asked for.
LAB = "lab"
#: The lab's foldings of questions 1 and 2.
LAB_FOLDINGS = ((4, 1), (8, 8))


@dataclass(frozen=True)
class Lesson:
    """One subject with its numbers.

    Attributes:
        name: of the layer, or what was typed.
        unit: the matrix unit; None for a layer without one.
        remark: what must be said of the subject first; may be empty.
        clock_ns: clock period in ns.
        finn_cycles: FINN's cycles of a frame in this folding; None where FINN has none.
    """

    name: str
    unit: MatrixUnit | None
    remark: str = ""
    clock_ns: float | None = None
    finn_cycles: int | None = None

    def lines(self, question: int, width: int, height: int, position: int = 0) -> list[Line]:
        """Return the explanation of a question.

        Args:
            question: 1 to 4.
            width: columns.
            height: lines that are in view at a time.
            position: cycle (question 2) or output pixel (question 3).
        """
        remark = [*paragraph(self.remark, width, "dim"), line()] if self.remark else []
        if self.unit is None:
            return remark
        return [
            *remark,
            *schedule_lines(
                self.unit,
                position,
                width,
                height - len(remark),
                clock_ns=self.clock_ns,
                finn_cycles=self.finn_cycles,
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the figures, see ``cli/documents.py``."""
        return {
            "layer": self.name,
            "finn_cycles": self.finn_cycles,
            "matrix": self.unit.as_json() if self.unit is not None else None,
        }

    def positions(self, question: int) -> int:
        """Return how many positions a question can be stepped through, at least 1."""
        return self.unit.steps if question == 2 and self.unit is not None else 1

    def stride(self, question: int) -> int:
        """Return how many positions a large step takes: a neuron fold, a row of pixels."""
        return self.unit.synapse_fold if question == 2 and self.unit is not None else 1


def lab_lesson(
    text: str = "8x8", pe: int | None = None, simd: int | None = None, clock_ns: float = 10.0
) -> Lesson:
    """Return the lesson of a matrix that is typed as text.

    Args:
        text: such as "8x8" or "8x8 PE 4 SIMD 1".
        pe: instead of the text's PE.
        simd: instead of the text's SIMD.
        clock_ns: clock period in ns.

    Raises:
        FinnTuiError: the text is no matrix, or PE or SIMD do not divide it.
    """
    unit = read_matrix(text)
    unit = unit.folded(pe or unit.pe, simd or unit.simd)
    return Lesson(unit.name, unit, clock_ns=clock_ns)


def lab_lessons() -> list[Lesson]:
    """Return the lab's examples of questions 1 and 2."""
    return [
        Lesson("lab 8x8", lab_matrix(8, 8, pe, simd), clock_ns=10.0) for pe, simd in LAB_FOLDINGS
    ]


def layer_lesson(
    editor: Editor, name: str, pe: int | None = None, simd: int | None = None
) -> Lesson:
    """Return the lesson of a layer in the present folding, or with another PE and SIMD.

    Args:
        editor: of the open model.
        name: of the layer.
        pe: instead of the folding's PE.
        simd: instead of the folding's SIMD.

    Raises:
        FinnTuiError: there is no such layer, or PE or SIMD do not divide its matrix.
    """
    design = editor.design
    layer = find_layer(design, name)
    subject, remark = _subject(design, layer)
    values = dict(editor.folding.values[subject.name])
    unit = matrix_unit(subject, values)
    if unit is None:
        cost = next(cost for cost in editor.estimate.layers if cost.name == layer.name)
        remark = (
            f"{layer.name} ({layer.kind}) has no weights: it moves or compares data. FINN counts "
            f"{cost.cycles:,} cycles a frame, {cost.in_width} bits in and {cost.out_width} bits "
            "out each time. Choose an MVAU for the questions on PE and SIMD."
        )
        return Lesson(layer.name, None, remark, editor.clock_ns, cost.cycles)
    unit = unit.folded(pe or unit.pe, simd or unit.simd)
    values["PE"] = unit.pe
    if "SIMD" in values:
        values["SIMD"] = unit.simd
    table = editor.tables[subject.name]
    row = table.row(values)
    cycles = table.cycles_of(row) if row is not None else None
    return Lesson(subject.name, unit, remark, editor.clock_ns, cycles)


def refolded(lesson: Lesson, editor: Editor | None, pe: int, simd: int) -> Lesson:
    """Return a lesson with another folding.

    Args:
        lesson: of a layer or of the lab.
        editor: of the open model; None for the lab's.
        pe: a divisor of the rows.
        simd: a divisor of the columns.
    """
    if lesson.unit is None:
        return lesson
    if editor is None:
        return replace(lesson, unit=lesson.unit.folded(pe, simd))
    return layer_lesson(editor, lesson.name, pe, simd)


def find_layer(design: Design, name: str) -> Layer:
    """Return the layer of a name, or of a number among the matrix layers ("0" is the first MVAU).

    Args:
        design: the layers.
        name: as the user gave it.

    Raises:
        FinnTuiError: there is none.
    """
    matrices = [layer for layer in design.layers if layer.kind in ("MVAU", "VVAU")]
    by_name = {layer.name.lower(): layer for layer in design.layers}
    layer = by_name.get(name.lower())
    if layer is None and name.isdecimal() and int(name) < len(matrices):
        layer = matrices[int(name)]
    if layer is None:
        raise FinnTuiError(
            f"{design.model} has no layer {name}",
            f"Layers: {', '.join(layer.name for layer in design.layers)}.",
            f"Give a layer's name, or 0 to {max(0, len(matrices) - 1)} for a matrix layer.",
            kind=ErrorKind.INPUT,
        )
    return layer


def _subject(design: Design, layer: Layer) -> tuple[Layer, str]:
    """The layer with the matrix that a layer works for, and why that one is explained."""
    at, path = layer, [layer.name]
    while at.kind in ("ConvolutionInputGenerator", "FMPadding"):
        following = _consumers(design, at)
        if len(following) != 1:
            return layer, ""
        at = following[0]
        path.append(at.name)
    if at is layer or matrix_unit(at, {}) is None:
        return layer, ""
    return at, f"{layer.name} feeds {at.name}, which does the product: {' -> '.join(path)}."


def _consumers(design: Design, layer: Layer) -> Sequence[Layer]:
    names = {stream.consumer for stream in design.streams if stream.producer == layer.name}
    return [each for each in design.layers if each.name in names]
