"""Small data sets in the real formats: IDX, and CIFAR's Python and binary versions.

Needs numpy only, so that the engine's Python can make them, too.
"""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np


def learnable(classes: int, count: int, shape: tuple[int, ...], seed: int = 0) -> tuple[Any, Any]:
    """Images whose class shows as a pattern of its own in noise; labels in turn."""
    random = np.random.RandomState(seed)
    patterns = np.random.RandomState(7).randint(0, 2, (classes, *shape)) * 160
    labels = np.arange(count) % classes
    noise = random.randint(0, 96, (count, *shape))
    return (patterns[labels] + noise).astype(np.uint8), labels.astype(np.uint8)


def write_idx(folder: Path, *, train: int = 200, test: int = 100, packed: bool = True) -> None:
    """Write MNIST's four files, gzipped or not."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, count, seed in (("train", train, 1), ("t10k", test, 2)):
        images, labels = learnable(10, count, (28, 28), seed)
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes((0, 0, 8, array.ndim))
            head += b"".join(struct.pack(">I", size) for size in array.shape)
            content = head + array.tobytes()
            path = folder / f"{prefix}-{name}-ubyte"
            if packed:
                path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
            else:
                path.write_bytes(content)


def write_cifar10(
    folder: Path, *, binary: bool = False, count: int = 100, batches: int = 2
) -> None:
    """Write CIFAR-10's batches."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [*(f"data_batch_{number}" for number in range(1, batches + 1)), "test_batch"]
    for seed, name in enumerate(names):
        images, labels = learnable(10, count, (3, 32, 32), seed)
        rows = images.reshape(count, -1)
        if binary:
            content = np.concatenate([labels[:, None], rows], axis=1).tobytes()
            (folder / f"{name}.bin").write_bytes(content)
        else:
            # Protocol 2, as the published files: arrays of Python 2's numpy.
            document = {"data": rows, "labels": labels.tolist(), "batch_label": name}
            (folder / name).write_bytes(pickle.dumps(document, protocol=2))
    if not binary:
        meta = {"label_names": [f"class{at}" for at in range(10)]}
        (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))


def write_cifar100(
    folder: Path, *, binary: bool = False, train: int = 400, test: int = 200, classes: int = 100
) -> None:
    """Write CIFAR-100's two files; the coarse label is the fine one / 5."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, count) in enumerate((("train", train), ("test", test))):
        images, labels = learnable(classes, count, (3, 32, 32), seed)
        rows = images.reshape(count, -1)
        coarse = labels // 5
        if binary:
            content = np.concatenate([coarse[:, None], labels[:, None], rows], axis=1)
            (folder / f"{name}.bin").write_bytes(content.astype(np.uint8).tobytes())
            continue
        document = {
            "data": rows,
            "fine_labels": labels.tolist(),
            "coarse_labels": coarse.tolist(),
        }
        (folder / name).write_bytes(pickle.dumps(document, protocol=2))
