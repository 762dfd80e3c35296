"""A log of any size in bounded time: its beginning and end line by line, its middle by words."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from finn_tui.runs.logs.words import WordFinder
from finn_tui.runs.readers.lines import AROUND, MAX_LINE, LogReader
from finn_tui.runs.readers.parsed_file import ParsedFile

#: Bytes at the beginning and at the end that are read line by line. It takes a second for 20 MB.
BEGINNING, END = 16 << 20, 16 << 20
#: Bytes of the middle that are read line by line because words of interest stand near them.
NEAR = 96 << 20
#: Lines around a word of interest that are read with it.
_LINES = AROUND + 2


@cache
def _finder(marks: tuple[str, ...]) -> WordFinder:
    return WordFinder(mark.encode() for mark in marks)


class LongLog:
    """Gives a log to its reader, in portions of any size.

    Lines of the middle that hold none of the reader's ``marks`` are only counted, with their
    severities, so that what is read is the same. Where too many hold one, the rest up to the end
    is left out, but for its lines and messages, and the reading has a note.
    """

    def __init__(self, inner: LogReader) -> None:
        self.inner = inner
        self._begun = 0
        self._held: deque[bytes] = deque()
        self._held_bytes = 0
        #: Whole lines that the reader has not seen, as context of what follows.
        self._carry = b""
        #: Whether the reader stands at the beginning of a line.
        self._aligned = False
        self._near = 0
        self._left_out = 0

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""
        if self._begun < BEGINNING:
            self._begun += len(data)
            self.inner.feed(data)
            return
        self._held.append(data)
        self._held_bytes += len(data)
        while self._held_bytes - len(self._held[0]) >= END:
            oldest = self._held.popleft()
            self._held_bytes -= len(oldest)
            self._middle(oldest)

    def finish(self) -> ParsedFile:
        """Return what was read in all; nothing more will come."""
        if self._left_out:
            # Of a line that is torn by a gap an empty one remains: it is the last of the gap.
            self.inner.skip(self._left_out - 1)
            self.inner.feed(b"\n")
        self.inner.feed(self._carry)
        self._carry = b""
        while self._held:
            self.inner.feed(self._held.popleft())
        reading = self.inner.finish()
        if not self._left_out:
            return reading
        return replace(reading, note="; ".join(filter(None, (reading.note, _NOTE))))

    def reading(self) -> ParsedFile:
        """Return what was read so far."""
        return self.inner.reading()

    def _middle(self, data: bytes) -> None:
        if not self._aligned:
            line, end, data = data.partition(b"\n")
            self.inner.feed(line + end)
            self._aligned = bool(end)
        whole, end, rest = (self._carry + data).rpartition(b"\n")
        self._carry = rest
        if end:
            self._lines_of_middle(whole + end, rest)
        elif len(rest) > MAX_LINE:
            # A line without an end: its reader keeps but the beginning.
            self.inner.feed(rest)
            self._carry, self._aligned = b"", False

    def _lines_of_middle(self, block: bytes, rest: bytes) -> None:
        if self._near > NEAR:
            self._left_out += block.count(b"\n")
            self.inner.count(block)
            return
        at = 0
        for start, stop in self._spans(block):
            if start > at:
                self.inner.skim(block[at:start])
            at = self._near_mark(block, max(at, start), max(at, stop))
        keep = max(at, _back(block, len(block)))
        if keep > at:
            self.inner.skim(block[at:keep])
        self._carry = block[keep:] + rest

    def _near_mark(self, block: bytes, start: int, stop: int) -> int:
        """Have lines read one by one, and further ones while they explain these."""
        while stop > start:
            self._near += stop - start
            self.inner.feed(block[start:stop])
            start = stop
            if self.inner.attentive:
                stop = _forward(block, start)
        return start

    def _spans(self, block: bytes) -> Iterator[tuple[int, int]]:
        """From where to where lines are of interest, in order; they do not touch each other."""
        if not self.inner.marks:
            yield 0, len(block)
            return
        first, last = 0, _forward(block, 0) if self.inner.attentive else 0
        for start, stop in _finder(self.inner.marks).starts(bytearray(block), len(block)):
            begin = _back(block, start)
            if begin > last:
                if last > first:
                    yield first, last
                first = begin
            if stop >= last:
                last = _forward(block, stop)
        if last > first:
            yield first, last


_NOTE = "of its middle, only lines and messages were counted"


def _back(block: bytes, at: int) -> int:
    """Where the line begins that stands ``_LINES`` lines before the one that begins at ``at``."""
    for _ in range(_LINES):
        at = block.rfind(b"\n", 0, max(at - 1, 0)) + 1
        if at == 0:
            break
    return at


def _forward(block: bytes, at: int) -> int:
    """Where the line ends that stands ``_LINES`` lines behind ``at``; whole lines only."""
    for _ in range(_LINES):
        end = block.find(b"\n", at)
        if end < 0:
            return len(block)
        at = end + 1
    return at
