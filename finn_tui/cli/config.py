"""`finn-tui config`: the workspace's settings, and where all configuration lies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import one_line
from finn_tui.cli.common import echo, open_workspace, print_json, shared_options, table

SETTINGS = "finn-tui.toml"
#: Files of the configuration folder.
_OWN = ("boards.toml", "hosts.toml", "engines.toml", "ui.toml", "keys.toml")
#: Those whose values only the app knows.
_CHECKED_BY_APP = ("ui.toml", "keys.toml")


@click.group()
def config() -> None:
    """Show, find and edit the settings and the user's files."""


@config.command("show")
@shared_options()
def show_settings(workspace: Path, as_json: bool) -> None:
    """Show the settings that hold in the workspace, and which its file sets."""
    import msgspec

    from finn_tui.base.config import load

    opened = open_workspace(workspace)
    settings: dict[str, Any] = msgspec.to_builtins(opened.settings)
    path = opened.root / SETTINGS
    written = [key for key in load(path)[0] if key in settings]
    if as_json:
        print_json({"path": str(path), "settings": settings, "set": written})
        return
    rows = [
        (key, one_line(json.dumps(value, ensure_ascii=False)), SETTINGS if key in written else "")
        for key, value in settings.items()
    ]
    echo(table(("setting", "value", "set in"), rows))


@config.command("path")
@shared_options()
def list_files(workspace: Path, as_json: bool) -> None:
    """List the configuration files, whether there or not, and what is wrong with them."""
    files: list[dict[str, Any]] = []
    for name in (SETTINGS, *_OWN):
        where = _file(name, workspace)
        problems = [str(error) for error in _problems(name, workspace)]
        files.append(
            {"name": name, "path": str(where), "exists": where.exists(), "problems": problems}
        )
    if as_json:
        from finn_tui.base import paths

        print_json({"folder": str(paths.config_dir()), "files": files})
        return
    rows = [(file["name"], _state(file), one_line(file["path"])) for file in files]
    echo(table(("file", "state", "path"), rows))
    for file in files:
        for problem in file["problems"]:
            echo(f"{file['name']}: {one_line(problem)}", err=True)


@config.command("edit")
@click.argument("name", metavar="[FILE]", default=SETTINGS, type=click.Choice([SETTINGS, *_OWN]))
@shared_options(json=False)
def edit_file(name: str, workspace: Path) -> None:
    """Open a file in an editor, and check it afterwards.

    FILE is finn-tui.toml of the workspace (default), or boards.toml, hosts.toml, engines.toml,
    ui.toml or keys.toml of the configuration folder. The editor is VISUAL or EDITOR.
    """
    from finn_tui.base import files

    file = _file(name, workspace)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.not_written(file, error) from error
    try:
        click.edit(filename=str(file))
    except click.ClickException as error:
        raise FinnTuiError(
            f"{file} was not edited",
            error.message,
            "Set EDITOR to a program that is installed, such as `export EDITOR=nano`.",
        ) from error
    problems = _problems(name, workspace)
    for problem in problems[1:]:
        echo(str(problem), err=True)
    if problems:
        raise problems[0]
    if not file.exists():
        echo(f"{file} was not made.")
    elif name in _CHECKED_BY_APP:
        echo(f"{file} can be read; the app checks its values when it starts.")
    else:
        echo(f"{file} is in order.")


def _file(name: str, workspace: Path) -> Path:
    if name == SETTINGS:
        return open_workspace(workspace, tolerant=True).root / SETTINGS
    from finn_tui.base import paths

    return paths.config_dir() / name


def _state(file: Mapping[str, Any]) -> str:
    if file["problems"]:
        return "mistakes"
    return "there" if file["exists"] else "not there: defaults"


def _problems(name: str, workspace: Path) -> list[FinnTuiError]:
    """What is wrong with a file; of those in ``_CHECKED_BY_APP`` as TOML."""
    from finn_tui.base.config import load

    try:
        load(_file(name, workspace))
        if name == SETTINGS:
            problem = open_workspace(workspace, tolerant=True).check()
            return [problem] if problem is not None else []
        return list(_damaged(name).values())
    except FinnTuiError as error:
        return [error]


def _damaged(name: str) -> dict[str, FinnTuiError]:
    """Entries of a catalogue that cannot be read."""
    if name == "boards.toml":
        from finn_tui.board.catalogue import load_boards

        return load_boards()[1]
    if name == "hosts.toml":
        from finn_tui.hosts.catalogue import load_hosts

        return load_hosts()[1]
    if name == "engines.toml":
        from finn_tui.engine.catalogue import load_engines

        return load_engines()[1]
    return {}
