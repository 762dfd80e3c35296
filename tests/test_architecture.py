"""docs/architecture.md names files and packages that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.sources import syntax_tree

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
#: File names in code spans, such as ``ui/logs/pane.py``.
FILES = sorted(set(re.findall(r"`((?:\w+/)*\w[\w-]*\.(?:py|toml))`", PAGE)))
#: Packages in code spans, such as ``core/folding/``.
PACKAGES = sorted(set(re.findall(r"`((?:\w+/)+)`", PAGE)))


@pytest.mark.parametrize("name", FILES)
def test_files_of_the_page_exist(name: str) -> None:
    package = ROOT / "finn_tui"
    places = [ROOT / name, package / name, *package.rglob(name)]
    assert any(place.is_file() for place in places)


@pytest.mark.parametrize("name", PACKAGES)
def test_packages_of_the_page_exist(name: str) -> None:
    package = ROOT / "finn_tui"
    assert any((parent / name).is_dir() for parent in (package, package / "ui", package / "engine"))


def test_every_package_is_on_the_page() -> None:
    package = ROOT / "finn_tui"
    for folder in sorted(path.parent for path in package.rglob("__init__.py")):
        name = folder.relative_to(package).as_posix()
        if name == "." or "rehearsal/" in name:
            continue
        # A feature of the app is named by its folder alone.
        assert f"{name}/" in PAGE or f"`{folder.name}/`" in PAGE or f"{name}`" in PAGE, name


def test_nobody_asks_which_finn_it_is() -> None:
    """What differs is asked of ``finn_api`` as a capability, never of a version or a flavour."""

    def name_of(node: ast.expr) -> str:
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            return str(node.slice.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            # document.get("version"), version.startswith("0.9")
            if node.func.attr == "get" and node.args and isinstance(node.args[0], ast.Constant):
                return str(node.args[0].value)
            return name_of(node.func.value)
        return getattr(node, "attr", getattr(node, "id", ""))

    asked = []
    for path in sorted((ROOT / "finn_tui").rglob("*.py")):
        # Of a board's driver the flavour is that of its files.
        if path.name == "finn_api.py" or (ROOT / "finn_tui" / "board") in path.parents:
            continue
        for node in ast.walk(syntax_tree(path)):
            if isinstance(node, ast.Compare):
                sides = [node.left, *node.comparators]
                texts = [each.value for each in sides if isinstance(each, ast.Constant)]
                if any(isinstance(text, str) for text in texts) and any(
                    name_of(side) in ("flavour", "version") for side in sides
                ):
                    asked.append(f"{path.relative_to(ROOT)}:{node.lineno}")
            elif (
                isinstance(node, ast.Call)
                and getattr(node.func, "attr", "") == "startswith"
                and name_of(node) in ("flavour", "version")
            ):
                asked.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not asked
