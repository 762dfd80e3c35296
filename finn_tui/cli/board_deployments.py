"""`finn-tui boards deployments` and `clean`: what lies on a board, and removing it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from finn_tui.base.text import size
from finn_tui.cli.common import Reporter, echo, open_lab, print_json, shared_options, table
from finn_tui.cli.secrets import PASSWORD_OPTION, Secrets, run_with_secrets

if TYPE_CHECKING:
    from finn_tui.board.transport import Transport

T = TypeVar("T")


def on_board(
    name: str,
    workspace: Path,
    ask_password: bool,
    job: Callable[[Transport, Reporter], Coroutine[Any, Any, T]],
) -> T:
    """Connect to a board and do one job there."""

    async def work(reporter: Reporter, secrets: Secrets) -> T:
        async with open_lab(workspace).board(name, reporter, **secrets.arguments()) as link:
            return await job(link, reporter)

    return run_with_secrets(work, ask=ask_password)


@click.command("deployments")
@click.argument("name")
@PASSWORD_OPTION
@shared_options()
def deployments(name: str, ask_password: bool, workspace: Path, as_json: bool) -> None:
    """List the runs and test sets that lie on a board, the newest first."""
    from finn_tui.board.deployments import list_deployments

    there = on_board(name, workspace, ask_password, list_deployments)
    if as_json:
        rows = [entry.as_dict() for entry in there.entries]
        print_json({"board": name, "deployments": rows, "free_bytes": there.free_bytes})
        return
    lines = [
        (
            entry.folder,
            size(entry.bytes),
            _when(entry.time),
            entry.who or "-",
            "" if entry.whole else "not whole: deploy it again",
        )
        for entry in there.entries
    ]
    if lines:
        echo(table(("on the board", "size", "sent (UTC)", "by", ""), lines, "lrlll"))
    total = sum(entry.bytes for entry in there.entries)
    echo(f"{len(lines)} deployments, {size(total)}; {size(there.free_bytes)} free on {name}")


def _when(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return "-"


@click.command("clean")
@click.argument("name")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--keep", type=click.IntRange(0), help="Remove all runs but the newest so many.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@PASSWORD_OPTION
@shared_options()
def clean(
    name: str,
    runs: tuple[str, ...],
    keep: int | None,
    dry_run: bool,
    ask_password: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    """Remove runs and test sets from a board, as `boards deployments` names them.

    Nothing outside finn-tui's folder there is touched.
    """
    if not runs and keep is None:
        raise click.UsageError("Name runs, or give --keep N.")

    async def job(link: Transport, reporter: Reporter) -> tuple[list[str], int]:
        from finn_tui.board.deployments import list_deployments, remove_deployments, to_remove

        there = await list_deployments(link, reporter)
        chosen = to_remove(there.entries, runs, keep)
        if dry_run:
            return [entry.folder for entry in chosen], sum(entry.bytes for entry in chosen)
        done = await remove_deployments(link, chosen, reporter)
        return done.removed, done.freed_bytes

    removed, freed = on_board(name, workspace, ask_password, job)
    if as_json:
        print_json({"board": name, "removed": removed, "freed_bytes": freed, "dry_run": dry_run})
        return
    for folder in removed:
        echo(f"{'would remove' if dry_run else 'removed'} {folder}")
    echo(f"{len(removed)} {'to remove' if dry_run else 'removed'}, {size(freed)}")
