"""The package as users get it: the wheel holds what the app needs, and README says how to start."""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path

import click
import pytest
import uv

from finn_tui.cli import main

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that is built from it."""
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [uv.find_uv_bin(), "build", "--out-dir", str(out), str(ROOT)],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0 and "Failed to fetch" in done.stderr:
        pytest.skip("the build backend could not be fetched: no network")
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


def test_the_licence_and_who_made_it_are_in_both_packages(built: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (folder,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        assert b"MIT License" in archive.read(f"{folder}/licenses/LICENSE")
        text = archive.read(f"{folder}/METADATA").decode("utf-8")
    for line in (
        "License-Expression: MIT",
        "Author: finn-tui contributors",
        "Project-URL: Homepage, https://github.com/finn-tui/finn-tui",
    ):
        assert line in text.splitlines()
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive_:
        names = {name.partition("/")[2] for name in archive_.getnames()}
    assert {"LICENSE", "CHANGELOG.md", "README.md", "finn_tui/cli/__init__.py"} <= names
    assert not any(name.startswith((".venv", "shared")) for name in names)


def test_the_version_is_the_same_everywhere() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_the_wheel_holds_presets_themes_and_the_engine(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "finn_tui/presets/tfc-w1a1.toml",
        "finn_tui/courses/finn-lab.toml",
        "finn_tui/lab/report/template.typ",
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
        "from finn_tui.lab.models.presets import presets; "
        "preset = presets()['tfc-w1a1']; print(preset.source['network'], *preset.foldings)"
    )
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(python), "-c", code], cwd=tmp_path, capture_output=True, text=True, env=clean
    )
    assert done.stdout.split()[:2] == ["tfc_1w1a", "published"], done.stderr
    done = subprocess.run(
        [str(environment / "bin" / "finn-tui"), "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=clean,
    )
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


def _command_lines() -> list[str]:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    lines = []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        quoted = re.findall(r"`(finn-tui [^`\n]*)`", text)
        lines += [line for block in blocks for line in block.splitlines()] + quoted
    return sorted({line for line in lines if line.startswith("finn-tui ")})


def _check_command_line(line: str) -> None:
    words = line.partition("#")[0].split()[1:]
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group) and words and re.fullmatch(r"[a-z]+", words[0]):
        inner = command.get_command(context, words.pop(0))
        assert inner is not None, line
        command = inner
    if command is main and words[0].startswith("--model"):
        command = main.get_command(context, "open") or main
    known = {name for option in command.get_params(context) for name in option.opts}
    assert {word for word in words if word.startswith("--")} <= known | {"--help"}, line


@pytest.mark.parametrize("line", _command_lines())
def test_commands_in_readme_and_docs_exist_with_their_options(line: str) -> None:
    _check_command_line(line)


def test_commands_that_messages_name_have_their_options() -> None:
    # Without an option it may be prose: "finn-tui runs commands in it".
    named = re.compile(r"""finn-tui [a-z]+ [^`"'\n]*(?<!\S)--[a-z-]+""")
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "finn_tui").rglob("*.py")]
    lines = sorted({line for text in sources for line in named.findall(text)})
    assert len(lines) > 10
    for line in lines:
        _check_command_line(line)
