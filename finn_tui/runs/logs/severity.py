"""How bad a log line is, as Vivado, HLS, FINN, Python, compilers and pip write it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum
from functools import cache

from finn_tui.runs.logs.words import WordFinder


class Severity(IntEnum):
    """From nothing said to an error."""

    NONE = 0
    INFO = 1
    WARNING = 2
    CRITICAL = 3
    ERROR = 4


# What may stand before the word: FINN's and pip's time stamps, those of docker and journald,
# "12:34:56", a logger's name.
_STAMP = (
    r"(?:\[[^\]\n]{1,40}\] ?|\d\d:\d\d:\d\d[ ,.\d]*|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.,]*Z? "
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )?"
)
_EXPRESSION = _STAMP + (
    r"(?:(?P<error>(?:ERROR|FATAL|%Error|FINN (?:INTERNAL COMPILER )?ERROR)\b"
    r"|Traceback \(most recent call last\)|Abnormal program termination|Segmentation fault"
    r"|[A-Za-z_][\w.]*(?:Error|Exception|Interrupt)(?::|$)"
    r"|[^\n]{0,200}: (?:fatal )?error: |[^\n]{0,200}\bKilled\b +\S)"
    r"|(?P<critical>CRITICAL\b)"
    r"|(?P<warning>(?:WARNING|%Warning|Warning:|WARN)\b|[^\n]{0,200}: (?:\w*Warning|warning): )"
    r"|(?P<info>(?:INFO|DEBUG|NOTE)\b))"
)
_LINE = re.compile(_EXPRESSION.encode())
_TEXT_LINE = re.compile(_EXPRESSION, re.ASCII)
_GROUPS = {
    "error": Severity.ERROR,
    "critical": Severity.CRITICAL,
    "warning": Severity.WARNING,
    "info": Severity.INFO,
}
# Words that a line of a severity holds: looked for first, because finding them in a megabyte
# takes a thousandth of the time that trying an expression at every line does.
_WORDS = {
    Severity.ERROR: (
        b"ERROR",
        b"Error",
        b"error: ",
        b"FATAL",
        b"Traceback (most",
        b"Abnormal prog",
        b"Segmentation f",
        b"Exception",
        b"Interrupt",
        b"Killed",
    ),
    Severity.CRITICAL: (b"CRITICAL",),
    Severity.WARNING: (b"WARN", b"arning"),
    Severity.INFO: (b"INFO", b"DEBUG", b"NOTE"),
}


#: How most messages of AMD's tools begin, the worst first; this tells enough.
_NUMBERED = (b"ERROR: [", b"CRITICAL WARNING: [", b"WARNING: [", b"INFO: [")

_LEVELS_OF_NUMBERED = tuple(
    zip(
        reversed(_NUMBERED),
        (Severity.INFO, Severity.WARNING, Severity.CRITICAL, Severity.ERROR),
        strict=True,
    )
)


def severity(line: bytes) -> Severity:
    """The severity of a line, without its line end. Words in the middle of one mean nothing."""
    match = _LINE.match(line)
    return _GROUPS[match.lastgroup] if match and match.lastgroup else Severity.NONE


#: Text without any of these holds no line that is critical or an error.
WORDS_OF_ERRORS = tuple(
    word.decode() for level in (Severity.ERROR, Severity.CRITICAL) for word in _WORDS[level]
)
#: Text without any of these holds no line of any severity.
WORDS = tuple(word.decode() for words in _WORDS.values() for word in words)
#: A line is looked at no further than this.
_FAR = 1000


def severity_of(text: str) -> Severity:
    """The severity of a line of text, as ``severity`` tells it for bytes."""
    match = _TEXT_LINE.match(text[:_FAR])
    return _GROUPS[match.lastgroup] if match and match.lastgroup else Severity.NONE


@cache
def _finder(level: Severity) -> WordFinder:
    return WordFinder(word for known, words in _WORDS.items() if known >= level for word in words)


def lines_at_least(block: bytearray, end: int, level: Severity) -> Iterator[int]:
    """Where lines begin that are as bad as ``level`` or worse, in order.

    Args:
        block: its first ``end`` bytes are whole lines.
        end: see ``block``.
        level: any but NONE.
    """
    numbered = _NUMBERED[: 1 + Severity.ERROR - level]
    for start, stop in _finder(level).starts(block, end):
        if (
            block.startswith(numbered, start)
            or severity(bytes(block[start : min(stop, start + _FAR)]).rstrip(b"\r")) >= level
        ):
            yield start


def counts(block: bytes) -> dict[Severity, int]:
    """How many lines of each severity stand in whole lines.

    Args:
        block: the lines, each with its end.
    """
    numbers = dict.fromkeys(_GROUPS.values(), 0)
    lines = block.split(b"\n")
    for start, level in _LEVELS_OF_NUMBERED:
        numbers[level] = block.startswith(start) + block.count(b"\n" + start)
    rest = bytearray(b"\n".join([line for line in lines if not line.startswith(_NUMBERED)]))
    for at, stop in _finder(Severity.INFO).starts(rest, len(rest)):
        level = severity(bytes(rest[at : min(stop, at + _FAR)]).rstrip(b"\r"))
        if level is not Severity.NONE:
            numbers[level] += 1
    return numbers
