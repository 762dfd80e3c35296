"""The package as users get it: the wheel holds what the app needs, and README says how to start."""

from __future__ import annotations

import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest
import uv

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [uv.find_uv_bin(), "build", "--wheel", "--out-dir", str(out), str(ROOT)],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0 and "Failed to fetch" in done.stderr:
        pytest.skip("the build backend could not be fetched: no network")
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_presets_themes_and_the_engine(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "finn_tui/presets/tfc-w1a1.toml",
        "finn_tui/engine/requirements.txt",
        "finn_tui/engine/server/__main__.py",
        "finn_tui/py.typed",
    ):
        assert needed in names
    assert any(re.fullmatch(r"finn_tui/themes/[^/]+\.(toml|ya?ml)", name) for name in names)
    assert any(name.endswith(".tcss") for name in names)
    assert not any(name.startswith(("tests/", "shared/")) for name in names)


@pytest.mark.slow
def test_the_wheel_opens_a_preset_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    subprocess.run([uv.find_uv_bin(), "venv", "-q", str(environment)], check=True)
    python = environment / "bin" / "python"
    subprocess.run(
        [uv.find_uv_bin(), "pip", "install", "-q", "--python", str(python), str(wheel)], check=True
    )
    code = (
        "from finn_tui.lab.presets import presets; "
        "preset = presets()['tfc-w1a1']; print(preset.source['network'], *preset.foldings)"
    )
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(python), "-c", code], cwd=tmp_path, capture_output=True, text=True, env=clean
    )
    assert done.stdout.split()[:2] == ["tfc_1w1a", "published"], done.stderr
    done = subprocess.run(
        [str(environment / "bin" / "finn-tui"), "--version"],
        cwd=tmp_path, capture_output=True, text=True, env=clean,
    )  # fmt: skip
    assert done.returncode == 0 and "finn-tui" in done.stdout


def test_readme_has_exactly_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = [line.strip() for line in text.splitlines() if line.startswith("    pip install")]
    assert commands == [
        "pip install uv && uv run finn-tui demo",
        "pip install uv && uv run pytest",
    ]


def test_the_environment_of_the_app_is_light() -> None:
    """FINN and torch live in the engine's environment; nothing of them may come in here."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for heavy in ("torch", "finn-plus", "brevitas", "qonnx", "onnx", "scipy", "pandas"):
        assert not re.search(rf'^\s*"{heavy}\b', text, re.MULTILINE), heavy
