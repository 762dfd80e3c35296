"""Laws that all readers obey: portions do not matter, nothing makes them raise."""

from __future__ import annotations

import math
import re
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finn_tui.runs.readers import lines
from finn_tui.runs.readers.parsed_file import ParsedFile
from finn_tui.runs.readers.registry import reader_for
from tests.runs.readers.samples import SAMPLES

NAMES = st.sampled_from(sorted(SAMPLES))


def read(name: str, *portions: bytes, head: bytes | None = None) -> ParsedFile:
    first = b"".join(portions) if head is None else head
    reader = reader_for(PurePosixPath(name).name, first)
    for portion in portions:
        reader.feed(portion)
    return reader.finish()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted({place % (len(data) + 1) for place in places})
    return [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)]


@given(NAMES, st.lists(st.integers(0, 20_000), max_size=12), st.booleans())
@settings(max_examples=150)
def test_any_portions_give_what_one_piece_gives(
    name: str, places: list[int], windows: bool
) -> None:
    data = SAMPLES[name].encode()
    if windows:
        data = data.replace(b"\n", b"\r\n")
    assert read(name, *cut(data, places), head=data) == read(name, data)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_file_cut_off_at_any_byte_is_read(name: str) -> None:
    data = SAMPLES[name].encode()
    for end in range(0, len(data), 3):
        assert read(name, data[:end], head=data).lines <= data.count(b"\n") + 1


@given(NAMES, st.binary(max_size=400), st.integers(0, 20_000))
@settings(max_examples=150)
def test_bad_bytes_anywhere_never_raise(name: str, bad: bytes, at: int) -> None:
    data = SAMPLES[name].encode()
    at %= len(data)
    read(name, data[:at] + bad + data[at:])


EVERY_LINE = sorted({line for text in SAMPLES.values() for line in text.splitlines()})
ODD = st.sampled_from(["9" * 400, "-", "\u0663", "N/A", "1.2.3", "::", "", "(Pdb) ", "\x1b[2J"])


@given(
    st.sampled_from(["runme.log", "vitis_hls.log", "build_dataflow.log", "x_csynth.rpt"]),
    st.lists(st.tuples(st.sampled_from(EVERY_LINE), ODD, st.booleans()), max_size=40),
    st.lists(st.integers(0, 4000), max_size=6),
)
@settings(max_examples=200)
def test_lines_in_any_order_with_odd_numbers_never_raise(
    name: str, lines_: list[tuple[str, str, bool]], places: list[int]
) -> None:
    text = "\n".join(
        re.sub(r"\d+(?:\.\d+)?", lambda _, odd=odd: odd, line, count=2) if change else line  # type: ignore[misc]
        for line, odd, change in lines_
    )
    data = text.encode()
    reading = read(name, *cut(data, places), head=data)
    assert reading == read(name, data)
    # What goes into JSON is finite.
    for value in (reading.wns, reading.tns, reading.whs, *(p.seconds for p in reading.phases)):
        assert value is None or math.isfinite(value)


@given(
    st.lists(st.binary(max_size=40), max_size=8),
    st.lists(st.integers(0, 400), max_size=8),
)
def test_lines_are_the_same_in_any_portions(parts: list[bytes], places: list[int]) -> None:
    data = b"\n".join(parts)

    def split(*portions: bytes) -> list[str]:
        cutter = lines.MarkedLines()
        joined: list[str] = []
        for portion in portions:
            joined += lines.split(cutter.feed(portion))
        return [*joined, *lines.split(cutter.end())]

    limit, lines.MAX_LINE = lines.MAX_LINE, 16
    try:
        whole = split(data)
        assert split(*cut(data, places)) == whole
        assert all(len(line) <= 16 for line in whole)
    finally:
        lines.MAX_LINE = limit


def test_lines_longer_than_sense_are_cut_and_counted_once() -> None:
    long = b"x" * (3 * lines.MAX_LINE)
    reading = read("a.log", b"first\n", long, long, b"\nERROR: [Synth 8-1] after\n", head=b"text")
    assert reading.lines == 3
    assert reading.messages["ERROR"] == 1
    assert reading.evidence[0].line == 3
    assert len(reading.evidence[0].before[-1]) <= lines.AROUND_TEXT


def test_memory_does_not_grow_with_what_a_log_repeats() -> None:
    reader = reader_for("runme.log", b"")
    portion = (
        b"*** Running vivado\n****** Vivado v2022.2 (64-bit)\nCommand: place_design\n"
        b"ERROR: [X 1-1] y\nStarting Placer Task\nPhase 1 A\nPhase 1.1 B\n"
    ) * 200
    for _ in range(100):
        reader.feed(portion)
    reading = reader.reading()
    assert reading.sessions == 20_000
    assert reading.messages["ERROR"] == 20_000
    assert len(reading.evidence) <= 50 * lines.PER_CAUSE
