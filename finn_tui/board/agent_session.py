"""Talking to the agent on a board: a request, a stream of events, an answer."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import secrets
import shlex
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import Progress
from finn_tui.base.text import clean, size
from finn_tui.board import answers
from finn_tui.board.agent.driver import LOCK_SECONDS
from finn_tui.board.agent_zipapp import agent_bytes, agent_name, agent_sha256
from finn_tui.board.answers import Answer, Event, Failed, Log, NoEvent, Working
from finn_tui.board.catalogue import Board
from finn_tui.board.sudo_terminal import PROMPT
from finn_tui.board.transport import Transport
from finn_tui.hosts.transport import RemoteProcess

OnEvent = Callable[[Event], None]


class SudoRefused(FinnTuiError):
    """``sudo`` on a board asks for a password, or takes another one.

    Attributes:
        board: which one.
    """

    def __init__(self, board: Board, detail: str = "") -> None:
        """For a board and what sudo said."""
        self.board = board
        wrong = "incorrect password" in detail
        super().__init__(
            f"sudo on {board.name} asks for a password",
            "The one that was given is not it." if wrong else "The driver must run as root there.",
            "Give the password when asked, or allow it without: add `xilinx ALL=(ALL) NOPASSWD: "
            "ALL` with visudo on the board.",
            kind="board",
            detail=detail,
        )


# A Zynq needs its time to start Python and import the driver.
_FIRST_EVENT = 60.0
_SILENCE = 60.0
# A driver that prints for ever does not get on, whatever it prints: only more images do.
_STALL = 900.0
# Before the first image it may wait for another that uses the board.
_WAIT = LOCK_SECONDS
_LONGEST = 24 * 3600.0
_KEPT_STDERR = 16_000
# What PYNQ images set up for interactive root shells: the virtual environment and XRT.
_PROFILE = "/etc/profile.d/pynq_venv.sh /etc/profile.d/xrt_setup.sh"


class Conversation:
    """A running agent; ask it one thing after the other."""

    def __init__(self, link: Transport, process: RemoteProcess) -> None:
        self._link = link
        self._process = process
        self._stderr = bytearray()
        self._error_bytes = 0
        self._on_event: OnEvent = lambda event: None
        self.reading = asyncio.create_task(self._collect())

    async def ask(
        self,
        request: Mapping[str, Any],
        on_event: OnEvent,
        kind: type[Answer],
        *,
        images: int | None = None,
    ) -> Answer:
        """Send a request, hand on its events and return its answer.

        Args:
            request: see ``finn_tui.board.agent``; ``timeout`` is the accelerator's (seconds).
            on_event: called with each ``hello``, ``log`` and ``progress`` event.
            kind: what the answer must hold.
            images: no more of them can there be to do; None if that is not known.

        Raises:
            FinnTuiError: the agent's own, or that it could not be started, that it answers
                nonsense or not at all, or that the line broke.
        """
        self._on_event = on_event
        with self._link.translated():
            try:
                self._process.write(json.dumps(dict(request)).encode() + b"\n")
                limits = _Limits(
                    float(request.get("timeout", _SILENCE)), int(request.get("batch") or 1), images
                )
                return await self._answer(limits, kind)
            except (_Ended, BrokenPipeError):
                if self._link.is_closed:
                    broke = "the connection ended in the middle of the work"
                    raise ConnectionResetError(broke) from None
                await asyncio.wait((self.reading,), timeout=2)
                await self._process.wait(2)
                if self._is_flooded:
                    raise self._flood() from None
                raise _why(self._link, self._process, self._errors()) from None

    async def _answer(self, limits: _Limits, kind: type[Answer]) -> Answer:
        silence, greeted, received = _FIRST_EVENT, False, 0
        while True:
            line = await self._line(silence)
            received += len(line)
            if received > answers.MOST_BYTES:
                raise self._nonsense(f"it sent more than {answers.MOST_BYTES >> 20} MB")
            try:
                event = answers.decode(line, kind)
                if isinstance(event, Working):
                    limits.take(event)
            except NoEvent as error:
                if greeted and line.startswith(b"{"):
                    raise self._nonsense(str(error), line) from None
                # A login script may print before the agent speaks.
                event = _log(line)
            if isinstance(event, Failed):
                raise event.as_error(self._link.board.name)
            if not isinstance(event, Event):
                return event
            if not isinstance(event, Log):
                greeted, silence = True, limits.silence
            if (why := limits.exceeded()) is not None:
                raise self._nonsense(why, line)
            self._on_event(event)

    async def _line(self, seconds: float) -> bytes:
        """The agent's next line, put together if it is longer than the transport's window."""
        line, errors_before = b"", self._error_bytes
        try:
            async with asyncio.timeout(seconds):
                while not line.endswith(b"\n"):
                    piece = await self._process.readline()
                    line += piece
                    if not piece:
                        break
                    if len(line) > answers.MOST_LINE:
                        raise self._nonsense(f"a line has more than {answers.MOST_LINE >> 20} MB")
        except TimeoutError:
            raise self._unanswered(seconds, self._error_bytes - errors_before) from None
        if not line:
            raise _Ended
        return line

    def _unanswered(self, seconds: float, error_bytes: int) -> FinnTuiError:
        """Why there is no answer.

        Args:
            seconds: that it was waited for.
            error_bytes: what came on the standard error meanwhile.
        """
        if self._is_flooded:
            return self._flood()
        what = f"nothing was heard from {self._link.board.name} for {seconds:g} s"
        why = "The agent that runs the driver there is silent."
        if error_bytes:
            what = f"{self._link.board.name} has not answered for {seconds:g} s"
            why = f"All that came is {size(error_bytes)} on the agent's standard error."
        fix = "Try again; if it stays so, restart the board."
        return FinnTuiError(what, why, fix, kind="board", detail=self._errors())

    @property
    def _is_flooded(self) -> bool:
        """Whether more came on the standard error than is read."""
        return self._error_bytes > answers.MOST_BYTES

    def _flood(self) -> FinnTuiError:
        return self._nonsense(f"it sent more than {answers.MOST_BYTES >> 20} MB of error messages")

    def _errors(self) -> str:
        """The end of what came on the standard error."""
        return clean(self._stderr.decode("utf-8", "replace"))

    def _nonsense(self, why: str, line: bytes = b"") -> FinnTuiError:
        return FinnTuiError(
            f"{self._link.board.name} answered something that cannot be right",
            clean(why),
            "Nothing of it was recorded. Try again; if it stays so, look at the board's log.",
            kind="board",
            detail=_log(line).text,
        )

    async def _collect(self) -> None:
        # A line that broke is the answer's to tell.
        with contextlib.suppress(FinnTuiError), self._link.translated():
            while line := await self._process.read_error():
                self._error_bytes += len(line)
                if self._is_flooded:
                    self._process.close()
                    return
                self._stderr += line
                del self._stderr[:-_KEPT_STDERR]
                self._on_event(_log(line))


class _Limits:
    """How long a request may take, by what it is and how far it has come.

    Attributes:
        silence: seconds that may pass without any event.
    """

    def __init__(self, patience: float, batch: int, images: int | None) -> None:
        """Begin now.

        Args:
            patience: seconds for a batch.
            batch: its images.
            images: no more of them can there be to do; None if that is not known.
        """
        self.silence = max(_SILENCE, patience + 30.0)
        self._batch = max(1, batch)
        self._course = answers.Course(images)
        self._clock = asyncio.get_running_loop().time
        self._began = self._moved = self._clock()

    def take(self, event: Working) -> None:
        """See how far the work is. Raises ``NoEvent`` if its numbers cannot be."""
        if self._course.take(event):
            self._moved = self._clock()

    def exceeded(self) -> str | None:
        """Why it has taken too long; None if it has not."""
        course, now = self._course, self._clock()
        stall = max(_STALL, 2 * self.silence)
        if now - self._moved > stall + (0.0 if course.done else _WAIT):
            far = f" after {course.done:,} images" if course.done else ""
            return f"it speaks, but the work does not get on{far}"
        batches = -(-(course.total or 0) // self._batch)
        whole = _WAIT + stall + batches * self.silence
        if now - self._began > min(_LONGEST, whole):
            return f"it has taken {(now - self._began) / 3600:.1f} h, longer than its batches may"
        return None


def _log(line: bytes) -> Log:
    return Log(clean(line[:4000].decode("utf-8", "replace")).rstrip())


class _Ended(Exception):
    """The agent's output ended before its answer."""


def starting(link: Transport, job: str) -> Progress:
    """What is told before an agent is started, which takes a Zynq half a minute."""
    return Progress(job, f"starting the driver on {link.board.name}")


@contextlib.asynccontextmanager
async def conversation(link: Transport) -> AsyncIterator[Conversation]:
    """An agent on the board for as long as the block lasts; it is put there if need be.

    It ends, and the driver with it, when the block ends in whatever way.

    Raises:
        FinnTuiError: the agent cannot be brought or started.
    """
    with link.translated():
        await _bring_agent(link)
        process = await link.stream(_command(link))
    talk = Conversation(link, process)
    try:
        if link.board.sudo:
            # For sudo's terminal, see sudo_terminal; never an argument, and never echoed.
            process.write((link.sudo_password or "").encode() + b"\n")
        yield talk
    finally:
        talk.reading.cancel()
        process.close()


def as_board(link: Transport, board: Board) -> Transport:
    """The same connection, with the agent started as another entry of boards.toml says."""
    other = copy.copy(link)
    other.board = board
    return other


def _command(link: Transport) -> str:
    board = link.board
    script = (
        f"cd -- {shlex.quote(board.folder)} || exit 1; "
        f'for f in {_PROFILE}; do [ -r "$f" ] && . "$f"; done; '
        f"exec {shlex.quote(board.interpreter)} -u {agent_name()}"
    )
    command = f"bash -c {shlex.quote(script)}"
    if not board.sudo:
        return command
    # sudo keeps the working directory, so that a folder below the user's home is found. -k: a
    # password that was given a moment ago says nothing about this one.
    words = ["-k", "-p", PROMPT.decode()] if link.sudo_password else ["-n"]
    source = Path(__file__).with_name("sudo_terminal.py").read_text(encoding="utf-8")
    program = ["python3", "-c", source, "sudo", *words, "--"]
    return f"{shlex.join(program)} {command}"


async def _bring_agent(link: Transport) -> None:
    """Make sure that the agent on the board is ours to the byte: it is started, perhaps as root."""
    files = await link.files(link.board.folder)
    path = f"{link.board.folder}/{agent_name()}"
    is_there = await files.size(path) == len(agent_bytes())
    if is_there and await files.sha256([path]) == [agent_sha256()]:
        return
    # Two terminals may bring it at the same time; each its own way, and the same bytes.
    part = f"{path}.{secrets.token_hex(4)}.part"
    await files.write(part, agent_bytes())
    await files.rename(part, path)
    if await files.sha256([path]) != [agent_sha256()]:
        raise FinnTuiError(
            f"the agent did not arrive on {link.board.name} as it was sent",
            f"The SHA-256 of {path} is another one; it was not started.",
            "The board's SD card may be failing; try again.",
            kind="board",
        )


def _why(link: Transport, process: RemoteProcess, stderr: str) -> FinnTuiError:
    """What an agent's early end means."""
    board = link.board
    last = next((line for line in reversed(stderr.splitlines()) if line.strip()), "")
    if ("sudo:" in stderr and "password" in stderr) or "incorrect password" in stderr:
        return SudoRefused(board, stderr)
    if process.exit_status in (126, 127) or "No such file or directory" in last:
        return FinnTuiError(
            f"{board.interpreter} cannot be started on {board.name}",
            last,
            "Set python for this board in boards.toml, e.g. /usr/local/share/pynq-venv.",
            kind="board",
            detail=stderr,
        )
    return FinnTuiError(
        f"the agent on {board.name} ended early",
        last
        or (
            "A signal ended it."
            if process.exit_status is None
            else f"Its exit status was {process.exit_status}."
        ),
        "The board may have run out of memory; look at `dmesg` there.",
        kind="board",
        detail=stderr,
    )
