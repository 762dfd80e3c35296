"""`finn-tui compare`: two foldings of a model, layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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
from finn_tui.core.device import RESOURCES, Device

if TYPE_CHECKING:
    from finn_tui.core.compare import Comparison, Difference, Rebuilt
    from finn_tui.lab.foldings.opened import Opened


@click.command()
@click.argument("model")
@click.argument("a")
@click.argument("b")
@click.option("--all", "every", is_flag=True, help="Every layer, not only those that differ.")
@shared_options(board=True, clock=True, handling=True)
def compare(
    model: str,
    a: str,
    b: str,
    every: bool,
    board: str | None,
    clock_ns: float | None,
    handling: HandlingChoice,
    workspace: Path,
    as_json: bool,
) -> None:
    """Compare two foldings layer by layer.

    Differences are B minus A. A and B are what --folding takes: a FINN folding JSON, ones,
    published, a saved one.
    """

    from finn_tui.lab.comparison import compare_named

    async def work() -> tuple[Opened, Comparison]:
        async with open_lab(workspace, handling=handling) as lab:
            with Reporter() as reporter:
                opened = await lab.open(
                    model, board=board, clock_ns=clock_ns, folding=a, on_progress=reporter
                )
                return opened, await compare_named(lab, opened, a, b, reporter)

    opened, comparison = run(work())
    device = opened.editor.device
    if as_json:
        heading = {"model": opened.model.name, "board": device.board, "part": device.part}
        print_json({**heading, **comparison.as_json(only_changed=not every)})
        return
    echo(f"{opened.model.title}, {device.board} ({device.part}): {b} against {a}")
    shown = comparison.layers if every else comparison.changed
    if shown:
        echo()
        echo(layer_table(shown))
    echo()
    echo(totals_table(comparison, device))
    echo()
    echo("\n".join(closing(comparison)))


def layer_table(layers: tuple[Difference, ...]) -> str:
    """Return one line a layer: what changed, and what it costs more or less."""
    rows = []
    for item in layers:
        what = ", ".join(f"{c.name} {text(c.before)} > {text(c.after)}" for c in item.changes)
        rows.append(
            (
                item.name,
                number(item.before.cycles),
                number(item.after.cycles),
                *(signed(item.resources[name]) for name in RESOURCES),
                what,
            )
        )
    return table(("layer", "cycles A", "B", *RESOURCES, "changed, A > B"), rows, " rrrrrr")


def text(value: Any) -> str:
    """Return a value of a knob or setting in few characters."""
    if value is None:
        return "-"
    if isinstance(value, list | tuple) and len(value) == 1:
        return str(value[0])
    return str(value)


def signed(value: float) -> str:
    """Return a difference with its sign; a dot for none."""
    return f"{value:+,.0f}" if value else "."


def totals_table(comparison: Comparison, device: Device) -> str:
    """Format II, fps, latency and resources of both sides, FINN's own and with what it inserts.

    Args:
        comparison: the two sides.
        device: with its budget.
    """
    a, b = comparison.a.estimate, comparison.b.estimate
    rows = [
        ("II, cycles", number(a.ii_cycles), number(b.ii_cycles), signed(b.ii_cycles - a.ii_cycles)),
        ("fps", number(a.fps, 1), number(b.fps, 1), f"x{b.fps / a.fps:.3g}"),
        (
            "latency, ms",
            number(a.latency_ms, 3),
            number(b.latency_ms, 3),
            f"x{b.latency_ms / a.latency_ms:.3g}",
        ),
    ]
    for name in RESOURCES:
        of = f" of {device.budget[name]:,}" if name in device.budget else ""
        rows.append(
            (
                name + of,
                number(a.total[name]),
                number(b.total[name]),
                signed(comparison.total[name]),
            )
        )
    inserted = a.infrastructure.total(), b.infrastructure.total()
    for name in RESOURCES:
        if inserted[0][name] or inserted[1][name]:
            rows.append(
                (
                    f"{name} inserted",
                    number(inserted[0][name]),
                    number(inserted[1][name]),
                    signed(inserted[1][name] - inserted[0][name]),
                )
            )
    return table(("", "A", "B", "B - A"), rows, " rrr")


def closing(comparison: Comparison) -> list[str]:
    """Bottlenecks, the converters that come and go, and how much is the same."""
    lines = []
    a, b = comparison.a.estimate, comparison.b.estimate
    if a.bottleneck == b.bottleneck:
        lines.append(f"bottleneck {a.bottleneck} in both")
    else:
        lines.append(f"bottleneck {a.bottleneck} in A, {b.bottleneck} in B")
    for change in comparison.of("dwc"):
        ends = f"{change.either.producer} to {change.either.consumer}"
        lines.append(f"width converter {change.how}: {ends}, {_widths(change)}")
    fifos = comparison.of("fifo")
    if fifos:
        before, after = len(a.infrastructure.of("fifo")), len(b.infrastructure.of("fifo"))
        lines.append(f"FIFOs: {before} in A, {after} in B, {len(fifos)} differ")
    same = len(comparison.layers) - len(comparison.changed)
    lines.append(f"{len(comparison.changed)} layers differ, {same} are the same")
    return lines


def _widths(change: Rebuilt) -> str:
    sides = [
        f"{item.in_width} > {item.out_width} bits"
        for item in (change.before, change.after)
        if item is not None
    ]
    return ", now ".join(sides)
