"""Talking to the agent on a board: a request, a stream of events, an answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shlex
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import asyncssh

from finn_tui.board.agent_file import agent_bytes, agent_name
from finn_tui.board.link import Link, translated
from finn_tui.errors import FinnTuiError

OnEvent = Callable[[Mapping[str, Any]], None]

# A Zynq needs its time to start Python and import the driver.
_FIRST_EVENT = 60.0
_SILENCE = 60.0
_KEPT_STDERR = 16_000
# What PYNQ images set up for interactive root shells: the virtual environment and XRT.
_PROFILE = "/etc/profile.d/pynq_venv.sh /etc/profile.d/xrt_setup.sh"


class Conversation:
    """A running agent; ask it one thing after the other."""

    def __init__(self, link: Link, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._link = link
        self._process = process
        self._stderr = bytearray()
        self._on_event: OnEvent = lambda event: None
        self.reading = asyncio.create_task(self._collect())

    async def ask(self, request: Mapping[str, Any], on_event: OnEvent) -> dict[str, Any]:
        """Send a request, hand on its events and return its answer.

        Args:
            request: see ``finn_tui.board.agent``; ``timeout`` is the accelerator's (seconds).
            on_event: called with each ``hello``, ``log`` and ``progress`` event.

        Raises:
            FinnTuiError: the agent's own, or that it could not be started, or the line broke.
        """
        self._on_event = on_event
        with translated(self._link.board):
            try:
                self._process.stdin.write(json.dumps(dict(request)).encode() + b"\n")
                return await self._answer(float(request.get("timeout", _SILENCE)))
            except (_Ended, BrokenPipeError):
                if self._link.connection.is_closed():
                    broke = "the connection ended in the middle of the work"
                    raise asyncssh.ConnectionLost(broke) from None
                await asyncio.wait((self.reading,), timeout=2)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(2):
                        await self._process.wait_closed()
                said = self._stderr.decode("utf-8", "replace")
                raise _why(self._link, self._process, said) from None

    async def _answer(self, patience: float) -> dict[str, Any]:
        limit = _FIRST_EVENT
        while True:
            try:
                async with asyncio.timeout(limit):
                    line = await self._process.stdout.readline()
            except TimeoutError:
                raise FinnTuiError(
                    f"nothing was heard from {self._link.board.name} for {limit:g} s",
                    "The agent that runs the driver there is silent.",
                    "Try again; if it stays so, restart the board.",
                    kind="board",
                ) from None
            if not line:
                raise _Ended
            try:
                event = json.loads(line)
            except ValueError:
                event = None
            if not isinstance(event, dict):
                # A login script may print before the agent speaks.
                event = {"event": "log", "text": line.decode("utf-8", "replace").rstrip()}
            if event.get("event") == "result":
                return event
            if event.get("event") == "error":
                raise FinnTuiError.from_dict(event)
            limit = max(_SILENCE, patience + 30.0)
            self._on_event(event)

    async def _collect(self) -> None:
        with contextlib.suppress(asyncssh.Error):
            async for line in self._process.stderr:
                self._stderr += line
                del self._stderr[:-_KEPT_STDERR]
                text = line.decode("utf-8", "replace").rstrip()
                self._on_event({"event": "log", "text": text})


class _Ended(Exception):
    """The agent's output ended before its answer."""


@contextlib.asynccontextmanager
async def conversation(link: Link) -> AsyncIterator[Conversation]:
    """An agent on the board for as long as the block lasts; it is put there if need be.

    It ends, and the driver with it, when the block ends in whatever way.

    Raises:
        FinnTuiError: the agent cannot be brought or started.
    """
    with translated(link.board):
        await _bring_agent(link)
        process = await link.connection.create_process(_command(link), encoding=None)
    talk = Conversation(link, process)
    try:
        if link.board.sudo and link.sudo_password is not None:
            process.stdin.write(link.sudo_password.encode() + b"\n")
        yield talk
    finally:
        talk.reading.cancel()
        with contextlib.suppress(OSError, asyncssh.Error):
            process.stdin.write_eof()
        process.close()


def _command(link: Link) -> str:
    board = link.board
    script = (
        f"cd -- {shlex.quote(board.folder)} || exit 1; "
        f'for f in {_PROFILE}; do [ -r "$f" ] && . "$f"; done; '
        f"exec {shlex.quote(board.interpreter)} -u {agent_name()}"
    )
    command = f"bash -c {shlex.quote(script)}"
    if not board.sudo:
        return command
    # sudo keeps the working directory, so that a folder below the user's home is found.
    # -k: always ask, so that a password of ours is never left over for the agent to read.
    return f"sudo -k -S -p '' -- {command}" if link.sudo_password else f"sudo -n -- {command}"


async def _bring_agent(link: Link) -> None:
    sftp = await link.sftp()
    path = f"{link.board.folder}/{agent_name()}"
    with contextlib.suppress(asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        if (await sftp.stat(path)).size == len(agent_bytes()):
            return
    await sftp.makedirs(link.board.folder, exist_ok=True)
    # Two terminals may bring it at the same time; each its own way, and the same bytes.
    part = f"{path}.{secrets.token_hex(4)}.part"
    async with sftp.open(part, "wb") as file:
        await file.write(agent_bytes())
    await sftp.posix_rename(part, path)


def _why(link: Link, process: asyncssh.SSHClientProcess[bytes], said: str) -> FinnTuiError:
    """What an agent's early end means."""
    board = link.board
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "")
    if ("sudo:" in said and "password" in said) or "incorrect password" in said:
        return FinnTuiError(
            f"sudo on {board.name} asks for a password",
            "The driver must run as root there.",
            "Give the password when asked, or allow it without: add `xilinx ALL=(ALL) NOPASSWD: "
            "ALL` with visudo on the board.",
            kind="board",
            detail=said,
        )
    if process.exit_status in (126, 127) or "No such file or directory" in last:
        return FinnTuiError(
            f"{board.interpreter} cannot be started on {board.name}",
            last,
            "Set python for this board in boards.toml, e.g. /usr/local/share/pynq-venv.",
            kind="board",
            detail=said,
        )
    return FinnTuiError(
        f"the agent on {board.name} ended early",
        last or f"Its exit status was {process.exit_status}.",
        "The board may have run out of memory; look at `dmesg` there.",
        kind="board",
        detail=said,
    )
