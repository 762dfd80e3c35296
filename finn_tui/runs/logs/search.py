"""Searching a log from one end to the other, in a process of its own.

``python -m finn_tui.runs.logs.search`` takes a query as JSON, writes what it finds, line by line
as JSON, and goes on with what is appended until its stdin ends. A process, because an
expression may take for ever on one line, and nothing can interrupt that but the end of the process
that tries it.
"""

from __future__ import annotations

import json
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from io import BytesIO, RawIOBase
from pathlib import Path

from finn_tui.runs.logs.severity import Severity, lines_at_least

#: Bytes that are looked through at a time, few enough for the processor's cache; a line longer
#: than ``_LONGEST`` is looked through in pieces.
BLOCK = 1 << 18
_LONGEST = 1 << 24
#: An expression that takes longer than this on one block has lost itself.
BLOCK_SECONDS = 20
#: How many lines are found in all: whoever asked keeps eight bytes for each.
MOST = 1_000_000
_POLL = 0.2
_SAY_SECONDS = 0.05


@dataclass(frozen=True)
class Query:
    """What is looked for.

    Attributes:
        kind: "text", "regex" or "severity".
        text: letters match both cases unless there is a capital among them.
        level: the least severity.
    """

    kind: str
    text: str = ""
    level: int = Severity.ERROR

    @property
    def any_case(self) -> bool:
        """Whether capitals make no difference."""
        plain = re.sub(r"\\.", "", self.text) if self.kind == "regex" else self.text
        return plain == plain.lower()

    def spans(self, line: str) -> Iterator[tuple[int, int]]:
        """Where a text stands in a line that is shown, as (from, to)."""
        for match in re.finditer(re.escape(self.text), line, re.I if self.any_case else 0):
            yield match.span()


def disabled_reason(query: Query) -> str | None:
    """Why a query cannot be looked for; None if it can."""
    if query.kind == "regex":
        try:
            re.compile(query.text.encode())
        except re.error as error:
            return f"not an expression: {error}"
    return None


#: Looks through the first so many bytes of a block; only those are whole lines.
Find = Callable[[bytearray, int], Iterator[int]]


def finder(query: Query) -> Find:
    """A function that gives one offset in each line of a block of whole lines that matches.

    For text and expressions that is where the match begins, for severities where the line does.
    """
    if query.kind == "severity":
        return lambda block, end: lines_at_least(block, end, Severity(query.level))
    if query.kind == "text":
        return _text_finder(query)
    # What matches both cases has no capitals: tried on small letters, it can be looked for by its
    # first letters, which takes a tenth of the time of an expression that ignores case.
    any_case = query.any_case
    pattern = re.compile(query.text.encode(), re.MULTILINE)
    word = required(query.text).encode()
    if word:
        return _word_finder(re.compile(query.text.encode()), word, any_case)

    def find(buffer: bytearray, end: int) -> Iterator[int]:
        block = bytes(buffer[:end])
        # "$" is to stand before either form of a line end; offsets stay what they are.
        given = block
        if b"\r\n" in block:
            block = block.replace(b"\r\n", b"\n\n")
        block = block.lower() if any_case else block
        at = 0
        while at < len(block) and (match := pattern.search(block, at)) is not None:
            if match.start() >= len(block):
                return
            stop = block.find(b"\n", match.start())
            stop = len(block) if stop < 0 else stop
            start = block.rfind(b"\n", 0, match.start()) + 1
            # A match may have begun here and gone on in the next line: it has to hold alone.
            alone = pattern.search(block[start:stop])
            if alone is not None:
                yield start + alone.start()
            at = stop + (2 if given[stop : stop + 1] == b"\r" else 1)

    return find


#: Characters that stand for themselves in an expression.
_PLAIN = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ :=/-,;<>\"'@%&!~#"
)
_SHORTEST = 3


def required(expression: str) -> str:
    """Return text that stands in every match of an expression; empty if none is known.

    Looking for it first takes a tenth of the time of trying the expression everywhere. What is
    not simple, groups and alternatives, is not looked into.
    """
    if any(sign in expression for sign in "(|"):
        return ""
    runs, run, at = [], "", 0
    while at < len(expression):
        sign, step = expression[at], 1
        if sign == "\\" and at + 1 < len(expression):
            sign, step = expression[at + 1], 2
            if sign in "xuUN" or sign.isdigit():
                return ""  # a character by its number, or a group
            literal = not sign.isalnum() and sign.isascii()
        elif sign == "[":
            end = expression.find("]", at + 2 + (expression[at + 1 : at + 2] == "^"))
            step, literal = (end + 1 - at if end > 0 else len(expression)), False
        else:
            literal = sign in _PLAIN
        after = expression[at + step : at + step + 1]
        if not literal or after in ("*", "?", "{"):
            # What may be left out, or is no text, ends a run.
            runs.append(run)
            run = ""
        else:
            run += sign
            if after == "+":
                runs.append(run)
                run = ""
        at += step
    longest = max([*runs, run], key=len)
    return longest if len(longest) >= _SHORTEST else ""


def _word_finder(pattern: re.Pattern[bytes], word: bytes, any_case: bool) -> Find:
    """Tries an expression at the lines that hold a word without which it cannot match."""

    def find(block: bytearray, end: int) -> Iterator[int]:
        text = block.lower() if any_case else block
        at = text.find(word, 0, end)
        while at >= 0:
            start = text.rfind(b"\n", 0, at) + 1
            stop = text.find(b"\n", at, end)
            stop = end if stop < 0 else stop
            line = text[start : stop - 1 if text[stop - 1 : stop] == b"\r" else stop]
            match = pattern.search(line)
            if match is not None:
                yield start + match.start()
            at = text.find(word, stop, end)

    return find


def _text_finder(query: Query) -> Find:
    needle = query.text.encode()
    any_case = query.any_case

    def find(block: bytearray, end: int) -> Iterator[int]:
        # Only ASCII letters have two cases here, which keeps offsets and gigabytes a second.
        text = block.lower() if any_case else block
        at = text.find(needle, 0, end)
        while at >= 0:
            yield at
            stop = text.find(b"\n", at, end)
            at = text.find(needle, stop, end) if stop >= 0 else -1

    return find


@dataclass(frozen=True)
class SearchBatch:
    """What one step of a scan has found.

    Attributes:
        offsets: one in each line that matches, in the order of the file; see ``finder``.
        done: how many bytes were looked through in all.
        whole: everything that the file holds now was looked through.
    """

    offsets: tuple[int, ...] = ()
    done: int = 0
    whole: bool = False


class Scan:
    """Looks through a file block by block: from a line to the end, from the top to there, then
    whatever is appended."""

    def __init__(
        self, file: RawIOBase | BytesIO, query: Query, start: int = 0, *, block: int = BLOCK
    ) -> None:
        """A scan that begins at the start of a line."""
        self._file = file
        self._find = finder(query)
        self._start = start
        self._block = block
        self._done = 0
        #: Where the line without an end begins in which something was found already.
        self._told = -1

    def run(self) -> Iterator[SearchBatch]:
        """What is found, for ever: ``whole`` says that there is nothing more so far."""
        end = yield from self._through(self._start, None)
        if self._start:
            yield from self._through(0, self._start)
        while True:
            yield SearchBatch((), self._done, True)
            end = yield from self._through(end, None)

    def _through(self, at: int, stop: int | None) -> Generator[SearchBatch, None, int]:
        """Look through [at, stop); returns where the last line begins, if it has not ended.

        One buffer is read into again and again: copies would take longer than looking.
        """
        buffer, carried = bytearray(self._block), 0
        while True:
            if carried == len(buffer):
                buffer += bytes(carried)  # a line that is longer than the buffer
            room = len(buffer) - carried
            room = room if stop is None else min(room, stop - at - carried)
            self._file.seek(at + carried)
            with memoryview(buffer) as view:
                count = (
                    (self._file.readinto(view[carried : carried + room]) or 0) if room > 0 else 0
                )
            if not count:
                break
            end = carried + count
            cut = buffer.rfind(b"\n", 0, end) + 1
            if not cut and end > _LONGEST:
                cut = end
            self._done += count
            yield SearchBatch(self._offsets(buffer, cut, at), self._done)
            carried = end - cut
            with memoryview(buffer) as view:
                view[:carried] = view[cut:end]
            at += cut
        if carried:
            self._done -= carried
            match = self._offsets(buffer, carried, at)
            self._told = at if match else self._told
            yield SearchBatch(match, self._done)
        return at

    def _offsets(self, block: bytearray, end: int, at: int) -> tuple[int, ...]:
        match = list(self._find(block, end)) if end else []
        if match and at == self._told and block.find(b"\n", 0, match[0]) < 0:
            del match[0]
        return tuple(at + inside for inside in match)


def main() -> None:
    """Scan what the first argument says until stdin ends."""
    asked = json.loads(sys.argv[1])
    query = Query(**asked["query"])
    count = 0
    with Path(asked["path"]).open("rb", buffering=0) as file:
        signal.alarm(BLOCK_SECONDS)
        waiting: list[int] = []
        last_report = 0.0
        for match in Scan(file, query, asked["start"]).run():
            signal.alarm(BLOCK_SECONDS)
            count += len(match.offsets)
            waiting += match.offsets
            # Whoever asked draws a few times a second; each message costs it time.
            now = time.monotonic()
            if match.whole or count >= MOST or now - last_report >= _SAY_SECONDS:
                _say(SearchBatch(tuple(waiting), match.done, match.whole))
                waiting, last_report = [], now
            if count >= MOST or (match.whole and _over()):
                return


def _say(match: SearchBatch) -> None:
    sys.stdout.write(json.dumps(vars(match)) + "\n")
    sys.stdout.flush()


def _over() -> bool:
    """Wait a little; whether whoever asked is gone."""
    return bool(select.select([sys.stdin], [], [], _POLL)[0])


if __name__ == "__main__":
    main()
