"""Question 4 as a picture: line buffer, a tile with its halo, and the memory each takes."""

from __future__ import annotations

from finn_tui.core.learn.convolution import Convolution
from finn_tui.core.learn.drawing import Box, Drawing, Label, Path
from finn_tui.core.learn.picture import (
    TILES,
    Memory,
    Network,
    halo,
    line_buffer,
    tiling,
    whole_map,
)

_SIDE = 300.0
_TOP = 110.0


def picture_drawing(
    conv: Convolution, network: Network | None, board: str, budget: int | None
) -> Drawing:
    """Return line buffer and tiles on the picture, and bars of the BRAM that they take.

    Args:
        conv: the layer with the size of its input for this picture.
        network: all layers; None for a convolution alone.
        board: its name.
        budget: BRAM_18K of its part; None where it is unknown.
    """
    title = f"{conv.name}: {conv.height}x{conv.width}x{conv.channels} of {conv.input_bits} bit, "
    title += f"{conv.kernel[0]}x{conv.kernel[1]}, stride {conv.stride[0]}"
    drawing = Drawing(860, 720, title)
    drawing.add(Label(24, 26, title, "title", "start", 17, True))
    scale = _SIDE / max(conv.padded)
    _draw_line_buffer(drawing, conv, 50.0, scale)
    side = next((tile for tile in reversed(TILES) if 3 * tile <= max(conv.output)), 1)
    _draw_tiles(drawing, conv, 470.0, scale, side)
    _draw_bars(drawing, conv, network, board, budget, side)
    return drawing


def _draw_line_buffer(drawing: Drawing, conv: Convolution, left: float, scale: float) -> None:
    """The picture with the rows that the window generator holds, drawn at least 8 pixels high."""
    width, height = conv.padded[1] * scale, conv.padded[0] * scale
    drawing.text(
        left, 72, "Line buffer: what the SWG holds", role="title", anchor="start", bold=True
    )
    drawing.add(Box(left, _TOP, width, height, "frame", 0))
    row = max(8.0, scale)
    y, x = _TOP + height * 0.4, left + width * 0.55
    window = max(8.0, conv.extent[1] * scale)
    rows = conv.extent[0] - 1
    drawing.add(Box(left, y, x - left, row, "done", 0))
    drawing.add(Box(left, _TOP, width, y - _TOP, "done", 0))
    # From the first pixel of the window to its last: the rest of a row, whole rows, a beginning.
    drawing.add(Box(x, y, left + width - x, row, "input", 0))
    for at in range(1, rows):
        drawing.add(Box(left, y + at * row, width, row, "input", 0))
    if rows:
        drawing.add(Box(left, y + rows * row, x + window - left, row, "input", 0))
    drawing.add(Box(x, y, window, row * (rows + 1), "now", 0))
    drawing.text(left + width / 2, _TOP + (y - _TOP) / 2, "no longer needed", role="done")
    drawing.text(left + width / 2, (y + _TOP + height) / 2 + 20, "still to come", role="dim")
    buffer = line_buffer(conv)
    drawing.text(
        left,
        _TOP + height + 26,
        f"(K - 1) x {conv.padded[1]} + K = {buffer.pixels:,} pixels",
        f"x {conv.channels} channels x {conv.input_bits} bit = {buffer.total:,} bit",
        role="input",
        anchor="start",
    )


def _draw_tiles(drawing: Drawing, conv: Convolution, left: float, scale: float, side: int) -> None:
    """The picture cut into tiles, one of them with its halo."""
    width, height = conv.padded[1] * scale, conv.padded[0] * scale
    tiles = tiling(conv, side)
    over = halo(conv)
    title = f"Tiles: {tiles.tiles} of {side}x{side} results"
    drawing.text(left, 72, title, role="title", anchor="start", bold=True)
    drawing.add(Box(left, _TOP, width, height, "frame", 0))
    down, across = (side * stride * scale for stride in conv.stride)
    rows, columns = -(-conv.output[0] // side), -(-conv.output[1] // side)
    for at in range(1, rows):
        drawing.add(Path([(left, _TOP + at * down), (left + width, _TOP + at * down)], "dim"))
    for at in range(1, columns):
        drawing.add(Path([(left + at * across, _TOP), (left + at * across, _TOP + height)], "dim"))
    row, column = min(1, rows - 1), min(1, columns - 1)
    x, y = left + column * across, _TOP + row * down
    # The halo is drawn at least so wide that it can be seen.
    ring = max(6.0, over[0] * scale / 2)
    right, bottom = min(x + across, left + width), min(y + down, _TOP + height)
    outer = (max(left, x - ring), max(_TOP, y - ring))
    end = (min(left + width, right + ring), min(_TOP + height, bottom + ring))
    drawing.add(Box(*outer, end[0] - outer[0], end[1] - outer[1], "halo", 0, True))
    drawing.add(Box(x, y, right - x, bottom - y, "input", 0))
    drawing.text((x + right) / 2, (y + bottom) / 2, "tile", f"{side}x{side}", role="input", size=11)
    drawing.text(
        left,
        _TOP + height + 26,
        f"reads {tiles.input_side}x{tiles.input_side}, {tiles.extra:.0%} of the input again",
        f"orange: the halo of {over[0]} pixels (not to scale)",
        role="halo",
        anchor="start",
    )


def _draw_bars(
    drawing: Drawing,
    conv: Convolution,
    network: Network | None,
    board: str,
    budget: int | None,
    side: int,
) -> None:
    """What is needed as bars against the board's BRAM."""
    top, left, width = 500.0, 250.0, 430.0
    drawing.text(24, top - 22, "BRAM_18K, at least", role="title", anchor="start", bold=True)
    edge = tiling(conv, side).input_side
    tile = Memory(edge**2, conv.channels * conv.input_bits, conv.simd * conv.input_bits)
    rows = [
        ("this map, whole", whole_map(conv).bram),
        (f"a tile of {edge}x{edge}, whole", tile.bram),
        ("line buffer", line_buffer(conv).bram),
    ]
    if network is not None:
        rows += [
            ("all maps of the network, whole", network.whole),
            ("all line buffers of the network", network.lines),
        ]
    largest = max([amount for _, amount in rows] + [budget or 0, 1])
    for at, (name, amount) in enumerate(rows):
        y = top + at * 30
        drawing.text(left - 12, y + 10, name, anchor="end")
        fits = not budget or amount <= budget
        length = max(2.0, amount / largest * width)
        drawing.add(Box(left, y, length, 20, "input" if fits else "now", 0))
        drawing.text(left + length + 8, y + 10, f"{amount:,}", anchor="start")
    if budget:
        x = left + budget / largest * width
        bottom = top + len(rows) * 30
        drawing.add(Path([(x, top - 8), (x, bottom)], "title", dashed=True, thick=1.6))
        drawing.text(x, bottom + 12, f"{board}: {budget:,}", role="title", bold=True)
