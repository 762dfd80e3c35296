"""docs/architecture.md names files and packages that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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
