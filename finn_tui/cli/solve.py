"""`finn-tui solve` and `pareto`: the best folding for a wish, and all that are worth having."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from finn_tui.cli.common import (
    BOARD_OPTION,
    CLOCK_OPTION,
    JSON_OPTION,
    WORKSPACE_OPTION,
    Reporter,
    guard,
    number,
    open_workspace,
    print_json,
    run,
    table,
)
from finn_tui.cli.models import estimate_table, summary
from finn_tui.core import folding as foldings
from finn_tui.core.costs import Estimate, plain
from finn_tui.core.device import RESOURCES
from finn_tui.core.editor import Editor
from finn_tui.core.solve import Solution, target_cycles
from finn_tui.errors import FinnTuiError
from finn_tui.lab import solving
from finn_tui.lab.session import Lab, Opened
from finn_tui.lab.solving import Wish
from finn_tui.lab.workspace import write_text

LIMIT_OPTION = click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="RESOURCE=SHARE",
    help="Share of the part that may be used, e.g. LUT=0.7; may be given again (default: all).",
)
WEIGHT_OPTION = click.option(
    "--weight",
    "weights",
    multiple=True,
    metavar="RESOURCE=N",
    help="What a share of a resource counts (default: 1); BRAM_18K=0 seeks the least LUT.",
)
LOCK_OPTION = click.option(
    "--lock", multiple=True, metavar="LAYER", help="A layer that stays as it is in --folding."
)
FINN_ONLY_OPTION = click.option(
    "--finn-only", is_flag=True, help="Count FINN's own total alone, no converters and FIFOs."
)
FOLDING_OPTION = click.option(
    "--folding", help="Where to start: locked layers, FIFO depths, the II that --balance keeps."
)
SECONDS_OPTION = click.option(
    "--seconds",
    type=click.FloatRange(min=0.1),
    default=60.0,
    show_default=True,
    help="After this long, the best so far and a bound are the answer.",
)


def _wish(
    limits: Sequence[str],
    weights: Sequence[str],
    lock: Sequence[str],
    finn_only: bool,
    seconds: float,
) -> Wish:
    layers = tuple(name for item in lock for name in item.split(","))
    shares, counts = _numbers(limits, "--limit"), _numbers(weights, "--weight")
    return Wish(shares, layers, not finn_only, seconds, counts)


def _numbers(given: Sequence[str], option: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in (part for item in given for part in item.split(",")):
        name, _, value = text.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise click.BadParameter(
                f"{text!r} is not RESOURCE=SHARE, such as LUT=0.7", param_hint=option
            ) from None
    return found


@click.command()
@click.argument("model")
@click.argument("more", nargs=-1, metavar="")
@click.option("--target-fps", type=float, help="The cheapest with at least so many frames/s.")
@click.option("--fill", is_flag=True, help="The fastest that fits, and the cheapest of those.")
@click.option("--balance", is_flag=True, help="The cheapest that keeps the II of --folding.")
@LIMIT_OPTION
@WEIGHT_OPTION
@LOCK_OPTION
@FOLDING_OPTION
@FINN_ONLY_OPTION
@SECONDS_OPTION
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="FINN's folding JSON.")
@BOARD_OPTION
@CLOCK_OPTION
@WORKSPACE_OPTION
@JSON_OPTION
@guard
def solve(
    model: str,
    more: tuple[str, ...],
    target_fps: float | None,
    fill: bool,
    balance: bool,
    limits: tuple[str, ...],
    weights: tuple[str, ...],
    lock: tuple[str, ...],
    folding: str | None,
    finn_only: bool,
    seconds: float,
    out: Path | None,
    board: str | None,
    clock_ns: float | None,
    workspace: Path,
    as_json: bool,
) -> None:
    """The best folding for a target, proved to be the best."""
    if sum((target_fps is not None, fill, balance)) != 1:
        raise click.UsageError("Give one of --target-fps N, --fill and --balance.")
    if more and not (limits and all("=" in text for text in more)):
        raise click.UsageError(f"Got unexpected extra argument ({more[0]})")
    # `--limit LUT=0.7 BRAM_18K=0.8` reads as one option with two values.
    wish = _wish((*limits, *more), weights, lock, finn_only, seconds)

    async def work() -> tuple[Opened, Solution]:
        async with Lab(open_workspace(workspace)) as lab:
            with Reporter() as reporter:
                opened = await lab.open(
                    model, board=board, clock_ns=clock_ns, folding=folding, on_progress=reporter
                )
                editor = opened.editor
                # A wish that cannot be is refused before FINN is asked for anything.
                solving.problem(editor, wish)
                if not finn_only:
                    await lab.price(opened, reporter)
                if fill:
                    return opened, await solving.fill(lab.solver, editor, wish, reporter)
                if target_fps is None:
                    return opened, await solving.balance(lab.solver, editor, wish, reporter)
                cycles = target_cycles(target_fps, editor.clock_ns)
                return opened, await solving.target(lab.solver, editor, cycles, wish, reporter)

    opened, solution = run(work())
    editor = opened.editor
    document = foldings.to_json(editor.design, solution.folding)
    if out is not None:
        _write(out, document)
    result = solving.estimate_of(editor, solution.folding)
    if as_json:
        print_json(
            {
                **result.as_json(editor.design, editor.device),
                **_proof(solution, wish),
                "folding": document,
            }
        )
        return
    click.echo(estimate_table(result))
    click.echo()
    click.echo(summary(opened.model.name, f"solved from {editor.baseline_name}", result,
                       editor.device))  # fmt: skip
    click.echo(_verdict(solution))
    for item in solution.binding:
        held = "; without this limit it could be faster" if item.holds else ""
        click.echo(f"  {item.text()}{held}")
    differ = sum(solution.folding.values[name] != values
                 for name, values in editor.folding.values.items())  # fmt: skip
    click.echo(f"{differ} of {len(editor.design.layers)} layers differ from {editor.baseline_name}")
    if out is not None:
        click.echo(str(out))


def _write(path: Path, document: dict[str, Any]) -> None:
    try:
        write_text(path, json.dumps(document, indent=2) + "\n")
    except OSError as error:
        raise FinnTuiError(
            f"{path} could not be written", str(error), "Give another file with --out."
        ) from error


def _proof(solution: Solution, wish: Wish) -> dict[str, Any]:
    """What ``solve --json`` adds to the estimate's document, the folding apart."""
    return {
        "optimal": solution.optimal,
        "cost": solution.cost,
        "bound": solution.bound,
        "least_cycles": solution.least_cycles,
        "seconds": round(solution.seconds, 4),
        "counted": "whole" if wish.whole else "finn",
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


def _verdict(solution: Solution) -> str:
    took = f"{solution.seconds:.2f} s"
    if solution.optimal:
        faster = " or faster" if solution.least_cycles is not None else ""
        return f"proved: nothing that fits is cheaper{faster} ({took})"
    gap = 100 * (solution.cost / solution.bound - 1) if solution.bound > 0 else float("inf")
    text = f"stopped after {took}: "
    if solution.least_cycles is not None and solution.least_cycles < solution.cycles:
        text += f"an II down to {solution.least_cycles:,} is not ruled out, "
    return text + (f"at most {gap:.1f} % above the least cost" if gap < 1e6 else "no bound yet")


@dataclass(frozen=True)
class Point:
    """One folding of a Pareto front, or SetFolding's at the same target."""

    target: int
    result: Estimate
    cost: float
    folding: foldings.Folding
    solution: Solution | None = None

    def as_json(self, editor: Editor) -> dict[str, Any]:
        """One entry of ``pareto --json``."""
        scarce = solving.scarcest(self.result, editor.device)
        inserted = self.result.bill.total()
        entry: dict[str, Any] = {
            "target_cycles": self.target,
            "ii_cycles": self.result.ii_cycles,
            "fps": self.result.fps,
            "total": {name: plain(self.result.total[name]) for name in RESOURCES},
            "inserted": {name: plain(inserted[name]) for name in RESOURCES},
            "scarcest": {"resource": scarce[0], "share": _finite(scarce[1])} if scarce else None,
            "fits": self.result.fits(editor.device),
            "cost": self.cost,
            "folding": foldings.to_json(editor.design, self.folding),
        }
        if self.solution is not None:
            entry |= {"optimal": self.solution.optimal, "bound": self.solution.bound}
        return entry


def _finite(share: float) -> float | None:
    # Any use of what the part does not have is an infinite share, which JSON cannot say.
    return share if share < float("inf") else None


@click.command()
@click.argument("model")
@click.option("--plot", is_flag=True, help="Draw fps against the scarcest resource.")
@click.option("--points", type=click.IntRange(2, 200), default=24, show_default=True,
              help="How many targets are tried.")  # fmt: skip
@click.option("--no-setfolding", is_flag=True, help="Without FINN's own heuristic beside it.")
@LIMIT_OPTION
@WEIGHT_OPTION
@LOCK_OPTION
@FOLDING_OPTION
@FINN_ONLY_OPTION
@SECONDS_OPTION
@BOARD_OPTION
@CLOCK_OPTION
@WORKSPACE_OPTION
@JSON_OPTION
@guard
def pareto(
    model: str,
    plot: bool,
    points: int,
    no_setfolding: bool,
    limits: tuple[str, ...],
    weights: tuple[str, ...],
    lock: tuple[str, ...],
    folding: str | None,
    finn_only: bool,
    seconds: float,
    board: str | None,
    clock_ns: float | None,
    workspace: Path,
    as_json: bool,
) -> None:
    """Frames per second against resources: every folding that is worth having."""
    wish = _wish(limits, weights, lock, finn_only, seconds)

    async def work() -> tuple[Opened, list[Point], list[Point]]:
        async with Lab(open_workspace(workspace)) as lab:
            with Reporter() as reporter:
                opened = await lab.open(
                    model, board=board, clock_ns=clock_ns, folding=folding, on_progress=reporter
                )
                solving.problem(opened.editor, wish)
                if not finn_only:
                    await lab.price(opened, reporter)
                front = [
                    _point(opened.editor, wish, found.cycles, found.folding, found)
                    for found in await solving.pareto(
                        lab.solver, opened.editor, wish, points, reporter
                    )
                ]
                theirs = []
                if not no_setfolding:
                    engine = await lab.engine(reporter)
                    for point in front:
                        reporter.say(f"SetFolding at {point.target:,} cycles")
                        made = await solving.set_folding(
                            engine, opened.model, opened.editor, point.target
                        )
                        theirs.append(_point(opened.editor, wish, point.target, made))
                return opened, front, theirs

    opened, front, theirs = run(work())
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
                "counted": "whole" if wish.whole else "finn",
                "points": [point.as_json(editor) for point in front],
                "setfolding": [point.as_json(editor) for point in theirs],
            }
        )
        return
    click.echo(_front_table(editor, front, theirs))
    if plot:
        click.echo()
        click.echo(draw(editor, front, theirs))


def _point(
    editor: Editor, wish: Wish, target: int, folding: foldings.Folding,
    solution: Solution | None = None,
) -> Point:  # fmt: skip
    result = solving.estimate_of(editor, folding)
    return Point(target, result, solving.cost_of(editor, result, wish), folding, solution)


def _front_table(editor: Editor, front: Sequence[Point], theirs: Sequence[Point]) -> str:
    rows = []
    beside = {point.target: point for point in theirs}
    for point in front:
        scarce = solving.scarcest(point.result, editor.device)
        row = [
            f"{point.result.ii_cycles:,}",
            f"{point.result.fps:,.1f}",
            *(number(point.result.total[name]) for name in RESOURCES),
            f"{scarce[0]} {100 * scarce[1]:.0f} %" if scarce else "-",
            f"{point.cost:.3f}",
        ]
        other = beside.get(point.target)
        if other is not None:
            row += [
                f"{other.result.ii_cycles:,}",
                number(other.result.total["LUT"]),
                number(other.result.total["BRAM_18K"]),
                f"{other.cost:.3f}",
            ]
        elif theirs:
            row += ["-"] * 4
        rows.append(row)
    headings = ["II", "fps", *RESOURCES, "scarcest", "cost"]
    if theirs:
        headings += ["SetFolding: II", "LUT", "BRAM_18K", "cost"]
    return table(headings, rows, "rrrrrrlrrrrr")


def draw(editor: Editor, front: Sequence[Point], theirs: Sequence[Point]) -> str:
    """Fps against the share of the scarcest resource, in characters; no colours needed."""
    import shutil

    import plotext

    size = shutil.get_terminal_size((80, 24))
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(min(size.columns, 120), max(12, min(size.lines - 2, 30)))
    plotext.xscale("log")
    for points, label, marker in ((theirs, "SetFolding", "x"), (front, "solve", "o")):
        # A part without the resource at all gives no share that could be drawn.
        shares = [(point.result.fps, solving.scarcest(point.result, editor.device))
                  for point in points]  # fmt: skip
        drawn = [(fps, 100 * scarce[1]) for fps, scarce in shares
                 if scarce is not None and scarce[1] < float("inf")]  # fmt: skip
        if drawn:
            plotext.scatter(*zip(*drawn, strict=True), label=label, marker=marker)
    plotext.xlabel("frames per second")
    plotext.ylabel("% of the scarcest resource")
    text: str = plotext.uncolorize(plotext.build())
    return "\n".join(line.rstrip() for line in text.splitlines())
