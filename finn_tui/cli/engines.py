"""`finn-tui engine`: the FINN environments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from finn_tui.cli.common import (
    Reporter,
    confirm,
    damaged,
    echo,
    guard,
    open_lab,
    print_json,
    run,
    shared_options,
    table,
)
from finn_tui.engine import catalogue, provision


@click.group()
def engine() -> None:
    """Install, list and remove FINN environments.

    An engine is the process of finn-tui that runs in FINN's Python.
    """


@engine.command("install")
@click.argument("name", default=catalogue.DEFAULT)
@guard
def install(name: str) -> None:
    """Install FINN in an environment of its own (2 to 6 GB)."""
    with Reporter() as reporter:
        spec = run(provision.install(name, reporter))
    echo(f"{spec.name}: {spec.version}")


@engine.command("list")
@shared_options(workspace=False)
def list_engines(as_json: bool) -> None:
    """List all engines, managed ones and those of engines.toml."""
    known, broken = catalogue.load_engines()
    if as_json:
        listed = [
            {
                "name": spec.name,
                "command": list(spec.command),
                "managed": spec.folder is not None,
                "flavour": spec.info["flavour"] if spec.info else None,
                "version": spec.info["version"] if spec.info else None,
            }
            for spec in known
        ]
        print_json({"engines": listed, "damaged": damaged(broken)})
        return
    if not known and not broken:
        echo("No engine yet; `finn-tui engine install` makes one, and so does first use.")
        return
    rows = [
        (spec.name, spec.version, "managed" if spec.folder else "yours", " ".join(spec.command))
        for spec in known
    ]
    rows += [(name, "damaged", "", error.why) for name, error in broken.items()]
    echo(table(("engine", "version", "", "command"), rows))


@engine.command("info")
@click.argument("name", required=False)
@shared_options()
def info(name: str | None, workspace: Path, as_json: bool) -> None:
    """Show FINN's version, boards and AMD tools of an engine."""

    async def ask() -> dict[str, Any]:
        async with open_lab(workspace, engine=name) as lab:
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
        echo(f"{key:>10}  {answer.get(key) or '-'}")
    for tool, entry in answer["tools"].items():
        text = f"{entry['version']}  {entry['path']}" if entry else "not found"
        echo(f"{tool:>10}  {text}")
    echo(f"{'boards':>10}  {', '.join(answer['boards'])}")


@engine.command("remove")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@guard
def remove(name: str, yes: bool) -> None:
    """Delete a managed environment."""
    if not yes:
        confirm(f"Delete the engine {name} and everything in it?")
    run(provision.remove(name))
    echo(f"{name} removed", err=True)
