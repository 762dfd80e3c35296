"""The driver's packages below finn-tui's folder, for boards without internet: never pynq's own."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
import sysconfig
from typing import Any, List

from finn_tui.board.agent.wire import Failure, Wire

FOLDER = "driver-venv"
_STEP_SECONDS = 1800.0


def use(base: str = ".") -> None:
    """Put the packages that ``install`` brought before others; there may be none."""
    version = "python%d.%d" % sys.version_info[:2]
    for path in glob.glob(os.path.join(base, FOLDER, "lib", version, "site-packages")):
        path = os.path.abspath(path)
        if path not in sys.path:
            sys.path.insert(0, path)


def install(wire: Wire, request: dict[str, Any]) -> None:
    """Install ``request["requirement"]`` from the wheels in ``request["wheels"]``.

    The packages of this Python (pynq, numpy) are taken where they fit. Nothing is downloaded, and
    the environment that is there is replaced by a whole one only.
    """
    part = FOLDER + ".part"
    shutil.rmtree(part, ignore_errors=True)
    wire.send("progress", message="making the environment %s" % FOLDER)
    _run(wire, [sys.executable, "-m", "venv", "--system-site-packages", part])
    site = glob.glob(os.path.join(part, "lib", "python3*", "site-packages"))[0]
    parents = [sysconfig.get_paths()[key] for key in ("purelib", "platlib")]
    with open(os.path.join(site, "board.pth"), "w") as file:
        file.write("\n".join(dict.fromkeys(parents)) + "\n")
    wire.send("progress", message="installing %s" % request["requirement"])
    python = os.path.join(part, "bin", "python")
    options = ["--no-index", "--disable-pip-version-check", "--find-links", request["wheels"]]
    _run(wire, [python, "-m", "pip", "install", *options, request["requirement"]])
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.rename(part, FOLDER)
    use()
    wire.send("result")


def _run(wire: Wire, command: List[str]) -> None:
    """Run a command; its output is the log's. Raises ``Failure`` if it fails."""
    # Ours is no package that pip may see.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
    )
    assert process.stdout is not None
    lines: List[str] = []
    for raw in process.stdout:
        text = raw.decode("utf-8", "replace").rstrip()
        lines = [*lines[-50:], text]
        wire.send("log", text=text[:4000])
    if process.wait(timeout=_STEP_SECONDS) != 0:
        reasons = [line for line in lines if "error" in line.lower()] or lines or [""]
        raise Failure(
            "the driver cannot be installed on the board",
            reasons[0][:1000],
            "Name a folder with wheels of all packages for this board: --wheels FOLDER. Without "
            "the module venv: apt install python3-venv.",
        )
