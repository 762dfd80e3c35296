"""Foldings by name: a preset's, a saved one, or a file of this FINN or another."""

from __future__ import annotations

import codecs
import json
import os
import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finn_tui.base import files
from finn_tui.base.documents import why_not_json
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import shown
from finn_tui.core.folding import finn_json, lab_tuples, omissions
from finn_tui.core.folding import model as foldings
from finn_tui.core.folding.finn_json import INSERTED
from finn_tui.core.folding.model import Folding, IllegalFolding, MalformedFolding
from finn_tui.core.optimize.buildability import least
from finn_tui.lab.models.models import Model
from finn_tui.lab.workspace import Workspace, plain_name

if TYPE_CHECKING:
    from finn_tui.core.migrate.migrate import Migration
    from finn_tui.lab.foldings.opened import Opened


#: The least parallelism that FINN can build, where "ones" cannot be.
LEAST = "least"
#: Bytes and entries of a file at most; names that stand in it twice, as many as are said.
_MOST_BYTES, _MOST_ENTRIES, _MOST_NAMED = 16 << 20, 10_000, 6


class ForeignFolding(IllegalFolding):
    """A folding file that another FINN's node names explain; ``migration`` is how."""

    def __init__(self, what: str, why: str, fix: str, migration: Migration) -> None:
        super().__init__(what, why, fix)
        self.migration = migration


def names(workspace: Workspace, model: Model) -> list[str]:
    """Foldings that can be named for a model: its preset's, `ones`, and the saved ones."""
    brought = list(model.preset.foldings) if model.preset else []
    return list(dict.fromkeys(["ones", *brought, *workspace.foldings()]))


def title(name: str) -> str:
    """Return what a folding is called that was read by a name or a path."""
    return Path(name).name.removesuffix(".json")


def check_name(model: Model, name: str) -> None:
    """Check that a folding can be saved under a name.

    Raises:
        FinnTuiError: the name is one that presets use, or it cannot be a file's.
    """
    brought = model.preset.foldings if model.preset else {}
    if name in ("ones", LEAST) or name in brought:
        raise FinnTuiError(
            f"{name} is the name of a folding that finn-tui brings",
            "It would be hidden behind that one.",
            "Choose another name.",
        )
    plain_name(name)


def save(workspace: Workspace, opened: Opened, name: str) -> Path:
    """Save the folding that is edited under a name of the workspace, and return its file.

    Args:
        workspace: where.
        opened: model and folding.
        name: the name to save under; an old folding of it is replaced.

    Raises:
        FinnTuiError: for a name that presets use or that cannot be a file's, or a full disk.
    """
    check_name(opened.model, name)
    editor = opened.editor
    path = workspace.save_folding(
        name,
        finn_json.to_json(editor.design, editor.folding),
        (opened.model.title, opened.model.content),
    )
    editor.mark_saved(name)
    return path


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
    if name == LEAST:
        return least(design, tables), []
    if preset is not None and name in preset.foldings:
        return preset.folding(name, design, tables), []
    content = document(workspace, opened.model, name)
    if isinstance(content, list):
        return lab_tuples.from_tuples(design, tables, content), []
    try:
        folding, notes = finn_json.from_json(design, tables, content)
    except IllegalFolding as error:
        mistyped = _mistyped(opened, content)
        if mistyped is not None:
            raise mistyped from error
        other = _of_another_finn(opened, name, content, error)
        if other is None:
            raise
        raise other from error
    silent = omissions.unnamed(design, content)
    note = omissions.note(design, tables, folding, silent)
    if note:
        matrices = [layer.name for layer in design.layers if layer.kind in ("MVAU", "VVAU")]
        fills = not set(matrices) & set(silent)
        notes.append(
            f"{note} (`{command(opened, name)}` folds them to fit the others)" if fills else note
        )
    saved_for = workspace.model_of_folding(name)
    if saved_for is not None and saved_for[1] != opened.model.content:
        notes.append(f"{name} was saved for {saved_for[0]}, whose content is another model's")
    if not silent:
        return folding, notes
    # The same name can be another layer's where the file's FINN had other layers between them.
    migration = _migrate(opened, content)
    if migration.foreign:
        first = migration.of("renamed")[0]
        notes.append(
            f"{first.name} seems to mean {first.layer} here, as in a file of another FINN; "
            f"`{command(opened, name)}` reads it so"
        )
    return folding, notes


def overwrites_other(workspace: Workspace, opened: Opened, name: str, loaded: str) -> bool:
    """Return whether saving under a name would replace a folding that is not the loaded one.

    Args:
        name: the name to save under.
        loaded: the saved folding that was last loaded or saved here; empty for none.

    Raises:
        FinnTuiError: the name cannot be a file's.
    """
    if not workspace.folding_path(name).exists():
        return False
    if name != loaded:
        return True
    try:
        folding, _ = read(workspace, opened, name)
    except FinnTuiError:
        return True
    # Somebody else may have saved under this name since.
    return folding != opened.editor.saved


def read_foreign(workspace: Workspace, opened: Opened, name: str) -> Migration:
    """A folding file of another FINN, matched to the layers of this design.

    Raises:
        FinnTuiError: there is no such file, or it is no folding configuration.
    """
    content = document(workspace, opened.model, name)
    return _migrate(opened, content)


def _migrate(opened: Opened, content: Any) -> Migration:
    # Only who reads a file needs it; the app's start does not.
    from finn_tui.core.migrate.migrate import migrate

    return migrate(opened.design, opened.editor.tables, content)


def command(opened: Opened, name: str) -> str:
    """What to type to migrate a folding for a model."""
    board = opened.editor.device.board
    return (
        f"finn-tui migrate {shlex.quote(name)} {shlex.quote(opened.model.name)} "
        f"--board {shlex.quote(board)} --out NEW.json"
    )


def _mistyped(opened: Opened, content: Any) -> IllegalFolding | None:
    """The error for names that differ from layers here by a slip of the pen; None for others."""
    if not isinstance(content, dict):
        return None
    design = opened.design
    strangers = [
        name
        for name in content
        if name != "Defaults" and name not in design.by_name and not name.startswith(INSERTED)
    ]
    meant = {name: omissions.meant(design, name) for name in strangers}
    wrong = {name: near for name, near in meant.items() if near is not None and near not in content}
    if not wrong or len(wrong) < len(strangers) or not _slips(wrong):
        return None
    return IllegalFolding(
        "the folding names layers that are mistyped: " + ", ".join(repr(name) for name in wrong),
        f"{design.model} has " + ", ".join(wrong.values()) + ".",
        "Write " + ", ".join(f"{near} for {name!r}" for name, near in wrong.items()) + ".",
    )


def _slips(wrong: Mapping[str, str]) -> bool:
    """Whether names are no names that another FINN gives: its op types are known ones."""
    from finn_tui.core import finn_names

    for name in wrong:
        parsed = finn_names.parse(name)
        if parsed is not None and parsed.known:
            return False
    return True


def _of_another_finn(
    opened: Opened, name: str, content: Any, error: IllegalFolding
) -> ForeignFolding | None:
    """The error for a file that another FINN's names would explain; None for any other."""
    try:
        migration = _migrate(opened, content)
    except IllegalFolding:
        return None
    layers = len(migration.entries) - len(migration.of("inserted"))
    ops = {layer.op for layer in opened.design.layers}
    strange = any(not entry.name.startswith(tuple(ops)) for entry in migration.of("renamed"))
    another_network = migration.matrices[0] != migration.matrices[1]
    # Names that this FINN gives too, and another count of them, are another network's.
    if not migration.foreign or 2 * migration.matched < layers or (another_network and not strange):
        return None
    return ForeignFolding(
        error.what,
        f"{error.why} It seems to be another FINN's file: {migration.summary}",
        f"`{command(opened, name)}` reads it for this one.",
        migration,
    )


def document(workspace: Workspace, model: Model, name: str) -> Any:
    """What stands in the file that a saved folding's name or a path means.

    Raises:
        FinnTuiError: there is none of that name.
        MalformedFolding: the file cannot be read, or is no JSON.
    """
    path = workspace.foldings().get(name, Path(name).expanduser())
    if not os.path.lexists(path):
        raise FinnTuiError(
            f"there is no folding called {shown(name, 300)}",
            f"Known for {model.name}: {', '.join(names(workspace, model))}; "
            "or a FINN folding JSON file.",
            "Name one of these, or a file.",
        )
    try:
        content = files.read_bounded(path, _MOST_BYTES)
        document = json.loads(_decoded(content), object_pairs_hook=_once)
    except FileNotFoundError as error:
        raise _unreadable(path, "It is a symbolic link to a file that is not there.") from error
    except OSError as error:
        raise _unreadable(path, f"{error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, why_not_json(error)) from error
    if isinstance(document, dict) and len(document) > _MOST_ENTRIES:
        raise _unreadable(
            path,
            f"It has {len(document):,} entries; no graph has more than {_MOST_ENTRIES:,} nodes.",
        )
    return document


def _decoded(content: bytes) -> str:
    """The text of a file, also as Windows' editors and shells write it, with a byte order mark."""
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if wide else "utf-8-sig")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object each of whose keys stands once; JSON's readers take the last of several."""
    document = dict(pairs)
    if len(document) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = sorted(key for key, count in counts.items() if count > 1)
        more = ", ..." if len(twice) > _MOST_NAMED else ""
        raise ValueError(
            f"{', '.join(map(shown, twice[:_MOST_NAMED]))}{more} stands in it more than once"
        )
    return document


def _unreadable(path: Path, why: str) -> MalformedFolding:
    return MalformedFolding(
        f"{path} cannot be read as a folding",
        why,
        "Give a FINN folding configuration, a JSON file.",
    )
