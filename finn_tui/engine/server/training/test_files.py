"""The test images of the data set that a checkpoint was trained on: as samples, and for a board.

``prepare`` compares stages on them, and the run takes them to the board: what is measured there is
the accuracy on the data set that the network is for, under that data set's true name.
"""

import importlib
import os
import pickle
from typing import Any, Dict, List, Optional

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.training import checkpoints, datasets, digits
from finn_tui.engine.server.training.datasets import Dataset

#: Images of a large network that are computed in software while it is prepared.
MOST_SAMPLES = 400


def trained_on(weights: Dict[str, Any], shape: List[int]) -> Optional[Dataset]:
    """Return the test part of the data set that weights come from, if it is still there.

    Args:
        weights: of a source: ``path`` of a checkpoint.
        shape: of one image.
    """
    path = weights.get("path")
    if not path or weights.get("kind", "auto") not in ("auto", "checkpoint"):
        return None
    try:
        document = checkpoints.load(path)
        folder, labels = document.get("dataset_folder"), document.get("labels")
        if not isinstance(folder, str):
            return None
        data = datasets.load(folder, str(labels or "fine"), test_only=True)
    except EngineError:
        return None  # a checkpoint of another trainer, or the data set has moved
    return data if _fits(data, shape) else None


def published(folder: Optional[str], shape: List[int]) -> Optional[Dataset]:
    """Return the test part of the data set that published weights are for.

    Args:
        folder: where it is on this machine; None if it is not.
        shape: of one image.
    """
    if not folder:
        return None
    try:
        data = datasets.load(folder, test_only=True)
    except EngineError:
        return None
    return data if _fits(data, shape) else None


def _fits(data: Dataset, shape: List[int]) -> bool:
    """Return whether images are of a shape, which may be flat."""
    channels, high, wide = data.shape
    return [int(size) for size in shape] in ([channels, high, wide], [channels * high * wide])


def write(folder: str, data: Dataset) -> None:
    """Write the test part under the names that boards' drivers look for.

    Args:
        folder: for the files.
        data: the data set.
    """
    images, labels = data.test_images, data.test_labels
    if data.family == "idx":
        few = images[:1], labels[:1].astype("uint8")  # the training part is never read there
        digits.write_idx(folder, (*few, images, labels.astype("uint8")))
        return
    os.makedirs(folder, exist_ok=True)
    numpy = importlib.import_module("numpy")
    rows = numpy.ascontiguousarray(images.reshape(len(images), -1))
    document: Dict[str, Any] = {"data": rows, "labels": labels.tolist()}
    name = "test_batch"
    if data.family == "cifar100":
        name = "test"
        document["fine_labels"] = document["coarse_labels"] = document.pop("labels")
    with open(os.path.join(folder, name), "wb") as file:
        pickle.dump(document, file, protocol=2)
