"""Managed Python environments, made with uv: the engine's (FINN) and the board driver's.

Each lies in its own folder with a marker file that is written last, so that an environment whose
installation was broken off is recognised and made again. Several processes may ask at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uv

from finn_tui.base import files, subprocesses
from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore

MARKER = "finn-tui-environment.json"


@dataclass(frozen=True)
class Recipe:
    """How to make one environment.

    Attributes:
        name: what users see ("engine finn-plus").
        python: the Python version that uv shall find or fetch ("3.11").
        arguments: one or more argument lists for ``uv pip install``, tried in order until one
            succeeds (CPU builds of torch from their own index, then whatever the usual one has).
        version: written to the marker; another version there means that it is made again.
    """

    name: str
    python: str
    arguments: tuple[tuple[str, ...], ...]
    version: str


def python_of(folder: Path) -> Path:
    """Return the environment's interpreter."""
    return folder / "bin" / "python"


def read_marker(folder: Path) -> dict[str, Any] | None:
    """Return what was written when the environment was complete; None if it is not."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return marker if isinstance(marker, dict) and python_of(folder).exists() else None


def damage(folder: Path) -> str | None:
    """Say what is wrong with an environment that was complete once; None for any other folder."""
    marker = folder / MARKER
    if not marker.exists():
        return None
    try:
        document = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return f"{marker} cannot be read: {error}"
    if not isinstance(document, dict):
        return f"{marker} holds no JSON object."
    python = python_of(folder)
    return None if python.exists() else f"There is no {python} any more."


def write_marker(folder: Path, marker: dict[str, Any]) -> None:
    """Mark an environment as complete.

    Args:
        folder: of the environment.
        marker: what it was made from.

    Raises:
        FinnTuiError: the disk does not take it.
    """
    files.replace(folder / MARKER, json.dumps(marker, indent=2))


async def ensure(folder: Path, recipe: Recipe, on_progress: OnProgress = ignore) -> Path:
    """Create an environment unless it exists.

    Args:
        folder: of the environment.
        recipe: what goes into it.
        on_progress: gets each step.

    Returns:
        path of its interpreter.

    Raises:
        FinnTuiError: with uv's message; kind "engine", or "disk" if the disk is full.
    """
    marker = read_marker(folder)
    if marker is not None and marker.get("version") == recipe.version:
        return python_of(folder)
    async with _only_one(folder, recipe.name, on_progress):
        marker = read_marker(folder)
        if marker is not None and marker.get("version") == recipe.version:
            return python_of(folder)
        await asyncio.to_thread(shutil.rmtree, folder, True)
        try:
            await _make(folder, recipe, on_progress)
        except BaseException:  # cancelled, too: nothing half is left
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, True))
            raise
    on_progress(Progress("install", f"{recipe.name}: ready", 1.0))
    return python_of(folder)


async def _make(folder: Path, recipe: Recipe, on_progress: OnProgress) -> None:
    """Make an environment where there is none, and mark it as complete."""
    on_progress(Progress("install", f"{recipe.name}: making an environment", 0.0))
    await _uv(("venv", "--python", recipe.python, str(folder)), recipe, on_progress)
    failure: FinnTuiError | None = None
    for number, arguments in enumerate(recipe.arguments):
        command = ("pip", "install", "--python", str(python_of(folder)), *arguments)
        last = number == len(recipe.arguments) - 1
        try:
            await _uv(command, recipe, on_progress, patient=last)
            break
        except FinnTuiError as error:
            if last or error.kind is ErrorKind.DISK:
                raise
            failure = error
            on_progress(Progress("install", f"{recipe.name}: first source not reachable, next one"))
    write_marker(
        folder,
        {
            "version": recipe.version,
            "name": recipe.name,
            "fell_back": failure.why if failure else None,
        },
    )


@contextlib.asynccontextmanager
async def _only_one(folder: Path, name: str, on_progress: OnProgress) -> AsyncIterator[None]:
    # The lock is beside the folder, since the folder itself is removed and made again.
    lock = folder.with_name(folder.name + ".lock")
    while True:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise FinnTuiError(
                f"cannot write to {folder.parent}",
                str(error),
                "Make room there, or set FINN_TUI_HOME to a folder that can be written.",
                kind="disk",
            ) from error
        try:
            if _taken(descriptor, lock):
                try:
                    yield
                finally:
                    if not folder.exists():
                        lock.unlink(missing_ok=True)
                return
        finally:
            os.close(descriptor)
        on_progress(Progress("install", f"{name}: another finn-tui is installing it"))
        await asyncio.sleep(0.5)


def _taken(descriptor: int, lock: Path) -> bool:
    """Take the lock if nobody has it, and if its file is still the one at that path."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(descriptor).st_ino == lock.stat().st_ino
    except (BlockingIOError, FileNotFoundError):
        return False


_DOWNLOADING = re.compile(r"^\s*Downloading (\S+) \(([^)]*)\)")
_DOWNLOADED = re.compile(r"^\s*Downloaded (\S+)")


async def _uv(
    arguments: Sequence[str], recipe: Recipe, on_progress: OnProgress, *, patient: bool = True
) -> None:
    environment = {
        key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")
    }
    # A folder of wheels that pip is told of serves uv as well.
    if "PIP_FIND_LINKS" in environment:
        environment.setdefault("UV_FIND_LINKS", environment["PIP_FIND_LINKS"])
    if not patient:
        environment |= {"UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": "10"}
    process = await asyncio.create_subprocess_exec(
        uv.find_uv_bin(),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    assert process.stderr is not None
    lines: list[str] = []
    started = finished = 0
    try:
        async for raw in process.stderr:
            line = raw.decode("utf-8", "replace").rstrip()
            lines.append(line)
            text = line.strip()
            if _DOWNLOADING.match(line):
                started += 1
            elif _DOWNLOADED.match(line):
                finished += 1
            elif not text.startswith(("Resolved", "Prepared", "Installed", "Using", "Creating")):
                continue
            # Downloads are most of the time; the sizes are not known before, so count them.
            fraction = 0.05 + 0.85 * finished / started if started else None
            on_progress(Progress("install", f"{recipe.name}: {text}", fraction))
        code = await process.wait()
    finally:
        await subprocesses.end(process)
    if code != 0:
        output = "\n".join(lines[-30:])
        if "No space left" in output or "os error 28" in output:
            raise FinnTuiError(
                f"{recipe.name} could not be installed: the disk is full",
                "uv stopped with: " + (lines[-1].strip() if lines else "no message"),
                "Free some space (the engine takes 2 to 6 GB), or set FINN_TUI_HOME to another "
                "disk, then try again.",
                kind="disk",
                detail=output,
            )
        raise FinnTuiError(
            f"{recipe.name} could not be installed",
            _reason(output),
            "Check the network connection (or set UV_INDEX_URL to your mirror) and try again; "
            "what is prepared already can be looked at and folded without it.",
            kind="engine",
            detail=output,
        )


_OFFLINE = (
    "dns error",
    "error sending request",
    "network was disabled",
    "Failed to fetch",
    "Connection refused",
    "tcp connect error",
)


def unreachable(output: str) -> bool:
    """Whether uv's output says that the package index did not answer."""
    return any(sign in output for sign in _OFFLINE)


def _reason(output: str) -> str:
    """Return the reason in uv's output, in one sentence."""
    if unreachable(output):
        return "The package index cannot be reached: there is no network, or a proxy is missing."
    first = next((line for line in output.splitlines() if "error" in line.lower()), "no message")
    return "uv stopped with: " + first.strip().removeprefix("error: ")
