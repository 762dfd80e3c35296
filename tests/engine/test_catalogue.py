"""What an engine said of itself holds as long as the same packages are installed there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finn_tui.base import environments, files, paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.engine import catalogue
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.server.finn import installed

INFO: dict[str, Any] = {"flavour": "finn-plus", "version": "1.4.0", "boards": {}}


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of an environment with FINN in it."""
    (tmp_path / "env/lib/python3.11/site-packages/finn_plus-1.4.0.dist-info").mkdir(parents=True)
    python = tmp_path / "env/bin/python"
    python.parent.mkdir()
    python.touch()
    return python


def upgrade(python: Path) -> None:
    """Install another FINN."""
    packages = python.parent.parent / "lib/python3.11/site-packages"
    (packages / "finn_plus-1.4.0.dist-info").rename(packages / "finn_plus-1.5.0.dist-info")


def known(python: Path, name: str) -> EngineSpec:
    """The engine as it is listed."""
    return next(spec for spec in catalogue.engines() if spec.name == name)


def test_a_users_engine_is_asked_again_after_an_upgrade(
    python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FINN_TUI_ENGINE_PYTHON", raising=False)
    paths.config_dir().mkdir(parents=True)
    (paths.config_dir() / "engines.toml").write_text(f'[lab]\ncommand = ["{python}"]\n')
    catalogue.remember(EngineSpec("lab", (str(python),)), INFO)
    assert known(python, "lab").info == INFO
    upgrade(python)
    assert known(python, "lab").info is None


def test_a_managed_engine_is_asked_again_after_an_upgrade(
    python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FINN_TUI_ENGINE_PYTHON", raising=False)
    folder = catalogue.engine_folder("finn-plus")
    folder.parent.mkdir(parents=True)
    python.parent.parent.rename(folder)
    python = environments.python_of(folder)
    environments.write_marker(folder, {"version": "1"})
    spec = EngineSpec("finn-plus", (str(python),), folder)
    catalogue.remember(spec, INFO)
    assert known(python, "finn-plus").info == INFO
    upgrade(python)
    assert known(python, "finn-plus").info is None


@pytest.mark.parametrize("info", [{}, {**INFO, "boards": None}, {**INFO, "version": 3}])
def test_an_answer_of_another_shape_is_asked_for_again(
    python: Path, info: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINN_TUI_ENGINE_PYTHON", str(python))
    spec = EngineSpec("environment", (str(python),))
    catalogue.remember(spec, INFO)
    assert known(python, "environment").info == INFO
    path = next(paths.cache_dir().glob("engine-info-*.json"))
    files.write_sealed(path, {"info": info, "installed": catalogue.installed_packages(spec)})
    assert known(python, "environment").info is None
    with pytest.raises(FinnTuiError, match="environment describes itself in an unknown form"):
        catalogue.remember(spec, info)


def test_another_installation_elsewhere_is_asked_again() -> None:
    far = catalogue.EngineSpec("far", ("python3",), host="lab", info={"installed": "a"})
    assert catalogue.still_holds(far, {"installed": "a"}) is far
    assert catalogue.still_holds(far, {"installed": "b"}).info is None
    near = catalogue.EngineSpec("near", ("python3",), info={"installed": "a"})
    assert catalogue.still_holds(near, {"installed": "b"}) is near


def test_what_is_installed_is_a_hash_of_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", [str(tmp_path), "/nowhere"])
    empty = installed.state()
    (tmp_path / "finn_plus-1.6.1.dist-info").mkdir()
    assert installed.state() != empty and installed.state() == installed.state()
