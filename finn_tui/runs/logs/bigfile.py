"""A text file of any size, read line by line from any place, while it grows.

A line is named by the offset of its first byte, so that a file opens at its end at once and nothing
is kept for each line. ``LineCount`` counts line ends block by block, as far as someone lets it, to
turn offsets into line numbers.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections import OrderedDict
from pathlib import Path

#: A stretch of this many bytes without a line end is broken where it ends: any line is found by
#: looking at no more than two of them.
LONGEST = 1 << 16
#: How much is read at a time, and how many such blocks are kept.
BLOCK = 1 << 16
_KEPT = 24
#: How far apart the places are whose line number is remembered.
SPAN = 1 << 20


class BigFile:
    """Lines of a file by their offsets. Reads by ``pread`` only what is asked for.

    A line ends with ``\\n``; the last one may not. A stretch of ``longest`` bytes at a multiple of
    ``longest`` that holds no line end is broken at its end, so that binary data has lines too.
    """

    def __init__(self, path: Path, *, longest: int = LONGEST, block: int = BLOCK) -> None:
        """Open a file; see ``look`` for one that is not there.

        Args:
            longest: see the class; more than any line that means something.
            block: bytes read at a time.
        """
        self.path = path
        self.size = 0
        self._longest = longest
        self._block = block
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._file: int | None = None
        self._inode: tuple[int, int] | None = None
        self.look()

    def look(self) -> str:
        """See how the file is now: "same", "grown", "anew" (another file, or cut), or "gone".

        What was open when a file went away can still be read.
        """
        try:
            status = os.stat(self.path)  # noqa: PTH116 - ten times a second, on the event loop
            new = self._inode != (status.st_dev, status.st_ino)
            if new:
                self._open()
        except OSError:
            return "gone"
        if new or status.st_size < self.size:
            self._blocks.clear()
            self.size = status.st_size
            return "anew"
        if status.st_size == self.size:
            return "same"
        # A block that was not full when it was read is another now.
        self._blocks.pop(self.size // self._block, None)
        self.size = status.st_size
        return "grown"

    def _open(self) -> None:
        file = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.close()
        status = os.fstat(file)
        self._file, self._inode = file, (status.st_dev, status.st_ino)

    def close(self) -> None:
        """Let the file go; nothing can be read any more."""
        if self._file is not None:
            os.close(self._file)
            self._file = self._inode = None

    def __del__(self) -> None:
        self.close()

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` up to ``stop``; fewer where the file ends or cannot be read."""
        if self._file is None:
            return b""
        try:
            return os.pread(self._file, max(0, min(stop, self.size) - start), start)
        except OSError:
            return b""

    def _at(self, number: int) -> bytes:
        data = self._blocks.get(number)
        if data is None:
            start = number * self._block
            data = self._blocks[number] = self.read(start, start + self._block)
            if len(self._blocks) > _KEPT:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(number)
        return data

    def _find(self, start: int, stop: int) -> int:
        """Where the first line end in [start, stop) is; -1 if there is none."""
        stop = min(stop, self.size)
        while start < stop:
            number, inside = divmod(start, self._block)
            first = number * self._block
            at = self._at(number).find(b"\n", inside, stop - first)
            if at >= 0:
                return first + at
            start = first + self._block
        return -1

    def _rfind(self, start: int, stop: int) -> int:
        """Where the last line end in [start, stop) is; -1 if there is none."""
        stop = min(stop, self.size)
        while start < stop:
            number = (stop - 1) // self._block
            first = number * self._block
            at = self._at(number).rfind(b"\n", max(0, start - first), stop - first)
            if at >= 0:
                return first + at
            stop = first
        return -1

    def start_of(self, at: int) -> int:
        """The start of the line that holds the byte at an offset; beyond the end, the last one."""
        at = max(0, min(at, self.size - 1))
        base = at - at % self._longest
        line_end = self._rfind(base, at)
        if line_end >= 0 or base == 0:
            return line_end + 1 if line_end >= 0 else 0
        line_end = self._rfind(base - self._longest, base)
        return line_end + 1 if line_end >= 0 else base

    def end_of(self, start: int) -> int:
        """Where the line after the one that begins at ``start`` begins; the size, if none does."""
        stop = start - start % self._longest + self._longest
        line_end = self._find(start, stop)
        if line_end < 0 and self._rfind(stop - self._longest, start) >= 0:
            # The stretch has a line end before this line: it is not broken at its end.
            stop += self._longest
            line_end = self._find(stop - self._longest, stop)
        return line_end + 1 if line_end >= 0 else min(stop, self.size)

    def after(self, at: int, count: int) -> list[int]:
        """The starts of the first ``count`` lines that begin at an offset or behind it."""
        if at <= 0:
            start = 0
        else:
            start = self.start_of(at) if at < self.size else self.size
            start = self.end_of(start) if start < at else start
        starts: list[int] = []
        while len(starts) < count and start < self.size:
            starts.append(start)
            start = self.end_of(start)
        return starts

    def before(self, at: int, count: int) -> list[int]:
        """The starts of the last ``count`` lines that begin before an offset, in file order."""
        starts: list[int] = []
        at = min(at, self.size)
        while len(starts) < count and at > 0:
            at = self.start_of(at - 1)
            starts.append(at)
        return starts[::-1]

    def line(self, start: int, limit: int = LONGEST) -> bytes:
        """The line that begins there, its end cut off, and cut after ``limit`` bytes."""
        data = self.read(start, min(self.end_of(start), start + limit))
        return data.removesuffix(b"\n").removesuffix(b"\r")


class LineCount:
    """Line numbers of a file: how many line ends stand before each multiple of ``span`` bytes."""

    def __init__(self, file: BigFile, span: int = SPAN) -> None:
        self._file = file
        self._span = span
        self._before = array("Q", [0])
        self._tail = (0, 0)

    def clear(self) -> None:
        """Begin anew, for a file that was replaced."""
        self._before = array("Q", [0])
        self._tail = (0, 0)

    @property
    def done(self) -> bool:
        """Whether all that the file holds now is counted."""
        return len(self._before) > self._file.size // self._span

    def step(self) -> None:
        """Count one more span: about a millisecond."""
        if not self.done:
            start = (len(self._before) - 1) * self._span
            data = self._file.read(start, start + self._span)
            self._before.append(self._before[-1] + data.count(b"\n"))

    def number(self, start: int) -> int | None:
        """The number, from 1, of the line that begins there; None if it is not counted so far."""
        index = start // self._span
        if index >= len(self._before):
            return None
        data = self._file.read(index * self._span, start)
        return self._before[index] + data.count(b"\n") + 1

    @property
    def total(self) -> int | None:
        """How many lines there are; None if they are not counted so far."""
        size = self._file.size
        if not self.done:
            return None
        if self._tail[0] != size:
            whole = len(self._before) - 1
            data = self._file.read(whole * self._span, size)
            last = data[-1:] or self._file.read(size - 1, size)
            count = self._before[whole] + data.count(b"\n") + (last not in (b"", b"\n"))
            self._tail = (size, count)
        return self._tail[1]

    def start(self, number: int) -> int | None:
        """Where a line begins; the last one for a number beyond; None if not counted so far."""
        if number <= 1:
            return 0
        index = bisect_left(self._before, number - 1) - 1
        if index == len(self._before) - 1 and not self.done:
            return None
        at = index * self._span
        data = self._file.read(at, at + self._span)
        line_end = -1
        for _ in range(number - 1 - self._before[index]):
            line_end = data.find(b"\n", line_end + 1)
            if line_end < 0:
                break
        inside = at + line_end + 1
        if line_end < 0 or inside >= self._file.size:
            return self._file.start_of(self._file.size)
        return inside
