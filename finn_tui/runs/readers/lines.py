"""Bytes into lines, and lines into messages and evidence: what all log readers share."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator

from finn_tui.base.text import clean
from finn_tui.engine.server import causes
from finn_tui.runs.readers.parsed_file import SEVERITIES, Evidence, Reading

#: A line longer than this is cut; real ones reach some 30 kB (Tcl lists of file names).
MAX_LINE = 64 * 1024
#: Lines kept before and after one that points at a cause, and how much of each.
AROUND = 6
AROUND_TEXT = 500
#: How many lines are kept of each cause; the first tell most.
PER_CAUSE = 8
#: Distinct muted messages that are remembered.
MAX_MUTED = 1000

_MESSAGE = re.compile(r"(INFO|WARNING|CRITICAL WARNING|ERROR): \[([^\]]{1,80})\] ?(.*)")
_MUTED = re.compile(r"Message '([^']+)' appears (\d{1,9}) times and further instances")


class Lines:
    """Cuts bytes into lines, whatever portions they come in.

    Line ends are ``\\n`` or ``\\r\\n``; bytes that are no UTF-8 become replacement characters;
    of a line longer than ``MAX_LINE`` the rest is dropped.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._cutting = False

    def feed(self, data: bytes) -> str:
        """The whole lines that ``data`` completes, as one text; see ``split``."""
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            if self._cutting:
                # What comes before the first line end belongs to the line that is full already.
                _, further, whole = whole.partition(b"\n")
                whole = self._rest + further + whole
            else:
                whole = self._rest + whole
            self._rest, self._cutting = b"", False
            if len(whole) > MAX_LINE:
                whole = b"\n".join(line[:MAX_LINE] for line in whole.split(b"\n"))
        if not self._cutting:
            self._rest += rest
            if len(self._rest) > MAX_LINE:
                self._rest, self._cutting = self._rest[:MAX_LINE], True
        return whole.decode("utf-8", "replace") + "\n" if newline else ""

    def skip(self) -> None:
        """Bytes are left out: of the lines that are torn by that, an empty one remains."""
        self._rest, self._cutting = b"", True

    @property
    def rest(self) -> str:
        """The line that has not ended yet."""
        return self._rest.decode("utf-8", "replace")

    def end(self) -> str:
        """The last line if no line end follows it, as ``feed`` gives lines."""
        text = self.rest
        self._rest, self._cutting = b"", False
        return text + "\n" if text else ""


def split(block: str) -> Iterator[str]:
    """The lines of a block of whole lines."""
    for line in block[:-1].split("\n") if block else ():
        yield line[:-1] if line.endswith("\r") else line


class Messages:
    """Counts a log's messages and keeps the lines that point at causes."""

    def __init__(self, default: str = "tool-error") -> None:
        """``default``: the cause of an ERROR that no other cause claims."""
        self.line = 0
        self.session = 0
        self.last_error = 0
        #: The run whose log is repeated at the moment.
        self.run: str | None = None
        self.counts: dict[str | None, dict[str, int]] = {None: dict.fromkeys(SEVERITIES, 0)}
        self.muted: dict[str, int] = {}
        self._default = default
        self._kept: list[Evidence] = []
        self._per_cause: dict[tuple[str, int], int] = {}
        self._before: deque[str] = deque(maxlen=AROUND)
        self._open: list[tuple[int, list[str]]] = []
        self._words = causes.NEEDLES
        self._numbered = True

    def skip(self, lines: int | None) -> None:
        """So many lines are left out; None: nobody knows how many."""
        for at, after in self._open:
            self._close(at, after)
        self._open = []
        self._before.clear()
        self.line += lines or 0
        self._numbered = self._numbered and lines is not None

    def block(self, block: str) -> None:
        """Look over a block of lines that will be taken one by one."""
        self._words = tuple(word for word in causes.NEEDLES if word in block)

    def take(self, text: str) -> tuple[str, str, str] | None:
        """Take in the next line; returns severity, id and text if it is a message."""
        self.line += 1
        if self._open:
            self._follow(text)
        found = None
        first = text[:1]
        if first in "IWCE" and first and (match := _MESSAGE.match(text)):
            severity, name, said = match.group(1), match.group(2), match.group(3)
            found = (severity, name, said)
            self._count(severity)
            if severity != "INFO":
                self._weigh(severity, name, text)
            elif name == "Common 17-14":
                self._mute(said)
        elif self._words and (first != "#" or text.startswith("# A fatal error")):
            # Other lines with a hash are scripts, echoed.
            self.weigh_text(text)
        self._before.append(text)
        return found

    def _mute(self, said: str) -> None:
        muted = _MUTED.match(said)
        if muted and len(self.muted) < MAX_MUTED:
            self.muted[muted.group(1)] = int(muted.group(2))

    def count(self, severity: str) -> None:
        """Count a message that has no id, as FINN's own."""
        self._count(severity)

    def _count(self, severity: str) -> None:
        counts = self.counts.get(self.run)
        if counts is None:
            counts = self.counts[self.run] = dict.fromkeys(SEVERITIES, 0)
        counts[severity] += 1

    def _weigh(self, severity: str, name: str, text: str) -> None:
        cause = causes.of_warning(name)
        if severity == "ERROR":
            self.last_error = self.line
            cause = causes.of_error(name, text) or self._default
        if cause is not None:
            self.point(cause, text)

    def weigh_text(self, text: str) -> None:
        """Keep a line that is no message if its words point at a cause."""
        if any(word in text for word in self._words) and (cause := causes.named_by(text)):
            self.point(cause, text)

    def point(self, cause: str, text: str) -> None:
        """Keep a line as evidence of a cause; only the first of each session are kept."""
        at = (cause, self.session)
        seen = self._per_cause.get(at, 0)
        self._per_cause[at] = seen + 1
        if seen >= PER_CAUSE or len(self._kept) >= 50 * PER_CAUSE:
            return
        around = list(self._before)
        if around and around[-1] == text:  # the line itself, if it was taken in before
            around.pop()
        before = tuple(_short(line) for line in around)
        line = self.line if self._numbered else 0
        self._kept.append(
            Evidence(cause, line, _short(text, 2000), before, (), self.session, self.run)
        )
        self._open.append((len(self._kept) - 1, []))

    def _follow(self, text: str) -> None:
        still = []
        for at, after in self._open:
            after.append(_short(text))
            if len(after) < AROUND:
                still.append((at, after))
            else:
                self._close(at, after)
        self._open = still

    def _close(self, at: int, after: list[str]) -> None:
        kept = self._kept[at]
        self._kept[at] = Evidence(
            kept.cause, kept.line, kept.text, kept.before, tuple(after), kept.session, kept.run
        )

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The lines that point at causes, in order, with what follows them so far."""
        for at, after in self._open:
            self._close(at, after)
        return tuple(self._kept)

    @property
    def own(self) -> dict[str, int]:
        """Counts of the file's own messages."""
        return dict(self.counts[None])

    @property
    def repeated(self) -> dict[str, dict[str, int]]:
        """Counts of the messages of runs that the file repeats."""
        return {run: dict(counts) for run, counts in self.counts.items() if run is not None}


def _short(text: str, limit: int = AROUND_TEXT) -> str:
    text = clean(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


class LogReader(ABC):
    """A reader that takes a log line by line.

    ``can_skip``: whether it makes sense of a file whose middle is left out.
    """

    can_skip = False

    def __init__(self, default: str = "tool-error") -> None:
        self._lines = Lines()
        self._messages = Messages(default)

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""
        self._take(self._lines.feed(data))

    def skip(self, lines: int | None) -> None:
        """Bytes are left out that hold so many line ends; None: nobody has counted them."""
        self._lines.skip()
        self._messages.skip(lines)

    def _take(self, block: str) -> None:
        self._messages.block(block)
        for text in split(block):
            self._line(text)

    @abstractmethod
    def _line(self, text: str) -> None:
        """Take in the next line."""

    @property
    def rest(self) -> str:
        """The line that has not ended yet: a prompt, perhaps."""
        return self._lines.rest

    def finish(self) -> Reading:
        """Nothing more will come: take in a last line without an end."""
        self._take(self._lines.end())
        return self.reading()

    @abstractmethod
    def reading(self) -> Reading:
        """What has been found so far."""
