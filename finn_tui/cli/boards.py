"""`finn-tui boards`, `deploy`, `execute`, `throughput`, `validate`, `go`: work on PYNQ machines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finn_tui.board import catalogue
from finn_tui.cli.common import (
    JSON_OPTION,
    WORKSPACE_OPTION,
    Reporter,
    guard,
    number,
    open_workspace,
    print_json,
    run,
    show_error,
    table,
)
from finn_tui.lab.session import Lab
from finn_tui.progress import OnProgress

if TYPE_CHECKING:
    from finn_tui.board.link import Link

    Work = Callable[[Link, Path, OnProgress], Awaitable[Any]]

TO_OPTION = click.option("--to", "to", help="The board (default: the workspace's, `simulated`).")
PASSWORD_OPTION = click.option(
    "--ask-password", is_flag=True, help="Ask for the login's password; it is not kept."
)


@click.group()
def boards() -> None:
    """Named PYNQ machines; `simulated` always exists."""


@boards.command("list")
@JSON_OPTION
@guard
def list_boards(as_json: bool) -> None:
    """All boards."""
    known = catalogue.boards().values()
    if as_json:
        print_json([{**asdict(board), "simulated": board.simulated} for board in known])
        return
    rows = [
        (
            board.name,
            "made by finn-tui" if board.simulated else f"{board.user}@{board.host}",
            board.driver,
            "SIMULATED" if board.simulated else "",
        )
        for board in known
    ]
    click.echo(table(("board", "where", "driver", ""), rows))


@boards.command("add")
@click.argument("name")
@click.option("--host", required=True, help="Address, or a name from ~/.ssh/config.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="SSH port.")
@click.option("--user", default="xilinx", show_default=True)
@click.option("--folder", default="finn-tui", show_default=True, help="Where files go on it.")
@click.option("--sudo/--no-sudo", default=True, show_default=True, help="Start drivers as root.")
@click.option("--python", default="python3", show_default=True, help="Python with pynq in it.")
@click.option("--driver", default="auto", type=click.Choice(catalogue.FLAVOURS), show_default=True)
@click.option("--key", default="", help="Private key file, if it is none of the usual ones.")
@guard
def add(name: str, **entry: Any) -> None:
    """Name a PYNQ machine."""
    catalogue.add(catalogue.Board(name, **entry))
    click.echo(f"{name} added; `finn-tui boards test {name}` tries it", err=True)


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
@WORKSPACE_OPTION
@JSON_OPTION
@guard
def test(name: str, trust: str | None, ask_password: bool, workspace: Path, as_json: bool) -> None:
    """Connect to a board and ask what it is."""
    password = _password(ask_password)

    async def work(reporter: Reporter) -> dict[str, Any]:
        from finn_tui.board.work import check

        lab = Lab(open_workspace(workspace))
        async with lab.board(name, reporter, trust=trust or False, password=password) as link:
            return await check(link, reporter)

    with Reporter() as reporter:
        answer = run(work(reporter))
    if as_json:
        print_json(answer)
        return
    for key, value in answer.items():
        click.echo(f"{key:>12}  {value if value is not None else '-'}")


def _password(ask: bool) -> str | None:
    # Never on the command line or in a file: argv is there for every user of the machine to read.
    if not ask:
        return None
    password: str = click.prompt("password", hide_input=True, err=True)
    return password


def _work(name: str, to: str | None, workspace: Path, ask_password: bool, job: Work) -> Any:
    """Connect to a board and do one job with one run."""
    password = _password(ask_password)

    async def work(reporter: Reporter) -> Any:
        lab = Lab(open_workspace(workspace))
        folder = lab.find_run(name)
        async with lab.board(to, reporter, password=password, sudo_password=password) as link:
            return await job(link, folder.path, reporter)

    with Reporter() as reporter:
        return run(work(reporter))


@click.command()
@click.argument("name", metavar="RUN")
@TO_OPTION
@PASSWORD_OPTION
@WORKSPACE_OPTION
@JSON_OPTION
@guard
def deploy(name: str, to: str | None, ask_password: bool, workspace: Path, as_json: bool) -> None:
    """Send a run's package to a board; only what changed travels."""
    from finn_tui.board.deploy import deploy as job

    done = _work(name, to, workspace, ask_password, job)
    if as_json:
        print_json(done.as_dict())
    else:
        click.echo(_deployed(done.as_dict()))


@click.command()
@click.argument("name", metavar="RUN")
@TO_OPTION
@click.option("--image", "images", multiple=True, type=click.IntRange(0), help="Sample image.")
@PASSWORD_OPTION
@WORKSPACE_OPTION
@JSON_OPTION
@guard
def execute(
    name: str,
    to: str | None,
    images: tuple[int, ...],
    ask_password: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    """Classify sample images on a board: their class and the expected one."""
    from finn_tui.board import work as jobs

    async def job(link: Link, folder: Path, on_progress: OnProgress) -> Any:
        await jobs_deploy(link, folder, on_progress)
        return await jobs.execute(link, folder, on_progress, images=images or (0,))

    done = _work(name, to, workspace, ask_password, job)
    if as_json:
        print_json([item.as_dict() for item in done])
    else:
        for item in done:
            click.echo(_executed(item.as_dict()))


async def jobs_deploy(link: Link, folder: Path, on_progress: OnProgress) -> None:
    """Make sure that the run is on the board; nothing travels if it is."""
    from finn_tui.board.deploy import deploy as job

    await job(link, folder, on_progress)


@click.command()
@click.argument("name", metavar="RUN")
@TO_OPTION
@click.option("--batch", type=click.IntRange(1), help="Images in one go.")
@PASSWORD_OPTION
@WORKSPACE_OPTION
@JSON_OPTION
@guard
def throughput(
    name: str,
    to: str | None,
    batch: int | None,
    ask_password: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    """Measure images a second on a board, beside the estimate."""
    from finn_tui.board import work as jobs

    async def job(link: Link, folder: Path, on_progress: OnProgress) -> Any:
        await jobs_deploy(link, folder, on_progress)
        return await jobs.throughput(link, folder, on_progress, batch=batch)

    done = _work(name, to, workspace, ask_password, job)
    if as_json:
        print_json(done.as_dict())
    else:
        click.echo(_throughput(done.as_dict()))


@click.command()
@click.argument("name", metavar="RUN")
@TO_OPTION
@click.option("--batch", default=100, type=click.IntRange(1), show_default=True)
@click.option("--limit", type=click.IntRange(1), help="Only the first so many images.")
@PASSWORD_OPTION
@WORKSPACE_OPTION
@JSON_OPTION
@guard
def validate(
    name: str,
    to: str | None,
    batch: int,
    limit: int | None,
    ask_password: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    """Run the whole test set on a board: the accuracy."""
    from finn_tui.board import work as jobs

    async def job(link: Link, folder: Path, on_progress: OnProgress) -> Any:
        await jobs_deploy(link, folder, on_progress)
        return await jobs.validate(link, folder, on_progress, batch=batch, limit=limit)

    done = _work(name, to, workspace, ask_password, job)
    if as_json:
        print_json(done.as_dict())
    else:
        click.echo(_validation(done.as_dict()))


@click.command()
@click.argument("name", metavar="RUN")
@TO_OPTION
@click.option("--batch", type=click.IntRange(1), help="Images in one go, for the throughput.")
@click.option("--limit", type=click.IntRange(1), help="Validate only the first so many images.")
@PASSWORD_OPTION
@WORKSPACE_OPTION
@JSON_OPTION
@guard
def go(
    name: str,
    to: str | None,
    batch: int | None,
    limit: int | None,
    ask_password: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    """Deploy, execute, throughput and validate."""
    from finn_tui.board import work as jobs

    async def job(link: Link, folder: Path, on_progress: OnProgress) -> Any:
        return await jobs.go(link, folder, on_progress, batch=batch, limit=limit)

    done = _work(name, to, workspace, ask_password, job)
    if as_json:
        print_json(done.as_dict())
    else:
        click.echo("\n".join(outcome_lines(done.as_dict())))
    for error in done.missing:
        show_error(error)
    if done.missing:
        raise SystemExit(1)


def outcome_lines(done: dict[str, Any]) -> list[str]:
    """What ``go`` did, a line each."""
    lines = [_deployed(done["deploy"])]
    if done["execute"]:
        lines.append(_executed(done["execute"]))
    lines.append(_throughput(done["throughput"]))
    if done["validate"]:
        lines.append(_validation(done["validate"]))
    return lines


def _mark(done: dict[str, Any]) -> str:
    return "  SIMULATED" if done.get("simulated") else ""


def _deployed(done: dict[str, Any]) -> str:
    return (
        f"deploy      {len(done['sent'])} of {done['files']} files, "
        f"{done['bytes_sent'] / 1e3:,.0f} kB in {done['seconds']:.1f} s to {done['board']}"
    )


def _executed(done: dict[str, Any]) -> str:
    expected = "" if done["expected"] is None else f", expected {done['expected']}"
    return f"execute     image {done['image']}: class {done['class']}{expected}{_mark(done)}"


def _throughput(done: dict[str, Any]) -> str:
    estimate = done["estimate_images_per_s"]
    beside = f", estimate {number(estimate)}" if estimate else ""
    return (
        f"throughput  {number(done['images_per_s'])} images/s{beside} "
        f"(batch {done['batch']}, {done['clock_mhz']:g} MHz){_mark(done)}"
    )


def _validation(done: dict[str, Any]) -> str:
    same = done["software_same"]
    beside = "" if same is None else f"; {same} of {done['images']} as in software"
    return (
        f"validate    {done['percent']:.2f} % of {done['images']:,} images "
        f"({done['dataset']}){beside}{_mark(done)}"
    )
