"""``results.json`` of a run folder: what was estimated, built and measured, and by whom.

Builders and boards write parts of it at different times, so a part is merged in under a lock and
the file replaced at once. ``runs`` and ``board`` both use it; it knows neither.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from finn_tui.errors import FinnTuiError

NAME = "results.json"


def read(run_folder: Path) -> dict[str, Any]:
    """The results so far; empty if nothing was measured yet.

    Raises:
        FinnTuiError: the file is there but cannot be read, kind "disk".
    """
    path = run_folder / NAME
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise FinnTuiError(
            f"{path} cannot be read",
            str(error),
            "Restore it, or remove it and measure again.",
            kind="disk",
        ) from error
    return results if isinstance(results, dict) else {}


def merge(run_folder: Path, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Set parts such as ``throughput`` or ``accuracy`` and leave the others; returns all of them.

    Raises:
        FinnTuiError: the folder cannot be written, or is gone, kind "disk".
    """
    path = run_folder / NAME
    try:
        with _locked(run_folder):
            results = read(run_folder) | dict(parts)
            partial = path.with_name(f".{NAME}.{os.getpid()}.partial")
            partial.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            partial.replace(path)
    except OSError as error:
        raise FinnTuiError(
            f"the results cannot be written to {path}",
            str(error),
            "Make room on that disk, or make the run folder writable, then measure again.",
            kind="disk",
        ) from error
    return results


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems know no locks; the replacement is atomic without one too.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
