"""Files on a board over SFTP: every request bounded in time, and no symbolic link followed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from pathlib import PurePosixPath
from typing import TypeVar

import asyncssh

from finn_tui.base.errors import FinnTuiError
from finn_tui.board.connection import BoardConnection

T = TypeVar("T")

#: Seconds for one request; 512 kB pass a line of 10 kB/s in that time.
REQUEST_SECONDS = 60.0


class RemoteFiles:
    """What lies below one folder of a board.

    The folder itself is the user's choice and may be a link; nothing below it may.
    """

    def __init__(self, link: BoardConnection, sftp: asyncssh.SFTPClient, base: str) -> None:
        self._link = link
        self._sftp = sftp
        self.base = base
        self._checked: set[str] = set()

    @classmethod
    async def open(cls, link: BoardConnection) -> RemoteFiles:
        """The files below the board's folder, which is made if it is missing."""
        files = cls(link, await link.sftp(), link.board.folder)
        await files.timed(files._sftp.makedirs(files.base, exist_ok=True))
        return files

    async def timed(self, request: Awaitable[T]) -> T:
        """Wait for an SFTP request, but not for ever. Raises ``TimeoutError``."""
        async with asyncio.timeout(REQUEST_SECONDS):
            return await request

    async def size(self, path: str) -> int | None:
        """Bytes of a regular file; None if there is none or something else, as a link."""
        with contextlib.suppress(asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            attributes = await self.timed(self._sftp.lstat(path))
            if attributes.type == asyncssh.FILEXFER_TYPE_REGULAR:
                return attributes.size
        return None

    async def read(self, path: str, most: int) -> bytes | None:
        """A regular file's content; None if there is none, or it has more bytes than ``most``."""
        size = await self.size(path)
        if size is None or size > most:
            return None
        async with self.opened(path, asyncssh.FXF_READ) as file:
            content = await self.timed(file.read(most, 0))
            return content if isinstance(content, bytes) else None

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
            await self._one_folder(str(path))
            self._checked.add(str(path))

    async def _one_folder(self, path: str) -> None:
        try:
            attributes = await self.timed(self._sftp.lstat(path))
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            with contextlib.suppress(asyncssh.SFTPFileAlreadyExists):
                await self.timed(self._sftp.mkdir(path))
            return
        if attributes.type == asyncssh.FILEXFER_TYPE_DIRECTORY:
            return
        is_link = attributes.type == asyncssh.FILEXFER_TYPE_SYMLINK
        what = "a symbolic link" if is_link else "not a folder"
        raise FinnTuiError(
            f"{path} on {self._link.board.name} is {what}",
            "finn-tui writes below its own folder only and follows no links there.",
            f"Look at it with `ls -ld {path}` on the board and remove it.",
            kind="board",
        )

    async def is_inside(self, folder: str, name: str) -> bool:
        """Whether no folder between ``folder`` and the file ``name`` below it is a link."""
        path = PurePosixPath(folder)
        for part in PurePosixPath(name).parts[:-1]:
            path /= part
            try:
                attributes = await self.timed(self._sftp.lstat(str(path)))
            except asyncssh.SFTPError:
                return False
            if attributes.type != asyncssh.FILEXFER_TYPE_DIRECTORY:
                return False
        return True

    @contextlib.asynccontextmanager
    async def opened(self, path: str, flags: int) -> AsyncIterator[asyncssh.SFTPClientFile]:
        """An open file. What was written is on the disk when the block has ended well."""
        file = await self.timed(self._sftp.open(path, flags, encoding=None))
        try:
            yield file
        except BaseException:
            # Also when cancelled: a board that is stuck does not answer to a close either.
            with contextlib.suppress(TimeoutError, asyncssh.Error):
                async with asyncio.timeout(2):
                    await file.close()
            raise
        if flags & asyncssh.FXF_WRITE:
            # Servers of old images cannot; there the disk decides when.
            with contextlib.suppress(asyncssh.SFTPOpUnsupported):
                await self.timed(file.fsync())
        await self.timed(file.close())

    async def write(self, path: str, data: bytes) -> None:
        """Write a new file, on the disk when this returns; one of that name must not be there."""
        flags = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | asyncssh.FXF_EXCL
        async with self.opened(path, flags) as file:
            await self.timed(file.write(data, 0))

    async def rename(self, path: str, target: str) -> None:
        """Put a file in another's place."""
        await self.timed(self._sftp.posix_rename(path, target))

    async def remove(self, path: str) -> None:
        """Remove a file or a link, or nothing where there is none."""
        with contextlib.suppress(asyncssh.SFTPError):
            await self.timed(self._sftp.remove(path))

    async def sha256(self, paths: list[str]) -> list[str | None]:
        """The hashes of files, as the board computes them; None for one that it cannot read.

        Raises:
            FinnTuiError: the board's answer is none.
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
                path = path.replace("\\\\", "\\")
            if len(digest) == 64 and all(char in "0123456789abcdef" for char in digest):
                by_path[path[1:]] = digest
        if (lines and not by_path) or (not lines and b"No such file" not in err):
            raise FinnTuiError(
                f"{self._link.board.name} cannot compute hashes of files",
                (err or out)[:500].decode("utf-8", "replace").strip(),
                "`sha256sum` (coreutils) must be installed there.",
                kind="board",
            )
        return [by_path.get(path) for path in paths]
