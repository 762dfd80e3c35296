"""``[network]`` of a preset: a network that a student defines without Python."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.network_shapes import Network, layers
from finn_tui.lab.models import cnv_py

_Bits = Annotated[int, Meta(ge=1, le=8, description="A number of bits from 1 to 8.")]
_Size = Annotated[int, Meta(ge=1, le=8192, description="A whole number from 1 to 8192.")]


class NetworkEntry(Struct, frozen=True):
    """``[network]`` of a preset: layers and bit widths, as in Brevitas' bnn_pynq examples.

    Attributes:
        family: ``conv`` (convolutions, then dense layers) or ``mlp`` (dense layers only).
        input: channels, height and width of an image.
        classes: how many there are.
        input_bits: bits of the input (8 for pixels).
        weight_bits: bits of all weights.
        activation_bits: bits of all activations.
        channels: output channels of each convolution.
        pool: for each convolution whether max pooling of 2x2 follows.
        padding: for each convolution the pixels that it pads on each side; none if it is left out.
        kernel: height and width of all kernels.
        fully_connected: features of the dense layers between convolutions and classes.
        padding_value: what a padded pixel of the activations is worth. FINN's hardware pads bipolar
            activations (1 bit) with -1, others with 0; so does a network without this key. 0
            for 1 bit is what most training scripts do, and computes something else than the
            hardware.
        cnv_py: lines of Brevitas' CNV.py instead of channels, pool, padding, kernel and
            fully_connected: CNV_OUT_CH_POOL, INTERMEDIATE_FC_FEATURES and what stands beside them.
    """

    family: Literal["conv", "mlp"]
    input: Annotated[
        tuple[_Size, ...],
        Meta(min_length=3, max_length=3, description="[channels, height, width]."),
    ]
    classes: Annotated[int, Meta(ge=2, le=100_000, description="Two classes or more.")]
    weight_bits: _Bits
    activation_bits: _Bits
    input_bits: _Bits = 8
    channels: tuple[_Size, ...] = ()
    pool: tuple[bool, ...] = ()
    padding: tuple[
        Annotated[int, Meta(ge=0, le=10, description="Pixels on each side, 0 to 10.")], ...
    ] = ()
    kernel: Annotated[int, Meta(ge=1, le=11, description="1 to 11 pixels.")] = 3
    fully_connected: tuple[_Size, ...] = ()
    padding_value: Literal[-1, 0] | None = None
    cnv_py: str = ""


def network(entry: NetworkEntry, path: Path) -> Network:
    """Return the network that a ``[network]`` table defines.

    Args:
        entry: the table.
        path: its file, for errors.

    Raises:
        FinnTuiError: keys that contradict each other, or shapes that do not work out.
    """
    channels, pool, padding = entry.channels, entry.pool, entry.padding
    kernel, dense = entry.kernel, entry.fully_connected
    fc_inputs: tuple[int | None, ...] = ()
    if entry.cnv_py:
        if channels or pool or padding or dense:
            raise FinnTuiError(
                f"{path}: [network] has cnv_py and channels, pool, padding or fully_connected",
                "Both say what the layers are.",
                "Remove one of them.",
            )
        lines = cnv_py.read(entry.cnv_py, f"{path}, network.cnv_py")
        channels, pool, padding = lines.channels, lines.pool, lines.padding
        kernel, dense, fc_inputs = lines.kernel, lines.fully_connected, lines.fc_inputs
    if entry.family == "mlp" and channels:
        raise FinnTuiError(
            f"{path}: a network of the family mlp has no channels",
            "mlp has dense layers only.",
            'Write family = "conv", or give the dense layers as fully_connected.',
        )
    if entry.family == "conv" and not channels:
        raise FinnTuiError(
            f"{path}: a network of the family conv has no channels",
            "channels has one number for each convolution.",
            'Write family = "mlp" for dense layers only, or give channels.',
        )
    if entry.padding_value == -1 and entry.activation_bits > 1:
        raise FinnTuiError(
            f"{path}: padding_value = -1 with activation_bits = {entry.activation_bits}",
            "FINN's hardware pads activations of 2 bits or more with 0.",
            "Remove padding_value.",
        )
    height, width = entry.input[1:]
    # Without a list there is no pooling and no padding at all.
    pool = pool or (False,) * len(channels)
    padding = padding or (0,) * len(channels)
    value = entry.padding_value
    result = Network(
        family=entry.family,
        input=(entry.input[0], height, width),
        classes=entry.classes,
        weight_bits=entry.weight_bits,
        activation_bits=entry.activation_bits,
        input_bits=entry.input_bits,
        channels=channels,
        pool=pool,
        padding=padding,
        kernel=kernel,
        fully_connected=dense,
        fc_inputs=fc_inputs,
        padding_value=value if value is not None else -1 if entry.activation_bits == 1 else 0,
    )
    try:
        layers(result)
    except FinnTuiError as error:
        raise FinnTuiError(f"{path}: {error.what}", error.why, error.fix) from error
    return result


#: Features of a hidden layer of Brevitas' published dense networks.
_DENSE = {"tfc": 64, "sfc": 256, "lfc": 1024}


def published(name: str) -> Network | None:
    """Return a network of Brevitas' bnn_pynq examples.

    Args:
        name: Brevitas' name, such as ``cnv_1w1a``.
    """
    match = re.fullmatch(r"(tfc|sfc|lfc|cnv)_([12])w([12])a", name)
    if match is None:
        return None
    family, weights, activations = match[1], int(match[2]), int(match[3])
    value = -1 if activations == 1 else 0
    if family != "cnv":
        return Network(
            "mlp",
            (1, 28, 28),
            10,
            weights,
            activations,
            input_bits=activations,
            fully_connected=(_DENSE[family],) * 3,
            padding_value=value,
        )
    lines = cnv_py.read(cnv_py.PUBLISHED, "CNV.py")
    return Network(
        "conv",
        (3, 32, 32),
        10,
        weights,
        activations,
        channels=lines.channels,
        pool=lines.pool,
        padding=lines.padding,
        fully_connected=lines.fully_connected,
        padding_value=value,
    )


def source(network: Network) -> dict[str, Any]:
    """Return what the engine's ``prepare`` is given for a defined network."""
    return {
        "kind": "brevitas",
        "definition": network.definition(),
        "input": [1, *network.input],
        "topk": 1,
    }
