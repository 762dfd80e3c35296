"""Start the app: the only place of the command line that imports ``finn_tui.ui``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from finn_tui.cli.common import open_workspace, shared_options

if TYPE_CHECKING:
    from finn_tui.lab.workspace import Workspace


@click.command("open")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--model", help="Preset, .onnx file or model of the workspace to open.")
@shared_options(json=False)
def open_app(folder: Path | None, workspace: Path, model: str | None) -> None:
    """Open the app on a workspace."""
    opened = open_workspace(folder or workspace, tolerant=True)
    start_app(opened, model or opened.settings.model or None)


def start_app(workspace: Workspace, model: str | None) -> None:
    """Run the app until it is left.

    Args:
        workspace: the folder to work in.
        model: what to open at the start; None waits for the user to choose.
    """
    from finn_tui.lab.workbench import Workbench
    from finn_tui.ui.app import run_app

    run_app(Workbench(workspace), model)
