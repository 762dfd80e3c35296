"""finn-plus-driver on a board without internet: wheels are fetched here, or named, and sent."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from pathlib import Path
from typing import Any

import uv

from finn_tui.base import paths, subprocesses
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.base.text import clean, size
from finn_tui.board.agent_session import conversation
from finn_tui.board.answers import Checked, Event, Hello, Log, Working
from finn_tui.board.deploy import send_files
from finn_tui.board.jobs import check
from finn_tui.board.transport import Transport
from finn_tui.rehearsal.driver_env import DRIVER_VERSION

_REQUIREMENT = f"finn-plus-driver=={DRIVER_VERSION}"
_DOWNLOAD_SECONDS = 1800.0
_OLDEST = (3, 10)
_MOST_BYTES = 1 << 30


async def install_driver(
    link: Transport, wheels: Path | None = None, on_progress: OnProgress = ignore
) -> dict[str, Any]:
    """Install finn-plus-driver into an environment below finn-tui's folder on a board.

    Args:
        link: the board.
        wheels: a folder with wheels for the board; None fetches them on this machine.
        on_progress: told what is waited for, with pip's lines as ``log``.

    Returns:
        What the board is afterwards, as ``jobs.check`` gives it.

    Raises:
        FinnTuiError: no wheels for that board, or pip there refuses them.
    """
    about = await check(link, on_progress)
    version = tuple(map(int, re.findall(r"\d+", about["python"])[:2]))
    if version < _OLDEST:
        raise FinnTuiError(
            f"finn-plus-driver needs Python 3.10, {link.board.name} has {clean(about['python'])}",
            "PYNQ images before 3.0 have an older one.",
            "Use a newer image, or build with upstream FINN, whose driver travels with the run.",
            kind="board",
        )
    requirement = _REQUIREMENT
    if wheels is None:
        wheels = await _fetched(version, str(about["machine"]), on_progress)
    else:
        requirement = "finn-plus-driver"
    files = await asyncio.to_thread(_wheels, wheels)
    on_progress(Progress("driver", f"sending {len(files)} wheels"))
    folder = f"wheels/{hashlib.sha256(''.join(sorted(files)).encode()).hexdigest()[:12]}"
    await send_files(link, folder, files, on_progress)

    def listen(event: Event) -> None:
        if isinstance(event, Log):
            on_progress(Progress("driver", event.text, None, {"log": True}))
        elif isinstance(event, Working):
            on_progress(Progress("driver", event.message))
        elif isinstance(event, Hello):
            return

    request = {"do": "install", "flavour": "", "wheels": folder, "requirement": requirement}
    async with conversation(link) as agent:
        # Compiling bytecode takes a Zynq minutes, in which pip says nothing.
        await agent.ask({**request, "timeout": 900.0}, listen, Checked)
    return await check(link, on_progress)


def _wheels(folder: Path) -> dict[str, Path]:
    """The wheels in a folder by name. Raises ``FinnTuiError`` if the driver's is not there."""
    files = {path.name: path for path in sorted(folder.glob("*.whl")) if path.is_file()}
    total = sum(path.stat().st_size for path in files.values())
    if not any(name.startswith("finn_plus_driver-") for name in files):
        raise FinnTuiError(
            f"{folder} holds no wheel of finn-plus-driver",
            f"It has {len(files)} wheels.",
            "Fetch them with pip download for the board's Python and processor.",
            kind="input",
        )
    if total > _MOST_BYTES:
        raise FinnTuiError(
            f"{folder} holds {size(total)} of wheels",
            "That is more than a board's disk should take.",
            "Leave only the wheels for this board in it.",
            kind="input",
        )
    return files


async def _fetched(version: tuple[int, ...], machine: str, on_progress: OnProgress) -> Path:
    """Wheels for a Python and a processor from the package index, kept in the cache."""
    if not re.fullmatch(r"[a-z0-9_]{1,20}", machine):
        raise FinnTuiError("the board does not say what processor it has", "", "Give --wheels.")
    folder = paths.cache_dir() / "wheels" / f"py{version[0]}{version[1]}-{machine}-{DRIVER_VERSION}"
    if (folder / "whole").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    on_progress(Progress("driver", f"fetching wheels for {machine}"))
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in (35, 31, 28, 27, 24, 17)]
    command = [uv.find_uv_bin(), "tool", "run", "pip", "download", "--only-binary=:all:"]
    command += ["--python-version", ".".join(map(str, version)), "--dest", str(folder)]
    for platform in (*platforms, f"manylinux2014_{machine}", f"linux_{machine}"):
        command += ["--platform", platform]
    process = await asyncio.create_subprocess_exec(
        *command,
        _REQUIREMENT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = b""
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DOWNLOAD_SECONDS):
                output, _ = await process.communicate()
    finally:
        await asyncio.shield(subprocesses.end(process))
    if process.returncode != 0:
        lines = [line for line in clean(output.decode("utf-8", "replace")).splitlines() if line]
        raise FinnTuiError(
            f"the wheels for {machine} cannot be fetched",
            next((line for line in reversed(lines) if "ERROR" in line), "pip gave no reason"),
            "Fetch or build them elsewhere (for a 32-bit Zynq on the board of somebody with "
            "internet) and give the folder: --wheels FOLDER.",
            kind="engine",
        )
    (folder / "whole").touch()
    return folder
