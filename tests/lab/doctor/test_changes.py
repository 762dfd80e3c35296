"""What ``doctor --fix`` changes, that it can be undone, and that nothing else changes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finn_tui.base.errors import FinnTuiError
from finn_tui.lab.doctor.changes import Change, MakeFolder, MendLine, SetKey, SetVariables

_LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z"))), max_size=4)


def undo(change: Change) -> None:
    """Make a change, then run what it says undoes it."""
    for command in change.apply().split("; "):
        subprocess.run(["sh", "-c", command], check=True)


def shell_value(startup: Path, name: str) -> str:
    """What a shell that reads its startup file has for a variable."""
    script = f'. "$1"; printf %s "${name}"'
    done = subprocess.run(
        ["bash", "-c", script, "-", str(startup)], capture_output=True, check=True, env={}
    )
    return done.stdout.decode()


@settings(max_examples=20)
@given(_LINES, st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1))
def test_a_variable_is_set_exactly_once_and_undone(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], value: str
) -> None:
    folder = tmp_path_factory.mktemp("home")
    startup, own = folder / ".bashrc", folder / "config dir" / "environment.sh"
    content = "\n".join(f"# {line}" for line in lines)
    startup.write_text(content)
    undo(SetVariables({"PYNQ_BOARD": value}, str(own), str(startup)))
    assert startup.read_text() == content
    assert not own.exists()
    for _ in range(2):
        SetVariables({"PYNQ_BOARD": value}, str(own), str(startup)).apply()
    SetVariables({"OTHER": "1"}, str(own), str(startup)).apply()
    assert shell_value(startup, "PYNQ_BOARD") == value
    assert startup.read_text().startswith(content)
    assert startup.read_text().count("environment.sh") == 2  # one line names it twice
    assert own.read_text().count("PYNQ_BOARD") == 1


def test_the_preview_is_the_difference_and_changes_nothing(tmp_path: Path) -> None:
    startup = tmp_path / ".bashrc"
    startup.write_text("alias a=b\nexport FINN_XILINX_PATH =/opt/Xilinx\n")
    text = "export FINN_XILINX_PATH =/opt/Xilinx"
    change = MendLine(str(startup), 2, text, "export FINN_XILINX_PATH=/opt/Xilinx")
    before = startup.read_bytes()
    lines = change.preview()
    assert startup.read_bytes() == before
    assert lines[-2:] == [f"-{text}", "+export FINN_XILINX_PATH=/opt/Xilinx"]
    undo(change)
    assert startup.read_bytes() == before
    change.apply()
    assert startup.read_text() == "alias a=b\nexport FINN_XILINX_PATH=/opt/Xilinx\n"


def test_a_file_that_has_changed_since_is_left_alone(tmp_path: Path) -> None:
    startup = tmp_path / ".bashrc"
    startup.write_text("something else\n")
    change = MendLine(str(startup), 1, "export PYNQ_BOARD=x", "export PYNQ_BOARD=Pynq-Z2")
    for step in (change.preview, change.apply):
        with pytest.raises(FinnTuiError, match="not what it was"):
            step()
    assert startup.read_text() == "something else\n"
    assert list(tmp_path.iterdir()) == [startup]


def test_a_linked_startup_file_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles" / "bashrc", tmp_path / ".bashrc"
    real.parent.mkdir()
    real.write_text("")
    link.symlink_to(real)
    SetVariables({"PYNQ_BOARD": "Pynq-Z2"}, str(tmp_path / "own.sh"), str(link)).apply()
    assert link.is_symlink()
    assert shell_value(real, "PYNQ_BOARD") == "Pynq-Z2"


def test_a_key_of_a_toml_file(tmp_path: Path) -> None:
    path = tmp_path / "hosts.toml"
    content = '# mine\n[server]\nhost = "lab1"  # old\n'
    path.write_text(content)
    change = SetKey(str(path), ("server", "env", "PYNQ_BOARD"), "Pynq-Z2")
    assert any(line == '+PYNQ_BOARD = "Pynq-Z2"' for line in change.preview())
    undo(change)
    assert path.read_text() == content
    change.apply()
    assert path.read_text().startswith(content)
    path.write_text("[server\n")
    with pytest.raises(FinnTuiError, match="cannot be read"):
        change.apply()
    assert path.read_text() == "[server\n"


def test_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a b" / "build"
    undo(MakeFolder(str(folder)))
    assert not folder.exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(FinnTuiError, match="could not be written"):
        MakeFolder(str(tmp_path / "file" / "x")).apply()


@pytest.mark.parametrize("value", ["two\nlines", "\x1b[2J", ""])
def test_only_one_line_of_text_is_written(tmp_path: Path, value: str) -> None:
    change = SetVariables({"PYNQ_BOARD": value}, str(tmp_path / "own.sh"), str(tmp_path / "rc"))
    if not value:
        change.apply()
        assert shell_value(tmp_path / "rc", "PYNQ_BOARD") == ""
        return
    with pytest.raises(FinnTuiError, match="cannot be set"):
        change.apply()
    assert list(tmp_path.iterdir()) == []
