"""A job on a board that is reached by a pasted line, from the line to the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.board.catalogue import Board
from finn_tui.board.paste.link import PasteLink
from finn_tui.board.paste.server import PasteServer, serving
from finn_tui.board.transport import Transport

T = TypeVar("T")

#: Seconds that the server waits for the line to be pasted, or pasted again.
WAIT_SECONDS = 1800.0
NAME = "pasted"


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
            "--reach ADDRESS.",
        )
    return Listening(address, port, parse_address(reach) if reach else None)


def addresses_here() -> list[str]:
    """IPv4 addresses of this machine that a board may reach; the loopback's last."""
    import socket

    import psutil

    addresses = [
        each.address
        for interface in psutil.net_if_addrs().values()
        for each in interface
        if each.family == socket.AF_INET
    ]
    return sorted(set(addresses), key=lambda address: (address.startswith("127."), address))


def pasted_board(known: Board | None, where: Listening) -> Board:
    """The board behind the line.

    Args:
        known: its folder, interpreter and driver, if it is a named board.
        where: the server.
    """
    if known is not None:
        # The line's program is root already, where the board says that drivers need it.
        return replace(known, sudo=False)
    return Board(NAME, where.address, sudo=False)


async def with_pasted(
    known: Board | None,
    where: Listening,
    job: Callable[[Transport], Awaitable[T]],
    show_line: Callable[[str], None],
    on_progress: OnProgress = ignore,
    *,
    wait: float = WAIT_SECONDS,
) -> T:
    """Do a job on the board into whose terminal the line is pasted.

    When the connection breaks, the same line can be pasted again, and the job begins again with
    what has arrived already. The server closes when the job has ended in whatever way.

    Args:
        known: a named board, or None for what finn-tui assumes of PYNQ images.
        where: the server.
        job: done with the transport to the board.
        show_line: shown the line that is to be pasted.
        on_progress: told what is waited for.
        wait: seconds until the line must have been pasted.

    Raises:
        FinnTuiError: nobody pasted the line, or what the job raises.
    """
    sudo = known.sudo if known is not None else True
    board = pasted_board(known, where)
    async with serving(where.address, where.port, board_sees=where.board_sees, sudo=sudo) as server:
        show_line(server.line)
        again = ""
        while True:
            on_progress(Progress("board", f"waiting until the line is pasted{again}"))
            link = await _arrival(server, board, wait, on_progress)
            try:
                result = await job(link)
            except FinnTuiError as error:
                if not link.is_closed:
                    await link.end(f"stopped: {error.what}")
                    raise
                on_progress(Progress("board", f"{error.what}: {error.why}"))
                again = " again; it goes on where it was"
            except BaseException:
                await asyncio.shield(link.end("stopped by finn-tui"))
                raise
            else:
                await link.end("done; this line cannot be used again")
                if server.wrong:
                    refused = f"{server.wrong} requests of others were refused"
                    on_progress(Progress("board", refused))
                return result


async def _arrival(
    server: PasteServer, board: Board, wait: float, on_progress: OnProgress
) -> PasteLink:
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
    server.arrived.clear()
    assert server.session is not None
    on_progress(Progress("board", f"connected to {server.board_text()}"))
    return PasteLink(board, server.session)
