"""A machine's files over SFTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import asyncssh

from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts.remote_files import Commands, FileKind, RemoteFile, RemoteFiles, Writer

T = TypeVar("T")

_KINDS = {
    asyncssh.FILEXFER_TYPE_REGULAR: FileKind.FILE,
    asyncssh.FILEXFER_TYPE_DIRECTORY: FileKind.FOLDER,
    asyncssh.FILEXFER_TYPE_SYMLINK: FileKind.LINK,
}


class SftpFiles(RemoteFiles):
    """What lies below one folder of a machine, over an SFTP session."""

    def __init__(self, link: Commands, sftp: asyncssh.SFTPClient, base: str) -> None:
        super().__init__(link, base)
        self._sftp = sftp

    @classmethod
    async def open(cls, link: Commands, sftp: asyncssh.SFTPClient, base: str) -> SftpFiles:
        """The files below a folder, which is made if it is missing.

        Raises:
            FinnTuiError: it cannot be made.
        """
        files = cls(link, sftp, base)
        try:
            await files.timed(sftp.makedirs(files.base, exist_ok=True))
        except asyncssh.SFTPError as error:
            machine = link.machine
            raise FinnTuiError(
                f"the folder {files.base} cannot be made on {machine.name}",
                error.reason,
                f"Make it there, or set another `folder` in {machine.catalogue}.",
                kind="board" if machine.word == "board" else "disk",
            ) from error
        return files

    async def stat(self, path: str) -> RemoteFile | None:
        """See ``RemoteFiles``."""
        try:
            attributes = await self.timed(self._sftp.lstat(path))
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            return None
        return _entry(path.rpartition("/")[2], attributes)

    async def folder(self, path: str) -> list[RemoteFile]:
        """See ``RemoteFiles``."""
        try:
            names = await self.timed(self._sftp.readdir(path))
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            return []
        entries = [
            _entry(
                name.filename.decode("utf-8", "surrogateescape")
                if isinstance(name.filename, bytes)
                else name.filename,
                name.attrs,
            )
            for name in names
        ]
        ours = (entry for entry in entries if entry.name not in (".", ".."))
        return sorted(ours, key=lambda entry: entry.name)

    async def is_inside(self, folder: str, name: str) -> bool:
        """See ``RemoteFiles``."""
        try:
            return await super().is_inside(folder, name)
        except asyncssh.SFTPError:
            # A part of the path is no folder, or not ours to look into.
            return False

    async def make_one_folder(self, path: str) -> None:
        """See ``RemoteFiles``."""
        with contextlib.suppress(asyncssh.SFTPFileAlreadyExists):
            await self.timed(self._sftp.mkdir(path))

    async def read(self, path: str, most: int) -> bytes | None:
        """See ``RemoteFiles``."""
        size = await self.size(path)
        if size is None or size > most:
            return None
        async with self._opened(path, asyncssh.FXF_READ) as file:
            content = await self.transfer(file.read(most, 0))
            return content if isinstance(content, bytes) else None

    async def _part(self, path: str, offset: int, most: int) -> bytes:
        """See ``RemoteFiles``."""
        try:
            async with self._opened(path, asyncssh.FXF_READ) as file:
                content = await self.transfer(file.read(most, offset))
                return content if isinstance(content, bytes) else b""
        except asyncssh.SFTPPermissionDenied as error:
            raise PermissionError(f"{path}: {error.reason}") from error
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            return b""

    @contextlib.asynccontextmanager
    async def writing(self, path: str, *, resume: bool = False) -> AsyncIterator[Writer]:
        """See ``RemoteFiles``."""
        flags = asyncssh.FXF_WRITE
        if not resume:
            flags |= asyncssh.FXF_CREAT | asyncssh.FXF_EXCL
        async with self._opened(path, flags) as file:
            yield _SftpWriter(self, file)
            # Servers of old images cannot; there the disk decides when.
            with contextlib.suppress(asyncssh.SFTPOpUnsupported):
                await self.timed(file.fsync())

    @contextlib.asynccontextmanager
    async def _opened(self, path: str, flags: int) -> AsyncIterator[asyncssh.SFTPClientFile]:
        file = await self.timed(self._sftp.open(path, flags, encoding=None))
        try:
            yield file
        except BaseException:
            # Also when cancelled: a machine that is stuck does not answer to a close either.
            with contextlib.suppress(TimeoutError, asyncssh.Error):
                async with asyncio.timeout(2):
                    await file.close()
            raise
        await self.timed(file.close())

    async def free(self) -> int | None:
        """See ``RemoteFiles``; without a process there, where the server can."""
        try:
            disk = await self.timed(self._sftp.statvfs(self.base))
        except asyncssh.SFTPError:
            return await super().free()
        return disk.bavail * disk.frsize

    async def rename(self, path: str, target: str) -> None:
        """See ``RemoteFiles``."""
        await self.timed(self._sftp.posix_rename(path, target))

    async def remove(self, path: str) -> None:
        """See ``RemoteFiles``."""
        with contextlib.suppress(asyncssh.SFTPError):
            await self.timed(self._sftp.remove(path))

    async def transfer(self, request: Coroutine[Any, Any, T]) -> T:
        """Wait for a read or a write of many requests, but not for ever.

        asyncssh makes a task of each request and leaves them behind when it is cancelled: their
        errors would be printed into the terminal. So it stays to see the answers that still come.

        Raises:
            TimeoutError: the answers did not come in time.
        """
        answers = asyncio.ensure_future(request)
        answers.add_done_callback(lambda each: each.cancelled() or each.exception())
        return await self.timed(asyncio.shield(answers))


class _SftpWriter:
    def __init__(self, files: SftpFiles, file: asyncssh.SFTPClientFile) -> None:
        self._files = files
        self._file = file

    async def write(self, data: bytes, position: int) -> None:
        await self._files.transfer(self._file.write(data, position))


def _entry(name: str, attributes: asyncssh.SFTPAttrs) -> RemoteFile:
    return RemoteFile(name, _KINDS.get(attributes.type, FileKind.OTHER), attributes.size or 0)
