"""Making room: what a run that has ended does not need any more, and how much that frees."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.server.runs import runfiles
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch.processes import reconcile

#: Working files: only going on with the build needs them, and a look at the tools' own logs.
_WORKING = ("finn_build_dir", "build/intermediate_models", "build/stitched_ip")
#: All that is neither a figure nor a word about the run.
_OUTPUT = (
    "finn_build_dir",
    "build",
    "rehearsal",
    "sample",
    "dataset",
    "model.onnx",
    "folding.json",
    "engine.pyz",
    "runner.log",
)


@dataclass(frozen=True)
class Cleanup:
    """What is removed of a run, or would be.

    Attributes:
        paths: files and folders, in the run's folder.
        bytes: what they take on the disk.
        host_bytes: what is removed on the host that the run works on; 0 for this machine.
        loses: what cannot be done any more afterwards, one sentence.
    """

    run: RunFolder
    paths: tuple[Path, ...]
    bytes: int
    loses: str
    host_bytes: int = 0

    def as_json(self) -> dict[str, Any]:
        """As ``runs clean --json`` gives it."""
        names = [str(path.relative_to(self.run.path)) for path in self.paths]
        return {"run": self.run.id, "bytes": self.bytes + self.host_bytes, "removed": names}


def plan_cleanup(run: RunFolder, *, keep_results: bool = False) -> Cleanup:
    """What cleaning a run would remove.

    Args:
        keep_results: keep nothing but what is known about the run (run.json, state.json,
            events.jsonl, results.json, notes.json); else the deployment package, the reports,
            the model and the log stay, too.

    Raises:
        FinnTuiError: the run has not ended.
    """
    state = reconcile(run)
    if not state.final:
        raise FinnTuiError(
            f"{run.id} has not ended",
            f"It is {state.state}.",
            "Wait for its end, or cancel it; then clean up.",
        )
    names = _OUTPUT if keep_results else _WORKING
    left = list(run.path.glob(".cleaned-*"))
    paths = [*(run.path / name for name in names), *left]
    existing = tuple(path for path in paths if path.exists() or path.is_symlink())
    loses = (
        "It cannot be deployed, resumed or retried any more; its figures stay."
        if keep_results
        else "It cannot be resumed any more, and the tools' logs are gone; it can be deployed and "
        "retried."
    )
    return Cleanup(run, existing, sum(map(_bytes, existing)), loses)


def clean_up(plan: Cleanup) -> Cleanup:
    """Remove what was planned and return what it was.

    Raises:
        FinnTuiError: the run is at work again, or something cannot be removed (kind "disk").
    """
    run = plan.run
    try:
        lock = runfiles.hold(str(run.path))
    except BlockingIOError as error:
        raise FinnTuiError(f"{run.id} is at work again", "", "Wait for its end.") from error
    with lock:
        if not run.state().final:
            raise FinnTuiError(f"{run.id} is at work again", "", "Wait for its end.")
        try:
            for path in plan.paths:
                _remove(path, run.path)
        except OSError as error:
            raise FinnTuiError(
                f"{run.id} could not be cleaned up",
                str(error),
                "Look at who owns its files.",
                kind="disk",
            ) from error
    runfiles.append_event(str(run.path), "cleaned", bytes=plan.bytes)
    return plan


def _remove(path: Path, run: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
        return
    # Away at once under its name: half a folder is never taken for a whole one.
    gone = run / f".cleaned-{secrets.token_hex(4)}"
    path.rename(gone)
    shutil.rmtree(gone)


def _bytes(path: Path) -> int:
    """What a file or folder takes on the disk; a file with several names counts once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    stack = [path]
    while stack:
        place = stack.pop()
        try:
            status = place.lstat()
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                total += status.st_blocks * 512
            if place.is_dir() and not place.is_symlink():
                stack += [Path(entry.path) for entry in os.scandir(place)]
        except OSError:
            continue
    return total
