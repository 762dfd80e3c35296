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
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from finn_tui.runs.logs.severity import Severity, lines_at_least

#: Bytes that are looked through at a time; a line longer than ``_LONGEST`` is looked through in
#: pieces.
BLOCK = 1 << 20
_LONGEST = 1 << 24
#: An expression that takes longer than this on one block has lost itself.
BLOCK_SECONDS = 20
#: How many lines are found in all: whoever asked keeps eight bytes for each.
MOST = 1_000_000
_POLL = 0.2


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
        for found in re.finditer(re.escape(self.text), line, re.I if self.any_case else 0):
            yield found.span()


def why_not(query: Query) -> str | None:
    """Why a query cannot be looked for; None if it can."""
    if query.kind == "regex":
        try:
            re.compile(query.text.encode())
        except re.error as error:
            return f"not an expression: {error}"
    return None


Find = Callable[[bytes], Iterator[int]]


def finder(query: Query) -> Find:
    """A function that gives one offset in each line of a block of whole lines that matches.

    For text and expressions that is where the match begins, for severities where the line does.
    """
    if query.kind == "severity":
        return lambda block: lines_at_least(block, Severity(query.level))
    if query.kind == "text":
        return _text_finder(query)
    # What matches both cases has no capitals: tried on small letters, it can be looked for by its
    # first letters, which takes a tenth of the time of an expression that ignores case.
    any_case = query.any_case
    pattern = re.compile(query.text.encode(), re.MULTILINE)

    def find(block: bytes) -> Iterator[int]:
        # "$" is to stand before either form of a line end; offsets stay what they are.
        given = block
        if b"\r\n" in block:
            block = block.replace(b"\r\n", b"\n\n")
        block = block.lower() if any_case else block
        at = 0
        while at < len(block) and (found := pattern.search(block, at)) is not None:
            if found.start() >= len(block):
                return
            stop = block.find(b"\n", found.start())
            stop = len(block) if stop < 0 else stop
            start = block.rfind(b"\n", 0, found.start()) + 1
            # A match may have begun here and gone on in the next line: it has to hold alone.
            alone = pattern.search(block[start:stop])
            if alone is not None:
                yield start + alone.start()
            at = stop + (2 if given[stop : stop + 1] == b"\r" else 1)

    return find


def _text_finder(query: Query) -> Find:
    needle = query.text.encode()
    any_case = query.any_case

    def find(block: bytes) -> Iterator[int]:
        # Only ASCII letters have two cases here, which keeps offsets and gigabytes a second.
        block = block.lower() if any_case else block
        at = block.find(needle)
        while at >= 0:
            yield at
            stop = block.find(b"\n", at)
            at = block.find(needle, stop) if stop >= 0 else -1

    return find


@dataclass(frozen=True)
class Found:
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

    def __init__(self, file: BinaryIO, query: Query, start: int = 0, *, block: int = BLOCK) -> None:
        """A scan that begins at the start of a line."""
        self._file = file
        self._find = finder(query)
        self._start = start
        self._block = block
        self._done = 0
        #: Where the line without an end begins in which something was found already.
        self._told = -1

    def run(self) -> Iterator[Found]:
        """What is found, for ever: ``whole`` says that there is nothing more so far."""
        end = yield from self._through(self._start, None)
        if self._start:
            yield from self._through(0, self._start)
        while True:
            yield Found((), self._done, True)
            end = yield from self._through(end, None)

    def _through(self, at: int, stop: int | None) -> Generator[Found, None, int]:
        """Look through [at, stop); returns where the last line begins, if it has not ended."""
        rest = b""
        while True:
            room = self._block if stop is None else min(self._block, stop - at - len(rest))
            self._file.seek(at + len(rest))
            data = self._file.read(room) if room > 0 else b""
            if not data:
                break
            whole = rest + data
            cut = whole.rfind(b"\n") + 1
            if not cut and len(whole) > _LONGEST:
                cut = len(whole)
            self._done += len(data)
            yield Found(self._offsets(whole[:cut], at), self._done)
            at, rest = at + cut, whole[cut:]
        if rest:
            self._done -= len(rest)
            found = self._offsets(rest, at)
            self._told = at if found else self._told
            yield Found(found, self._done)
        return at

    def _offsets(self, block: bytes, at: int) -> tuple[int, ...]:
        found = list(self._find(block)) if block else []
        if found and at == self._told and block.find(b"\n", 0, found[0]) < 0:
            del found[0]
        return tuple(at + inside for inside in found)


def main() -> None:
    """Scan what the first argument says until stdin ends."""
    asked = json.loads(sys.argv[1])
    query = Query(**asked["query"])
    count = 0
    with Path(asked["path"]).open("rb") as file:
        signal.alarm(BLOCK_SECONDS)
        for found in Scan(file, query, asked["start"]).run():
            signal.alarm(BLOCK_SECONDS)
            count += len(found.offsets)
            _say(found)
            if count >= MOST or (found.whole and _over()):
                return


def _say(found: Found) -> None:
    if found.offsets or found.whole or found.done % (16 * BLOCK) == 0:
        sys.stdout.write(json.dumps(vars(found)) + "\n")
        sys.stdout.flush()


def _over() -> bool:
    """Wait a little; whether whoever asked is gone."""
    return bool(select.select([sys.stdin], [], [], _POLL)[0])


if __name__ == "__main__":
    main()
