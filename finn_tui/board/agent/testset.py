"""Test sets, read from the files that were pushed to the board; nothing is ever downloaded."""

from __future__ import annotations

import gzip
import os
import pickle
from typing import Any

from finn_tui.board.agent.wire import Failure


def test_set(name: str, folder: str) -> tuple[Any, Any]:
    """Images (N, H, W, C) uint8 and labels (N,) int64 of a data set's test part.

    Raises ``Failure`` if a file is missing or is none of that kind.
    """
    try:
        return _mnist(folder) if name == "mnist" else _cifar(folder, name)
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        TypeError,
        AttributeError,
        pickle.UnpicklingError,
    ) as error:
        raise Failure(
            "the %s test set on the board cannot be read" % name,
            "%s: %s" % (type(error).__name__, error),
            "Check the files that it was pushed from, then deploy again.",
            "input",
        ) from error


def _mnist(folder: str) -> tuple[Any, Any]:
    """The idx format: big-endian magic, counts, then bytes."""
    import numpy as np

    with gzip.open(os.path.join(folder, "t10k-images-idx3-ubyte.gz")) as file:
        magic, count, height, width = (int(n) for n in np.frombuffer(file.read(16), ">u4"))
        if magic != 2051:
            raise ValueError("not an idx image file")
        images = np.frombuffer(file.read(), np.uint8).reshape(count, height, width, 1)
    with gzip.open(os.path.join(folder, "t10k-labels-idx1-ubyte.gz")) as file:
        magic, count = (int(n) for n in np.frombuffer(file.read(8), ">u4"))
        if magic != 2049 or count != len(images):
            raise ValueError("not the labels of these images")
        labels = np.frombuffer(file.read(), np.uint8)
    return images, labels.astype(np.int64)


_ALLOWED = frozenset(
    [
        ("_codecs", "encode"),
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy.core.numeric", "_frombuffer"),
        ("numpy._core.numeric", "_frombuffer"),
    ]
)


class _Plain(pickle.Unpickler):
    """Unpickles numbers, texts and numpy arrays only: a pickle can name any function to call."""

    def find_class(self, module: str, name: str) -> Any:
        """Look up what the pickle names, if a CIFAR file needs it."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError("it would call %s.%s" % (module, name))
        return pickle.Unpickler.find_class(self, module, name)


def _cifar(folder: str, name: str) -> tuple[Any, Any]:
    """CIFAR's own pickles: rows of 3072 bytes, channels first."""
    import numpy as np

    member, key = ("test", "fine_labels") if name == "cifar100" else ("test_batch", "labels")
    with open(os.path.join(folder, member), "rb") as file:
        content = _Plain(file, encoding="latin1").load()
    if not isinstance(content, dict):
        raise ValueError("not a dictionary of images")
    images = np.asarray(content["data"], np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.asarray(content[key], np.int64)
