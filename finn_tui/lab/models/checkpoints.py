"""Trained weights of presets: named by a file or a training's run, and remembered by preset.

``models/<preset>/weights/`` holds a copy of the checkpoint that was last chosen, so that every
command that names the preset means the trained network, whatever becomes of the run.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.server.runs import runfiles
from finn_tui.lab.workspace import Workspace, name_of_file
from finn_tui.runs.folder import find_run, list_runs

#: What a training leaves in its run folder's ``build``, the best first.
NAMES = (runfiles.BEST_WEIGHTS, runfiles.CHECKPOINT)
#: In place of a file or run: choose none, as for a preset that was never trained.
NONE = "none"
_CHOICE = "weights.json"


def find(workspace: Workspace, text: str) -> Path:
    """Return the checkpoint that a user names.

    Args:
        workspace: whose runs may be named.
        text: a file, a run's folder, or a run's name.

    Raises:
        FinnTuiError: there is no such file or run, or the run has no checkpoint.
    """
    path = Path(text).expanduser()
    if path.is_file():
        return path.absolute()
    if text == "last":
        runs = (run.path for run in list_runs(workspace.runs_dir))
        folder = next((run for run in runs if _inside(run)), None)
        folder = folder or find_run(workspace.runs_dir, text).path
    else:
        folder = path if path.is_dir() else find_run(workspace.runs_dir, text).path
    checkpoint = _inside(folder)
    if checkpoint is not None:
        return checkpoint.absolute()
    raise FinnTuiError(
        f"{text} has no checkpoint",
        f"There is neither {' nor '.join(NAMES)} in {folder / 'build'}.",
        "Name a training that has finished an epoch (finn-tui runs), or a checkpoint file.",
    )


def _inside(folder: Path) -> Path | None:
    """The checkpoint of a run of ours, or of a folder that Brevitas' trainer made."""
    places = (folder / "build", folder, folder / "checkpoints")
    paths = (place / name for place in places for name in (*NAMES, "best.tar"))
    return next((path for path in paths if path.is_file()), None)


def key_of_module(path: Path) -> str:
    """What the weights of a user's own Python file are kept under, beside those of presets."""
    absolute = str(path.absolute())
    return f"{name_of_file(path.stem)}-{hashlib.sha256(absolute.encode()).hexdigest()[:8]}"


def _folder(workspace: Workspace, preset: str) -> Path:
    return workspace.models_dir / preset / "weights"


def choose(workspace: Workspace, preset: str, path: Path) -> None:
    """Remember a checkpoint as the weights of a preset in this workspace.

    Args:
        workspace: where the copy is kept.
        preset: its name, or ``key_of_module``.
        path: the checkpoint.

    Raises:
        FinnTuiError: it cannot be copied.
    """
    folder = _folder(workspace, preset)
    target = folder / path.name
    try:
        if path.resolve() != target.resolve():
            folder.mkdir(parents=True, exist_ok=True)
            partial = folder / f".{path.name}.partial"
            shutil.copyfile(path, partial)
            partial.replace(target)
        files.write_sealed(folder / _CHOICE, {"file": target.name, "from": str(path)})
        # Last: a choice that is cut short leaves the one before it.
        for old in folder.iterdir():
            if old.name not in (target.name, _CHOICE):
                old.unlink()
    except OSError as error:
        raise FinnTuiError(
            f"the checkpoint could not be kept in {folder}",
            str(error),
            "Make room on the disk, or choose another workspace.",
            kind="disk",
        ) from error


def forget(workspace: Workspace, preset: str) -> None:
    """Have a preset's own weights again."""
    shutil.rmtree(_folder(workspace, preset), ignore_errors=True)


def chosen(workspace: Workspace, preset: str) -> Mapping[str, Any] | None:
    """Return ``weights`` for a preset's source; None where no checkpoint was chosen."""
    folder = _folder(workspace, preset)
    choice = files.read_sealed(folder / _CHOICE)
    if choice is None:
        return None
    path = folder / Path(str(choice.get("file"))).name
    return {"kind": "checkpoint", "path": str(path)} if path.is_file() else None
