"""Exercises with the numbers of a lesson: a question, the check of an answer, an explanation."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from finn_tui.core.learn.convolution import Convolution
from finn_tui.core.learn.matrix import MatrixUnit
from finn_tui.core.learn.picture import TILES, bram_18k, halo, line_buffer, tiling
from finn_tui.core.learn.text import plural, ranged


@dataclass(frozen=True)
class Exercise:
    """A question with one right answer.

    Attributes:
        prompt: the question.
        answer: one number, or those of a shape such as (64, 576).
        why: how one comes to the answer.
    """

    prompt: str
    answer: tuple[int, ...]
    why: str

    @property
    def form(self) -> str:
        """What an answer looks like."""
        return "a number" if len(self.answer) == 1 else "rows x columns, such as 8x16"

    @property
    def answer_text(self) -> str:
        """The right answer."""
        return " x ".join(f"{number:,}" for number in self.answer)


@dataclass(frozen=True)
class Verdict:
    """What a typed answer is worth, and the explanation."""

    right: bool
    text: str


def read_answer(text: str, exercise: Exercise) -> tuple[int, ...] | None:
    """Return the numbers of a typed answer; None if it has another form.

    Args:
        text: as typed: "1,024", "64 x 576", "16 cycles".
        exercise: the question.
    """
    plain = re.sub(r"(?<=\d)[,_'](?=\d{3}(?!\d))", "", text.strip().lower())
    if not re.fullmatch(r"\d+(?:\s*[x×,;\s]\s*\d+)*\s*[a-z/µ_0-9 .]*", plain):
        return None
    body = re.match(r"\d+(?:\s*[x×,;\s]\s*\d+)*", plain)
    numbers = tuple(int(number) for number in re.findall(r"\d+", body[0])) if body else ()
    return numbers if len(numbers) == len(exercise.answer) else None


def check(exercise: Exercise, text: str) -> Verdict:
    """Check a typed answer.

    Args:
        exercise: the question.
        text: the answer.
    """
    numbers = read_answer(text, exercise)
    if numbers is None:
        return Verdict(False, f"{text} is not {exercise.form}")
    if numbers == exercise.answer:
        return Verdict(True, f"{exercise.answer_text} is right: {exercise.why}")
    given = " x ".join(f"{number:,}" for number in numbers)
    return Verdict(False, f"not {given} but {exercise.answer_text}: {exercise.why}")


Make = Callable[[Random], Exercise]


def exercises(
    question: int,
    unit: MatrixUnit | None,
    conv: Convolution | None,
    picture: Convolution | None,
) -> list[Make]:
    """Return what makes the exercises of a question, those with the lab's own numbers first.

    Args:
        question: 1 to 4.
        unit: the matrix unit.
        conv: the convolution.
        picture: the convolution with the size of the picture of question 4.
    """
    if question == 1 and unit is not None:
        return _circuit(unit)
    if question == 2 and unit is not None:
        return _cycles(unit)
    if question == 3 and conv is not None:
        return _im2col(conv)
    if question == 4 and picture is not None:
        return _picture(picture)
    return []


def _circuit(unit: MatrixUnit) -> list[Make]:
    what = "XNOR gates" if unit.xnor else "multipliers"
    lanes = unit.pe * unit.simd

    def products(_: Random) -> Exercise:
        return Exercise(
            f"How many {what} work at the same time?",
            (lanes,),
            f"{plural(unit.pe, 'PE')} x {plural(unit.simd, 'SIMD lane')}.",
        )

    def width(_: Random) -> Exercise:
        return Exercise(
            "How many bits wide is the weight memory of all PEs together?",
            (unit.memory_width,),
            f"PE x SIMD x weight bits = {unit.pe} x {unit.simd} x {unit.weight_bits}.",
        )

    def depth(_: Random) -> Exercise:
        return Exercise(
            "How many words does the weight memory have?",
            (unit.memory_depth,),
            f"one for each cycle of a vector: {unit.rows} x {unit.columns} weights / "
            f"({unit.pe} x {unit.simd}).",
        )

    def thresholds(_: Random) -> Exercise:
        return Exercise(
            "How many comparators for thresholds are there?",
            (unit.pe * unit.thresholds,),
            f"each PE compares its sum with {unit.thresholds} thresholds: "
            f"{unit.pe} x {unit.thresholds}.",
        )

    if unit.kind == "Thresholding":
        return [thresholds]
    return [products, width, depth, *([thresholds] if unit.thresholds else [])]


def _cycles(unit: MatrixUnit) -> list[Make]:
    def latency(_: Random) -> Exercise:
        return Exercise(
            f"How many cycles does one product of the {unit.rows}x{unit.columns} matrix with a "
            "vector take?",
            (unit.cycles_per_vector,),
            f"NF x SF = {unit.rows}/{unit.pe} x {unit.columns}/{unit.simd} = "
            f"{unit.neuron_fold} x {unit.synapse_fold}.",
        )

    def frame(_: Random) -> Exercise:
        return Exercise(
            f"How many cycles do {unit.vectors:,} vectors take?",
            (unit.cycles,),
            f"{unit.cycles_per_vector:,} cycles a vector x {unit.vectors:,} vectors.",
        )

    def row(random: Random) -> Exercise:
        pe, number = random.randrange(unit.pe), random.randrange(unit.steps)
        step = unit.step(number)
        return Exercise(
            f"Which row does PE {pe} compute in cycle {number}?",
            (step.first_row + pe,),
            f"cycle {number} is in neuron fold {number} div SF {unit.synapse_fold} = "
            f"{step.neuron_fold}; its rows are {ranged(step.first_row, unit.pe)}.",
        )

    def cycle(random: Random) -> Exercise:
        row, column = random.randrange(unit.rows), random.randrange(unit.columns)
        neuron, synapse = row // unit.pe, column // unit.simd
        return Exercise(
            f"In which cycle is the weight of row {row} and column {column} used?",
            (unit.step_of(row, column),),
            f"neuron fold {row} div {unit.pe} = {neuron}, synapse fold {column} div {unit.simd} = "
            f"{synapse}: {neuron} x SF {unit.synapse_fold} + {synapse}.",
        )

    return [latency, frame, row, cycle]


def _im2col(conv: Convolution) -> list[Make]:
    kernel = f"{conv.kernel[0]} x {conv.kernel[1]}"

    def filters(_: Random) -> Exercise:
        return Exercise(
            "What shape does the filter matrix have?",
            conv.filter_matrix,
            f"a row for each of the {conv.filters} filters, a column for each of its {kernel}"
            f"{'' if conv.depthwise else f' x {conv.channels}'} weights.",
        )

    def image(_: Random) -> Exercise:
        return Exercise(
            "What shape does the image matrix have?",
            conv.image_matrix,
            f"a column for each of the {conv.output[0]} x {conv.output[1]} output pixels, a row "
            f"for each of the {kernel} x {conv.channels} values of a window.",
        )

    def row(random: Random) -> Exercise:
        order = conv.order()
        at = random.randrange(len(order))
        ky, kx, channel = order[at]
        why = (
            f"({ky} x {conv.kernel[1]} + {kx}) x {conv.channels} + {channel}: channels are fastest."
        )
        if conv.depthwise:
            why = (
                f"groups of {conv.simd} channels come one after the other, each with all {kernel}."
            )
        return Exercise(
            f"In which row of the image matrix is channel {channel} of kernel row {ky}, kernel "
            f"column {kx}?",
            (at,),
            why,
        )

    def output(_: Random) -> Exercise:
        return Exercise(
            "What height and width does the output have?",
            conv.output,
            f"({conv.padded[0]} - {conv.extent[0]}) / {conv.stride[0]} + 1, the padded input less "
            "the kernel, divided by the stride.",
        )

    return [*([] if conv.pooling else [filters]), image, row, output]


def _picture(conv: Convolution) -> list[Make]:
    buffer = line_buffer(conv)

    def pixels(_: Random) -> Exercise:
        return Exercise(
            f"How many pixels must a window generator hold at least for {conv.height}x{conv.width} "
            f"and a kernel of {conv.kernel[0]}x{conv.kernel[1]}?",
            (buffer.pixels,),
            f"(K - 1) rows of {conv.padded[1]} and K more pixels: ({conv.extent[0]} - 1) x "
            f"{conv.padded[1]} + {conv.extent[1]}.",
        )

    def bits(_: Random) -> Exercise:
        return Exercise(
            f"How many bits are {buffer.pixels:,} pixels of {conv.channels} channels of "
            f"{conv.input_bits} bit?",
            (buffer.total,),
            f"{buffer.pixels:,} x {conv.channels} x {conv.input_bits}.",
        )

    def tile(random: Random) -> Exercise:
        sides = [side for side in TILES if side < max(conv.output)] or [1]
        side = random.choice(sides)
        tiles = tiling(conv, side)
        return Exercise(
            f"How many pixels wide is the input of a tile of {side}x{side} results?",
            (tiles.input_side,),
            f"({side} - 1) x stride {conv.stride[0]} + K {conv.extent[0]}; neighbours share a halo "
            f"of {halo(conv)[0]}.",
        )

    def brams(_: Random) -> Exercise:
        words = buffer.pixels * -(-buffer.bits // max(1, buffer.simd_bits))
        return Exercise(
            f"How many BRAM_18K hold {words:,} words of {buffer.simd_bits} bit at least?",
            (bram_18k(words, buffer.simd_bits),),
            "of the shapes 16384x1, 8192x2, 4096x4, 2048x9, 1024x18 and 512x36 the one that takes "
            "the fewest blocks.",
        )

    return [pixels, bits, tile, brams]


def exercise(makers: Sequence[Make], number: int) -> Exercise | None:
    """Return an exercise by its number; the same number gives the same one.

    Args:
        makers: of the question.
        number: counts on without an end; every round has other numbers.
    """
    return makers[number % len(makers)](Random(number)) if makers else None
