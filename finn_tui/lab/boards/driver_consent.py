"""Whose Python code runs on a board: that of the user's own builds, or what the user agreed to.

A deployment package of upstream FINN brings its driver, ``driver/driver.py``, which runs as root on
the board. Packages of builds that were started here are the user's own: their ``run.json`` is
remembered, with its place, in the user's own folder. Code of any other package is agreed to by its
content, as files of steps are.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from finn_tui.base import files, paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.board.package import package
from finn_tui.engine.server.runs import runfiles
from finn_tui.lab import consent
from finn_tui.runs.folder import RunFolder

#: What a driver loads and does not run: weights, settings, notes.
_DATA = frozenset({".dat", ".npy", ".npz", ".json", ".txt", ".md", ".rst", ".csv", ".yaml", ".yml"})
#: How many own runs are remembered; the oldest are asked about again.
_MOST_OWN = 20_000
_MOST_SHOWN = 6


class UnagreedDriver(FinnTuiError):
    """A package brings code that would run on the board, and nobody has agreed to it.

    Attributes:
        digest: of the code, see ``finn_tui.lab.consent``; path: the folder it is in.
    """

    def __init__(self, run: Path, folder: Path, names: list[str], digest: str) -> None:
        """For a run whose package has code in ``folder``, in files of these names."""
        self.digest = digest
        self.path = folder
        listed = ", ".join(names[:_MOST_SHOWN]) + (", ..." if len(names) > _MOST_SHOWN else "")
        super().__init__(
            f"{run.name} brings code of its own for the board: {listed}",
            f"It was not built here, nobody has agreed to run the code in {folder}, and it would "
            f"run on the board, as root where the board says so. Its SHA-256 is {digest}; another "
            "content needs consent again.",
            "Read it, then give --trust-driver once, or agree when asked.",
            kind="input",
        )


def _own_runs() -> Path:
    return paths.data_dir() / "own-runs.txt"


def _own_digest(run: Path) -> str:
    """What a run is remembered by: its place and what it was asked for. Raises ``OSError``."""
    request = (run / runfiles.RUN).read_bytes()
    place = str(run.resolve()).encode("utf-8", "surrogateescape")
    return hashlib.sha256(b"own run\0" + place + b"\0" + request).hexdigest()


def remember_own(run: RunFolder) -> None:
    """Remember that a run was started here.

    Where that cannot be written, the user is asked before its driver runs, and that is all.
    """

    def added(content: bytes) -> bytes:
        lines = content.splitlines()[-_MOST_OWN + 1 :]
        return b"\n".join([*lines, digest.encode()]) + b"\n"

    with contextlib.suppress(OSError, FinnTuiError):
        digest = _own_digest(run.path)
        files.update(_own_runs(), added)


def _is_own(run: Path) -> bool:
    try:
        digest = _own_digest(run)
        return digest.encode() in _own_runs().read_bytes().splitlines()
    except OSError:
        return False


def check_driver(run: Path) -> None:
    """Refuse a run whose package brings code for the board that nobody has agreed to.

    Raises:
        UnagreedDriver: see there.
        FinnTuiError: the run has no deployment package, or it cannot be read.
    """
    layout = package(run).layout
    folder = layout.root / layout.driver
    if _is_own(run):
        return
    digest = hashlib.sha256(b"driver\0")
    names = []
    try:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in _DATA or not path.is_file():
                continue
            name = path.relative_to(folder).as_posix()
            names.append(name)
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
            digest.update(name.encode("utf-8", "surrogateescape") + b"\0" + content)
    except OSError as error:
        raise FinnTuiError(
            f"{folder} cannot be read", str(error), "Build the run again.", kind="disk"
        ) from error
    if names and not consent.is_agreed(digest.hexdigest()):
        raise UnagreedDriver(run, folder, names, digest.hexdigest())
