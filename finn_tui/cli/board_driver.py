"""`finn-tui boards install-driver`: finn-plus-driver for a board without internet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finn_tui.cli.board_deployments import on_board
from finn_tui.cli.common import Reporter, echo, print_json, shared_options
from finn_tui.cli.secrets import PASSWORD_OPTION

if TYPE_CHECKING:
    from finn_tui.board.transport import Transport


@click.command("install-driver")
@click.argument("name")
@click.option(
    "--wheels",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with wheels for the board (default: fetched on this machine).",
)
@PASSWORD_OPTION
@shared_options()
def install_driver(
    name: str, wheels: Path | None, ask_password: bool, workspace: Path, as_json: bool
) -> None:
    """Install finn-plus-driver below finn-tui's folder on a board; it needs no internet there."""

    async def job(link: Transport, reporter: Reporter) -> dict[str, Any]:
        from finn_tui.board.driver_wheels import install_driver as install

        return await install(link, wheels, reporter)

    about = on_board(name, workspace, ask_password, job)
    if as_json:
        print_json(about)
        return
    echo(f"finn-plus-driver {about['driver']} is on {name} (Python {about['python']})")
