"""Finding many words at once gives what looking for each of them in each line gives."""

from __future__ import annotations

import pytest

from finn_tui.engine.server.failures import causes
from finn_tui.runs.logs import severity
from finn_tui.runs.logs.words import WordFinder, WordsOfLines
from tests.runs.real_logs import LOGS

WORDS = tuple(dict.fromkeys((*causes.NEEDLES, *severity.WORDS)))


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [""],
        ["ERROR"],
        ["nothing", "", "ERROR: Killed, no space left", "ähnlich Error ERROR Error", "Error"],
        ["Error" * 100_000, "x", "Killed"],
        ["\N{REPLACEMENT CHARACTER} Killed", "\N{GREEK SMALL LETTER MU}" * 70_000, "*** Error 137"],
    ],
)
def test_words_of_each_line(lines: list[str]) -> None:
    finder = WordsOfLines(WORDS)
    expected = {line: tuple(word for word in WORDS if word in line) for line in lines}
    assert finder.find(lines) == {line: words for line, words in expected.items() if words}


def test_words_of_real_logs() -> None:
    finder = WordsOfLines(WORDS)
    lines: set[str] = set()
    for path in sorted(LOGS.rglob("*.log"))[:60]:
        lines.update(path.read_text(errors="replace").split("\n"))
    words = finder.find(lines)
    assert len(words) > 100
    for line in lines:
        assert words.get(line, ()) == tuple(word for word in WORDS if word in line)


@pytest.mark.parametrize(
    ("block", "lines"),
    [
        (b"", []),
        (b"a ERROR b\nx\nError Error\nnone", [(0, 9), (12, 23)]),
        (b"\n\nKilled", [(2, 8)]),
        (b"Killed\nKilled\n", [(0, 6), (7, 13)]),
    ],
)
def test_lines_with_a_word(block: bytes, lines: list[tuple[int, int]]) -> None:
    finder = WordFinder([b"ERROR", b"Error", b"Killed"])
    assert list(finder.starts(bytearray(block) + b"Killed\n", len(block))) == lines
