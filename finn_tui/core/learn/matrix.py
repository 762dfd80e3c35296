"""A matrix-vector unit: the matrix that it holds, its folding, and what it does in each cycle.

Everything here follows from how FINN's MVAU and VVAU work, not from FINN's estimators: PE rows and
SIMD columns are computed in a cycle, the synapse fold (along a row) runs faster than the neuron
fold (from rows to rows). Tests compare the cycles with FINN's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.core.design import Layer, Value
from finn_tui.core.estimate.memory import bits_of

#: Binary data types: one bit of weight and input meet in an XNOR instead of a multiplier.
_BINARY = ("BINARY", "BIPOLAR")
#: The largest matrix that can be typed: one that still has a meaning on an FPGA.
_LARGEST = 1 << 20


@dataclass(frozen=True)
class MatrixUnit:
    """A matrix-vector product ``y = W x`` in hardware, and how it is folded.

    Attributes:
        name: of the layer.
        kind: "MVAU" (every row meets every input), "VVAU" (each channel has inputs of its own) or
            "Thresholding" (no product: each channel is compared with its thresholds).
        rows: of W, the outputs (FINN's MH); for a VVAU the channels.
        columns: of W, the inputs of one row (FINN's MW); for a VVAU the kernel's positions.
        vectors: input vectors of one frame: pixels of a feature map, 1 for a dense layer.
        pe: rows that are computed at the same time.
        simd: columns that are computed at the same time.
        input_dtype, weight_dtype, acc_dtype, output_dtype: FINN data types.
        thresholds: that each output is compared with; 0 for an output without activation.
        tiling: FINN's TH: cycles that one step takes in a tiled layer, usually 1.
    """

    name: str
    kind: str
    rows: int
    columns: int
    vectors: int
    pe: int
    simd: int
    input_dtype: str
    weight_dtype: str
    acc_dtype: str
    output_dtype: str
    thresholds: int
    tiling: int = 1

    @property
    def neuron_fold(self) -> int:
        """NF: groups of PE rows, one after the other."""
        return self.rows // self.pe

    @property
    def synapse_fold(self) -> int:
        """SF: groups of SIMD columns, one after the other."""
        return self.columns // self.simd

    @property
    def cycles_per_vector(self) -> int:
        """Cycles of one matrix-vector product."""
        return self.neuron_fold * self.synapse_fold * self.tiling

    @property
    def cycles(self) -> int:
        """Cycles of one frame."""
        return self.cycles_per_vector * self.vectors

    @property
    def steps(self) -> int:
        """Steps of one matrix-vector product; a step is one cycle where nothing is tiled."""
        return self.neuron_fold * self.synapse_fold

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one matrix-vector product."""
        return self.rows * self.columns

    @property
    def xnor(self) -> bool:
        """Whether the lanes are XNOR gates and the adder tree a popcount."""
        return (
            self.kind != "Thresholding"
            and self.weight_dtype in _BINARY
            and self.input_dtype in _BINARY
        )

    @property
    def weight_bits(self) -> int:
        """Bits of one weight."""
        return bits_of(self.weight_dtype)

    @property
    def input_bits(self) -> int:
        """Bits of one input."""
        return bits_of(self.input_dtype)

    @property
    def memory_width(self) -> int:
        """Bits that all PEs read from the weight memory in a cycle."""
        return self.pe * self.simd * self.weight_bits

    @property
    def memory_depth(self) -> int:
        """Words of the weight memory, one for each step."""
        return self.steps

    @property
    def input_width(self) -> int:
        """Bits of the input stream."""
        lanes = self.simd * self.pe if self.kind == "VVAU" else self.simd
        return (self.pe if self.kind == "Thresholding" else lanes) * self.input_bits

    @property
    def output_width(self) -> int:
        """Bits of the output stream."""
        return self.pe * bits_of(self.output_dtype)

    def step(self, number: int) -> Step:
        """Return what happens in a step of the first vector; numbers wrap around.

        Args:
            number: 0 is the first step.
        """
        number %= self.steps
        neuron, synapse = divmod(number, self.synapse_fold)
        return Step(
            number=number,
            neuron_fold=neuron,
            synapse_fold=synapse,
            first_row=neuron * self.pe,
            first_column=synapse * self.simd,
            reads_stream=neuron == 0 or self.kind != "MVAU",
            first=synapse == 0,
            last=synapse == self.synapse_fold - 1,
        )

    def step_of(self, row: int, column: int) -> int:
        """Return the step in which the weight at a row and column is used.

        Args:
            row: of W.
            column: of W.
        """
        return row // self.pe * self.synapse_fold + column // self.simd

    def as_json(self) -> dict[str, Any]:
        """Return the figures, see ``cli/documents.py``."""
        return {
            "kind": self.kind,
            "rows": self.rows,
            "columns": self.columns,
            "vectors": self.vectors,
            "pe": self.pe,
            "simd": self.simd,
            "neuron_fold": self.neuron_fold,
            "synapse_fold": self.synapse_fold,
            "cycles_per_vector": self.cycles_per_vector,
            "cycles": self.cycles,
            "weight_memory_width": self.memory_width,
            "weight_memory_depth": self.memory_depth,
            "input_width": self.input_width,
            "output_width": self.output_width,
            "thresholds": self.thresholds,
        }

    def folded(self, pe: int, simd: int) -> MatrixUnit:
        """Return the same unit with another folding.

        Args:
            pe: a divisor of the rows.
            simd: a divisor of the columns.

        Raises:
            FinnTuiError: one of them is no divisor.
        """
        for name, value, whole, what in (
            ("PE", pe, self.rows, "rows (outputs)"),
            ("SIMD", simd, self.columns, "columns (inputs)"),
        ):
            if value < 1 or whole % value:
                raise FinnTuiError(
                    f"{name} {value} does not divide the {whole} {what} of {self.name}",
                    "FINN folds a matrix only into equal parts.",
                    f"Choose one of {', '.join(str(each) for each in divisors(whole))}.",
                    kind=ErrorKind.INPUT,
                )
        return MatrixUnit(**{**self.__dict__, "pe": pe, "simd": simd})


@dataclass(frozen=True)
class Step:
    """One step of a matrix-vector product.

    Attributes:
        number: of the step, from 0; the address in the weight memory, too.
        neuron_fold, synapse_fold: which part of the rows and of the columns.
        first_row: of the PE rows; PE p computes row ``first_row + p``.
        first_column: of the SIMD columns; lane s takes column ``first_column + s``.
        reads_stream: the inputs come from the stream; otherwise from the input buffer, where the
            first neuron fold has left them.
        first: the accumulators start at zero.
        last: the sums are complete, go through the thresholds and leave.
    """

    number: int
    neuron_fold: int
    synapse_fold: int
    first_row: int
    first_column: int
    reads_stream: bool
    first: bool
    last: bool


def divisors(number: int) -> list[int]:
    """Return all divisors of a number, ascending."""
    small = [value for value in range(1, int(number**0.5) + 1) if number % value == 0]
    large = [number // value for value in reversed(small) if value * value != number]
    return small + large


def next_divisor(number: int, value: int, step: int) -> int:
    """Return the divisor of a number that comes after or before another, or that one at the end.

    Args:
        number: to divide.
        value: the present divisor.
        step: 1 for the next larger, -1 for the next smaller.
    """
    values = divisors(number)
    at = values.index(value) + step
    return values[at] if 0 <= at < len(values) else value


def lab_matrix(rows: int = 8, columns: int = 8, pe: int = 4, simd: int = 1) -> MatrixUnit:
    """Return the lab's example of questions 1 and 2: 8x8 binary weights, 8 input vectors.

    Args:
        rows: of the matrix.
        columns: of the matrix; as many vectors make it a product of two matrices.
        pe: rows at the same time.
        simd: columns at the same time.
    """
    return MatrixUnit(
        name=f"lab {rows}x{columns}",
        kind="MVAU",
        rows=rows,
        columns=columns,
        vectors=columns,
        pe=1,
        simd=1,
        input_dtype="BINARY",
        weight_dtype="BINARY",
        acc_dtype=f"UINT{columns.bit_length()}",
        output_dtype="BINARY",
        thresholds=1,
    ).folded(pe, simd)


def read_matrix(text: str) -> MatrixUnit:
    """Return the unit of a text such as "8x8 PE 4 SIMD 1"; without PE and SIMD these are 1.

    Raises:
        FinnTuiError: it is no such text, or the folding does not divide the matrix.
    """
    match = re.fullmatch(
        r"\s*(\d+)\s*[x×]\s*(\d+)(?:\s+PE\s*=?\s*(\d+))?(?:\s+SIMD\s*=?\s*(\d+))?\s*",
        text,
        re.IGNORECASE,
    )
    rows, columns = (int(match[1]), int(match[2])) if match else (0, 0)
    if match is None or not 1 <= rows <= _LARGEST or not 1 <= columns <= _LARGEST:
        raise FinnTuiError(
            f"{text} is not a folded matrix",
            "A matrix has rows (outputs) and columns (inputs), 1 to 1,048,576 each.",
            "Type it as 8x8 PE 4 SIMD 1.",
            kind=ErrorKind.INPUT,
        )
    return lab_matrix(rows, columns, int(match[3] or 1), int(match[4] or 1))


def matrix_unit(layer: Layer, values: Mapping[str, Value]) -> MatrixUnit | None:
    """Return the matrix unit that a layer is; None for a layer without rows and columns.

    Args:
        layer: of a design.
        values: its knobs.
    """
    attrs = layer.attrs
    kind = layer.kind.removeprefix("Streaming")
    if kind == "MVAU" or "MW" in attrs:
        kind, rows, columns = "MVAU", int(attrs["MH"]), int(attrs["MW"])
        vectors = prod(int(size) for size in attrs.get("numInputVectors", [1]))
    elif kind == "VVAU":
        rows = int(attrs["Channels"])
        columns = prod(int(size) for size in attrs["Kernel"])
        vectors = prod(int(size) for size in attrs["Dim"])
    elif kind == "Thresholding":
        rows, columns = int(attrs["NumChannels"]), 1
        vectors = prod(int(size) for size in attrs.get("numInputVectors", [1]))
    else:
        return None
    activated = not attrs.get("noActivation", 0)
    steps = attrs.get("numSteps")
    thresholds = int(steps) if steps else (1 << bits_of(layer.out_dtype)) - 1
    return MatrixUnit(
        name=layer.name,
        kind=kind,
        rows=rows,
        columns=columns,
        vectors=vectors,
        pe=1,
        simd=1,
        input_dtype=layer.in_dtype,
        weight_dtype=str(attrs.get("weightDataType") or layer.weight_dtype),
        acc_dtype=str(attrs.get("accDataType") or layer.in_dtype),
        output_dtype=layer.out_dtype,
        thresholds=thresholds if activated else 0,
        tiling=int(attrs.get("TH", 1) or 1),
    ).folded(int(values.get("PE", 1)), int(values.get("SIMD", 1)) if columns > 1 else 1)
