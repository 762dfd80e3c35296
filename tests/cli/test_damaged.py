"""One damaged item hides no other: it is listed as damaged, with the reason, in every list.

A list that is not named here is found by ``test_every_list_is_tried``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from finn_tui.base import environments, paths
from finn_tui.cli import main
from finn_tui.cli.documents import DOCUMENTS
from finn_tui.engine.catalogue import engine_folder
from finn_tui.lab.workspace import Workspace
from tests import data
from tests.cli import contract
from tests.ui.conftest import make_run

RUNS = [f"2026010{day}T030405Z-tfc-w1a1-000{day}" for day in (1, 2, 3)]
#: Contents of a file that nothing is read from; and no file at all.
CONTENTS = {
    "nothing": b"",
    "half": b'{"format": 1, "id": "x", "mod',
    "binary": bytes(range(256)),
    "another type": b"[1, 2]",
    "deep": b"[" * 100_000,
    "gone": None,
}


def damage(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


@dataclass(frozen=True)
class List:
    """A list: command and key, where a row has its name, what is good, what is damaged, and how."""

    command: tuple[str, ...]
    key: str
    name: str
    good: tuple[str, ...]
    bad: str
    fill: Callable[[Workspace], Path]


def _runs(workspace: Workspace) -> Path:
    for name in RUNS:
        make_run(workspace, name)
    return workspace.runs_dir / RUNS[1] / "run.json"


def _states(workspace: Workspace) -> Path:
    return _runs(workspace).with_name("state.json")


def _managed(workspace: Workspace) -> Path:
    for name in ("first", "second", "third"):
        python = environments.python_of(engine_folder(name))
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable)
        environments.write_marker(engine_folder(name), {})
    return engine_folder("second") / environments.MARKER


def _presets(workspace: Workspace) -> Path:
    folder = workspace.root / "presets"
    folder.mkdir(parents=True)
    shipped = (paths.shipped_dir("presets") / "tfc-w1a1.toml").read_text()
    for name in ("first", "second", "third"):
        text = shipped.replace('name = "tfc-w1a1"', f'name = "{name}"', 1)
        (folder / f"{name}.toml").write_text(text)
    return folder / "second.toml"


LISTS = {
    "runs": List(("runs",), "runs", "run", (RUNS[0], RUNS[2]), RUNS[1], _runs),
    "states": List(("runs",), "runs", "run", (RUNS[0], RUNS[2]), RUNS[1], _states),
    "experiments": List(("experiments",), "experiments", "run", (RUNS[0], RUNS[2]), RUNS[1], _runs),
    "engines": List(("engine", "list"), "engines", "name", ("first", "third"), "second", _managed),
    "presets": List(("presets", "list"), "presets", "name", ("first", "third"), "second", _presets),
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    data.home(tmp_path / "home")
    return Workspace.open(tmp_path / "workspace")


def listed(workspace: Workspace, *command: str) -> tuple[dict[str, object], str]:
    """The JSON document of a list, and what it looks like on a terminal."""
    without = command[0] in ("boards", "engine", "hosts")
    place = () if without else ("--workspace", str(workspace.root))
    done = CliRunner().invoke(main, [*command, *place, "--json"])
    assert done.exit_code == 0, done.output
    text = CliRunner().invoke(main, [*command, *place])
    assert text.exit_code == 0, text.output
    document: dict[str, object] = json.loads(done.stdout)
    contract.check(command, document)
    return document, text.output


def names(document: dict[str, object], key: str, name: str) -> set[str]:
    rows = document[key]
    assert isinstance(rows, list)
    return {row[name] for row in rows}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("kind", LISTS)
def test_a_damaged_file_hides_no_other(workspace: Workspace, kind: str, content: str) -> None:
    tried = LISTS[kind]
    damage(tried.fill(workspace), CONTENTS[content])
    document, text = listed(workspace, *tried.command)
    bad = names(document, "damaged", "name")
    if kind in ("engines", "presets") and content == "gone":
        # An environment that was never complete is none.
        assert not bad
        return
    others = {"tfc-w1a1", "cnv-w1a1"} if kind == "presets" else set()
    assert names(document, tried.key, tried.name) >= {*tried.good, *others}
    assert tried.bad not in names(document, tried.key, tried.name)
    assert bad == {tried.bad}
    for name in (*tried.good, tried.bad):
        assert name in text
    assert "damaged" in text
    damaged = document["damaged"]
    assert isinstance(damaged, list)
    assert all(item["why"] and item["fix"] for item in damaged)


BOARD = '[{}]\nhost = "10.0.0.{}"\n'
ENGINE = '[{}]\ncommand = ["/opt/{}/python"]\n'


@pytest.mark.parametrize(
    "entry", ["nonsense = 1", "{key} = 3", "{key} = []", "{key} = ''", "", "password = 'x'"]
)
@pytest.mark.parametrize(
    ("file", "command", "key", "own", "always"),
    [
        ("boards.toml", ("boards", "list"), "boards", ("host", BOARD), {"simulated"}),
        ("engines.toml", ("engine", "list"), "engines", ("command", ENGINE), set()),
        ("hosts.toml", ("hosts", "list"), "hosts", ("folder", BOARD), set()),
    ],
)
def test_a_damaged_entry_hides_no_other(
    workspace: Workspace,
    file: str,
    command: tuple[str, ...],
    key: str,
    own: tuple[str, str],
    always: set[str],
    entry: str,
) -> None:
    path = paths.config_dir() / file
    path.parent.mkdir(parents=True, exist_ok=True)
    # A host's entry may be empty: it is this machine then, which has no port.
    lines = entry.format(key=own[0]) or ("port = 22" if file == "hosts.toml" else "")
    good, bad = own[1], f"[second]\n{lines}\n"
    path.write_text(good.format("first", 1) + bad + good.format("third", 3))
    document, text = listed(workspace, *command)
    assert names(document, key, "name") == {"first", "third", *always}
    assert names(document, "damaged", "name") == {"second"}
    assert "second" in text and "damaged" in text
    # A file that is no TOML at all says so in place of its entries.
    path.write_text(good.format("first", 1) + "= = =\n")
    document, text = listed(workspace, *command)
    assert names(document, key, "name") == always
    assert names(document, "damaged", "name") == {file}
    assert "Line 3" in text


def test_every_list_is_tried() -> None:
    """A document that lists things by name says which of them are damaged."""
    lists = {"runs", "experiments", "boards list", "hosts list", "engine list", "presets list"}
    with_damaged = {
        command
        for command, kind in DOCUMENTS.items()
        if "damaged" in getattr(kind, "__struct_fields__", ())
    }
    assert with_damaged == lists
