"""Key to last byte, and bytes for each folding edit, over a real pseudo terminal.

Run by hand: ``uv run python benchmarks/keys.py [--width 120] [--height 40]``. Prints JSON. Opens
CNV-w1a1 as recorded in tests/data, and a graph of 500 layers made from it; needs no engine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.terminal import Answer, Terminal
from tests import data

DOWN, RIGHT, PLUS, MINUS, UNDO = b"j", b"l", b"+", b"-", b"u"


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of them lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def figures(answers: list[Answer]) -> dict[str, float]:
    """Median and 95th percentile of times in ms, median and largest number of bytes."""
    last = [1000 * answer.last for answer in answers if answer.size]
    sizes = [answer.size for answer in answers if answer.size]
    return {
        "keys": len(answers),
        "answered": len(sizes),
        "last_byte_ms_median": round(statistics.median(last), 2),
        "last_byte_ms_95": round(percentile(last, 0.95), 2),
        "first_byte_ms_median": round(
            statistics.median(1000 * answer.first for answer in answers if answer.size), 2
        ),
        "bytes_median": round(statistics.median(sizes)),
        "bytes_max": max(sizes),
    }


def measure(folder: Path, model: str, width: int, height: int, layers: int) -> dict[str, Any]:
    """Edit every knob of 21 layers up and down again, and move about."""
    command = [
        sys.executable,
        "-m",
        "finn_tui.cli",
        "open",
        "--workspace",
        str(folder),
        "--model",
        model,
    ]
    moves, edits, undos = [], [], []
    with Terminal(command, width, height) as terminal:
        terminal.wait_for("MVAU")
        terminal.settle()
        terminal.press(b"g")
        for row in range(21):
            if row:
                moves.append(terminal.press(DOWN))
            for _ in range(2):
                edits += [terminal.press(key) for key in (PLUS, PLUS, MINUS)]
                undos.append(terminal.press(UNDO))
                terminal.press(RIGHT)
    return {
        "layers": layers,
        "edit": figures(edits),
        "undo": figures(undos),
        "cursor": figures(moves),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=120)
    parser.add_argument("--height", type=int, default=40)
    arguments = parser.parse_args()
    os.environ.pop("FINN_TUI_ENGINE_PYTHON", None)
    result: dict[str, Any] = {"size": f"{arguments.width}x{arguments.height}"}
    for name, model, layers in (("cnv", "cnv-w1a1", 21), ("large", "large", 500)):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "workspace"
            data.home(Path(folder) / "home")
            if layers == 21:
                data.workspace(root, "cnv-w1a1")
            else:
                data.large_workspace(root, model, layers)
            result[name] = measure(root, model, arguments.width, arguments.height, layers)
    result["large_to_cnv"] = round(
        result["large"]["edit"]["last_byte_ms_median"]
        / result["cnv"]["edit"]["last_byte_ms_median"],
        2,
    )
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
