"""`finn-tui boards console`: this terminal, on a board."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finn_tui.cli.common import Reporter, echo, open_lab, shared_options
from finn_tui.cli.secrets import PASSWORD_OPTION, Secrets, run_with_secrets

if TYPE_CHECKING:
    from finn_tui.hosts.transport import Console


class Escape:
    """Finds ``~.`` at the start of a line among the keys, as OpenSSH does; ``~~`` is one ``~``.

    Attributes:
        left: whether the user has left.
    """

    def __init__(self) -> None:
        self.left = False
        self._at_start = True
        self._tilde = False

    def take(self, data: bytes) -> bytes:
        """Return what goes to the board of some keys."""
        passed = bytearray()
        for byte in data:
            if self._tilde:
                self._tilde = False
                if byte == ord("."):
                    self.left = True
                    break
                if byte != ord("~"):
                    passed += b"~"
            elif self._at_start and byte == ord("~"):
                self._tilde = True
                continue
            passed.append(byte)
            self._at_start = byte in b"\r\n"
        return bytes(passed)


@click.command()
@click.argument("name")
@PASSWORD_OPTION
@shared_options(json=False)
def console(name: str, ask_password: bool, workspace: Path) -> None:
    """Open a terminal on a board.

    Everything passes as it is, as with ssh. It ends with the shell there, or with the keys ~. at
    the start of a line.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("boards console needs a terminal; `ssh` takes commands.")

    async def work(reporter: Reporter, secrets: Secrets) -> bool:
        lab = open_lab(workspace)
        async with lab.board(name, reporter, **secrets.arguments()) as link:
            opened = await link.console(*_size())
            reporter.close()
            echo(f"{name}: a terminal on the board; Enter ~ . leaves it", err=True)
            with _raw():
                return await _pass(opened)

    left = run_with_secrets(work, ask=ask_password)
    echo(f"left {name}" if left else f"the terminal on {name} has ended", err=True)


def _size() -> tuple[int, int]:
    """Columns and rows of this terminal, whatever COLUMNS says; some do not tell theirs."""
    size = os.get_terminal_size(1)
    return size.columns or 80, size.lines or 24


@contextlib.contextmanager
def _raw() -> Iterator[None]:
    """Every key as it is, and this terminal as it was at the end."""
    before = termios.tcgetattr(0)
    try:
        tty.setraw(0)
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


async def _pass(opened: Console) -> bool:
    """Pass keys, output and sizes; returns whether the user left."""
    import asyncio

    loop = asyncio.get_running_loop()
    escape, left = Escape(), asyncio.Event()

    def keys() -> None:
        try:
            data = os.read(0, 1 << 16)
        except OSError:
            data = b""  # our terminal is gone
        passed = escape.take(data)
        if passed:
            opened.write(passed)
        if escape.left or not data:
            left.set()

    def resized() -> None:
        opened.resize(*_size())

    loop.add_reader(0, keys)
    loop.add_signal_handler(signal.SIGWINCH, resized)
    leaving = asyncio.create_task(left.wait())
    try:
        while True:
            reading = asyncio.create_task(opened.read())
            await asyncio.wait((reading, leaving), return_when=asyncio.FIRST_COMPLETED)
            if leaving.done():
                reading.cancel()
                return True
            data = reading.result()
            if not data:
                return False
            # A slow terminal holds the board back, and not our other work.
            await asyncio.to_thread(_print, data)
    finally:
        leaving.cancel()
        loop.remove_reader(0)
        loop.remove_signal_handler(signal.SIGWINCH)
        await opened.close()


def _print(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]
