"""`finn-tui calibrate`: what builds came to against FINN's estimates, and what that teaches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finn_tui.base.errors import FinnTuiError
from finn_tui.cli.common import (
    echo,
    number,
    open_workspace,
    print_json,
    shared_options,
    table,
)
from finn_tui.core.device import RESOURCES

if TYPE_CHECKING:
    from finn_tui.core.calibrate import Learned
    from finn_tui.runs.analysis.estimate_vs_actual import EstimateVsActual

_HEADINGS = {"estimate": "FINN", "hls": "HLS", "out_of_context": "OOC", "post_synthesis": "synth"}


@click.command()
@click.argument("what", required=False, metavar="[RUN|PATH]")
@click.option(
    "--build-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="FINN_BUILD_DIR of PATH, if the IPs' reports are elsewhere.",
)
@shared_options()
def calibrate(what: str | None, build_dir: Path | None, workspace: Path, as_json: bool) -> None:
    """Compare FINN's estimates with builds.

    RUN is a run of this workspace; PATH any FINN output directory, ours or not. Without either:
    what all finished builds of this workspace teach, an op type at a time.
    """
    from finn_tui.lab.foldings import own_builds
    from finn_tui.runs.analysis import estimate_vs_actual
    from finn_tui.runs.analysis.estimate_vs_actual import KINDS
    from finn_tui.runs.documents import RunKind
    from finn_tui.runs.folder import find_run, list_runs

    runs_dir = open_workspace(workspace).runs_dir
    if what is None:
        learned = own_builds.learned(list_runs(runs_dir))
        if as_json:
            print_json(
                learned.as_json([]) if learned is not None else {"builds": [], "factors": []}
            )
        elif learned is None:
            echo("No finished build with real tools in this workspace yet: nothing learned.")
        else:
            echo(factor_table(learned))
            echo(f"\nfrom {', '.join(learned.sources)}")
            echo("factors on FINN's estimate; where it estimates nothing, amounts (=)")
        return
    path = Path(what).expanduser()
    try:
        build = estimate_vs_actual.of_run(find_run(runs_dir, what, RunKind.BUILD))
    except FinnTuiError:
        if not path.is_dir():
            raise
        build = estimate_vs_actual.of_directory(path, build_dir)
    if as_json:
        print_json(build.as_json())
        return
    echo(f"{build.name}{' SIMULATED' if build.simulated else ''}")
    for kind, source in build.sources.items():
        echo(f"  {_HEADINGS[kind]:>5}  {KINDS[kind]} ({source})")
    echo()
    echo(node_table(build))
    for line in whole_lines(build):
        echo(line)
    if build.measured is None:
        echo("\nnothing of its layers was synthesized, so that there is no error to show")


def factor_table(learned: Learned) -> str:
    """Return one line for each op type and resource."""
    rows = []
    for item in learned.corrections.values():
        mark = "=" if item.nothing else "x"
        band = f"{mark}{item.low:.3g} to {mark}{item.high:.3g}"
        basis = "few, widened" if item.widened else "80 % of layers"
        rows.append((item.op, item.resource, f"{mark}{item.middle:.3g}", band, str(item.n), basis))
    return table(("op", "resource", "real", "band", "layers", ""), rows, "  rrr")


def node_table(build: EstimateVsActual) -> str:
    """Return layers, then what FINN inserts and the rest in groups, then all of it."""
    from finn_tui.runs.analysis.estimate_vs_actual import GROUPS

    shown = [name for name in RESOURCES if _any(build, name)]
    columns = [
        (resource, kind)
        for resource in shown
        for kind in build.rows
        if kind != "hls" or resource == "LUT"
    ]
    with_error = build.measured is not None and "estimate" in build.rows
    headings = ["layer"]
    for resource in shown:
        first = True
        for _, kind in (column for column in columns if column[0] == resource):
            headings.append(f"{resource + ' ' if first else ''}{_HEADINGS[kind]}")
            first = False
        if with_error:
            headings.append("error")
    rows = []
    layers = build.names("layer")
    for name in layers:
        rows.append(_row(build, name, [name], shown, with_error))
    rows.append(_row(build, f"{len(layers)} layers", layers, shown, with_error))
    for group, title in GROUPS.items():
        names = build.names(group)
        if group != "layer" and names:
            rows.append(_row(build, f"{len(names)} {title}", names, shown, with_error))
    return table(headings, rows, " " + "r" * (len(headings) - 1))


def whole_lines(build: EstimateVsActual) -> list[str]:
    """Return lines that compare the whole design with FINN's sum over its layers."""
    lines = []
    estimate = build.sum("estimate", build.names("layer"))
    for kind, whole in build.whole.items():
        parts = []
        for resource in RESOURCES:
            if whole[resource] or estimate[resource]:
                against = ""
                if estimate[resource]:
                    off = 100 * (whole[resource] / estimate[resource] - 1)
                    against = f" ({off:+.0f}% of {number(estimate[resource])})"
                parts.append(f"{resource} {number(whole[resource])}{against}")
        outside = kind == "out_of_context"
        counted = "layers, FIFOs and converters" if outside else "the whole design with its shell"
        where = "out of context" if outside else "after implementation"
        layers = len(build.names("layer"))
        lines.append(
            f"in all {where} ({counted}), against FINN's sum over its {layers} layers alone: "
            + ", ".join(parts)
        )
    return lines


def _any(build: EstimateVsActual, resource: str) -> bool:
    return any(row[resource] for rows in build.rows.values() for row in rows.values())


def _row(
    build: EstimateVsActual,
    title: str,
    names: Sequence[str],
    shown: Sequence[str],
    with_error: bool,
) -> list[str]:
    cells = [title]
    for resource in shown:
        for kind in build.rows:
            if kind == "hls" and resource != "LUT":
                continue
            there = any(build.of(kind, name) is not None for name in names)
            cells.append(number(build.sum(kind, names)[resource]) if there else "-")
        if with_error:
            cells.append(_error(build, names, resource))
    return cells


def _error(build: EstimateVsActual, names: Sequence[str], resource: str) -> str:
    """Return the error of a layer, or of the sum of those that have both figures."""
    measured = build.measured
    assert measured is not None
    both = [
        name
        for name in names
        if build.of("estimate", name) is not None and build.of(measured, name) is not None
    ]
    if not both:
        return ""
    estimate = build.sum("estimate", both)[resource]
    real = build.sum(measured, both)[resource]
    if estimate == 0:
        return "" if real == 0 else "of 0"
    return f"{100 * (real / estimate - 1):+.0f}%"
