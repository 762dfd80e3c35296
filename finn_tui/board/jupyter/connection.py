"""The transport over a board's Jupyter server; see ``transport.Transport``."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import shlex
from collections.abc import AsyncIterator

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.board.catalogue import Board
from finn_tui.board.jupyter.files import JupyterFiles
from finn_tui.board.jupyter.http import JupyterServer, translated
from finn_tui.board.jupyter.session import RunnerProcess, Session, session
from finn_tui.board.jupyter.terminal import Terminal, terminal
from finn_tui.hosts.remote_files import RemoteFiles
from finn_tui.hosts.transport import MOST_OUTPUT, Console, RemoteProcess, took_too_long

_COMMANDS = 16


class JupyterConnection:
    """An open connection to a board's Jupyter server."""

    def __init__(
        self, board: Board, server: JupyterServer, line: Session, sudo_password: str | None
    ) -> None:
        self.board = board
        self.machine = board.machine
        self.sudo_password = sudo_password
        self._server = server
        self._session = line
        self._files: dict[str, JupyterFiles] = {}
        self._running = asyncio.Semaphore(_COMMANDS)
        self._consoles: set[JupyterConsole] = set()

    @property
    def is_closed(self) -> bool:
        """See ``Transport``."""
        return self._session.is_closed

    def translated(self) -> contextlib.AbstractContextManager[None]:
        """See ``Transport``."""
        return translated(self.board)

    async def files(self, base: str) -> RemoteFiles:
        """See ``Transport``."""
        if base not in self._files:
            self._files[base] = JupyterFiles(self, self._server, self._session, base)
        return await self._files[base].open()

    async def stream(self, command: str) -> RemoteProcess:
        """See ``Transport``."""
        return self._session.start(command)

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """See ``Transport``."""
        with self.translated():
            try:
                async with self._running, asyncio.timeout(timeout):
                    process = self._session.start(shlex.join(command))
                    try:
                        process.write(stdin)
                        process.end_input()
                        out, err = await asyncio.gather(_all(process, "out"), _all(process, "err"))
                    finally:
                        process.close()
            except TimeoutError:
                raise took_too_long(self.machine, command[0], timeout) from None
            if process.exit_status is None:
                raise ConnectionResetError("it ended in the middle of a command")
        return process.exit_status, out, err

    async def console(self, columns: int, rows: int) -> Console:
        """See ``Transport``."""
        console = JupyterConsole(self._server)
        await console.open(columns, rows)
        self._consoles.add(console)
        return console

    async def end_consoles(self) -> None:
        """End those that were left open."""
        for console in self._consoles:
            await console.close()


async def _all(process: RunnerProcess, name: str) -> bytes:
    """What a command prints; what it prints beyond all measure is read and dropped."""
    data = bytearray()
    while piece := await process.read(name):
        data += piece[: MOST_OUTPUT - len(data)]
    return bytes(data)


class JupyterConsole:
    """A terminal of the server for the user; see ``transport.Console``."""

    def __init__(self, server: JupyterServer) -> None:
        self._server = server
        self._keys: asyncio.Queue[str | tuple[int, int]] = asyncio.Queue()
        self._text: asyncio.Queue[bytes] = asyncio.Queue(64)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._ended = False

    async def open(self, columns: int, rows: int) -> None:
        """Start it. Raises ``FinnTuiError`` if the server gives none."""
        self.resize(columns, rows)
        # A task of its own holds it, so that it is ended in the way it was begun.
        self._task = asyncio.create_task(self._hold())
        try:
            with translated(self._server.board):
                await asyncio.shield(self._ready)
        except asyncio.CancelledError:
            self._task.cancel()
            raise

    async def _hold(self) -> None:
        try:
            async with terminal(self._server) as opened, asyncio.TaskGroup() as group:
                self._ready.set_result(None)
                typing = group.create_task(self._type(opened))
                while text := await opened.read():
                    await self._text.put(text.encode("utf-8", "replace"))
                typing.cancel()
        except* (OSError, FinnTuiError) as errors:
            if not self._ready.done():
                self._ready.set_exception(errors.exceptions[0])
        finally:
            self._ended = True
            if not self._ready.done():
                self._ready.set_exception(ConnectionResetError("the terminal did not start"))
            if self._text.empty():
                self._text.put_nowait(b"")

    async def _type(self, opened: Terminal) -> None:
        while True:
            key = await self._keys.get()
            if isinstance(key, str):
                await opened.send(key)
            else:
                await opened.resize(*key)

    async def read(self) -> bytes:
        """See ``Console``."""
        if self._ended and self._text.empty():
            return b""
        return await self._text.get()

    def write(self, data: bytes) -> None:
        """See ``Console``."""
        if text := self._decoder.decode(data):
            self._keys.put_nowait(text)

    def resize(self, columns: int, rows: int) -> None:
        """See ``Console``."""
        self._keys.put_nowait((columns, rows))

    async def close(self) -> None:
        """See ``Console``."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait((self._task,))


@contextlib.asynccontextmanager
async def connect(
    board: Board,
    on_progress: OnProgress = ignore,
    *,
    secret: str | None = None,
    sudo_password: str | None = None,
) -> AsyncIterator[JupyterConnection]:
    """Log in at a board's Jupyter server and start the runner there.

    Args:
        board: from the catalogue.
        on_progress: told what is waited for.
        secret: the server's password or token; kept in memory only.
        sudo_password: for ``sudo`` on the board.

    Raises:
        LoginRefused: the server wants a password or another one.
        FinnTuiError: no answer, or no terminal; kind "board".
    """
    on_progress(Progress("board", f"connecting to {board.name} ({board.url})"))
    server = JupyterServer(board)
    try:
        await server.login(secret)
        async with terminal(server) as opened, session(board, opened) as line:
            link = JupyterConnection(board, server, line, sudo_password)
            try:
                yield link
            finally:
                await link.end_consoles()
    finally:
        await server.close()
