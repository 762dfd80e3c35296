"""Question 2 as a picture: the cycle of every weight, and what each PE does when."""

from __future__ import annotations

from finn_tui.core.learn.circuit import shown
from finn_tui.core.learn.drawing import SERIES, Box, Drawing, Label, Path
from finn_tui.core.learn.matrix import MatrixUnit
from finn_tui.core.learn.schedule import Grid, grid
from finn_tui.core.learn.text import plural, ranged

#: Cells of the matrix and cycles of the time line that have room.
_COLUMNS, _ROWS, _CYCLES = 16, 16, 16
_CELL, _LEFT, _TOP = 40.0, 120.0, 110.0
_SLOT, _SLOT_HEIGHT = 54.0, 34.0


def schedule_drawing(unit: MatrixUnit, number: int | None = None) -> Drawing:
    """Return which weights are used in which cycle, and the time line of the PEs.

    Args:
        unit: the matrix and its folding.
        number: a step to mark; None marks none.
    """
    step = unit.step(number or 0)
    part = grid(unit, step, _COLUMNS, _ROWS)
    line_top = _TOP + len(part.rows) * _CELL + 62
    pes = shown(unit.pe)
    height = line_top + 40 + (len(pes) + 1) * _SLOT_HEIGHT + 66
    columns = max(len(part.columns) * _CELL + 130, min(unit.steps, _CYCLES) * _SLOT + 40)
    title = f"{unit.name}: {unit.rows}x{unit.columns}, PE {unit.pe}"
    title += "" if unit.kind == "Thresholding" else f", SIMD {unit.simd}"
    drawing = Drawing(max(720.0, _LEFT + columns), height, title)
    drawing.add(Label(24, 26, title, "title", "start", 17, True))
    kind = "a weight" if part.elements else f"{part.cell_rows} x {part.cell_columns} weights"
    note = f"Each cell is {kind} with the cycle of its use"
    note += "; colours are the PEs." if part.elements else "."
    drawing.add(Label(24, 52, note, "dim", "start", 12))
    _draw_matrix(drawing, unit, part, number)
    _draw_time_line(drawing, unit, line_top, step.number - step.number % _CYCLES)
    return drawing


def _draw_matrix(drawing: Drawing, unit: MatrixUnit, part: Grid, number: int | None) -> None:
    right = _LEFT + len(part.columns) * _CELL
    for at, column in enumerate(part.columns):
        first = column * part.cell_columns
        drawing.box(_LEFT + at * _CELL + 2, _TOP - 34, _CELL - 4, 24, "input", f"x{first}")
    drawing.text(_LEFT - 14, _TOP - 22, "inputs", role="input", anchor="end", bold=True)
    for at, row in enumerate(part.rows):
        y = _TOP + at * _CELL
        first_row = row * part.cell_rows
        name = f"row {first_row}"
        if part.cell_rows > 1:
            name = f"rows {ranged(first_row, part.cell_rows)}"
        drawing.text(_LEFT - 14, y + _CELL / 2, name, role="dim", anchor="end", size=11)
        for place, column in enumerate(part.columns):
            cycle = unit.step_of(first_row, column * part.cell_columns)
            pe = first_row % unit.pe
            role = SERIES[pe % len(SERIES)] if part.elements else "weight"
            role = "now" if cycle == number else role
            drawing.box(_LEFT + place * _CELL, y, _CELL, _CELL, role, str(cycle), rounded=0)
        output = f"y{first_row}" if part.cell_rows == 1 else f"y{ranged(first_row, part.cell_rows)}"
        drawing.add(Path([(right + 6, y + _CELL / 2), (right + 30, y + _CELL / 2)], "", arrow=True))
        drawing.box(right + 34, y + 6, max(_CELL, len(output) * 7.5), _CELL - 12, "output", output)
    _draw_tiles(drawing, unit, part)
    if len(part.rows) < part.all_rows or len(part.columns) < part.all_columns:
        text = f"{len(part.rows)} of {part.all_rows} rows of cells, "
        text += f"{len(part.columns)} of {part.all_columns} columns"
        y = _TOP + len(part.rows) * _CELL + 18
        drawing.add(Label(_LEFT, y, text, "dim", "start", 11))


def _draw_tiles(drawing: Drawing, unit: MatrixUnit, part: Grid) -> None:
    """Frame what is used in one cycle: PE rows by SIMD columns."""
    height = unit.pe // part.cell_rows * _CELL
    width = unit.simd // part.cell_columns * _CELL
    rows = len(part.rows) * part.cell_rows // unit.pe
    columns = len(part.columns) * part.cell_columns // unit.simd
    for row in range(rows):
        for column in range(columns):
            x, y = _LEFT + column * width, _TOP + row * height
            corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
            drawing.add(Path(corners, "title", thick=2.2))


def _draw_time_line(drawing: Drawing, unit: MatrixUnit, top: float, first: int) -> None:
    """Draw what each PE computes in each cycle, and when outputs leave."""
    drawing.text(24, top, "Time line", role="title", anchor="start", size=13, bold=True)
    cycles = range(first, min(unit.steps, first + _CYCLES))
    y = top + 22
    for at, cycle in enumerate(cycles):
        x = _LEFT + at * _SLOT
        drawing.add(Label(x + _SLOT / 2, y, str(cycle), "dim", size=11))
    drawing.text(_LEFT - 14, y, "cycle", role="dim", anchor="end", size=11)
    y += 14
    for pe in shown(unit.pe):
        if pe is None:
            drawing.text(_LEFT - 14, y + 17, f"⋮  {unit.pe - 4} more", anchor="end", size=11)
            y += _SLOT_HEIGHT
            continue
        drawing.text(_LEFT - 14, y + 17, f"PE {pe}", anchor="end", size=12)
        for at, cycle in enumerate(cycles):
            step = unit.step(cycle)
            row, column = step.first_row + pe, ranged(step.first_column, unit.simd)
            role = SERIES[pe % len(SERIES)]
            x = _LEFT + at * _SLOT
            drawing.box(x, y, _SLOT, _SLOT_HEIGHT, role, f"W {row},", column, rounded=0)
        y += _SLOT_HEIGHT
    drawing.text(_LEFT - 14, y + 17, "output", role="output", anchor="end", size=12)
    for at, cycle in enumerate(cycles):
        step = unit.step(cycle)
        if step.last:
            x = _LEFT + at * _SLOT
            text = f"y{ranged(step.first_row, unit.pe)}"
            drawing.box(x, y + 6, _SLOT, _SLOT_HEIGHT - 4, "output", text)
    edge = _LEFT + len(cycles) * _SLOT
    drawing.add(Box(_LEFT, top + 36, edge - _LEFT, 0.6, "title", 0))
    more = "" if unit.steps <= _CYCLES else f"  (cycles {cycles[0]} to {cycles[-1]} are shown)"
    text = f"{plural(unit.cycles_per_vector, 'cycle')} a vector x {plural(unit.vectors, 'vector')} "
    text += f"= {plural(unit.cycles, 'cycle')}{more}"
    drawing.add(Label(24, y + _SLOT_HEIGHT + 26, text, "title", "start", 13, True))
