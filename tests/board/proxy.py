"""A line that breaks or is slow: a TCP proxy on 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class StyledLine:
    """Counts what goes towards the board.

    Attributes:
        limit: it breaks once so many bytes have gone there.
        rate: so many bytes a second go there at most.
    """

    def __init__(self) -> None:
        self.limit: int | None = None
        self.rate: float | None = None
        self.upwards = 0
        self.port = 0


@contextlib.asynccontextmanager
async def line(target: int) -> AsyncIterator[StyledLine]:
    """A proxy to 127.0.0.1:``target`` for as long as the block lasts."""
    state = StyledLine()
    writers: list[asyncio.StreamWriter] = []

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, up: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(16384):
                if up:
                    state.upwards += len(data)
                    if state.rate is not None:
                        await asyncio.sleep(len(data) / state.rate)
                    if state.limit is not None and state.upwards > state.limit:
                        for other in writers:
                            other.transport.abort()
                        break
                sink.write(data)
                await sink.drain()
        # This connection has ended; others may go on.
        sink.transport.abort()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward, back = await asyncio.open_connection("127.0.0.1", target)
        writers.extend((writer, back))
        await asyncio.gather(pump(reader, back, True), pump(onward, writer, False))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
