"""Question 1: the circuit of a matrix-vector unit: its PEs and SIMD lanes, drawn and as text."""

from __future__ import annotations

from collections.abc import Mapping

from finn_tui.core.estimate.memory import bits_of
from finn_tui.core.learn.drawing import Box, Circle, Drawing, Label, Path, Point
from finn_tui.core.learn.matrix import MatrixUnit
from finn_tui.core.learn.text import Line, line, plural

#: PEs and lanes that are all drawn; of more, the first ones and the last.
_ALL = 8
_FIRST = 3

# The columns of the drawing, in pixels from the left.
_MEMORY, _MEMORY_END = 44, 184
_BUS = 222
_LANE = 276
_TREE, _TREE_STEP = 316, 40
_OUTPUT_BUS = 846
_WIDTH = 960
#: Rows: the inputs at the top, and the height of a lane.
_TOP, _PITCH = 150, 18


def shown(count: int) -> list[int | None]:
    """Return which of some equal things are drawn; None stands for those between.

    Args:
        count: how many there are.
    """
    if count <= _ALL:
        return list(range(count))
    return [*range(_FIRST), None, count - 1]


def product_word(unit: MatrixUnit) -> str:
    """Return what a lane does: "XNOR" or "×"."""
    return "XNOR" if unit.xnor else "×"


def sum_word(unit: MatrixUnit) -> str:
    """Return what adds the lanes: "popcount" or "adder tree"."""
    return "popcount" if unit.xnor else "adder tree"


def rows_of_pe(unit: MatrixUnit, pe: int) -> str:
    """Return the rows that a PE computes, one in each neuron fold: "rows 0, 4, ..., 60".

    Args:
        unit: the matrix and its folding.
        pe: number of the PE.
    """
    noun = "channel" if unit.kind == "Thresholding" else "row"
    rows = list(range(pe, unit.rows, unit.pe))
    if len(rows) == 1:
        return f"{noun} {rows[0]}"
    if len(rows) <= 4:
        return f"{noun}s {', '.join(map(str, rows))}"
    return f"{noun}s {rows[0]}, {rows[1]}, ..., {rows[-1]}"


# -- the drawing --------------------------------------------------------------------------------


def circuit_drawing(unit: MatrixUnit) -> Drawing:
    """Return the circuit as a picture.

    Args:
        unit: the matrix and its folding.
    """
    lanes, pes = shown(unit.simd), shown(unit.pe)
    block = max(84.0, len(lanes) * _PITCH + 44.0)
    heights = [block if pe is not None else 40.0 for pe in pes]
    bottom = _TOP + sum(heights) + 12 * len(pes)
    title = f"{unit.name}: {unit.rows}x{unit.columns} {unit.weight_dtype}, PE {unit.pe}"
    title += "" if unit.kind == "Thresholding" else f", SIMD {unit.simd}"
    drawing = Drawing(_WIDTH, bottom + 76, title)
    drawing.add(Label(24, 26, title, "title", "start", 17, True))
    _draw_inputs(drawing, unit)
    y, centres = float(_TOP), []
    last_tap = y
    for pe, height in zip(pes, heights, strict=True):
        if pe is None:
            drawing.text(
                (_MEMORY + _OUTPUT_BUS) / 2, y + height / 2, f"⋮   {unit.pe - 4} more PEs", size=14
            )
        else:
            centre, last_tap = _draw_pe(drawing, unit, pe, y, height)
            centres.append(centre)
        y += height + 12
    # The inputs reach every PE over one bus, which lies over the frames and under the parts.
    frames = [item for item in drawing.items if isinstance(item, Box) and item.role == "frame"]
    parts = [item for item in drawing.items if item not in frames]
    bus = Path([(_BUS, 112), (_BUS, last_tap)], "input", thick=3)
    drawing.items = [*frames, bus, *parts]
    _draw_outputs(drawing, unit, centres)
    drawing.text(24, bottom + 24, *_captions(unit), role="dim", anchor="start", size=12)
    return drawing


def _captions(unit: MatrixUnit) -> list[str]:
    if unit.kind == "Thresholding":
        return [
            f"{plural(unit.pe, 'channel')} a cycle; {unit.rows} channels x "
            f"{plural(unit.vectors, 'pixel')} / {unit.pe} = {plural(unit.cycles, 'cycle')}"
        ]
    return [
        f"NF = {unit.rows} / {unit.pe} = {unit.neuron_fold},  SF = {unit.columns} / {unit.simd} = "
        f"{unit.synapse_fold},  NF x SF = {plural(unit.cycles_per_vector, 'cycle')} a vector",
        f"{unit.pe} x {unit.simd} = {unit.pe * unit.simd:,} products a cycle;  weight memory: "
        f"{plural(unit.memory_depth, 'word')} x {unit.memory_width:,} bit = "
        f"{unit.memory_depth * unit.memory_width:,} bit",
    ]


def _draw_inputs(drawing: Drawing, unit: MatrixUnit) -> None:
    lanes = unit.input_width // max(1, unit.input_bits)
    width = f"{lanes} x {unit.input_bits} bit"
    drawing.add(Path([(24, 86), (138, 86)], "input", arrow=True, thick=2.4))
    drawing.text(24, 68, "input stream", role="input", anchor="start", size=12, bold=True)
    drawing.text(24, 104, width, role="input", anchor="start", size=11)
    if unit.kind == "MVAU":
        words = f"{plural(unit.synapse_fold, 'word')} x {unit.simd * unit.input_bits} bit"
        drawing.box(140, 60, 180, 52, "input", "input buffer", words)
        drawing.text(
            332,
            86,
            "filled in the first neuron fold,",
            "read again in the others",
            role="dim",
            anchor="start",
            size=11,
        )
    else:
        drawing.box(140, 60, 180, 52, "input", "no buffer:", "each PE has its own channel")


def _draw_pe(
    drawing: Drawing, unit: MatrixUnit, pe: int, y: float, height: float
) -> tuple[Point, float]:
    """Draw one PE; returns the end of its output line, and where its last input leaves the bus."""
    drawing.add(Box(24, y, _OUTPUT_BUS - 40, height, "frame", 8))
    title = f"PE {pe}"
    drawing.add(Label(36, y + 15, title, "title", "start", 12, True))
    drawing.add(Label(_BUS + 14, y + 15, rows_of_pe(unit, pe), "dim", "start", 11))
    lanes = shown(unit.simd)
    top = y + 34 + max(0.0, height - len(lanes) * _PITCH - 44) / 2
    lane_y = [top + at * _PITCH for at in range(len(lanes))]
    middle = (lane_y[0] + lane_y[-1]) / 2
    if unit.kind == "Thresholding":
        middle = y + height / 2 + 6
        drawing.add(Path([(_BUS, middle), (642, middle)], "input", arrow=True))
        drawing.add(Circle(_BUS, middle, 3, "input"))
        _draw_threshold(drawing, unit, middle)
        return (_OUTPUT_BUS, middle), middle
    edge = max(24.0, lane_y[-1] - lane_y[0] + 22)
    drawing.box(
        _MEMORY,
        middle - edge / 2,
        _MEMORY_END - _MEMORY,
        edge,
        "weight",
        *_memory_text(unit, edge),
    )
    ends: list[Point] = []
    for lane, at in zip(lanes, lane_y, strict=True):
        if lane is None:
            drawing.text(_LANE, at, "⋮", size=13)
            continue
        drawing.add(Path([(_MEMORY_END, at - 4), (_LANE - 15, at - 4)], "weight", thick=1))
        drawing.add(Path([(_BUS, at + 4), (_LANE - 15, at + 4)], "input", thick=1))
        drawing.add(Circle(_BUS, at + 4, 2.2, "input"))
        drawing.box(_LANE - 15, at - 7.5, 30, 15, "multiply", product_word(unit))
        ends.append((_LANE + 15, at))
    point = _draw_tree(drawing, unit, ends, middle)
    return _draw_accumulator(drawing, unit, point), lane_y[-1] + 4


def _memory_text(unit: MatrixUnit, height: float) -> list[str]:
    size = f"{unit.memory_depth:,} x {unit.simd * unit.weight_bits} bit"
    return ["weight memory", size] if height >= 36 else [f"weights {size}"]


def _draw_tree(drawing: Drawing, unit: MatrixUnit, ends: list[Point], middle: float) -> Point:
    """Draw what adds the lanes; returns where its sum comes out."""
    if unit.simd == 1:
        return ends[0]
    if unit.simd > _ALL:
        left, right = _TREE + 4, _TREE + 3 * _TREE_STEP - 16
        upper, lower = ends[0][1] - 9, ends[-1][1] + 9
        for x, y in ends:
            drawing.add(Path([(x, y), (left, y)], "", thick=1))
        corners = [(left, upper), (right, middle - 20), (right, middle + 20), (left, lower)]
        drawing.add(Path(corners, "add", closed=True, thick=1.2))
        drawing.text(
            (left + right) / 2, middle, sum_word(unit), f"of {unit.simd}", role="add", size=12
        )
        return right, middle
    level = 0
    while len(ends) > 1:
        x = _TREE + 8 + level * _TREE_STEP
        following: list[Point] = []
        for first, second in zip(ends[::2], ends[1::2], strict=False):
            y = (first[1] + second[1]) / 2
            for end in (first, second):
                drawing.add(Path([end, (x - 14, end[1]), (x - 14, y), (x, y)], "", thick=1))
            drawing.add(Circle(x, y, 8, "add"), Label(x, y, "+", "add", size=12))
            following.append((x + 8, y))
        if len(ends) % 2:
            following.append(ends[-1])
        ends, level = following, level + 1
    return ends[0]


def _draw_accumulator(drawing: Drawing, unit: MatrixUnit, start: Point) -> Point:
    """Draw accumulator and thresholds; returns the end of the output line."""
    x, y = start
    adder, register, end = 470.0, 502.0, 606.0
    drawing.add(Path([(x, y), (adder - 9, y)], "", arrow=True))
    drawing.add(Circle(adder, y, 9, "accumulate"), Label(adder, y, "+", "accumulate", size=13))
    drawing.add(Path([(adder + 9, y), (register, y)], "accumulate"))
    drawing.box(register, y - 15, end - register, 30, "accumulate", f"acc {unit.acc_dtype}")
    loop = [(end + 12, y), (end + 12, y + 24), (adder, y + 24), (adder, y + 10)]
    drawing.add(Path([(end, y), (end + 12, y)], "accumulate"))
    drawing.add(Path(loop, "accumulate", arrow=True, thick=1.2))
    drawing.add(Path([(end + 12, y), (642, y)], "accumulate", arrow=True))
    return _draw_threshold(drawing, unit, y)


def _draw_threshold(drawing: Drawing, unit: MatrixUnit, y: float) -> Point:
    left, right = 644.0, 764.0
    if unit.thresholds:
        drawing.box(left, y - 15, right - left, 30, "threshold", f"≥ T   ({unit.thresholds})")
    else:
        drawing.add(Path([(left - 4, y), (right, y)], "accumulate"))
    drawing.add(Path([(right, y), (_OUTPUT_BUS, y)], "output"))
    bits = bits_of(unit.output_dtype)
    drawing.add(Label(right + 26, y - 9, f"{bits} bit", "output", size=10))
    return _OUTPUT_BUS, y


def _draw_outputs(drawing: Drawing, unit: MatrixUnit, ends: list[Point]) -> None:
    x = _OUTPUT_BUS
    first, last = ends[0][1], ends[-1][1]
    drawing.add(Path([(x, first), (x, max(last, first + 1))], "output", thick=3))
    middle = (first + last) / 2
    drawing.add(Path([(x, middle), (x + 62, middle)], "output", arrow=True, thick=2.4))
    bits = bits_of(unit.output_dtype)
    drawing.text(
        x + 10, middle - 30, "output", "stream", role="output", anchor="start", size=12, bold=True
    )
    drawing.text(x + 10, middle + 18, f"{unit.pe} x {bits} bit", role="output", anchor="start")


# -- text ---------------------------------------------------------------------------------------


def circuit_lines(unit: MatrixUnit, resources: Mapping[str, float] | None = None) -> list[Line]:
    """Return the circuit as text: one PE in full, the others by their rows, then its parts.

    Args:
        unit: the matrix and its folding.
        resources: FINN's estimate of the layer by resource, where there is one.
    """
    return [*_pe_lines(unit), line(), *_part_lines(unit, resources)]


def _pe_lines(unit: MatrixUnit) -> list[Line]:
    lanes = shown(unit.simd)
    gate = "xnor" if unit.xnor else " x  "
    label = max(4, len(f"x{unit.simd - 1}") + 1)
    middle = (len(lanes) - 1) // 2
    through = f"─ ≥T({unit.thresholds}) ─ y" if unit.thresholds else "─ y"
    acc = f"acc {unit.acc_dtype}"
    if unit.kind == "Thresholding":
        lines = [
            line(("PE 0", "strong"), (f"  {rows_of_pe(unit, 0)}", "dim")),
            line(f"x ──●── ≥T({unit.thresholds}) ── y"),
        ]
        return [*lines, *_other_pes(unit, 4)]
    lines = [
        line(("PE 0", "strong"), (f"  {rows_of_pe(unit, 0)}", "dim")),
    ]
    add = "popcount" if unit.xnor else "sum"
    for at, lane in enumerate(lanes):
        if lane is None:
            corner = "├" if at != middle else "┼"
            head = line(" " * (label - 2) + ":", "      :      ")
        else:
            corner = _corner(at, len(lanes), at == middle)
            head = line(
                (f"x{lane}".ljust(label), "good"), ("──●── ", "dim"), (gate, "accent"), " ─"
            )
        tail: Line = line()
        if unit.simd == 1:
            corner, add_text = "─", ""
        else:
            add_text = f" {add} ─"
        if at == middle:
            tail = line((add_text, ""), " + ─ ", (acc, "strong"), " ─┬", through)
        elif at == middle + 1:
            tail = line(" " * len(add_text), " └───", "─" * len(acc), "──┘")
        lines.append((*head, (corner, ""), *tail))
    if len(lanes) == 1:
        blank = " " * (label + 6 + len(gate) + 2 + 1)
        lines.append(line(blank, " └───", "─" * len(acc), "──┘"))
    memory = f"weights: {plural(unit.memory_depth, 'word')} x {unit.simd * unit.weight_bits} bit"
    lines.append(line(("●".rjust(label + 3), "dim"), (f"  {memory} for each PE", "dim")))
    return [*lines, *_other_pes(unit, label + 2)]


def _corner(at: int, count: int, middle: bool) -> str:
    if count == 1:
        return "─"
    if at == 0:
        return "┬" if middle else "┐"
    if at == count - 1:
        return "┘"
    return "┼" if middle else "┤"


def _other_pes(unit: MatrixUnit, indent: int) -> list[Line]:
    lines = []
    for pe in shown(unit.pe)[1:]:
        if pe is None:
            text = f":   {unit.pe - 4} more"
        else:
            text = f"├── PE {pe} likewise, {rows_of_pe(unit, pe)}"
            text = text.replace("├", "└") if pe == unit.pe - 1 else text
        lines.append(line((" " * indent + text, "dim")))
    return lines


def _part_lines(unit: MatrixUnit, resources: Mapping[str, float] | None) -> list[Line]:
    """The parts of the circuit, counted."""
    lanes = unit.pe * unit.simd
    parts: list[tuple[str, str]] = []
    if unit.kind != "Thresholding":
        gate = (
            "XNOR gates" if unit.xnor else f"{unit.weight_bits}x{unit.input_bits} bit multipliers"
        )
        adders = f"{unit.pe} x {sum_word(unit)} of {unit.simd}"
        memory = f"{plural(unit.memory_depth, 'word')} x {unit.memory_width:,} bit"
        memory += f" = {unit.memory_depth * unit.memory_width:,} bit"
        parts += [
            ("products", f"{unit.pe} x {unit.simd} = {lanes:,} {gate}"),
            ("sums", adders if unit.simd > 1 else "none: one product a cycle in each PE"),
            ("accumulators", f"{unit.pe} x {unit.acc_dtype}"),
            ("weights", memory),
        ]
        if unit.kind == "MVAU":
            size = f"{plural(unit.synapse_fold, 'word')} x {unit.simd * unit.input_bits} bit"
            parts.append(("input buffer", size))
    if unit.thresholds:
        comparators = f"{unit.pe} x {unit.thresholds} = {unit.pe * unit.thresholds:,} comparators"
        parts.append(("thresholds", comparators))
    streams = f"{unit.input_width:,} bit in, {unit.output_width:,} bit out"
    parts.append(("streams", streams))
    if resources is not None:
        use = "   ".join(f"{name} {amount:,.0f}" for name, amount in resources.items() if amount)
        parts.append(("FINN", f"estimates {use or 'nothing'}"))
    return [line((name.ljust(14), "dim"), text) for name, text in parts]
