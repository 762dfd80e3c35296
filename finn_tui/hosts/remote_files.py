"""Files on a machine: every request bounded in time, and no symbolic link followed.

``RemoteFiles`` says what finn-tui does with them; each transport has the requests for it.
"""

from __future__ import annotations

import abc
import asyncio
import re
from collections.abc import Awaitable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Protocol, TypeVar

from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts.machine import Machine

T = TypeVar("T")
#: What sha256sum writes for characters that would end its line.
_ESCAPES = {"\\": "\\", "n": "\n", "r": "\r"}

#: Seconds for one request; 512 kB pass a line of 10 kB/s in that time.
REQUEST_SECONDS = 60.0


async def together(requests: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Wait for requests at the same time; when one fails, none of the others goes on."""
    tasks = [asyncio.create_task(request) for request in requests]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


class FileKind(StrEnum):
    """What a path on a machine leads to."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True)
class RemoteFile:
    """An entry of a folder on a machine.

    Attributes:
        name: within its folder.
        kind: what it is; a link is not followed.
        size: bytes.
    """

    name: str
    kind: FileKind
    size: int


class Writer(Protocol):
    """A file on a machine that is open for writing."""

    async def write(self, data: bytes, position: int) -> None:
        """Write bytes at a position; bounded in time."""


class Commands(Protocol):
    """What runs commands on a machine; a ``Transport`` does."""

    machine: Machine

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """Run a command to its end: exit status, standard output, standard error."""


class RemoteFiles(abc.ABC):
    """What lies below one folder of a machine.

    The folder itself is the user's choice and may be a link; nothing below it may.
    """

    def __init__(self, link: Commands, base: str) -> None:
        self._link = link
        self.base = base
        self._checked: set[str] = set()

    async def timed(self, request: Awaitable[T]) -> T:
        """Wait for a request, but not for ever. Raises ``TimeoutError``."""
        async with asyncio.timeout(REQUEST_SECONDS):
            return await request

    @abc.abstractmethod
    async def stat(self, path: str) -> RemoteFile | None:
        """What lies there, links not followed; None if there is nothing."""

    @abc.abstractmethod
    async def folder(self, path: str) -> list[RemoteFile]:
        """The entries of a folder by name; empty if there is none."""

    @abc.abstractmethod
    async def make_one_folder(self, path: str) -> None:
        """Make a folder whose parent exists; nothing if something of that name is there."""

    @abc.abstractmethod
    async def read(self, path: str, most: int) -> bytes | None:
        """A regular file's content; None if there is none, or it has more bytes than ``most``."""

    async def read_from(self, path: str, offset: int, most: int) -> bytes:
        """A part of a regular file.

        Args:
            path: its path; no link is followed.
            offset: byte at which the part begins.
            most: bytes that are read at most.

        Returns:
            The bytes; b"" where there is no regular file, or none of its bytes lie there.

        Raises:
            PermissionError: the file is not the user's to read.
        """
        # Looked at first: opening a pipe would hold up the machine's end.
        size = await self.size(path)
        if size is None or size <= offset:
            return b""
        return await self._part(path, offset, min(most, size - offset))

    @abc.abstractmethod
    async def _part(self, path: str, offset: int, most: int) -> bytes:
        """As ``read_from``, of a path that is known to be a regular file."""

    @abc.abstractmethod
    def writing(self, path: str, *, resume: bool = False) -> AbstractAsyncContextManager[Writer]:
        """A file to write to; on the disk when the block has ended well.

        Args:
            path: its path.
            resume: it is there and is written on; otherwise nothing of that name may be there.
        """

    @abc.abstractmethod
    async def rename(self, path: str, target: str) -> None:
        """Put a file in another's place."""

    @abc.abstractmethod
    async def remove(self, path: str) -> None:
        """Remove a file or a link, or nothing where there is none."""

    async def write(self, path: str, data: bytes) -> None:
        """Write a new file, on the disk when this returns; one of that name must not be there."""
        async with self.writing(path) as file:
            await file.write(data, 0)

    async def size(self, path: str) -> int | None:
        """Bytes of a regular file; None if there is none or something else, as a link."""
        entry = await self.stat(path)
        return entry.size if entry is not None and entry.kind is FileKind.FILE else None

    async def make_folder(self, folder: str) -> None:
        """Make a folder below the base.

        Raises:
            FinnTuiError: a symbolic link or a file is in its way.
        """
        path = PurePosixPath(self.base)
        for name in PurePosixPath(folder).relative_to(self.base).parts:
            path /= name
            if str(path) in self._checked:
                continue
            await self._check_folder(str(path))
            self._checked.add(str(path))

    async def _check_folder(self, path: str) -> None:
        entry = await self.stat(path)
        if entry is None:
            await self.make_one_folder(path)
            return
        if entry.kind is FileKind.FOLDER:
            return
        machine = self._link.machine
        what = "a symbolic link" if entry.kind is FileKind.LINK else "not a folder"
        raise FinnTuiError(
            f"{path} on {machine.name} is {what}",
            "finn-tui writes below its own folder only and follows no links there.",
            f"Look at it with `ls -ld {path}` on the {machine.word} and remove it.",
            kind=machine.word,
        )

    async def is_inside(self, folder: str, name: str) -> bool:
        """Whether no folder between ``folder`` and the file ``name`` below it is a link."""
        path = PurePosixPath(folder)
        for part in PurePosixPath(name).parts[:-1]:
            path /= part
            entry = await self.stat(str(path))
            if entry is None or entry.kind is not FileKind.FOLDER:
                return False
        return True

    async def free(self) -> int | None:
        """Bytes that can still be written below the base; None if the machine does not say."""
        status, out, _ = await self._link.run("df", "-Pk", "--", self.base)
        try:
            free = int(out.decode("ascii", "replace").splitlines()[-1].split()[3]) * 1024
        except (ValueError, IndexError):
            return None
        return free if status == 0 else None

    async def sha256(self, paths: list[str]) -> list[str | None]:
        """The hashes of files, as the machine computes them; None for one that it cannot read.

        Raises:
            FinnTuiError: the machine's answer is none.
        """
        hashes: list[str | None] = []
        for start in range(0, len(paths), 100):
            some = paths[start : start + 100]
            _, out, err = await self._link.run("sha256sum", "--", *some, timeout=300)
            hashes += self._parsed(some, out, err)
        return hashes

    def _parsed(self, paths: list[str], out: bytes, err: bytes) -> list[str | None]:
        lines = out.decode("utf-8", "surrogateescape").splitlines()
        by_path: dict[str, str] = {}
        for line in lines:
            digest, _, path = line.removeprefix("\\").partition(" ")
            if line.startswith("\\"):
                path = re.sub(r"\\([\\nr])", lambda found: _ESCAPES[found[1]], path)
            if len(digest) == 64 and all(char in "0123456789abcdef" for char in digest):
                by_path[path[1:]] = digest
        if (lines and not by_path) or (not lines and b"No such file" not in err):
            raise FinnTuiError(
                f"{self._link.machine.name} cannot compute hashes of files",
                (err or out)[:500].decode("utf-8", "replace").strip(),
                "`sha256sum` (coreutils) must be installed there.",
                kind=self._link.machine.word,
            )
        return [by_path.get(path) for path in paths]
