"""Bytes into lines, and lines into messages and evidence: what all log readers share."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache

from finn_tui.base.text import clean
from finn_tui.engine.server.failures import causes
from finn_tui.runs.logs import severity
from finn_tui.runs.logs.severity import Severity
from finn_tui.runs.logs.words import WordsOfLines
from finn_tui.runs.readers.parsed_file import SEVERITIES, Evidence, ParsedFile

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
_NUMBERED = ("INFO: [", "WARNING: [", "CRITICAL WARNING: [", "ERROR: [")
#: How the one severity engine's answers are counted.
_GRADES = {
    Severity.ERROR: "ERROR",
    Severity.CRITICAL: "CRITICAL WARNING",
    Severity.WARNING: "WARNING",
    Severity.INFO: "INFO",
}
#: Messages of severity INFO that say that somebody stopped a command.
_CANCELLED = ("Common 17-344", "Common 17-41")
#: What Tcl prints below the error at which a script stops.
_ABORTED = "    while executing"
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:: |:?$)")
#: A frame of FINN's driver or of PYNQ: the traceback comes from a board.
_BOARD_FRAME = re.compile(
    r"[/\"](?:pynq/\w|driver(?:_base)?\.py|validate\.py|finn_driver|finn_plus_driver)|\bpynq\b"
)
_MUTED = re.compile(r"Message '([^']+)' appears (\d{1,9}) times and further instances")


#: Lines without any of these point at no cause: what ``Messages`` looks at.
MARKS = (
    *causes.NEEDLES,
    *(f"[{message}]" for message in causes.WARNINGS),
    *severity.WORDS_OF_ERRORS,
    _ABORTED,
    "Common 17-",
)


class MarkedLines:
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
    """The lines of a block of whole lines, as a terminal would show them.

    Escape sequences and noughts are dropped. Of a line that was written over (``\\r``, a progress
    bar) the last text counts.
    """
    odd = "\x1b" in block or "\0" in block
    for line in block[:-1].split("\n") if block else ():
        if odd and ("\x1b" in line or "\0" in line):
            line = clean(line)
        if "\r" in line:
            yield line.rstrip("\r").rpartition("\r")[2]
        else:
            yield line


@cache
def _finder() -> WordsOfLines:
    return WordsOfLines((*causes.NEEDLES, *severity.WORDS))


def words_of(lines: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The words of causes and severities in each line that has any.

    Each distinct line is looked at once, and numbered messages are not: their numbers tell more.
    """
    return _finder().find(
        {
            line
            for line in lines
            # As ``_MESSAGE`` has it: a longer number is none.
            if not line.startswith(_NUMBERED) or not 1 < line.find("]") - line.find("[") <= 81
        }
    )


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
        #: Those of the words that stand in the line to come.
        self.words: tuple[str, ...] = (*causes.NEEDLES, *severity.WORDS)
        self._numbered = True
        #: The step of FINN's builder that runs at the moment.
        self.step: str | None = None
        #: The exception that ended the last traceback, and its line.
        self.exception = ""
        self.exception_line = 0
        #: Where the last Tcl script stopped at an error.
        self.tcl_line = 0
        self._traceback = ""
        self._board = False
        self._last_text = ""

    def skip(self, lines: int | None) -> None:
        """So many lines are left out; None: nobody knows how many."""
        for at, after in self._open:
            self._close(at, after)
        self._open = []
        self._before.clear()
        self._traceback = ""
        self.line += lines or 0
        self._numbered = self._numbered and lines is not None

    @property
    def attentive(self) -> bool:
        """Whether the next lines belong to what was found, whatever stands in them."""
        return bool(self._open or self._traceback)

    def pass_over(self, lines: int) -> None:
        """So many lines, in which nothing of interest stands, are not looked at."""
        self.line += lines
        self._before.clear()

    def count_all(self, counts: Mapping[Severity, int]) -> None:
        """Count messages of lines that are not taken in.

        Args:
            counts: how many there are, by severity.
        """
        for level, number in counts.items():
            if number:
                self._count(_GRADES[level], number)

    def take(self, text: str, level: str | None = None) -> tuple[str, str, str] | None:
        """Take in the next line.

        Args:
            text: the line.
            level: the severity that FINN's logger gave it.

        Returns:
            Severity, id and text if it is a message of AMD's tools.
        """
        self.line += 1
        if self._open:
            self._follow(text)
        message = None
        first = text[:1]
        if first in "IWCE" and first and (match := _MESSAGE.match(text)):
            grade, name, message_text = match.group(1), match.group(2), match.group(3)
            message = (grade, name, message_text)
            self._count(grade)
            if grade != "INFO" or name in _CANCELLED:
                self._weigh(grade, name, text)
            elif name == "Common 17-14":
                self._mute(message_text)
        elif level is not None:
            self._count(level)
        else:
            counted = _GRADES.get(severity.severity_of(text)) if self.words else None
            if counted is not None:
                self._count(counted)
        if message is not None or not first:
            pass
        elif self._traceback:
            self._in_traceback(text)
        elif text == _ABORTED:
            self._on_tcl_abort()
        elif not self.words:
            pass
        elif "Traceback (most recent call last)" in text:
            self._begin_traceback(text)
        elif first != "#" or text.startswith("# A fatal error"):
            # Other lines with a hash are scripts, echoed.
            self.weigh_text(text)
        self._before.append(text)
        if first:
            self._last_text = text
        return message

    def _begin_traceback(self, text: str) -> None:
        """Python's own form, or the frame that rich draws around it."""
        self._traceback = "box" if text[:1] in "\u256d\u250c+" else "plain"
        self._board = False

    def _in_traceback(self, text: str) -> None:
        if text[0] in " \t" or (self._traceback == "box" and text[0] in "\u2502\u2570|+"):
            self._board = self._board or _BOARD_FRAME.search(text) is not None
            return
        # The first line that is not indented is the exception, whatever its class is called.
        self._traceback = ""
        if not _EXCEPTION.match(text):
            self.weigh_text(text)
            return
        self.exception, self.exception_line = text, self.line
        cause = causes.named_by(text) or "exception"
        if self._board and not cause.startswith("board-") and cause != "cancelled":
            cause = "board-error"
        if text in ("AssertionError", "Exception", "RuntimeError"):
            # It says nothing itself: the statement that raised it does.
            text = f"{text}: {self._last_text.strip()}"
        self.point(cause, text)

    def _on_tcl_abort(self) -> None:
        """A script stopped: what stands before says why, unless a message has said it."""
        self.tcl_line = self.line
        if self._last_text and not self._last_text.startswith(("ERROR", "    ", "INFO")):
            self.point(
                causes.named_by(self._last_text) or "tcl-error", self._last_text, self.line - 1
            )

    def _mute(self, text: str) -> None:
        muted = _MUTED.match(text)
        if muted and len(self.muted) < MAX_MUTED:
            self.muted[muted.group(1)] = int(muted.group(2))

    def _count(self, grade: str, number: int = 1) -> None:
        counts = self.counts.get(self.run)
        if counts is None:
            counts = self.counts[self.run] = dict.fromkeys(SEVERITIES, 0)
        counts[grade] += number

    def _weigh(self, grade: str, name: str, text: str) -> None:
        cause = causes.of_warning(name)
        if grade == "ERROR":
            self.last_error = self.line
            cause = causes.of_error(name, text) or self._default
        if cause is not None:
            self.point(cause, text)

    def weigh_text(self, text: str) -> None:
        """Keep a line that is no message if its words point at a cause."""
        cause = causes.named_by(text, self.words)
        if cause is not None:
            self.point(cause, text)

    def point(self, cause: str, text: str, at_line: int | None = None) -> None:
        """Keep a line as evidence of a cause; only the first of each session are kept.

        Args:
            cause: id in ``causes``.
            text: the line.
            at_line: its number, if it is not the one that is being taken in.
        """
        at = (cause, self.session)
        seen = self._per_cause.get(at, 0)
        self._per_cause[at] = seen + 1
        if seen >= PER_CAUSE or len(self._kept) >= 50 * PER_CAUSE:
            return
        around = list(self._before)
        if around and around[-1] == text:  # the line itself, if it was taken in before
            around.pop()
        before = tuple(_short(line) for line in around)
        line = (at_line or self.line) if self._numbered else 0
        if any(
            line == previous.line and cause == previous.cause
            for previous in self._kept[-3:]
            if line
        ):
            return  # it has shown by its own words
        self._kept.append(
            Evidence(cause, line, _short(text, 2000), before, (), self.session, self.run, self.step)
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
        evidence = self._kept[at]
        self._kept[at] = replace(evidence, after=tuple(after))

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
    #: Where a log is long, lines without any of these are only counted (none: any may matter).
    marks: tuple[str, ...] = ()

    def __init__(self, default: str = "tool-error") -> None:
        self._lines = MarkedLines()
        self._messages = Messages(default)
        #: What stands before each line and is not the tool's: time stamps of docker, ``ts``, ...
        self.prefix: re.Pattern[str] | None = None

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""
        self._take(self._lines.feed(data))

    def skip(self, lines: int | None) -> None:
        """Bytes are left out that hold so many line ends; None: nobody has counted them."""
        self._lines.skip()
        self._messages.skip(lines)

    @property
    def attentive(self) -> bool:
        """Whether the next lines belong to what was found, whatever stands in them."""
        return self._messages.attentive

    def count(self, block: bytes) -> None:
        """Count the messages of whole lines that are left out.

        Args:
            block: the lines, each with its end.
        """
        if self.prefix is not None or any(odd in block for odd in (b"\x1b", b"\0", b"\r")):
            lines = split(block.decode("utf-8", "replace"))
            if (prefix := self.prefix) is not None:
                lines = (line[m.end() :] if (m := prefix.match(line)) else line for line in lines)
            block = "\n".join(lines).encode("utf-8", "replace") + b"\n"
        self._messages.count_all(severity.counts(block))

    def skim(self, block: bytes) -> None:
        """Take in whole lines that hold none of ``marks``.

        Args:
            block: the lines, each with its end; the last line that was fed has ended.
        """
        self._messages.pass_over(block.count(b"\n"))
        self.count(block)

    def _take(self, block: str) -> None:
        lines = list(split(block))
        words = words_of(lines)
        for text in lines:
            self._messages.words = words.get(text, ())
            if self.prefix is not None and (before := self.prefix.match(text)):
                text = text[before.end() :]
            self._line(text)

    @abstractmethod
    def _line(self, text: str) -> None:
        """Take in the next line."""

    @property
    def rest(self) -> str:
        """The line that has not ended yet: a prompt, perhaps."""
        return self._lines.rest

    def finish(self) -> ParsedFile:
        """Nothing more will come: take in a last line without an end."""
        self._take(self._lines.end())
        return self.reading()

    @abstractmethod
    def reading(self) -> ParsedFile:
        """Return what was read so far."""
