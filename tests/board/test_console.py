"""An interactive terminal on a board: the transport's, and `finn-tui boards console`."""

from __future__ import annotations

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
from tests.board.consoles import check_terminal
from tests.waiting import PATIENCE


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


async def test_a_shell_with_its_size(board_home: None) -> None:
    async with connect(find("simulated")) as link:
        await check_terminal(await link.console(90, 20))
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


def wait_for(master: int, text: str, seconds: float = PATIENCE) -> str:
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
        seen = ""
        while "33 77" not in seen:
            # The signal may come a moment later than these keys.
            os.write(master, b"stty size; echo do''ne\r")
            seen += wait_for(master, "done")
        os.write(master, b"\r~.")
        wait_for(master, "left simulated")
        assert termios.tcgetattr(master)[3] == before[3], "the terminal is as it was"
