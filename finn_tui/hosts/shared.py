"""The connections of this process to hosts: whatever needs a host shares the one connection to it.

An engine, runs that are followed and a build that begins come and go in any order. The pool closes
when the last of them has left.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finn_tui.hosts.ssh.questions import Ask, Secrets
from finn_tui.hosts.status import HostStatus, OnStatus

if TYPE_CHECKING:
    # asyncssh takes half a second to import, which only those who reach a host shall pay.
    from finn_tui.hosts.pool import HostPool

_secrets = Secrets()
_listeners: list[OnStatus] = []


@dataclass
class _Shared:
    """The pool of one event loop.

    Attributes:
        holders: how many need it.
        pool: None until a host is reached.
    """

    holders: int = 0
    pool: HostPool | None = None

    def open(self) -> HostPool:
        """The pool, made at its first use."""
        if self.pool is None:
            from finn_tui.hosts.pool import HostPool

            self.pool = HostPool(_secrets, on_status=_tell)
        return self.pool


#: Connections belong to the event loop that they were made in.
_by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = (
    weakref.WeakKeyDictionary()
)


def secrets() -> Secrets:
    """What the user has typed for logins in this process; kept in memory only."""
    return _secrets


def ask_with(ask: Ask | None) -> Ask | None:
    """Have the user asked for passwords and host keys; None asks nobody.

    Returns:
        who was asked before.
    """
    before, _secrets.ask = _secrets.ask, ask
    return before


@contextlib.asynccontextmanager
async def held() -> AsyncIterator[Callable[[], HostPool]]:
    """Keep the connections of this process open while the block works.

    The block gets a function that returns them; nothing is imported or connected before it is
    called.
    """
    shared = _by_loop.setdefault(asyncio.get_running_loop(), _Shared())
    shared.holders += 1
    try:
        yield shared.open
    finally:
        shared.holders -= 1
        if not shared.holders and shared.pool is not None:
            pool, shared.pool = shared.pool, None
            await pool.close()


def retry(name: str) -> None:
    """Let the next use of a host try at once, however often it has failed or was refused."""
    shared = _by_loop.get(asyncio.get_running_loop())
    if shared is not None and shared.pool is not None:
        shared.pool.retry(name)


def listen(on_status: OnStatus) -> Callable[[], None]:
    """Tell of each change of a connection's status; the result ends that."""
    _listeners.append(on_status)
    return lambda: _listeners.remove(on_status)


def _tell(status: HostStatus) -> None:
    for listener in tuple(_listeners):
        listener(status)
