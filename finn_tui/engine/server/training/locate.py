"""Where a data set's files lie, and what form they have. Standard library only."""

import hashlib
import os
import re
import stat
from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple

from finn_tui.engine.server.training.published import IDX_FILES, PUBLISHED

_BATCH = re.compile(r"^data_batch_(\d{1,3})(\.bin)?$")


class Files(NamedTuple):
    """The files of a data set.

    Attributes: ``folder`` they lie in, ``family`` (``idx``, ``cifar10``, ``cifar100``), ``binary``
    whether CIFAR's are its binary version, ``train`` and ``test``: file names (IDX: images, then
    labels).
    """

    folder: str
    family: str
    binary: bool
    train: Tuple[str, ...]
    test: Tuple[str, ...]


def files_in(folder: str) -> Optional[Files]:
    """Return the files of a data set that lie in this very folder; None if there are none."""
    try:
        names = set(os.listdir(folder))
    except OSError:
        return None
    idx = [next((n for n in (name + ".gz", name) if n in names), "") for name in IDX_FILES]
    if any(idx):
        # A missing one is named by the reader.
        idx = [name or IDX_FILES[at] for at, name in enumerate(idx)]
        return Files(folder, "idx", False, (idx[0], idx[1]), (idx[2], idx[3]))
    batches = [match for match in map(_BATCH.match, sorted(names)) if match]
    for suffix in ("", ".bin"):
        numbers = sorted(int(m.group(1)) for m in batches if (m.group(2) or "") == suffix)
        if numbers or "test_batch" + suffix in names:
            train = tuple(
                "data_batch_%d%s" % (number, suffix) for number in range(1, max([1, *numbers]) + 1)
            )
            return Files(folder, "cifar10", bool(suffix), train, ("test_batch" + suffix,))
    for suffix in ("", ".bin"):
        if {"train" + suffix, "test" + suffix} <= names and os.path.isfile(
            os.path.join(folder, "train" + suffix)
        ):
            names_ = ("train" + suffix,), ("test" + suffix,)
            return Files(folder, "cifar100", bool(suffix), *names_)
    return None


def find(folder: str, name: Optional[str] = None) -> List[Files]:
    """Return the data sets in a folder and in those below it where they are usually kept.

    Args:
        folder: to look in.
        name: only those that may be the published data set of this name.
    """
    wanted = [PUBLISHED[name]] if name is not None else list(PUBLISHED.values())
    places = [""] if name is None else []
    places += [place for entry in wanted for place in entry.folders]
    found = []
    for place in places:
        files = files_in(os.path.join(folder, place) if place else folder)
        if files is not None and files.family in {entry.family for entry in wanted}:
            found.append(files)
    if name is not None:
        here = files_in(folder)
        if here is not None and true_name(here) == name:
            found.insert(0, here)
    return found


def true_name(files: Files) -> str:
    """Return the published name if every file is the published one, else the folder's name.

    A subset, or another set in the same form, is never called by the name of what it looks like.
    """
    for entry in PUBLISHED.values():
        if entry.family == files.family and set(entry.md5) == {*files.train, *files.test}:
            paths = {name: os.path.join(files.folder, name) for name in entry.md5}
            if all(_is(paths[name], digest) for name, digest in entry.md5.items()):
                return entry.name
    name = os.path.basename(os.path.realpath(files.folder))
    if name == "raw":
        name = os.path.basename(os.path.dirname(os.path.realpath(files.folder)))
    # A folder may be called like a published set without being it.
    return unverified(files.family) if name.lower() in _TAKEN else name


def unverified(family: str) -> str:
    """Return what to call files in the form of a published set that are not known to be its own.

    Args:
        family: of the files.
    """
    return "unverified files (%s format)" % {"idx": "mnist"}.get(family, family)


def is_published(name: str, paths: Iterable[str]) -> bool:
    """Return whether each file is the published one of its name, by its checksum.

    Args:
        name: of the published set.
        paths: of the files.
    """
    known = set(PUBLISHED[name].md5.values())
    return all(any(_is(path, digest) for digest in known) for path in paths)


def test_name(files: Files) -> Optional[str]:
    """Return the published name if the files of the test part are the published ones, else None."""
    for entry in PUBLISHED.values():
        digests = [entry.md5.get(name) for name in files.test]
        pairs = [
            (os.path.join(files.folder, name), md5_) for name, md5_ in zip(files.test, digests)
        ]
        if entry.family == files.family and all(d is not None and _is(p, d) for p, d in pairs):
            return entry.name
    return None


_TAKEN = {
    word.lower()
    for entry in PUBLISHED.values()
    for word in (entry.name, entry.title, *(part for f in entry.folders for part in f.split("/")))
}

_known: Dict[Tuple[str, int, float], str] = {}


def _is(path: str, digest: str) -> bool:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # a pipe would never end
            return False
        key = (path, status.st_size, status.st_mtime)
        if key not in _known:
            _known[key] = md5(path)
    except OSError:
        return False
    return _known[key] == digest


def md5(path: str) -> str:
    """Return the MD5 of a file, as data sets publish it. Raises ``OSError``."""
    value = hashlib.new("md5")
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            value.update(chunk)
    return value.hexdigest()
