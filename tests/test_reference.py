"""The generated pages and schemas are current, and their examples are valid."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from benchmarks import finn_versions
from docs import make_reference
from docs.make_reference import DOCS, FILES, KEYS_EXAMPLE
from finn_tui.base import config, paths
from finn_tui.lab.models.presets import PresetFile
from finn_tui.ui.actions.keymap import read_keymap


@pytest.mark.parametrize("path", make_reference.pages(), ids=lambda path: path.name)
def test_generated_files_are_current(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == make_reference.pages()[path], "run: uv run python docs/make_reference.py"


def test_no_schema_is_left_over() -> None:
    generated = {path for path in make_reference.pages() if path.suffix == ".json"}
    assert set((DOCS / "configuration").iterdir()) == generated


@pytest.mark.parametrize(("title", "kind", "example"), [(f[0], f[2], f[4]) for f in FILES])
def test_examples_are_valid(title: str, kind: Any, example: str) -> None:
    assert list(config.problems(tomllib.loads(example), kind)) == []


def test_the_keys_example_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(KEYS_EXAMPLE)
    keymap, problems = read_keymap(path)
    assert keymap and problems == []


def test_schemas_know_the_keys_of_the_files_that_ship() -> None:
    schema = make_reference.schema_of(PresetFile, "presets/*.toml")
    known = set(schema["$defs"]["PresetFile"]["properties"])
    for path in paths.shipped_dir("presets").glob("*.toml"):
        assert set(tomllib.loads(path.read_text(encoding="utf-8"))) <= known


def test_a_key_without_a_meaning_is_refused() -> None:
    from msgspec import Struct

    class Undocumented(Struct):
        """Nothing.

        Attributes:
            here (s): that it takes.
        """

        here: float
        gone: int

    assert make_reference.attribute_docs(Undocumented)["here"] == ("s", "that it takes.")
    with pytest.raises(ValueError, match=r"Undocumented\.gone has no meaning"):
        make_reference.fields_table(Undocumented)


def test_the_table_of_finn_versions_is_the_one_that_was_run() -> None:
    results = json.loads((DOCS.parent / "benchmarks" / "finn_versions.json").read_text("utf-8"))
    assert finn_versions.table(results) in (DOCS / "versions.md").read_text("utf-8")
    for row in results.values():
        assert not [cell for cell in row["cells"].values() if cell.startswith("FAILED")]
