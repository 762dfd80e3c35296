"""An interactive terminal on a board: the transport's, and `finn-tui boards console`."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from finn_tui.board.catalogue import find
from finn_tui.board.connection import connect
from finn_tui.cli.console import Escape
from finn_tui.hosts.transport import Console


@pytest.mark.parametrize(
    ("typed", "passed", "left"),
    [
        ("ls ~.\r", "ls ~.\r", False),
        ("~.", "", True),
        ("ls\r~.more", "ls\r", True),
        ("~~.", "~.", False),
        ("~a", "~a", False),
        ("x~.", "x~.", False),
    ],
)
def test_leaving_keys(typed: str, passed: str, left: bool) -> None:
    whole, single = Escape(), Escape()
    assert whole.take(typed.encode()) == passed.encode() and whole.left == left
    pieces = b"".join(single.take(key.encode()) for key in typed if not single.left)
    assert pieces == passed.encode() and single.left == left


async def until(console: Console, text: bytes) -> bytes:
    seen = b""
    async with asyncio.timeout(20):
        while text not in seen:
            data = await console.read()
            assert data, seen
            seen += data
    return seen


async def test_a_shell_with_its_size(board_home: None) -> None:
    async with connect(find("simulated")) as link:
        console = await link.console(90, 20)
        console.write(b"stty size; echo do''ne\n")
        assert b"20 90" in await until(console, b"done")
        console.resize(120, 40)
        console.write(b"stty size; echo do''ne\n")
        assert b"40 120" in await until(console, b"done")
        # ctrl-C reaches what runs there.
        console.write(b"sleep 1000\n")
        await asyncio.sleep(0.3)
        console.write(b"\x03")
        console.write(b"echo do''ne\n")
        await until(console, b"done")
        console.write(b"exit\n")
        async with asyncio.timeout(20):
            while await console.read():
                pass
        other = await link.console(80, 24)
        await other.close()


@contextmanager
def terminal(*arguments: str) -> Iterator[int]:
    """finn-tui in a terminal of its own."""
    child, master = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "finn_tui.cli", *arguments])
    try:
        yield master
    finally:
        os.close(master)
        with suppress(ChildProcessError):
            os.waitpid(child, 0)


def wait_for(master: int, text: str, seconds: float = 30.0) -> str:
    seen, end = b"", time.monotonic() + seconds
    while text.encode() not in seen:
        assert time.monotonic() < end, seen
        if select.select([master], [], [], 0.2)[0]:
            seen += os.read(master, 1 << 16)
    return seen.decode("utf-8", "replace")


def test_this_terminal_on_the_board(board_home: None) -> None:
    with terminal("boards", "console", "simulated") as master:
        before = termios.tcgetattr(master)
        wait_for(master, "SIMULATED:~")
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
        # The signal may come a moment later than these keys.
        time.sleep(0.5)
        os.write(master, b"stty size\r")
        wait_for(master, "33 77")
        os.write(master, b"\r~.")
        wait_for(master, "left simulated")
        assert termios.tcgetattr(master)[3] == before[3], "the terminal is as it was"
