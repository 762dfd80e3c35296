"""Question 3 as a picture: the window on the input, and the product of the two matrices."""

from __future__ import annotations

from finn_tui.core.learn.convolution import Convolution
from finn_tui.core.learn.drawing import Box, Drawing, Label, Path
from finn_tui.core.learn.text import plural

#: Pixels of the input, and rows and columns of a matrix, that are drawn one by one.
_PIXELS, _CELLS = 12, 12
_LEFT, _TOP = 60.0, 96.0


def convolution_drawing(conv: Convolution, number: int = 0) -> Drawing:
    """Return the picture of an output pixel.

    Args:
        conv: the shapes.
        number: of the output pixel.
    """
    row, column = conv.position(number)
    kernel = f"{conv.kernel[0]}x{conv.kernel[1]}"
    title = f"{conv.name}: {conv.height}x{conv.width}x{conv.channels}, "
    title += f"{kernel} pooling" if conv.pooling else f"{conv.filters} filters of {kernel}"
    title += f", stride {conv.stride[0]}"
    drawing = Drawing(1000, 760, title)
    drawing.add(Label(24, 26, title, "title", "start", 17, True))
    note = f"Output pixel {number % conv.pixels} (row {row}, column {column}): its window becomes "
    note += "one column of the image matrix."
    drawing.add(Label(24, 52, note, "dim", "start", 12))
    _draw_input(drawing, conv, number)
    if not conv.pooling:
        _draw_filters(drawing, conv)
    _draw_output(drawing, conv, number)
    _draw_product(drawing, conv, number)
    return drawing


def _window(count: int, first: int, last: int) -> range:
    """At most ``_PIXELS`` of a padded side, the window among them."""
    if count <= _PIXELS:
        return range(count)
    start = min(max(0, (first + last) // 2 - _PIXELS // 2), count - _PIXELS)
    return range(start, start + _PIXELS)


def _draw_input(drawing: Drawing, conv: Convolution, number: int) -> None:
    """The input feature map: its channels as sheets, the window marked on the first."""
    elements = conv.column(number)
    taken = {(element.y, element.x) for element in elements}
    top, left = conv.padding[:2]
    ys = sorted({y + top for y, _ in taken})
    xs = sorted({x + left for _, x in taken})
    rows = _window(conv.padded[0], ys[0], ys[-1])
    columns = _window(conv.padded[1], xs[0], xs[-1])
    size = min(24.0, 264 / max(len(rows), len(columns)))
    width, height = len(columns) * size, len(rows) * size
    sheets = min(conv.channels, 3)
    for sheet in range(sheets - 1, 0, -1):
        offset = sheet * 7.0
        drawing.add(Box(_LEFT + offset, _TOP - offset, width, height, "input", 0))
    for at, y in enumerate(rows):
        for place, x in enumerate(columns):
            inside = top <= y < top + conv.height and left <= x < left + conv.width
            role = "input" if inside else "padding"
            if (y - top, x - left) in taken:
                role = "now" if inside else "halo"
            cell = Box(_LEFT + place * size, _TOP + at * size, size, size, role, 0, thick=0.8)
            drawing.add(cell)
    middle = _LEFT + width / 2
    part = "" if len(rows) == conv.padded[0] and len(columns) == conv.padded[1] else "a part of "
    text = f"{part}the input: H {conv.height}, W {conv.width}, Ci {conv.channels}"
    drawing.text(middle, _TOP + height + 18, text, role="input", bold=True)
    if any(conv.padding):
        text = f"grey: padding {conv.padding[0]}, together {conv.padded[0]}x{conv.padded[1]}"
        drawing.text(middle, _TOP + height + 36, text, role="dim", size=11)


def _draw_filters(drawing: Drawing, conv: Convolution) -> None:
    """A few of the filters, each a small cube."""
    left, top = 420.0, _TOP
    size = min(16.0, 60 / max(conv.kernel))
    width, height = conv.kernel[1] * size, conv.kernel[0] * size
    shown = min(conv.filters, 3)
    for at in range(shown):
        y = top + at * (height + 26)
        depth = 1 if conv.depthwise else min(conv.channels, 3)
        for sheet in range(depth - 1, -1, -1):
            drawing.add(Box(left + sheet * 6, y - sheet * 6, width, height, "weight", 0))
        for ky in range(conv.kernel[0]):
            for kx in range(conv.kernel[1]):
                cell = Box(left + kx * size, y + ky * size, size, size, "weight", 0, thick=0.8)
                drawing.add(cell)
        drawing.text(
            left + width + 28, y + height / 2, f"filter {at}", role="weight", anchor="start"
        )
    y = top + shown * (height + 26) + 4
    more = f"⋮ {conv.filters - shown} more, " if conv.filters > shown else ""
    depth_text = f"{conv.kernel[0]}x{conv.kernel[1]}x{1 if conv.depthwise else conv.channels}"
    text = f"{more}Co {conv.filters} filters of {depth_text}"
    drawing.text(left, y, text, role="weight", anchor="start", bold=True)


def _draw_output(drawing: Drawing, conv: Convolution, number: int) -> None:
    """The output feature map with the present pixel."""
    row, column = conv.position(number)
    rows, columns = _window(conv.output[0], row, row), _window(conv.output[1], column, column)
    left, top = 700.0, _TOP
    size = min(24.0, 240 / max(len(rows), len(columns)))
    width, height = len(columns) * size, len(rows) * size
    for sheet in range(min(conv.filters, 3) - 1, 0, -1):
        drawing.add(Box(left + sheet * 7, top - sheet * 7, width, height, "output", 0))
    for at, y in enumerate(rows):
        for place, x in enumerate(columns):
            role = "now" if (y, x) == (row, column) else "output"
            cell = Box(left + place * size, top + at * size, size, size, role, 0, thick=0.8)
            drawing.add(cell)
    text = f"the output: {conv.output[0]} x {conv.output[1]} x Co {conv.filters}"
    drawing.text(left + width / 2, top + height + 18, text, role="output", bold=True)


def _matrix(
    drawing: Drawing,
    x: float,
    y: float,
    size: tuple[float, float],
    role: str,
    title: str,
    shape: str,
) -> None:
    width, height = size
    drawing.add(Box(x, y, width, height, role, 0))
    drawing.text(x + width / 2, y - 14, title, role=role, bold=True)
    drawing.text(x + width / 2, y + height + 16, shape, role=role, size=13, bold=True)


def _draw_product(drawing: Drawing, conv: Convolution, number: int) -> None:
    """Filter matrix times image matrix is the output matrix; the present column is marked."""
    rows, columns = conv.image_matrix
    filters, window = conv.filter_matrix
    top = 470.0
    inner = 190.0  # the side that both factors share, drawn equally long
    outer = 110.0  # the filters
    right = 260.0  # the output pixels
    first = 60.0
    middle = top + inner / 2
    if conv.pooling:
        _draw_image_matrix(drawing, conv, number, (150.0, top), (right, inner))
        text = "the largest value of each channel's window" if conv.pooling else ""
        drawing.text(470, middle, "pooling:", text, anchor="start", size=13, bold=True)
        return
    _matrix(
        drawing,
        first,
        middle - outer / 2,
        (inner, outer),
        "weight",
        "filter matrix: Co x K·K" + ("" if conv.depthwise else "·Ci"),
        f"{filters} x {window}",
    )
    drawing.add(Box(first, middle - outer / 2, inner, 12, "halo", 0))
    drawing.text(first - 6, middle - outer / 2 + 6, "0", role="dim", anchor="end", size=10)
    drawing.text(first + inner + 26, middle, "×", size=26)
    second = first + inner + 76
    _draw_image_matrix(drawing, conv, number, (second, top), (right, inner))
    drawing.text(second + right + 30, middle, "=", size=26)
    third = second + right + 60
    _matrix(
        drawing,
        third,
        middle - outer / 2,
        (right, outer),
        "output",
        "output matrix: Co x Ho·Wo",
        f"{filters} x {columns:,}",
    )
    share = (number % conv.pixels) / max(1, conv.pixels - 1)
    drawing.add(Box(third + share * (right - 10), middle - outer / 2, 10, outer, "now", 0))
    text = (
        f"{conv.macs:,} multiply-accumulates.  The image matrix holds {rows * columns:,} values, "
    )
    text += f"{rows * columns / (conv.height * conv.width * conv.channels):.1f} times the input."
    drawing.text(24, 718, text, role="title", anchor="start", size=13, bold=True)
    order = "order in a column: kernel row, kernel column, channel (fastest)"
    if conv.depthwise:
        order = (
            f"order in a column: groups of {plural(conv.simd, 'channel')}, then kernel positions"
        )
    drawing.text(
        24, 740, f"FINN's SWG sends it column by column; {order}.", role="dim", anchor="start"
    )


def _draw_image_matrix(
    drawing: Drawing,
    conv: Convolution,
    number: int,
    place: tuple[float, float],
    size: tuple[float, float],
) -> None:
    """The image matrix with its present column, whose rows are named where they have room."""
    (x, y), (width, height) = place, size
    rows, columns = conv.image_matrix
    _matrix(
        drawing,
        x,
        y,
        size,
        "input",
        "image matrix: K·K·Ci x Ho·Wo",
        f"{rows} x {columns:,}",
    )
    elements = conv.column(number)
    share = (number % conv.pixels) / max(1, conv.pixels - 1)
    column_width = 44.0
    left = x + share * (width - column_width)
    shown = elements if len(elements) <= _CELLS else elements[: _CELLS - 1]
    each = height / min(_CELLS, len(elements))
    for at, element in enumerate(shown):
        text = f"{element.kernel_y},{element.kernel_x},{element.channel}"
        role = "now" if conv.inside(element) else "halo"
        drawing.box(left, y + at * each, column_width, each, role, text, rounded=0)
    if len(shown) < len(elements):
        drawing.box(left, y + len(shown) * each, column_width, each, "now", "⋮", rounded=0)
    name = f"column {number % conv.pixels}: ky,kx,c"
    drawing.text(left + column_width / 2, y + height + 34, name, role="dim", size=11)
    drawing.add(Path([(left, y + height), (left + column_width, y + height)], "now"))
