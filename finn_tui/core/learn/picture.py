"""Question 4: a picture that is larger than the memory: line buffers, tiles, and what fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from finn_tui.core.design import Design, Value
from finn_tui.core.learn.convolution import Convolution, convolution_of
from finn_tui.core.learn.text import Line, line, paragraph

#: The side of the lab's picture, in pixels.
PICTURE = 224
#: Shapes that a BRAM_18K can have: words and their bits (AMD's UG473).
_BRAM_SHAPES = ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36))
#: Sides of the tiles that are compared, in output pixels.
TILES = (7, 14, 28, 56, 112)


def bram_18k(words: int, bits: int) -> int:
    """Return how many BRAM_18K hold a memory, at least.

    Args:
        words: of the memory.
        bits: of a word.
    """
    if words <= 0 or bits <= 0:
        return 0
    return min(-(-words // depth) * -(-bits // width) for depth, width in _BRAM_SHAPES)


@dataclass(frozen=True)
class Memory:
    """A memory for pixels.

    Attributes:
        pixels: that it holds.
        bits: of one pixel.
        simd_bits: of a word, which has the bits of SIMD channels.
    """

    pixels: int
    bits: int
    simd_bits: int

    @property
    def total(self) -> int:
        """All its bits."""
        return self.pixels * self.bits

    @property
    def bram(self) -> int:
        """BRAM_18K that it takes, at least."""
        words = self.pixels * -(-self.bits // max(1, self.simd_bits))
        return bram_18k(words, self.simd_bits)


def whole_map(conv: Convolution) -> Memory:
    """Return the memory for the whole input feature map."""
    pixel = conv.channels * conv.input_bits
    return Memory(conv.height * conv.width, pixel, conv.simd * conv.input_bits)


def line_buffer(conv: Convolution) -> Memory:
    """Return the memory that a window generator needs at least."""
    pixel = conv.channels * conv.input_bits
    return Memory(conv.buffered_pixels, pixel, conv.simd * conv.input_bits)


@dataclass(frozen=True)
class Tiling:
    """A feature map computed in tiles.

    Attributes:
        side: output pixels of a tile.
        input_side: input pixels that it needs, halo included.
        tiles: how many there are.
        read: input pixels that are read for all tiles, those of halos again and again.
        once: input pixels that are read without tiles.
    """

    side: int
    input_side: int
    tiles: int
    read: int
    once: int

    @property
    def extra(self) -> float:
        """How much more is read than without tiles, as a fraction."""
        return self.read / self.once - 1


def halo(conv: Convolution) -> tuple[int, int]:
    """Return by how many pixels neighbouring tiles of the input overlap, in rows and columns."""
    return (
        max(0, conv.extent[0] - conv.stride[0]),
        max(0, conv.extent[1] - conv.stride[1]),
    )


def tiling(conv: Convolution, side: int) -> Tiling:
    """Return what tiles of a size cost.

    Args:
        conv: the shapes.
        side: output pixels of a tile, in both directions.
    """
    rows = _tile_inputs(conv.output[0], side, conv.stride[0], conv.extent[0])
    columns = _tile_inputs(conv.output[1], side, conv.stride[1], conv.extent[1])
    once = _needed(conv.output[0], conv.stride[0], conv.extent[0])
    once *= _needed(conv.output[1], conv.stride[1], conv.extent[1])
    return Tiling(
        side=side,
        input_side=_needed(side, conv.stride[0], conv.extent[0]),
        tiles=len(rows) * len(columns),
        read=sum(rows) * sum(columns),
        once=once,
    )


def _needed(outputs: int, stride: int, extent: int) -> int:
    """Input pixels in a row of which a number of outputs is computed."""
    return (outputs - 1) * stride + extent


def _tile_inputs(outputs: int, side: int, stride: int, extent: int) -> list[int]:
    """Input pixels of each tile along one direction; the last tile may be smaller."""
    return [
        _needed(min(side, outputs - first), stride, extent) for first in range(0, outputs, side)
    ]


@dataclass(frozen=True)
class Network:
    """The convolutions and poolings of a network for a picture of some size.

    Attributes:
        windows: each with the size that its input has then, in the order of the data.
        receptive_field: pixels of the picture that one pixel of the last map depends on.
        stride: pixels of the picture between neighbours of the last map.
    """

    windows: tuple[Convolution, ...]
    receptive_field: int
    stride: int

    @property
    def whole(self) -> int:
        """BRAM_18K of all whole feature maps."""
        return sum(whole_map(conv).bram for conv in self.windows)

    @property
    def lines(self) -> int:
        """BRAM_18K of all line buffers."""
        return sum(line_buffer(conv).bram for conv in self.windows)

    def recomputed(self, side: int) -> float:
        """Return how much is computed more than once when tiles pass through all layers.

        Args:
            side: pixels of the last map in a tile.

        Returns:
            a fraction: 0.5 is half as much again.
        """
        rows, columns = self.windows[-1].output
        tiles = -(-rows // side) * -(-columns // side)
        needed, work = side, 0.0
        for conv in reversed(self.windows):
            outputs = min(needed, conv.output[0]) * min(needed, conv.output[1])
            work += conv.macs / conv.pixels * outputs
            needed = _needed(needed, conv.stride[0], conv.extent[0])
        total = sum(conv.macs for conv in self.windows)
        return max(0.0, tiles * work / total - 1) if total else 0.0


def network_at(
    design: Design, values: Mapping[str, Mapping[str, Value]], height: int, width: int
) -> Network | None:
    """Return a network's convolutions for a picture of another size.

    Args:
        design: the layers.
        values: their knobs.
        height: of the picture.
        width: of the picture.

    Returns:
        None if it has none, or the picture is too small for them.
    """
    size_after: dict[str, tuple[int, int]] = {}
    field_after: dict[str, tuple[int, int]] = {}
    windows = []
    for layer in design.layers:
        before = design.predecessors[layer.name]
        size = size_after.get(before[0], (height, width)) if before else (height, width)
        field, jump = max((field_after[name] for name in before), default=(1, 1))
        conv = None
        if layer.kind == "ConvolutionInputGenerator":
            conv = convolution_of(design, layer, values)
        if conv is not None:
            conv = conv.sized(*size)
            if min(conv.output) < 1:
                return None
            windows.append(conv)
            size = conv.output
            field, jump = field + (conv.extent[0] - 1) * jump, jump * conv.stride[0]
        size_after[layer.name], field_after[layer.name] = size, (field, jump)
    if not windows:
        return None
    last = field_after[design.layers[-1].name]
    return Network(tuple(windows), *last)


def picture_lines(
    conv: Convolution,
    network: Network | None,
    board: str,
    budget: int | None,
    width: int,
) -> list[Line]:
    """Return what a layer and its network need for the picture, and what tiles cost.

    Args:
        conv: the layer with the size of its input for this picture.
        network: all its layers; None for a convolution alone.
        board: its name.
        budget: BRAM_18K of the board's part; None where it is unknown.
        width: columns.
    """
    lines = [
        *_map_lines(conv, board, budget),
        line(),
        *_tile_lines(conv, network),
    ]
    if network is not None:
        lines += [line(), *_network_lines(network, conv, board, budget)]
    return [*lines, line(), *_advice(width)]


def _share(bram: int, board: str, budget: int | None) -> tuple[str, str]:
    if not budget:
        return (f"{bram:,} BRAM_18K", "strong")
    fits = bram <= budget
    share = f"{bram / budget:.0%}" if bram / budget >= 0.01 else "below 1%"
    text = f"{bram:,} BRAM_18K, {share} of {board}"
    return (text if fits else f"{text}: does not fit", "good" if fits else "bad")


def _map_lines(conv: Convolution, board: str, budget: int | None) -> list[Line]:
    whole, buffer = whole_map(conv), line_buffer(conv)
    kh, kw = conv.extent
    title = f"{conv.name}: {conv.height}x{conv.width}x{conv.channels} of {conv.input_bits} bit, "
    title += f"kernel {conv.kernel[0]}x{conv.kernel[1]}, stride {conv.stride[0]}"
    rows = f"({kh} - 1) rows of {conv.padded[1]} + {kw} = {buffer.pixels:,} pixels"
    return [
        line((title, "strong")),
        line(("whole map    ", "dim"), f"{whole.total:,} bit"),
        line("             ", _share(whole.bram, board, budget)),
        line(("line buffer  ", "dim"), f"{rows} x {buffer.bits:,} bit = {buffer.total:,} bit"),
        line("             ", _share(buffer.bram, board, budget)),
    ]


def _tile_lines(conv: Convolution, network: Network | None) -> list[Line]:
    over = halo(conv)
    text = f"tiles held whole: neighbours overlap by K - S = {over[0]} pixels (halo)"
    fused = network is not None and network.windows[-1].pixels > 1
    heading = f"{'output':>8} {'input':>9} {'tiles':>6} {'again':>6} {'BRAM_18K':>9}"
    lines = [line((text, "strong")), line((heading, "head"))]
    for side in TILES:
        if side >= max(conv.output):
            continue
        tiles = tiling(conv, side)
        held = Memory(
            tiles.input_side**2,
            conv.channels * conv.input_bits,
            conv.simd * conv.input_bits,
        )
        lines.append(
            line(
                f"{f'{side}x{side}':>8} {f'{tiles.input_side}x{tiles.input_side}':>9} ",
                f"{tiles.tiles:>6,} {tiles.extra:>6.0%} {held.bram:>9,}",
            )
        )
    if network is not None and fused:
        overlap = network.receptive_field - network.stride
        last = max(1, network.windows[-1].output[0] // 4)
        lines.append(
            line(
                (
                    f"through all layers: a pixel depends on {network.receptive_field} pixels, "
                    f"tiles overlap by {overlap};",
                    "dim",
                )
            )
        )
        text = f"4x4 tiles of {last}x{last} results compute {network.recomputed(last):.0%} again"
        lines.append(line((text, "dim")))
    return lines


def _network_lines(
    network: Network, conv: Convolution, board: str, budget: int | None
) -> list[Line]:
    first = network.windows[0]
    title = f"the network with a picture of {first.height}x{first.width}"
    lines = [
        line((title, "strong")),
        line((f"  {'layer':<16} {'input map':<12} {'whole':>6} {'lines':>6}  BRAM_18K", "head")),
    ]
    for each in network.windows:
        size = f"{each.height}x{each.width}x{each.channels}"
        mark = ">" if each.name == conv.name else " "
        text = f"{mark} {each.name:<16} {size:<12} "
        lines.append(line(text, f"{whole_map(each).bram:>6,} {line_buffer(each).bram:>6,}"))
    lines.append(line(("  together".ljust(32), "dim"), f"{network.whole:>6,} {network.lines:>6,}"))
    lines.append(line("  whole maps: ", _share(network.whole, board, budget)))
    lines.append(line("  line buffers: ", _share(network.lines, board, budget)))
    return lines


def _advice(width: int) -> list[Line]:
    texts: Sequence[str] = (
        "1. Line buffers: pixels arrive row by row, and a window needs only the rows that it "
        "spans. This is what FINN's window generator holds; the memory grows with the width of "
        "the picture, not with its area.",
        "2. Tiles: the picture is cut, each tile is computed with the halo that its windows reach "
        "into. The memory follows the tile; halo pixels are read, and in several layers computed, "
        "more than once.",
        "3. The picture stays in DRAM and is streamed in; weights that have no room are streamed, "
        "too (mem_mode external), which costs bandwidth.",
        "4. Stride or pooling in the first layer, or a smaller picture, make all later maps "
        "smaller.",
    )
    lines: list[Line] = []
    for text in texts:
        lines += paragraph(text, width, "dim")
    return lines
