"""What needs no engine: help, versions, wrong words."""

from __future__ import annotations

import click
import pytest

from finn_tui.cli import main
from finn_tui.cli.commands import COMMANDS, GROUPS
from tests.cli.conftest import Cli


def _command(name: str) -> click.Command:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return command


def test_help_lists_every_command_in_its_group(cli: Cli) -> None:
    done = cli("--help")
    assert done.code == 0
    at = 0
    for title, group in GROUPS.items():
        at = done.out.index(f"\n{title}:\n", at)
        for name, entry in group.items():
            line = done.out.index(f"\n  {name} ", at)
            assert line > at
            assert done.out[line:].splitlines()[1].endswith(entry.summary), "cut or wrapped"
            at = line
    assert all(len(line) <= 80 for line in done.out.splitlines()[10:])


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_table_is_the_commands_own(name: str) -> None:
    command = _command(name)
    assert command.name == name
    assert command.get_short_help_str(limit=200) == COMMANDS[name].summary


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_of_a_workspace_is_the_apps(
    cli: Cli, tmp_path_factory: pytest.TempPathFactory, word: str
) -> None:
    done = cli(str(tmp_path_factory.mktemp("ws")), word)
    assert (done.code, "[FOLDER]" in done.out) == (0, True), done.err


@pytest.mark.parametrize("arguments", [("fold",), ("estimate",), ("estimate", "x", "--wrong")])
def test_wrong_words_exit_with_2(cli: Cli, arguments: tuple[str, ...]) -> None:
    done = cli(*arguments)
    assert done.code == 2
    assert "Usage:" in done.err


def test_a_file_is_no_workspace(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("ws") / "file"
    path.write_text("")
    done = cli("estimate", "tfc-w1a1", "--workspace", str(path))
    assert done.code == 2
    assert "is a file" in done.err or "is not a folder" in done.err


def test_completion_names_commands_with_their_line(cli: Cli) -> None:
    asked = {"_FINN_TUI_COMPLETE": "zsh_complete", "COMP_WORDS": "finn-tui est", "COMP_CWORD": "1"}
    done = cli(env=asked)
    assert done.out.splitlines() == ["plain", "estimate", COMMANDS["estimate"].summary]


def test_completion_offers_folders_where_no_command_begins_so(cli: Cli) -> None:
    asked = {"_FINN_TUI_COMPLETE": "zsh_complete", "COMP_WORDS": "finn-tui ./wo", "COMP_CWORD": "1"}
    assert cli(env=asked).out.splitlines()[:2] == ["dir", "./wo"]
