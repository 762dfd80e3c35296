"""Damaged and hostile input for all that reads data from elsewhere.

``uv run python benchmarks/fuzz.py [12000] [--seed N] [--only KIND]``: run documents, caches, the
engine's protocol (client and server), .onnx, TOML, logs, boards' answers and OpenSSH's files are
mutated and read by the functions and commands that read them. Counts tracebacks (anything but an
explained error), hangs (more than ``SECONDS``) and escape sequences that a terminal would get, and
ends with 1 if there is any; inputs that failed are kept. In a PID namespace where ``unshare`` can
make one, since run documents name processes.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.fuzzing.answers import board_answers, protocol_client, protocol_server
from benchmarks.fuzzing.files import (
    caches,
    logs,
    onnx_files,
    run_documents,
    ssh_files,
    toml_files,
)
from benchmarks.fuzzing.harness import Fuzz

#: Which share of the inputs each kind gets.
KINDS: dict[str, tuple[Callable[[Fuzz, int, random.Random, Path], None], float]] = {
    "runs": (run_documents, 0.25),
    "caches": (caches, 0.12),
    "client": (protocol_client, 0.13),
    "server": (protocol_server, 0.12),
    "onnx": (onnx_files, 0.06),
    "toml": (toml_files, 0.1),
    "logs": (logs, 0.07),
    "board": (board_answers, 0.1),
    "ssh": (ssh_files, 0.05),
}


def main() -> int:
    """Read mutated inputs of every kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unshare = ["unshare", "-pf", "--mount-proc"]
    can = shutil.which("unshare") and not options.inside
    if can and subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0:
        command = [*unshare, sys.executable, *sys.argv, "--inside"]
        return subprocess.run(command, check=False).returncode
    with tempfile.TemporaryDirectory(prefix="finn-tui-fuzz-home-") as home:
        keep = Path(tempfile.mkdtemp(prefix="finn-tui-fuzz-"))
        fuzz = Fuzz(options.seed, keep)
        engine = None
        if options.only in (None, "onnx"):
            from finn_tui.engine import catalogue

            engine = catalogue.find()
        from tests import data

        data.home(Path(home))
        if engine is not None:
            os.environ["FINN_TUI_ENGINE_PYTHON"] = engine.command[0]
        for name, (work, share) in KINDS.items():
            if options.only in (None, name):
                if name != "onnx":
                    os.environ.pop("FINN_TUI_ENGINE_PYTHON", None)
                elif engine is not None:
                    os.environ["FINN_TUI_ENGINE_PYTHON"] = engine.command[0]
                folder = Path(home) / name
                folder.mkdir()
                began = time.monotonic()
                number = options.count if options.only else round(options.count * share)
                work(fuzz, number, random.Random(f"{options.seed} {name}"), folder)
                print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        code = fuzz.report()
        print(
            f"seed {options.seed}; inputs that failed: {keep}" if code else f"seed {options.seed}"
        )
        return code


if __name__ == "__main__":
    sys.exit(main())
