"""SIMULATED: bits in a DMA buffer to numbers and back.

FINN's drivers pack the innermost folded dimension into whole bytes, element 0 in the lowest bits
of the first byte (they reverse elements and bytes after packing most significant first).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def unpack(packed: Array, tensor: dict[str, Any]) -> Array:
    """Numbers of ``tensor`` from bytes.

    Args:
        packed: uint8, (N, words..., bytes of a word).
        tensor: a network's input: ``shape`` (batch 1), ``bits``, ``signed``, ``bipolar``.

    Returns:
        (N, *shape[1:]), the smallest integer type or int64; float32 for FLOAT32.
    """
    count, bits = len(packed), tensor["bits"]
    shape = tuple(tensor["shape"][1:])
    if tensor.get("dtype") == "FLOAT32":
        return np.ascontiguousarray(packed).view("<f4").reshape(count, *shape)
    if bits == 8:
        kind = np.int8 if tensor["signed"] else np.uint8
        return np.ascontiguousarray(packed).view(kind).reshape(count, *shape)
    words = int(np.prod(packed.shape[1:-1]))
    each = int(np.prod(shape)) // words
    flat = np.ascontiguousarray(packed).reshape(count, words, packed.shape[-1])
    lines = np.unpackbits(flat, axis=-1, count=each * bits, bitorder="little")
    lines = lines.reshape(count, words * each, bits).astype(np.int64)
    values = lines @ (np.int64(1) << np.arange(bits, dtype=np.int64))
    if tensor["bipolar"]:
        values = 2 * values - 1
    elif tensor["signed"]:
        values = np.where(values >> (bits - 1), values - (1 << bits), values)
    return values.reshape(count, *shape)


def pack(values: Array, tensor: dict[str, Any], packed_shape: tuple[int, ...]) -> Array:
    """Return the bytes of ``values`` (N, *shape[1:]) in a buffer of ``packed_shape`` (N first)."""
    bits = tensor["bits"]
    count = len(values)
    words = int(np.prod(packed_shape[1:-1]))
    if tensor.get("dtype") == "FLOAT32":
        # Its bits, as a whole number.
        values = np.ascontiguousarray(values.astype("<f4")).view("<u4")
    flat = values.reshape(count, words, -1).astype(np.int64)
    if tensor["bipolar"]:
        flat = (flat + 1) // 2
    lines = (flat[..., None] >> np.arange(bits, dtype=np.int64)) & 1
    lines = lines.reshape(count, words, -1).astype(np.uint8)
    packed = np.packbits(lines, axis=-1, bitorder="little")
    return packed.reshape(count, *packed_shape[1:])
