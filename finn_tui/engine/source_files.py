"""Which files belong to one that a request names: it cannot be read without them elsewhere."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from finn_tui.base.errors import FinnTuiError

#: Where an ONNX file names a file beside it that holds some of its tensors.
_EXTERNAL = re.compile(rb"\x0a\x08location\x12([\x01-\x7f])")
#: How deep below its folder the files are that a file may name, and how many are looked at.
_DEPTH = 2
_MOST_NEIGHBOURS = 5_000
#: Python files that are sent with one that may import them: how many, and bytes of all.
_MOST_MODULES = 200
_MOST_MODULE_BYTES = 8 << 20
#: Files of a folder of images.
_MOST_FILES = 200_000


def tensor_files(path: Path) -> Iterator[Path]:
    """Files that hold tensors of an ONNX file."""
    if path.suffix != ".onnx":
        return
    data = path.read_bytes()
    names = {data[at.end() : at.end() + at[1][0]] for at in _EXTERNAL.finditer(data)}
    for name in sorted(names):
        other = path.parent / name.decode("utf-8", "replace")
        if other.is_file():
            yield other


def with_companions(path: Path) -> dict[str, Path]:
    """All files that a path stands for, by their names below one folder.

    That is a folder's content; a graph with the files that it names (external tensors, the
    partition of a parent graph); a Python file with those that it may import.

    Raises:
        OSError: something cannot be read.
        FinnTuiError: a folder has too many files.
    """
    if path.is_dir():
        return {f"{path.name or 'folder'}/{name}": each for name, each in _content(path)}
    chosen = {path.name: path}
    if path.suffix == ".onnx":
        data = path.read_bytes()
        for other in tensor_files(path):
            chosen[str(other.relative_to(path.parent))] = other
        if b"StreamingDataflowPartition" in data:
            neighbours = (item for item in _neighbours(path) if item[0].endswith(".onnx"))
            chosen |= {name: each for name, each in neighbours if each.name.encode() in data}
    elif path.suffix == ".py":
        chosen |= _modules(path)
    return chosen


def _modules(path: Path) -> dict[str, Path]:
    """The Python files beside one, if they are few; in a home folder they are not its own."""
    modules = {name: each for name, each in _neighbours(path) if name.endswith(".py")}
    size = sum(each.stat().st_size for each in modules.values())
    few = len(modules) <= _MOST_MODULES and size <= _MOST_MODULE_BYTES
    return modules if few else {}


def _neighbours(path: Path) -> Iterator[tuple[str, Path]]:
    """Regular files beside a file and in the folders there."""
    root, count = path.parent, 0
    for place, folders, names in os.walk(root):
        depth = len(Path(place).relative_to(root).parts)
        hidden = [name for name in folders if name.startswith((".", "__pycache__"))]
        folders[:] = [] if depth >= _DEPTH else sorted(set(folders) - set(hidden))
        for name in sorted(names):
            count += 1
            if count > _MOST_NEIGHBOURS:
                return
            each = Path(place) / name
            if each != path and each.is_file():
                yield str(each.relative_to(root)), each


def _content(folder: Path) -> Iterator[tuple[str, Path]]:
    count = 0
    for place, _, names in os.walk(folder):
        for name in sorted(names):
            each = Path(place) / name
            if not each.is_file():
                continue
            count += 1
            if count > _MOST_FILES:
                raise FinnTuiError(
                    f"{folder} has more than {_MOST_FILES:,} files",
                    "They would all be sent to the engine's machine.",
                    "Give a smaller folder, or an .npz file with the images.",
                )
            yield str(each.relative_to(folder)), each
