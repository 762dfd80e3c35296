"""`finn-tui sweep`: a series of foldings in one command."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finn_tui.base.errors import FinnTuiError
from finn_tui.cli.builds import experiments_table
from finn_tui.cli.common import (
    FAILED,
    HandlingChoice,
    Reporter,
    ask_about_notify,
    echo,
    open_lab,
    open_workspace,
    print_json,
    run,
    shared_options,
    show_error,
)

#: Foldings that one error ended, as many as are named.
_MOST_NAMED = 6

if TYPE_CHECKING:
    from finn_tui.lab.sweep.sweep import SweepItem


@click.command()
@click.argument("model")
@click.option("--foldings", metavar="F1,F2,...", help="Foldings by name or file.")
@click.option(
    "--pareto", type=click.IntRange(1, 50), metavar="N", help="N foldings of the Pareto front."
)
@click.option("--to", help="The board to measure on (default: the workspace's, `simulated`).")
@click.option("--no-board", is_flag=True, help="Build only.")
@click.option("--rehearse", is_flag=True, help="With stand-ins for AMD's tools (SIMULATED).")
@click.option("--seconds", type=float, help="Run time of the stand-ins for each build in seconds.")
@click.option("--batch", type=click.IntRange(1), help="Images per batch, for the throughput.")
@click.option("--limit", type=click.IntRange(1), help="Validate only the first N images.")
@click.option(
    "--on",
    metavar="HOST",
    help="Build on a host of hosts.toml, as a Slurm job array.  "
    "[default: where the workspace's engine is]",
)
@click.option("--yes", is_flag=True, help="Measure designs that miss their clock, too.")
@shared_options(board=True, clock=True, handling=True)
def sweep(
    model: str,
    foldings: str | None,
    pareto: int | None,
    to: str | None,
    no_board: bool,
    rehearse: bool,
    seconds: float | None,
    batch: int | None,
    limit: int | None,
    on: str | None,
    yes: bool,
    board: str | None,
    clock_ns: float | None,
    handling: HandlingChoice,
    workspace: Path,
    as_json: bool,
) -> None:
    """Build, deploy and validate a series of foldings.

    --foldings names them, --pareto lets the solver find some; both together are one series. What
    was built and measured before is taken from its run, so that a series that was broken off goes
    on: give the same command again. Builds go on when the command is ended.

    Builds on a host wait for their turn there. Of a host with Slurm they are one job array;
    `parallel` in its slurm table limits how many run at once, one for each licence. Foldings that
    are the same are built once.
    """
    from finn_tui.lab.results.results_table import experiment
    from finn_tui.lab.sweep import sweep as series

    names = [name.strip() for name in (foldings or "").split(",") if name.strip()]
    if not names and pareto is None:
        raise click.UsageError("name foldings with --foldings, or let the solver find --pareto N")
    if to is not None and no_board:
        raise click.UsageError("--to and --no-board exclude each other")
    ask_about_notify(workspace)
    machine = None if no_board else to or open_workspace(workspace).settings.to
    options = series.SweepOptions(machine, rehearse or None, seconds, batch, limit, yes, on)

    async def work(reporter: Reporter) -> list[SweepItem]:
        async with open_lab(workspace, handling=handling) as lab:
            opened = await lab.open(model, board=board, clock_ns=clock_ns, on_progress=reporter)
            items = series.named(lab, opened, names)
            for item in items:
                for note in item.notes:
                    reporter.say(f"{item.name}: {note}")
            if pareto is not None:
                items += await series.pareto(lab, opened, pareto, reporter)

            def say(index: int, item: SweepItem) -> None:
                place = f" ({item.run.id})" if item.run is not None else ""
                reporter.say(f"{index + 1} of {len(items)}  {item.name}: {item.status}{place}")

            return await series.sweep(lab, items, options, say, reporter)

    with Reporter() as reporter:
        done = run(work(reporter))
    failed = [item for item in done if item.error is not None]
    if as_json:
        print_json({"foldings": [item.as_json() for item in done]})
    else:
        for error in grouped(failed):
            show_error(error)
        # Two names of one folding have one run.
        runs = {item.run.id: item.run for item in done if item.run is not None}
        if runs:
            echo(experiments_table([experiment(run) for run in runs.values()]))
    if failed:
        raise SystemExit(FAILED)


def grouped(failed: Sequence[SweepItem]) -> list[FinnTuiError]:
    """Return the errors of foldings, each once with the names of all that it ended."""
    names: dict[tuple[str, str, str], list[str]] = {}
    errors: dict[tuple[str, str, str], FinnTuiError] = {}
    for item in failed:
        if item.error is not None:
            key = (item.error.what, item.error.why, item.error.fix)
            names.setdefault(key, []).append(item.name)
            errors.setdefault(key, item.error)
    grouped = []
    for key, error in errors.items():
        what, why, fix = key
        shown = ", ".join(names[key][:_MOST_NAMED])
        if len(names[key]) > _MOST_NAMED:
            shown += f" and {len(names[key]) - _MOST_NAMED} more"
        grouped.append(
            error
            if re.search(rf"(?<!\w){re.escape(shown)}(?!\w)", what)
            else FinnTuiError(f"{shown}: {what}", why, fix, kind=error.kind, detail=error.detail)
        )
    return grouped
