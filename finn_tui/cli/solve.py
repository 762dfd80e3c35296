"""`finn-tui solve` and `pareto`: the best folding for a goal, and the Pareto front."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.cli.common import (
    HandlingChoice,
    Reporter,
    echo,
    number,
    open_lab,
    print_json,
    run,
    shared_options,
    table,
)
from finn_tui.cli.models import estimate_table, summary
from finn_tui.core.device import RESOURCES

if TYPE_CHECKING:
    from finn_tui.core.optimize.solve import Solution
    from finn_tui.lab.foldings.opened import Opened
    from finn_tui.lab.solver.options import SolveOptions
    from finn_tui.lab.solver.requests import ParetoPoint, ParetoResult


def _solver_options(minimise: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options of the solver.

    Args:
        minimise: the default of ``--minimise``.

    Returns:
        The decorator; the command takes what ``_solve_options`` takes.
    """
    options = (
        click.option(
            "--limit",
            "limits",
            multiple=True,
            metavar="RESOURCE=SHARE",
            help="Share of the part that may be used, e.g. LUT=0.7; repeatable (default: all).",
        ),
        click.option(
            "--minimise",
            type=click.Choice(["sum", "scarcest"]),
            default=minimise,
            show_default=True,
            help="Minimize the sum of the resource shares, or first the highest utilization.",
        ),
        click.option(
            "--weight",
            "weights",
            multiple=True,
            metavar="RESOURCE=N",
            help="Weight of a share of a resource (default: 1); BRAM_18K=0 minimizes LUT.",
        ),
        click.option(
            "--lock",
            multiple=True,
            metavar="LAYER",
            help="Layer that keeps its folding of --folding.",
        ),
        click.option(
            "--hold",
            multiple=True,
            metavar="KNOB",
            help="Knob that keeps its value in all layers, e.g. ram_style.",
        ),
        click.option(
            "--free",
            multiple=True,
            metavar="KNOB",
            help="Knob that may change as well, e.g. mem_mode or resType (default: PE, SIMD, "
            "parallel_window, ram_style, depth_trigger_bram, depth_trigger_uram).",
        ),
        click.option(
            "--folding",
            help="Folding to start from: locked layers, FIFO depths, II of --balance.",
        ),
        click.option(
            "--finn-only",
            is_flag=True,
            help="Count FINN's own total only, without converters and FIFOs.",
        ),
        click.option(
            "--seconds",
            type=click.FloatRange(min=0.1),
            default=60.0,
            show_default=True,
            help="Time limit; then the best folding so far and a bound are returned.",
        ),
    )

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _solve_options(
    limits: Sequence[str],
    weights: Sequence[str],
    lock: Sequence[str],
    hold: Sequence[str],
    free: Sequence[str],
    finn_only: bool,
    seconds: float,
    minimise: str,
) -> SolveOptions:
    layers = tuple(name for item in lock for name in item.split(","))
    fixed = tuple(name for item in hold for name in item.split(","))
    freed = tuple(name for item in free for name in item.split(","))
    shares, counts = _numbers(limits, "--limit"), _numbers(weights, "--weight")

    from finn_tui.lab.solver.options import (
        SolveOptions,  # imports numpy, which wrong use must not wait for
    )

    return SolveOptions(
        shares, layers, not finn_only, seconds, counts, fixed, freed, minimax=minimise == "scarcest"
    )


def _numbers(given: Sequence[str], option: str) -> dict[str, float]:
    limits: dict[str, float] = {}
    for text in (part for item in given for part in item.split(",")):
        name, _, value = text.partition("=")
        try:
            limits[name.strip()] = float(value)
        except ValueError:
            raise click.BadParameter(
                f"{text!r} is not RESOURCE=SHARE, such as LUT=0.7", param_hint=option
            ) from None
    return limits


@click.command()
@click.argument("model")
@click.argument("extra_options", nargs=-1, metavar="")
@click.option(
    "--target-fps", type=float, help="Find the cheapest folding with at least N frames/s."
)
@click.option("--fill", is_flag=True, help="Find the fastest folding that fits.")
@click.option("--balance", is_flag=True, help="Find the cheapest folding with the II of --folding.")
@click.option(
    "--no-dearer-than",
    metavar="FOLDING",
    default="",
    help="Use at most the resources of this folding; `setfolding`: of FINN's own folding for "
    "the same target.",
)
@_solver_options("sum")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="FINN's folding JSON.")
@shared_options(board=True, clock=True, handling=True)
def solve(
    model: str,
    extra_options: tuple[str, ...],
    target_fps: float | None,
    fill: bool,
    balance: bool,
    limits: tuple[str, ...],
    no_dearer_than: str,
    minimise: str,
    weights: tuple[str, ...],
    lock: tuple[str, ...],
    hold: tuple[str, ...],
    free: tuple[str, ...],
    folding: str | None,
    finn_only: bool,
    seconds: float,
    out: Path | None,
    board: str | None,
    clock_ns: float | None,
    handling: HandlingChoice,
    workspace: Path,
    as_json: bool,
) -> None:
    """Find the best folding for a target, with a proof."""
    if sum((target_fps is not None, fill, balance)) != 1:
        raise click.UsageError("Give one of --target-fps N, --fill and --balance.")
    if extra_options and not (limits and all("=" in text for text in extra_options)):
        raise click.UsageError(f"Got unexpected extra argument ({extra_options[0]})")

    from finn_tui.core.folding import finn_json
    from finn_tui.lab.solver import options as solving
    from finn_tui.lab.solver import requests
    from finn_tui.lab.solver.requests import SolveRequest

    # `--limit LUT=0.7 BRAM_18K=0.8` reads as one option with two values.
    solve_options = _solve_options(
        (*limits, *extra_options), weights, lock, hold, free, finn_only, seconds, minimise
    )
    goal = "fill" if fill else "balance" if balance else "target"
    request = SolveRequest(goal, target_fps, solve_options, no_dearer_than)

    async def work() -> tuple[Opened, Solution]:
        async with open_lab(workspace, handling=handling) as lab:
            with Reporter() as reporter:
                opened = await lab.open(
                    model, board=board, clock_ns=clock_ns, folding=folding, on_progress=reporter
                )
                return opened, await requests.ask(lab, opened, request, reporter)

    opened, solution = run(work())
    editor = opened.editor
    document = finn_json.to_json(editor.design, solution.folding)
    if out is not None:
        _write(out, document)
    result = solving.estimate_of(editor, solution.folding)
    if as_json:
        print_json(
            {
                **result.as_json(editor.design, editor.device),
                **_proof(solution, solve_options),
                "folding": document,
            }
        )
        return
    echo(estimate_table(result))
    echo()
    echo(summary(opened.model.title, f"solved from {editor.baseline_name}", result, editor.device))
    echo(solution.verdict)
    for item in solution.binding:
        fixed = "; without this limit it could be faster" if item.holds else ""
        echo(f"  {item.text()}{fixed}")
    differ = sum(
        solution.folding.values[name] != values for name, values in editor.folding.values.items()
    )
    echo(f"{differ} of {len(editor.design.layers)} layers differ from {editor.baseline_name}")
    if out is not None:
        echo(str(out))


def _write(path: Path, document: dict[str, Any]) -> None:
    try:
        files.replace(path, json.dumps(document, indent=2) + "\n")
    except OSError as error:
        raise FinnTuiError(
            f"{path} could not be written", str(error), "Give another file with --out."
        ) from error


def _proof(solution: Solution, solve_options: SolveOptions) -> dict[str, Any]:
    """Return what ``solve --json`` adds to the estimate's document, the folding apart."""
    from finn_tui.core.estimate.estimate import plain

    return {
        "optimal": solution.proved,
        "not_varied": list(solution.not_varied),
        "cost": solution.cost,
        "bound": solution.bound,
        "least_cycles": solution.least_cycles,
        "seconds": round(solution.seconds, 4),
        "counted": "whole" if solve_options.include_infrastructure else "finn",
        "binding": [
            {
                "resource": item.resource,
                "used": plain(item.used),
                "limit": plain(item.limit),
                "layers": list(item.layers),
                "holds": item.holds,
            }
            for item in solution.binding
        ],
    }


@click.command()
@click.argument("model")
@click.option("--plot", is_flag=True, help="Plot fps against the highest utilization.")
@click.option(
    "--points",
    type=click.IntRange(2, 200),
    default=24,
    show_default=True,
    help="Number of target rates.",
)
@click.option("--no-setfolding", is_flag=True, help="Leave out FINN's own heuristic (SetFolding).")
@_solver_options("scarcest")
@shared_options(board=True, clock=True, handling=True)
def pareto(
    model: str,
    plot: bool,
    points: int,
    no_setfolding: bool,
    limits: tuple[str, ...],
    minimise: str,
    weights: tuple[str, ...],
    lock: tuple[str, ...],
    hold: tuple[str, ...],
    free: tuple[str, ...],
    folding: str | None,
    finn_only: bool,
    seconds: float,
    board: str | None,
    clock_ns: float | None,
    handling: HandlingChoice,
    workspace: Path,
    as_json: bool,
) -> None:
    """List the best foldings of fps against resources.

    For each point there is no folding that is better in one of them and not worse in the other.
    """
    solve_options = _solve_options(limits, weights, lock, hold, free, finn_only, seconds, minimise)

    from finn_tui.lab.solver import requests

    async def work() -> tuple[Opened, ParetoResult]:
        async with open_lab(workspace, handling=handling) as lab:
            with Reporter() as reporter:
                opened = await lab.open(
                    model, board=board, clock_ns=clock_ns, folding=folding, on_progress=reporter
                )
                front = await requests.front(
                    lab,
                    opened,
                    solve_options,
                    points,
                    setfolding=not no_setfolding,
                    on_progress=reporter,
                )
                return opened, front

    opened, front = run(work())
    refused = front.refused
    editor = opened.editor
    if as_json:
        device = editor.device
        print_json(
            {
                "model": opened.model.name,
                "board": device.board,
                "part": device.part,
                "clock_ns": editor.clock_ns,
                "budget": dict(device.budget),
                "counted": "whole" if solve_options.include_infrastructure else "finn",
                "points": [point.as_json(editor) for point in front.points],
                "setfolding": [point.as_json(editor) for point in front.setfolding],
                "setfolding_refused": refused.as_dict() if refused is not None else None,
            }
        )
        return
    echo(_front_table(front))
    if refused is not None:
        echo(f"SetFolding has no or not all points: {refused.what}. {refused.why}", err=True)
    if plot:
        echo()
        echo(draw(front))


def _front_table(front: ParetoResult) -> str:
    rows = []
    beside = {point.target: point for point in front.setfolding}
    for point in front.points:
        row = [
            f"{point.result.ii_cycles:,}",
            f"{point.result.fps:,.1f}",
            *(number(point.result.total[name]) for name in RESOURCES),
            _share(point),
            f"{point.cost:.3f}",
        ]
        other = beside.get(point.target)
        if other is not None:
            row += [
                f"{other.result.ii_cycles:,}",
                number(other.result.total["LUT"]),
                number(other.result.total["BRAM_18K"]),
                _share(other),
                f"{other.cost:.3f}",
            ]
        elif beside:
            row += ["-"] * 5
        rows.append(row)
    headings = ["II", "fps", *RESOURCES, "highest use", "cost"]
    if beside:
        headings += ["SetFolding: II", "LUT", "BRAM_18K", "highest use", "cost"]
    return table(headings, rows, "rrrrrrlrrrrlr")


def _share(point: ParetoPoint) -> str:
    if point.share is None:
        return "-"
    name, share = point.share
    return f"{name} {100 * share:.0f} %" if share < float("inf") else f"{name}: none there"


def draw(front: ParetoResult) -> str:
    """Fps against the highest utilization, in characters; no colours needed."""
    import shutil

    from finn_tui.lab.results.plots import plot

    size = shutil.get_terminal_size((80, 24))
    series = [("SetFolding", "x", front.setfolding), ("solve", "o", front.points)]
    return plot(series, min(size.columns, 120), max(12, min(size.lines - 2, 30)))
