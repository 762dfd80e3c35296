"""`finn-tui build`, `runs`, `logs`, `cancel`, `attach`, `experiments`: builds and their results."""

from __future__ import annotations

import asyncio
import csv
import io
from pathlib import Path
from typing import Any

import click

from finn_tui.cli.common import (
    BOARD_OPTION,
    CLOCK_OPTION,
    FAILED,
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
from finn_tui.lab.experiments import Experiment
from finn_tui.lab.experiments import experiments as read_experiments
from finn_tui.lab.session import Lab
from finn_tui.progress import Progress
from finn_tui.runs import watch
from finn_tui.runs.folder import RunFolder, RunState
from finn_tui.runs.logs import Tail, find_logs
from finn_tui.runs.processes import cancel as cancel_run
from finn_tui.runs.processes import reconcile

SIMULATED = "SIMULATED"


@click.command()
@click.argument("model")
@click.option("--folding", help="FINN folding JSON, or ones, published, exp1, a saved one.")
@BOARD_OPTION
@CLOCK_OPTION
@click.option("--rehearse", is_flag=True, help="With stand-ins for AMD's tools (SIMULATED).")
@click.option("--seconds", type=float, help="How long the stand-ins take in all.")
@click.option("--detach", is_flag=True, help="Do not wait for its end.")
@WORKSPACE_OPTION
@JSON_OPTION
@guard
def build(
    model: str,
    folding: str | None,
    board: str | None,
    clock_ns: float | None,
    rehearse: bool,
    seconds: float | None,
    detach: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    """Build a folded model up to the deployment package, and follow it.

    The build is a process of its own: ctrl+c leaves it running; `finn-tui attach` comes back.
    """

    async def work(reporter: Reporter) -> RunFolder:
        async with Lab(open_workspace(workspace)) as lab:
            opened = await lab.open(
                model, board=board, clock_ns=clock_ns, folding=folding, on_progress=reporter
            )
            return await lab.build(
                opened, rehearse=rehearse or None, seconds=seconds, on_progress=reporter
            )

    with Reporter() as reporter:
        begun = run(work(reporter))
        reporter.say(f"run {begun.id}" + (f" ({SIMULATED})" if begun.request.simulated else ""))
        state = begun.state() if detach else _follow(begun, reporter)
    _end(begun, state, as_json)


async def follow_quietly(folder: RunFolder, reporter: Reporter) -> RunState:
    """Follow a build to its end, its steps as progress; the state in which it ended."""
    async for update in watch.follow(folder):
        match update:
            case watch.StateChanged(state) if state.step:
                share = (state.step_index - 1) / max(1, state.step_count)
                text = f"{state.step} ({state.step_index} of {state.step_count})"
                reporter(Progress("build", text, share))
            case watch.Noted(level, text) if level == "error":
                reporter.say(text)
            case _:
                pass
    return await asyncio.to_thread(reconcile, folder)


def _follow(folder: RunFolder, reporter: Reporter) -> RunState:
    try:
        return run(follow_quietly(folder, reporter))
    except KeyboardInterrupt:
        reporter.say(f"the build goes on; `finn-tui attach {folder.id}` comes back to it")
        raise


def _end(folder: RunFolder, state: RunState, as_json: bool) -> None:
    if as_json:
        document: dict[str, Any] = {
            "run": folder.id,
            "state": state.state,
            "folder": str(folder.path),
            "simulated": folder.request.simulated,
        }
        if state.error is not None:
            document["error"] = state.error.as_dict()
        print_json(document)
    if state.error is not None:
        show_error(state.error)
    if not as_json:
        mark = f" {SIMULATED}" if folder.request.simulated else ""
        click.echo(f"{folder.id}: {state.state}{mark}\n{folder.path}")
    if state.final and state.state != "succeeded":
        raise SystemExit(FAILED)


@click.group(invoke_without_command=True)
@WORKSPACE_OPTION
@JSON_OPTION
@click.pass_context
@guard
def runs(ctx: click.Context, workspace: Path, as_json: bool) -> None:
    """The runs of the workspace, newest first."""
    ctx.obj = workspace
    if ctx.invoked_subcommand is not None:
        return
    found = Lab(open_workspace(workspace)).runs()
    states = [(folder, reconcile(folder)) for folder in found]
    if as_json:
        print_json([_brief(folder, state) for folder, state in states])
        return
    if not states:
        click.echo("No runs yet; `finn-tui build MODEL` makes one.")
        return
    rows = [
        (
            folder.id,
            state.state,
            f"{state.step or '-'}",
            f"{state.seconds:.0f} s",
            folder.request.folding_name,
            SIMULATED if folder.request.simulated else "",
        )
        for folder, state in states
    ]
    click.echo(table(("run", "state", "step", "time", "folding", ""), rows, "   r"))


def _brief(folder: RunFolder, state: RunState) -> dict[str, Any]:
    request = folder.request
    return {
        "run": folder.id,
        "model": request.model,
        "folding": request.folding_name,
        "board": request.board,
        "clock_ns": request.clock_ns,
        "simulated": request.simulated,
        "state": state.state,
        "step": state.step,
        "step_index": state.step_index,
        "step_count": state.step_count,
        "seconds": state.seconds,
        "error": state.error.as_dict() if state.error else None,
        "folder": str(folder.path),
    }


@runs.command("show")
@click.argument("name")
@WORKSPACE_OPTION
@JSON_OPTION
@click.pass_context
@guard
def show(ctx: click.Context, name: str, workspace: Path, as_json: bool) -> None:
    """One run: its state, its steps, its results."""
    folder = Lab(open_workspace(_workspace(ctx, workspace))).find_run(name)
    state = reconcile(folder)
    steps = watch.steps(folder)
    if as_json:
        print_json(
            {
                **_brief(folder, state),
                "steps": [vars(step) for step in steps],
                "results": folder.results(),
            }
        )
        return
    mark = f" {SIMULATED}" if folder.request.simulated else ""
    click.echo(f"{folder.id}: {state.state}{mark}, {state.seconds:.0f} s")
    rows = [
        (step.name, step.status, "-" if step.seconds is None else f"{step.seconds:.1f} s")
        for step in steps
    ]
    click.echo(table(("step", "state", "time"), rows, "  r"))
    if state.error is not None:
        show_error(state.error)
    click.echo(str(folder.path))


def _workspace(ctx: click.Context, given: Path) -> Path:
    """The workspace of a sub-command: its own option, or the one before its name."""
    source = ctx.get_parameter_source("workspace")
    from click.core import ParameterSource

    outer: Path | None = ctx.obj
    return given if source is ParameterSource.COMMANDLINE or outer is None else outer


@click.command()
@click.argument("name", default="last")
@click.option("-f", "--follow", is_flag=True, help="Go on as the log grows.")
@click.option("--list", "list_only", is_flag=True, help="Show which logs the run has.")
@click.option("--file", "wanted", help="Which log, by its number or title in --list.")
@WORKSPACE_OPTION
@guard
def logs(name: str, follow: bool, list_only: bool, wanted: str | None, workspace: Path) -> None:
    """A run's log: everything printed, or one of FINN's, HLS's and Vivado's."""
    folder = Lab(open_workspace(workspace)).find_run(name)
    found = find_logs(folder)
    if list_only:
        rows = [
            (str(at), log.kind, log.title, str(log.path.relative_to(folder.path)))
            for at, log in enumerate(found)
        ]
        click.echo(table(("", "kind", "of", "file"), rows))
        return
    path = folder.log
    if wanted is not None:
        named = [log for at, log in enumerate(found) if wanted in (str(at), log.title, log.kind)]
        if not named:
            raise click.UsageError(f"{folder.id} has no log {wanted}; see --list")
        path = named[0].path
    if follow:

        async def print_lines() -> None:
            async for update in watch.follow(folder, log=path):
                if isinstance(update, watch.LogLines):
                    click.echo("\n".join(update.lines))

        run(print_lines())
        return
    tail = Tail(path)
    while lines := tail.read():
        click.echo("\n".join(lines))
    for line in tail.rest():
        click.echo(line)


@click.command()
@click.argument("name")
@WORKSPACE_OPTION
@JSON_OPTION
@guard
def cancel(name: str, workspace: Path, as_json: bool) -> None:
    """End a build with all its tools."""
    folder = Lab(open_workspace(workspace)).find_run(name)
    state = run(cancel_run(folder))
    if as_json:
        print_json(_brief(folder, state))
    else:
        click.echo(f"{folder.id}: {state.state}")


@click.command()
@click.argument("name", default="last")
@WORKSPACE_OPTION
@JSON_OPTION
@guard
def attach(name: str, workspace: Path, as_json: bool) -> None:
    """Follow a build that was left, to its end."""
    folder = Lab(open_workspace(workspace)).find_run(name)
    with Reporter() as reporter:
        state = _follow(folder, reporter)
    _end(folder, state, as_json)


@click.command()
@click.option("--csv", "as_csv", is_flag=True, help="As CSV.")
@click.option("--md", "as_md", is_flag=True, help="As a Markdown table, for a report.")
@WORKSPACE_OPTION
@JSON_OPTION
@guard
def experiments(as_csv: bool, as_md: bool, workspace: Path, as_json: bool) -> None:
    """The table of runs: folding, estimate, post-synthesis, measured fps, accuracy."""
    lab = Lab(open_workspace(workspace))
    rows, broken = read_experiments(lab.runs())
    for error in broken:
        show_error(error)
    if as_json:
        print_json([row.as_json() for row in rows])
    elif as_csv:
        click.echo(_csv(rows), nl=False)
    elif not rows:
        click.echo("No runs yet; `finn-tui build MODEL` makes one.")
    else:
        texts = [experiment_texts(row) for row in rows]
        if as_md:
            lines = [HEADINGS, ["---"] * len(HEADINGS), *texts]
            click.echo("\n".join("| " + " | ".join(line) + " |" for line in lines))
        else:
            click.echo(table(HEADINGS, texts, "   rrrrrrrr"))


HEADINGS = ["run", "folding", "state", "II", "est. fps", "est. LUT", "LUT", "BRAM18", "WNS",
            "fps", "accuracy", ""]  # fmt: skip


def experiment_texts(row: Experiment) -> list[str]:
    """A row as people read it; the last column says what is not real."""
    simulated = row.simulated or row.measured_simulated
    return [
        row.run,
        row.folding,
        row.state,
        number(row.ii_cycles),
        number(row.estimated_fps),
        number(row.estimated.get("LUT")),
        number(row.synthesized.get("LUT")),
        number(row.synthesized.get("BRAM_18K")),
        number(row.wns, 3),
        number(row.fps),
        "-" if row.accuracy is None else f"{row.accuracy:.2f} %",
        SIMULATED if simulated else "",
    ]


def _csv(rows: list[Experiment]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    flat = [_flat(row.as_json()) for row in rows]
    keys = list(dict.fromkeys(key for row in flat for key in row))
    writer.writerow(keys)
    for row in flat:
        writer.writerow(["" if row.get(key) is None else row.get(key) for key in keys])
    return out.getvalue()


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat.update({f"{key}_{inner}": item for inner, item in value.items()})
        else:
            flat[key] = value
    return flat
