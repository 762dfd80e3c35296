"""The user's command at the end of a build that was made elsewhere: started here, once."""

from __future__ import annotations

import contextlib
import os
import subprocess

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.workspace import Workspace
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.launch import processes
from finn_tui.runs.placement import Placement, take_notice


def told(run: RunFolder, placement: Placement) -> None:
    """Start the command if a run on a host has ended, and all of it is here.

    Args:
        run: that was looked at.
        placement: as it is now.
    """
    if placement.notify and placement.settled:
        # Somebody else who follows the run may have been first.
        with contextlib.suppress(FinnTuiError):
            if take_notice(run.path):
                start(run)


def start(run: RunFolder) -> None:
    """Start the command that the user has agreed to, as a runner here does; nothing without one.

    Args:
        run: it has ended.
    """
    with contextlib.suppress(FinnTuiError, OSError):
        command = Workspace.open(run.path.parent.parent).agreed_notify()
        if not command:
            return
        environment = {
            **os.environ,
            "FINN_TUI_RUN": run.id,
            "FINN_TUI_STATE": str(run.state().state),
            "FINN_TUI_FOLDER": str(run.path),
        }
        # Its words go nowhere: the log here is a mirror of the host's.
        child = subprocess.Popen(
            command,
            shell=True,
            env=environment,
            cwd=run.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        processes.adopt(child)
