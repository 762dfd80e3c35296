"""A job on a board that is reached by a pasted line, from the line to the end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.board.catalogue import Board, pasted
from finn_tui.board.paste.link import PasteLink
from finn_tui.board.paste.server import PasteServer, serving
from finn_tui.board.transport import Transport

T = TypeVar("T")

#: Seconds that the server waits for the line to be pasted, or pasted again.
WAIT_SECONDS = 1800.0
#: Of a progress: "waits" while the line is to be pasted, "connected" when it was.
PASTE = "paste"


@dataclass(frozen=True)
class Listening:
    """Where the one-time server listens.

    Attributes:
        address: of this machine; nothing else is bound.
        port: 0 for a free one.
        board_sees: host and port under which the board reaches it, where they are others (a
            tunnel, an address translation); port 0 is the same one.
    """

    address: str
    port: int = 0
    board_sees: tuple[str, int] | None = None


def parse_address(text: str) -> tuple[str, int]:
    """Split ``ADDRESS[:PORT]`` or ``[IPv6]:PORT``; port 0 if there is none.

    Raises:
        FinnTuiError: it is neither.
    """
    if text.startswith("[") and "]" in text:
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") > 1:
        host, port = text, ""
    else:
        host, _, port = text.partition(":")
    usable = host and not set(host) - _HOST_CHARACTERS
    if not usable or (port and not (port.isascii() and port.isdigit() and int(port) < 65536)):
        raise FinnTuiError(
            f"{text!r} is no ADDRESS or ADDRESS:PORT",
            "A port is a number from 1 to 65535.",
            "For example 192.168.2.1, 192.168.2.1:8123 or [fd00::1]:8123.",
        )
    return host, int(port or 0)


# They stand in a line for a shell.
_HOST_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%")


def listening(bind: str, reach: str | None) -> Listening:
    """What the user said about addresses.

    Args:
        bind: where to listen, ``ADDRESS[:PORT]``.
        reach: under which address the board reaches that, or None if it is the same.

    Raises:
        FinnTuiError: an address that cannot be, or that no board could reach.
    """
    address, port = parse_address(bind)
    if address in ("0.0.0.0", "::") and reach is None:
        raise FinnTuiError(
            f"{address} is no address that a board could reach",
            "It means every network of this machine: whoever is in any of them can connect to the "
            "server while it runs. The line to paste needs one address all the same.",
            "Name the one address that the board reaches, or, if it must be all, that address with "
            "--reach ADDRESS (in the app: `0.0.0.0 as ADDRESS`).",
        )
    return Listening(address, port, parse_address(reach) if reach else None)


def parse_listening(text: str) -> Listening:
    """What a user says in one line: ``ADDRESS[:PORT]``, or that ``as ADDRESS[:PORT]``.

    Raises:
        FinnTuiError: as ``listening``.
    """
    bind, _, reach = text.strip().partition(" as ")
    return listening(bind.strip(), reach.strip() or None)


def interfaces_here() -> list[tuple[str, str]]:
    """IPv4 addresses of this machine that a board may reach, with their interfaces.

    The loopback's are last.
    """
    import socket

    import psutil

    addresses = {
        each.address: name
        for name, interface in psutil.net_if_addrs().items()
        for each in interface
        if each.family == socket.AF_INET
    }
    return sorted(addresses.items(), key=lambda row: (row[0].startswith("127."), row))


def addresses_here() -> list[str]:
    """IPv4 addresses of this machine that a board may reach; the loopback's last."""
    return [address for address, _ in interfaces_here()]


def pasted_board(known: Board | None, where: Listening) -> Board:
    """The board behind the line.

    Args:
        known: its folder, interpreter and driver, if it is a named board.
        where: the server.
    """
    if known is not None:
        # The line's program is root already, where the board says that drivers need it.
        return replace(known, sudo=False)
    return replace(pasted(), host=where.address, sudo=False)


class PasteHost:
    """The one-time server while it waits for the line to be pasted and while jobs are done.

    Attributes:
        board: as the transport knows it.
        where: the server listens.
        begun: monotonic time since which it waits for the line (s).
        link: to the board that is connected, or was last.
    """

    def __init__(self, board: Board, where: Listening, server: PasteServer) -> None:
        self.board = board
        self.where = where
        self.begun = time.monotonic()
        self.link: PasteLink | None = None
        self._server = server
        self._jobs = 0
        self._used, self._unused = asyncio.Event(), asyncio.Event()
        self._unused.set()

    @property
    def line(self) -> str:
        """What is to be pasted."""
        return self._server.line

    @property
    def address(self) -> str:
        """Host and port in the line."""
        return self._server.address

    @property
    def fetched(self) -> bool:
        """Whether a board has fetched the program since the line was first shown."""
        return self._server.fetched

    @property
    def refused(self) -> int:
        """Requests of others that were refused."""
        return self._server.wrong

    @property
    def connected(self) -> bool:
        """Whether a board is there."""
        return self.link is not None and not self.link.is_closed

    @property
    def board_text(self) -> str:
        """What the board that is connected says that it is."""
        return self._server.board_text() if self.connected else ""

    async def do(
        self,
        job: Callable[[Transport], Awaitable[T]],
        on_progress: OnProgress = ignore,
        *,
        wait: float = WAIT_SECONDS,
    ) -> T:
        """Do a job on the board, as soon as it is there.

        When the connection breaks, the same line can be pasted again, and the job begins again
        with what has arrived already. The board stays connected afterwards.

        Args:
            job: done with the transport to the board.
            on_progress: told what is waited for; ``PASTE`` in its data says whether it still is.
            wait: seconds until the line must have been pasted.

        Raises:
            FinnTuiError: nobody pasted the line, or what the job raises.
        """
        self._jobs += 1
        self._used.set()
        self._unused.clear()
        try:
            return await self._do(job, on_progress, wait)
        finally:
            self._jobs -= 1
            if not self._jobs:
                self._used.clear()
                self._unused.set()

    async def _do(
        self, job: Callable[[Transport], Awaitable[T]], on_progress: OnProgress, wait: float
    ) -> T:
        again = ""
        while True:
            if self.link is None or self.link.is_closed:
                self.begun = time.monotonic()
                self._server.fetched = self._server.arrived.is_set()
                text = f"waiting until the line is pasted{again}"
                on_progress(Progress("board", text, data={PASTE: "waits"}))
                self.link = await _arrival(self._server, self.board, wait)
            text = f"connected to {self._server.board_text()}"
            on_progress(Progress("board", text, data={PASTE: "connected"}))
            try:
                return await job(self.link)
            except FinnTuiError as error:
                if not self.link.is_closed:
                    raise
                on_progress(Progress("board", f"{error.what}: {error.why}"))
                again = " again; it goes on where it was"

    async def wait_unused(self, seconds: float = WAIT_SECONDS) -> None:
        """Wait until no job was done for some time."""
        while True:
            await self._unused.wait()
            try:
                async with asyncio.timeout(seconds):
                    await self._used.wait()
            except TimeoutError:
                return

    async def end(self, text: str) -> None:
        """Let the board go, if one is there.

        Args:
            text: shown in its terminal.
        """
        if self.link is not None and not self.link.is_closed:
            await self.link.end(text)


@contextlib.asynccontextmanager
async def hosting(known: Board | None, where: Listening) -> AsyncIterator[PasteHost]:
    """A server for the line for as long as the block lasts.

    Args:
        known: a named board, or None for what finn-tui assumes of PYNQ images.
        where: the server.
    """
    sudo = known.sudo if known is not None else True
    board = pasted_board(known, where)
    async with serving(where.address, where.port, board_sees=where.board_sees, sudo=sudo) as server:
        host = PasteHost(board, where, server)
        try:
            yield host
        finally:
            await asyncio.shield(host.end("stopped by finn-tui"))


async def with_pasted(
    known: Board | None,
    where: Listening,
    job: Callable[[Transport], Awaitable[T]],
    show_line: Callable[[str], None],
    on_progress: OnProgress = ignore,
    *,
    wait: float = WAIT_SECONDS,
) -> T:
    """Do one job on the board into whose terminal the line is pasted.

    The server closes when the job has ended in whatever way.

    Args:
        known: a named board, or None for what finn-tui assumes of PYNQ images.
        where: the server.
        job: done with the transport to the board, see ``PasteHost.do``.
        show_line: shown the line that is to be pasted.
        on_progress: told what is waited for.
        wait: seconds until the line must have been pasted.

    Raises:
        FinnTuiError: nobody pasted the line, or what the job raises.
    """
    async with hosting(known, where) as host:
        show_line(host.line)
        try:
            result = await host.do(job, on_progress, wait=wait)
        except FinnTuiError as error:
            await host.end(f"stopped: {error.what}")
            raise
        await host.end("done; this line cannot be used again")
        if host.refused:
            refused = f"{host.refused} requests of others were refused"
            on_progress(Progress("board", refused))
        return result


async def _arrival(server: PasteServer, board: Board, wait: float) -> PasteLink:
    try:
        async with asyncio.timeout(wait):
            await server.arrived.wait()
    except TimeoutError:
        fetched = (
            "The board fetched the program and did not come back: its terminal shows why."
            if server.fetched
            else "Nothing came. The board must reach the address in the line: try `ping` there."
        )
        raise FinnTuiError(
            f"the line was not pasted within {wait / 60:.0f} min, or did not work",
            fetched,
            "Run the command again; it gives a new line.",
            kind="board",
        ) from None
    if server.ended:
        raise FinnTuiError(
            f"the line for {board.name} is taken back",
            "finn-tui does not listen for the board any more.",
            "Begin again; it gives a new line.",
            kind="board",
        )
    server.arrived.clear()
    assert server.session is not None
    return PasteLink(board, server.session)
