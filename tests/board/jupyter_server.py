"""A board that is reached by its Jupyter server only: a real one, on 127.0.0.1."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from finn_tui.board.catalogue import Board
from finn_tui.board.connection import connect
from finn_tui.board.transport import Transport
from tests.ports import free_port
from tests.waiting import PATIENCE

PASSWORD = "xilinx"
TOKEN = "0123456789abcdef"


@dataclass
class JupyterBoard:
    """A home with a Jupyter server, as PYNQ images have it.

    Attributes:
        board: to connect to it.
        home: the board's home; the server's files are in ``notebooks`` there.
        port: of the server.
        options: of its command line.
        wrapper: command that starts the server as another user, with that user's number.
    """

    board: Board
    home: Path
    port: int
    options: tuple[str, ...]
    environment: dict[str, str]
    wrapper: tuple[tuple[str, ...], int] = ((), 0)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start (again); ready when it answers."""
        (self.home / "notebooks").mkdir(exist_ok=True, parents=True)
        command, user = self.wrapper
        for path in (self.home, self.home / "notebooks") if command else ():
            os.chown(path, user, user)
        self.process = subprocess.Popen(
            [
                *command,
                sys.executable,
                "-m",
                "jupyter_server",
                "--no-browser",
                "--allow-root",
                "--ServerApp.ip=127.0.0.1",
                f"--ServerApp.port={self.port}",
                "--ServerApp.port_retries=0",
                f"--ServerApp.root_dir={self.home / 'notebooks'}",
                *self.options,
            ],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.home.parent / "jupyter.log").open("ab"),
        )
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api", timeout=5).close()
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError((self.home.parent / "jupyter.log").read_text()[-2000:])

    def stop(self) -> None:
        """End it, as a board that goes down does."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def terminals(self) -> int:
        """How many terminals the server has."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/terminals",
            headers={"Authorization": f"token {TOKEN}"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            content: bytes = answer.read()
        return content.count(b'"name"')


@contextlib.contextmanager
def jupyter_board(
    folder: Path,
    *options: str,
    path: str = "",
    wrapper: tuple[tuple[str, ...], int] = ((), 0),
    **entry: object,
) -> Iterator[JupyterBoard]:
    """A board with a Jupyter server for as long as the block lasts.

    Args:
        folder: where its home is made.
        options: of the server's command line; its token is ``TOKEN`` by default.
        path: what comes first in its PATH.
        wrapper: see ``JupyterBoard``.
        entry: of the board.
    """
    home = folder / "home"
    home.mkdir(parents=True)
    environment = {
        "PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"],
        "HOME": str(home),
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "TERM": "xterm",
    }
    port = free_port()
    fields = {"name": "lab", "host": "127.0.0.1", "url": f"http://127.0.0.1:{port}", "sudo": False}
    board = Board(**{**fields, **entry})  # type: ignore[arg-type]
    options = options or (f"--IdentityProvider.token={TOKEN}",)
    running = JupyterBoard(board, home, port, options, environment, wrapper)
    running.start()
    try:
        yield running
    finally:
        running.stop()


@contextlib.asynccontextmanager
async def reached(running: JupyterBoard, secret: str | None = TOKEN) -> AsyncIterator[Transport]:
    """A connection to it."""
    async with connect(running.board, password=secret) as link:
        yield link
