"""`finn-tui migrate`: a folding file of another FINN, read for a model here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.cli.common import (
    HandlingChoice,
    Reporter,
    echo,
    open_lab,
    print_json,
    run,
    shared_options,
    table,
)
from finn_tui.core.folding import finn_json
from finn_tui.core.migrate import report

if TYPE_CHECKING:
    from finn_tui.core.migrate.migrate import Migration
    from finn_tui.lab.foldings.opened import Opened


@click.command()
@click.argument("folding")
@click.argument("model")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the folding for this FINN.",
)
@shared_options(board=True, handling=True)
def migrate(
    folding: str,
    model: str,
    out: Path | None,
    board: str | None,
    handling: HandlingChoice,
    workspace: Path,
    as_json: bool,
) -> None:
    """Convert another FINN's folding file.

    Its entries are matched to the layers of MODEL as the installed FINN names them.
    """

    from finn_tui.lab.foldings.saved_foldings import read_foreign

    async def work() -> tuple[Opened, Migration]:
        async with open_lab(workspace, handling=handling) as lab:
            with Reporter() as reporter:
                opened = await lab.open(model, board=board, on_progress=reporter)
                return opened, read_foreign(lab.workspace, opened, folding)

    opened, migration = run(work())
    if not migration.matched:
        reasons = sorted({f"{entry.why}." for entry in migration.entries})
        raise FinnTuiError(
            f"nothing in {folding} is for {opened.model.name}",
            f"{migration.summary} {' '.join(reasons)}",
            "Name the model that the folding was made for.",
        )
    document = finn_json.to_json(opened.design, migration.folding)
    if out is not None:
        try:
            files.replace(out, json.dumps(document, indent=2) + "\n")
        except OSError as error:
            raise FinnTuiError(
                f"{out} could not be written", str(error), "Give another file with --out."
            ) from error
    result = opened.editor.estimate_of(migration.folding)
    if as_json:
        print_json(
            {
                "model": opened.model.name,
                "file": folding,
                **migration.as_json(),
                "ii_cycles": result.ii_cycles,
                "fps": result.fps,
                "folding": document,
            }
        )
        return
    echo(table(("in the file", "here", ""), report.rows(migration)))
    echo()
    for line in report.closing(migration):
        echo(line)
    echo(f"II {result.ii_cycles:,} cycles   {result.fps:,.1f} fps   bottleneck {result.bottleneck}")
    echo(str(out) if out is not None else "Nothing was written; --out FILE does.")
