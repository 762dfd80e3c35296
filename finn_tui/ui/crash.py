"""What is kept of a defect of our own: a log file, so that the screen need not show a traceback."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from finn_tui.base import paths
from finn_tui.base.errors import FinnTuiError

#: A log is begun anew when it has grown to this many bytes; one older one is kept.
_LARGE = 1_000_000


def log_file() -> Path:
    """Return the path of the app's log."""
    return paths.state_dir() / "finn-tui.log"


def record(error: BaseException, doing: str) -> Path | None:
    """Write an internal error to the log.

    Args:
        error: the exception.
        doing: what the app was doing.

    Returns:
        The log's path; None if it cannot be written.
    """
    # Imported here: an app that has no defect need not pay for them at its start.
    import platform
    import traceback
    from importlib.metadata import version

    path = log_file()
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    text = "".join(traceback.format_exception(error))
    head = f"{stamp} finn-tui {version('finn-tui')}, Textual {version('textual')}, "
    head += f"Python {platform.python_version()}, {sys.platform}: {doing}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _LARGE:
            path.replace(path.with_suffix(".log.1"))
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(head + text + "\n")
    except OSError:
        return None
    return path


def explain(error: BaseException, doing: str) -> FinnTuiError:
    """Write an internal error to the log, and describe it for the user.

    Args:
        error: the exception.
        doing: what the app was doing.
    """
    path = record(error, doing)
    where = f"It was written to {path}. " if path is not None else ""
    return FinnTuiError(
        "a defect of finn-tui",
        f"{type(error).__name__}: {error}",
        f"{where}What you did is not lost; try it again, and report this if it stays.",
        kind="defect",
    )
