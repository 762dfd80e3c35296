"""`finn-tui boards`: list, add, remove and test PYNQ machines."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finn_tui.board import catalogue
from finn_tui.cli.board_deployments import clean, deployments
from finn_tui.cli.board_doctor import doctor
from finn_tui.cli.board_driver import install_driver
from finn_tui.cli.common import (
    Reporter,
    damaged,
    echo,
    guard,
    open_lab,
    print_json,
    run,
    shared_options,
    table,
)
from finn_tui.cli.console import console
from finn_tui.cli.secrets import PASSWORD_OPTION, Secrets, run_with_secrets

if TYPE_CHECKING:
    from finn_tui.hosts.reach import Reach


@click.group()
def boards() -> None:
    """List, add, remove and test PYNQ machines.

    The board `simulated` always exists.
    """


@boards.command("list")
@click.option(
    "--reach", is_flag=True, help="Measure whether each answers (2 s at most, without a login)."
)
@shared_options(workspace=False)
def list_boards(reach: bool, as_json: bool) -> None:
    """List all boards."""
    by_name, broken = catalogue.load_boards()
    known = by_name.values()
    answers = _measure(list(known)) if reach else {}
    if as_json:
        listed = [
            {
                **asdict(board),
                "simulated": board.simulated,
                "reach": asdict(answers[board.name]) if board.name in answers else None,
            }
            for board in known
        ]
        print_json({"boards": listed, "damaged": damaged(broken)})
        return
    rows = [
        (
            board.name,
            "made by finn-tui" if board.name == catalogue.SIMULATED else board.address,
            board.driver,
            answers[board.name].text if board.name in answers else "",
            "SIMULATED" if board.simulated else "REPLAY" if board.replay else "",
        )
        for board in known
    ]
    rows += [(name, f"damaged: {error.why}", "", "", "") for name, error in broken.items()]
    echo(table(("board", "where", "driver", "answers" if reach else "", ""), rows))


def _measure(boards: list[catalogue.Board]) -> dict[str, Reach]:
    """How each board answers, by name; none of those that are not connected to."""
    import asyncio

    from finn_tui.hosts.reach import measure

    async def all_of_them() -> dict[str, Reach]:
        measured = [board for board in boards if board.is_connected_to]
        answers = await asyncio.gather(*(measure(board.machine) for board in measured))
        return {board.name: answer for board, answer in zip(measured, answers, strict=True)}

    return run(all_of_them())


@boards.command("add")
@click.argument("name")
@click.option("--host", default="", help="Address for SSH, or a name from ~/.ssh/config.")
@click.option("--url", default="", help="Its Jupyter server (http://ADDRESS:9090), without SSH.")
@click.option("--paste", is_flag=True, help="It has a terminal only, into which a line is pasted.")
@click.option(
    "--recording", default="", help="A recorded session (--record) that is replayed as a board."
)
@click.option(
    "--replay-speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Of a recording: 10 is ten times as fast, 0 without pauses.",
)
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="SSH port.")
@click.option("--user", default="xilinx", show_default=True)
@click.option(
    "--folder", default="finn-tui", show_default=True, help="Folder for files on the board."
)
@click.option("--sudo/--no-sudo", default=True, show_default=True, help="Start drivers as root.")
@click.option(
    "--python", default="python3", show_default=True, help="Python on the board that has pynq."
)
@click.option("--driver", default="auto", type=click.Choice(catalogue.FLAVOURS), show_default=True)
@click.option(
    "--keep",
    default=0,
    type=click.IntRange(0, 100_000),
    help="Runs that stay on the board after a deploy, the newest (0: all).",
)
@click.option("--key", default="", help="Private key file, if not a default one.")
@click.option(
    "--stand-in", is_flag=True, help="It has a stand-in for an FPGA: only rehearsals go there."
)
@guard
def add(name: str, **entry: Any) -> None:
    """Name a PYNQ machine."""
    if entry["recording"]:
        entry["recording"] = str(Path(entry["recording"]).expanduser().absolute())
    catalogue.add(catalogue.Board(name, **entry))
    if entry["paste"]:
        echo(f"{name} added; `finn-tui go RUN --to {name} --bind ADDRESS` uses it", err=True)
        return
    echo(f"{name} added; `finn-tui boards test {name}` tries it", err=True)


@boards.command("remove")
@click.argument("name")
@guard
def remove(name: str) -> None:
    """Forget a PYNQ machine."""
    catalogue.remove(name)


@boards.command("test")
@click.argument("name")
@click.option("--trust", help="Fingerprint (SHA256:...) of the host key to remember.")
@PASSWORD_OPTION
@shared_options()
def test(name: str, trust: str | None, ask_password: bool, workspace: Path, as_json: bool) -> None:
    """Connect to a board and show what it is."""

    async def work(reporter: Reporter, secrets: Secrets) -> dict[str, Any]:
        from finn_tui.board.jobs import check

        lab = open_lab(workspace)
        async with lab.board(name, reporter, trust=trust or False, **secrets.arguments()) as link:
            return await check(link, reporter)

    answer = run_with_secrets(work, ask=ask_password)
    if as_json:
        print_json(answer)
        return
    for key, value in answer.items():
        echo(f"{key:>12}  {value if value is not None else '-'}")


for command in (doctor, deployments, clean, install_driver, console):
    boards.add_command(command)
