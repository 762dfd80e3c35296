"""Question 3 as text: the filter matrix and the image matrix of a convolution, pixel by pixel."""

from __future__ import annotations

from dataclasses import replace

from finn_tui.core.learn.convolution import Convolution, Element
from finn_tui.core.learn.text import Line, line, paragraph, plural, ranged

#: Lines of the image matrix's column that are written out at its beginning and at its end.
_FIRST, _LAST = 12, 2
#: Columns below which only the shapes are given.
_NARROW = 64
#: Pixels around the window that are shown of a large picture.
_AROUND = 3


def convolution_lines(conv: Convolution, number: int, width: int) -> list[Line]:
    """Return the shapes, the window of an output pixel, and its column of the image matrix.

    Args:
        conv: the shapes.
        number: of the output pixel.
        width: columns.
    """
    return [
        *_shape_lines(conv, width),
        line(),
        *_window_lines(conv, number, width),
        line(),
        *_column_lines(conv, number),
    ]


def _shape_lines(conv: Convolution, width: int) -> list[Line]:
    kernel = f"{conv.kernel[0]}x{conv.kernel[1]}"
    top, left, bottom, right = conv.padding
    padding = "no padding"
    if any(conv.padding):
        sides = {top, left, bottom, right}
        around = str(top) if len(sides) == 1 else f"{top}, {left}, {bottom}, {right}"
        padding = f"padding {around}: {conv.padded[0]}x{conv.padded[1]}"
    stride = f"stride {conv.stride[0]}"
    if conv.stride[0] != conv.stride[1]:
        stride += f" and {conv.stride[1]}"
    if conv.dilation != (1, 1):
        stride += f", dilation {conv.dilation[0]} and {conv.dilation[1]}"
    rows, columns = conv.image_matrix
    names = [("input", f"{conv.height}x{conv.width}x{conv.channels}", f"H x W x Ci, {padding}")]
    if conv.pooling:
        names.append(("pooling", f"{kernel} of {conv.channels}", f"{stride}, each channel alone"))
    else:
        depth = 1 if conv.depthwise else conv.channels
        names.append(
            ("filters", f"{conv.filters} of {kernel}x{depth}", f"Co of K x K x Ci, {stride}")
        )
    names.append(("output", f"{conv.output[0]}x{conv.output[1]}x{conv.filters}", "Ho x Wo x Co"))
    lines = [
        line((name.ljust(14), "dim"), text.ljust(18), (why, "dim")) for name, text, why in names
    ]
    if not conv.pooling:
        a, b = conv.filter_matrix
        lines.append(
            line(
                ("filter matrix ", "dim"),
                (f"{a} x {b}".ljust(18), "strong"),
                ("Co x K·K" if conv.depthwise else "Co x K·K·Ci", "dim"),
            )
        )
    lines.append(
        line(
            ("image matrix  ", "dim"),
            (f"{rows} x {columns:,}".ljust(18), "strong"),
            ("K·K·Ci x Ho·Wo", "dim"),
        )
    )
    if width < _NARROW:
        # The window below matters more than what is said of the shapes.
        return [entry[:2] for entry in lines]
    values, stored = rows * columns, conv.height * conv.width * conv.channels
    most = -(-conv.kernel[0] // conv.stride[0]) * -(-conv.kernel[1] // conv.stride[1])
    text = (
        f"The image matrix has {values:,} values, {values / stored:.1f} times the {stored:,} of "
        f"the input: a pixel stands in up to {plural(most, 'column')}. FINN never stores it: the "
        "window generator (SWG) sends it column by column."
    )
    return [*lines, *paragraph(text, width, "dim")]


def _window_lines(conv: Convolution, number: int, width: int) -> list[Line]:
    """The input around the window of an output pixel."""
    row, column = conv.position(number)
    elements = conv.column(number)
    ys = [element.y for element in elements]
    xs = [element.x for element in elements]
    taken = {(element.y, element.x) for element in elements}
    top, left = -conv.padding[0], -conv.padding[1]
    bottom, right = conv.height + conv.padding[2], conv.width + conv.padding[3]
    room = max(8, (width - 10) // 2)
    if right - left > room:
        left, right = max(left, min(xs) - _AROUND), min(right, max(xs) + _AROUND + 1)
    if bottom - top > 12:
        top, bottom = max(top, min(ys) - _AROUND), min(bottom, max(ys) + _AROUND + 1)
    right = min(right, left + room)
    heading = line(
        ("output pixel ", "dim"),
        (f"{number % conv.pixels}", "accent"),
        (f" of 0..{conv.pixels - 1}", "dim"),
        (f"   row {row}, column {column}", ""),
        ("   [] window", "dim"),
        ("  + padding" if any(conv.padding) else "", "dim"),
    )
    lines = [heading]
    for y in range(top, bottom):
        spans = [(f"y {y}".rjust(7) + " ", "dim")]
        for x in range(left, right):
            inside = 0 <= y < conv.height and 0 <= x < conv.width
            if (y, x) in taken:
                spans.append(("[]" if inside else "++", "accent"))
            else:
                spans.append((" ·" if inside else " +", "dim"))
        lines.append(tuple(spans))
    span = f"x {left}..{right - 1}"
    return [*lines, line((span.rjust(10 + 2 * (right - left)), "dim"))]


def _column_lines(conv: Convolution, number: int) -> list[Line]:
    """The column of the image matrix, in the order in which FINN sends it."""
    elements = conv.column(number)
    order = "kernel row, kernel column, channel (fastest)"
    if conv.depthwise:
        order = f"groups of {plural(conv.simd, 'channel')}; kernel row, kernel column, channel"
    lines = [
        line((f"column {number % conv.pixels} of the image matrix: ", "dim"), (order, "dim")),
        line(("      rows  ky kx     channels   input y, x", "head")),
    ]
    runs = _runs(elements)
    few = len(runs) <= _FIRST + _LAST + 1
    shown = runs if few else [*runs[:_FIRST], None, *runs[-_LAST:]]
    for run in shown:
        if run is None:
            lines.append(line((f"     :  {len(runs) - _FIRST - _LAST:,} more", "dim")))
            continue
        at, count, element = run
        rows, channels = ranged(at, count), ranged(element.channel, count)
        source, role = f"{element.y}, {element.x}", ""
        if not conv.inside(element):
            source, role = f"{source}  padding", "dim"
        kernel = f"{element.kernel_y:>2} {element.kernel_x:>2}"
        lines.append(line((f"{rows:>10}  {kernel}   {channels:>10}   {source}", role)))
    words = -(-conv.channels // conv.simd) * conv.kernel[0] * conv.kernel[1]
    text = f"SWG with SIMD {conv.simd}: {plural(words, 'word')} of {conv.simd} x "
    text += f"{conv.input_bits} bit a column"
    return [*lines, line((text, "dim"))]


def _runs(elements: list[Element]) -> list[tuple[int, int, Element]]:
    """Neighbours that differ in the channel only: first row, how many, and the first of them."""
    runs: list[tuple[int, int, Element]] = []
    for at, element in enumerate(elements):
        if runs:
            first, count, start = runs[-1]
            following = replace(start, channel=start.channel + count)
            if following == element:
                runs[-1] = (first, count + 1, start)
                continue
        runs.append((at, 1, element))
    return runs
