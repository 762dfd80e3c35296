"""The terminal's end of the wire to FINN: starting the engine, asking it, ending it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.base.text import clean
from finn_tui.engine import protocol
from finn_tui.engine.archive import engine_archive
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.engine.file_exchange import PATHS, FileExchange, OnEvent
from finn_tui.engine.line import LineLost, repeated
from finn_tui.engine.messages import (
    MOST_LOG,
    Nonsense,
    checked,
    does_not_answer,
    does_not_start,
    engine_ended,
    line_text,
    not_understood,
    other_protocol,
)
from finn_tui.engine.process import EngineProcess, LocalProcess, error_lines
from finn_tui.hosts import shared

if TYPE_CHECKING:
    from finn_tui.hosts.pool import HostPool

OnLog = Callable[[str, str], None]

#: FINN's imports take 5 to 13 s on a slow machine; the server says hello before them.
HELLO_SECONDS = 60.0
#: The entry point of FINN's image installs packages before it starts what it is given.
IMAGE_SECONDS = 600.0
#: A cancelled request ends at its next progress report; what does not is ended with the process.
CANCEL_SECONDS = 20.0
#: An engine answers a ping even while FINN works. One that was asked and says nothing for so long
#: is stopped, stuck or no engine; a transformation may hold the interpreter for a while.
SILENCE_SECONDS = 180.0
#: How often a silent engine is asked.
PING_SECONDS = 20.0


@dataclass
class _Pending:
    method: str
    answer: asyncio.Future[Any]
    on_event: OnEvent | None


def _look_at(answer: asyncio.Future[Any]) -> None:
    """Look at a failure that perhaps nobody waits for: asyncio prints one that nobody has seen."""
    if not answer.cancelled():
        answer.exception()


class Engine:
    """One engine process. Requests are worked on in order; a crash fails those in hand.

    Use as an async context manager, or call ``close``.
    """

    def __init__(
        self,
        spec: EngineSpec,
        on_log: OnLog | None = None,
        pool: HostPool | None = None,
        on_progress: OnProgress = ignore,
    ) -> None:
        """Begin without a process.

        Args:
            spec: which engine.
            on_log: gets what it logs: level and text.
            pool: connections to hosts; None takes those of this process.
            on_progress: told what the connection to its host waits for.
        """
        self.spec = spec
        self._pool = pool
        self._own_pool: HostPool | None = None
        self._held = contextlib.AsyncExitStack()
        self._on_progress = on_progress
        self.hello: dict[str, Any] = {}
        self._on_log = on_log
        self._process: EngineProcess | None = None
        self._reader: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None
        self._pending: dict[int, _Pending] = {}
        self._next_id = 0
        self._said: deque[str] = deque(maxlen=60)
        self._insisting: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Lock()
        self._watcher: asyncio.Task[None] | None = None
        self._heard = 0.0
        self._killed_because = ""
        self._greeted: asyncio.Future[None] | None = None

    @classmethod
    async def start(
        cls,
        spec: EngineSpec,
        on_log: OnLog | None = None,
        pool: HostPool | None = None,
        on_progress: OnProgress = ignore,
    ) -> Engine:
        """Start an engine and wait for its hello.

        Raises:
            FinnTuiError: it does not start, or speaks another protocol (kind "engine").
        """
        engine = cls(spec, on_log, pool, on_progress)
        try:
            await engine._ensure_running()
        except BaseException:
            await engine._let_go()
            raise
        return engine

    @property
    def running(self) -> bool:
        """Whether the process is alive and has said hello."""
        return self._process is not None and self._process.exit_code is None and bool(self.hello)

    async def call(
        self, method: str, params: dict[str, Any] | None = None, on_event: OnEvent | None = None
    ) -> Any:
        """Ask and wait for the answer; starts the process again if it has died before.

        Cancelling the caller cancels the request in the engine. Paths in ``params`` are of this
        machine, wherever the engine is.

        Raises:
            FinnTuiError: what the engine answered, or that it died (kind "engine").
        """
        if not self.spec.host:
            return await self._call(method, params, on_event)
        return await repeated(
            lambda: self._call(method, params, on_event), self._ensure_running, on_event
        )

    async def _call(
        self, method: str, params: dict[str, Any] | None, on_event: OnEvent | None
    ) -> Any:
        if self.spec.is_elsewhere and method in PATHS:
            return await FileExchange(self.spec.name, self._ask).call(
                method, params or {}, on_event
            )
        return await self._ask(method, params, on_event)

    async def _ask(
        self, method: str, params: dict[str, Any] | None = None, on_event: OnEvent | None = None
    ) -> Any:
        while self._insisting and method != "ping":
            # What was cancelled is still ending, perhaps with the process: not a time to queue.
            await asyncio.wait(self._insisting)
        await self._ensure_running()
        self._next_id += 1
        id = self._next_id
        pending = _Pending(method, asyncio.get_running_loop().create_future(), on_event)
        pending.answer.add_done_callback(_look_at)
        self._pending[id] = pending
        self._watch()
        try:
            await self._send(protocol.request(id, method, params or {}))
            answer = await asyncio.shield(pending.answer)
        except asyncio.CancelledError:
            self._cancel(id, pending)
            raise
        finally:
            if pending.answer.done():
                self._pending.pop(id, None)
        return answer

    async def ping(self, seconds: float = 5.0) -> bool:
        """Whether the engine answers, even while it works."""
        if not self.running:
            return False
        try:
            async with asyncio.timeout(seconds):
                await self._ask("ping")
        except (TimeoutError, FinnTuiError):
            return False
        return True

    async def close(self) -> None:
        """End the process: by closing its stdin, and by force if that is not enough."""
        await self._close_process()
        await self._let_go()

    async def _let_go(self) -> None:
        self._own_pool = None
        await self._held.aclose()

    async def _close_process(self) -> None:
        process = self._process
        if process is None:
            return
        if process.exit_code is None:
            process.close_input()
            await process.end(2.0)
        tasks = [task for task in (self._reader, self._listener, self._watcher) if task is not None]
        if self._watcher is not None:
            self._watcher.cancel()
        if tasks:
            # What the engine started may hold its pipes open after its end.
            _, unfinished = await asyncio.wait(tasks, timeout=2.0)
            for task in unfinished:
                task.cancel()
            if unfinished:
                await asyncio.wait(unfinished)
        await process.release()
        self._process = None
        self.hello = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _ensure_running(self) -> None:
        async with self._starting:
            if self.running:
                return
            await self._close_process()
            archive = await asyncio.to_thread(engine_archive)
            try:
                self._process = await self._open(archive)
            except OSError as error:
                raise does_not_start(self.spec.name, self.spec.command, error) from error
            self._said.clear()
            self._killed_because = ""
            self._greeted = asyncio.get_running_loop().create_future()
            self._greeted.add_done_callback(_look_at)
            self._reader = asyncio.create_task(self._read(self._process))
            self._listener = asyncio.create_task(self._listen(self._process))
            container = self.spec.container
            seconds = IMAGE_SECONDS if container and container.image else HELLO_SECONDS
            try:
                async with asyncio.timeout(seconds):
                    await asyncio.shield(self._greeted)
            except asyncio.CancelledError:
                # Who leaves now may have no time to wait, and it has no work to finish.
                self._kill(self._process, "The start was cancelled.")
                raise
            except TimeoutError:
                await self.close()
                raise does_not_answer(self.spec.name, seconds, list(self._said)) from None
            except FinnTuiError:
                # One of another protocol would wait for requests.
                await self._close_process()
                raise

    async def _open(self, archive: Path) -> EngineProcess:
        """Start the process, wherever it is. Raises ``OSError``, ``FinnTuiError``."""
        if not self.spec.is_elsewhere:
            return await LocalProcess.start((*self.spec.command, str(archive), "serve"))
        # asyncssh takes half a second to import, for which engines of this machine need not wait.
        from finn_tui.engine import elsewhere

        pool = self._pool or self._own_pool
        if pool is None:
            pool = self._own_pool = (await self._held.enter_async_context(shared.held()))()
        return await elsewhere.open_engine(self.spec, archive, pool, self._on_progress)

    async def _send(self, message: dict[str, Any]) -> None:
        process = self._process
        assert process is not None
        try:
            process.write(protocol.encode(message))
            await process.drain()
        except (ConnectionError, RuntimeError):
            # It is dying; the reader notices and fails what is pending.
            await asyncio.sleep(0)

    def _cancel(self, id: int, pending: _Pending) -> None:
        """Tell the engine to drop a request, and end the process if it does not listen."""
        process = self._process
        if pending.answer.done() or not self.running or process is None:
            return

        async def insist() -> None:
            self._next_id += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CANCEL_SECONDS):
                    # An engine that is stuck does not even read.
                    await self._send(protocol.request(self._next_id, "cancel", {"id": id}))
                    await asyncio.wait([pending.answer])
            if not pending.answer.done():
                await process.end(0.0)

        def settled(task: asyncio.Task[None]) -> None:
            self._pending.pop(id, None)
            self._insisting.discard(task)

        task = asyncio.create_task(insist())
        self._insisting.add(task)
        task.add_done_callback(settled)

    def _watch(self) -> None:
        """Have somebody look after an engine that works on something."""
        process = self._process
        if process is not None and (self._watcher is None or self._watcher.done()):
            self._heard = asyncio.get_running_loop().time()
            self._watcher = asyncio.create_task(self._look_after(process))

    async def _look_after(self, process: EngineProcess) -> None:
        """Ping while a request waits, and kill the process that does not answer."""
        clock = asyncio.get_running_loop().time
        while self._pending and process.exit_code is None:
            await asyncio.sleep(min(PING_SECONDS, SILENCE_SECONDS / 4))
            silent = clock() - self._heard
            if silent > SILENCE_SECONDS:
                self._kill(process, f"It did not answer for {silent:.0f} s.")
                return
            if silent > PING_SECONDS:
                self._next_id += 1
                with contextlib.suppress(ConnectionError, RuntimeError):
                    # Not drained: what does not read is found out by its silence.
                    process.write(protocol.encode(protocol.request(self._next_id, "ping", {})))

    def _kill(self, process: EngineProcess, why: str) -> None:
        """End a process that cannot be talked to; the reader then fails what waits, with this."""
        self._killed_because = self._killed_because or why
        process.kill()

    async def _read(self, process: EngineProcess) -> None:
        """Read until the process has ended, then fail what waits."""
        reading = asyncio.create_task(self._read_messages(process))
        exited = asyncio.create_task(process.ended())
        try:
            await asyncio.wait({reading, exited}, return_when=asyncio.FIRST_COMPLETED)
            # What it started may hold its output open; and it may close it and live on.
            await asyncio.wait({reading, exited}, timeout=2.0)
            if not exited.done():
                self._kill(process, "It closed its output.")
        finally:
            reading.cancel()
            await exited
            if self._listener is not None:
                # What it said last explains the end; give it the time to arrive.
                await asyncio.wait([self._listener], timeout=1.0)
            self._fail_all(process.how_it_ended(), line_broke=process.line_broke)

    async def _read_messages(self, process: EngineProcess) -> None:
        line = b""
        try:
            while line := await process.read_line():
                try:
                    message = protocol.decode(line)
                except protocol.ProtocolError:
                    # Something printed past the guards; it is worth keeping, not dying of.
                    self._log("warning", line_text(line))
                    continue
                self._dispatch(message)
        except Nonsense as error:
            shown = line_text(line)[:200]
            self._kill(process, f"It sent what is no message of an engine ({error}): {shown}")
        except ValueError:
            # What StreamReader raises for a line beyond its limit.
            self._kill(process, f"It sent a line of more than {protocol.MAX_LINE >> 20} MB.")

    async def _listen(self, process: EngineProcess) -> None:
        async for line in error_lines(process):
            self._log("stderr", line_text(line))

    def _log(self, level: str, text: str) -> None:
        self._said.append(text)
        if self._on_log is not None:
            self._on_log(level, text)

    def _dispatch(self, message: dict[str, Any]) -> None:
        """Hand a message to whom it is for. Raises ``Nonsense`` for what is none of an engine."""
        if "hello" in message:
            self._greet(checked(dict, message["hello"], "hello"))
            return
        id = message.get("id")
        if id is not None:
            checked(int, id, "id")
        self._heard = asyncio.get_running_loop().time()
        pending = self._pending.get(id) if id is not None else None
        if "event" in message:
            name = checked(str, message["event"], "event")
            data = checked(dict, message.get("data"), "data")
            if name == "log":
                text = str(data.get("text", ""))[:MOST_LOG]
                self._log(str(data.get("level", "info")), clean(text))
            elif pending is not None and pending.on_event is not None:
                self._hand_on(pending, name, data)
        elif "error" in message:
            failure = FinnTuiError.from_dict(checked(dict, message["error"], "error"))
            if pending is not None and not pending.answer.done():
                pending.answer.set_exception(failure)
        elif "result" not in message:
            raise Nonsense("neither hello, event, result nor error")
        elif pending is not None and not pending.answer.done():
            pending.answer.set_result(message["result"])

    def _hand_on(self, pending: _Pending, name: str, data: dict[str, Any]) -> None:
        assert pending.on_event is not None
        try:
            pending.on_event(name, data)
        except (KeyError, TypeError, ValueError, AttributeError, FinnTuiError) as error:
            # The receiver reads data from elsewhere; what it cannot read fails this request only.
            if not pending.answer.done():
                if not isinstance(error, FinnTuiError):
                    error = not_understood(self.spec.name, pending.method, error)
                pending.answer.set_exception(error)

    def _greet(self, hello: dict[str, Any]) -> None:
        assert self._greeted is not None
        if self._greeted.done():
            return
        if hello.get("protocol") != protocol.PROTOCOL:
            self._greeted.set_exception(other_protocol(hello))
            return
        self.hello = hello
        self._greeted.set_result(None)

    def _fail_all(self, how: str, *, line_broke: bool) -> None:
        self.hello = {}
        failure = engine_ended(
            self.spec.name,
            how,
            killed=self._killed_because,
            greeted=self._greeted is None or self._greeted.done(),
            working_on=[each.method for each in self._pending.values() if not each.answer.done()],
            output=list(self._said),
            kind=LineLost if line_broke else FinnTuiError,
        )
        for pending in self._pending.values():
            if not pending.answer.done():
                pending.answer.set_exception(failure)
        if self._greeted is not None and not self._greeted.done():
            self._greeted.set_exception(failure)
