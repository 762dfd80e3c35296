"""Data sets as the trainer needs them: all images as one uint8 array, read from the usual files.

Every file is data from outside: sizes are checked before anything is allocated, pickles may name
nothing but numpy's arrays, and a damaged file is an error that names it.
"""

import gzip
import importlib
import os
import pickle
import stat
import struct
import zlib
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.training import digits, locate
from finn_tui.engine.server.training.published import CIFAR100_CLASSES, DIGITS, DIGITS28, PUBLISHED

#: No data set of these kinds has more (bytes of images in one file).
_MOST_BYTES = 4 << 30
_CIFAR_PIXELS = 3 * 32 * 32


class Dataset(NamedTuple):
    """A data set in memory.

    Attributes: ``name`` its true name, ``family``, ``train_images`` and ``test_images`` uint8
    (N, C, H, W), ``train_labels`` and ``test_labels`` int64 (N,), ``classes`` their names,
    ``source`` the folder it was read from.
    """

    name: str
    family: str
    train_images: Any
    train_labels: Any
    test_images: Any
    test_labels: Any
    classes: Tuple[str, ...]
    source: str

    @property
    def shape(self) -> Tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.test_images.shape[1:]
        return int(channels), int(height), int(width)


def load(folder: str, labels: str = "fine", test_only: bool = False) -> Dataset:
    """Read a data set.

    Args:
        folder: in which its files lie, or ``digits28``, which has none.
        labels: of CIFAR-100: ``fine`` (100 classes) or ``coarse`` (20).
        test_only: leave the training part out (its arrays are empty).

    Raises ``EngineError``: a file is missing or damaged.
    """
    if folder == DIGITS28:
        images, classes, test, test_classes = digits.digits28()
        source = "scikit-learn's digits, drawn as 28x28"
        return _checked(
            DIGITS28, "idx", (images, classes), (test, test_classes), DIGITS, source, folder
        )
    files = locate.files_in(folder)
    if files is None:
        raise EngineError(
            "There is no data set in %s" % folder,
            "It has none of the files of MNIST (IDX), CIFAR-10 or CIFAR-100.",
            "Name the folder that holds the files themselves",
        )
    read = {"idx": _idx, "cifar10": _cifar10, "cifar100": _cifar100}[files.family]
    train = None if test_only else read(files, files.train, labels)
    part = read(files, files.test, labels)
    if train is None:
        train = part[0][:0], part[1][:0]
    name = locate.true_name(files)
    if files.family == "cifar100" and labels == "coarse":
        name += " (coarse labels)"
    return _checked(name, files.family, train, part, _names(files, labels), folder, folder)


def read_test(files: locate.Files, labels: str = "fine") -> Dataset:
    """Read the test part alone, whether or not the rest is there.

    Args:
        files: of the data set.
        labels: of CIFAR-100: ``fine`` or ``coarse``.

    Its name is empty where the files are not a published set's. Raises ``EngineError``: a file is
    missing or damaged.
    """
    read = {"idx": _idx, "cifar10": _cifar10, "cifar100": _cifar100}[files.family]
    part = read(files, files.test, labels)
    name = locate.test_name(files) or ""
    if name and files.family == "cifar100" and labels == "coarse":
        name += " (coarse labels)"
    names = _names(files, labels, name)
    return _checked(
        name, files.family, (part[0][:0], part[1][:0]), part, names, files.folder, files.folder
    )


def _checked(
    name: str,
    family: str,
    train: Tuple[Any, Any],
    test: Tuple[Any, Any],
    classes: Tuple[str, ...],
    source: str,
    folder: str,
) -> Dataset:
    numpy = importlib.import_module("numpy")
    for images, labels in (train, test):
        if len(labels) and int(labels.max()) >= len(classes):
            raise _damaged(
                folder, "A label is %d; there are %d classes." % (int(labels.max()), len(classes))
            )
        if images.shape[1:] != test[0].shape[1:]:
            raise _damaged(folder, "Training and test images differ in size.")
    if not len(test[0]):
        raise _damaged(folder, "Its test part has no images.")
    # Copies: what was read from a file's bytes cannot be written to, which torch wants.
    return Dataset(
        name=name,
        family=family,
        train_images=numpy.array(train[0]),
        train_labels=train[1].astype(numpy.int64),
        test_images=numpy.array(test[0]),
        test_labels=test[1].astype(numpy.int64),
        classes=classes,
        source=source,
    )


def _damaged(path: str, why: str) -> EngineError:
    return EngineError(
        "%s cannot be read as a data set" % path,
        why,
        "Copy or download the file again; `finn-tui train --help` says which files are read",
    )


def _path(files: locate.Files, name: str) -> str:
    """Return the path of a file that can be read to its end, of a bounded size."""
    path = os.path.join(files.folder, name)
    try:
        status = os.stat(path)
    except FileNotFoundError as error:
        raise EngineError(
            "%s is missing" % path,
            "The other files of the data set are there.",
            "Copy it there, or name another folder",
        ) from error
    except OSError as error:
        raise _damaged(path, str(error)) from error
    # A pipe would never end.
    if not stat.S_ISREG(status.st_mode):
        raise _damaged(path, "It is not a regular file.")
    if status.st_size > _MOST_BYTES:
        raise _damaged(path, "It has more than %d bytes." % _MOST_BYTES)
    return path


def _open(files: locate.Files, name: str) -> bytes:
    """Return a file's content, unpacked; of a bounded size."""
    path = _path(files, name)
    opened = gzip.open if name.endswith(".gz") else open
    try:
        with opened(path, "rb") as file:
            content: bytes = file.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, str(error)) from error
    if len(content) > _MOST_BYTES:
        raise _damaged(path, "It unpacks to more than %d bytes." % _MOST_BYTES)
    return content


# IDX


def _idx(files: locate.Files, names: Tuple[str, ...], labels: str) -> Tuple[Any, Any]:
    images = _idx_array(files, names[0], 3)
    classes = _idx_array(files, names[1], 1)
    if len(images) != len(classes):
        raise _damaged(
            os.path.join(files.folder, names[1]),
            "It has %d labels for %d images." % (len(classes), len(images)),
        )
    return images[:, None], classes


def _idx_array(files: locate.Files, name: str, axes: int) -> Any:
    """Read uint8 values: two zero bytes, 8, the number of axes, each axis big-endian, the bytes."""
    numpy = importlib.import_module("numpy")
    path = os.path.join(files.folder, name)
    content = _open(files, name)
    head = 4 + 4 * axes
    if len(content) < head or content[:4] != bytes((0, 0, 8, axes)):
        raise _damaged(path, "It does not begin as an IDX file of %d axes of bytes does." % axes)
    shape = struct.unpack(">%dI" % axes, content[4:head])
    size = 1
    for length in shape:
        size *= length
    if len(content) - head != size:
        raise _damaged(
            path,
            "Its head says %s, that is %d bytes; it has %d."
            % (" x ".join(map(str, shape)), size, len(content) - head),
        )
    return numpy.frombuffer(content, numpy.uint8, size, head).reshape(shape)


# CIFAR

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


class _NumpyUnpickler(pickle.Unpickler):
    """Unpickles numbers, texts and numpy arrays only: a pickle can name any function to call."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what the pickle names, if a CIFAR file needs it."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError("it would call %s.%s" % (module, name))
        return super().find_class(module, name)


def _unpickled(files: locate.Files, name: str) -> Dict[str, Any]:
    path = _path(files, name)
    try:
        with open(path, "rb") as file:
            content = _NumpyUnpickler(file, encoding="latin1").load()
    except Exception as error:
        # What an unpickler raises depends on the bytes it meets.
        raise _damaged(path, "%s: %s" % (type(error).__name__, error)) from error
    if not isinstance(content, dict):
        raise _damaged(path, "It does not hold a dictionary, as CIFAR's files do.")
    # Subsets are often written by programs that have read the keys as bytes.
    return {
        key.decode("utf-8", "replace") if isinstance(key, bytes) else key: value
        for key, value in content.items()
    }


def _cifar10(files: locate.Files, names: Tuple[str, ...], labels: str) -> Tuple[Any, Any]:
    return _joined([_cifar(files, name, "labels", 1, 0) for name in names])


def _cifar100(files: locate.Files, names: Tuple[str, ...], labels: str) -> Tuple[Any, Any]:
    if labels not in CIFAR100_CLASSES:
        raise EngineError("CIFAR-100 has no %r labels" % labels, "", "Use fine or coarse")
    at = 1 if labels == "fine" else 0
    return _joined([_cifar(files, name, "%s_labels" % labels, 2, at) for name in names])


def _cifar(files: locate.Files, name: str, key: str, count: int, at: int) -> Tuple[Any, Any]:
    """Read one file of CIFAR.

    Args:
        files: of the data set.
        name: of the file.
        key: of the labels in the Python version.
        count: labels before each image of the binary version.
        at: which of them is wanted.
    """
    numpy = importlib.import_module("numpy")
    path = os.path.join(files.folder, name)
    if files.binary:
        content = _open(files, name)
        row = count + _CIFAR_PIXELS
        if not content or len(content) % row:
            raise _damaged(path, "Its %d bytes are no multiple of %d." % (len(content), row))
        rows = numpy.frombuffer(content, numpy.uint8).reshape(-1, row)
        return rows[:, count:].reshape(-1, 3, 32, 32), rows[:, at]
    document = _unpickled(files, name)
    try:
        images = numpy.asarray(document["data"])
        labels = numpy.asarray(document[key])
    except KeyError as error:
        raise _damaged(path, "It has no %s." % error) from error
    except (ValueError, TypeError) as error:
        raise _damaged(path, str(error)) from error
    if images.dtype != numpy.uint8 or images.ndim != 2 or images.shape[1] != _CIFAR_PIXELS:
        raise _damaged(
            path,
            "Its images are %s of %s, not uint8 of N x %d."
            % (images.dtype, " x ".join(map(str, images.shape)), _CIFAR_PIXELS),
        )
    if images.nbytes > _MOST_BYTES:  # a pickle of a few bytes can say so
        raise _damaged(path, "Its images have more than %d bytes." % _MOST_BYTES)
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu" or (labels < 0).any():
        raise _damaged(path, "Its labels do not fit its %d images." % len(images))
    return images.reshape(-1, 3, 32, 32), labels


def _joined(parts: List[Tuple[Any, Any]]) -> Tuple[Any, Any]:
    numpy = importlib.import_module("numpy")
    images, labels = zip(*parts)
    return numpy.concatenate(images), numpy.concatenate(labels)


def _names(files: locate.Files, labels: str, name: str = "") -> Tuple[str, ...]:
    """Return the names of the classes: those that the files bring, or numbers.

    ``name`` is the published name of the set if it is known already.
    """
    count = {"idx": 10, "cifar10": 10}.get(files.family) or CIFAR100_CLASSES[labels]
    names = _named(files, labels)
    if names is None and labels == "fine":
        entry = PUBLISHED.get(name or locate.true_name(files))
        names = entry.classes if entry is not None else None
    if names is not None and len(names) == count:
        return names
    return tuple(str(at) for at in range(count))


def _named(files: locate.Files, labels: str) -> Optional[Tuple[str, ...]]:
    if files.family == "idx":
        return None
    key = "label_names" if files.family == "cifar10" else "%s_label_names" % labels
    texts: Any = None
    if files.binary:
        name = "batches.meta.txt" if files.family == "cifar10" else "%s.txt" % key
        path = os.path.join(files.folder, name)
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                texts = file.read(1 << 16).split()
    else:
        name = "batches.meta" if files.family == "cifar10" else "meta"
        if os.path.isfile(os.path.join(files.folder, name)):
            texts = _unpickled(files, name).get(key)
    if not isinstance(texts, (list, tuple)):
        return None
    return tuple(str(text)[:40] for text in texts)
