"""What each way to start finn-tui really imports, and the processor time of the quickest ones."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from finn_tui.cli.commands import COMMANDS, OPEN
from tests import data

#: What no command needs before it does its work.
_WORK = (
    "asyncio",
    "numpy",
    "psutil",
    "rich",
    "tomlkit",
    "msgspec",
    "platformdirs",
    "asyncssh",
    "highspy",
    "plotext",
    "textual",
    "cryptography",
)

_RUN = """
import json, sys
from finn_tui.cli import main
try:
    main(prog_name="finn-tui")
finally:
    unwanted = sys.argv.pop()
    print(json.dumps(sorted(name for name in unwanted.split(",") if name in sys.modules)),
          file=sys.stderr)
"""


def _imported(*arguments: str, unwanted: tuple[str, ...], **environment: str) -> list[str]:
    """Run the command line in a process of its own; the unwanted modules that it imported."""
    code = _RUN.replace("sys.argv.pop()", repr(",".join(unwanted)))
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        env={**os.environ, **environment},
    )
    names: list[str] = json.loads(done.stderr.splitlines()[-1])
    return names


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("nosuch",)])
def test_help_version_and_wrong_words_import_click_alone(arguments: tuple[str, ...]) -> None:
    assert _imported(*arguments, unwanted=(*_WORK, "finn_tui.base.errors")) == []


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != OPEN])
def test_help_and_wrong_use_of_a_command_import_nothing_that_only_work_needs(name: str) -> None:
    # Values of options come from these modules' own tables: engines' and drivers' names.
    tables = {"msgspec", "platformdirs"}
    allowed = {"engines": {"asyncio", *tables}, "boards": tables, "demo": tables}
    module = COMMANDS[name].target.partition(":")[0]
    unwanted = tuple(other for other in _WORK if other not in allowed.get(module, ()))
    assert _imported(name, "--help", unwanted=unwanted) == []
    assert _imported(name, "--no-such-option", unwanted=unwanted) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("nosuch",),
        ("solve", "x"),
        ("build",),
        ("pareto", "x", "--limit", "LUT"),
    ],
)
def test_help_version_and_wrong_use_take_a_quarter_of_a_second_at_most(
    arguments: tuple[str, ...],
) -> None:
    taken: list[float] = []
    while len(taken) < 10 and min(taken, default=1.0) >= 0.25:
        # Processor time; what else the machine does lengthens it too, so one good try is enough.
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "finn_tui.cli", *arguments], capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(taken) < 0.25, taken


@pytest.fixture
def recorded(tmp_path: Path) -> dict[str, str]:
    """The environment of a user with prepared TFC, and no engine."""
    data.home(tmp_path / "home")
    data.workspace(tmp_path / "workspace", "tfc-w1a1")
    return {
        "FINN_TUI_HOME": str(tmp_path / "home"),
        "FINN_TUI_WORKSPACE": str(tmp_path / "workspace"),
        "FINN_TUI_ENGINE_PYTHON": "",
    }


def test_estimate_imports_neither_screen_nor_solver_nor_ssh(recorded: dict[str, str]) -> None:
    unwanted = ("textual", "rich", "asyncssh", "highspy", "plotext", "numpy", "tomlkit")
    assert _imported("estimate", "tfc-w1a1", unwanted=unwanted, **recorded) == []


def test_solve_imports_neither_screen_nor_ssh(recorded: dict[str, str]) -> None:
    unwanted = ("textual", "rich", "asyncssh", "plotext")
    assert _imported("solve", "tfc-w1a1", "--fill", unwanted=unwanted, **recorded) == []
