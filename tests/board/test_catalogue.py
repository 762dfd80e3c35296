"""Named boards."""

from __future__ import annotations

import pytest

from finn_tui.base.errors import FinnTuiError
from finn_tui.board import catalogue
from finn_tui.board.catalogue import Board


def write(text: str) -> None:
    path = catalogue.boards_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_simulated_board_always_exists() -> None:
    assert list(catalogue.boards()) == ["simulated"]
    assert catalogue.find("simulated").simulated
    with pytest.raises(FinnTuiError, match="cannot be removed"):
        catalogue.remove("simulated")


def test_added_boards_are_found_and_comments_stay() -> None:
    write('# my boards\n[desk]  # the old one\nhost = "10.0.0.2"\n')
    lab = Board("lab", "192.168.2.99", port=2222, python="/usr/local/share/pynq-venv", sudo=False)
    catalogue.add(lab)
    assert catalogue.boards()["lab"] == lab
    assert catalogue.boards()["desk"] == Board("desk", "10.0.0.2")
    text = catalogue.boards_file().read_text()
    assert "# my boards" in text and "# the old one" in text
    assert "folder" not in text, "what is not set stays with the defaults"
    catalogue.add(Board("lab", "other"))
    assert catalogue.find("lab").port == 0
    catalogue.remove("desk")
    assert list(catalogue.boards()) == ["simulated", "lab"]


def test_python_may_be_a_virtual_environment() -> None:
    venv = Board("a", "h", python="/usr/local/share/pynq-venv")
    assert venv.interpreter == "/usr/local/share/pynq-venv/bin/python3"
    assert Board("a", "h", python="/opt/python3.10").interpreter == "/opt/python3.10"
    assert Board("a", "h").interpreter == "python3"


def test_a_folder_below_the_home_directory_may_be_written_with_a_tilde() -> None:
    write("[lab]\nhost = 'h'\nfolder = '~/my runs'\n")
    assert catalogue.find("lab").folder == "my runs"


@pytest.mark.parametrize(
    "text, message",
    [
        ("[lab]\nuser = 'x'\n", "lab needs either host or url"),
        ("[lab]\nhost = 'h'\nurl = 'http://h:9090'\n", "lab needs either host or url"),
        ("[lab]\nurl = 'http://h:9090/?token=abc'\n", "must not have a password or token"),
        ("[lab]\nurl = 'http://me:abc@h:9090'\n", "must not have a password or token"),
        ("[lab]\nurl = 'ftp://h'\n", "no address of a Jupyter server"),
        ("[lab]\nurl = 'http://h:9090'\ntoken = 'abc'\n", "not kept in files"),
        ("[lab]\nhost = 'h'\nprot = 22\n", "did you mean port?"),
        ("[lab]\nhost = 'h'\nport = '22'\n", "lab.port = '22' is not valid"),
        ("[lab]\nhost = 'h'\nport = 70000\n", "between 1 and 65535"),
        ("[lab]\nhost = 'h'\nfolder = ''\n", "is no folder of its own"),
        ("[lab]\nhost = 'h'\nfolder = '~/'\n", "is no folder of its own"),
        ("[lab]\nhost = 'h'\nfolder = '/'\n", "is no folder of its own"),
        ("[lab]\nhost = 'h'\npython = '~/venv'\n", "begins with ~"),
        ("[lab]\nhost = 'h'\nsudo = 1\n", "lab.sudo = 1 is not valid"),
        ("[lab]\nhost = 'h'\ndriver = 'none'\n", "finn-plus"),
        ("[lab]\nhost = 'h'\npassword = 'xilinx'\n", "not kept in files"),
        ("[simulated]\nhost = 'h'\n", "made by finn-tui itself"),
        ("[lab\n", "cannot be read"),
        ("lab = 3\n", "lab = 3 is not a table"),
    ],
)
def test_entries_that_cannot_be_understood_are_named(text: str, message: str) -> None:
    write(text)
    known, broken = catalogue.load_boards()
    assert list(known) == ["simulated"]
    (error,) = broken.values()
    assert message in str(error) and "boards.toml" in str(error)
    with pytest.raises(FinnTuiError) as caught:
        catalogue.find("lab")
    assert "[simulated]" in text or str(caught.value) == str(error)


def test_unknown_names_are_answered_with_near_ones() -> None:
    catalogue.add(Board("pynq-desk", "h"))
    with pytest.raises(FinnTuiError, match="no board called") as caught:
        catalogue.find("pynq-dek")
    assert "did you mean pynq-desk?" in caught.value.what
    catalogue.add(Board("desk", "", url="http://h:9090/lab", stand_in=True))
    assert catalogue.find("desk").url == "http://h:9090" and catalogue.find("desk").simulated
    for name in ("", "a b", "../x", "simulated"):
        with pytest.raises(FinnTuiError):
            catalogue.add(Board(name, "h"))


@pytest.mark.parametrize("text", ["[lab\n", "[lab]\nhost = 3\n", "[lab]\npassword = 'x'\n"])
def test_a_broken_file_is_never_written_and_the_simulated_board_needs_none(text: str) -> None:
    write(text)
    with pytest.raises(FinnTuiError, match=r"boards\.toml"):
        catalogue.add(Board("desk", "h"))
    with pytest.raises(FinnTuiError, match=r"boards\.toml"):
        catalogue.remove("lab")
    assert catalogue.boards_file().read_text() == text
    assert catalogue.find("simulated").simulated


def test_a_board_that_only_has_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue.add(catalogue.Board("lent", "", paste=True, python="/opt/venv"))
    lent = catalogue.find("lent")
    assert lent.paste and lent.python == "/opt/venv"
    assert lent.address == "a line pasted into its terminal"
    assert catalogue.find(catalogue.PASTED).paste, "it needs no entry"
    with pytest.raises(FinnTuiError, match="either host or url or paste"):
        catalogue.add(catalogue.Board("both", "10.0.0.1", paste=True))
