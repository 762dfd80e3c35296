"""Key to last byte while folding: the engine on this machine, and behind a slow, lossy line.

Run by hand, as root (it makes a network namespace and a TUN device):
``uv run python benchmarks/far_engine.py [--round-trip 0.2] [--loss 0.02]``. Prints JSON. Opens
TFC-w1a1 without its cost tables, so that the engine is running and its host connected; the engine
is a stand-in that answers with recorded tables. A real OpenSSH server is at the other end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.keys import DOWN, MINUS, PLUS, RIGHT, UNDO, figures
from benchmarks.terminal import Answer, Terminal
from tests import data
from tests.hosts import sshd
from tests.hosts.lossy_line import Line, lossy_line

FAKE = ("python3", "-I", str(Path(data.__file__).resolve().parents[1] / "engine/fake_engine.py"))
WIDTH, HEIGHT = 120, 40
#: Rounds over the four layers.
ROUNDS = 6


def workspace(folder: Path, host: str) -> Path:
    """Make a workspace whose tables are to be fetched from an engine.

    Args:
        folder: for the user's home and the workspace.
        host: of the engine, empty for this machine.
    """
    from finn_tui.engine import catalogue
    from finn_tui.engine.catalogue import EngineSpec

    data.home(folder / "home")
    spec = EngineSpec("measured", FAKE, host=host)
    catalogue.add(spec)
    catalogue.remember(spec, data.engine_info())
    root = folder / "workspace"
    data.workspace(root, "tfc-w1a1")
    for name in ("design.json", "tables.json"):
        (root / "models/tfc-w1a1" / data.PART / name).unlink()
    (root / "finn-tui.toml").write_text('rehearse = true\nengine = "measured"\n')
    return root


def measure(root: Path) -> dict[str, Any]:
    """Edit every knob up and down again, and move about."""
    command = [sys.executable, "-m", "finn_tui.cli", "open", "--workspace", str(root)]
    edits: list[Answer] = []
    moves: list[Answer] = []
    with Terminal([*command, "--model", "tfc-w1a1"], WIDTH, HEIGHT) as terminal:
        began = time.monotonic()
        terminal.wait_for("MVAU", timeout=600)
        opened = time.monotonic() - began
        terminal.settle()
        for _ in range(ROUNDS):
            terminal.press(b"g")
            for row in range(4):
                if row:
                    moves.append(terminal.press(DOWN))
                edits += [terminal.press(key) for key in (PLUS, PLUS, MINUS, UNDO)]
                terminal.press(RIGHT)
    return {"open_s": round(opened, 1), "edit": figures(edits), "cursor": figures(moves)}


def measure_far(folder: Path, line: Line) -> dict[str, Any]:
    """Measure with the engine behind a line."""
    from finn_tui.hosts import catalogue, shared
    from finn_tui.hosts.catalogue import Host

    root = workspace(folder, "far")
    server = sshd.server_in(folder / "sshd", address=line.address, prefix=line.prefix)
    host = Host(
        name="far",
        host=server.address,
        port=server.port,
        user=server.user,
        key=server.key,
        folder=str(folder / "there"),
    )
    catalogue.add(host)
    server.start()
    try:

        async def know() -> float:
            from finn_tui.hosts.ssh.connection import SshConnection

            async with shared.held() as pool, pool().use(host, trust=True) as link:
                assert isinstance(link, SshConnection)
                return min([await link.round_trip() for _ in range(5)])

        latency = asyncio.run(know())
        return {"latency_ms": round(1000 * latency, 1), **measure(root)}
    finally:
        server.stop()


def main() -> None:
    """Measure both and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--round-trip", type=float, default=0.2, help="seconds")
    parser.add_argument("--loss", type=float, default=0.02, help="part of the packets")
    arguments = parser.parse_args()
    os.environ.pop("FINN_TUI_ENGINE_PYTHON", None)
    os.environ.pop("SSH_AUTH_SOCK", None)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder
        local = measure(workspace(Path(folder), ""))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder
        with lossy_line(delay=arguments.round_trip / 2, loss=arguments.loss) as line:
            far = measure_far(Path(folder), line)
    ratio = far["edit"]["last_byte_ms_median"] / local["edit"]["last_byte_ms_median"]
    document = {"size": f"{WIDTH}x{HEIGHT}", "local": local, "far": far}
    print(json.dumps({**document, "far_to_local": round(ratio, 2)}, indent=2))


if __name__ == "__main__":
    main()
