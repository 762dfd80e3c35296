"""Every command and screen on a pseudo terminal, with hostile names: the bytes that come out."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

from benchmarks.terminal import Terminal
from finn_tui.base.errors import FinnTuiError
from finn_tui.board.catalogue import boards_file
from finn_tui.lab.workspace import Workspace
from tests import data
from tests.ui.conftest import make_run

#: Sets the window's title, moves the cursor, turns red by C1, turns the order of reading round.
EVIL = "a\x1b]0;PWNED\x07b\x1b[66;66Hc\x9b31md\u202ee\u2066f\x1bPq\x1b\\g"
FORBIDDEN = {
    "a title": b"\x1b]0;PWNED",
    "a jump": b"\x1b[66;66H",
    "a C1 sequence": b"\xc2\x9b",
    "a raw C1 byte": b"c\x9b31m",
    "a bidi override": "\u202e".encode(),
    "a bidi isolate": "\u2066".encode(),
    "sixel": b"\x1bPq",
}
RUN = "20260102T030405Z-tfc-w1a1-00ff"


def spoil(value: object) -> object:
    """A document whose texts all end in the hostile one, but those that decide something."""
    if isinstance(value, dict):
        kept = ("state", "id", "format", "created", "started", "ended", "event", "host", "status")
        return {key: item if key in kept else spoil(item) for key, item in value.items()}
    if isinstance(value, list):
        return [spoil(item) for item in value]
    return value + EVIL if isinstance(value, str) else value


@pytest.fixture
def hostile(workspace: Workspace, home: Path) -> Workspace:
    """A workspace and a home in which whatever can bear a hostile name does."""
    error = FinnTuiError(f"what {EVIL}", f"why {EVIL}", f"fix {EVIL}", detail=f"detail {EVIL}")
    log = f"[2026-01-02 03:04:05] Running step: {EVIL} [2/4]\nERROR: {EVIL}\n"
    for number, state in enumerate(("failed", "succeeded", "running", "queued")):
        run = make_run(
            workspace, RUN[:-1] + str(number), state, measured=True, error=error, log=log
        )
        for name in ("run.json", "results.json"):
            path = run.path / name
            path.write_text(json.dumps(spoil(json.loads(path.read_text()))))
        lines = (run.path / "events.jsonl").read_text().splitlines()
        events = [json.dumps(spoil(json.loads(line))) for line in lines]
        (run.path / "events.jsonl").write_text("\n".join(events) + "\n")
        (run.path / "notes.json").write_text(json.dumps({"note": EVIL, "tags": [EVIL]}))
        (run.path / f"build_{EVIL}.log").write_text(log)
    make_run(workspace, f"20260102T030405Z-{EVIL}-00aa", "failed", error=error, log=log)
    (workspace.runs_dir / f"broken{EVIL}").mkdir()
    (workspace.runs_dir / f"broken{EVIL}" / "run.json").write_text("{")
    foldings = workspace.root / "foldings"
    foldings.mkdir(exist_ok=True)
    (foldings / f"{EVIL}.json").write_text(json.dumps({"Defaults": {}, EVIL: {"PE": EVIL}}))
    (foldings / "mine.json").write_text(json.dumps({"Defaults": {}, EVIL: {"PE": EVIL}}))
    renamed = json.loads(
        json.dumps(data.prepared("tfc-w1a1")).replace("MVAU_hls_1", json.dumps(EVIL)[1:-1])
    )
    data._write(workspace.root / "models" / "tfc-w1a1" / data.PART, renamed)
    (workspace.root / "models" / EVIL).mkdir()
    (workspace.root / f"{EVIL}.onnx").write_bytes(b"\x08\x01" + EVIL.encode() * 9)
    escaped = json.dumps(EVIL)
    boards_file().write_text(
        f'[lab]\nhost = "127.0.0.1"\nport = 9\nuser = {escaped}\n[{escaped}]\nhost = {escaped}\n'
    )
    engines = home / "config" / "engines.toml"
    engines.write_text(engines.read_text() + f"[{escaped}]\ncommand = [{escaped}]\n")
    for kind in ("themes", "presets"):
        folder = home / "config" / kind
        folder.mkdir(exist_ok=True)
        (folder / f"{EVIL}.toml").write_text(f"{escaped} = {escaped}\n")
    (home / "config" / "keys.toml").write_text(f"{escaped} = {escaped}\n")
    return workspace


def assert_harmless(output: bytes, origin: str = "the app") -> None:
    for what, sequence in FORBIDDEN.items():
        at = output.find(sequence)
        assert at < 0, f"{what} came out of {origin}: ...{output[max(0, at - 200) : at + 40]!r}"


COMMANDS = [
    "--help",
    EVIL,
    f"--{EVIL}",
    "runs",
    f"runs show {RUN[:-1]}0",
    f"runs show {RUN[:-1]}1",
    "runs show EVIL",
    f"runs tag {RUN[:-1]}0 EVIL",
    f"runs note {RUN[:-1]}0 EVIL",
    f"runs clean {RUN[:-1]}0",
    f"runs resume {RUN[:-1]}0",
    f"runs retry {RUN[:-1]}0",
    f"logs {RUN[:-1]}0",
    f"logs {RUN[:-1]}0 --list",
    "logs EVIL",
    f"cancel {RUN[:-1]}1",
    "cancel EVIL",
    f"attach {RUN[:-1]}0",
    "attach EVIL",
    "inspect runs",
    f"inspect runs/{RUN[:-1]}0",
    f"inspect runs/{RUN[:-1]}0/runner.log",
    "inspect EVIL",
    "inspect runs/brokenEVIL",
    "experiments",
    "experiments --json",
    "boards",
    "boards test lab",
    "boards test EVIL",
    "boards remove EVIL",
    "boards add EVIL --host EVIL",
    "engine list",
    "engine info EVIL",
    "engine remove --yes EVIL",
    "engine remove EVIL",
    "engine install EVIL",
    "estimate tfc-w1a1",
    "estimate EVIL",
    "estimate EVIL.onnx",
    "estimate tfc-w1a1 --folding EVIL",
    "estimate tfc-w1a1 --folding mine",
    "estimate tfc-w1a1 --board EVIL",
    "compare tfc-w1a1 mine published",
    "compare tfc-w1a1 EVIL EVIL",
    "migrate tfc-w1a1 foldings/mine.json",
    "migrate EVIL EVIL",
    "calibrate",
    "graph tfc-w1a1",
    "graph EVIL",
    "graph tfc-w1a1 --stage EVIL",
    "solve tfc-w1a1 --fill",
    "solve EVIL --fill",
    "pareto EVIL",
    "prepare EVIL",
    "prepare EVIL.onnx",
    "build EVIL",
    f"go {RUN[:-1]}1 --to EVIL",
    f"go {RUN[:-1]}1 --to lab",
    "deploy EVIL --to lab",
    f"validate {RUN[:-1]}1 --on EVIL",
    f"execute {RUN[:-1]}1 --to simulatedEVIL",
    f"throughput {RUN[:-1]}1 --batch EVIL",
    "open --model EVIL --bogus",
]


#: Runs all commands in one process: most of a start is imports.
SHELL = """
import json, sys, termios
from finn_tui.cli import main
# The answers typed ahead must not be echoed into the middle of a marker.
flags = termios.tcgetattr(0)
flags[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, flags)
print("ready", flush=True)
for number, words in enumerate(json.loads(sys.argv[1])):
    print("command", number, flush=True)
    try:
        main(words, prog_name="finn-tui")
    except SystemExit:
        pass
print("command end", flush=True)
"""


def test_no_command_sends_a_sequence_of_others(hostile: Workspace) -> None:
    words = [[word.replace("EVIL", EVIL) for word in line.split(" ")] for line in COMMANDS]
    command = [sys.executable, "-c", SHELL, json.dumps(words)]
    with Terminal(command, 100, 40, {"FINN_TUI_WORKSPACE": str(hostile.root)}) as terminal:
        terminal.wait_for("ready\r\n", 120)
        os.write(terminal.fd, b"n\n" * 9)
        terminal.wait_for("command end\r\n", 300)
        output = bytes(terminal.output)
    parts = re.split(rb"command (?:\d+|end)\r\n", output)[1:-1]
    assert len(parts) == len(COMMANDS)
    for line, part in zip(COMMANDS, parts, strict=True):
        assert_harmless(part, line)
        assert b"Traceback" not in part, (line, part[-1500:])


DOWN, ENTER, ESCAPE = b"\x1b[B", b"\r", b"\x1b"
KEYS = [
    b"1",
    DOWN,
    ENTER,
    b"/",
    b"e",
    ESCAPE,
    b"2",
    DOWN,
    ENTER,
    b"i",
    ESCAPE,
    b"o",
    ESCAPE,
    b"l",
    ESCAPE,
    b"?",
    ESCAPE,
    b":",
    b"a",
    ESCAPE,
    b"n",
    ESCAPE,
    b"s",
    ESCAPE,
    b"=",
    ESCAPE,
    b"3",
    DOWN,
    DOWN,
    ENTER,
    b"L",
    ESCAPE,
    b"t",
    ESCAPE,
    b"N",
    ESCAPE,
    b"x",
    ESCAPE,
    DOWN,
    DOWN,
    b"r",
    ESCAPE,
    b"4",
    ENTER,
    ESCAPE,
    b"d",
    ESCAPE,
    b"5",
    DOWN,
    ENTER,
    ESCAPE,
    b"6",
    b"2",
    b"m",
    ESCAPE,
    b"w",
    ESCAPE,
    b"b",
    ESCAPE,
]


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
def test_the_screens_send_no_sequence_of_others(hostile: Workspace, size: tuple[int, int]) -> None:
    command = [sys.executable, "-m", "finn_tui.cli", "open", "--workspace", str(hostile.root)]
    with Terminal([*command, "--model", "tfc-w1a1"], *size) as terminal:
        terminal.wait_for("MVAU")
        terminal.settle()
        for key in KEYS:
            terminal.press(key)
            assert_harmless(bytes(terminal.output))
        terminal.settle()
        assert_harmless(bytes(terminal.output))
        assert b"because of a defect" not in terminal.output, bytes(terminal.output[-1500:])
