"""Deploying over loopback: a package of 20 MB against scp in the same run, and again unchanged.

Run by hand: ``uv run python benchmarks/board_transfer.py [--megabytes 20] [--rounds 5]``. Prints
JSON. Starts OpenSSH's sshd and a Jupyter server on 127.0.0.1; nothing of the user's is read. Both
sides of a ratio connect anew, scp as a process, finn-tui in this one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from finn_tui.board.catalogue import Board
from finn_tui.board.connection import connect
from finn_tui.board.deploy import deploy
from tests.board import samples
from tests.board.jupyter_server import TOKEN, jupyter_board
from tests.ports import free_port

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
SFTP = next(
    (p for p in ("/usr/lib/openssh/sftp-server", "/usr/libexec/sftp-server") if Path(p).exists()),
    "internal-sftp",
)


@contextlib.contextmanager
def ssh_board(folder: Path) -> Iterator[Board]:
    """A board behind OpenSSH's own server for as long as the block lasts."""
    if SSHD is None:
        raise SystemExit("OpenSSH's sshd is not installed")
    folder.mkdir(mode=0o700)
    for name in ("host", "client"):
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(folder / name)
        (folder / name).chmod(0o600)
    key = asyncssh.read_private_key(folder / "client")
    (folder / "authorized").write_bytes(key.export_public_key())
    port = free_port()
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nPermitRootLogin yes\n"
        f"PidFile {folder}/pid\nSubsystem sftp {SFTP}\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    server = subprocess.Popen([SSHD, "-D", "-f", str(folder / "sshd_config")])
    time.sleep(1)
    user = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
    try:
        yield Board(
            "ssh",
            "127.0.0.1",
            port,
            user,
            folder=str(folder / "files"),
            sudo=False,
            key=str(folder / "client"),
            stand_in=True,
        )
    finally:
        server.terminate()
        server.wait(10)


def scp(board: Board, source: Path, folder: Path) -> float:
    """Seconds that scp takes for the same bytes."""
    folder.mkdir()
    began = time.monotonic()
    options = ("StrictHostKeyChecking=no", f"UserKnownHostsFile={folder}.known", "LogLevel=ERROR")
    words = [word for option in options for word in ("-o", option)]
    target = f"{board.user}@{board.host}:{folder}/"
    command = ["scp", "-q", "-r", "-P", str(board.port), "-i", board.key, *words]
    subprocess.run([*command, str(source), target], check=True)
    return time.monotonic() - began


async def sent(board: Board, run: Path, password: str | None) -> dict[str, float]:
    """Seconds for a first deploy with its connection, and for one of the same again."""
    began = time.monotonic()
    async with connect(board, trust=True, password=password) as link:
        first = await deploy(link, run)
        whole = time.monotonic() - began
        again = await deploy(link, run)
    began = time.monotonic()
    async with connect(board, trust=True, password=password) as link:
        await deploy(link, run)
    assert len(first.sent) == first.files and not again.sent
    return {
        "first_s": whole,
        "first_without_connecting_s": first.seconds,
        "unchanged_s": again.seconds,
        "unchanged_with_connecting_s": time.monotonic() - began,
    }


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Of each figure."""
    return {
        name: round(statistics.median(values[name] for values in rounds), 3) for name in rounds[0]
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["HOME"] = str(folder)
        os.environ["FINN_TUI_HOME"] = str(folder / "finn-tui")
        run = folder / "runs" / "20261123T120000-tfc-w1a1-ab12"
        run.mkdir(parents=True)
        samples.write_run(run)
        bitfile = run / "build" / "deploy" / "bitfile" / "finn-accel.bit"
        noise = np.random.default_rng(0).integers(0, 256, options.megabytes << 20, np.uint8)
        bitfile.write_bytes(bitfile.read_bytes() + noise.tobytes())
        copied: list[dict[str, float]] = []
        ssh_rounds: list[dict[str, float]] = []
        jupyter_rounds: list[dict[str, float]] = []
        with ssh_board(folder / "ssh") as ssh, jupyter_board(folder / "jupyter") as jupyter:
            there = replace(jupyter.board, stand_in=True)
            for number in range(options.rounds):
                # In turn, so that whatever else the machine does befalls all of them.
                copied.append({"scp_s": scp(ssh, run / "build", folder / f"scp{number}")})
                shutil.rmtree(ssh.folder, ignore_errors=True)
                ssh_rounds.append(asyncio.run(sent(ssh, run, None)))
                shutil.rmtree(jupyter.home / "finn-tui", ignore_errors=True)
                jupyter_rounds.append(asyncio.run(sent(there, run, TOKEN)))
        result: dict[str, Any] = {
            "megabytes": options.megabytes,
            "rounds": options.rounds,
            **medians(copied),
            "ssh": medians(ssh_rounds),
            "jupyter": medians(jupyter_rounds),
        }
        result["ssh_to_scp"] = round(result["ssh"]["first_s"] / result["scp_s"], 2)
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
