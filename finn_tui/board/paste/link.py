"""The transport to a board that runs the pasted line: commands and files, over its HTTP session."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import errno
import posixpath
import shlex
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import clean
from finn_tui.board.catalogue import Board
from finn_tui.board.paste.server import Session
from finn_tui.hosts.remote_files import FileKind, RemoteFile, RemoteFiles
from finn_tui.hosts.transport import MOST_OUTPUT, Console, RemoteProcess, took_too_long

#: Bytes of a command's output that nobody has read yet; more ends the session.
_MOST_UNREAD = 64 << 20
#: Bytes in one message to the board.
_PIECE = 512 << 10
_MOST_ENTRIES = 10_000
#: Seconds that the board gets to confirm the end.
_END_SECONDS = 3.0


class _Answer(msgspec.Struct):
    """What the board says under the number of a request; see ``on_board``."""

    id: int
    result: Any = None
    error: str | None = None
    errno: int | None = None
    out: bytes | None = None
    err: bytes | None = None
    exit: int | None = None


class _Status(msgspec.Struct):
    kind: FileKind
    size: int
    modified: float


class _BoardError(OSError):
    """A file operation failed on the board."""


class _Output:
    """Bytes that a command printed, to be read in lines."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._news = asyncio.Event()
        self._ended = False

    def __len__(self) -> int:
        return len(self._data)

    def feed(self, data: bytes) -> None:
        self._data += data
        self._news.set()

    def end(self) -> None:
        self._ended = True
        self._news.set()

    async def readline(self) -> bytes:
        """The next line or a piece of a long one; b"" at the end."""
        while True:
            end = self._data.find(b"\n") + 1
            if not end and (self._ended or len(self._data) >= _PIECE):
                end = len(self._data)
            if end or self._ended:
                line = bytes(self._data[:end])
                del self._data[:end]
                return line
            self._news.clear()
            await self._news.wait()


class PasteProcess:
    """A command on the board; see ``transport.RemoteProcess``."""

    def __init__(self, link: PasteLink, number: int) -> None:
        self._link = link
        self._number = number
        self.out, self.err = _Output(), _Output()
        self.ended = asyncio.Event()
        self._status: int | None = None

    @property
    def exit_status(self) -> int | None:
        """See ``RemoteProcess``."""
        return self._status

    def write(self, data: bytes) -> None:
        """See ``RemoteProcess``."""
        if self.ended.is_set():
            raise BrokenPipeError("the command has ended")
        for start in range(0, len(data), _PIECE):
            piece = base64.b64encode(data[start : start + _PIECE]).decode()
            self._link.send(id=self._number, **{"in": piece})

    def end_input(self) -> None:
        """It gets nothing more."""
        self._link.send(id=self._number, eof=True)

    async def readline(self) -> bytes:
        """See ``RemoteProcess``."""
        return await self.out.readline()

    async def read_error(self) -> bytes:
        """See ``RemoteProcess``."""
        return await self.err.readline()

    async def wait(self, seconds: float) -> None:
        """See ``RemoteProcess``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.ended.wait()

    def close(self) -> None:
        """See ``RemoteProcess``."""
        if not self.ended.is_set():
            self._link.send(id=self._number, kill=True)

    def take(self, answer: _Answer) -> None:
        """Take what the board says of it."""
        for output, data in ((self.out, answer.out), (self.err, answer.err)):
            if data:
                output.feed(data)
        if answer.error is not None:
            self.err.feed(answer.error.encode() + b"\n")
        if answer.exit is not None or answer.error is not None:
            self.end(127 if answer.exit is None else answer.exit)

    def end(self, status: int | None) -> None:
        """It has ended, or the board is gone."""
        self._status = status
        self.out.end()
        self.err.end()
        self.ended.set()


class PasteLink:
    """See ``transport.Transport``."""

    def __init__(self, board: Board, session: Session) -> None:
        """For a board that has said hello."""
        self.board = board
        self.machine = board.machine
        self.sudo_password: str | None = None
        self._session = session
        self._number = 0
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._programs: dict[int, PasteProcess] = {}
        session.listener = self._take
        self._watching = asyncio.create_task(self._watch())

    @property
    def is_closed(self) -> bool:
        """See ``Transport``."""
        return self._session.closed.is_set()

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """See ``Transport``."""
        try:
            yield
        except (ConnectionError, TimeoutError) as error:
            raise FinnTuiError(
                f"the connection to {self.board.name} ended in the middle of the work",
                str(error) or "The board does not answer any more.",
                "Paste the same line again; what was already sent is not sent twice.",
                kind="board",
            ) from error
        except (_BoardError, msgspec.MsgspecError, binascii.Error) as error:
            raise FinnTuiError(
                f"a file operation on {self.board.name} failed",
                clean(str(error))[:1000],
                "Look at the free space there (`df -h ~`) and at who owns ~/finn-tui.",
                kind="board",
            ) from error

    def send(self, **message: Any) -> None:
        """Send a message."""
        self._session.send(**message)

    async def call(self, name: str, **arguments: Any) -> Any:
        """Have a file operation done on the board.

        Raises:
            OSError: it failed there; ``errno`` is the board's.
            ConnectionError: the board is gone.
        """
        if self.is_closed:
            raise ConnectionResetError("the board has left")
        self._number += 1
        number = self._number
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls[number] = answer
        try:
            self.send(id=number, call=name, **{"with": arguments})
            return await answer
        finally:
            self._calls.pop(number, None)

    async def stream(self, command: str) -> RemoteProcess:
        """See ``Transport``."""
        return self._start(command)

    def _start(self, command: str) -> PasteProcess:
        if self.is_closed:
            raise ConnectionResetError("the board has left")
        self._number += 1
        process = self._programs[self._number] = PasteProcess(self, self._number)
        self.send(id=self._number, start=command)
        return process

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """See ``Transport``."""
        with self.translated():
            process = self._start(shlex.join(command))
            try:
                async with asyncio.timeout(timeout):
                    process.write(stdin)
                    process.end_input()
                    out, err = await asyncio.gather(_most(process.out), _most(process.err))
                    await process.ended.wait()
            except TimeoutError:
                raise took_too_long(self.machine, command[0], timeout) from None
            finally:
                process.close()
            if self.is_closed:
                raise ConnectionResetError("the board has left")
        status = process.exit_status
        return 255 if status is None else status, out, err

    async def files(self, base: str) -> RemoteFiles:
        """See ``Transport``."""
        files = PasteFiles(self, base)
        await files.make_base()
        return files

    async def console(self, columns: int, rows: int) -> Console:
        """See ``Transport``: the user has the board's terminal open already."""
        raise FinnTuiError(
            f"{self.board.name} gives no second terminal",
            "It is reached by a line that was pasted into its terminal.",
            "Use that terminal.",
            kind="board",
        )

    async def end(self, text: str) -> None:
        """Let the board's end say something and end, and what runs there with it."""
        self.send(end=text)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await self._session.idle.wait()
        self._session.close()
        self._watching.cancel()
        self._let_go()

    async def _watch(self) -> None:
        """Notice that the board is gone."""
        while self._session.alive:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._session.closed.wait()
        self._session.close()
        self._let_go()

    def _let_go(self) -> None:
        for call in self._calls.values():
            if not call.done():
                call.set_exception(ConnectionResetError("the board has left"))
        for process in self._programs.values():
            if not process.ended.is_set():
                process.end(None)

    def _take(self, message: dict[str, Any]) -> None:
        """Take a message of the board. Raises ``ValueError`` for one that cannot be."""
        if "bye" in message:
            self._session.close()
            return
        try:
            answer = msgspec.convert(message, _Answer)
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from error
        process = self._programs.get(answer.id)
        if process is not None:
            process.take(answer)
            if len(process.out) + len(process.err) > _MOST_UNREAD:
                self._session.close()
            if process.ended.is_set():
                del self._programs[answer.id]
            return
        call = self._calls.get(answer.id)
        if call is None or call.done():
            return
        if answer.error is not None:
            call.set_exception(_BoardError(answer.errno or 0, clean(answer.error)[:1000]))
        else:
            call.set_result(answer.result)


async def _most(output: _Output) -> bytes:
    data = bytearray()
    while piece := await output.readline():
        data += piece[: MOST_OUTPUT - len(data)]
    return bytes(data)


class PasteFiles(RemoteFiles):
    """See ``RemoteFiles``."""

    def __init__(self, link: PasteLink, base: str) -> None:
        super().__init__(link, base)
        self._paste = link

    async def _call(self, name: str, **arguments: Any) -> Any:
        return await self.timed(self._paste.call(name, **arguments))

    async def make_base(self) -> None:
        """Make the board's folder, and those above it."""
        with self._paste.translated():
            path = ""
            for part in self.base.split("/"):
                path = posixpath.join(path, part) if part else "/"
                await self.make_one_folder(path)

    async def stat(self, path: str) -> RemoteFile | None:
        """See ``RemoteFiles``."""
        answer = await self._call("lstat", path=path)
        if answer is None:
            return None
        status = msgspec.convert(answer, _Status)
        return RemoteFile(posixpath.basename(path), status.kind, status.size)

    async def folder(self, path: str) -> list[RemoteFile]:
        """See ``RemoteFiles``."""
        try:
            answer = await self._call("list", path=path, most=_MOST_ENTRIES)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return []
            raise
        entries = [
            await self.stat(posixpath.join(path, name))
            for name in msgspec.convert(answer, list[str])
        ]
        return [entry for entry in entries if entry is not None]

    async def make_one_folder(self, path: str) -> None:
        """See ``RemoteFiles``."""
        try:
            await self._call("mkdir", path=path)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.EISDIR):
                raise

    async def read(self, path: str, most: int) -> bytes | None:
        """See ``RemoteFiles``."""
        size = await self.size(path)
        if size is None or size > most:
            return None
        return await self._part(path, 0, size)

    async def _part(self, path: str, offset: int, most: int) -> bytes:
        """See ``RemoteFiles``."""
        data = bytearray()
        while len(data) < most:
            size = min(_PIECE, most - len(data))
            text = await self._call("read", path=path, offset=offset + len(data), size=size)
            piece = base64.b64decode(msgspec.convert(text, str))
            if not piece:
                break
            data += piece
        return bytes(data[:most])

    @contextlib.asynccontextmanager
    async def writing(self, path: str, *, resume: bool = False) -> AsyncIterator[_PasteWriter]:
        """See ``RemoteFiles``."""
        writer = _PasteWriter(self._call, path)
        if not resume:
            await writer.send(b"", 0, new=True)
        yield writer
        await writer.send(b"", 0, last=True)

    async def rename(self, path: str, target: str) -> None:
        """See ``RemoteFiles``."""
        await self._call("rename", path=path, target=target)

    async def remove(self, path: str) -> None:
        """See ``RemoteFiles``."""
        with contextlib.suppress(_BoardError):
            await self._call("remove", path=path)


class _PasteWriter:
    """A file that is written to; see ``remote_files.Writer``."""

    def __init__(self, call: Any, path: str) -> None:
        self._call = call
        self._path = path

    async def send(
        self, data: bytes, position: int, *, new: bool = False, last: bool = False
    ) -> None:
        """Write bytes at a position."""
        text = base64.b64encode(data).decode()
        await self._call("write", path=self._path, offset=position, data=text, new=new, last=last)

    async def write(self, data: bytes, position: int) -> None:
        """See ``Writer``."""
        for start in range(0, len(data), _PIECE):
            await self.send(data[start : start + _PIECE], position + start)
