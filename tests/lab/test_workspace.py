"""The workspace: settings that are checked, names that are plain, files replaced in one go."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_tui.errors import FinnTuiError
from finn_tui.lab.workspace import Workspace, plain_name, write_text


def test_opening_a_folder_writes_nothing(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "new")
    assert workspace.settings.board == "Pynq-Z2"
    assert workspace.models() == []
    assert workspace.foldings() == {}
    assert not (tmp_path / "new").exists()


def test_a_file_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FinnTuiError, match="is not a folder"):
        Workspace.open(tmp_path / "file")


def test_saved_settings_come_back_and_comments_stay(tmp_path: Path) -> None:
    (tmp_path / "finn-tui.toml").write_text('# the lab\'s board\nboard = "Pynq-Z1"  # ours\n')
    workspace = Workspace.open(tmp_path)
    workspace.settings.clock_ns = 5.0
    workspace.save_settings()
    text = (tmp_path / "finn-tui.toml").read_text()
    assert "# the lab's board" in text and "# ours" in text
    again = Workspace.open(tmp_path).settings
    assert (again.board, again.clock_ns) == ("Pynq-Z1", 5.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("board = 3\n", "board = 3 is not understood"),
        ('bord = "Pynq-Z2"\n', "bord is no setting"),
        ("clock_ns = 0\n", "clock period of 0 ns cannot be"),
        ("clock_ns = true\n", "clock_ns = True is not understood"),
        ("board = \n", "cannot be read"),
    ],
)
def test_bad_settings_are_refused_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "finn-tui.toml").write_text(text)
    with pytest.raises(FinnTuiError, match=said) as caught:
        Workspace.open(tmp_path)
    assert caught.value.fix


def test_a_whole_number_of_nanoseconds_is_a_clock(tmp_path: Path) -> None:
    (tmp_path / "finn-tui.toml").write_text("clock_ns = 5\n")
    assert Workspace.open(tmp_path).settings.clock_ns == 5.0


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "x" * 81, "näme"])
def test_names_that_are_no_file_names_are_refused(name: str) -> None:
    with pytest.raises(FinnTuiError, match="cannot be a name"):
        plain_name(name)


def test_saved_foldings_are_found_by_name(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path)
    path = workspace.save_folding("exp2", {"Defaults": {}})
    assert workspace.foldings() == {"exp2": path}


def test_a_write_that_fails_keeps_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "file.json"
    write_text(target, "old")
    # A folder in the way of the partial file: the write fails before it touches the old file.
    (tmp_path / "folder" / "file.json.partial").mkdir()
    with pytest.raises(FinnTuiError, match="could not be written") as caught:
        write_text(target, "new")
    assert caught.value.kind == "disk"
    assert target.read_text() == "old"
