"""`finn-tui build`, `logs`, `cancel`, `attach`, `experiments`: builds and their results."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finn_tui.cli.common import (
    FAILED,
    HandlingChoice,
    Reporter,
    ask_about_notify,
    damaged,
    echo,
    open_lab,
    open_workspace,
    print_json,
    run,
    shared_options,
    show_error,
    table,
)
from finn_tui.cli.follow import follow, host_teller, result_lines
from finn_tui.rehearsal.tools.failures import FAILURES

if TYPE_CHECKING:
    from finn_tui.lab.results.results_table import Experiment
    from finn_tui.runs.folder import RunFolder, RunState
    from finn_tui.runs.launch.preflight import Finding

SIMULATED = "SIMULATED"


@click.command()
@click.argument("model", required=False)
@click.option("--folding", help="FINN folding JSON, or ones, published, exp1, a saved one.")
@click.option("--rehearse", is_flag=True, help="With stand-ins for AMD's tools (SIMULATED).")
@click.option("--seconds", type=float, help="Total run time of the stand-ins in seconds.")
@click.option("--fail", "fail", metavar="MODE[:LAYER]", help="Fault to simulate, see below.")
@click.option(
    "--log-mb",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Megabytes of extra log that the stand-ins write.",
)
@click.option("--check", is_flag=True, help="Only check what could stop the build; start nothing.")
@click.option("--force", is_flag=True, help="Build even if the check refuses it, where possible.")
@click.option("--resume", "again", metavar="RUN", help="Continue a run that has ended.")
@click.option("--from", "step", metavar="STEP", help="With --resume: the step to start from.")
@click.option("--detach", is_flag=True, help="Return at once; the build goes on.")
@click.option(
    "--on",
    metavar="HOST",
    help="Build on a host of hosts.toml.  [default: where the workspace's engine is]",
)
@shared_options(board=True, clock=True, handling=True)
def build(
    model: str | None,
    folding: str | None,
    board: str | None,
    clock_ns: float | None,
    rehearse: bool,
    seconds: float | None,
    fail: str | None,
    log_mb: float,
    check: bool,
    force: bool,
    again: str | None,
    step: str | None,
    detach: bool,
    on: str | None,
    handling: HandlingChoice,
    workspace: Path,
    as_json: bool,
) -> None:
    """Build a folded model and follow the build.

    The result is the deployment package. The build is a process of its own:
    ctrl+c leaves it running; `finn-tui attach` comes back. While as many builds run as the
    workspace allows (`parallel_builds`), it waits for its turn.
    """
    if (model is None) == (again is None):
        raise click.UsageError("name a MODEL, or a run with --resume")
    if on is not None and again is not None:
        raise click.UsageError(
            "a run is resumed where it was built: --on and --resume exclude each other"
        )
    if step is not None and again is None:
        raise click.UsageError("--from needs --resume")
    if (fail or log_mb) and not (rehearse or open_workspace(workspace).settings.rehearse):
        raise click.UsageError("--fail and --log-mb need --rehearse")

    failure = read_failure(fail) if fail else None
    if not check:
        ask_about_notify(workspace)

    async def work(reporter: Reporter) -> RunFolder | None:
        async with open_lab(workspace, handling=handling) as lab:
            if model is None:
                return await lab.resume(lab.find_run(again or "last"), step, reporter)
            opened = await lab.open(
                model, board=board, clock_ns=clock_ns, folding=folding, on_progress=reporter
            )
            findings = await lab.preflight(
                opened, rehearse=rehearse or None, seconds=seconds, on=on
            )
            if check:
                _print_findings(findings, as_json)
                return None
            for finding in findings:
                if finding.verdict == "warn" or (finding.verdict == "refuse" and force):
                    for line in _finding_text(finding).splitlines():
                        reporter.say(line)
            return await lab.build(
                opened,
                rehearse=rehearse or None,
                seconds=seconds,
                fail=failure,
                log_mb=log_mb,
                force=force,
                on=on,
                on_progress=reporter,
            )

    with Reporter() as reporter:
        begun = run(work(reporter))
        if begun is not None:
            mark = f" ({SIMULATED})" if begun.request.simulated else ""
            reporter.say(f"run {begun.id}{mark}")
            state = begun.state() if detach else follow(begun, reporter)
            if detach and begun.request.host != "local":
                state = run(_asked(begun))
    if begun is not None:
        end(begun, state, as_json)


async def _asked(folder: RunFolder) -> RunState:
    """Return the state of a run once its scheduler was asked."""
    import asyncio

    from finn_tui.lab.build_places import following
    from finn_tui.runs.launch.processes import reconcile
    from finn_tui.runs.placement import is_mirrored

    if is_mirrored(folder.path):
        await following.look([folder])
    else:
        await following.refresh(folder.path.parent, tick=0)
    return await asyncio.to_thread(reconcile, folder)


build.epilog = "\b\nMODE is one of\n" + "\n".join(
    f"  {name:<12} {text}" for name, text in FAILURES.items()
)


def read_failure(text: str) -> dict[str, str]:
    """MODE[:LAYER] as the rehearsal's plan has it."""
    mode, _, layer = text.partition(":")
    if mode not in FAILURES:
        from finn_tui.base.config import did_you_mean

        raise click.UsageError(
            f"unknown failure {mode}{did_you_mean(mode, FAILURES)}. Known: {', '.join(FAILURES)}"
        )
    return {"mode": mode, **({"layer": layer} if layer else {})}


_SIGNS = {"ok": "ok     ", "warn": "warning", "refuse": "REFUSED"}


def _finding_text(finding: Finding) -> str:
    parts = [f"{_SIGNS[finding.verdict]}  {finding.id}: {finding.what}"]
    parts += [f"         {text}" for text in (finding.lost, finding.fix) if text]
    return "\n".join(parts)


def _print_findings(findings: list[Finding], as_json: bool) -> None:
    """Print the answer of ``build --check``; exit with 1 if the build would be refused."""
    bad = any(finding.verdict == "refuse" for finding in findings)
    if as_json:
        print_json({"refused": bad, "findings": [finding.as_json() for finding in findings]})
    else:
        echo("\n".join(_finding_text(finding) for finding in findings))
    if bad:
        raise SystemExit(FAILED)


def end(folder: RunFolder, state: RunState, as_json: bool) -> None:
    """Print how a build ended, or that it goes on; exit with 1 if it did not succeed.

    Args:
        folder: of the run.
        state: its state.
        as_json: print one JSON document.
    """
    from finn_tui.base.terminal_alert import alert
    from finn_tui.lab.workspace import Workspace

    if state.final and sys.stderr.isatty():
        kind = Workspace.open(folder.path.parents[1]).settings.alert
        sys.stderr.write(alert(kind, "finn-tui", f"{folder.id}: {folder.verdict(state)}"))
        sys.stderr.flush()
    if as_json:
        document: dict[str, Any] = {
            "run": folder.id,
            "state": state.state,
            "folder": str(folder.path),
            "kind": folder.request.kind,
            "simulated": folder.request.simulated,
            "clock_missed_ns": folder.clock_missed_ns(),
            "training": folder.results().get("training"),
        }
        if state.error is not None:
            document["error"] = state.error.as_dict()
        print_json(document)
    if state.error is not None:
        show_error(state.error)
    if not as_json:
        mark = f" {SIMULATED}" if folder.request.simulated else ""
        place = f", {state.queue_text}" if state.queue_text else ""
        echo(f"{folder.id}: {folder.verdict(state)}{place}{mark}\n{folder.path}")
        if folder.request.is_training:
            echo("\n".join(result_lines(folder)))
    missed = folder.clock_missed_ns() is not None
    if state.final and (state.state != "succeeded" or missed):
        raise SystemExit(FAILED)


@click.command()
@click.argument("name", default="last")
@click.option("-f", "--follow", "go_on", is_flag=True, help="Follow the log as it grows.")
@click.option("--list", "list_only", is_flag=True, help="Show which logs the run has.")
@click.option("--file", "wanted", help="Which log, by its number or title in --list.")
@click.option("--whole", is_flag=True, help="Fetch what was left out of a large log on a host.")
@shared_options(json=False)
def logs(
    name: str, go_on: bool, list_only: bool, wanted: str | None, whole: bool, workspace: Path
) -> None:
    """Print a run's log, or one of FINN, HLS and Vivado."""
    from finn_tui.lab.build_places import following
    from finn_tui.runs.live import watch
    from finn_tui.runs.logs.tail import Tail, find_logs
    from finn_tui.runs.placement import is_mirrored

    folder = open_lab(workspace).find_run(name)
    log_files = find_logs(folder)
    if list_only:
        rows = [
            (str(at), log.kind, log.title, str(log.path.relative_to(folder.path)))
            for at, log in enumerate(log_files)
        ]
        echo(table(("", "kind", "of", "file"), rows))
        return
    path = folder.log
    if wanted is not None:
        named = [
            log for at, log in enumerate(log_files) if wanted in (str(at), log.title, log.kind)
        ]
        if not named:
            raise click.UsageError(f"{folder.id} has no log {wanted}; see --list")
        path = named[0].path
    placed = is_mirrored(folder.path)
    if placed:
        ask_host(folder, path if whole else None)
    if go_on:

        async def print_lines() -> None:
            runs_dir, tell = folder.path.parent, host_teller(partial(echo, err=True))
            async with (
                following.asked(runs_dir),
                following.mirrored(runs_dir, folder, tell),
            ):
                async for update in watch.follow(folder, log=path):
                    if isinstance(update, watch.LogLines):
                        echo("\n".join(update.lines))

        run(print_lines())
        return
    tail = Tail(path)
    while lines := tail.read():
        echo("\n".join(lines))
    for line in tail.rest():
        echo(line)


def ask_host(folder: RunFolder, whole: Path | None = None) -> None:
    """Bring the mirror of a run up to date, and a log of it to its full length.

    Args:
        folder: of a run on a host.
        whole: the log; None for none.
    """
    from finn_tui.lab.build_places import following

    async def work(reporter: Reporter) -> None:
        for error in await following.look([folder]):
            reporter.say(f"{error.what}; this is what was last heard")
        if whole is not None:
            await following.fetch_log(folder, whole)

    with Reporter() as reporter:
        run(work(reporter))


def brief(folder: RunFolder, state: RunState) -> dict[str, Any]:
    """Return a run as ``runs --json`` lists it.

    Args:
        folder: of the run.
        state: its state.
    """
    from finn_tui.runs.notes import read_notes
    from finn_tui.runs.placement import read_placement

    request, notes = folder.request, read_notes(folder)
    placement = read_placement(folder.path)
    problem = placement.error if placement is not None else None
    return {
        "run": folder.id,
        "kind": request.kind,
        "model": request.model,
        "folding": request.folding_name,
        "board": request.board,
        "clock_ns": None if request.is_training else request.clock_ns,
        "dataset": request.training.dataset_name if request.training else request.dataset,
        "simulated": request.simulated,
        "host": placement.host if placement is not None else None,
        "contact": placement.contact or None if placement is not None else None,
        "problem": problem.as_dict() if problem is not None else None,
        "state": state.state,
        "clock_missed_ns": folder.clock_missed_ns(),
        "position": state.position,
        "waiting": state.waiting,
        "attempt": state.attempt,
        "step": state.step,
        "step_index": state.step_index,
        "step_count": state.step_count,
        "seconds": state.seconds,
        "error": state.error.as_dict() if state.error else None,
        "note": notes.note,
        "tags": list(notes.tags),
        "folder": str(folder.path),
    }


@click.command()
@click.argument("name")
@click.option("--array", is_flag=True, help="With all builds of the same Slurm sweep.")
@shared_options()
def cancel(name: str, array: bool, workspace: Path, as_json: bool) -> None:
    """Stop a build and all its tools."""
    lab = open_lab(workspace)
    folder = lab.find_run(name)
    if array:
        from finn_tui.lab.build_places.locate import place_of
        from finn_tui.runs.slurm.follow import sweep_of

        members = sweep_of(folder)
        if len(members) == 1:
            raise click.UsageError(f"{folder.id} is no part of a sweep that Slurm builds")
        with Reporter():
            states = run(place_of(folder).cancel(members))
        state = states[members.index(folder)]
        ended = sum(state.state == "cancelled" for state in states)
        echo(f"{ended} of {len(members)} builds of the sweep are cancelled", err=True)
    else:
        # A login to its host asks on the terminal.
        with Reporter():
            state = run(lab.cancel(folder))
    if as_json:
        print_json(brief(folder, state))
    else:
        echo(f"{folder.id}: {state.state}")


@click.command()
@click.argument("name", default="last")
@shared_options()
def attach(name: str, workspace: Path, as_json: bool) -> None:
    """Follow a running build to its end."""
    folder = open_lab(workspace).find_run(name)
    with Reporter() as reporter:
        state = follow(folder, reporter)
    end(folder, state, as_json)


@click.command()
@click.option("--csv", "as_csv", is_flag=True, help="As CSV.")
@click.option("--md", "as_md", is_flag=True, help="As a Markdown table, for a report.")
@click.option("--latex", "as_latex", is_flag=True, help="As a LaTeX table, for a paper.")
@shared_options()
def experiments(as_csv: bool, as_md: bool, as_latex: bool, workspace: Path, as_json: bool) -> None:
    """Print the table of runs and results.

    Folding, estimate, post-synthesis resources, measured fps and accuracy of every run.
    """
    from finn_tui.lab.results import results_export
    from finn_tui.lab.results.results_table import experiments as read_experiments

    lab = open_lab(workspace)
    rows, broken = read_experiments(lab.runs())
    for one in broken:
        echo(f"{one.id} is damaged: {one.reason}", err=True, fg="yellow")
    if as_json:
        print_json(
            {
                "experiments": [row.as_json() for row in rows],
                "damaged": damaged({one.id: one.error for one in broken}),
            }
        )
    elif as_csv:
        echo(results_export.comma_separated(rows), nl=False)
    elif as_latex:
        echo(results_export.latex(rows), nl=False)
    elif not rows:
        echo("No builds yet; `finn-tui build MODEL` makes one.")
    elif as_md:
        echo(results_export.markdown(rows), nl=False)
    else:
        echo(experiments_table(rows))


def experiments_table(rows: list[Experiment]) -> str:
    """Return the table of experiments as plain text."""
    from finn_tui.lab.results import results_export

    right = "".join("r" if column.right else " " for column in results_export.COLUMNS)
    return table(results_export.headings(), results_export.texts(rows), right)
