"""`finn-tui config`: settings with what sets them, files with their mistakes, and the editor."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from finn_tui.base import paths
from finn_tui.cli import main


def call(workspace: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["config", *arguments, "--workspace", str(workspace)])


def test_settings_tell_what_the_file_sets(tmp_path: Path) -> None:
    (tmp_path / "finn-tui.toml").write_text("clock_ns = 5.0\n")
    document = json.loads(call(tmp_path, "show", "--json").stdout)
    assert document["settings"]["clock_ns"] == 5.0
    assert document["settings"]["board"] == "Pynq-Z2"
    assert document["set"] == ["clock_ns"]
    lines = {line.split()[0]: line for line in call(tmp_path, "show").stdout.splitlines()}
    assert "finn-tui.toml" in lines["clock_ns"] and "finn-tui.toml" not in lines["board"]


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("finn-tui.toml", "clock_ns = 0.1", "clock_ns = 0.1 is not valid"),
        ("hosts.toml", "[lab]\nhots = 'x'", "hots"),
        ("boards.toml", "[lab\n", "line 1"),
        ("engines.toml", "[one]\ncommand = 3", "command"),
        ("keys.toml", "= 3", "line 1"),
    ],
)
def test_a_mistake_is_found_in_every_file_and_after_the_editor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str, what: str
) -> None:
    folder = tmp_path if name == "finn-tui.toml" else paths.config_dir()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content)
    files = json.loads(call(tmp_path, "path", "--json").stdout)["files"]
    wrong = {file["name"]: " ".join(file["problems"]) for file in files if file["problems"]}
    assert list(wrong) == [name] and what in wrong[name].lower()
    monkeypatch.setenv("EDITOR", "touch")
    result = call(tmp_path, "edit", name)
    assert result.exit_code != 0 and what in result.stderr.lower()


def test_the_editor_makes_a_file_that_is_then_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "clock_ns = 5.0" > "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    result = call(tmp_path / "new", "edit")
    assert result.exit_code == 0 and "in order" in result.stdout
    assert json.loads(call(tmp_path / "new", "show", "--json").stdout)["set"] == ["clock_ns"]


def test_an_editor_that_is_not_there_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "/nowhere/editor")
    result = call(tmp_path, "edit")
    assert result.exit_code != 0 and "EDITOR" in result.stderr


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = call(tmp_path / "file" / "workspace", "edit")
    assert result.exit_code == 1 and "could not be written" in result.stderr


def test_values_that_were_not_checked_are_not_said_to_be_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "touch")
    paths.config_dir().mkdir(parents=True, exist_ok=True)
    (paths.config_dir() / "keys.toml").write_text('"app.bild" = "f5"\n')
    result = call(tmp_path, "edit", "keys.toml")
    assert result.exit_code == 0 and "in order" not in result.stdout
    assert "the app checks its values" in result.stdout


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("runs", 0),
        ("runs --json", 0),
        ("runs show last", 2),
        ("runs clean", 0),
        ("experiments", 0),
        ("logs last", 2),
        ("cancel last", 2),
        ("lab status", 0),
        ("presets list", 0),
        ("calibrate", 0),
        ("config show", 2),
        ("graph tfc-w1a1", 2),
    ],
)
def test_a_mistake_in_the_settings_is_said_once_by_every_command(
    tmp_path: Path, command: str, code: int
) -> None:
    """Those that do without the settings do their work and say it, too."""
    (tmp_path / "finn-tui.toml").write_text("clock_ns = 'ten'\nboard = 3\n")
    done = CliRunner().invoke(main, [*command.split(), "--workspace", str(tmp_path)])
    assert done.exit_code == code
    assert done.stderr.count("line 1: clock_ns = 'ten' is not valid") == 1
    assert "  line 2: board = 3" in done.stderr
    assert "clock_ns" not in done.stdout
    if command.endswith("--json"):
        assert json.loads(done.stdout)["runs"] == []


def test_settings_that_are_a_pipe_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "finn-tui.toml")
    done = CliRunner().invoke(main, ["runs", "--workspace", str(tmp_path)])
    assert done.exit_code == 0 and "a pipe" in done.stderr
