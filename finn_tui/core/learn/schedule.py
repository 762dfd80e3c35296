"""Question 2 as text: which weights meet which inputs in which cycle, and how long it takes."""

from __future__ import annotations

from dataclasses import dataclass

from finn_tui.core.estimate.memory import bits_of
from finn_tui.core.learn.matrix import MatrixUnit, Step
from finn_tui.core.learn.text import Line, line, paragraph, plural, ranged

#: PEs whose work is written out; the others do the same on the rows between.
_PES_SHOWN = 8
#: Rows of the table that are shown in any case; a screen scrolls.
_ROWS_SHOWN = 8


@dataclass(frozen=True)
class Grid:
    """The matrix as a table of cells, and the part of it that is shown.

    Attributes:
        cell_rows, cell_columns: of the matrix in one cell: 1 and 1, or PE and SIMD.
        rows, columns: the cells that are shown, as ranges.
        all_rows, all_columns: how many cells there are.
    """

    cell_rows: int
    cell_columns: int
    rows: range
    columns: range
    all_rows: int
    all_columns: int

    @property
    def elements(self) -> bool:
        """Whether each cell is one weight."""
        return self.cell_rows == self.cell_columns == 1


def _window(count: int, room: int, at: int) -> range:
    """The part of ``count`` cells that has room around one of them."""
    room = max(1, room)
    if count <= room:
        return range(count)
    first = min(max(0, at - room // 2), count - room)
    return range(first, first + room)


def grid(unit: MatrixUnit, step: Step, columns: int, rows: int) -> Grid:
    """Return which cells of a matrix to show: its weights if they have room, else its tiles.

    Args:
        unit: the matrix and its folding.
        step: stays in view.
        columns: cells that have room beside each other.
        rows: cells that have room below each other.
    """
    whole = unit.rows <= rows and unit.columns <= columns
    height, width = (1, 1) if whole else (unit.pe, unit.simd)
    all_rows, all_columns = unit.rows // height, unit.columns // width
    return Grid(
        height,
        width,
        _window(all_rows, rows, step.first_row // height),
        _window(all_columns, columns, step.first_column // width),
        all_rows,
        all_columns,
    )


def cell_width(unit: MatrixUnit) -> int:
    """Return columns of text that a cell with a step's number in brackets takes."""
    return len(str(unit.steps - 1)) + 2


def schedule_lines(
    unit: MatrixUnit,
    number: int,
    width: int,
    height: int,
    *,
    clock_ns: float | None = None,
    finn_cycles: int | None = None,
) -> list[Line]:
    """Return the matrix with the present step, what every PE does in it, and the latency.

    Args:
        unit: the matrix and its folding.
        number: of the step.
        width: columns.
        height: lines that the whole may take; the table of the matrix gets what is left over.
        clock_ns: clock period in ns, for the latency in time.
        finn_cycles: FINN's cycles for one frame, where there are any.
    """
    step = unit.step(number)
    work = _work(unit, step, width)
    latency = latency_lines(unit, width, clock_ns, finn_cycles)
    room = height - len(work) - len(latency) - 4
    return [
        *_title(unit, width),
        *matrix_lines(unit, step, width, max(_ROWS_SHOWN, room)),
        *work,
        line(),
        *latency,
    ]


def _title(unit: MatrixUnit, width: int) -> list[Line]:
    if unit.kind == "Thresholding":
        return [
            line(
                (f"{unit.rows} channels", "strong"),
                (f" {unit.input_dtype}, {plural(unit.thresholds, 'threshold')} each", "dim"),
                ("   PE ", "dim"),
                (str(unit.pe), "strong"),
            )
        ]
    what = "channels x kernel" if unit.kind == "VVAU" else "rows x columns"
    folding = [("   PE ", "dim"), (str(unit.pe), "strong")]
    folding += [("  SIMD ", "dim"), (str(unit.simd), "strong")]
    return [
        line(
            (f"{unit.rows}x{unit.columns}", "strong"),
            (f" {unit.weight_dtype} weights ({what})" if width >= 64 else " weights", "dim"),
            *folding,
        )
    ]


def matrix_lines(unit: MatrixUnit, step: Step, width: int, rows: int) -> list[Line]:
    """Return the matrix as a table of the step in which each part of it is used.

    Args:
        unit: the matrix and its folding.
        step: the present one, in brackets.
        width: columns.
        rows: cells that have room below each other.
    """
    cell = cell_width(unit)
    label = max(6, len(ranged(unit.rows - unit.pe, unit.pe)) + 2)
    beside = len("  y ") + len(ranged(unit.rows - unit.pe, unit.pe))
    shown = grid(unit, step, (width - label - beside) // cell, rows)
    lines = [_inputs(unit, step, shown, cell, label)]
    for row in shown.rows:
        first_row = row * shown.cell_rows
        now = step.first_row <= first_row < step.first_row + unit.pe
        spans = [(ranged(first_row, shown.cell_rows).rjust(label - 1) + " ", _role(now))]
        for column in shown.columns:
            first_column = column * shown.cell_columns
            number = unit.step_of(first_row, first_column)
            if number == step.number:
                spans.append((f"[{number}]".rjust(cell), "accent"))
            else:
                text = f"{number} ".rjust(cell)
                spans.append((text, "dim" if number < step.number else ""))
        output = f"y {ranged(first_row, shown.cell_rows)}"
        done = first_row < step.first_row or (now and step.last)
        spans.append((f"  {output}", "good" if done else _role(now)))
        lines.append(tuple(spans))
    hidden = []
    if len(shown.rows) < shown.all_rows:
        hidden.append(f"{len(shown.rows)} of {shown.all_rows} row groups")
    if len(shown.columns) < shown.all_columns:
        hidden.append(f"{len(shown.columns)} of {shown.all_columns} column groups")
    kind = "a weight" if shown.elements else f"{shown.cell_rows}x{shown.cell_columns} weights"
    note = f"each cell: {kind}, the cycle it is used in"
    note += f"; shown: {', '.join(hidden)}" if hidden else ""
    return [*lines, line((" " * label + note, "dim"))]


def _role(now: bool) -> str:
    return "accent" if now else "dim"


def _inputs(unit: MatrixUnit, step: Step, shown: Grid, cell: int, label: int) -> Line:
    """The inputs over their columns, the present ones marked."""
    spans = [("x".rjust(label - 1) + " ", "dim")]
    for column in shown.columns:
        first = column * shown.cell_columns
        now = step.first_column <= first < step.first_column + unit.simd
        # With many columns in a cell there is no room for a range: the first one says enough.
        text = str(first)
        text = text.rjust(cell - 1) + " " if len(text) < cell else "·".rjust(cell - 1) + " "
        spans.append((text, _role(now)))
    return tuple(spans)


def _work(unit: MatrixUnit, step: Step, width: int) -> list[Line]:
    """What comes in, what each PE does, and what goes out."""
    inputs = ranged(step.first_column, unit.simd)
    neuron, synapse = ("neuron fold", "synapse fold") if width >= 70 else ("NF", "SF")
    lines = [
        line(
            ("cycle ", "dim"),
            (f"{step.number}", "accent"),
            (f" of 0..{unit.steps - 1}", "dim"),
            (f"   {neuron} ", "dim"),
            (f"{step.neuron_fold}", "strong"),
            (f" of {unit.neuron_fold}", "dim"),
            (f"   {synapse} ", "dim"),
            (f"{step.synapse_fold}", "strong"),
            (f" of {unit.synapse_fold}", "dim"),
        )
    ]
    if unit.kind == "Thresholding":
        rows = ranged(step.first_row, unit.pe)
        text = f"channels {rows}: {unit.pe} PE compare one value each with "
        text += f"{plural(unit.thresholds, 'threshold')}; the number of those reached is the output"
        return [*lines, *paragraph(text, width)]
    if unit.kind == "VVAU":
        source = "from the stream, for each of these channels"
    elif step.reads_stream:
        source = "from the stream, into the buffer"
    else:
        source = "from the buffer"
    lines.append(line(("inputs   ", "dim"), f"x {inputs} ", (source, "dim")))
    word = f"word {step.number} of {unit.memory_depth}, "
    size = f"{unit.pe} x {unit.simd} x {unit.weight_bits} bit = {unit.memory_width:,} bit"
    lines.append(line(("weights  ", "dim"), word + size))
    gate = "xnor" if unit.xnor else "·"
    shown = min(unit.pe, _PES_SHOWN if unit.pe <= _PES_SHOWN else 3)
    for pe in range(shown):
        lines.append(_pe_line(step.first_row + pe, pe, inputs, gate, step))
    if shown < unit.pe:
        lines.append(
            line((f"         ... the same on rows {step.first_row + shown} and up", "dim"))
        )
        last = unit.pe - 1
        lines.append(_pe_line(step.first_row + last, last, inputs, gate, step))
    rows = ranged(step.first_row, unit.pe)
    if step.last:
        through = f"through {plural(unit.thresholds, 'threshold')} " if unit.thresholds else ""
        size = f"{unit.pe} x {bits_of(unit.output_dtype)} bit"
        lines.append(line(("output   ", "dim"), (f"y {rows} leave {through}({size})", "good")))
    else:
        left = unit.synapse_fold - 1 - step.synapse_fold
        text = f"none yet: y {rows} in {plural(left, 'cycle')}"
        lines.append(line(("output   ", "dim"), (text, "dim")))
    return lines


def _pe_line(row: int, pe: int, inputs: str, gate: str, step: Step) -> Line:
    sign = "=" if step.first else "+="
    many = ".." in inputs
    product = f"W[{row},{inputs}] {gate} x[{inputs}]"
    total = f"sum({product})" if many else product
    return line((f"PE {pe}".ljust(9), "dim"), f"acc {sign} {total}")


def latency_lines(
    unit: MatrixUnit, width: int, clock_ns: float | None, finn_cycles: int | None
) -> list[Line]:
    """Return how many cycles a product takes, and how they come about.

    Args:
        unit: the matrix and its folding.
        width: columns.
        clock_ns: clock period in ns.
        finn_cycles: FINN's cycles for one frame, where there are any.
    """
    folds = f"NF {unit.rows}/{unit.pe} x SF {unit.columns}/{unit.simd}"
    if unit.kind == "Thresholding":
        folds = f"{unit.rows}/{unit.pe} channels"
    if unit.tiling > 1:
        folds += f" x TH {unit.tiling}"
    lines = [
        line(
            ("latency  ", "dim"),
            folds + " = ",
            (plural(unit.cycles_per_vector, "cycle"), "strong"),
            (" a vector", "dim"),
        )
    ]
    total = [("         ", "dim"), (f"x {plural(unit.vectors, 'vector')} = ", "")]
    total.append((plural(unit.cycles, "cycle"), "strong"))
    if clock_ns is not None:
        total.append((f" = {unit.cycles * clock_ns / 1000:,.3f} µs at {clock_ns:g} ns", ""))
    lines.append(tuple(total))
    if finn_cycles is not None:
        same = finn_cycles == unit.cycles
        text = f"FINN says {finn_cycles:,} cycles" + ("" if same else ", which is something else")
        lines.append(line("         ", (text, "good" if same else "bad")))
    return lines
