"""Run folders that another machine has sent: checked, unpacked, under their names only when whole.

Standard library only.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import tarfile
import time
from typing import Any, Dict, Iterator, List, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.hashes import file_sha256
from finn_tui.engine.server.runs import listing, runfiles

#: A run with a data set of its own has some hundred megabytes.
MOST_BYTES = 8 << 30
MOST_MEMBERS = 20_000
#: Of all folders of a series together.
MOST_MEMBERS_OF_SERIES = 1_000_000
#: How long another process may take to unpack the same file; a terminal waits longer.
PATIENCE_SECONDS = 300.0


def receive(request: Dict[str, Any]) -> Dict[str, Any]:
    """Unpack a run folder; nothing if that was done before.

    ``request``: ``packed`` the tar file, ``sha256`` of it, ``folder`` the run folder to make.
    """
    packed, folder = str(request["packed"]), str(request["folder"])
    again = True
    with _explained(os.path.dirname(folder)):
        if not _is_whole(folder):
            with _alone(packed):
                # An earlier attempt, whose line broke, may have gone on until now.
                again = _is_whole(folder)
                if not again:
                    _check(packed, str(request["sha256"]))
                    _make(packed, folder)
    _forget(packed)
    return {"folder": os.path.realpath(folder), "again": again}


def receive_many(request: Dict[str, Any]) -> Dict[str, Any]:
    """Unpack the run folders of a series; those that are there already are left alone.

    ``request``: ``packed`` the tar file, in which each folder has its name and what is the same in
    several is there once, with links to it; ``sha256`` of it; ``folders`` the run folders to make,
    all below one folder.
    """
    packed, folders = str(request["packed"]), [str(one) for one in request["folders"]]
    parent = os.path.dirname(packed)
    if any(os.path.dirname(folder) != parent for folder in folders):
        raise EngineError("The run folders are not beside what was sent", parent, kind="input")
    left = [folder for folder in folders if not _is_whole(folder)]
    with _explained(parent):
        if left:
            with _alone(packed):
                left = [folder for folder in folders if not _is_whole(folder)]
                if left:
                    _check(packed, str(request["sha256"]))
                    _make_many(packed, left)
    _forget(packed)
    return {"made": len(left)}


@contextlib.contextmanager
def _explained(parent: str) -> Iterator[None]:
    """Say what a disk that cannot take run folders means."""
    try:
        yield
    except (OSError, tarfile.TarError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = listing.free_bytes(parent)
            raise EngineError(
                "The disk is full where the run's folder is to be",
                "%.1f GB are free at %s: %s" % (free / 1e9, parent, error),
                "Make room there (`finn-tui runs clean`), then send it again",
                kind="disk",
            ) from error
        raise EngineError(
            "The run's folder could not be made",
            str(error),
            "Look at the owner and the rights of %s" % parent,
            kind="disk",
        ) from error


def _is_whole(folder: str) -> bool:
    return os.path.isfile(os.path.join(folder, runfiles.RUN))


@contextlib.contextmanager
def _alone(packed: str) -> Iterator[None]:
    """Wait until no other process unpacks a file, and keep others from it.

    Raises ``EngineError`` if one goes on for too long, and ``OSError`` if the file is not there.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    with open(packed, "r+b") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EngineError(
                        "The run's folder is still being unpacked",
                        "A process there has done so for more than %d s." % PATIENCE_SECONDS,
                        "Try again later",
                        kind="disk",
                    ) from None
                time.sleep(0.1)
            except OSError:
                break  # a file system without locks
        yield


def _check(packed: str, sha256: str) -> None:
    if file_sha256(packed) != sha256:
        _forget(packed)
        raise EngineError(
            "The run's folder has not arrived as it was sent",
            "The hash of %s is another one." % packed,
            "Send it again; the file was removed",
            kind="disk",
        )


def _make(packed: str, folder: str) -> None:
    """Unpack beside the folder, then give it its name."""
    partial = "%s/.%s.partial" % os.path.split(folder)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        os.makedirs(partial)
        with tarfile.open(packed, "r:") as archive:
            _unpack(archive, partial)
        os.rename(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _make_many(packed: str, folders: List[str]) -> None:
    """Unpack all beside the folders, then give them their names: no part of a series is left."""
    partials = {folder: "%s/.%s.partial" % os.path.split(folder) for folder in folders}
    try:
        with tarfile.open(packed, "r:") as archive:
            members = _members(archive)
            for folder, partial in partials.items():
                shutil.rmtree(partial, ignore_errors=True)
                os.makedirs(partial)
                total = 0
                for path, source in members.get(os.path.basename(folder), ()):
                    total += source.size
                    if total > MOST_BYTES:
                        raise _odd(path)
                    _write(archive, source, os.path.join(partial, path), sync=False)
                if not _is_whole(partial):
                    raise EngineError(
                        "A run folder of the series was not sent",
                        os.path.basename(folder),
                        kind="input",
                    )
        # Once for thousands of files.
        os.sync()
        for folder, partial in partials.items():
            os.rename(partial, folder)
    except BaseException:
        for partial in partials.values():
            shutil.rmtree(partial, ignore_errors=True)
        raise


def _members(archive: tarfile.TarFile) -> Dict[str, List[Tuple[str, tarfile.TarInfo]]]:
    """The files of each folder by their paths in it; a link is the file that it leads to."""
    files: Dict[str, tarfile.TarInfo] = {}
    folders: Dict[str, List[Tuple[str, tarfile.TarInfo]]] = {}
    for count, member in enumerate(archive):
        source = files.get(member.linkname) if member.islnk() else member
        parts = member.name.split("/")
        if (
            source is None
            or not source.isreg()
            or len(parts) < 2
            or not _is_plain(parts)
            or count >= MOST_MEMBERS_OF_SERIES
        ):
            raise _odd(member.name)
        files[member.name] = source
        folders.setdefault(parts[0], []).append(("/".join(parts[1:]), source))
    return folders


def _is_plain(parts: List[str]) -> bool:
    return not any(part in ("", ".", "..") for part in parts)


def _odd(name: str) -> EngineError:
    return EngineError("The run's folder holds what none does", name, kind="input")


def _unpack(archive: tarfile.TarFile, target: str) -> None:
    """Files and folders only, all below the target: nothing else is in a run folder."""
    total = 0
    for count, member in enumerate(archive):
        parts = member.name.split("/")
        plain = member.isreg() or member.isdir()
        total += member.size
        if not plain or not _is_plain(parts) or total > MOST_BYTES or count >= MOST_MEMBERS:
            raise _odd(member.name)
        path = os.path.join(target, *parts)
        if member.isdir():
            os.makedirs(path, exist_ok=True)
        else:
            _write(archive, member, path, sync=True)


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: str, sync: bool) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    source = archive.extractfile(member)
    assert source is not None
    with source, open(path, "xb") as file:
        shutil.copyfileobj(source, file)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    os.chmod(path, 0o755 if member.mode & 0o100 else 0o644)


def _forget(packed: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(packed)
