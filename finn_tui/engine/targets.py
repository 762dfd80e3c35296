"""What a user points at as an engine: an interpreter, an environment, a checkout, a command."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine import recipes
from finn_tui.engine.recipes import Checkout
from finn_tui.hosts.container import Container

#: Folders of a checkout in which people keep its environment.
_ENVIRONMENTS = (".venv", "venv", "env", ".env")
#: The programs that run containers.
RUNTIMES = ("docker", "podman")
_EXEC_FLAGS = ("-i", "-t", "-it", "-ti", "--interactive", "--tty")
#: What starts FINN's container, in every FINN of upstream.
DOCKER_SCRIPT = "run-docker.sh"
#: An import of numpy, onnx and qonnx from a cold disk.
_TRY_SECONDS = 60.0


@dataclass(frozen=True)
class Target:
    """What was pointed at.

    Attributes:
        kind: in words, such as "virtual environment".
        command: what starts its Python.
        notes: what else is to be known of it.
        host: the host that it is on; empty for this machine.
        container: in which it is; None for none.
    """

    kind: str
    command: tuple[str, ...]
    notes: tuple[str, ...] = ()
    host: str = ""
    container: Container | None = None


def is_container(words: Sequence[str]) -> bool:
    """Whether a user's words name a container: ``docker:NAME``, or ``docker exec -i NAME ...``."""
    runtime, colon, name = words[0].partition(":") if len(words) == 1 else ("", "", "")
    return (bool(colon and name) and runtime in RUNTIMES) or exec_of(words) is not None


def exec_of(words: Sequence[str]) -> tuple[str, str, tuple[str, ...]] | None:
    """Runtime, container and command of ``docker exec -i NAME COMMAND``; None for anything else."""
    if len(words) == 1:
        words = words[0].split()
    if len(words) < 4 or words[0].rpartition("/")[2] not in RUNTIMES or words[1] != "exec":
        return None
    rest = list(words[2:])
    while rest and rest[0] in _EXEC_FLAGS:
        rest.pop(0)
    if len(rest) < 2 or rest[0].startswith("-"):
        return None
    return words[0].rpartition("/")[2], rest[0], tuple(rest[1:])


def docker_script(words: Sequence[str]) -> Path | None:
    """The run-docker.sh that a user's words name, or that lies in the folder that they name."""
    path = Path(words[0]).expanduser().absolute() if len(words) == 1 else None
    if path is None or path.name == DOCKER_SCRIPT:
        return path
    checkout = recipes.checkout_at(path)
    return (checkout.root if checkout is not None else path) / DOCKER_SCRIPT


async def detect(words: Sequence[str], python: str | None = None) -> Target:
    """Find out what a user's words name.

    Args:
        words: a path, or a command with its arguments, which may come as one word.
        python: interpreter or environment for a checkout, which has none.

    Raises:
        FinnTuiError: nothing of that name, or nothing that can run Python.
    """
    if len(words) == 1:
        path = Path(words[0]).expanduser()
        if path.is_dir():
            return await _folder(path.absolute(), python)
        if not path.exists() and len(parts := _split(words[0])) > 1:
            words = parts
    if python is not None:
        raise FinnTuiError(
            f"{words[0]} is no FINN checkout",
            "--python names the interpreter for a folder of FINN's sources.",
            "Leave --python out, or give the checkout's folder.",
        )
    program = _program(words[0])
    if len(words) > 1:
        return Target("command", (program, *words[1:]))
    name = Path(program).name
    if name.startswith(("python", "pypy")):
        environment = Path(program).parent.parent
        inside = (environment / "pyvenv.cfg").is_file()
        note = (f"of the virtual environment {environment}",) if inside else ()
        return Target("interpreter", (program,), note)
    return Target("wrapper command", (program,))


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return [text]


def _program(word: str) -> str:
    """Return an executable's absolute path. Raises ``FinnTuiError`` if it is none."""
    program = None if os.sep in word or word.startswith("~") else shutil.which(word)
    if program is not None:
        return program
    # Not resolved: an environment's interpreter is a link to the one that it was made with.
    absolute = Path(word).expanduser().absolute()
    if not absolute.exists():
        if absolute.is_symlink():
            raise FinnTuiError(
                f"{word} is a link to {absolute.readlink()}, which is not there",
                "An environment's interpreter is such a link: the Python that it was made with is "
                "gone.",
                "Make the environment again, or give another interpreter.",
            )
        raise _nothing(word)
    if not absolute.is_file() or not os.access(absolute, os.X_OK):
        raise FinnTuiError(
            f"{word} cannot be executed",
            "It is a file without permission to be started."
            if absolute.is_file()
            else "It is no file.",
            f"Give the interpreter itself, or `chmod +x {shlex.quote(word)}`."
            if absolute.is_file()
            else "Give the interpreter itself.",
        )
    return str(absolute)


def _nothing(word: str) -> FinnTuiError:
    return FinnTuiError(
        f"there is no {word}",
        "It is neither a file or folder nor a program on PATH.",
        "Give an interpreter, the folder of a virtual environment or of FINN's sources, or a "
        "command that ends in a Python.",
    )


async def _folder(folder: Path, python: str | None) -> Target:
    interpreter = folder / "bin" / "python"
    if interpreter.exists():
        return Target("virtual environment", (str(interpreter),))
    checkout = recipes.checkout_at(folder)
    if checkout is not None:
        return await _checkout(checkout, folder, python)
    for name in _ENVIRONMENTS:
        interpreter = folder / name / "bin" / "python"
        if interpreter.exists():
            return Target("virtual environment", (str(interpreter),), (f"{name} of {folder}",))
    raise FinnTuiError(
        f"{folder} holds no Python and no FINN",
        "A virtual environment has bin/python; FINN's sources have src/finn and finn-rtllib.",
        "Give one of these folders, an interpreter, or a command that ends in a Python.",
    )


async def _checkout(checkout: Checkout, folder: Path, python: str | None) -> Target:
    notes: tuple[str, ...] = (f"{folder} is in it",) if folder != checkout.root else ()
    if python is not None:
        path = Path(python).expanduser().absolute()
        interpreter = path / "bin" / "python" if path.is_dir() else Path(_program(python))
        problem = await asyncio.to_thread(_lack, interpreter, checkout)
        if problem is None:
            return Target("FINN checkout", _command(checkout, interpreter), notes)
        raise FinnTuiError(
            f"{interpreter} cannot run the FINN in {checkout.root}",
            problem,
            _how_to_get_one(checkout),
        )
    tried = []
    for candidate in _candidates(checkout):
        problem = await asyncio.to_thread(_lack, candidate, checkout)
        if problem is None:
            notes += (f"with {candidate}",)
            return Target("FINN checkout", _command(checkout, candidate), notes)
        tried.append(f"{candidate}: {problem}")
    raise FinnTuiError(
        f"no Python here can run the FINN in {checkout.root}",
        "Tried " + "; ".join(tried) + "." if tried else "There is none.",
        _how_to_get_one(checkout),
    )


def _how_to_get_one(checkout: Checkout) -> str:
    return (
        f"`finn-tui engine install --finn-root {shlex.quote(str(checkout.root))}` makes a small "
        "environment for it; or name one that has qonnx and onnx with --python."
    )


def _candidates(checkout: Checkout) -> list[Path]:
    own = [checkout.root / name / "bin" / "python" for name in _ENVIRONMENTS]
    if active := os.environ.get("VIRTUAL_ENV"):
        own.append(Path(active) / "bin" / "python")
    on_path = [shutil.which(name) for name in ("python3.10", "python3.8", "python3", "python")]
    paths = [path for path in own if path.exists()] + [Path(each) for each in on_path if each]
    return list(dict.fromkeys(paths))


def _command(checkout: Checkout, interpreter: Path) -> tuple[str, ...]:
    """Start an interpreter with a checkout on its path.

    By ``env``, since a variable of the terminal's own would reach every engine.
    """
    path = os.pathsep.join(map(str, checkout.paths))
    return (
        shutil.which("env") or "env",
        f"FINN_ROOT={checkout.root}",
        f"PYTHONPATH={path}",
        str(interpreter),
    )


def _lack(interpreter: Path, checkout: Checkout) -> str | None:
    """Say what an interpreter lacks for a checkout, None if nothing."""
    script = "import numpy, onnx, qonnx.core.modelwrapper, finn"
    try:
        done = subprocess.run(
            [*_command(checkout, interpreter), "-c", script],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TRY_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    if done.returncode == 0:
        return None
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    # A wrapper's own message (pyenv's) ends in advice.
    reason = next((line for line in reversed(lines) if "Error" in line), lines[0] if lines else "")
    return reason.strip()[:200] or f"it ended with code {done.returncode}"
