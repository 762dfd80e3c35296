"""The simulated board: an SSH server on 127.0.0.1 that behaves like a PYNQ board, without an FPGA.

``running`` starts one in a process of its own and ends it again; several may run on one folder.
The process is ``python -m finn_tui.rehearsal.board``; see ``board_server`` for what it does.

A board's folder holds ``keys/`` (host and client key, made for the occasion) and ``home/``, which
is all that SFTP shows and where commands start.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from finn_tui.base import paths, subprocesses
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.rehearsal import driver_env

USER = "xilinx"
_START_TIMEOUT = 30.0
#: What the server gets to end its commands by itself.
_END_SECONDS = 5.0


@dataclass(frozen=True)
class Endpoint:
    """Where a simulated board listens.

    Attributes:
        host: always 127.0.0.1.
        port: a free one.
        user: whom to log in as.
        client_key: private key file that it accepts.
        host_key: its public key, in OpenSSH's form.
        home: the folder that is the board's file system.
    """

    host: str
    port: int
    user: str
    client_key: Path
    host_key: str
    home: Path


def default_folder() -> Path:
    """Return the folder of the board that always exists."""
    return paths.data_dir() / "boards" / "simulated"


@contextlib.asynccontextmanager
async def running(
    on_progress: OnProgress = ignore, *, folder: Path | None = None, python: Path | None = None
) -> AsyncIterator[Endpoint]:
    """A simulated board for as long as the block lasts.

    Args:
        on_progress: told while the driver's environment is made at the first need.
        folder: the board's folder; made if it is not there.
        python: interpreter with the driver; ``driver_env.ensure`` if None.

    Raises:
        FinnTuiError: the environment cannot be made, or the server does not start.
    """
    if python is None:
        python = await driver_env.ensure(on_progress)
    folder = folder or default_folder()
    on_progress(Progress("board", "starting the simulated board"))
    log = folder / "server.log"
    folder.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "finn_tui.rehearsal.board",
            str(folder),
            str(python),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
            start_new_session=True,
        )
    assert process.stdin is not None and process.stdout is not None
    try:
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                line = await process.stdout.readline()
        except TimeoutError:
            line = b""
        if not line:
            process.stdin.close()
            await subprocesses.end(process, _END_SECONDS)
            log_text = await asyncio.to_thread(log.read_text, "utf-8", "replace")
            raise FinnTuiError(
                "the simulated board did not start",
                log_text.strip().splitlines()[-1]
                if log_text.strip()
                else "It ended without a message.",
                f"Look at {folder}; if in doubt remove that folder and try again.",
                kind="board",
                detail=log_text,
            )
        ready = json.loads(line)
        yield Endpoint(
            host="127.0.0.1",
            port=ready["port"],
            user=USER,
            client_key=Path(ready["client_key"]),
            host_key=ready["host_key"],
            home=Path(ready["home"]),
        )
    finally:
        # The server ends, and its commands with it, when this pipe closes.
        process.stdin.close()
        await asyncio.shield(subprocesses.end(process, _END_SECONDS))


def main(arguments: list[str]) -> int:
    """``python -m finn_tui.rehearsal.board FOLDER DRIVER_PYTHON [IDLE_SECONDS]``."""
    from finn_tui.rehearsal import board_server

    if len(arguments) not in (2, 3):
        print("usage: board FOLDER DRIVER_PYTHON [IDLE_SECONDS]", file=sys.stderr)
        return 2
    idle = float(arguments[2]) if len(arguments) == 3 else board_server.IDLE_SECONDS
    asyncio.run(board_server.serve(Path(arguments[0]), Path(arguments[1]), idle))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
