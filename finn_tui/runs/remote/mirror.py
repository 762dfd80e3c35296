"""The mirror of a run that works on a host: its documents, logs and reports, as they grow there.

What is known is not read again: logs are read on from where they were left, other files only when
they have changed. Of a log that is large already when it is first seen, the beginning and the end
are fetched; ``fetch_whole`` fetches the rest. Paths and sizes from the host are data: nothing is
written outside of the run's folder, nor through a link. A final state is written last, so that
whoever sees it finds everything that belongs to it.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
from msgspec import Struct

from finn_tui.base import documents, files
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import size as size_text
from finn_tui.engine.server import runfiles
from finn_tui.hosts.remote_files import RemoteFiles
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.logs.tail import BEGINNING, END, LARGE

RECORD = ".mirror.json"
_LOCK = ".mirror.lock"
PARTS = ".mirror"

#: Read at a time; several pieces are on their way at once.
PIECE = 1 << 20
_AT_ONCE = 8
#: What one update reads at most, so that the next listing is not late.
MOST_BYTES = 16 << 20
#: Reports have less, and so has a deployment package of the largest card.
MOST_REPORT = 64 << 20
MOST_OUTPUT = 2 << 30
#: Nothing tells of files that a network folder showed late, or whose clock was set back: all are
#: listed anew after this many seconds.
WHOLE_SECONDS = 60.0

_TOP = {runfiles.EVENTS, runfiles.RESULTS, runfiles.LOG}
_FOLDERS = {"build", "finn_build_dir"}


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


class Listed(Struct, array_like=True):
    """A file as the host lists it."""

    path: str
    size: int
    inode: int
    changed: int


class HostAnswer(Struct):
    """What a host says of one run; see ``engine/server/listing.py``.

    Attributes:
        folder: which run was asked for.
        state: its state.json; null where it could not be read.
        files: those that have changed.
        newest (ns): the newest change.
        complete: whether all files were looked at.
        free: bytes on its disk.
        missing: there is no such folder.
        error: why it could not be looked at.
    """

    folder: str
    state: dict[str, Any] | None = None
    files: list[Listed] = []
    newest: int = 0
    complete: bool = True
    free: int | None = None
    missing: bool = False
    error: str = ""


class Busy(Exception):
    """Another finn-tui updates this mirror right now."""


class Mirror:
    """The mirror of one run.

    Attributes:
        read: bytes that were read from the host, for tests and for people.
        left: bytes that are still to be fetched after the last update.
    """

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.read = 0
        self.left = 0
        self._record: Record | None = None
        self._everything = False
        self._plain: set[Path] = set()

    def since(self) -> int | None:
        """What to ask the host for: changes after this; None for all files."""
        record = self._record or self._load()
        late = not 0 <= time.time() - record.whole <= WHOLE_SECONDS
        return None if late or self._everything else record.newest

    @property
    def asks_all(self) -> bool:
        """Whether all files are to be listed the next time, as at a run's end."""
        return self._everything

    def ask_all(self) -> None:
        """Have all files listed the next time."""
        self._everything = True

    async def update(
        self, remote: RemoteFiles, folder: str, answer: HostAnswer, *, asked_all: bool, shift: float
    ) -> bool:
        """Fetch what is new; returns whether all that was listed is here.

        Args:
            remote: the host's files.
            folder: the run folder there.
            answer: what the host says of the run.
            asked_all: whether it was asked for all files.
            shift (s): the host's clock minus this machine's.

        Raises:
            Busy: another finn-tui does it.
            FinnTuiError: the line broke, the disk here is full, or the host's answer is none.
        """
        with held(self.run):
            self._record = record = self._load()
            wanted = [one for one in answer.files if self._is_wanted(one)]
            work = [one for one in wanted if self._is_new(one)]
            budget, complete = MOST_BYTES, True
            fetched = False
            self.left = sum(self._missing(one) for one in work)
            try:
                semaphore = asyncio.Semaphore(_AT_ONCE)
                tasks = []
                for one in work:
                    share = min(self._missing(one), budget)
                    if share <= 0 and self._missing(one) > 0:
                        complete = False
                        continue
                    budget -= share
                    complete &= share >= self._missing(one)
                    tasks.append(self._fetch(remote, folder, one, share, shift, semaphore))
                await _all(tasks)
                fetched = True
            finally:
                if complete and fetched:
                    record.newest = answer.newest
                    if asked_all:
                        record.whole, self._everything = time.time(), False
                self._save(record)
            final = answer.state is not None and answer.state.get("state") in runfiles.FINAL
            if answer.state is not None and (not final or (complete and asked_all)):
                await asyncio.to_thread(self._write_state, answer.state)
            return complete

    async def fetch_whole(self, remote: RemoteFiles, folder: str, path: str) -> None:
        """Fetch what was left out of a large log.

        Args:
            remote: the host's files.
            folder: the run folder there.
            path: the log, below the run's folder.

        Raises:
            Busy: another finn-tui updates the mirror.
            FinnTuiError: the line broke, or the disk here is full.
        """
        with held(self.run):
            self._record = record = self._load()
            known = record.files.get(path)
            if known is None or not known.gap:
                return
            local = self._local(path)
            part = self._part(f"{path}\0{known.inode}\0gap")
            offset = BEGINNING + (part.stat().st_size if part.exists() else 0)
            while offset < BEGINNING + known.gap:
                most = min(PIECE, BEGINNING + known.gap - offset)
                piece = await remote.read_from(f"{folder}/{path}", offset, most)
                if not piece:
                    raise _gone(self.run, path)
                self.read += len(piece)
                await asyncio.to_thread(_append, part, piece)
                offset += len(piece)
            target = self._part(f"{path}\0{known.inode}\0whole")
            await asyncio.to_thread(_join, local, part, target, known.notice)
            known.gap = known.notice = 0
            known.local = target.stat().st_ino
            self._save(record)
            target.replace(local)
            part.unlink(missing_ok=True)

    # One file

    def _is_wanted(self, one: Listed) -> bool:
        if not is_plain_path(one.path) or one.size < 0:
            return False
        if one.path in _TOP:
            return one.path != runfiles.RESULTS or one.size <= MOST_REPORT
        if is_log(one.path):
            return True
        return one.size <= (MOST_OUTPUT if one.path.startswith("build/") else MOST_REPORT)

    def _is_new(self, one: Listed) -> bool:
        known = self._known(one)
        if known is None:
            return True
        if is_log(one.path):
            return self._offset(one, known) < one.size
        return (known.size, known.changed) != (one.size, one.changed)

    def _known(self, one: Listed) -> Known | None:
        """What is known of the same file; None if it is another one, or ours is."""
        record = self._record
        known = record.files.get(one.path) if record is not None else None
        if known is None or known.inode != one.inode:
            return None
        if one.path == runfiles.RESULTS:
            return known  # merged with what was measured here
        try:
            local = os.lstat(self.run.path / one.path)
        except OSError:
            return None
        if local.st_ino != known.local:
            return None
        if is_log(one.path) and one.size < self._offset(one, known):
            return None  # it was begun anew
        return known

    def _offset(self, one: Listed, known: Known) -> int:
        """How far a log on the host is here already."""
        return os.lstat(self.run.path / one.path).st_size - known.notice + known.gap

    def _missing(self, one: Listed) -> int:
        if is_log(one.path):
            known = self._known(one)
            if known is not None:
                return max(0, one.size - self._offset(one, known))
            return one.size if one.size <= LARGE else BEGINNING + END
        part = self._part(_identity(one))
        return one.size - (part.stat().st_size if part.exists() else 0)

    async def _fetch(
        self,
        remote: RemoteFiles,
        folder: str,
        one: Listed,
        share: int,
        shift: float,
        semaphore: asyncio.Semaphore,
    ) -> None:
        async with semaphore:
            path = f"{folder}/{one.path}"
            if is_log(one.path):
                await self._fetch_log(remote, path, one, share)
            else:
                await self._fetch_document(remote, path, one, share)
            at = one.changed - int(shift * 1e9)
            # How long a tool is silent, and how long a job took, is told by these times.
            if (local := self.run.path / one.path).is_file():
                with _local_disk(local):
                    os.utime(local, ns=(at, at))

    async def _fetch_log(self, remote: RemoteFiles, path: str, one: Listed, share: int) -> None:
        local = self._local(one.path)
        known = self._known(one)
        if known is None:
            known = await self._begin_log(remote, path, one, local)
        offset = self._offset(one, known)
        end = min(one.size, offset + share)
        while offset < end:
            piece = await remote.read_from(path, offset, min(PIECE, end - offset))
            if not piece:
                return  # it was replaced; the next listing says by what
            self.read += len(piece)
            self.left -= len(piece)
            await asyncio.to_thread(_append, local, piece)
            offset += len(piece)
        known.size, known.changed = one.size, one.changed

    async def _begin_log(self, remote: RemoteFiles, path: str, one: Listed, local: Path) -> Known:
        """A log that is new, or begun anew: a new file here, too, so that readers begin anew."""
        content, gap, notice = b"", 0, b""
        if one.size > LARGE:
            head = await self._read(remote, path, 0, BEGINNING)
            gap = one.size - END - BEGINNING
            text = f"[finn-tui: {size_text(gap)} of this log are on the host only]"
            notice = b"\n" + text.encode() + b"\n"
            content = head + notice if len(head) == BEGINNING else head
            gap, notice = (gap, notice) if len(head) == BEGINNING else (0, b"")
        part = self._part(f"{one.path}\0{one.inode}\0begin")
        with _local_disk(part):
            part.write_bytes(content)
        known = Known(one.inode, 0, 0, part.stat().st_ino, gap, len(notice))
        assert self._record is not None
        self._record.files[one.path] = known
        # Known before it is there: where this ends between the two, the file is begun anew.
        self._save(self._record)
        with _local_disk(local):
            part.replace(local)
        return known

    async def _read(self, remote: RemoteFiles, path: str, offset: int, most: int) -> bytes:
        data = bytearray()
        while len(data) < most:
            piece = await remote.read_from(path, offset + len(data), min(PIECE, most - len(data)))
            if not piece:
                break
            self.read += len(piece)
            self.left -= len(piece)
            data += piece
        return bytes(data)

    async def _fetch_document(
        self, remote: RemoteFiles, path: str, one: Listed, share: int
    ) -> None:
        part = self._part(_identity(one))
        offset = part.stat().st_size if part.exists() else 0
        end = min(one.size, offset + share)
        while offset < end:
            piece = await remote.read_from(path, offset, min(PIECE, end - offset))
            if not piece:
                part.unlink(missing_ok=True)
                return  # it was replaced; the next listing says by what
            self.read += len(piece)
            self.left -= len(piece)
            await asyncio.to_thread(_append, part, piece)
            offset += len(piece)
        if offset < one.size:
            return
        if one.size == 0:
            with _local_disk(part):
                part.touch()
        known = Known(one.inode, one.size, one.changed, part.stat().st_ino)
        if one.path == runfiles.RESULTS:
            await asyncio.to_thread(self._merge_results, part)
        else:
            with _local_disk(part):
                part.replace(self._local(one.path))
        assert self._record is not None
        self._record.files[one.path] = known

    def _merge_results(self, part: Path) -> None:
        """The host's parts over ours: what a board has measured is known here only."""
        try:
            parts = json.loads(part.read_bytes())
        except ValueError:
            parts = None
        part.unlink(missing_ok=True)
        if isinstance(parts, dict):
            self.run.update_results(**parts)

    def _write_state(self, document: Mapping[str, Any]) -> None:
        # Raises for one that is broken; the last good one stays.
        self.run.state_of(dict(document))
        path = self.run.path / runfiles.STATE
        text = json.dumps(document, indent=1) + "\n"
        try:
            same = path.read_text(encoding="utf-8") == text
        except OSError:
            same = False
        if not same:
            files.replace(path, text, durable=False)

    # Files here

    def _local(self, path: str) -> Path:
        """Where a file of the host lies here; its folder is made, and nothing on the way a link."""
        place = self.run.path
        parts = PurePosixPath(path).parts
        for part in parts[:-1]:
            place /= part
            if place not in self._plain:
                self._make_plain(place)
        return place / parts[-1]

    def _make_plain(self, folder: Path) -> None:
        """Make a folder if it is missing, and see that it is no link."""
        with _local_disk(folder):
            folder.mkdir(exist_ok=True)
        if folder.is_symlink():
            raise FinnTuiError(
                f"{folder} is a symbolic link",
                "The mirror of a run writes into its own folder only.",
                "Remove the link; the next update makes the folder.",
            )
        self._plain.add(folder)

    def _part(self, identity: str) -> Path:
        """Where a file is put together: what is here of it already survives a broken line."""
        folder = self.run.path / PARTS
        if folder not in self._plain or not folder.is_dir():
            self._make_plain(folder)
        return folder / hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def _load(self) -> Record:
        path = self.run.path / RECORD
        try:
            return msgspec.convert(documents.read(path), Record)
        except (FileNotFoundError, FinnTuiError, msgspec.ValidationError):
            return Record()

    def _save(self, record: Record) -> None:
        text = msgspec.json.encode(record)
        files.replace(self.run.path / RECORD, text, durable=False)


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


def is_log(path: str) -> bool:
    """Whether a file only grows."""
    return path.endswith(".log") or path == runfiles.EVENTS


def is_plain_path(path: str) -> bool:
    """Whether a path from a host is one that the mirror may have."""
    parts = path.split("/")
    plain = all(
        part not in ("", ".", "..") and len(part.encode("utf-8", "replace")) <= 200
        for part in parts
    )
    if not plain or not path.isprintable() or "\\" in path or len(parts) > 12:
        return False
    return path in _TOP if len(parts) == 1 else parts[0] in _FOLDERS


def _identity(one: Listed) -> str:
    return f"{one.path}\0{one.inode}\0{one.size}\0{one.changed}"


@contextmanager
def _local_disk(path: Path) -> Iterator[None]:
    """What goes wrong on the disk here, told from what goes wrong on the host."""
    try:
        yield
    except OSError as error:
        raise files.not_written(path, error) from error


def _append(path: Path, data: bytes) -> None:
    try:
        descriptor = os.open(
            path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644
        )
        with os.fdopen(descriptor, "ab") as file:
            file.write(data)
    except OSError as error:
        raise files.not_written(path, error) from error


def _join(local: Path, gap: Path, target: Path, notice: int) -> None:
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


def _gone(run: RunFolder, path: str) -> FinnTuiError:
    return FinnTuiError(
        f"{path} of {run.id} is not on the host any more",
        "It was cleaned away or replaced there.",
        "What was fetched before is still here.",
    )


async def _all(tasks: list[Any]) -> None:
    """Wait for all; the first error once none of them works any more."""
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
