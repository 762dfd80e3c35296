"""What the Learn screen and ``explain`` teach: a layer of the open model, or the lab's example."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.core.design import Design, Layer
from finn_tui.core.editor import Editor
from finn_tui.core.learn.circuit import circuit_lines
from finn_tui.core.learn.convolution import Convolution, convolution_of, read_convolution
from finn_tui.core.learn.drawing import Drawing
from finn_tui.core.learn.exercises import Exercise, exercise, exercises
from finn_tui.core.learn.im2col import convolution_lines
from finn_tui.core.learn.matrix import MatrixUnit, lab_matrix, matrix_unit, read_matrix
from finn_tui.core.learn.picture import PICTURE, Network, network_at, picture_lines
from finn_tui.core.learn.schedule import schedule_lines
from finn_tui.core.learn.text import Line, folded, line, paragraph

#: The lab's questions, by number.
QUESTIONS = {
    1: "The circuit: PE and SIMD",
    2: "Which weights meet which inputs in which cycle",
    3: "A convolution as a matrix product (im2col)",
    4: "A picture that is larger than the memory",
}
#: A word for each, for tabs.
TABS = {1: "circuit", 2: "cycles", 3: "im2col", 4: "picture"}
#: The name of the lab's own example where a model is asked for.
LAB = "lab"
#: The lab's own examples: those of questions 1 and 2, of question 3, and of question 4.
EXAMPLES = (
    "8x8 PE 4 SIMD 1",
    "8x8 PE 8 SIMD 8",
    "4x4x2 K3 P1 Co4",
    f"{PICTURE}x{PICTURE}x64 K3 P1 Co64",
)
#: The example that a question begins with.
FIRST_EXAMPLE = {1: EXAMPLES[0], 2: EXAMPLES[0], 3: EXAMPLES[2], 4: EXAMPLES[3]}


@dataclass(frozen=True)
class Lesson:
    """One subject with its numbers.

    Attributes:
        name: of the layer, or what was typed.
        unit: the matrix unit; None for a layer without one.
        conv: the convolution; None for a layer without one.
        picture: the convolution of question 4, with the size that its input has there.
        network: all convolutions at that size; None for an example.
        remark: what must be said of the subject first; may be empty.
        clock_ns: clock period in ns.
        finn_cycles: FINN's cycles of a frame in this folding; None where FINN has none.
        resources: FINN's estimate in this folding by resource; None where FINN has none.
        board, budget: name of the board, and BRAM_18K of its part; None where it is unknown.
    """

    name: str
    unit: MatrixUnit | None
    conv: Convolution | None = None
    picture: Convolution | None = None
    network: Network | None = None
    remark: str = ""
    clock_ns: float | None = None
    finn_cycles: int | None = None
    resources: Mapping[str, float] | None = None
    board: str = ""
    budget: int | None = None

    def lines(self, question: int, width: int, height: int, position: int = 0) -> list[Line]:
        """Return the explanation of a question.

        Args:
            question: 1 to 4.
            width: columns.
            height: lines that are in view at a time.
            position: cycle (question 2) or output pixel (question 3).
        """
        remark = [*paragraph(self.remark, width, "dim"), line()] if self.remark else []
        answer = self._answer(question, width, height - len(remark), position)
        return [*remark, *folded(answer, width)]

    def _answer(self, question: int, width: int, height: int, position: int) -> list[Line]:
        unit, conv, picture = self.unit, self.conv, self.picture
        if question == 1 and unit is not None:
            return circuit_lines(unit, self.resources)
        if question == 2 and unit is not None:
            return schedule_lines(
                unit,
                position,
                width,
                height,
                clock_ns=self.clock_ns,
                finn_cycles=self.finn_cycles,
            )
        if question == 3 and conv is not None:
            return convolution_lines(conv, position, width)
        if question == 4 and picture is not None:
            return picture_lines(picture, self.network, self.board, self.budget, width)
        if self.remark and question < 3:
            return []
        return paragraph(self._missing(question), width)

    def _missing(self, question: int) -> str:
        if question < 3:
            return f"{self.name} has no matrix. Choose an MVAU for its circuit and its cycles."
        return f"{self.name} is no convolution. Choose one, or type one: 32x32x3 K3 P1 Co64."

    def drawing(self, question: int, position: int = 0) -> Drawing | None:
        """Return the picture of a question; None where the subject has none.

        Args:
            question: 1 to 4.
            position: cycle (question 2) or output pixel (question 3).
        """
        # Imported here: the terminal draws text only.
        from finn_tui.core.learn import circuit, im2col_drawing, picture_drawing, schedule_drawing

        if question == 1 and self.unit is not None:
            return circuit.circuit_drawing(self.unit)
        if question == 2 and self.unit is not None:
            return schedule_drawing.schedule_drawing(self.unit, position)
        if question == 3 and self.conv is not None:
            return im2col_drawing.convolution_drawing(self.conv, position)
        if question == 4 and self.picture is not None:
            return picture_drawing.picture_drawing(
                self.picture, self.network, self.board, self.budget
            )
        return None

    def exercise(self, question: int, number: int) -> Exercise | None:
        """Return an exercise with these numbers; None where the subject has none.

        Args:
            question: 1 to 4.
            number: counts on without an end.
        """
        return exercise(exercises(question, self.unit, self.conv, self.picture), number)

    def as_json(self) -> dict[str, Any]:
        """Return the figures, see ``cli/documents``."""
        return {
            "layer": self.name,
            "finn_cycles": self.finn_cycles,
            "matrix": self.unit.as_json() if self.unit is not None else None,
            "convolution": self.conv.as_json() if self.conv is not None else None,
        }

    def positions(self, question: int) -> int:
        """Return how many positions a question can be stepped through, at least 1."""
        if question == 2 and self.unit is not None:
            return self.unit.steps
        return self.conv.pixels if question == 3 and self.conv is not None else 1

    def stride(self, question: int) -> int:
        """Return how many positions a large step takes: a neuron fold, a row of pixels."""
        if question == 2 and self.unit is not None:
            return self.unit.synapse_fold
        return self.conv.output[1] if question == 3 and self.conv is not None else 1


def lab_lesson(
    text: str,
    pe: int | None = None,
    simd: int | None = None,
    *,
    clock_ns: float = 10.0,
    board: str = "Pynq-Z2",
    budget: int | None = 280,
) -> Lesson:
    """Return the lesson of a matrix or convolution that is typed as text.

    Args:
        text: such as "8x8 PE 4 SIMD 1" or "224x224x3 K3 S1 P1 Co64".
        pe: instead of the text's PE.
        simd: instead of the text's SIMD.
        clock_ns: clock period in ns.
        board: name of the board; the lab's if no model is open.
        budget: BRAM_18K of its part.

    Raises:
        FinnTuiError: the text is neither, or PE or SIMD do not divide the matrix.
    """
    conv = read_convolution(text) if re.match(r"\s*\d+\s*[x×]\s*\d+\s*[x×]", text) else None
    if conv is None:
        unit = read_matrix(text)
    else:
        filters, window = conv.filter_matrix
        unit = replace(
            lab_matrix(filters, window, 1, 1),
            name=conv.name,
            vectors=conv.pixels,
            input_dtype=conv.input_dtype,
            weight_dtype=conv.weight_dtype,
            acc_dtype="INT32",
        )
    unit = unit.folded(pe or unit.pe, simd or unit.simd)
    return Lesson(
        unit.name, unit, conv, conv, clock_ns=clock_ns, board=board, budget=budget or None
    )


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
    lesson = _with_convolution(Lesson(layer.name, None, clock_ns=editor.clock_ns), editor, layer)
    if unit is None:
        cost = next(cost for cost in editor.estimate.layers if cost.name == layer.name)
        remark = (
            f"{layer.name} ({layer.kind}) multiplies nothing: it moves or compares data. FINN "
            f"counts {cost.cycles:,} cycles a frame; its streams are {cost.in_width} bit in and "
            f"{cost.out_width} bit out. Choose an MVAU for the questions on PE and SIMD."
        )
        return replace(lesson, remark=remark, finn_cycles=cost.cycles, resources=cost.resources)
    unit = unit.folded(pe or unit.pe, simd or unit.simd)
    values["PE"] = unit.pe
    if "SIMD" in values:
        values["SIMD"] = unit.simd
    table = editor.tables[subject.name]
    row = table.row(values)
    # Cycles follow from the fold alone; a memory may not be possible in the present mode.
    folds = zip(table.folds, table.fold_cycles, strict=True)
    cycles = {tuple(zip(table.knobs, fold, strict=False)): each for fold, each in folds}
    fold = tuple((knob, values[knob]) for knob in table.knobs[: len(table.folds[0])])
    return replace(
        lesson,
        name=subject.name,
        unit=unit,
        remark=remark or lesson.remark,
        finn_cycles=cycles.get(fold),
        resources=table.cost(subject.op, row).resources if row is not None else None,
    )


def _with_convolution(lesson: Lesson, editor: Editor, layer: Layer) -> Lesson:
    """Add the convolution of a layer, and its network for the lab's large picture."""
    design, values = editor.design, editor.folding.values
    conv = convolution_of(design, layer, values)
    network = network_at(design, values, PICTURE, PICTURE)
    picture = None
    if network is not None:
        named = [each for each in network.windows if conv is not None and each.name == conv.name]
        picture = named[0] if named else network.windows[0]
    return replace(
        lesson,
        conv=conv,
        picture=picture,
        network=network,
        board=editor.device.board,
        budget=editor.device.budget.get("BRAM_18K"),
    )


def refolded(lesson: Lesson, editor: Editor | None, pe: int, simd: int) -> Lesson:
    """Return a lesson with another folding.

    Args:
        lesson: of a layer or of an example.
        editor: of the open model; None for an example.
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
