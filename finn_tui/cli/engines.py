"""`finn-tui engine`: the FINN environments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from finn_tui.cli.common import (
    JSON_OPTION,
    WORKSPACE_OPTION,
    Reporter,
    guard,
    open_workspace,
    print_json,
    run,
    table,
)
from finn_tui.engine import catalogue, provision
from finn_tui.lab.session import Lab


@click.group()
def engine() -> None:
    """The engine: our process inside FINN's Python."""


@engine.command("install")
@click.argument("name", default=catalogue.DEFAULT)
@guard
def install(name: str) -> None:
    """Make a managed environment with FINN in it (2 to 6 GB)."""
    with Reporter() as reporter:
        spec = run(provision.install(name, reporter))
    click.echo(f"{spec.name}: {spec.version}")


@engine.command("list")
@JSON_OPTION
@guard
def list_engines(as_json: bool) -> None:
    """All engines: managed ones and those of engines.toml."""
    known = catalogue.engines()
    if as_json:
        print_json(
            [
                {
                    "name": spec.name,
                    "command": list(spec.command),
                    "managed": spec.folder is not None,
                    "flavour": spec.info["flavour"] if spec.info else None,
                    "version": spec.info["version"] if spec.info else None,
                }
                for spec in known
            ]
        )
        return
    if not known:
        click.echo("No engine yet; `finn-tui engine install` makes one, and so does first use.")
        return
    rows = [
        (spec.name, spec.version, "managed" if spec.folder else "yours", " ".join(spec.command))
        for spec in known
    ]
    click.echo(table(("engine", "version", "", "command"), rows))


@engine.command("info")
@click.argument("name", required=False)
@WORKSPACE_OPTION
@JSON_OPTION
@guard
def info(name: str | None, workspace: Path, as_json: bool) -> None:
    """What an engine says of itself: FINN's version, boards, AMD's tools."""

    async def ask() -> dict[str, Any]:
        async with Lab(open_workspace(workspace), engine_name=name) as lab:
            with Reporter() as reporter:
                running = await lab.engine(reporter)
                spec = await lab.spec(reporter)
                answer = await running.call("info")
                catalogue.remember(spec, answer)
                return {"name": spec.name, **answer}

    answer = run(ask())
    if as_json:
        print_json(answer)
        return
    for key in ("name", "flavour", "version", "python", "qonnx", "brevitas", "torch"):
        click.echo(f"{key:>10}  {answer.get(key) or '-'}")
    for tool, entry in answer["tools"].items():
        text = f"{entry['version']}  {entry['path']}" if entry else "not found"
        click.echo(f"{tool:>10}  {text}")
    click.echo(f"{'boards':>10}  {', '.join(answer['boards'])}")


@engine.command("remove")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@guard
def remove(name: str, yes: bool) -> None:
    """Delete a managed environment."""
    if not yes:
        click.confirm(f"Delete the engine {name} and everything in it?", abort=True, err=True)
    run(provision.remove(name))
    click.echo(f"{name} removed", err=True)
