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
from finn_tui.engine.targets import Target


@click.group()
def engine() -> None:
    """Install, list and remove FINN environments.

    An engine is the process of finn-tui that runs in FINN's Python.
    """


@engine.command("install")
@click.argument("name", required=False)
@click.option("--version", help="Release of finn-plus, such as 1.4.0.")
@click.option(
    "--finn-root",
    type=click.Path(path_type=Path),
    help="Folder of upstream FINN's sources; a small environment is made for them.",
)
@guard
def install(name: str | None, version: str | None, finn_root: Path | None) -> None:
    """Install FINN in an environment of its own (0.3 to 6 GB).

    Without options it is the finn-plus that finn-tui comes with. Several engines lie side by side;
    NAME is made from the version or folder unless it is given.
    """
    with Reporter() as reporter:
        spec = run(provision.install(name, reporter, version=version, finn_root=finn_root))
    echo(f"{spec.name}: {spec.version}")
    _echo_lacks(spec)


def _echo_lacks(spec: catalogue.EngineSpec) -> None:
    for text in (spec.info or {}).get("lacks", ()):
        echo(f"  not there: {text}")


@engine.command("add", context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[NAME] TARGET...")
@click.option("--python", help="Interpreter or virtual environment for a FINN checkout.")
@click.option("--host", default="", help="Host of hosts.toml that it is on.")
@guard
def add(words: tuple[str, ...], python: str | None, host: str) -> None:
    """Name a FINN that is installed: what TARGET is, is found out.

    TARGET is an interpreter, the folder of a virtual environment or of upstream FINN's sources,
    docker:CONTAINER or podman:CONTAINER (one that runs, or an image), FINN's run-docker.sh, or a
    command that ends in a Python. With --host it is there; without TARGET, what is found there.
    NAME is made from it unless it is given.
    """
    name = None
    if words and not any(sign in words[0] for sign in "/:~") and (len(words) > 1 or host):
        name, words = words[0], words[1:]
    if not words and not host:
        raise click.UsageError("Missing argument 'TARGET...'.")
    with Reporter() as reporter:
        spec, found = run(_add(name, words, python, host, reporter))
    echo(f"{spec.name}: {spec.version}")
    where = f" in the {spec.container.title}" if spec.container else ""
    where += f" on {spec.host}" if spec.host else ""
    echo(f"  {found.kind}: {' '.join(found.command)}{where}")
    for note in found.notes:
        echo(f"  {note}")
    _echo_lacks(spec)


async def _add(
    name: str | None, words: tuple[str, ...], python: str | None, host: str, reporter: Reporter
) -> tuple[catalogue.EngineSpec, Target]:
    if not host:
        return await provision.add(name, words, python, reporter)
    from finn_tui.hosts import shared

    async with shared.held() as pool:
        return await provision.add(name, words, python, reporter, host=host, pool=pool())


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
                "host": spec.host,
                "container": container_as_json(spec),
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
        (
            *(spec.name, spec.version, "managed" if spec.folder else "yours", spec.place),
            " ".join(spec.command),
        )
        for spec in known
    ]
    rows += [(name, "damaged", "", "", error.why) for name, error in broken.items()]
    echo(table(("engine", "version", "", "where", "command"), rows))


def container_as_json(spec: catalogue.EngineSpec) -> dict[str, Any] | None:
    """The container of an engine as documents have it; null for none."""
    if spec.container is None:
        return None
    return {key: getattr(spec.container, key) for key in spec.container.__struct_fields__}


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
                where = {"host": spec.host, "container": container_as_json(spec)}
                return {"name": spec.name, "place": spec.place, **where, **answer}

    answer = run(ask())
    if as_json:
        print_json(answer)
        return
    for key in ("name", "place", "flavour", "version", "python", "qonnx", "brevitas", "torch"):
        echo(f"{key:>10}  {answer.get(key) or '-'}")
    for tool, entry in answer["tools"].items():
        text = f"{entry['version']}  {entry['path']}" if entry else "not found"
        echo(f"{tool:>10}  {text}")
    echo(f"{'boards':>10}  {', '.join(answer['boards'])}")
    if answer.get("root"):
        echo(f"{'sources':>10}  {answer['root']}")
    for text in answer.get("lacks", ()):
        echo(f"{'not there':>10}  {text}")


@engine.command("remove")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@guard
def remove(name: str, yes: bool) -> None:
    """Delete a managed environment, or forget an engine that was added."""
    if not yes:
        managed = catalogue.engine_folder(name).is_dir()
        question = "and everything in it" if managed else "from engines.toml"
        confirm(f"Delete the engine {name} {question}?")
    run(provision.remove(name))
    echo(f"{name} removed", err=True)
