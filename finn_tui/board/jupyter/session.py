"""Talking to the runner on a board (``runner``) over a terminal: many things over one line."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import itertools
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import clean
from finn_tui.board.catalogue import Board
from finn_tui.board.jupyter.http import translated
from finn_tui.board.jupyter.terminal import Terminal

#: For the shell and Python to start; a Zynq needs its time.
_START_SECONDS = 60.0
#: How often the runner hears of us.
PING_SECONDS = 5.0
#: For how long it waits for that; then it ends, and its commands with it.
SILENCE_SECONDS = 30.0
_MOST_GREETING = 1 << 20
_MOST_LINE = 1 << 20
# A line of output is given out in pieces of this size at most.
_PIECE = 1 << 18
# What one message types; the terminal is read as fast as it can be.
_TYPED = 1 << 16

# Raw: nothing is echoed, no key has a meaning. The mark is put together there, so that the shell's
# echo of this very line is not mistaken for it.
_BOOTSTRAP = (
    ' unset HISTFILE; exec python3 -uc "import sys,tty,base64;tty.setraw(0);'
    "sys.stdout.write('{half}'+'{other}'+chr(10));sys.stdout.flush();"
    'exec(base64.b64decode(sys.stdin.buffer.readline()))"\n'
)


class _Line(msgspec.Struct):
    """What the runner says; fields that it does not use are left out."""

    id: int
    value: Any = None
    error: str | None = None
    errno: int | None = None
    out: bytes | None = None
    err: bytes | None = None
    exit: int | None = None
    hello: str | None = None


_DECODER = msgspec.json.Decoder(_Line)


class RunnerError(Exception):
    """A request about files failed on the board.

    Attributes:
        number: the error's number there (errno).
    """

    def __init__(self, text: str, number: int) -> None:
        super().__init__(text)
        self.number = number


class Session:
    """The line to a runner.

    Attributes:
        board: where it runs.
        python: its version of Python.
    """

    def __init__(self, board: Board, terminal: Terminal) -> None:
        self.board = board
        self.python = ""
        self._terminal = terminal
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._processes: dict[int, RunnerProcess] = {}
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._greeted: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._broken: Exception | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the line has ended."""
        return self._broken is not None or self._terminal.is_closed

    async def ask(self, operation: str, **arguments: Any) -> Any:
        """Have the runner do something with files and return its answer.

        Raises:
            RunnerError: it could not.
            ConnectionError: the line broke.
        """
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            self.send(id=number, op=operation, **arguments)
            return await answer
        finally:
            del self._answers[number]

    def start(self, command: str) -> RunnerProcess:
        """Start a command line of the shell."""
        number = next(self._numbers)
        process = RunnerProcess(self, number)
        self.send(id=number, op="start", command=command)
        self._processes[number] = process
        return process

    def send(self, **fields: Any) -> None:
        """Send a line to the runner. Raises ``ConnectionError`` if there is no line any more."""
        if self._broken is not None:
            raise ConnectionResetError(str(self._broken))
        self._outgoing.put_nowait(json.dumps(fields).encode("ascii") + b"\n")

    async def run(self) -> None:
        """Send and receive until the line ends; everything that waits is told why."""
        ended: Exception = ConnectionResetError("its terminal ended")
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(work) for work in (self._write(), self._read(), self._ping())
                ]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
        except* (OSError, FinnTuiError) as errors:
            ended = errors.exceptions[0]
        finally:
            self._end(ended)

    def _end(self, error: Exception) -> None:
        self._broken = error
        for waiting in (self._greeted, *self._answers.values()):
            if not waiting.done():
                waiting.set_exception(error)
                # Nobody may wait for it any more, which is no reason to complain.
                waiting.exception()
        for process in list(self._processes.values()):
            process.end(None)
        self._processes.clear()

    async def _write(self) -> None:
        while True:
            data = await self._outgoing.get()
            while len(data) < _TYPED and not self._outgoing.empty():
                data += self._outgoing.get_nowait()
            for start in range(0, len(data), _TYPED):
                await self._terminal.send(data[start : start + _TYPED].decode("ascii"))

    async def _ping(self) -> None:
        while True:
            self._outgoing.put_nowait(
                json.dumps({"op": "ping", "silence": SILENCE_SECONDS}).encode() + b"\n"
            )
            await asyncio.sleep(PING_SECONDS)

    async def _read(self) -> None:
        partial = ""
        while text := await self._terminal.read():
            *lines, partial = (partial + text).split("\n")
            for line in lines:
                self._take(line)
            if len(partial) > _MOST_LINE:
                raise self._nonsense(f"A line has more than {_MOST_LINE >> 20} MB.")

    def _take(self, line: str) -> None:
        # What others print on this terminal, as the news that the machine goes down, is no line.
        if not line.startswith("{"):
            return
        try:
            said = _DECODER.decode(line.encode("utf-8", "replace"))
        except (msgspec.MsgspecError, RecursionError) as error:
            raise self._nonsense(str(error)) from error
        if said.hello is not None and not self._greeted.done():
            self._greeted.set_result(clean(said.hello))
        answer = self._answers.get(said.id)
        if answer is not None and not answer.done():
            if said.error is None:
                answer.set_result(said.value)
            else:
                answer.set_exception(RunnerError(clean(said.error), said.errno or 0))
        process = self._processes.get(said.id)
        if process is not None:
            process.take(said.out, said.err)
            if said.exit is not None:
                process.end(said.exit)
                del self._processes[said.id]

    def _nonsense(self, why: str) -> FinnTuiError:
        return FinnTuiError(
            f"{self.board.name} answered something that cannot be right",
            clean(why),
            "Something else may print on its terminals. Try again.",
            kind="board",
        )

    async def greet(self) -> None:
        """Start the runner in the terminal's shell.

        Raises:
            FinnTuiError: it does not start.
        """
        half, other = secrets.token_hex(4), secrets.token_hex(4)
        seen = ""
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._terminal.resize(1000, 24)
                await self._terminal.send(_BOOTSTRAP.format(half=half, other=other))
                while half + other not in seen:
                    text = await self._terminal.read()
                    seen = (seen + text)[-_MOST_GREETING:]
                    if not text:
                        raise EOFError
        except (TimeoutError, EOFError) as error:
            last = next((x for x in reversed(clean(seen).splitlines()) if x.strip()), "")
            raise FinnTuiError(
                f"the terminal of {self.board.name} starts no Python",
                last[:300] or f"Nothing was heard for {_START_SECONDS:g} s.",
                "`python3` must be there: open a terminal in the board's Jupyter and try it.",
                kind="board",
                detail=clean(seen[-4000:]),
            ) from error
        source = Path(__file__).with_name("runner.py")
        content = await asyncio.to_thread(source.read_bytes)
        self._outgoing.put_nowait(base64.b64encode(content) + b"\n")

    async def greeting(self) -> None:
        """Wait until the runner runs."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                self.python = await self._greeted
        except TimeoutError as error:
            raise self._nonsense("Its Python says nothing.") from error

    def leave(self, number: int) -> None:
        """Have a command ended."""
        if self._broken is None:
            self.send(id=number, op="close")


class RunnerProcess:
    """A command that the runner started; see ``transport.RemoteProcess``."""

    def __init__(self, session: Session, number: int) -> None:
        self.exit_status: int | None = None
        self._session = session
        self._number = number
        self._pipes = {"out": _Pipe(), "err": _Pipe()}
        self._ended = asyncio.Event()

    def take(self, out: bytes | None, err: bytes | None) -> None:
        """What it printed."""
        for name, data in (("out", out), ("err", err)):
            if data:
                self._pipes[name].feed(data)

    def end(self, status: int | None) -> None:
        """It has ended, or the line to it."""
        self.exit_status = status
        for pipe in self._pipes.values():
            pipe.end()
        self._ended.set()

    def write(self, data: bytes) -> None:
        """See ``RemoteProcess``."""
        if self._ended.is_set():
            raise BrokenPipeError("it has ended")
        for start in range(0, len(data), _TYPED):
            piece = base64.b64encode(data[start : start + _TYPED]).decode("ascii")
            self._session.send(id=self._number, op="in", data=piece)

    async def readline(self) -> bytes:
        """See ``RemoteProcess``."""
        return await self._taken("out", line=True)

    async def read_error(self) -> bytes:
        """See ``RemoteProcess``."""
        return await self._taken("err", line=True)

    async def read(self, name: str) -> bytes:
        """What a stream ("out" or "err") holds; b"" at its end."""
        return await self._taken(name, line=False)

    async def _taken(self, name: str, *, line: bool) -> bytes:
        data = await self._pipes[name].read(line=line)
        if data and not self._ended.is_set():
            with contextlib.suppress(ConnectionError):
                self._session.send(id=self._number, op="got", stream=name, count=len(data))
        return data

    async def wait(self, seconds: float) -> None:
        """See ``RemoteProcess``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()

    def end_input(self) -> None:
        """It gets nothing more."""
        self._session.send(id=self._number, op="eof")

    def close(self) -> None:
        """See ``RemoteProcess``."""
        if not self._ended.is_set():
            self._session.leave(self._number)


class _Pipe:
    """Bytes that have come and were not taken; the runner sends no more than its window."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._at_end = False
        self._news = asyncio.Event()

    def feed(self, data: bytes) -> None:
        self._data += data
        self._news.set()

    def end(self) -> None:
        self._at_end = True
        self._news.set()

    async def read(self, *, line: bool) -> bytes:
        searched = 0
        while True:
            end = self._data.find(b"\n", searched) + 1 if line else len(self._data)
            if not end and (self._at_end or len(self._data) >= _PIECE):
                end = len(self._data)
            if end or self._at_end:
                piece = bytes(self._data[:end])
                del self._data[:end]
                return piece
            searched = len(self._data)
            self._news.clear()
            await self._news.wait()


@contextlib.asynccontextmanager
async def session(board: Board, terminal: Terminal) -> AsyncIterator[Session]:
    """A runner on the board for as long as the block lasts.

    Raises:
        FinnTuiError: it does not start.
    """
    line = Session(board, terminal)
    with translated(board):
        await line.greet()
    running = asyncio.create_task(line.run())
    try:
        with translated(board):
            await line.greeting()
        yield line
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        # It ends at once, and its commands with it, instead of when its terminal does.
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(1):
                await terminal.send('{"op": "bye"}\n')


NO_SUCH = (errno.ENOENT, errno.ENOTDIR)
