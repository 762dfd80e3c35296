"""What every transport's terminal must do."""

from __future__ import annotations

import asyncio

from finn_tui.hosts.transport import Console
from tests.waiting import PATIENCE


async def read_until(console: Console, text: bytes) -> bytes:
    """Read until a text has come."""
    seen = b""
    async with asyncio.timeout(PATIENCE):
        while text not in seen:
            data = await console.read()
            assert data, seen
            seen += data
    return seen


async def check_terminal(console: Console) -> None:
    """Size, another size, an interrupt, and the end; the terminal has 90 columns and 20 rows."""
    console.write(b"stty size; echo do''ne\n")
    assert b"20 90" in await read_until(console, b"done")
    console.resize(120, 40)
    # The size may come a moment later than these keys.
    for _ in range(100):
        console.write(b"stty size; echo do''ne\n")
        if b"40 120" in await read_until(console, b"done"):
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError("the size did not come")
    # ctrl-C reaches what runs there.
    console.write(b"echo be''gun; sleep 1000\n")
    await read_until(console, b"begun")
    for _ in range(100):
        # A shell that is busy with the interrupt may drop what is typed just then.
        console.write(b"\x03")
        await asyncio.sleep(0.5)
        console.write(b"echo do''ne\n")
        try:
            async with asyncio.timeout(5):
                await read_until(console, b"done")
        except TimeoutError:
            continue
        break
    console.write(b"exit\n")
    async with asyncio.timeout(PATIENCE):
        while await console.read():
            pass
