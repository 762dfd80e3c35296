"""Process start to the usable Tune table, beside an empty Textual app with a table.

Run by hand: ``uv run python benchmarks/startup.py [--repeats 9]``. Prints JSON. The design comes
from the cache of the workspace (CNV-w1a1 as recorded in tests/data); no engine is started. Usable
means that the figures stand there and a key is answered.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.terminal import Terminal
from tests import data

EMPTY = """
from textual.app import App
from textual.widgets import DataTable

class Empty(App):
    def compose(self):
        yield DataTable(cursor_type="row")
    def on_mount(self):
        table = self.query_one(DataTable)
        for name in ("layer", "PE", "SIMD", "cycles", "II", "LUT", "B18", "DSP", "bits"):
            table.add_column(name, width=10)
        for row in range(21):
            table.add_row(*[f"ready {row}" for _ in range(9)])

Empty().run()
"""


def start(command: list[str], shown: str, key: bytes = b"", answer: str = "") -> list[float]:
    """Seconds until a text is shown, and until a key pressed then has its answer on the screen."""
    with Terminal(command, 120, 40) as terminal:
        times = [terminal.wait_for(shown)]
        if key:
            os.write(terminal.fd, key)
            times.append(terminal.wait_for(answer))
        return times


def main() -> None:
    """Measure both by turns, so that what else the machine does touches both alike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    os.environ.pop("FINN_TUI_ENGINE_PYTHON", None)
    empty_times, our_times = [], []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "workspace"
        data.home(Path(folder) / "home")
        data.workspace(root, "cnv-w1a1")
        ours = [
            sys.executable,
            "-m",
            "finn_tui.cli",
            "open",
            "--workspace",
            str(root),
            "--model",
            "cnv-w1a1",
        ]
        for round_number in range(repeats + 1):
            empty = start([sys.executable, "-c", EMPTY], "ready 20")
            app_times = start(ours, "LabelSelect 0", b"+", "PE 1 → 2")
            # The first round of each fills the file cache.
            if round_number:
                empty_times.append(empty)
                our_times.append(app_times)
    base = statistics.median(times[0] for times in empty_times)
    shown = statistics.median(times[0] for times in our_times)
    figures = {
        "empty_shown_seconds": round(base, 3),
        "finn_tui_shown_seconds": round(shown, 3),
        "finn_tui_answered_seconds": round(statistics.median(times[1] for times in our_times), 3),
        "ratio": round(shown / base, 3),
        "ratios": [
            round(app_times[0] / empty[0], 3)
            for app_times, empty in zip(our_times, empty_times, strict=True)
        ],
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
