"""Writes what is said over a connection to a board into a file while it is used."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import msgspec

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.files import not_written
from finn_tui.board.agent_zipapp import agent_name
from finn_tui.board.recording import document
from finn_tui.board.recording.document import (
    AgentEnded,
    Asked,
    CommandRan,
    End,
    FileHashed,
    FileRenamed,
    FileSeen,
    FileSent,
    Header,
    Line,
)
from finn_tui.board.sudo_terminal import PROMPT
from finn_tui.board.transport import Transport
from finn_tui.hosts.remote_files import FileKind, RemoteFile, RemoteFiles, Writer
from finn_tui.hosts.transport import Console, RemoteProcess

_HASH = re.compile(r"[0-9a-f]{64}\Z")


class Recorder:
    """A recording that is being written.

    Attributes:
        path: its file.
        problem: why nothing is written any more; None while all is well.
    """

    def __init__(self, path: Path) -> None:
        """Make the file.

        Raises:
            FinnTuiError: it is there already, or cannot be written.
        """
        self.path = path
        self.problem: FinnTuiError | None = None
        self._began = time.monotonic()
        self._size = 0
        self._asks = 0
        self._seen: set[str] = set()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] | None = path.open("xb")
        except FileExistsError:
            raise FinnTuiError(
                f"{path} is there already",
                "A recording never replaces another file.",
                "Name a new file, or remove that one.",
                kind="input",
            ) from None
        except OSError as error:
            raise not_written(path, error) from error

    def link(self, link: Transport) -> Transport:
        """The same connection, recorded. Several may be recorded one after the other.

        Raises:
            FinnTuiError: it is a replay itself.
        """
        if link.board.replay:
            raise FinnTuiError(
                "a replay is not recorded",
                f"{link.board.name} is a recording already.",
                "Copy its file.",
                kind="input",
            )
        if not self._size:
            self._write(
                Header(
                    document.FORMAT,
                    metadata.version("finn-tui"),
                    datetime.now(UTC).isoformat(timespec="seconds"),
                    link.board.name,
                    link.board.simulated,
                )
            )
        return _RecordedLink(link, self)

    def close(self) -> None:
        """Write the end. A recording of nothing leaves no file."""
        if self._size:
            self._write(End(self._now()))
        if self._file is not None:
            self._file.close()
            self._file = None
        if not self._size:
            self.path.unlink(missing_ok=True)

    def seen(self, path: str, size: int | None) -> None:
        """Write what lies at a path; only the first time."""
        if path not in self._seen:
            self._seen.add(path)
            self._write(FileSeen(self._now(), path[:2000], size))

    def hashed(self, path: str, sha256: str | None) -> None:
        """Write a hash that the board computed."""
        self._write(FileHashed(self._now(), path[:2000], sha256))

    def sent(self, path: str, size: int, seconds: float, sha256: str | None) -> None:
        """Write that a file was written."""
        self._seen.add(path)
        self._write(FileSent(self._now(), path[:2000], size, seconds, sha256))

    def renamed(self, path: str, target: str) -> None:
        """Write that a file took another's place."""
        self._seen.update((path, target))
        self._write(FileRenamed(self._now(), path[:2000], target[:2000]))

    def ran(
        self, command: list[str], answer: tuple[int, bytes, bytes], seconds: float, folder: str
    ) -> None:
        """Write a command and its answer."""
        status, *streams = answer
        out, err = (each[: document.MOST_OUTPUT].decode("utf-8", "replace") for each in streams)
        words = [word.replace(folder, "{folder}")[:2000] for word in command[:1000]]
        self._write(CommandRan(self._now(), words, status, seconds, out, err))

    def asked(self, request: dict[str, Any]) -> int:
        """Write a request to the agent; returns its number."""
        self._asks += 1
        package = str(request.get("bitfile_sha256") or "")
        self._write(
            Asked(
                self._now(),
                self._asks,
                document.request_key(request),
                document.request_text(request),
                package if _HASH.match(package) else None,
            )
        )
        return self._asks

    def line(self, ask: int, text: bytes, *, error: bool) -> None:
        """Write a line of the agent."""
        self._write(Line(self._now(), ask, text.decode("utf-8", "replace").rstrip("\n"), error))

    def agent_ended(self, ask: int, status: int | None, *, lost: bool) -> None:
        """Write that the agent ended by itself, or that the connection broke."""
        self._write(AgentEnded(self._now(), ask, status, lost))

    def _now(self) -> float:
        return round(time.monotonic() - self._began, 6)

    def _write(self, entry: msgspec.Struct) -> None:
        file = self._file
        if file is None:
            return
        data = msgspec.json.encode(entry) + b"\n"
        try:
            if self._size + len(data) > document.MOST_BYTES:
                file.write(msgspec.json.encode(End(self._now(), cut=True)) + b"\n")
                file.close()
                self._file = None
                self.problem = FinnTuiError(
                    f"the recording {self.path.name} is not complete",
                    f"It would have more than {document.MOST_BYTES >> 20} MB.",
                    "Record fewer images: --limit.",
                )
                return
            file.write(data)
            file.flush()
            self._size += len(data)
        except OSError as error:
            # The measurement goes on.
            self.problem = not_written(self.path, error)
            file.close()
            self._file = None


@contextlib.contextmanager
def recording(path: Path) -> Iterator[Recorder]:
    """A recorder for the time of the block."""
    recorder = Recorder(path)
    try:
        yield recorder
    finally:
        recorder.close()


class _RecordedLink:
    """A transport that writes down what goes through another one."""

    def __init__(self, link: Transport, recorder: Recorder) -> None:
        self._link = link
        self._recorder = recorder
        self.machine = link.machine
        self.board = link.board
        self.sudo_password = link.sudo_password

    @property
    def is_closed(self) -> bool:
        """See ``Transport``."""
        return self._link.is_closed

    def translated(self) -> AbstractContextManager[None]:
        """See ``Transport``."""
        return self._link.translated()

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """See ``Transport``."""
        began = time.monotonic()
        answer = await self._link.run(*command, timeout=timeout, stdin=stdin)
        seconds = time.monotonic() - began
        self._recorder.ran(list(command), answer, seconds, self.board.folder)
        return answer

    async def stream(self, command: str) -> RemoteProcess:
        """See ``Transport``."""
        process = await self._link.stream(command)
        if agent_name() not in command:
            return process
        return _RecordedAgent(process, self._link, self._recorder, secret=self.board.sudo)

    async def files(self, base: str) -> RemoteFiles:
        """See ``Transport``."""
        return _RecordedFiles(await self._link.files(base), self._link, self._recorder)

    async def console(self, columns: int, rows: int) -> Console:
        """See ``Transport``."""
        return await self._link.console(columns, rows)


class _RecordedAgent:
    """A running agent of which requests and lines are written down."""

    def __init__(
        self, process: RemoteProcess, link: Transport, recorder: Recorder, *, secret: bool
    ) -> None:
        self._process = process
        self._link = link
        self._recorder = recorder
        #: The first line to sudo is a password.
        self._secret = secret
        self._ask: int | None = None
        self._partial = {False: b"", True: b""}
        self._ended = False

    @property
    def exit_status(self) -> int | None:
        """See ``RemoteProcess``."""
        return self._process.exit_status

    def write(self, data: bytes) -> None:
        """See ``RemoteProcess``."""
        self._process.write(data)
        if self._secret:
            self._secret = False
            return
        request = json.loads(data)
        self._ask = self._recorder.asked(request)

    async def readline(self) -> bytes:
        """See ``RemoteProcess``."""
        try:
            piece = await self._process.readline()
        except Exception:
            self._end(lost=True)
            raise
        self._take(piece, error=False)
        if not piece:
            await self._process.wait(2)
            self._end(lost=self._link.is_closed)
        return piece

    async def read_error(self) -> bytes:
        """See ``RemoteProcess``."""
        piece = await self._process.read_error()
        self._take(piece, error=True)
        return piece

    async def wait(self, seconds: float) -> None:
        """See ``RemoteProcess``."""
        await self._process.wait(seconds)

    def close(self) -> None:
        """See ``RemoteProcess``."""
        self._process.close()

    def _take(self, piece: bytes, *, error: bool) -> None:
        line = self._partial[error] + piece
        if piece and not line.endswith(b"\n") and len(line) < document.MOST_LINE // 2:
            self._partial[error] = line
            return
        self._partial[error] = b""
        if line and self._ask is not None and PROMPT not in line:
            password = (self._link.sudo_password or "").encode()
            # Nothing prints it; a board that does shall not have it kept.
            line = line.replace(password, b"***") if password else line
            self._recorder.line(self._ask, line, error=error)

    def _end(self, *, lost: bool) -> None:
        if not self._ended and self._ask is not None:
            self._ended = True
            self._recorder.agent_ended(self._ask, self._process.exit_status, lost=lost)


class _RecordedFiles(RemoteFiles):
    """Files of a board; sizes, hashes and what was written are written down."""

    def __init__(self, files: RemoteFiles, link: Transport, recorder: Recorder) -> None:
        super().__init__(link, files.base)
        self._files = files
        self._recorder = recorder

    async def stat(self, path: str) -> RemoteFile | None:
        """See ``RemoteFiles``."""
        entry = await self._files.stat(path)
        if entry is None or entry.kind is FileKind.FILE:
            self._recorder.seen(self._below(path), None if entry is None else entry.size)
        return entry

    async def folder(self, path: str) -> list[RemoteFile]:
        """See ``RemoteFiles``."""
        return await self._files.folder(path)

    async def make_one_folder(self, path: str) -> None:
        """See ``RemoteFiles``."""
        await self._files.make_one_folder(path)

    async def read(self, path: str, most: int) -> bytes | None:
        """See ``RemoteFiles``."""
        return await self._files.read(path, most)

    async def _part(self, path: str, offset: int, most: int) -> bytes:
        return await self._files.read_from(path, offset, most)

    async def is_inside(self, folder: str, name: str) -> bool:
        """See ``RemoteFiles``."""
        return await self._files.is_inside(folder, name)

    async def sha256(self, paths: list[str]) -> list[str | None]:
        """See ``RemoteFiles``."""
        hashes = await self._files.sha256(paths)
        for path, sha256 in zip(paths, hashes, strict=True):
            self._recorder.hashed(self._below(path), sha256)
        return hashes

    @contextlib.asynccontextmanager
    async def writing(self, path: str, *, resume: bool = False) -> AsyncIterator[Writer]:
        """See ``RemoteFiles``."""
        began = time.monotonic()
        async with self._files.writing(path, resume=resume) as file:
            writer = _HashingWriter(file)
            yield writer
        seconds = time.monotonic() - began
        self._recorder.sent(self._below(path), writer.size, seconds, writer.sha256)

    async def rename(self, path: str, target: str) -> None:
        """See ``RemoteFiles``."""
        await self._files.rename(path, target)
        self._recorder.renamed(self._below(path), self._below(target))

    async def remove(self, path: str) -> None:
        """See ``RemoteFiles``."""
        await self._files.remove(path)

    def _below(self, path: str) -> str:
        return path.removeprefix(f"{self.base}/")


class _HashingWriter:
    """Counts and hashes what is written, as long as it is written from the beginning."""

    def __init__(self, file: Writer) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._at = 0
        self._whole = True
        self.size = 0

    @property
    def sha256(self) -> str | None:
        return self._digest.hexdigest() if self._whole else None

    async def write(self, data: bytes, position: int) -> None:
        await self._file.write(data, position)
        self._whole = self._whole and position == self._at
        self._digest.update(data)
        self._at = position + len(data)
        self.size += len(data)
