"""Shapes of a quantized network, layer by layer, and whether they work out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from finn_tui.base.errors import FinnTuiError

#: Pixels that max pooling takes on each axis, as in Brevitas' bnn_pynq examples.
POOL = 2


@dataclass(frozen=True)
class Network:
    """A network of convolutions and dense layers (``conv``), or of dense layers alone (``mlp``).

    Attributes:
        input: channels, height and width of an image.
        input_bits, weight_bits, activation_bits: bit widths.
        channels: output channels of each convolution.
        pool: whether a max pooling of 2x2 follows the convolution.
        padding: pixels that the convolution pads on each side.
        kernel: height and width of the kernels.
        fully_connected: features of the hidden dense layers.
        fc_inputs: input features of the first dense layers where the user says them (they must
            be what the layers before give); None for "whatever comes".
        classes: output features of the last dense layer.
        padding_value: what a padded pixel of quantized activations is worth.
    """

    family: Literal["mlp", "conv"]
    input: tuple[int, int, int]
    classes: int
    weight_bits: int
    activation_bits: int
    input_bits: int = 8
    channels: tuple[int, ...] = ()
    pool: tuple[bool, ...] = ()
    padding: tuple[int, ...] = ()
    kernel: int = 3
    fully_connected: tuple[int, ...] = ()
    fc_inputs: tuple[int | None, ...] = ()
    padding_value: int = -1

    def definition(self) -> dict[str, Any]:
        """Return what the engine builds the network from."""
        return {
            "family": self.family,
            "input": list(self.input),
            "input_bits": self.input_bits,
            "weight_bits": self.weight_bits,
            "activation_bits": self.activation_bits,
            "channels": list(self.channels),
            "kernel": self.kernel,
            "pool": list(self.pool),
            "padding": list(self.padding),
            "fully_connected": list(self.fully_connected),
            "classes": self.classes,
            "padding_value": self.padding_value,
        }


@dataclass(frozen=True)
class LayerShape:
    """A layer and what it does to one image.

    Attributes:
        name: "conv 1", "pool 1", "flatten", "dense 1".
        what: kernel and padding, or empty.
        input, output: shapes, channels first.
        weights: their number.
        macs: multiply-accumulates.
    """

    name: str
    what: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    weights: int = 0
    macs: int = 0

    def text(self) -> str:
        """Return the layer in one line: ``conv 2  3x3, padding 1  64x32x32 -> 64x32x32``."""
        return f"{self.name:8} {self.what:17} {shape(self.input):>12} -> {shape(self.output)}"


class ShapesDoNotFit(FinnTuiError):
    """A network's shapes that do not work out; ``detail`` has them layer by layer."""


def shape(sizes: tuple[int, ...]) -> str:
    """Return a shape as it is written: ``64x32x32``."""
    return "x".join(str(size) for size in sizes)


def layers(network: Network) -> list[LayerShape]:
    """Return the layers of a network with their shapes.

    Raises:
        ShapesDoNotFit: lists of different length, an image that becomes too small, or input
            features of a dense layer that are not what the layers before it give.
    """
    rows: list[LayerShape] = []
    count = len(network.channels)
    for name, given in (("pool", network.pool), ("padding", network.padding)):
        if len(given) != count:
            raise ShapesDoNotFit(
                f"{name} has {len(given)} entries for {count} convolutions",
                f"channels = {list(network.channels)}, {name} = {list(given)}.",
                f"Give {name} one entry for each convolution.",
            )
    current: tuple[int, ...] = network.input
    for at in range(count):
        current = _convolution(network, at, current, rows)
        if network.pool[at]:
            current = _pooling(at, current, rows)
    flat = math.prod(current)
    if len(current) > 1 and current[1:] != (1, 1):
        rows.append(LayerShape("flatten", "", current, (flat,)))
    for at, wide in enumerate((*network.fully_connected, network.classes)):
        said = network.fc_inputs[at] if at < len(network.fc_inputs) else None
        if said is not None and said != flat:
            before = rows[-1] if rows else None
            raise _wrong(
                f"dense layer {at + 1} takes {said} features and gets {flat}",
                f"{before.name} leaves {shape(before.output)}." if before else "",
                f"Write {flat} as its input features, or change the layers before it.",
                rows,
            )
        rows.append(LayerShape(f"dense {at + 1}", "", (flat,), (wide,), flat * wide, flat * wide))
        flat = wide
    return rows


def _convolution(
    network: Network, at: int, current: tuple[int, ...], rows: list[LayerShape]
) -> tuple[int, ...]:
    kernel, pad = network.kernel, network.padding[at]
    high, wide = (size + 2 * pad - kernel + 1 for size in current[1:])
    if high < 1 or wide < 1:
        raise _wrong(
            f"convolution {at + 1} of {len(network.channels)} gets {shape(current)} and has "
            f"nothing to do with a {kernel}x{kernel} kernel",
            f"With padding {pad} there are {current[1] + 2 * pad}x{current[2] + 2 * pad} pixels, "
            f"and the kernel needs {kernel}x{kernel}.",
            "Give this or an earlier convolution padding 1, or leave out a pooling.",
            rows,
        )
    output = (network.channels[at], high, wide)
    weights = network.channels[at] * current[0] * kernel * kernel
    what = f"{kernel}x{kernel}, padding {pad}"
    macs = weights * high * wide
    rows.append(LayerShape(f"conv {at + 1}", what, current, output, weights, macs))
    return output


def _pooling(at: int, current: tuple[int, ...], rows: list[LayerShape]) -> tuple[int, ...]:
    if min(current[1:]) < POOL:
        raise _wrong(
            f"the pooling behind convolution {at + 1} gets {shape(current)}",
            f"Max pooling takes {POOL}x{POOL} pixels.",
            "Leave this pooling out, or give an earlier convolution padding 1.",
            rows,
        )
    output = (current[0], current[1] // POOL, current[2] // POOL)
    rows.append(LayerShape(f"pool {at + 1}", f"{POOL}x{POOL}", current, output))
    return output


def _wrong(what: str, why: str, fix: str, rows: list[LayerShape]) -> ShapesDoNotFit:
    table = "\n".join(row.text() for row in rows)
    shapes = f"The shapes up to there:\n{table}" if rows else ""
    return ShapesDoNotFit(what, "\n".join(part for part in (why, shapes) if part), fix)
