"""Talking to the agent on a board: one request, a stream of events, one answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
from collections.abc import Callable, Mapping
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


async def ask(link: Link, request: Mapping[str, Any], on_event: OnEvent) -> dict[str, Any]:
    """Start the agent, send the request, hand on its events and return its answer.

    The agent is put on the board if it is not there. It ends, and the driver with it, when this
    call ends in whatever way.

    Args:
        link: an open connection.
        request: see ``finn_tui.board.agent``; ``timeout`` is the accelerator's (seconds).
        on_event: called with each ``hello``, ``log`` and ``progress`` event.

    Raises:
        FinnTuiError: the agent's own, or that it could not be started, or that the line broke.
    """
    with translated(link.board):
        await _bring_agent(link)
        process = await link.connection.create_process(_command(link), encoding=None)
        stderr = bytearray()
        reading = asyncio.create_task(_collect(process.stderr, stderr, on_event))
        try:
            if link.board.sudo and link.sudo_password is not None:
                process.stdin.write(link.sudo_password.encode() + b"\n")
            process.stdin.write(json.dumps(dict(request)).encode() + b"\n")
            return await _answer(link, process, float(request.get("timeout", 60.0)), on_event)
        except _Ended:
            await asyncio.wait((reading,), timeout=2)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await process.wait_closed()
            raise _why(link, process, stderr.decode("utf-8", "replace")) from None
        finally:
            reading.cancel()
            with contextlib.suppress(OSError, asyncssh.Error):
                process.stdin.write_eof()
            process.close()


class _Ended(Exception):
    """The agent's output ended before its answer."""


async def _answer(
    link: Link, process: asyncssh.SSHClientProcess[bytes], patience: float, on_event: OnEvent
) -> dict[str, Any]:
    limit = _FIRST_EVENT
    while True:
        try:
            async with asyncio.timeout(limit):
                line = await process.stdout.readline()
        except TimeoutError:
            raise FinnTuiError(
                f"nothing was heard from {link.board.name} for {limit:g} s",
                "The agent that runs the driver there is silent.",
                "Try again; if it stays so, restart the board.",
                kind="board",
            ) from None
        if not line:
            if link.connection.is_closed():
                raise asyncssh.ConnectionLost("the connection ended in the middle of the work")
            raise _Ended
        try:
            event = json.loads(line)
        except ValueError:
            # A login script may print before the agent speaks.
            on_event({"event": "log", "text": line.decode("utf-8", "replace").rstrip()})
            continue
        if not isinstance(event, dict):
            continue
        if event.get("event") == "result":
            return event
        if event.get("event") == "error":
            raise FinnTuiError.from_dict(event)
        limit = max(_SILENCE, patience + 30.0)
        on_event(event)


async def _collect(stream: asyncssh.SSHReader[bytes], kept: bytearray, on_event: OnEvent) -> None:
    with contextlib.suppress(asyncssh.Error):
        async for line in stream:
            kept += line
            del kept[:-_KEPT_STDERR]
            on_event({"event": "log", "text": line.decode("utf-8", "replace").rstrip()})


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
    async with sftp.open(path + ".part", "wb") as file:
        await file.write(agent_bytes())
    await sftp.posix_rename(path + ".part", path)


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
