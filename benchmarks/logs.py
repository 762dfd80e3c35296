"""A log of a gigabyte on the screen: open at its end, search all of it, follow it as it grows fast.

Run by hand: ``uv run python benchmarks/logs.py [--megabytes 1000]``. Prints JSON. Writes a log like
Vivado's into a temporary folder (removed at the end) and looks at it in the app over a pseudo
terminal. A frame is what comes without a pause of 20 ms; keys are pressed while the log grows.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.terminal import Terminal
from finn_tui.lab.workspace import Workspace
from tests import data
from tests.ui.conftest import make_run

PAUSE = 0.02
LINES_A_SECOND = 20_000


def write_log(path: Path, megabytes: int) -> int:
    """Lines as Vivado writes them, one error near the top, a mark at the end; how many lines."""
    lines = []
    for n in range(40_000):
        lines.append(
            (
                f"Phase 4.{n} Global Iteration {n} | Checksum: {n * 2654435761 % 2**32:08x}",
                f" Number of Nodes with overlaps = {n * 7919 % 70000}",
                f"INFO: [Route 35-416] Intermediate Timing Summary | WNS=0.{n:06d}  | TNS=0.000  "
                "| WHS=N/A    | THS=N/A    |",
                f"Time (s): cpu = 00:02:13 ; elapsed = 00:01:15 . Memory (MB): peak = {n}.766 ; "
                "gain = 134.340 ; free physical = 12257 ; free virtual = 17905",
                f"WARNING: [DRC DPOP-2] PREG Output pipelining: DSP inst_{n}/mul is not pipelined.",
            )[n % 5]
        )
    block = ("\n".join(lines) + "\n").encode()
    count = 2
    with path.open("wb") as file:
        file.write(b"ERROR: [Place 30-487] the only one\n")
        while file.tell() < megabytes * 1_000_000:
            file.write(block)
            count += len(lines)
        file.write(b"the end of the log\n")
    return count


def grow(path: Path, seconds: float) -> None:
    """Append 20,000 lines a second in portions of 50 ms."""
    with path.open("ab", buffering=0) as file:
        start, written = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - start) < seconds:
            wanted = int(elapsed * LINES_A_SECOND)
            file.write(
                b"".join(
                    b"INFO: [Route 35-416] Intermediate Timing Summary | WNS=0.%06d\n" % n
                    for n in range(written, wanted)
                )
            )
            written = wanted
            time.sleep(0.05)
        # In view, even where the keys have moved the lines to the left.
        file.write(b" " * 30 + b"no longer growing\n")


class Watched(Terminal):
    """A terminal that remembers what has come since it was asked last."""

    def seconds_until(self, text: str, keys: bytes, timeout: float = 120.0) -> float:
        """Press keys; seconds until a text comes that was not asked for before."""
        wanted, begin = text.encode(), len(self.output)
        start = time.perf_counter()
        os.write(self.fd, keys)
        while time.perf_counter() - start < timeout:
            self.read(0.01)
            if wanted in self.output[begin:]:
                return time.perf_counter() - start
        raise TimeoutError(f"{text!r} did not appear: {bytes(self.output[-600:])!r}")

    def follow(self, growing: multiprocessing.Process) -> tuple[list[float], list[float], int]:
        """Until the log has stopped growing: how long each frame took to come, in ms, how long a
        key took to its first byte, and the bytes."""
        frames, answers = [], []
        first = last = pressed = 0.0
        begin = len(self.output)
        next_key = time.perf_counter() + 0.5
        while growing.is_alive():
            got = self.read(PAUSE)
            time_now = time.perf_counter()
            if got:
                if pressed:
                    answers.append(1000 * (time_now - pressed))
                    pressed = 0.0
                first = first or time_now
                last = time_now
            elif first:
                frames.append(1000 * (last - first))
                first = 0.0
                if time_now > next_key:
                    # In the quiet after a frame, so that what comes next is the answer.
                    next_key = time_now + 0.5
                    pressed = time_now
                    os.write(self.fd, b"\x1b[D" if len(answers) % 2 else b"\x1b[C")
        return frames, answers, len(self.output) - begin


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long it grows")
    arguments = parser.parse_args()
    os.environ.pop("FINN_TUI_ENGINE_PYTHON", None)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "workspace"
        data.home(Path(folder) / "home")
        data.workspace(root, "tfc-w1a1")
        run = make_run(Workspace.open(root))
        # A finished run of Vivado's, whose log nobody else reads: the figures are the viewer's.
        log = run.working / "vivado_zynq_proj_abcdefgh/x.runs/big_synth_1/runme.log"
        log.parent.mkdir(parents=True)
        lines = write_log(log, arguments.megabytes)
        for mark in ("begin", "end"):
            (log.parent / f".vivado.{mark}.rst").touch()
        size = log.stat().st_size
        command = [
            sys.executable,
            "-m",
            "finn_tui.cli",
            "open",
            "--workspace",
            str(root),
            "--model",
            "tfc-w1a1",
        ]
        with Watched(command, 120, 40) as terminal:
            process = psutil.Process(terminal.pid)
            terminal.wait_for("Thresholding")
            terminal.settle()
            # The screen itself without a log, for what is the log's alone.
            before = process.memory_info().rss
            terminal.seconds_until("runner.log", b"3")
            terminal.settle()
            terminal.seconds_until("big_synth_1", b"l")
            terminal.settle()
            opened = terminal.seconds_until("the end of the log", b"G\r")
            terminal.settle()
            counted = terminal.seconds_until(f" of {lines:,}", b"\x1b[A", 60)
            terminal.settle(0.3)
            searched = terminal.seconds_until("not found", b"/nowhere in it\r")
            terminal.settle()
            expression = terminal.seconds_until("not found", b"/\tno[a-z]+ in it\r")
            terminal.settle()
            error = terminal.seconds_until("the only one", b"e")
            terminal.settle()
            terminal.seconds_until("the end of the log", b"G")
            writer = multiprocessing.Process(target=grow, args=(log, arguments.seconds))
            writer.start()
            frames, answers, sent = terminal.follow(writer)
            writer.join()
            terminal.wait_for("no longer growing", 10)
            after = process.memory_info().rss
    figures = {
        "load_before": round(load, 2),
        "log_bytes": size,
        "log_lines": lines,
        "open_at_end_seconds": round(opened, 3),
        "first_line_number_seconds": round(counted, 3),
        "search_all_text_seconds": round(searched, 3),
        "search_all_expression_seconds": round(expression, 3),
        "find_only_error_seconds": round(error, 3),
        "follow": {
            "lines_a_second": LINES_A_SECOND,
            "frames": len(frames),
            "frame_ms_median": round(statistics.median(frames), 1),
            "frame_ms_max": round(max(frames), 1),
            "key_ms_median": round(statistics.median(answers), 1),
            "key_ms_max": round(max(answers), 1),
            "bytes_a_second": round(sent / arguments.seconds),
        },
        "memory_growth_mb": round((after - before) / 1e6, 1),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
