"""Start the app: the only place of the command line that imports ``finn_tui.ui``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finn_tui.base.early_keys import EarlyKeys
from finn_tui.base.errors import FinnTuiError
from finn_tui.cli.common import open_workspace, shared_options

if TYPE_CHECKING:
    from finn_tui.lab.workspace import Workspace


@click.command("open")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--model", help="Preset, .onnx file or model of the workspace to open.")
@shared_options(json=False)
def open_app(folder: Path | None, workspace: Path, model: str | None) -> None:
    """Open the app on a workspace."""
    if (why := why_no_terminal()) is not None:
        raise FinnTuiError(
            f"the app needs a terminal ({why}); use the commands, such as `finn-tui runs`, instead"
        )
    with EarlyKeys() as keys:
        opened = open_workspace(folder or workspace, tolerant=True)
        _start(opened, model or opened.settings.model or None, keys)


def why_no_terminal() -> str | None:
    """Return why the app could neither be seen nor left here; None where it can be."""
    # Textual reads the true stdin and draws on the true stderr.
    for name, stream in (("stdin", sys.__stdin__), ("stderr", sys.__stderr__)):
        if stream is None or stream.closed or not stream.isatty():
            return f"its {name} is none"
    term = os.environ.get("TERM", "")
    return f"TERM={term} cannot draw screens" if term in ("", "dumb", "unknown") else None


def start_app(workspace: Workspace, model: str | None) -> None:
    """Run the app until it is left.

    Args:
        workspace: the folder to work in.
        model: what to open at the start; None waits for the user to choose.
    """
    with EarlyKeys() as keys:
        _start(workspace, model, keys)


def _start(workspace: Workspace, model: str | None, keys: EarlyKeys) -> None:
    from finn_tui.lab.workbench import Workbench
    from finn_tui.ui.run import run_app

    run_app(Workbench(workspace), model, before_screen=keys.end)
