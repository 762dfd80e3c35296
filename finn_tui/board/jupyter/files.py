"""A board's files over its Jupyter server.

What is small goes over the runner's line. Large files go through the contents API in chunks: the
runner shows the file there under a name in a folder of ours, and looks at its size after each.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec

from finn_tui.base.errors import FinnTuiError
from finn_tui.board.jupyter.http import JupyterServer
from finn_tui.board.jupyter.session import NO_SUCH, RunnerError, Session
from finn_tui.hosts.remote_files import Commands, RemoteFile, RemoteFiles, Writer

_MOST_ENTRIES = 10_000
# What is larger goes through the contents API.
_SMALL = 64 << 10
_PIECE = 256 << 10
# Over a slow line, one piece must not hold up the rest for long.
_LINE_PIECE = 32 << 10


class JupyterFiles(RemoteFiles):
    """What lies below one folder of a board, over its Jupyter server."""

    def __init__(self, link: Commands, server: JupyterServer, session: Session, base: str) -> None:
        super().__init__(link, base)
        self._server = server
        self._session = session
        self._uploads: str | None = None
        self._looking = asyncio.Lock()

    async def open(self) -> JupyterFiles:
        """Make the folder if it is missing."""
        await self.ask("folder", path=self.base, parents=True)
        return self

    async def ask(self, operation: str, **arguments: Any) -> Any:
        """A request to the runner, bounded in time.

        Raises:
            RunnerError: there is no such file.
            FinnTuiError: it failed otherwise.
        """
        try:
            return await self.timed(self._session.ask(operation, **arguments))
        except RunnerError as error:
            if error.number in NO_SUCH:
                raise
            fix = "The board's disk may be full or the folder not writable; look at `df -h` there."
            raise self._failed(error, arguments, fix) from error

    async def stat(self, path: str) -> RemoteFile | None:
        """See ``RemoteFiles``."""
        try:
            return self._entry(await self.ask("stat", path=path))
        except RunnerError:
            return None

    async def folder(self, path: str) -> list[RemoteFile]:
        """See ``RemoteFiles``."""
        try:
            entries = await self.ask("list", path=path, most=_MOST_ENTRIES)
        except RunnerError:
            return []
        if not isinstance(entries, list):
            raise self._nonsense("no list of files")
        return [entry for entry in map(self._entry, entries) if entry is not None]

    def _entry(self, value: Any) -> RemoteFile | None:
        try:
            return msgspec.convert(value, RemoteFile | None)
        except msgspec.ValidationError as error:
            raise self._nonsense(str(error)) from error

    async def make_one_folder(self, path: str) -> None:
        """See ``RemoteFiles``."""
        await self._done("folder", path=path)

    async def read(self, path: str, most: int) -> bytes | None:
        """See ``RemoteFiles``."""
        size = await self.size(path)
        if size is None or size > most:
            return None
        content = await self._part(path, 0, size)
        return content if len(content) == size else None

    async def _part(self, path: str, offset: int, most: int) -> bytes:
        """See ``RemoteFiles``."""
        content = bytearray()
        while len(content) < most:
            count = min(_PIECE, most - len(content))
            position = offset + len(content)
            try:
                data = await self.ask("read", path=path, position=position, count=count)
                piece = base64.b64decode(data, validate=True)
            except RunnerError:
                break
            except (ValueError, TypeError) as error:
                raise self._nonsense("a file that is no base64") from error
            if not piece or len(piece) > count:
                break
            content += piece
        return bytes(content)

    @contextlib.asynccontextmanager
    async def writing(self, path: str, *, resume: bool = False) -> AsyncIterator[Writer]:
        """See ``RemoteFiles``."""
        if not resume:
            await self._done("create", path=path)
        writer = _Writer(self, path)
        try:
            yield writer
        finally:
            with contextlib.suppress(OSError, FinnTuiError):
                await writer.hide()
        await self._done("sync", path=path)

    async def rename(self, path: str, target: str) -> None:
        """See ``RemoteFiles``."""
        await self._done("rename", path=path, target=target)

    async def remove(self, path: str) -> None:
        """See ``RemoteFiles``."""
        await self._done("remove", path=path)

    async def _done(self, operation: str, **arguments: Any) -> None:
        try:
            await self.ask(operation, **arguments)
        except RunnerError as error:
            fix = "Something else may change the same folder; try again."
            raise self._failed(error, arguments, fix) from error

    def _failed(self, error: RunnerError, arguments: Mapping[str, Any], fix: str) -> FinnTuiError:
        return FinnTuiError(
            f"a file operation on {self._link.machine.name} failed",
            f"{error}: {arguments.get('path', '')}",
            fix,
            kind="board",
        )

    async def show(self, path: str) -> str | None:
        """Show a file to the contents API; its path there, or None where that is not possible."""
        async with self._looking:
            if self._uploads is None:
                self._uploads = await self._upload_folder()
        if not self._uploads:
            return None
        name = secrets.token_hex(8)
        try:
            await self.ask("link", path=path, name=name)
        except (RunnerError, FinnTuiError):
            return None
        return f"{self._uploads}/{name}"

    async def _upload_folder(self) -> str:
        name = f"finn-tui-upload-{secrets.token_hex(8)}"
        with contextlib.suppress(RunnerError, FinnTuiError):
            if await self._server.make_folder(name):
                if await self.ask("uploads", name=name) is True:
                    return name
                await self._server.remove(name)
        return ""

    async def hide(self, shown: str) -> None:
        """Show it no longer."""
        await self.ask("unlink", name=shown.partition("/")[2])

    async def put(self, shown: str, chunk: int, data: bytes) -> bool:
        """Send a chunk through the contents API; False if the server does not take it."""
        text = base64.b64encode(data).decode("ascii")
        return await self._server.put_chunk(shown, chunk, text) in (200, 201)

    def give_up_contents(self) -> None:
        """Send everything over the runner's line from now on."""
        self._uploads = ""

    async def write_over_line(self, path: str, data: bytes, position: int) -> None:
        """Send bytes to the runner."""
        for start in range(0, len(data), _LINE_PIECE):
            text = base64.b64encode(data[start : start + _LINE_PIECE]).decode("ascii")
            await self._done("write", path=path, position=position + start, data=text)

    async def cut(self, path: str, size: int) -> None:
        """Cut a file off at that size, so that chunks are appended there."""
        await self._done("cut", path=path, size=size)

    def _nonsense(self, why: str) -> FinnTuiError:
        return FinnTuiError(
            f"{self._link.machine.name} answered something that cannot be right",
            f"Asked for files, it sent {why}.",
            "Try again; if it stays so, restart the board.",
            kind="board",
        )


class _Writer:
    """Writes a file; chunks are appended, so each must begin where the one before has ended."""

    def __init__(self, files: JupyterFiles, path: str) -> None:
        self._files = files
        self._path = path
        self._shown: str | None = None
        self._position = -1
        self._chunk = 0

    async def write(self, data: bytes, position: int) -> None:
        """See ``remote_files.Writer``."""
        if len(data) > _SMALL or self._shown:
            self._shown = self._shown or await self._files.show(self._path)
            if self._shown and await self._put(self._shown, data, position):
                return
        await self._files.write_over_line(self._path, data, position)

    async def _put(self, shown: str, data: bytes, position: int) -> bool:
        if position != self._position:
            await self._files.cut(self._path, position)
        # The first chunk replaces the file, which is right at its beginning only.
        self._chunk = 1 if position == 0 else max(2, self._chunk + 1)
        if not await self._files.put(shown, self._chunk, data):
            self._files.give_up_contents()
            await self.hide()
            return False
        self._position = position + len(data)
        return True

    async def hide(self) -> None:
        """No more chunks are sent."""
        if self._shown is not None:
            shown, self._shown = self._shown, None
            if self._position >= 0:
                await self._files.put(shown, -1, b"")
            await self._files.hide(shown)
