"""The app on a real pseudo terminal, read as a terminal would show it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import pyte
import pytest

from benchmarks.terminal import Terminal
from finn_tui.lab.workspace import Workspace
from tests.waiting import PATIENCE, wait_until


def screen(terminal: Terminal, width: int, height: int) -> list[str]:
    """What the terminal shows by now."""
    shown = pyte.Screen(width, height)
    pyte.ByteStream(shown).feed(bytes(terminal.output))
    return list(shown.display)


def wait_for(terminal: Terminal, text: str, width: int, height: int) -> list[str]:
    """Read until a text is on the screen."""
    end = time.monotonic() + 180
    while time.monotonic() < end:
        lines = screen(terminal, width, height)
        if any(text in line for line in lines):
            return lines
        terminal.read(0.1)
    raise AssertionError(f"{text!r} did not come:\n" + "\n".join(screen(terminal, width, height)))


def command(workspace: Workspace) -> list[str]:
    return [
        sys.executable,
        "-m",
        "finn_tui.cli",
        "open",
        "--workspace",
        str(workspace.root),
        "--model",
        "cnv-w1a1",
    ]


def test_fold_over_a_pseudo_terminal_in_few_bytes(workspace: Workspace) -> None:
    with Terminal(command(workspace), 120, 40) as terminal:
        wait_for(terminal, "MVAU 7 ", 120, 40)
        wait_for(terminal, "II 32,768 cycles   3,052 fps", 120, 40)
        terminal.settle()
        sizes = []
        for key in b"+-" * 4:
            before = len(terminal.output)
            os.write(terminal.fd, bytes([key]))
            wait_until(lambda before=before: terminal.read(0.1) or len(terminal.output) > before)  # type: ignore[misc]
            terminal.settle()
            sizes.append(len(terminal.output) - before)
        lines = screen(terminal, 120, 40)
        assert any("> MVAU 6" in line and "‹1›" in line for line in lines)
        assert 0 < sorted(sizes)[len(sizes) // 2] < 3000


@pytest.mark.parametrize("how", ["q", "SIGTERM"])
def test_leaving_gives_the_terminal_back(workspace: Workspace, how: str) -> None:
    with Terminal(command(workspace), 80, 24) as terminal:
        wait_for(terminal, "MVAU 7 ", 80, 24)
        if how == "q":
            terminal.press(b"q")
        else:
            os.kill(terminal.pid, signal.SIGTERM)
        # The normal screen, the cursor, and no mouse reports any more.
        wanted = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1003l")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not all(part in terminal.output for part in wanted):
            terminal.read(0.1)
        assert all(part in terminal.output for part in wanted)


def test_a_crash_leaves_the_terminal_usable_and_a_log(workspace: Workspace, home: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from finn_tui.lab.workbench import Workbench\n"
        "from finn_tui.lab.workspace import Workspace\n"
        "from finn_tui.ui import run\n"
        "from finn_tui.ui.tune import infrastructure_rows\n"
        "def broken(*_):\n"
        "    raise RuntimeError('a defect')\n"
        "infrastructure_rows.budget_line = broken\n"
        "run.run_app(Workbench(Workspace.open(Path(sys.argv[1]))), 'cnv-w1a1')\n"
    )
    with Terminal([sys.executable, "-c", code, str(workspace.root)], 80, 24) as terminal:
        end = time.monotonic() + 180
        while b"stopped because of a defect" not in terminal.output and time.monotonic() < end:
            terminal.read(0.1)
        assert b"\x1b[?1049l" in terminal.output
        assert b"finn-tui.log" in terminal.output
    assert "RuntimeError: a defect" in (home / "state" / "finn-tui.log").read_text()


@pytest.mark.parametrize("case", ["no input", "no screen", "dumb", "no TERM"])
def test_without_a_terminal_one_line_says_what_to_use(workspace: Workspace, case: str) -> None:
    words = [sys.executable, "-m", "finn_tui.cli", str(workspace.root)]
    shell = {"no input": '"$@" </dev/null', "no screen": '"$@" 2>errors; cat errors'}
    env = {"dumb": {"TERM": "dumb"}, "no TERM": {"TERM": ""}}.get(case, {})
    run = shell.get(case, '"$@"')
    wrapped = ["sh", "-c", f"cd {workspace.root}; {run}; echo code $?", "sh"]
    with Terminal([*wrapped, *words], 200, 24, env) as terminal:
        terminal.wait_for("code ", PATIENCE)
        terminal.settle()
    lines = bytes(terminal.output).decode().split("\r\n")
    output = [line for line in lines if line.strip()]
    assert len(output) == 2 and "needs a terminal" in output[0] and "finn-tui runs" in output[0]
    assert output[1] == "code 2" or case == "no screen"


SILENT = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def _engines(folder: Path) -> list[str]:
    """Processes that were started with the engine of a test's home, and do not end at once."""
    end = time.monotonic() + PATIENCE
    while (lines := _engines_now(folder)) and time.monotonic() < end:
        time.sleep(0.1)
    return lines


def _engines_now(folder: Path) -> list[str]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = path.read_bytes().decode("utf-8", "replace")
            if f"{folder}/home/cache/engine-" in line:
                lines.append(line)
    return lines


def _ended(terminal: Terminal, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        terminal.read(0.05)
        if os.waitid(os.P_PID, terminal.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            while terminal.read(0.05):
                pass
            return True
    return False


@pytest.mark.parametrize("how", ["q", *(f"SIGTERM {t}" for t in (0.1, 0.4, 0.8, 2.5))])
def test_it_can_be_left_while_a_model_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The engine is silent, stdin closed or not: neither it nor its threads are waited for."""
    config = Path(os.environ["FINN_TUI_HOME"]) / "config"
    config.mkdir(parents=True)
    command = [sys.executable, "-c", SILENT]
    (config / "engines.toml").write_text(f"[silent]\ncommand = {json.dumps(command)}\n")
    words = [sys.executable, "-m", "finn_tui.cli", "open", "--workspace", str(tmp_path / "w")]
    with Terminal([*words, "--model", "cnv-w1a1"], 80, 24) as terminal:
        if how == "q":
            terminal.wait_for("starting FINN")
            terminal.settle(quiet=0.6, timeout=3)
            os.write(terminal.fd, b"q")
        else:
            end = time.monotonic() + float(how.split()[1])
            while time.monotonic() < end:
                terminal.read(0.02)
            os.kill(terminal.pid, signal.SIGTERM)
        # Far below the 600 s for which the engine would be silent, whatever the load.
        assert _ended(terminal, PATIENCE), bytes(terminal.output[-300:])
        assert not _engines(tmp_path), "the engine is gone, too"
        if b"\x1b[?1049h" in terminal.output:
            after = terminal.output.rindex(b"\x1b[?1049h")
            assert b"\x1b[?1049l" in terminal.output[after:], "the normal screen is back"
