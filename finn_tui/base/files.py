"""The only atomic replace and locked update of files, and the bounded reading of one.

``engine/server`` and ``board/agent`` keep their own: they also run where finn-tui is not installed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import size

#: Seconds that an update waits for another process that changes the same file.
LOCK_SECONDS = 10.0

#: Updates of one file that are tried while somebody without a lock writes it, too.
_TRIES = 5


#: Bytes beyond which a file is none that is changed or sealed here.
_MOST_BYTES = 256 << 20


@contextlib.contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading; where its system has nothing to give, None is read.

    Raises:
        OSError: it cannot be opened, or is no regular file: a pipe or a device may never end.
    """

    def opened(name: str, flags: int) -> int:
        # Opening a pipe would wait for somebody who writes to it.
        return os.open(name, flags | os.O_NONBLOCK)

    with open(path, "rb", opener=opened) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "It is a device, a pipe or a socket", str(path))
        yield file


def read_bounded(path: Path, most: int) -> bytes:
    """Return the content of a regular file.

    Args:
        path: the file, or a symbolic link to it.
        most: bytes that it may have.

    Raises:
        OSError: it cannot be read, has more bytes, or is no regular file.
    """
    with open_regular(path) as file:
        content = file.read(most + 1) or b""
    if len(content) > most:
        raise OSError(errno.EFBIG, f"It is larger than {size(most)}", str(path))
    return content


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Give a file to write to, which takes the place of ``path`` when the block ends well.

    Readers see the old content or the new, never a part. A symbolic link stays and the file it
    names is replaced; its permissions are kept.

    Args:
        path: the file to replace; its folder is made if it is missing.
        durable: wait until the content is on the disk; False for what can be computed again.

    Raises:
        FinnTuiError: it cannot be written (kind "disk"); what was there before is kept.
    """
    try:
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        # A name of its own: two processes that write the same file must not share it.
        partial = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.partial")
        try:
            with partial.open("xb") as file:
                yield file
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            with contextlib.suppress(FileNotFoundError):
                partial.chmod(target.stat().st_mode & 0o7777)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        if durable:
            _sync_folder(target.parent)
    except OSError as error:
        raise not_written(path, error) from error


def replace(path: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Replace a file's content atomically.

    Args:
        path: the file.
        content: its new content.
        durable: wait until the disk has it.

    Raises:
        FinnTuiError: it cannot be written (kind "disk"); the previous content is kept.
    """
    with replacing(path, durable=durable) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


def not_written(path: Path, error: OSError) -> FinnTuiError:
    """Return the error for a file that could not be written.

    Args:
        path: the file.
        error: what the system said.
    """
    return FinnTuiError(
        f"{path} could not be written",
        str(error),
        "Make room on the disk, or choose a folder that can be written; nothing that was there "
        "is lost.",
        kind="disk",
    )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file against every other finn-tui that changes it.

    Raises:
        FinnTuiError: another process holds it for too long, or no lock can be made there.
    """
    # Only who changes a file needs it; importing it takes as long as reading many files.
    import filelock

    target = Path(os.path.realpath(path))
    lock = filelock.FileLock(target.with_name(f".{target.name}.lock"), timeout=LOCK_SECONDS)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout as error:
        raise FinnTuiError(
            f"{path} is being changed by another finn-tui",
            f"It holds the lock {lock.lock_file} for more than {LOCK_SECONDS:g} s.",
            "Try again when the other one has finished.",
            kind="disk",
        ) from error
    except OSError as error:
        raise not_written(path, error) from error
    try:
        yield
    finally:
        lock.release()


def update(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change a file under its lock.

    An editor that takes no lock is respected: what it writes while ``change`` works is read again.

    Args:
        path: the file.
        change: gets the content (empty if there is no file) and returns the new one.

    Raises:
        FinnTuiError: the file can be neither read nor written, or is locked for too long; and
            whatever ``change`` raises, in which case the file stays as it is.
    """
    with locked(path):
        for _ in range(_TRIES):
            before = stamp(path)
            try:
                content = read_bounded(path, _MOST_BYTES)
            except FileNotFoundError:
                content = b""
            except OSError as error:
                raise not_written(path, error) from error
            changed = change(content)
            if changed == content:
                return
            if stamp(path) == before:
                replace(path, changed)
                return
    raise FinnTuiError(
        f"{path} was not changed",
        "Another program keeps writing it.",
        "Close the editor that has it open, and try again.",
        kind="disk",
    )


_SEAL = re.compile(rb'\{"sha256": "([0-9a-f]{64})",')


def write_sealed(path: Path, document: Mapping[str, Any], *, indent: int | None = None) -> None:
    """Write a JSON object with the hash of its own text as its first key.

    Args:
        path: the file.
        document: what to keep; at least one key.
        indent: as ``json.dumps`` takes it.

    Raises:
        FinnTuiError: it cannot be written.
    """
    body = json.dumps(document, indent=indent)[1:]
    digest = hashlib.sha256(body.encode()).hexdigest()
    replace(path, f'{{"sha256": "{digest}",{body}')


def read_sealed(path: Path) -> dict[str, Any] | None:
    """Read what ``write_sealed`` wrote; None if it is missing, cut off or was edited."""
    try:
        content = read_bounded(path, _MOST_BYTES)
    except OSError:
        return None
    seal = _SEAL.match(content)
    if seal is None or hashlib.sha256(content[seal.end() :]).hexdigest() != seal[1].decode():
        return None
    document: dict[str, Any] = json.loads(b"{" + content[seal.end() :])
    return document


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, as hex. Raises ``OSError`` if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


#: What tells one state of a file from another without reading it.
Stamp = tuple[int, int, int] | None


def stamp(path: Path) -> Stamp:
    """Inode, size in bytes and time of change in ns of a file; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _sync_folder(folder: Path) -> None:
    # The new name is on the disk when its folder is; not every file system can do that.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
