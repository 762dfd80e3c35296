"""A recorded board session in place of a board: nothing is connected to, nothing is measured.

What is asked is looked up in the recording by what it is, not by its order, so that a single step
can be replayed of a session that did all. Another package or another request than the recorded one
is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.base.text import clean
from finn_tui.board.agent_zipapp import agent_name
from finn_tui.board.catalogue import Board, replay_name
from finn_tui.board.recording.document import (
    CommandRan,
    Exchange,
    Recording,
    read,
    request_key,
    request_text,
)
from finn_tui.board.recording.pace import Pace
from finn_tui.board.recording.replayed_files import RecordedState, ReplayedFiles
from finn_tui.board.transport import Transport
from finn_tui.hosts.remote_files import RemoteFiles
from finn_tui.hosts.transport import Console, RemoteProcess

#: Requests that are named where another one is asked for.
_NAMED = 6


@contextlib.asynccontextmanager
async def connect(
    board: Board, on_progress: OnProgress = ignore, pace: Pace | None = None
) -> AsyncIterator[Transport]:
    """The transport of a board that is a recording.

    Args:
        board: with ``recording`` and ``replay_speed``.
        on_progress: told what is replayed.
        pace: how fast, to be changed meanwhile; None for the board's own speed.

    Raises:
        FinnTuiError: the file is no recording.
    """
    recording = await asyncio.to_thread(read, board.recording_path)
    header = recording.header
    on_progress(
        Progress(
            "board", f"REPLAY of {recording.path.name}: board {header.board}, {header.time[:10]}"
        )
    )
    replayed = replace(
        board,
        name=replay_name(recording.path),
        stand_in=header.simulated,
        sudo=False,
        keep=0,
    )
    yield ReplayLink(replayed, recording, pace or Pace(board.replay_speed))


class ReplayLink:
    """The transport over a recording; see ``Transport``."""

    def __init__(self, board: Board, recording: Recording, pace: Pace) -> None:
        self.machine = board.machine
        self.board = board
        self.sudo_password: str | None = None
        self.recording = recording
        self.pace = pace
        self._state = RecordedState.of(recording)
        self._files = ReplayedFiles(self, board.folder, self._state, self.pace)
        self._used: set[int] = set()
        self._commands: set[int] = set()
        self.lost = False

    @property
    def is_closed(self) -> bool:
        """See ``Transport``."""
        return self.lost

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """See ``Transport``."""
        try:
            yield
        except OSError as error:
            raise FinnTuiError(
                f"the connection to {self.board.name} broke",
                f"It did so in the recording. {error}",
                "Record the session again.",
                kind="board",
            ) from error

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """See ``Transport``."""
        words = [word.replace(self.board.folder, "{folder}") for word in command]
        alike = [
            (at, entry)
            for at, entry in enumerate(self.recording.entries)
            if isinstance(entry, CommandRan) and entry.command == words
        ]
        if not alike:
            return 127, b"", b"the recording has no answer to this command"
        at, entry = next((each for each in alike if each[0] not in self._commands), alike[-1])
        self._commands.add(at)
        await self.pace.wait(entry.seconds)
        return entry.status, entry.out.encode(), entry.err.encode()

    async def stream(self, command: str) -> RemoteProcess:
        """See ``Transport``."""
        # The only other one is the lock that a deploy holds; nobody else deploys to a recording.
        return _ReplayedAgent(self) if agent_name() in command else _HeldLock()

    async def files(self, base: str) -> RemoteFiles:
        """See ``Transport``."""
        return self._files

    async def console(self, columns: int, rows: int) -> Console:
        """See ``Transport``."""
        raise FinnTuiError(
            f"{self.board.name} has no terminal",
            "It is a recording, and none was recorded.",
            "Open the terminal of a board.",
            kind="board",
        )

    def exchange(self, request: dict[str, object]) -> Exchange:
        """The recorded answer to a request.

        Raises:
            FinnTuiError: the recording is of another package, or holds no such request.
        """
        exchanges, name = self.recording.exchanges, self.recording.path.name
        package = request.get("bitfile_sha256")
        recorded = {each.asked.package for each in exchanges} - {None}
        if package and recorded and package not in recorded:
            raise FinnTuiError(
                f"the recording {name} is of another bitstream",
                f"SHA-256 {str(package)[:12]}... is asked for; recorded is "
                f"{', '.join(sorted(str(each)[:12] + '...' for each in recorded)[:_NAMED])}.",
                "Replay the run that was recorded, or record this one: --to BOARD --record FILE.",
                kind="board",
            )
        key = request_key(request)
        alike = [
            at
            for at, each in enumerate(exchanges)
            if each.asked.key == key and each.asked.package in (None, package)
        ]
        if not alike:
            there = ", ".join(clean(each.asked.what)[:80] for each in exchanges[:_NAMED])
            raise FinnTuiError(
                f"the recording {name} holds no {request_text(request)}",
                f"It holds: {there or 'nothing that was asked of the agent'}.",
                "Ask for what was recorded (the same data set, --limit and --batch), or record it: "
                "--to BOARD --record FILE.",
                kind="board",
            )
        at = next((each for each in alike if each not in self._used), alike[-1])
        self._used.add(at)
        return exchanges[at]


class _ReplayedAgent:
    """The recorded agent: says what was said, when it was said after a request."""

    def __init__(self, link: ReplayLink) -> None:
        self._link = link
        self._lines: deque[tuple[float, bytes]] = deque()
        self._errors: deque[tuple[float, bytes]] = deque()
        self._exchange: Exchange | None = None
        self._asked = asyncio.Event()
        self._more_errors = asyncio.Event()
        self._closed = self._ended = False
        #: Of output and errors: when the last line was said in the recording, and is said here.
        self._last: dict[bool, tuple[float, float]] = {}
        self.exit_status: int | None = None

    def write(self, data: bytes) -> None:
        """See ``RemoteProcess``."""
        self._exchange = self._link.exchange(json.loads(data))
        now = self._link.pace.now()
        self._last = {False: (0.0, now), True: (0.0, now)}
        self._lines = deque(self._exchange.lines)
        self._errors = deque(self._exchange.errors)
        self._asked.set()
        self._more_errors.set()

    async def readline(self) -> bytes:
        """See ``RemoteProcess``."""
        await self._asked.wait()
        if self._lines:
            return await self._due(*self._lines.popleft(), error=False)
        self._ended = True
        self._more_errors.set()
        end = self._exchange.end if self._exchange is not None else None
        if end is not None and end.lost:
            self._link.lost = True
        elif end is not None:
            self.exit_status = end.status
        elif not self._closed:
            raise FinnTuiError(
                f"the recording {self._link.recording.path.name} ends here",
                "The session was ended, or became too large, while it was recorded.",
                "Record it again, or replay a shorter part.",
                kind="board",
            )
        return b""

    async def read_error(self) -> bytes:
        """See ``RemoteProcess``."""
        while True:
            if self._errors:
                return await self._due(*self._errors.popleft(), error=True)
            if self._closed or self._ended:
                return b""
            self._more_errors.clear()
            await self._more_errors.wait()

    async def wait(self, seconds: float) -> None:
        """See ``RemoteProcess``."""

    def close(self) -> None:
        """See ``RemoteProcess``."""
        self._closed = True
        self._asked.set()
        self._more_errors.set()

    async def _due(self, after: float, line: bytes, *, error: bool) -> bytes:
        """A line when its time has come."""
        before, due = self._last[error]
        due += max(0.0, after - before)
        self._last[error] = (max(before, after), due)
        await self._link.pace.until(due)
        return line


class _HeldLock:
    """The lock of a deploy."""

    exit_status: int | None = None

    def write(self, data: bytes) -> None:
        """See ``RemoteProcess``."""

    async def readline(self) -> bytes:
        """See ``RemoteProcess``."""
        return b"held\n"

    async def read_error(self) -> bytes:
        """See ``RemoteProcess``."""
        return b""

    async def wait(self, seconds: float) -> None:
        """See ``RemoteProcess``."""

    def close(self) -> None:
        """See ``RemoteProcess``."""
