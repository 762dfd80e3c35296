"""Images to show, train and validate on that need no network.

"digits28" is scikit-learn's bundled set of handwritten digits (1,797 images of 8x8, 16 grey
levels; a copy of the test set of the UCI ML hand-written digits) brought into the form of MNIST:
28x28 uint8 with the digit in the middle, split once and for all into 1,397 and 400 images.
"""

import gzip
import importlib
import importlib.util
import os
import struct
from typing import Any, Tuple

from finn_tui.engine.protocol import EngineError

TEST_IMAGES = 400
_BOX = 20  # MNIST draws its digits into a box of 20x20 in the middle of 28x28

Split = Tuple[Any, Any, Any, Any]


def _numpy() -> Any:
    return importlib.import_module("numpy")


def available() -> bool:
    """Whether scikit-learn is there; finn-plus needs it, upstream FINN does not."""
    return importlib.util.find_spec("sklearn") is not None


def digits28() -> Split:
    """(train images, train labels, test images, test labels); images uint8 (N, 1, 28, 28)."""
    np = _numpy()
    try:
        bunch = importlib.import_module("sklearn.datasets").load_digits()
    except ImportError as error:
        raise EngineError(
            "This engine has no digits to train on",
            str(error),
            "Install scikit-learn into the engine, or give a checkpoint",
            kind="engine",
        ) from error
    small = bunch.images.astype(np.float64) * (255.0 / 16.0)
    scale = _bilinear(np, small.shape[1], _BOX)
    large = np.einsum("ij,njk,lk->nil", scale, small, scale)
    edge = (28 - _BOX) // 2
    images = np.zeros((len(large), 1, 28, 28), dtype=np.uint8)
    images[:, 0, edge:-edge, edge:-edge] = np.rint(np.clip(large, 0, 255)).astype(np.uint8)
    labels = bunch.target.astype(np.uint8)
    # RandomState's stream is frozen by numpy's policy: the split is the same everywhere.
    order = np.random.RandomState(28).permutation(len(images))
    test, train = order[:TEST_IMAGES], order[TEST_IMAGES:]
    return images[train], labels[train], images[test], labels[test]


def _bilinear(np: Any, source: int, target: int) -> Any:
    """The (target x source) matrix of linear interpolation between pixel centres."""
    matrix = np.zeros((target, source))
    for row in range(target):
        centre = min(max((row + 0.5) * source / target - 0.5, 0.0), source - 1.0)
        left = min(int(centre), source - 2)
        matrix[row, left + 1] = centre - left
        matrix[row, left] = 1.0 - (centre - left)
    return matrix


def write_idx(folder: str, split: Split) -> None:
    """Write a split as the four gzip files of MNIST, under the names its readers look for."""
    os.makedirs(folder, exist_ok=True)
    for prefix, images, labels in (("train", split[0], split[1]), ("t10k", split[2], split[3])):
        _write_gz(os.path.join(folder, prefix + "-images-idx3-ubyte.gz"), images[:, 0])
        _write_gz(os.path.join(folder, prefix + "-labels-idx1-ubyte.gz"), labels)


def _write_gz(path: str, array: Any) -> None:
    # IDX: two zero bytes, 8 for uint8, the number of axes, then each axis big-endian.
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim)
    header += b"".join(struct.pack(">I", size) for size in array.shape)
    with open(path, "wb") as stream, gzip.GzipFile("", "wb", 9, stream, mtime=0) as packed:
        packed.write(header + array.tobytes())


def photographs(shape: Tuple[int, ...], count: int) -> Any:
    """``count`` uint8 images (N, C, H, W) cut from scikit-learn's two photographs.

    For networks whose own dataset is not at hand: something to look at and to compare outputs on,
    without any label.
    """
    np = _numpy()
    channels, height, width = shape
    random = np.random.RandomState(32)
    try:
        photos = importlib.import_module("sklearn.datasets").load_sample_images().images
    except ImportError:
        photos = []  # Pillow or scikit-learn is missing: noise serves to compare outputs
    images = np.zeros((count, channels, height, width), dtype=np.uint8)
    for index in range(count):
        if channels not in (1, 3) or not photos:
            images[index] = random.randint(0, 256, size=shape)
            continue
        photo = photos[index % len(photos)]
        step = 4  # each pixel is the mean of 4x4, so that a crop shows more than one texture
        if photo.shape[0] < height * step or photo.shape[1] < width * step:
            step = 1
        top = random.randint(0, photo.shape[0] - height * step + 1)
        left = random.randint(0, photo.shape[1] - width * step + 1)
        crop = photo[top : top + height * step, left : left + width * step].astype(np.float64)
        crop = crop.reshape(height, step, width, step, 3).mean(axis=(1, 3))
        if channels == 1:
            crop = crop.mean(axis=2, keepdims=True)
        images[index] = np.rint(crop).astype(np.uint8).transpose(2, 0, 1)
    return images
