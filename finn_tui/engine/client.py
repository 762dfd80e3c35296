"""The terminal's end of the wire to FINN: starting the engine, asking it, ending it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import zipfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from finn_tui.base import files, paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.engine import protocol
from finn_tui.engine.catalogue import EngineSpec

OnEvent = Callable[[str, dict[str, Any]], None]
OnLog = Callable[[str, str], None]

#: FINN's imports take 5 to 13 s on a slow machine; the server says hello before them.
HELLO_SECONDS = 60.0
#: A cancelled request ends at its next progress report; what does not is ended with the process.
CANCEL_SECONDS = 20.0


def engine_archive() -> Path:
    """The engine's code as one file that any Python >= 3.8 runs; made once for each content.

    Raises:
        FinnTuiError: if the cache folder cannot be written (kind "disk").
    """
    package = Path(__file__).resolve().parents[1]
    sources = [
        package / "__init__.py",
        package / "engine/__init__.py",
        package / "engine/protocol.py",
    ]
    sources += sorted((package / "engine/server").rglob("*.py"))
    digest = hashlib.sha256()
    for path in sources:
        digest.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes())
    archive = paths.cache_dir() / f"engine-{digest.hexdigest()[:16]}.pyz"
    if archive.exists():
        return archive
    with (
        files.replacing(archive, durable=False) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out,
    ):
        for path in sources:
            out.write(path, Path("finn_tui") / path.relative_to(package))
        out.writestr(
            "__main__.py",
            "import sys\n"
            "from finn_tui.engine.server.__main__ import main\n"
            "sys.exit(main(sys.argv[1:]))\n",
        )
    return archive


@dataclass
class _Pending:
    method: str
    answer: asyncio.Future[Any]
    on_event: OnEvent | None


class Engine:
    """One engine process. Requests are worked on in order; a crash fails those in hand.

    Use as an async context manager, or call ``close``.
    """

    def __init__(self, spec: EngineSpec, on_log: OnLog | None = None) -> None:
        self.spec = spec
        self.hello: dict[str, Any] = {}
        self._on_log = on_log
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None
        self._pending: dict[int, _Pending] = {}
        self._next_id = 0
        self._said: deque[str] = deque(maxlen=60)
        self._insisting: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Lock()
        self._greeted: asyncio.Future[None] | None = None

    @classmethod
    async def start(cls, spec: EngineSpec, on_log: OnLog | None = None) -> Engine:
        """Start an engine and wait for its hello.

        Raises:
            FinnTuiError: it does not start, or speaks another protocol (kind "engine").
        """
        engine = cls(spec, on_log)
        await engine._ensure_running()
        return engine

    @property
    def running(self) -> bool:
        """Whether the process is alive and has said hello."""
        return self._process is not None and self._process.returncode is None and bool(self.hello)

    async def call(
        self, method: str, params: dict[str, Any] | None = None, on_event: OnEvent | None = None
    ) -> Any:
        """Ask and wait for the answer; starts the process again if it has died before.

        Cancelling the caller cancels the request in the engine.

        Raises:
            FinnTuiError: what the engine answered, or that it died (kind "engine").
        """
        while self._insisting and method != "ping":
            # What was cancelled is still ending, perhaps with the process: not a time to queue.
            await asyncio.wait(self._insisting)
        await self._ensure_running()
        self._next_id += 1
        id = self._next_id
        pending = _Pending(method, asyncio.get_running_loop().create_future(), on_event)
        self._pending[id] = pending
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
                await self.call("ping")
        except (TimeoutError, FinnTuiError):
            return False
        return True

    async def close(self) -> None:
        """End the process: by closing its stdin, and by force if that is not enough."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            if process.stdin is not None:
                process.stdin.close()
            await _end(process, 2.0)
        for task in (self._reader, self._listener):
            if task is not None:
                with contextlib.suppress(asyncio.CancelledError):
                    await task
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
            await self.close()
            archive = await asyncio.to_thread(engine_archive)
            environment = {
                key: value
                for key, value in os.environ.items()
                if key not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
            }
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self.spec.command,
                    str(archive),
                    "serve",
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    limit=protocol.MAX_LINE,
                    env=environment,
                    start_new_session=True,  # ctrl+c is for the terminal process alone
                )
            except OSError as error:
                raise FinnTuiError(
                    f"the engine {self.spec.name} does not start",
                    str(error),
                    f"Check the command {' '.join(self.spec.command)!r}; `finn-tui engine list` "
                    "shows all engines.",
                    kind="engine",
                ) from error
            self._said.clear()
            self._greeted = asyncio.get_running_loop().create_future()
            self._reader = asyncio.create_task(self._read(self._process))
            self._listener = asyncio.create_task(self._listen(self._process))
            try:
                async with asyncio.timeout(HELLO_SECONDS):
                    await asyncio.shield(self._greeted)
            except TimeoutError:
                await self.close()
                raise FinnTuiError(
                    f"the engine {self.spec.name} does not answer",
                    f"It said nothing for {HELLO_SECONDS:.0f} s.",
                    "Try its command by hand; it must be a Python in which FINN can be imported.",
                    kind="engine",
                    detail="\n".join(self._said),
                ) from None

    async def _send(self, message: dict[str, Any]) -> None:
        process = self._process
        assert process is not None and process.stdin is not None
        try:
            process.stdin.write(protocol.encode(message))
            await process.stdin.drain()
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
            await self._send(protocol.request(self._next_id, "cancel", {"id": id}))
            done, _ = await asyncio.wait([pending.answer], timeout=CANCEL_SECONDS)
            if done:
                pending.answer.exception()
            else:
                await _end(process, 0.0)

        def settled(task: asyncio.Task[None]) -> None:
            self._pending.pop(id, None)
            self._insisting.discard(task)

        task = asyncio.create_task(insist())
        self._insisting.add(task)
        task.add_done_callback(settled)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            while line := await process.stdout.readline():
                try:
                    self._dispatch(protocol.decode(line))
                except protocol.ProtocolError:
                    # Something printed past the guards; it is worth keeping, not dying of.
                    self._log("warning", line.decode("utf-8", "replace").rstrip())
        finally:
            code = await process.wait()
            if self._listener is not None:
                # What it said last explains the end; give it the time to arrive.
                await asyncio.wait([self._listener], timeout=1.0)
            self._fail_all(code)

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            self._log("stderr", line.decode("utf-8", "replace").rstrip())

    def _log(self, level: str, text: str) -> None:
        self._said.append(text)
        if self._on_log is not None:
            self._on_log(level, text)

    def _dispatch(self, message: dict[str, Any]) -> None:
        if "hello" in message:
            self._greet(message["hello"])
            return
        pending = self._pending.get(message.get("id") or -1)
        if "event" in message:
            if message["event"] == "log":
                self._log(message["data"].get("level", "info"), message["data"].get("text", ""))
            elif pending is not None and pending.on_event is not None:
                pending.on_event(message["event"], message["data"])
        elif pending is not None and not pending.answer.done():
            if "error" in message:
                pending.answer.set_exception(FinnTuiError.from_dict(message["error"]))
            else:
                pending.answer.set_result(message.get("result"))

    def _greet(self, hello: dict[str, Any]) -> None:
        assert self._greeted is not None
        if self._greeted.done():
            return
        if hello.get("protocol") != protocol.PROTOCOL:
            self._greeted.set_exception(
                FinnTuiError(
                    "the engine speaks another protocol",
                    f"It says {hello.get('protocol')}, this finn-tui {protocol.PROTOCOL}.",
                    "Update finn-tui on both machines.",
                    kind="engine",
                )
            )
            return
        self.hello = hello
        self._greeted.set_result(None)

    def _fail_all(self, code: int) -> None:
        how = f"with exit code {code}" if code >= 0 else f"killed by signal {-code}"
        self.hello = {}
        waiting = [
            pending.method for pending in self._pending.values() if not pending.answer.done()
        ]
        failure = FinnTuiError(
            f"the engine {self.spec.name} ended {how}",
            f"It was working on: {', '.join(waiting)}." if waiting else self._last_words(),
            "Try again; it is started anew. If it was killed, look at the memory (`free -h`).",
            kind="engine",
            detail="\n".join(self._said),
        )
        for pending in self._pending.values():
            if not pending.answer.done():
                pending.answer.set_exception(failure)
        if self._greeted is not None and not self._greeted.done():
            self._greeted.set_exception(failure)

    def _last_words(self) -> str:
        return f"Its last words: {self._said[-1]}" if self._said else "It said nothing."


async def _end(process: asyncio.subprocess.Process, patience: float) -> None:
    try:
        async with asyncio.timeout(patience):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
