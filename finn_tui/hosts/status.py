"""How the connection to a host is, as data and in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from finn_tui.base.errors import FinnTuiError


class LinkState(StrEnum):
    """How the connection to a host is."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    #: It does not answer or the line broke; it is tried again.
    WAITING = "waiting"
    #: It wants something of the user: a login, a look at its host key.
    REFUSED = "refused"


@dataclass(frozen=True)
class HostStatus:
    """What screens show of the connection to a host.

    Attributes:
        host: its name.
        state: how the connection is.
        latency (s): of the last round trip; None where it was not measured.
        problem: why it is not connected.
        retry_at (s): when it is tried again, of ``time.monotonic``; None if it is not waited for.
        asks: whether an answer of the user may let us in.
    """

    host: str
    state: LinkState = LinkState.CLOSED
    latency: float | None = None
    problem: FinnTuiError | None = None
    retry_at: float | None = None
    asks: bool = False

    def words(self, now: float) -> str:
        """The state in a few words, such as "210 ms" or "again in 4 s".

        Args:
            now (s): of ``time.monotonic``.
        """
        if self.state is LinkState.CONNECTED:
            return "connected" if self.latency is None else latency_text(self.latency)
        if self.state is LinkState.WAITING:
            rest = 0.0 if self.retry_at is None else self.retry_at - now
            return f"again in {math.ceil(rest)} s" if rest > 0 else "no connection"
        if self.state is LinkState.REFUSED:
            return "asks for login" if self.asks else "refused"
        return "connecting" if self.state is LinkState.CONNECTING else "not connected"


def latency_text(seconds: float) -> str:
    """A latency in ms, with a decimal where it is short."""
    milliseconds = seconds * 1e3
    return f"{milliseconds:.1f} ms" if milliseconds < 9.95 else f"{milliseconds:.0f} ms"


OnStatus = Callable[[HostStatus], None]
