"""A search finds what looking at every line finds, and lines have the severity they were given."""

from __future__ import annotations

import asyncio
import io
import os
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from finn_tui.base.errors import FinnTuiError
from finn_tui.runs.logs.search import Query, Scan, disabled_reason, required
from finn_tui.runs.logs.search_worker import SearchHits, scan
from finn_tui.runs.logs.severity import Severity, lines_at_least, severity
from tests.runs.real_logs import LOGS

_WORDS = st.sampled_from([b"ab", b"AB", b"b", b"", b"aab", b"ERROR: [x 1-2] y", b"c" * 9])
_TEXT = st.lists(st.tuples(_WORDS, st.sampled_from([b"\n", b"\r\n", b" "])), max_size=25).map(
    lambda parts: b"".join(word + end for word, end in parts)
)
_QUERIES = st.sampled_from(
    [
        Query("text", "ab"),
        Query("text", "AB"),
        Query("text", "b a"),
        Query("regex", "^a+b$"),
        Query("regex", r"A.?B|\Sc"),
        Query("regex", "x*"),
        Query("regex", r"b\s+a"),
        Query("regex", "aab+$"),
        Query("regex", r"ERROR: \[x \d-2\]?"),
        Query("regex", "^ab ?aab"),
        Query("severity", level=Severity.ERROR),
    ]
)


def lines_of(text: bytes) -> list[tuple[int, bytes]]:
    """Lines with their offsets, by plain splitting."""
    lines, at = [], 0
    for line in text.split(b"\n"):
        if at < len(text):
            lines.append((at, line.removesuffix(b"\r")))
        at += len(line) + 1
    return lines


def plain(text: bytes, query: Query) -> list[int]:
    """The lines that match, one by one."""
    flags = re.IGNORECASE if query.any_case else 0
    hits = []
    for start, line in lines_of(text):
        if query.kind == "severity":
            match: object = severity(line) >= query.level
        else:
            wanted = query.text if query.kind == "regex" else re.escape(query.text)
            match = re.search(wanted.encode(), line, flags)
        if match:
            hits.append(start)
    return hits


def line_starts(text: bytes, offsets: list[int]) -> list[int]:
    return [text.rfind(b"\n", 0, at) + 1 for at in offsets]


@example(b"ab\r\n", Query("regex", "x*"), 1, 0, [])
@given(_TEXT, _QUERIES, st.integers(1, 60), st.integers(0, 30), st.lists(_TEXT, max_size=4))
def test_a_scan_is_a_plain_search(
    text: bytes, query: Query, block: int, origin: int, growth: list[bytes]
) -> None:
    starts = [start for start, _ in lines_of(text)]
    start = starts[origin % len(starts)] if starts else 0
    file = io.BytesIO(text)
    hits = SearchHits(query, start)
    steps = Scan(file, query, start, block=block).run()
    for piece in [b"", *growth]:
        file.seek(0, os.SEEK_END)
        file.write(piece)
        text += piece
        for step in steps:
            hits.add(step)
            if step.whole:
                break
        got = line_starts(text, [hits[index] for index in range(len(hits))])
        if query.kind != "regex" or not growth:
            assert got == plain(text, query)
        # What matched while the last line was not whole may not match any more.
        assert set(plain(text, query)) <= set(got)
        assert hits.done == len(text) or not text.endswith(b"\n")


def at_least(text: bytes, level: Severity) -> list[int]:
    """Where lines of a whole text begin that are as bad as a level."""
    return list(lines_at_least(bytearray(text), len(text), level))


@pytest.mark.parametrize(
    ("level", "line"),
    [
        (Severity.ERROR, "ERROR: [DRC UTLZ-1] Resource utilization: RAMB18 over-utilized"),
        (Severity.ERROR, "[2026-03-03 15:38:17,123]ERROR:FINN ERROR: no such file"),
        (Severity.ERROR, "FINN INTERNAL COMPILER ERROR: ..."),
        (Severity.ERROR, "Traceback (most recent call last):"),
        (Severity.ERROR, "AssertionError"),
        (Severity.ERROR, "finn.util.exception.FINNUserError: folding does not fit"),
        (Severity.ERROR, "KeyboardInterrupt"),
        (Severity.ERROR, "Abnormal program termination (11)"),
        (Severity.ERROR, '/opt/rdiArgs.sh: line 312:  4711 Killed                  "$RDI_PROG"'),
        (Severity.ERROR, "top.cpp:12:5: error: unknown type name 'x'"),
        (Severity.ERROR, "%Error: top.v:3: syntax error"),
        (Severity.CRITICAL, "CRITICAL WARNING: [Timing 38-282] The design failed to meet"),
        (Severity.WARNING, "WARNING: [Route 35-328] Router estimated timing not met."),
        (Severity.WARNING, "[2026-03-03 15:38:17] WARNING: old"),
        (Severity.WARNING, "/a/b.py:10: UserWarning: something failed"),
        (Severity.INFO, "INFO: [Common 17-206] Exiting Vivado"),
        (Severity.NONE, "Synthesis finished with 0 errors, 0 critical warnings"),
        (Severity.NONE, '#    catch {common::send_msg_id "BD_TCL-109" "ERROR" "x"}'),
        (Severity.NONE, "place_design failed"),  # the message beside it is counted
        (Severity.NONE, " Verification completed successfully"),
        (Severity.NONE, "[2026-03-03 15:38:17] Running step: step_hw_ipgen [14/20]"),
        (Severity.INFO, "INFO: [DRC 23-27] DRC finished with 0 Errors"),
    ],
)
def test_severities(level: Severity, line: str) -> None:
    data = line.encode()
    assert severity(data) == level
    lines = list(at_least(b"x\r\n" + data + b"\r\ny\n", Severity.INFO))
    assert lines == ([3] if level else []), "and scanning a block finds it"


def test_scanning_real_logs_by_words_misses_no_line() -> None:
    paths = [path for path in sorted(LOGS.rglob("*")) if path.suffix in (".log", ".vdi", ".txt")]
    seen = 0
    for path in paths:
        text = path.read_bytes()
        for level in (Severity.WARNING, Severity.ERROR):
            by_line = [at for at, line in lines_of(text) if severity(line[:1000]) >= level]
            assert at_least(text, level) == by_line, path
            seen += len(by_line)
    assert seen > 1000


def test_expressions_are_checked_before() -> None:
    assert disabled_reason(Query("text", "(")) is None
    assert "not an expression" in str(disabled_reason(Query("regex", "(")))


async def found_by(path: Path, query: Query, start: int = 0) -> SearchHits:
    hits = SearchHits(query, start)
    steps = scan(path, query, start)
    async for step in steps:
        hits.add(step)
        if step.whole:
            break
    await steps.aclose()  # type: ignore[attr-defined]
    return hits


async def test_the_process_finds_goes_on_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("one\ntwo\nOne more\n")
    hits = SearchHits(Query("text", "one"), 4)
    steps = scan(path, hits.query, 4)
    async for step in steps:
        hits.add(step)
        if hits.whole and len(hits) == 2:
            with path.open("a") as log:
                log.write("and one\n")
        if len(hits) == 3:
            break
    await steps.aclose()  # type: ignore[attr-defined]
    assert [hits[index] for index in range(3)] == [0, 8, 21]
    assert [hits.index(at) for at in (0, 1, 8, 9, 22)] == [0, 1, 1, 2, 3]


async def test_an_expression_that_loses_itself_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    path.write_text("a" * 60 + "!\n")
    task = asyncio.ensure_future(found_by(path, Query("regex", "(a+)+$")))
    await asyncio.sleep(0.5)
    assert not task.done(), "and nobody waits for it"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FinnTuiError, match="cannot be searched"):
        await found_by(tmp_path / "none", Query("text", "x"))


@pytest.mark.parametrize(
    ("expression", "word"),
    [
        ("slack.*ns", "slack"),
        ("Phase [0-9]+ Global", " Global"),
        ("WNS=-", "WNS=-"),
        ("abcd?", "abc"),
        ("abc+d", "abc"),
        (r"\[Route 35-\d+\]", "[Route 35-"),
        ("a|bcd", ""),
        ("(abc)?", ""),
        (r"\x41bcd", ""),
        ("[abcd]ef", ""),
        ("ab{2}", ""),
    ],
)
def test_the_word_that_every_match_holds(expression: str, word: str) -> None:
    assert required(expression) == word
