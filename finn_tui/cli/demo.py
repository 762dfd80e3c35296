"""`finn-tui demo`: the lab's TFC from network to validated board, on a fresh workspace."""

from __future__ import annotations

import contextlib
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finn_tui.cli.app import start_app, why_no_terminal
from finn_tui.cli.builds import experiments_table
from finn_tui.cli.common import (
    FAILED,
    Reporter,
    echo,
    guard,
    open_workspace,
    run,
    show_error,
)
from finn_tui.cli.follow import follow_quietly
from finn_tui.cli.measure import outcome_lines
from finn_tui.cli.models import summary

if TYPE_CHECKING:
    from finn_tui.lab.workspace import Workspace

MODEL = "tfc-w1a1"
#: MNIST is not waited for any longer, from a server that answers.
MNIST_SECONDS = 12.0


@click.command()
@click.option("--plain", is_flag=True, help="Plain text, as without a terminal.")
@click.option(
    "--seconds", type=float, help="Total run time of the stand-ins for AMD's tools in seconds."
)
@click.option(
    "--workspace",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="FINN_TUI_WORKSPACE",
    help="The folder to work in (default: a fresh one).",
)
@guard
def demo(plain: bool, seconds: float | None, workspace: Path | None) -> None:
    """Open TFC-w1a1 with a simulated board.

    The workspace is a fresh one; builds use the rehearsal tools (SIMULATED).

    Without a terminal the same path runs as plain text: prepare, fold, estimate, rehearsal build,
    deploy, execute, throughput, validate, and the row in the table of results.
    """
    from finn_tui.base import paths

    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    opened = open_workspace(workspace or paths.data_dir() / "demo" / stamp)
    speed = {} if seconds is None else {"rehearsal_seconds": seconds}
    opened.change_settings(model=MODEL, rehearse=True, to="simulated", **speed)
    _look_for_mnist(opened)
    if plain or not sys.stdout.isatty() or why_no_terminal() is not None:
        _plain(opened)
        return
    start_app(opened, MODEL)
    echo(f"The demo's workspace: finn-tui {opened.root}")


def _look_for_mnist(workspace: Workspace) -> None:
    """Have MNIST's files where they can be had in a few seconds; the demo uses digits28 otherwise.

    Published weights are then measured on MNIST's own test images.
    """
    import asyncio

    from finn_tui.engine.server.training.published import MNIST
    from finn_tui.lab.models import datasets

    async def fetch(reporter: Reporter) -> None:
        if await asyncio.to_thread(datasets.find, workspace.root, MNIST.name) is not None:
            return
        folder = datasets.user_folder() / MNIST.folders[0]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MNIST_SECONDS):
                await datasets.fetch(MNIST, folder, reporter)

    with Reporter() as reporter:
        run(fetch(reporter))


def _plain(workspace: Workspace) -> None:
    from finn_tui.lab.results.results_table import experiment
    from finn_tui.lab.workbench import Workbench

    echo(f"workspace   {workspace.root}")

    async def work(reporter: Reporter) -> bool:
        async with Workbench(workspace) as lab:
            opened = await lab.open(MODEL, on_progress=reporter)
            weights = opened.model.weights
            echo(
                f"prepare     {MODEL}: {len(opened.design.layers)} hardware layers, "
                f"weights {weights['note']}"
            )
            editor = opened.editor
            published = editor.estimate
            layer = next(item for item in editor.design.layers if item.kind == "MVAU")
            editor.step(layer.name, "PE", 1)
            echo(
                f"fold        {layer.name} PE {editor.folding.values[layer.name]['PE']}: "
                f"{published.total['LUT']:,.0f} -> {editor.estimate.total['LUT']:,.0f} LUT, "
                f"II {published.ii_cycles} -> {editor.estimate.ii_cycles}; taken back"
            )
            editor.undo()
            for line in summary(MODEL, "published", editor.estimate, editor.device).splitlines():
                echo(f"estimate    {line}")
            begun = await lab.build(opened, on_progress=reporter)
            echo(f"build       {begun.id} SIMULATED")
            state = await follow_quietly(begun, reporter)
            echo(f"build       {state.state} after {state.seconds:.0f} s SIMULATED")
            if state.state != "succeeded":
                if state.error is not None:
                    show_error(state.error)
                return False
            from finn_tui.board.jobs import go

            async with lab.board(on_progress=reporter) as link:
                done = await go(link, begun.path, reporter)
            echo("\n".join(outcome_lines(done.as_dict())))
            for error in done.failures:
                show_error(error)
            echo()
            echo(experiments_table([experiment(begun)]))
            return not done.failures

    with Reporter() as reporter:
        worked = run(work(reporter))
    if not worked:
        raise SystemExit(FAILED)
