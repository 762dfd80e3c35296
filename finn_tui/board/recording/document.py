"""The file of a recorded board session: JSON lines of checked types and sizes.

It holds what the agent said and when, and hashes and sizes of the files that a deploy looked at and
sent; no file contents, no addresses, no passwords. See docs/boards.md.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import clean

FORMAT = 1
#: Bytes of a recording; a test set of 10,000 images with 100 outputs each needs 6 MB.
MOST_BYTES = 64 << 20
#: Entries of a recording, and bytes of a line: an answer of the agent, quoted once more.
MOST_ENTRIES, MOST_LINE = 1_000_000, 40 << 20
#: Bytes of a command's output that are kept.
MOST_OUTPUT = 64 << 10

#: What an agent's request has that says nothing of what is asked.
_VOLATILE = frozenset(
    {"who", "timeout", "base", "folder", "driver_folder", "bitfile", "bitfile_sha256", "flavour"}
)

_Time = Annotated[float, Meta(ge=0.0, le=1e7)]
_Size = Annotated[int, Meta(ge=0, le=1 << 40)]
_Path = Annotated[str, Meta(max_length=2000)]
_Text = Annotated[str, Meta(max_length=2000)]
_Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Number = Annotated[int, Meta(ge=0, le=1_000_000)]


class Header(msgspec.Struct, tag_field="kind", tag="recording"):
    """The first line.

    Attributes:
        format: version of the form.
        finn_tui: version of finn-tui.
        time: when it began, UTC.
        board: the board's name.
        simulated: whether it has no FPGA.
    """

    format: int
    finn_tui: _Text = ""
    time: _Text = ""
    board: _Text = ""
    simulated: bool = False


class FileSeen(msgspec.Struct, tag_field="kind", tag="file"):
    """What lay at a path below the board's folder at the first look; size null for nothing."""

    t: _Time
    path: _Path
    size: _Size | None = None


class FileHashed(msgspec.Struct, tag_field="kind", tag="hash"):
    """The SHA-256 that the board computed; null for a file that it could not read."""

    t: _Time
    path: _Path
    sha256: _Hash | None = None


class FileSent(msgspec.Struct, tag_field="kind", tag="sent"):
    """Bytes that were written to a file, in how many seconds; hash null where it was continued."""

    t: _Time
    path: _Path
    size: _Size
    seconds: _Time
    sha256: _Hash | None = None


class FileRenamed(msgspec.Struct, tag_field="kind", tag="rename"):
    """A file took another's place."""

    t: _Time
    path: _Path
    target: _Path


class CommandRan(msgspec.Struct, tag_field="kind", tag="command"):
    """A command with its answer."""

    t: _Time
    command: Annotated[list[_Text], Meta(max_length=1000)]
    status: int
    seconds: _Time
    out: Annotated[str, Meta(max_length=2 * MOST_OUTPUT)] = ""
    err: Annotated[str, Meta(max_length=2 * MOST_OUTPUT)] = ""


class Asked(msgspec.Struct, tag_field="kind", tag="ask"):
    """A request to the agent.

    Attributes:
        ask: its number in the recording.
        key: hash of what was asked, see ``request_key``.
        what: the same for people.
        package: SHA-256 of the bitstream; null where none was used.
    """

    t: _Time
    ask: _Number
    key: _Hash
    what: _Text
    package: _Hash | None = None


class Line(msgspec.Struct, tag_field="kind", tag="line"):
    """A line that the agent printed: its standard output, or (``error``) its standard error."""

    t: _Time
    ask: _Number
    text: str
    error: bool = False


class AgentEnded(msgspec.Struct, tag_field="kind", tag="exit"):
    """The agent ended by itself; ``lost`` where the connection broke."""

    t: _Time
    ask: _Number
    status: int | None = None
    lost: bool = False


class End(msgspec.Struct, tag_field="kind", tag="end"):
    """The last line; ``cut`` where the recording became too large."""

    t: _Time
    cut: bool = False


Entry = (
    FileSeen | FileHashed | FileSent | FileRenamed | CommandRan | Asked | Line | AgentEnded | End
)
_HEADER: msgspec.json.Decoder[Header] = msgspec.json.Decoder(Header)
_ENTRY: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


@dataclass
class Exchange:
    """A request with everything that the agent said to it, times in seconds from the request."""

    asked: Asked
    lines: list[tuple[float, bytes]] = field(default_factory=list)
    errors: list[tuple[float, bytes]] = field(default_factory=list)
    end: AgentEnded | None = None


@dataclass
class Recording:
    """A recording, read.

    Attributes:
        path: its file.
        header: what it is of.
        entries: those about files and commands, in order.
        exchanges: with the agent, in order.
        complete: whether the session was recorded to its end.
    """

    path: Path
    header: Header
    entries: list[Entry] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    complete: bool = False


def request_key(request: Mapping[str, Any]) -> str:
    """A hash of what is asked, the same for a package in whatever run folder."""
    folder = str(request.get("folder") or "")
    asked = {key: value for key, value in request.items() if key not in _VOLATILE}
    text = json.dumps(asked, sort_keys=True)
    if folder:
        text = text.replace(json.dumps(folder)[1:-1] + "/", "run/")
    return hashlib.sha256(text.encode()).hexdigest()


def request_text(request: Mapping[str, Any]) -> str:
    """What is asked, for people."""
    text = str(request.get("do"))
    if isinstance(indices := request.get("indices"), list):
        text += f" of {len(indices):,} image{'s' if len(indices) != 1 else ''}"
        text += f", {request.get('batch', 1)} at a time"
    if isinstance(batches := request.get("batches"), list):
        text += f" of batches {', '.join(map(str, batches))}"
    return clean(text)[:2000]


def read_header(path: Path) -> Header:
    """Read what a recording is of. Raises ``FinnTuiError`` if the file is no recording."""
    header = next(_read(path, 1))[1]
    assert isinstance(header, Header)
    return header


def read(path: Path) -> Recording:
    """Read a recording.

    Raises:
        FinnTuiError: it cannot be read, is too large, or is no recording.
    """
    recording: Recording | None = None
    by_number: dict[int, Exchange] = {}
    for number, entry in _read(path, MOST_ENTRIES):
        if recording is None:
            assert isinstance(entry, Header)
            recording = Recording(path, entry)
            continue
        match entry:
            case Asked():
                if entry.ask in by_number:
                    raise _refused(path, f"line {number}: request {entry.ask} is there twice")
                by_number[entry.ask] = Exchange(entry)
                recording.exchanges.append(by_number[entry.ask])
            case Line() | AgentEnded():
                exchange = by_number.get(entry.ask)
                if exchange is None:
                    raise _refused(path, f"line {number}: there is no request {entry.ask}")
                if isinstance(entry, AgentEnded):
                    exchange.end = entry
                else:
                    after = max(0.0, entry.t - exchange.asked.t)
                    kept = exchange.errors if entry.error else exchange.lines
                    kept.append((after, entry.text.encode("utf-8", "replace") + b"\n"))
            case End():
                recording.complete = not entry.cut
            case FileSeen() | FileHashed() | FileSent() | FileRenamed() | CommandRan():
                recording.entries.append(entry)
    assert recording is not None
    return recording


def _read(path: Path, most: int) -> Iterator[tuple[int, Header | Entry]]:
    """The lines of a recording with their numbers, decoded; the first is the header."""
    try:
        status = path.stat()
        # A pipe would never end.
        if not stat.S_ISREG(status.st_mode):
            raise _refused(path, "it is no regular file")
        if status.st_size > MOST_BYTES + MOST_LINE:
            raise _refused(path, f"it has {status.st_size:,} bytes of at most {MOST_BYTES:,}")
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MOST_LINE + 1):
                number += 1
                if len(line) > MOST_LINE or number > MOST_ENTRIES:
                    raise _refused(path, f"line {number}: it is too long, or one too many")
                if not line.endswith(b"\n") and number > 1:
                    # The session was ended while it was written.
                    return
                yield number, _decoded(path, number, line)
                if number >= most:
                    return
            if not number:
                raise _refused(path, "it is empty")
    except FileNotFoundError:
        raise FinnTuiError(
            f"there is no recording {path}",
            "go, deploy, execute, throughput and validate make one with --record FILE.",
            "Name its file: --to replay:FILE.",
        ) from None
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error


def _decoded(path: Path, number: int, line: bytes) -> Header | Entry:
    try:
        if number > 1:
            return _ENTRY.decode(line)
        header = _HEADER.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _refused(path, f"line {number}: {clean(str(error))[:300]}") from error
    if header.format != FORMAT:
        raise _refused(path, f"its format is {header.format}, and this finn-tui knows {FORMAT}")
    for name in ("finn_tui", "time", "board"):
        setattr(header, name, clean(getattr(header, name))[:100])
    return header


def _refused(path: Path, why: str) -> FinnTuiError:
    return FinnTuiError(
        f"{path} is no recording of a board session",
        f"{why[:1].upper()}{why[1:]}.",
        "Record the session again: finn-tui go RUN --to BOARD --record FILE.",
        kind="input",
    )
