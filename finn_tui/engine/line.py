"""The line to an engine on a host broke: what was asked is asked again once it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.file_exchange import OnEvent
from finn_tui.hosts.transport import Unreachable

T = TypeVar("T")

#: How often one request is asked again: a line that always breaks is no line.
MOST_REPEATS = 3
#: How long a host is tried again before the request fails, and the pauses in between.
RECONNECT_SECONDS = 120.0
FIRST_PAUSE_SECONDS = 1.0
MOST_PAUSE_SECONDS = 15.0


class LineLost(FinnTuiError):
    """The line to an engine's host broke while it worked on something, or before it answered."""


async def repeated(
    ask: Callable[[], Awaitable[T]],
    connect: Callable[[], Awaitable[None]],
    on_event: OnEvent | None,
) -> T:
    """Ask an engine, and again where the line broke before its answer.

    Requests write nothing but what their answer fetches, so that asking twice does no harm.

    Args:
        ask: sends the request and waits for its answer.
        connect: starts the engine anew.
        on_event: told by events of progress what is waited for.

    Raises:
        FinnTuiError: as ``ask``; ``LineLost`` where the line stays broken.
    """

    def tell(text: str) -> None:
        if on_event is not None:
            on_event("progress", {"message": text, "fraction": None})

    repeats = 0
    while True:
        try:
            return await ask()
        except LineLost as error:
            if repeats == MOST_REPEATS:
                raise
            repeats += 1
            await _reconnect(error, connect, tell)


async def _reconnect(
    lost: LineLost, connect: Callable[[], Awaitable[None]], tell: Callable[[str], None]
) -> None:
    """Try until there is a line again; a login that is refused ends that at once."""
    end = asyncio.get_running_loop().time() + RECONNECT_SECONDS
    pause = FIRST_PAUSE_SECONDS
    while True:
        tell(f"{lost.what}; connecting again")
        try:
            await connect()
            return
        except (LineLost, Unreachable) as error:
            rest = end - asyncio.get_running_loop().time()
            if rest <= 0:
                raise LineLost(
                    lost.what,
                    f"{lost.why} It could not be reached again for {RECONNECT_SECONDS:g} s: "
                    f"{error.what}.",
                    "Try again once the host answers; nothing that was stored here is lost.",
                    kind="engine",
                ) from error
            tell(f"{lost.what}; connecting again in {min(pause, rest):.0f} s")
            await asyncio.sleep(min(pause, rest))
            pause = min(2 * pause, MOST_PAUSE_SECONDS)
