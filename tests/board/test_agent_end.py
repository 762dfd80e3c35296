"""The agent by itself: nothing of it is left when the line drops, whatever the driver does."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from finn_tui.board.agent_zipapp import agent_bytes, agent_name
from finn_tui.board.package import package
from finn_tui.rehearsal.on_board import pynq
from tests.board import samples

# A namespace of its own: its processes are counted, and they end with it whatever happens.
_NAMESPACE = ["unshare", "-rpf", "--mount-proc"]
# Counts the processes there after the agent has seen the end of its input.
_SCRIPT = """
import subprocess, sys, time
agent = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
agent.stdin.write(sys.stdin.buffer.readline())
agent.stdin.flush()
for line in agent.stdout:
    sys.stdout.buffer.write(line)
    sys.stdout.flush()
    if sys.argv[1].encode() in line:
        break
agent.stdin.close()
try:
    print("ended", agent.wait(60))
except subprocess.TimeoutExpired:
    print("left running")
import os
print("processes", len([n for n in os.listdir("/proc") if n.isdigit()]))
"""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    if subprocess.run([*_NAMESPACE, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("no PID namespaces here")
    (folder := tmp_path / "finn-tui").mkdir()
    (folder / agent_name()).write_bytes(agent_bytes())
    return folder


def events(board: Path, python: Path, run: Path, patience: float, until: str) -> list[str]:
    """What the agent and the namespace print of a throughput test that never ends.

    Args:
        board: finn-tui's folder there.
        python: interpreter with the driver.
        run: what is loaded.
        patience (s): after which the accelerator counts as stuck.
        until: in the line of the agent after which its input closes.
    """
    what = package(run)
    bitfile = what.root / what.bitfile
    shutil.copytree(what.root, board / what.folder)
    request: dict[str, Any] = {
        "do": "throughput",
        "flavour": what.flavour,
        "base": ".",
        "who": "ann@pc",
        "folder": what.folder,
        "driver_folder": f"{what.folder}/{what.driver}",
        "bitfile": f"{what.folder}/{what.bitfile}",
        "bitfile_sha256": hashlib.sha256(bitfile.read_bytes()).hexdigest(),
        "clock_mhz": 100.0,
        "timeout": patience,
        "batches": [10],
        "warmup": 1,
        "repetitions": 1,
        "seconds": 1.0,
    }
    done = subprocess.run(
        [*_NAMESPACE, str(python), "-c", _SCRIPT, until, str(python), agent_name()],
        cwd=board,
        input=json.dumps(request).encode() + b"\n",
        env={**os.environ, "PYTHONPATH": str(Path(pynq.__file__).parents[1])},
        stdout=subprocess.PIPE,
        timeout=300,
    )
    return done.stdout.decode().splitlines()


def stuck_run(folder: Path, flavour: str) -> Path:
    folder.mkdir()
    if flavour == "upstream":
        samples.write_upstream_run(folder, "flat")
    else:
        samples.write_run(folder)
    what = package(folder)
    bitfile = what.root / what.bitfile
    samples.write_bitstream(bitfile, samples.network_bytes(), ii=10**12)
    return folder


@pytest.mark.parametrize("flavour", ["upstream", "finn-plus"])
def test_losing_the_line_leaves_no_process(
    board: Path, driver_python: Path, tmp_path: Path, flavour: str
) -> None:
    """The driver polls a DMA engine without end; standard input closes, as when SSH breaks."""
    lines = events(board, driver_python, stuck_run(tmp_path / "run", flavour), 600.0, "a batch of")
    assert any("a batch of" in line for line in lines), lines
    assert lines[-2:] == ["ended 0", "processes 1"], lines


@pytest.mark.parametrize("flavour", ["upstream", "finn-plus"])
def test_a_hang_of_every_driver_is_noticed(
    board: Path, driver_python: Path, tmp_path: Path, flavour: str
) -> None:
    run = stuck_run(tmp_path / "run", flavour)
    # Its input stays open: it ends by itself.
    lines = events(board, driver_python, run, 1.0, "nothing that it says")
    error = next(json.loads(line) for line in lines if '"error"' in line)
    assert error["what"] == "the accelerator did not finish in 1 s"
    assert "odma0 control 0x1" in error["why"]
    assert lines[-2:] == ["ended 4", "processes 1"], lines
