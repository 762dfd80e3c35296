"""A terminal of a Jupyter server, over its websocket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import clean
from finn_tui.board.jupyter.http import CONNECT_SECONDS, JupyterServer

PING_SECONDS = 15.0
_SETUP_SECONDS = 20.0
_END_SECONDS = 5.0
#: Of one message; terminado reads 64 kB at a time.
_MOST_MESSAGE = 4 << 20


class _Connect(connect):
    """Follows no redirect: the login would travel along."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Terminal:
    """An open terminal."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    @property
    def is_closed(self) -> bool:
        """Whether the websocket has ended."""
        return self._socket.close_code is not None

    async def send(self, text: str) -> None:
        """Type text."""
        await self._send(["stdin", text])

    async def resize(self, columns: int, rows: int) -> None:
        """Tell it the size of the window."""
        await self._send(["set_size", rows, columns])

    async def _send(self, message: list[Any]) -> None:
        try:
            await self._socket.send(json.dumps(message))
        except ConnectionClosed as error:
            raise ConnectionResetError(f"its terminal ended: {_why(error)}") from error

    async def read(self) -> str:
        """What it printed; "" when it has ended.

        Raises:
            ConnectionResetError: the websocket broke, or it speaks something else.
        """
        while True:
            try:
                message = json.loads(await self._socket.recv())
            except ConnectionClosed as error:
                if error.rcvd is not None and error.rcvd.code == 1000:
                    return ""
                raise ConnectionResetError(f"its terminal ended: {_why(error)}") from error
            except (ValueError, RecursionError) as error:
                raise ConnectionResetError("its terminal speaks no JSON") from error
            match message:
                case ["stdout", str(text)] if text:
                    return text
                case ["disconnect", *_]:
                    return ""

    async def ready(self) -> None:
        """Wait until the server says that the terminal is there."""
        async with asyncio.timeout(_SETUP_SECONDS):
            while json.loads(await self._socket.recv())[0] != "setup":
                pass


def _why(error: ConnectionClosed) -> str:
    return clean(str(error))[:200]


@contextlib.asynccontextmanager
async def terminal(server: JupyterServer) -> AsyncIterator[Terminal]:
    """A new terminal for as long as the block lasts; it ends with the block in whatever way.

    Raises:
        FinnTuiError: the server gives none.
    """
    name = await server.new_terminal()
    try:
        address, headers = server.handshake(f"terminals/websocket/{name}")
        try:
            socket = await _Connect(
                address,
                additional_headers=headers,
                user_agent_header="finn-tui",
                proxy=None,
                compression=None,
                open_timeout=CONNECT_SECONDS,
                ping_interval=PING_SECONDS,
                ping_timeout=2 * PING_SECONDS,
                close_timeout=2,
                max_size=_MOST_MESSAGE,
            )
        except (OSError, TimeoutError, WebSocketException, EOFError) as error:
            raise _no_terminal(server, str(error)) from error
        try:
            opened = Terminal(socket)
            try:
                await opened.ready()
            except TimeoutError as error:
                raise _no_terminal(server, "It does not answer over its websocket.") from error
            except (ConnectionClosed, ValueError, LookupError, TypeError) as error:
                raise _no_terminal(server, str(error)) from error
            yield opened
        finally:
            with contextlib.suppress(TimeoutError, OSError, WebSocketException):
                async with asyncio.timeout(2):
                    await socket.close()
            socket.transport.abort()
    finally:
        # Also when cancelled: a terminal that is left runs until the server ends.
        with contextlib.suppress(TimeoutError, FinnTuiError):
            async with asyncio.timeout(_END_SECONDS):
                await server.end_terminal(name)


def _no_terminal(server: JupyterServer, why: str) -> FinnTuiError:
    return FinnTuiError(
        f"the Jupyter server of {server.board.name} gives no terminal",
        clean(why)[:500] or "Its websocket ended at once.",
        f"Open {server.base}terminals/1 in a browser: a proxy in between may not pass websockets.",
        kind="board",
    )
