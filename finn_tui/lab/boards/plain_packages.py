"""Deployment packages without a run: a folder or zip file that somebody was given.

Each gets a folder of its own in the data folder, named by its content, with a copy of the package
and what is measured of it: the user's folder stays as it is.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from finn_tui.base import paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.board.layout import find_layout, unpacked
from finn_tui.engine.server.runs import runfiles


def plain_package(name: str) -> Path | None:
    """Return the run folder of a deployment package; None for what is no path of one.

    Args:
        name: what the user typed: a folder with a bitstream and a driver, or a zip file of one.

    Raises:
        FinnTuiError: a folder or zip file without a package, or one that cannot be read.
    """
    path = Path(name).expanduser()
    if path.suffix.lower() == ".zip" and path.is_file():
        return _with_copy(path.stem, unpacked(path), path)
    if not path.is_dir() or (path / runfiles.RUN).is_file():
        return None
    return _with_copy(path.resolve().name, path, path)


def _with_copy(name: str, folder: Path, source: Path) -> Path:
    layout = find_layout(folder)
    if layout is None:
        raise FinnTuiError(
            f"{source} holds no deployment package",
            "A board needs a bitstream (*.bit) and a driver: driver.py and driver_base.py of FINN, "
            "or settings.json of finn-plus.",
            "Name the folder or zip file that has both, or a run: `finn-tui runs` lists them.",
            kind="input",
        )
    digest = hashlib.sha256()
    files = sorted(layout.files())
    try:
        for path in files:
            _check(path, folder, source)
            relative = path.relative_to(layout.root).as_posix()
            digest.update(relative.encode("utf-8", "surrogateescape") + b"\0")
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        short = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:60].lstrip(".") or "package"
        run = paths.data_dir() / "packages" / f"{short}-{digest.hexdigest()[:12]}"
        target = run / "deploy"
        if not target.is_dir():
            part = run / ".deploy.part"
            shutil.rmtree(part, ignore_errors=True)
            for path in files:
                copy = part / path.relative_to(layout.root)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
            part.rename(target)
    except OSError as error:
        raise FinnTuiError(
            f"{source} cannot be read or copied", str(error), "Look at its files.", kind="disk"
        ) from error
    return run


def _check(path: Path, folder: Path, source: Path) -> None:
    """A file of a package must lie in it, and not only a link to it."""
    if not path.resolve().is_relative_to(folder.resolve()):
        raise FinnTuiError(
            f"{path} is a symbolic link to a file outside {source}",
            f"It leads to {path.resolve()}, and a deploy would send that to the board.",
            "Put the file itself there if it belongs to the package.",
            kind="input",
        )
