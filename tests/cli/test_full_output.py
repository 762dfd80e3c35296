"""What takes a command's output is full: one line says so, and no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("words", [["--help"], ["runs", "--json"], ["runs"]], ids=" ".join)
def test_a_full_disk_is_said_in_words(words: list[str], tmp_path: Path) -> None:
    # Nothing more can be written to this device, by definition.
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "finn_tui.cli", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert "error: not everything could be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
