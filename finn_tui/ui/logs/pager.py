"""A log in the user's own pager, while the app gives the terminal away."""

from __future__ import annotations

import asyncio
import os
import shlex
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from finn_tui.base.errors import FinnTuiError

#: Pagers that take "+123" for a line.
_PLUS = {"less", "more", "most", "vi", "vim", "nvim", "view"}


async def page(app: App[Any], path: Path, line: int | None) -> None:
    """Show a file in $PAGER until the user leaves it.

    Args:
        app: gives the terminal away meanwhile.
        path: of the file.
        line: where to begin, from 1; None where it is not known.

    Raises:
        FinnTuiError: the pager cannot be started.
    """
    try:
        command = shlex.split(os.environ.get("PAGER", "")) or ["less"]
    except ValueError:
        command = ["less"]
    if Path(command[0]).name in _PLUS and line is not None:
        command.append(f"+{line}")
    try:
        # The loop goes on, for what runs on boards; nothing may be drawn meanwhile.
        with app.suspend(), app.batch_update():
            process = await asyncio.create_subprocess_exec(*command, str(path))
            await process.wait()
    except (OSError, SuspendNotSupported) as error:
        raise FinnTuiError(
            f"{command[0]} cannot be started",
            str(error),
            "Set PAGER to a program that is installed; all of the log can be read here.",
            kind="tools",
        ) from error
