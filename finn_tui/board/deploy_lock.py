"""The lock that holds a board's folder against other deploys, and the shell that holds it."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress
from finn_tui.board.transport import Transport
from finn_tui.hosts.arrivals import PROGRAM
from finn_tui.hosts.transport import RemoteProcess

#: For another deploy to end.
LOCK_SECONDS = 900.0


class DeployLock:
    """Asks for the lock at once, while other things are looked at.

    A board without ``flock`` has to do without. The shell that holds it hashes what arrives. It
    ends with its process, and that with our end of its standard input.
    """

    def __init__(self, link: Transport, on_progress: OnProgress) -> None:
        self._link = link
        self._on_progress = on_progress
        self._path = f"{link.board.folder}/.deploy.lock"
        folder, path = shlex.quote(link.board.folder), shlex.quote(self._path)
        program = shlex.quote(f"echo held; {PROGRAM}")
        self._starting = asyncio.ensure_future(
            link.stream(f"mkdir -p {folder} && exec flock {path} -c {program}")
        )

    async def held(self) -> RemoteProcess:
        """Wait for the lock; its shell, which runs ``arrivals.PROGRAM``.

        Raises:
            FinnTuiError: another deploy does not come to its end.
        """
        shell = await asyncio.shield(self._starting)
        waiting = asyncio.create_task(shell.readline())
        try:
            done, _ = await asyncio.wait((waiting,), timeout=0.5)
            if not done:
                self._on_progress(
                    Progress("deploy", "another finn-tui deploys to this board; waiting")
                )
                done, _ = await asyncio.wait((waiting,), timeout=LOCK_SECONDS)
            if not done:
                name = self._link.board.name
                raise FinnTuiError(
                    f"another finn-tui has deployed to {name} for {LOCK_SECONDS:g} s",
                    f"It holds the lock {self._path} there.",
                    "Try again when it has finished; `ps aux | grep flock` on the board shows it.",
                    kind="board",
                )
            await waiting
        finally:
            waiting.cancel()
        return shell

    def give_back(self) -> None:
        """Let go of it, also where it was asked for in vain."""
        self._starting.add_done_callback(_close)


def _close(started: asyncio.Future[RemoteProcess]) -> None:
    if not started.cancelled() and started.exception() is None:
        started.result().close()


@contextlib.asynccontextmanager
async def deploy_lock(link: Transport, on_progress: OnProgress) -> AsyncIterator[DeployLock]:
    """Ask for the lock of a board's folder; given back at the end of the block."""
    lock = DeployLock(link, on_progress)
    try:
        yield lock
    finally:
        lock.give_back()
