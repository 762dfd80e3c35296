"""A log of any size: what is read of it in bounded time is what reading every line gives."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finn_tui.runs.analysis.inspect import inspect
from finn_tui.runs.readers import long_log
from finn_tui.runs.readers.lines import LogReader
from finn_tui.runs.readers.long_log import LongLog
from finn_tui.runs.readers.parsed_file import ParsedFile
from finn_tui.runs.readers.registry import bounded, reader_for
from tests.runs.readers.samples import IMPLEMENTATION, REFUSED, SAMPLES

LOGS = sorted(
    name
    for name, text in SAMPLES.items()
    if isinstance(reader_for(PurePosixPath(name).name, text.encode()), LogReader)
)
#: What verbose logs are full of, and what tells nothing.
FILLER = (
    "INFO: [Synth 8-3332] sequential element is unused and will be removed from module x.",
    "WARNING: [Synth 8-3331] design foo has unconnected port bar",
    "run_sim value 12 of tensor abc",
    "",
    "x.py:12: UserWarning: something",
    "2026-01-02 03:04:05 INFO something",
)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_log, "BEGINNING", 300)
    monkeypatch.setattr(long_log, "END", 300)


def read(name: str, data: bytes, portion: int, *, long: bool) -> ParsedFile:
    reader = reader_for(PurePosixPath(name).name, data)
    reader = bounded(reader) if long else reader
    for at in range(0, len(data), portion):
        reader.feed(data[at : at + portion])
    return reader.finish()


@given(
    st.sampled_from(LOGS),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 60)), max_size=5),
    st.integers(1, 3000),
    st.sampled_from(["\n", "\r\n"]),
)
@settings(max_examples=120)
def test_what_is_passed_over_changes_nothing(
    name: str, gaps: list[tuple[int, int]], portion: int, end: str
) -> None:
    lines = SAMPLES[name].split("\n")
    for at, count in gaps:
        at %= len(lines)
        filler = [FILLER[number % len(FILLER)] for number in range(count)]
        lines = [*lines[:at], *filler, *lines[at:]]
    data = end.join(lines).encode()
    assert read(name, data, portion, long=True) == read(name, data, portion, long=False)


@pytest.mark.parametrize("name", LOGS)
def test_where_all_lines_tell_something_the_end_is_read(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_log, "NEAR", 2000)
    data = SAMPLES[name].encode() * 200
    whole, short = (read(name, data, 512, long=long) for long in (False, True))
    assert short.note is not None and whole.note is None
    assert (short.lines, short.outcome) == (whole.lines, whole.outcome)
    totals = [
        {
            grade: count + sum(run[grade] for run in reading.repeated.values())
            for grade, count in reading.messages.items()
        }
        for reading in (short, whole)
    ]
    assert totals[0] == totals[1]


def test_an_error_at_the_end_or_in_the_middle_of_much_is_found_with_its_line() -> None:
    filler = "\n".join(FILLER) + "\n"
    middle = IMPLEMENTATION + filler * 500 + REFUSED + filler * 500
    for text in (middle, IMPLEMENTATION + filler * 1000 + REFUSED):
        data = text.encode()
        reading = read("runme.log", data, 4096, long=True)
        assert reading.evidence
        for evidence in reading.evidence:
            assert text.split("\n")[evidence.line - 1] == evidence.text
            assert evidence.before


def test_a_line_without_an_end_takes_no_memory() -> None:
    reader = bounded(reader_for("runme.log", b"text"))
    assert isinstance(reader, LongLog)
    for _ in range(100):
        reader.feed(b"x" * 100_000)
    assert len(reader._carry) < 200_000
    reader.feed(b"\nERROR: [Place 30-640] Place Check\n" + b"y\n" * 1000)
    assert reader.finish().evidence[0].line == 2


def test_a_large_log_reports_progress_and_is_left_at_once(tmp_path: Path) -> None:
    log = tmp_path / "runme.log"
    log.write_text(IMPLEMENTATION)
    os.truncate(log, 1 << 40)  # no machine reads it all while this test waits
    process = subprocess.Popen(
        [sys.executable, "-m", "finn_tui.cli", "inspect", str(log)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert "runme.log: " in line and " of 1099.5 GB" in line
    assert process.returncode == 130
    assert out == "" and err.splitlines()[-1] == "stopped" and "Traceback" not in err


def test_what_stands_at_the_end_of_a_compressed_log_is_found(tmp_path: Path) -> None:
    log = tmp_path / "runme.log.gz"
    filler = gzip.compress(("\n".join(FILLER) + "\n").encode() * 1000)
    with log.open("wb") as file:
        file.write(gzip.compress(IMPLEMENTATION.encode()))
        for _ in range(20):
            file.write(filler)
        file.write(gzip.compress(REFUSED.encode()))
    found = inspect(log)
    assert found.outcome == "failed" and found.cause is not None
    assert found.cause.id == "over-utilization" and (found.cause.line or 0) > 120_000
