"""The mirror of a run that works on a host: its documents, logs and reports, as they grow there.

What is known is not read again: logs are read on from where they were left, other files only when
they have changed. Of a log that is large already when it is first seen, the beginning and the end
are fetched; ``fetch_whole`` fetches the rest. A final state is written last, so that whoever sees
it finds everything that belongs to it.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import size as size_text
from finn_tui.engine.server.runs import runfiles
from finn_tui.hosts.remote_files import RemoteFiles
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.logs.tail import BEGINNING, END, LARGE
from finn_tui.runs.remote import mirror_folder
from finn_tui.runs.remote.listing import HostAnswer, Listed, is_log, is_wanted
from finn_tui.runs.remote.mirror_folder import (
    Known,
    MirrorFolder,
    Record,
    append,
    join,
    local_disk,
)

#: Read at a time; several pieces are on their way at once.
PIECE = 1 << 20
_AT_ONCE = 8
#: What one update reads at most, so that the next listing is not late.
MOST_BYTES = 16 << 20
#: Nothing tells of files that a network folder showed late, or whose clock was set back: all are
#: listed anew after this many seconds.
WHOLE_SECONDS = 60.0


class Mirror:
    """The mirror of one run.

    Attributes:
        read: bytes that were read from the host, for tests and for people.
        left: bytes that are still to be fetched after the last update.
        unreadable: files of the host that may not be read, as those of a container's user.
    """

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.read = 0
        self.left = 0
        self.unreadable: set[str] = set()
        self._record: Record | None = None
        self._everything = False
        self._folder = MirrorFolder(run.path)

    def since(self) -> int | None:
        """What to ask the host for: changes after this; None for all files."""
        record = self._record or self._folder.load()
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
        with mirror_folder.held(self.run):
            self._record = record = self._folder.load()
            wanted = [one for one in answer.files if is_wanted(one)]
            work = [one for one in wanted if self._is_new(one)]
            budget, complete = MOST_BYTES, True
            fetched = False
            self.left = sum(self._missing(one) for one in work)
            if asked_all:
                self.unreadable.clear()
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
                self._folder.save(record)
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
        with mirror_folder.held(self.run):
            self._record = record = self._folder.load()
            known = record.files.get(path)
            if known is None or not known.gap:
                return
            local = self._folder.local(path)
            part = self._folder.part(f"{path}\0{known.inode}\0gap")
            offset = BEGINNING + (part.stat().st_size if part.exists() else 0)
            while offset < BEGINNING + known.gap:
                most = min(PIECE, BEGINNING + known.gap - offset)
                piece = await remote.read_from(f"{folder}/{path}", offset, most)
                if not piece:
                    raise _gone(self.run, path)
                self.read += len(piece)
                await asyncio.to_thread(append, part, piece)
                offset += len(piece)
            target = self._folder.part(f"{path}\0{known.inode}\0whole")
            await asyncio.to_thread(join, local, part, target, known.notice)
            known.gap = known.notice = 0
            known.local = target.stat().st_ino
            self._folder.save(record)
            target.replace(local)
            part.unlink(missing_ok=True)

    # One file

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
        part = self._folder.part(_identity(one))
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
            try:
                if is_log(one.path):
                    await self._fetch_log(remote, path, one, share)
                else:
                    await self._fetch_document(remote, path, one, share)
            except PermissionError:
                # One that will never come must not keep the run's end from being seen.
                self.unreadable.add(one.path)
                return
            at = one.changed - int(shift * 1e9)
            # How long a tool is silent, and how long a job took, is told by these times.
            if (local := self.run.path / one.path).is_file():
                with local_disk(local):
                    os.utime(local, ns=(at, at))

    async def _fetch_log(self, remote: RemoteFiles, path: str, one: Listed, share: int) -> None:
        local = self._folder.local(one.path)
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
            await asyncio.to_thread(append, local, piece)
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
        part = self._folder.part(f"{one.path}\0{one.inode}\0begin")
        with local_disk(part):
            part.write_bytes(content)
        known = Known(one.inode, 0, 0, part.stat().st_ino, gap, len(notice))
        assert self._record is not None
        self._record.files[one.path] = known
        # Known before it is there: where this ends between the two, the file is begun anew.
        self._folder.save(self._record)
        with local_disk(local):
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
        part = self._folder.part(_identity(one))
        offset = part.stat().st_size if part.exists() else 0
        end = min(one.size, offset + share)
        while offset < end:
            piece = await remote.read_from(path, offset, min(PIECE, end - offset))
            if not piece:
                part.unlink(missing_ok=True)
                return  # it was replaced; the next listing says by what
            self.read += len(piece)
            self.left -= len(piece)
            await asyncio.to_thread(append, part, piece)
            offset += len(piece)
        if offset < one.size:
            return
        if one.size == 0:
            with local_disk(part):
                part.touch()
        known = Known(one.inode, one.size, one.changed, part.stat().st_ino)
        if one.path == runfiles.RESULTS:
            await asyncio.to_thread(self._merge_results, part)
        else:
            with local_disk(part):
                part.replace(self._folder.local(one.path))
        assert self._record is not None
        self._record.files[one.path] = known

    def _merge_results(self, part: Path) -> None:
        """The host's parts over ours: what a board has measured is known here only."""
        try:
            parts = json.loads(part.read_bytes())
        except (ValueError, RecursionError):
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


def _identity(one: Listed) -> str:
    return f"{one.path}\0{one.inode}\0{one.size}\0{one.changed}"


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
