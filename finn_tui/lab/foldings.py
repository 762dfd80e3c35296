"""Foldings by name: a preset's, a saved one, or a file of this FINN or another."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finn_tui.core import folding as foldings
from finn_tui.core.folding import Folding, IllegalFolding
from finn_tui.core.migrate import Migration, migrate
from finn_tui.errors import FinnTuiError
from finn_tui.lab.models import Model
from finn_tui.lab.workspace import Workspace

if TYPE_CHECKING:
    from finn_tui.lab.session import Opened


def names(workspace: Workspace, model: Model) -> list[str]:
    """Foldings that can be named for a model: its preset's, `ones`, and the saved ones."""
    brought = list(model.preset.foldings) if model.preset else []
    return list(dict.fromkeys(["ones", *brought, *workspace.foldings()]))


def read(workspace: Workspace, opened: Opened, name: str) -> tuple[Folding, list[str]]:
    """The folding that FOLDING names, and notes about entries that do not matter here.

    Raises:
        FinnTuiError: there is none of that name, or it is not legal for this design; where it is
            another FINN's, it names the command that reads such files.
    """
    design, tables = opened.design, opened.editor.tables
    preset = opened.model.preset
    if name == "ones":
        return foldings.ones(design, tables), []
    if preset is not None and name in preset.foldings:
        return preset.folding(name, design, tables), []
    content = document(workspace, opened.model, name)
    if isinstance(content, list):
        return foldings.from_tuples(design, tables, content), []
    try:
        folding, notes = foldings.from_json(design, tables, content)
    except IllegalFolding as error:
        raise _of_another_finn(opened, name, content, error) or error from error
    found = migrate(design, tables, content)
    if found.foreign:
        first = found.of("renamed")[0]
        notes.append(
            f"{first.name} seems to mean {first.layer} here, as in a file of another FINN; "
            f"`{command(opened, name)}` reads it so"
        )
    return folding, notes


def read_foreign(workspace: Workspace, opened: Opened, name: str) -> Migration:
    """A folding file of another FINN, matched to the layers of this design.

    Raises:
        FinnTuiError: there is no such file, or it is no folding configuration.
    """
    content = document(workspace, opened.model, name)
    return migrate(opened.design, opened.editor.tables, content)


def command(opened: Opened, name: str) -> str:
    """What to type to migrate a folding for a model."""
    return f"finn-tui migrate {shlex.quote(name)} {shlex.quote(opened.model.name)} --out NEW.json"


def _of_another_finn(
    opened: Opened, name: str, content: Any, error: IllegalFolding
) -> IllegalFolding | None:
    """The error for a file that another FINN's names would explain; None for any other."""
    try:
        found = migrate(opened.design, opened.editor.tables, content)
    except IllegalFolding:
        return None
    layers = len(found.entries) - len(found.of("inserted"))
    if not found.foreign or 2 * found.matched < layers:
        return None
    return IllegalFolding(
        error.what,
        f"{error.why} It seems to be another FINN's file: {found.summary}",
        f"`{command(opened, name)}` reads it for this one.",
    )


def document(workspace: Workspace, model: Model, name: str) -> Any:
    """What stands in the file that a saved folding's name or a path means.

    Raises:
        FinnTuiError: there is none, or it is no JSON.
    """
    path = workspace.foldings().get(name, Path(name).expanduser())
    if not path.is_file():
        raise FinnTuiError(
            f"there is no folding called {name}",
            f"Known for {model.name}: {', '.join(names(workspace, model))}; "
            "or a FINN folding JSON file.",
            "Name one of these, or a file.",
        )
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FinnTuiError(
            f"{path} cannot be read as a folding",
            str(error),
            "Give a FINN folding configuration, a JSON file.",
        ) from error
