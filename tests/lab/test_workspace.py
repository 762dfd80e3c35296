"""The workspace: settings that are checked, names that are plain, files replaced in one go."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.workbench import Workbench
from finn_tui.lab.workspace import Settings, Workspace, is_plain_name, name_of_file, plain_name


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
    workspace.change_settings(clock_ns=5.0)
    text = (tmp_path / "finn-tui.toml").read_text()
    assert "# the lab's board" in text and "# ours" in text
    again = Workspace.open(tmp_path).settings
    assert (again.board, again.clock_ns) == ("Pynq-Z1", 5.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("board = 3\n", "board = 3 is not valid"),
        ('bord = "Pynq-Z2"\n', r"bord = 'Pynq-Z2' is an unknown key \(did you mean board\?\)"),
        ("clock_ns = 0\n", "clock_ns = 0 is not valid"),
        ("clock_ns = nan\n", "clock_ns = nan is not valid"),
        ("clock_ns = true\n", "clock_ns = True is not valid"),
        ("parallel_builds = 0\n", "parallel_builds = 0 is not valid"),
        ('alert = "osc"\n', "alert = 'osc' is not valid"),
        ("board = \n", "cannot be read"),
    ],
)
def test_bad_settings_are_refused_with_the_reason(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "finn-tui.toml").write_text(text)
    with pytest.raises(FinnTuiError, match=message) as caught:
        _ = Workspace.open(tmp_path).settings
    assert caught.value.fix


def test_a_whole_number_of_nanoseconds_is_a_clock(tmp_path: Path) -> None:
    (tmp_path / "finn-tui.toml").write_text("clock_ns = 5\n")
    assert Workspace.open(tmp_path).settings.clock_ns == 5.0


def test_a_user_s_own_data_set_is_found_by_the_model(tmp_path: Path) -> None:
    (tmp_path / "finn-tui.toml").write_text('[datasets]\nnet = "sets/net.npz"\n')
    workspace = Workspace.open(tmp_path)
    assert workspace.dataset("other") is None
    with pytest.raises(FinnTuiError, match="is not there") as caught:
        workspace.dataset("net")
    assert "[datasets]" in caught.value.why
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "net.npz").write_bytes(b"")
    assert workspace.dataset("net") == tmp_path / "sets" / "net.npz"


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "x" * 81, "näme"])
def test_names_that_are_no_file_names_are_refused(name: str) -> None:
    with pytest.raises(FinnTuiError, match="cannot be a name"):
        plain_name(name)


def test_saved_foldings_are_found_by_name(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path)
    path = workspace.save_folding("exp2", {"Defaults": {}})
    assert workspace.foldings() == {"exp2": path}


def test_settings_edited_by_hand_are_taken_up_and_not_reverted(tmp_path: Path) -> None:
    path = tmp_path / "finn-tui.toml"
    path.write_text("parallel_builds = 1\n")
    workspace = Workspace.open(tmp_path)
    path.write_text("parallel_builds = 4  # by hand\nrehearse = true\n")
    assert workspace.settings.parallel_builds == 4
    workspace.change_settings(board="Pynq-Z1")
    path.write_text(path.read_text() + "clock_ns = 5\n")
    workspace.change_settings(model="tfc-w1a1")
    settings = Workspace.open(tmp_path).settings
    assert (settings.parallel_builds, settings.rehearse, settings.clock_ns) == (4, True, 5.0)
    assert (settings.board, settings.model) == ("Pynq-Z1", "tfc-w1a1")
    assert "# by hand" in path.read_text()


@pytest.mark.parametrize("broken", ["board = ", "bord = 'x'\n", "parallel_builds = 'many'\n"])
def test_a_file_that_breaks_while_it_is_open_is_said_and_never_written(
    tmp_path: Path, broken: str
) -> None:
    path = tmp_path / "finn-tui.toml"
    path.write_text("clock_ns = 5\n")
    workspace = Workspace.open(tmp_path)
    assert workspace.settings.clock_ns == 5.0
    path.write_text(broken)
    assert workspace.settings.clock_ns == 5.0
    assert workspace.problem is not None and "line 1" in str(workspace.problem).lower()
    with pytest.raises(FinnTuiError):
        workspace.change_settings(board="Pynq-Z1")
    assert path.read_text() == broken
    # What the user chose holds here, until the file is mended: then the file is right.
    assert workspace.settings.board == "Pynq-Z1"
    path.write_text("clock_ns = 4\n")
    assert (workspace.settings.board, workspace.settings.clock_ns) == ("Pynq-Z2", 4.0)
    assert workspace.problem is None


def test_a_tolerant_start_has_defaults_beside_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / "finn-tui.toml").write_text("clock_ns = 5\nboard = ")
    workspace = Workspace.open(tmp_path, tolerant=True)
    assert workspace.settings == Settings()
    assert workspace.problem is not None and "Line 2" in workspace.problem.why


@pytest.mark.parametrize("entry", ["", "part = 3", "part = 'x'\nLUT = 'many'", "part = ''"])
def test_a_board_of_the_users_own_that_is_not_complete_is_refused(
    tmp_path: Path, entry: str
) -> None:
    (tmp_path / "finn-tui.toml").write_text(f"[boards.Mine]\n{entry}\n")
    with pytest.raises(FinnTuiError, match=r"boards\.Mine"):
        _ = Workspace.open(tmp_path).settings


def test_what_needs_no_settings_works_beside_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / "finn-tui.toml").write_text("board = ")
    lab = Workbench(Workspace.open(tmp_path))
    assert lab.runs() == []
    with pytest.raises(FinnTuiError, match="cannot be read"):
        _ = lab.workspace.settings


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("netz ü 1", "netz-u-1"),
        ("Größe", "Grosse"),
        ("..", "network"),
        ("日本", "network"),
        ("\x1b[2J", "2J"),
        ("a" * 200, "a" * 80),
        ("tfc-w1a1", "tfc-w1a1"),
    ],
)
def test_a_file_of_any_name_gives_a_plain_name(stem: str, name: str) -> None:
    assert name_of_file(stem) == name and is_plain_name(name)
