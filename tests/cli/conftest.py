"""Running the command line as a user does: a process of its own, stdout and stderr apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import data
from tests.cli import contract


class Done:
    """What a command left: exit code, stdout, stderr, and the JSON document on stdout."""

    def __init__(
        self, arguments: tuple[str, ...], process: subprocess.CompletedProcess[str]
    ) -> None:
        self.arguments = arguments
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    @property
    def json(self) -> Any:
        document = json.loads(self.out)
        contract.check(self.arguments, document)
        return document


Cli = Callable[..., Done]


@pytest.fixture(scope="session")
def cli_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home and one workspace for all commands of a session, so that TFC is prepared once."""
    return tmp_path_factory.mktemp("cli")


@pytest.fixture
def cli(cli_home: Path) -> Cli:
    """Run ``finn-tui`` with arguments; ``env`` adds to its environment."""

    def run(*arguments: str, env: dict[str, str] | None = None, timeout: float = 300) -> Done:
        environment = {
            **os.environ,
            "FINN_TUI_HOME": str(cli_home / "home"),
            "FINN_TUI_WORKSPACE": str(cli_home / "workspace"),
            **(env or {}),
        }
        return Done(
            arguments,
            subprocess.run(
                [sys.executable, "-m", "finn_tui.cli", *arguments],
                env=environment,
                capture_output=True,
                text=True,
                timeout=timeout,
                stdin=subprocess.DEVNULL,
            ),
        )

    return run


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a user with prepared TFC and CNV, and an engine that does not start."""
    folder = tmp_path_factory.mktemp("recorded")
    before = os.environ.get("FINN_TUI_HOME")
    data.home(folder / "home")
    if before is None:
        del os.environ["FINN_TUI_HOME"]
    else:
        os.environ["FINN_TUI_HOME"] = before
    data.workspace(folder / "workspace", "tfc-w1a1", "cnv-w1a1")
    return {
        "FINN_TUI_HOME": str(folder / "home"),
        "FINN_TUI_WORKSPACE": str(folder / "workspace"),
        "FINN_TUI_ENGINE_PYTHON": "",
    }
