"""What needs no engine: help, versions, wrong words."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli


def test_help_names_every_command(cli: Cli) -> None:
    done = cli("--help")
    assert done.code == 0
    for command in ("demo", "engine", "prepare", "graph", "estimate", "solve", "pareto",
                    "build", "runs", "logs",
                    "cancel", "attach", "boards", "deploy", "execute", "throughput", "validate",
                    "go", "experiments"):  # fmt: skip
        assert f"\n  {command} " in done.out, command


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
