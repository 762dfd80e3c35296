"""The files of a mirror: in the run's folder of the workspace, one process at a time.

Nothing is written outside of the run's folder, nor through a link. ``.mirror.json`` says what is
here, ``.mirror`` has what is put together.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import msgspec
from msgspec import Struct

from finn_tui.base import documents, files
from finn_tui.base.errors import FinnTuiError
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.logs.tail import BEGINNING

_RECORD = ".mirror.json"
_LOCK = ".mirror.lock"
PARTS = ".mirror"


class Known(Struct, array_like=True):
    """What the mirror has of one file.

    Attributes:
        inode: on the host; another one means another file.
        size: bytes when it was listed.
        changed (ns): when its content changed.
        local: inode of the file here, so that a file that is not ours is noticed.
        gap: bytes that were left out in the middle; notice: bytes of the line that says so.
    """

    inode: int
    size: int
    changed: int
    local: int
    gap: int = 0
    notice: int = 0


class Record(Struct):
    """What the mirror of a run knows: ``.mirror.json``.

    Attributes:
        newest (ns): the newest change that was listed, by the host's clock.
        whole (s since the epoch): when all files were listed.
        files: what is known of each, by its path.
    """

    newest: int | None = None
    whole: float = 0.0
    files: dict[str, Known] = {}


class Busy(Exception):
    """Another finn-tui updates this mirror right now."""


class MirrorFolder:
    """Where the mirror of one run has its files."""

    def __init__(self, path: Path) -> None:
        """For a run's folder in the workspace."""
        self.path = path
        self._plain: set[Path] = set()

    def local(self, path: str) -> Path:
        """Where a file of the host lies here; its folder is made, and nothing on the way a link."""
        place = self.path
        parts = PurePosixPath(path).parts
        for part in parts[:-1]:
            place /= part
            if place not in self._plain:
                self._make_plain(place)
        return place / parts[-1]

    def _make_plain(self, folder: Path) -> None:
        """Make a folder if it is missing, and see that it is no link."""
        with local_disk(folder):
            folder.mkdir(exist_ok=True)
        if folder.is_symlink():
            raise FinnTuiError(
                f"{folder} is a symbolic link",
                "The mirror of a run writes into its own folder only.",
                "Remove the link; the next update makes the folder.",
            )
        self._plain.add(folder)

    def part(self, identity: str) -> Path:
        """Where a file is put together: what is here of it already survives a broken line."""
        folder = self.path / PARTS
        if folder not in self._plain or not folder.is_dir():
            self._make_plain(folder)
        return folder / hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def load(self) -> Record:
        path = self.path / _RECORD
        try:
            return msgspec.convert(documents.read(path), Record)
        except (FileNotFoundError, FinnTuiError, msgspec.ValidationError):
            return Record()

    def save(self, record: Record) -> None:
        text = msgspec.json.encode(record)
        files.replace(self.path / _RECORD, text, durable=False)


@contextmanager
def held(run: RunFolder) -> Iterator[None]:
    """Keep other finn-tui programs from a run's mirror and from sending it.

    Raises:
        Busy: another one is at it.
        FinnTuiError: the folder cannot be written (kind "disk").
    """
    path = run.path / _LOCK
    try:
        lock = path.open("a")
    except OSError as error:
        raise files.not_written(path, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy from None
        except OSError:
            pass  # a file system without locks
        yield


@contextmanager
def local_disk(path: Path) -> Iterator[None]:
    """What goes wrong on the disk here, told from what goes wrong on the host."""
    try:
        yield
    except OSError as error:
        raise files.not_written(path, error) from error


def append(path: Path, data: bytes) -> None:
    try:
        descriptor = os.open(
            path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644
        )
        with os.fdopen(descriptor, "ab") as file:
            file.write(data)
    except OSError as error:
        raise files.not_written(path, error) from error


def join(local: Path, gap: Path, target: Path, notice: int) -> None:
    """Put what was left out between the beginning and the end of a log."""
    try:
        with local.open("rb") as source, target.open("wb") as out:
            out.write(source.read(BEGINNING))
            with gap.open("rb") as middle:
                while piece := middle.read(1 << 20):
                    out.write(piece)
            source.seek(BEGINNING + notice)
            while piece := source.read(1 << 20):
                out.write(piece)
    except OSError as error:
        raise files.not_written(local, error) from error
