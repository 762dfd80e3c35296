"""A convolution as FINN computes it: im2col by a sliding window generator, then a matrix product.

The window generator (SWG) sends the image matrix column by column and never stores it. Its order
within a column is FINN's interleaved one: kernel rows, kernel columns, then channels, the channels
fastest; for a depthwise convolution all kernel positions of SIMD channels, then of the next ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.core.design import Design, Layer, Value
from finn_tui.core.estimate.memory import bits_of

#: Sizes that can be typed: a side of a picture, a number of channels.
_LARGEST_SIDE, _LARGEST_CHANNELS = 16384, 65536
_WINDOW, _PADDING = "ConvolutionInputGenerator", "FMPadding"


@dataclass(frozen=True)
class Element:
    """A value of the image matrix: where in the kernel, and which input it is.

    ``y`` and ``x`` are in the picture without its padding: outside of it is a padded value.
    """

    kernel_y: int
    kernel_x: int
    channel: int
    y: int
    x: int


@dataclass(frozen=True)
class Convolution:
    """The shapes of a convolution, its picture without padding.

    Attributes:
        name: of the layer that computes it.
        height, width, channels: of the input feature map.
        filters: output channels.
        kernel, stride, dilation: each (vertical, horizontal).
        padding: (top, left, bottom, right).
        depthwise: each channel has filters of its own.
        simd: channels that the window generator sends in a cycle.
        input_dtype, weight_dtype: FINN data types.
        pooling: whether the windows go to a pooling layer instead of a product.
    """

    name: str
    height: int
    width: int
    channels: int
    filters: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    depthwise: bool = False
    simd: int = 1
    input_dtype: str = "UINT8"
    weight_dtype: str = "INT8"
    pooling: bool = False

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width with padding."""
        top, left, bottom, right = self.padding
        return self.height + top + bottom, self.width + left + right

    @property
    def extent(self) -> tuple[int, int]:
        """Height and width that the kernel spans, dilation included."""
        return (
            (self.kernel[0] - 1) * self.dilation[0] + 1,
            (self.kernel[1] - 1) * self.dilation[1] + 1,
        )

    @property
    def output(self) -> tuple[int, int]:
        """Height and width of the output feature map."""
        return (
            (self.padded[0] - self.extent[0]) // self.stride[0] + 1,
            (self.padded[1] - self.extent[1]) // self.stride[1] + 1,
        )

    @property
    def pixels(self) -> int:
        """Output pixels: columns of the image matrix."""
        return prod(self.output)

    @property
    def window(self) -> int:
        """Values of a window: rows of the image matrix (of one channel where it is depthwise)."""
        return prod(self.kernel) * (1 if self.depthwise else self.channels)

    @property
    def filter_matrix(self) -> tuple[int, int]:
        """Shape of the filter matrix: Co x K·K·Ci (MH x MW in FINN)."""
        return self.filters, self.window

    @property
    def image_matrix(self) -> tuple[int, int]:
        """Shape of the image matrix: K·K·Ci x output pixels."""
        return prod(self.kernel) * self.channels, self.pixels

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a frame."""
        return 0 if self.pooling else self.filters * self.window * self.pixels

    @property
    def input_bits(self) -> int:
        """Bits of one value of the input."""
        return bits_of(self.input_dtype)

    @property
    def buffered_pixels(self) -> int:
        """Pixels that any window generator has to hold: all from a window's first to its last."""
        return (self.extent[0] - 1) * self.padded[1] + self.extent[1]

    def position(self, number: int) -> tuple[int, int]:
        """Return row and column of an output pixel; numbers wrap around.

        Args:
            number: column of the image matrix.
        """
        return divmod(number % self.pixels, self.output[1])

    def column(self, number: int) -> list[Element]:
        """Return a column of the image matrix in FINN's order.

        Args:
            number: of the output pixel.
        """
        row, column = self.position(number)
        top = row * self.stride[0] - self.padding[0]
        left = column * self.stride[1] - self.padding[1]
        return [
            Element(ky, kx, c, top + ky * self.dilation[0], left + kx * self.dilation[1])
            for ky, kx, c in self.order()
        ]

    def order(self) -> list[tuple[int, int, int]]:
        """Return kernel row, kernel column and channel of each row of the image matrix."""
        places = [(ky, kx) for ky in range(self.kernel[0]) for kx in range(self.kernel[1])]
        if not self.depthwise:
            return [(ky, kx, c) for ky, kx in places for c in range(self.channels)]
        return [
            (ky, kx, first + c)
            for first in range(0, self.channels, self.simd)
            for ky, kx in places
            for c in range(min(self.simd, self.channels - first))
        ]

    def inside(self, element: Element) -> bool:
        """Return whether an element is in the picture; otherwise it is padding."""
        return 0 <= element.y < self.height and 0 <= element.x < self.width

    def sized(self, height: int, width: int) -> Convolution:
        """Return the same convolution on a picture of another size.

        Args:
            height: of the picture.
            width: of the picture.
        """
        return replace(self, height=height, width=width)

    def as_json(self) -> dict[str, Any]:
        """Return the figures, see ``cli/documents``."""
        return {
            "input": [self.height, self.width, self.channels],
            "kernel": list(self.kernel),
            "stride": list(self.stride),
            "padding": list(self.padding),
            "dilation": list(self.dilation),
            "depthwise": self.depthwise,
            "output": [*self.output, self.filters],
            "filter_matrix": list(self.filter_matrix),
            "image_matrix": list(self.image_matrix),
            "buffered_pixels": self.buffered_pixels,
        }


def read_convolution(text: str) -> Convolution:
    """Return the convolution of a text such as "224x224x3 K3 S1 P1 Co64".

    Without them: K is 3, S is 1, P keeps the size, Co is as many as the input has channels.

    Raises:
        FinnTuiError: it is no such text, or the kernel does not fit into the picture.
    """
    size, *words = text.lower().replace("×", "x").split() or [""]
    match = re.fullmatch(r"(\d+)x(\d+)x(\d+)", size)
    numbers: dict[str, int] = {}
    for word in words:
        part = re.fullmatch(r"(co|k|s|p)=?(\d+)", word)
        if part is None or part[1] in numbers:
            match = None
            break
        numbers[part[1]] = int(part[2])
    if match is None:
        raise FinnTuiError(
            f"{text} is not a convolution",
            "A feature map has height, width and channels; K is the kernel, S the stride, "
            "P the padding, Co the number of filters.",
            "Type it as 224x224x3 K3 S1 P1 Co64.",
            kind=ErrorKind.INPUT,
        )
    height, width, channels = (int(match[at]) for at in (1, 2, 3))
    kernel, stride = numbers.get("k", 3), numbers.get("s", 1)
    padding = numbers.get("p", kernel // 2)
    filters = numbers.get("co", channels)
    for name, value, most in (
        ("height", height, _LARGEST_SIDE),
        ("width", width, _LARGEST_SIDE),
        ("number of channels", channels, _LARGEST_CHANNELS),
        ("number of filters", filters, _LARGEST_CHANNELS),
        ("kernel", kernel, min(height, width) + 2 * padding),
        ("stride", stride, _LARGEST_SIDE),
    ):
        if not 1 <= value <= most:
            raise FinnTuiError(
                f"{name} {value:,} is out of range (1 to {most:,})",
                "" if name != "kernel" else "A kernel is at most as large as the padded picture.",
                "Type another one: 224x224x3 K3 S1 P1 Co64.",
                kind=ErrorKind.INPUT,
            )
    if padding > _LARGEST_SIDE:
        raise FinnTuiError(
            f"padding {padding:,} is out of range (0 to {_LARGEST_SIDE:,})",
            fix="Type another one: 224x224x3 K3 S1 P1 Co64.",
            kind=ErrorKind.INPUT,
        )
    return Convolution(
        name=f"lab {height}x{width}x{channels}",
        height=height,
        width=width,
        channels=channels,
        filters=filters,
        kernel=(kernel, kernel),
        stride=(stride, stride),
        padding=(padding,) * 4,
        simd=channels,
    )


def convolution_of(
    design: Design, layer: Layer, values: Mapping[str, Mapping[str, Value]] | None = None
) -> Convolution | None:
    """Return the convolution that a layer belongs to; None for one that belongs to none.

    A matrix layer without a window generator in front of it is one with a 1x1 kernel.

    Args:
        design: all layers.
        layer: the product, pooling, window generator or padding.
        values: knobs of all layers, for the window generator's SIMD; None takes the graph's.
    """
    chain = _chain(design, layer)
    window = next((each for each in chain if each.kind == _WINDOW), None)
    last = chain[-1]
    if last.kind not in ("MVAU", "VVAU", "Pool") and window is None:
        return None
    padding = next((each for each in chain if each.kind.startswith(_PADDING)), None)
    filters = int(last.attrs.get("MH") or last.attrs.get("Channels") or last.attrs.get("M") or 1)
    if window is None:
        if "MW" not in last.attrs:
            return None
        vectors = [int(size) for size in last.attrs.get("numInputVectors", [1])]
        height, width = (vectors[-2], vectors[-1]) if len(vectors) >= 3 else (1, vectors[-1])
        return Convolution(
            name=last.name,
            height=height,
            width=width,
            channels=int(last.attrs["MW"]),
            filters=filters,
            kernel=(1, 1),
            simd=int(last.attrs["MW"]),
            input_dtype=last.in_dtype,
            weight_dtype=str(last.weight_dtype),
        )
    attrs = window.attrs
    height, width = _pair(attrs["IFMDim"])
    top = left = bottom = right = 0
    if padding is not None:
        top, left, bottom, right = (int(each) for each in padding.attrs["Padding"])
    channels = int(attrs["IFMChannels"])
    if last is window:
        filters = channels
    return Convolution(
        name=last.name,
        height=height - top - bottom,
        width=width - left - right,
        channels=channels,
        filters=filters,
        kernel=_pair(attrs["ConvKernelDim"]),
        stride=_pair(attrs["Stride"]),
        padding=(top, left, bottom, right),
        dilation=_pair(attrs.get("Dilation", [1, 1])),
        depthwise=bool(attrs.get("depthwise")),
        simd=int((values or {}).get(window.name, attrs).get("SIMD", 1)),
        input_dtype=window.in_dtype,
        weight_dtype=str(last.weight_dtype),
        pooling=last.kind == "Pool",
    )


def _pair(value: Any) -> tuple[int, int]:
    first, second = value
    return int(first), int(second)


def _chain(design: Design, layer: Layer) -> list[Layer]:
    """The layers of one convolution in their order: padding, window generator, product."""
    chain = [layer]
    front = (_WINDOW, _PADDING, f"{_PADDING}_Pixel")
    while (before := _only(design, chain[0], forward=False)) is not None and before.kind in front:
        chain.insert(0, before)
    while chain[-1].kind in front:
        after = _only(design, chain[-1], forward=True)
        if after is None:
            break
        chain.append(after)
    return chain


def _only(design: Design, layer: Layer, *, forward: bool) -> Layer | None:
    """The only layer after or before one, on the path of the data."""
    names = {
        stream.consumer if forward else stream.producer
        for stream in design.streams
        if (stream.producer if forward else stream.consumer) == layer.name
    }
    known = [each for each in design.layers if each.name in names]
    return known[0] if len(known) == 1 else None
