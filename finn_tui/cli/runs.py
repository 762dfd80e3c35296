"""`finn-tui runs`: the list, one run, and what can be done with runs that have ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finn_tui.base.errors import FinnTuiError
from finn_tui.cli.builds import SIMULATED, ask_host, brief, end
from finn_tui.cli.common import (
    Reporter,
    ask_about_notify,
    confirm,
    damaged,
    echo,
    open_lab,
    print_json,
    run,
    shared_options,
    show_error,
    table,
)
from finn_tui.cli.follow import follow, result_lines
from finn_tui.cli.run_places import host_text, place_text, problem_text

if TYPE_CHECKING:
    from finn_tui.lab.workbench import Workbench
    from finn_tui.runs.documents import Notes
    from finn_tui.runs.folder import RunFolder, RunState
    from finn_tui.runs.launch.clean import Cleanup


@click.group(invoke_without_command=True)
@click.option("--tag", help="Only runs with this tag.")
@shared_options()
@click.pass_context
def runs(ctx: click.Context, tag: str | None, workspace: Path, as_json: bool) -> None:
    """List runs; show, resume, clean and tag them.

    Without a command: the runs of the workspace, newest first.
    """
    from finn_tui.runs.folder import DamagedRun
    from finn_tui.runs.launch.processes import reconcile
    from finn_tui.runs.notes import read_notes

    ctx.obj = workspace
    if ctx.invoked_subcommand is not None:
        return
    states: list[tuple[RunFolder, RunState]] = []
    broken: list[DamagedRun] = []
    lab = open_lab(workspace)
    ask_schedulers(lab)
    _ask_hosts(lab)
    for folder in lab.runs():
        try:
            state = reconcile(folder)
            assert folder.request is not None
        except FinnTuiError as error:
            broken.append(DamagedRun(folder.path, error))
            continue
        if tag is None or tag in read_notes(folder).tags:
            states.append((folder, state))
    if as_json:
        print_json(
            {
                "runs": [brief(folder, state) for folder, state in states],
                "damaged": damaged({run.id: run.error for run in broken}),
            }
        )
        return
    if not states and not broken:
        echo(
            "No runs yet; `finn-tui build MODEL` and `finn-tui train MODEL` make one."
            if tag is None
            else f"No run has the tag {tag}."
        )
        return
    rows = []
    for folder, state in states:
        place = f" ({state.position} in line)" if state.position else ""
        notes = read_notes(folder)
        remark = " ".join([*(f"#{one}" for one in notes.tags), notes.note.partition("\n")[0]])
        why = state.waiting or problem_text(folder)
        remark = "; ".join(part for part in (why, remark[:60].strip()) if part)
        rows.append(
            (
                folder.id,
                folder.verdict(state) + place,
                f"{state.step or '-'}",
                f"{state.seconds:.0f} s",
                folder.request.subject,
                host_text(folder),
                SIMULATED if folder.request.simulated else "",
                remark,
            )
        )
    rows += [(run.id, "damaged", "-", "", run.reason, "", "", "") for run in broken]
    rows.sort(reverse=True)
    host = "host" if any(row[5] for row in rows) else ""
    echo(table(("run", "state", "step", "time", "folding or data", host, "", ""), rows, "   r"))


def ask_schedulers(lab: Workbench) -> None:
    """Ask the schedulers that have jobs of a workspace what they say now.

    Args:
        lab: the workspace.
    """
    if _placed(lab):
        from finn_tui.lab.build_places import following

        run(following.refresh(lab.workspace.runs_dir, seconds=_SCHEDULER_SECONDS))


def _ask_hosts(lab: Workbench) -> None:
    """Ask hosts for the runs that they have not ended; nobody is asked for a password.

    A host that does not answer soon is left: the list says when it was last heard of.
    """
    placed = _placed(lab)
    if placed:
        from finn_tui.lab.build_places import following

        with Reporter() as reporter:
            for error in run(following.look(placed, seconds=_LOOK_SECONDS)):
                reporter.say(f"{error.what}; this is what was last heard")


def _placed(lab: Workbench) -> list[RunFolder]:
    from finn_tui.runs.placement import is_placed

    return [folder for folder in lab.runs() if is_placed(folder.path)]


#: A Slurm that hangs is not waited for; its rows say that it does not answer.
_SCHEDULER_SECONDS = 10.0
#: A list is waited for; `attach` waits for a host.
_LOOK_SECONDS = 5.0

_NAME = click.argument("name")


def _run_command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a sub-command the shared options; its workspace may stand before its name, too."""
    return shared_options()(click.pass_context(function))


def _lab(ctx: click.Context, given: Path) -> Workbench:
    from click.core import ParameterSource

    own = ctx.get_parameter_source("workspace") is ParameterSource.COMMANDLINE
    outer: Path | None = ctx.obj
    return open_lab(given if own or outer is None else outer)


@runs.command("show")
@_NAME
@_run_command
def show(ctx: click.Context, name: str, workspace: Path, as_json: bool) -> None:
    """Show state, steps and results of a run."""
    from finn_tui.runs.launch.processes import reconcile
    from finn_tui.runs.notes import load_notes
    from finn_tui.runs.placement import is_mirrored
    from finn_tui.runs.steps import steps as steps_of

    lab = _lab(ctx, workspace)
    folder = lab.find_run(name)
    ask_schedulers(lab)
    if is_mirrored(folder.path):
        ask_host(folder)
    state = reconcile(folder)
    steps = steps_of(folder)
    if as_json:
        print_json(
            {
                **brief(folder, state),
                "steps": [vars(step) for step in steps],
                "results": folder.results(),
            }
        )
        return
    mark = f" {SIMULATED}" if folder.request.simulated else ""
    attempt = f", attempt {state.attempt}" if state.attempt > 1 else ""
    echo(f"{folder.id}: {folder.verdict(state)}{mark}, {state.seconds:.0f} s{attempt}")
    rows = [
        (step.name, step.status, "-" if step.seconds is None else f"{step.seconds:.1f} s")
        for step in steps
    ]
    if rows:
        echo(table(("step", "state", "time"), rows, "  r"))
    if folder.request.is_training:
        for line in result_lines(folder):
            echo(line)
    _say_notes(folder, load_notes(folder))
    if state.error is not None:
        show_error(state.error)
    if (text := place_text(folder)) is not None:
        echo(text)
    echo(str(folder.path))


@runs.command("resume")
@_NAME
@click.option("--from", "step", metavar="STEP", help="FINN's name of the step to start from.")
@click.option("--detach", is_flag=True, help="Return at once; the build goes on.")
@_run_command
def resume(
    ctx: click.Context, name: str, step: str | None, detach: bool, workspace: Path, as_json: bool
) -> None:
    """Continue a run that has ended, in its own folder."""
    lab = _lab(ctx, workspace)
    ask_about_notify(workspace)
    with Reporter() as reporter:
        folder = run(lab.resume(lab.find_run(name), step, reporter))
        state = folder.state() if detach else follow(folder, reporter)
    end(folder, state, as_json)


@runs.command("retry")
@_NAME
@click.option("--detach", is_flag=True, help="Return at once; the build goes on.")
@_run_command
def retry(ctx: click.Context, name: str, detach: bool, workspace: Path, as_json: bool) -> None:
    """Start a run again as a new run."""
    lab = _lab(ctx, workspace)
    ask_about_notify(workspace)
    with Reporter() as reporter:
        folder = run(lab.retry(lab.find_run(name), reporter))
        reporter.say(f"run {folder.id}" + (f" ({SIMULATED})" if folder.request.simulated else ""))
        state = folder.state() if detach else follow(folder, reporter)
    end(folder, state, as_json)


@runs.command("clean")
@click.argument("names", metavar="[RUN]...", nargs=-1)
@click.option("--keep-results", is_flag=True, help="Keep only what is known about a run.")
@click.option("--dry-run", is_flag=True, help="Only show what would be freed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_run_command
def clean(
    ctx: click.Context,
    names: tuple[str, ...],
    keep_results: bool,
    dry_run: bool,
    yes: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    """Remove the working files of runs that have ended.

    Without a RUN: of all runs that have ended. What is known about a run (results.json, notes,
    state) always stays; without --keep-results the deployment package, reports, model and log
    stay, too.
    """
    from finn_tui.base.text import size
    from finn_tui.runs.launch.clean import clean_up, plan_cleanup
    from finn_tui.runs.launch.processes import reconcile

    lab = _lab(ctx, workspace)
    if names:
        plans = [plan_cleanup(lab.find_run(one), keep_results=keep_results) for one in names]
    else:
        ended = [folder for folder in lab.runs() if reconcile(folder).final]
        plans = [plan_cleanup(folder, keep_results=keep_results) for folder in ended]
    plans = _on_hosts(plans, keep_results, dry=True)
    plans = [plan for plan in plans if plan.paths or plan.host_bytes]
    total = sum(plan.bytes + plan.host_bytes for plan in plans)
    if not as_json:
        _say_cleanup(plans, total)
    if plans and not dry_run and not yes and not names:
        # Naming a run is asking for it; all of them at once is asked about.
        if as_json:
            raise click.UsageError("cleaning all runs needs --yes or --dry-run")
        confirm("Remove all of this?")
    if not dry_run:
        plans = [clean_up(plan) for plan in _on_hosts(plans, keep_results, dry=False)]
    if as_json:
        print_json({"bytes": total, "dry_run": dry_run, "runs": [p.as_json() for p in plans]})
    elif plans and not dry_run:
        echo(f"freed {size(total)}")


def _on_hosts(plans: list[Cleanup], keep_results: bool, *, dry: bool) -> list[Cleanup]:
    """Measure or remove what runs have left on hosts; those whose host is silent are left out."""
    from finn_tui.lab.build_places.locate import place_of
    from finn_tui.runs.placement import is_mirrored

    async def work(reporter: Reporter) -> list[Cleanup]:
        done = []
        for plan in plans:
            try:
                done.append(
                    await place_of(plan.run).clean(plan, keep_results=keep_results, dry=dry)
                )
            except FinnTuiError as error:
                reporter.say(f"{plan.run.id} stays: {error.what}")
        return done

    if not any(is_mirrored(plan.run.path) for plan in plans):
        return plans
    with Reporter() as reporter:
        return run(work(reporter))


def _say_cleanup(plans: list[Cleanup], total: int) -> None:
    from finn_tui.base.text import size

    if not plans:
        echo("There is nothing to clean.")
        return
    rows = [
        (
            plan.run.id,
            size(plan.bytes + plan.host_bytes),
            ", ".join([path.name for path in plan.paths] + ["on the host"] * bool(plan.host_bytes)),
        )
        for plan in plans
    ]
    echo(table(("run", "takes", "what"), [*rows, ("in all", size(total), "")], " r"))
    echo(plans[0].loses)


@runs.command("compare")
@click.argument("names", metavar="RUN RUN...", nargs=-1, required=True)
@_run_command
def compare(ctx: click.Context, names: tuple[str, ...], workspace: Path, as_json: bool) -> None:
    """Compare runs layer by layer.

    Shows what of their foldings differs, and estimate, build and measurement side by side.
    """
    from finn_tui.lab.results.results_compare import compare_runs
    from finn_tui.lab.results.results_table import experiment

    lab = _lab(ctx, workspace)
    folders = {folder.id: folder for folder in map(lab.find_run, names)}
    if len(folders) < 2:
        raise click.UsageError("name two or more runs")
    comparison = compare_runs([experiment(folder) for folder in folders.values()], folders)
    if as_json:
        print_json(comparison.as_json())
        return
    headings = ["", *(f"{row.folding} {row.run[-4:]}" for row in comparison.rows)]
    lines = [(layer.name, *layer.values) for layer in comparison.layers]
    if comparison.same:
        lines.append((f"{comparison.same} folded alike", *([""] * len(comparison.rows))))
    lines += [(name, *figures) for name, figures in comparison.figures()]
    echo(table(headings, lines))


@runs.command("note")
@_NAME
@click.argument("text", nargs=-1)
@click.option("--clear", is_flag=True, help="Remove the note.")
@_run_command
def note(
    ctx: click.Context,
    name: str,
    text: tuple[str, ...],
    clear: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    """Set or show the note of a run."""
    from finn_tui.runs.notes import load_notes, set_note

    folder = _lab(ctx, workspace).find_run(name)
    notes = set_note(folder, " ".join(text)) if text or clear else load_notes(folder)
    _answer_notes(folder, notes, as_json)


@runs.command("tag")
@_NAME
@click.argument("tags", nargs=-1)
@click.option("--remove", is_flag=True, help="Remove these tags.")
@_run_command
def tag(
    ctx: click.Context,
    name: str,
    tags: tuple[str, ...],
    remove: bool,
    workspace: Path,
    as_json: bool,
) -> None:
    """Tag a run.

    `finn-tui runs --tag TAG` lists the runs that have it.
    """
    from finn_tui.runs.notes import change_tags

    folder = _lab(ctx, workspace).find_run(name)
    notes = change_tags(folder, *(((), tags) if remove else (tags, ())))
    _answer_notes(folder, notes, as_json)


def _answer_notes(folder: RunFolder, notes: Notes, as_json: bool) -> None:
    if as_json:
        print_json({"run": folder.id, "note": notes.note, "tags": list(notes.tags)})
    else:
        _say_notes(folder, notes)


def _say_notes(folder: RunFolder, notes: Notes) -> None:
    if notes.tags:
        echo("tags: " + ", ".join(notes.tags))
    if notes.note:
        echo(f"note: {notes.note}")
