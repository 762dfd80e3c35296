"""The one-time HTTP server that a board with only a terminal connects to.

It listens on the one address that the user names, answers under one random path only, and takes
nothing that is not signed with the key of the pasted line. What is read from a connection is
bounded in size and time, and so are the connections. Plain HTTP: the signatures keep others from
changing, repeating or inventing anything; they do not keep them from reading.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import h11

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import clean
from finn_tui.board.paste.line import Capability, pasted_line, program

#: Bytes of a message from the board, and of one answer to it (as far as whole messages allow).
MOST_BODY = 4 << 20
MOST_ANSWER = 4 << 20
#: Connections at the same time: the board needs two.
MOST_CONNECTIONS = 16
#: Seconds for a request to arrive, and for which an answer is held back for want of messages.
REQUEST_SECONDS = 20.0
HOLD_SECONDS = 10.0
#: Seconds of silence after which the board counts as gone.
GONE_SECONDS = 25.0

#: Status, content and headers.
_Reply = tuple[int, bytes, dict[str, str]]


class Session:
    """One run of the pasted line on a board: numbered messages in both directions."""

    def __init__(self, instance: str, key: bytes) -> None:
        self.instance = instance
        self._key = key
        self._clock = asyncio.get_running_loop().time
        self.heard = self._clock()
        self._received = 0
        self._sent = 0  # messages that the board has confirmed
        self._outgoing: deque[bytes] = deque()
        self._news = asyncio.Event()
        self.closed = asyncio.Event()
        #: Set while the board has confirmed all that was sent.
        self.idle = asyncio.Event()
        self.listener: Callable[[dict[str, Any]], None] = lambda message: None

    def sign(self, way: str, number: int, body: bytes) -> str:
        """Authenticate a message of this session."""
        return signature(self._key, self.instance, way, number, body)

    def send(self, **message: Any) -> None:
        """Queue a message for the board."""
        self._outgoing.append(json.dumps(message).encode() + b"\n")
        self.idle.clear()
        self._news.set()

    @property
    def alive(self) -> bool:
        """Whether the board was heard of lately."""
        return not self.closed.is_set() and self._clock() - self.heard < GONE_SECONDS

    def close(self) -> None:
        """End it; whoever waits for the board is told."""
        self.closed.set()
        self._news.set()

    def take(self, number: int, body: bytes) -> bytes | None:
        """Take a message; the answer, or None if its number cannot be."""
        self.heard = self._clock()
        if number == self._received:
            return b""  # our answer was lost
        if number != self._received + 1:
            return None
        self._received = number
        for line in body.splitlines():
            message = json.loads(line)
            if not isinstance(message, dict):
                raise ValueError("a message is not a JSON object")
            self.listener(message)
        return b""

    async def messages(self, number: int) -> bytes | None:
        """Messages after the first ``number``; waits a while for one. None: the number is wrong."""
        self.heard = self._clock()
        confirmed = number - self._sent
        if not 0 <= confirmed <= len(self._outgoing):
            return None
        for _ in range(confirmed):
            self._outgoing.popleft()
        self._sent = number
        if not self._outgoing:
            self.idle.set()
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HOLD_SECONDS):
                    await self._news.wait()
        self.heard = self._clock()
        body = bytearray()
        for message in self._outgoing:
            if body and len(body) + len(message) > MOST_ANSWER:
                break
            body += message
        return bytes(body)


def signature(key: bytes, instance: str, way: str, number: int, body: bytes) -> str:
    """HMAC-SHA-256 of a message, with where it belongs."""
    head = f"{way} {instance} {number} ".encode()
    return hmac.new(key, head + body, hashlib.sha256).hexdigest()


class PasteServer:
    """Listens for the pasted line.

    Attributes:
        line: what is to be pasted.
        address: host and port in it.
        wrong: requests that were refused: other paths, wrong signatures.
        fetched: whether the program was fetched.
        session: the board that is connected, or was last.
        arrived: set while a board is connected, and when none can come any more.
        ended: whether none can come any more.
    """

    def __init__(self, capability: Capability) -> None:
        self._capability = capability
        self._key = capability.key.encode()
        self._program = b""
        self._writers: set[asyncio.StreamWriter] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.line = self.address = ""
        self.wrong = 0
        self.fetched = False
        self.session: Session | None = None
        self.arrived = asyncio.Event()
        self.ended = False
        self.about: dict[str, Any] = {}

    async def listen(
        self, address: str, port: int, *, board_sees: tuple[str, int] | None, sudo: bool
    ) -> asyncio.Server:
        """Begin.

        Args:
            address: of this machine; nothing else is bound.
            port: 0 for a free one.
            board_sees: host and port under which the board reaches it, if others (a tunnel).
            sudo: whether the driver must run as root.

        Raises:
            FinnTuiError: the address is not this machine's, or the port is taken.
        """
        try:
            server = await asyncio.start_server(self._serve, address, port, limit=1 << 16)
        except (OSError, UnicodeError) as error:
            raise FinnTuiError(
                f"finn-tui cannot listen on {address}{f':{port}' if port else ''}",
                str(error),
                "Name an address of this machine that the board can reach (`ip addr` lists them), "
                "and a free port above 1023, or no port for any free one.",
            ) from error
        port = server.sockets[0].getsockname()[1]
        host, port = board_sees or (address, port)
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._program = program(host, port, self._capability, sudo=sudo)
        self.line = pasted_line(host, port, self._capability, self._program)
        return server

    async def hang_up(self) -> None:
        """Let the board hear the last answers, then cut every connection."""
        self.ended = True
        self.arrived.set()
        if self.session is not None:
            self.session.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._quiet.wait()
        for writer in list(self._writers):
            writer.transport.abort()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._quiet.wait()

    def board_text(self) -> str:
        """What the board says that it is."""
        name, python = (clean(str(self.about.get(key, "?")))[:60] for key in ("name", "python"))
        root = "" if self.about.get("root") else ", not root"
        return f"{name} (Python {python}{root})"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and hang up."""
        if len(self._writers) >= MOST_CONNECTIONS:
            writer.close()
            return
        self._writers.add(writer)
        self._quiet.clear()
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=8 << 10)
        try:
            try:
                async with asyncio.timeout(REQUEST_SECONDS):
                    request, body = await self._request(connection, reader)
            except h11.RemoteProtocolError as error:
                self.wrong += 1
                answer: _Reply = error.error_status_hint, b"", {}
            else:
                answer = await self._answer(request, body)
            await self._reply(connection, writer, *answer)
        except (OSError, TimeoutError, EOFError, h11.LocalProtocolError):
            pass  # Slow, gone, or hung up: nothing to say to it.
        finally:
            writer.close()
            self._writers.discard(writer)
            if not self._writers:
                self._quiet.set()

    async def _request(
        self, connection: h11.Connection, reader: asyncio.StreamReader
    ) -> tuple[h11.Request, bytes]:
        """Read a request of bounded size. Raises ``h11.RemoteProtocolError`` for anything else."""
        request: h11.Request | None = None
        body = bytearray()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(1 << 16)
                connection.receive_data(data)
            elif isinstance(event, h11.Request):
                request = event
                # Nobody sends more than a few bytes to a path that is not ours.
                known = event.target.startswith(self._capability.path.encode() + b"/up/")
                most = MOST_BODY if known else 1024
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > most:
                    raise h11.RemoteProtocolError("too large", error_status_hint=413)
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                return request, bytes(body)
            else:
                raise EOFError

    async def _answer(self, request: h11.Request, body: bytes) -> _Reply:
        """Status, content and headers of the answer."""
        target = request.target.decode("ascii", "replace")
        if not hmac.compare_digest(
            target[: len(self._capability.path)].encode(), self._capability.path.encode()
        ):
            return self._refuse(404)
        rest = target[len(self._capability.path) :]
        if request.method == b"GET" and not rest:
            self.fetched = True
            return 200, self._program, {}
        way, number, instance = _parse(request, rest)
        given = dict(request.headers).get(b"x-sign", b"")
        expected = signature(self._key, instance, way, number, body)
        if not hmac.compare_digest(given, expected.encode()):
            return self._refuse(404)
        return await self._authentic(way, number, instance, body)

    def _refuse(self, status: int) -> _Reply:
        self.wrong += 1
        return status, b"", {}

    async def _authentic(self, way: str, number: int, instance: str, body: bytes) -> _Reply:
        """Answer a message that has the right signature."""
        session = self.session
        if way == "up" and number == 0 and (session is None or session.instance != instance):
            if session is not None and session.alive:
                return 409, b"", {}
            session = self._open(instance, body)
        if session is None or session.instance != instance or session.closed.is_set():
            return 410, b"", {}
        try:
            if way == "up":
                content = session.take(number, body) if number else b""
            else:
                content = await session.messages(number)
        except (ValueError, RecursionError):
            return self._refuse(400)
        if content is None:
            return self._refuse(400)
        return 200, content, {"X-Sign": session.sign(f"{way} answer", number, content)}

    def _open(self, instance: str, body: bytes) -> Session:
        if self.session is not None:
            self.session.close()
        self.session = Session(instance, self._key)
        with contextlib.suppress(ValueError):
            hello = json.loads(body).get("hello")
            self.about = hello if isinstance(hello, dict) else {}
        self.arrived.set()
        return self.session

    async def _reply(
        self,
        connection: h11.Connection,
        writer: asyncio.StreamWriter,
        status: int,
        content: bytes,
        headers: dict[str, str],
    ) -> None:
        fields = [
            ("Content-Length", str(len(content))),
            ("Content-Type", "application/octet-stream"),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
            *headers.items(),
        ]
        for event in (
            h11.Response(status_code=status, headers=fields),
            h11.Data(data=content),
            h11.EndOfMessage(),
        ):
            writer.write(connection.send(event) or b"")
        async with asyncio.timeout(REQUEST_SECONDS * 3):
            await writer.drain()


def _parse(request: h11.Request, rest: str) -> tuple[str, int, str]:
    """Way, number and instance of ``/up/3``; ones that fit no signature for anything else."""
    parts = rest.split("/")
    instance = dict(request.headers).get(b"x-board", b"")[:32].decode("ascii", "replace")
    if (
        request.method != b"POST"
        or len(parts) != 3
        or parts[1] not in ("up", "down")
        or not (parts[2].isascii() and parts[2].isdigit() and len(parts[2]) < 16)
    ):
        return "", -1, instance
    return parts[1], int(parts[2]), instance


@contextlib.asynccontextmanager
async def serving(
    address: str,
    port: int = 0,
    *,
    board_sees: tuple[str, int] | None = None,
    sudo: bool = True,
) -> AsyncIterator[PasteServer]:
    """A server for as long as the block lasts; arguments as of ``PasteServer.listen``."""
    paste = PasteServer(Capability.new())
    server = await paste.listen(address, port, board_sees=board_sees, sudo=sudo)
    try:
        yield paste
    finally:
        server.close()
        await asyncio.shield(paste.hang_up())
