"""The files of a recorded board: names, sizes and hashes, in memory. Nothing is written."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from finn_tui.base.errors import FinnTuiError
from finn_tui.board.agent_zipapp import agent_bytes, agent_name, agent_sha256
from finn_tui.board.recording.document import (
    FileHashed,
    FileRenamed,
    FileSeen,
    FileSent,
    Recording,
)
from finn_tui.board.recording.pace import Pace
from finn_tui.hosts.remote_files import Commands, FileKind, RemoteFile, RemoteFiles, Writer

# The agent and the manifests change from one finn-tui to the next; they are no part of a package.
_OURS = re.compile(r"(^|/)(agent-[0-9a-f]{12}\.pyz|\.finn-tui\.json)")


#: No file takes longer to be sent in a replay; a recording may say what it likes.
_MOST_SECONDS = 1800.0


@dataclass
class RecordedFile:
    """A file by size and SHA-256; None where it is not known."""

    size: int
    sha256: str | None = None


@dataclass
class RecordedState:
    """What a recording tells about the board's files, by path below the board's folder.

    Attributes:
        before: what lay there when the session began.
        after: SHA-256 of each file when it ended.
        hashes: what the board computed last for a path.
        seconds: that it took to send a file, and its size in bytes.
        runs: the names of the runs that were deployed or looked at.
    """

    before: dict[str, RecordedFile] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, tuple[float, int]] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, recording: Recording) -> RecordedState:
        """Go through the entries of a recording."""
        state = cls()
        touched: set[str] = set()
        for entry in recording.entries:
            match entry:
                case FileSeen(path=path, size=size):
                    if size is not None and path not in touched:
                        state.before.setdefault(path, RecordedFile(size))
                case FileHashed(path=path, sha256=sha256) if sha256 is not None:
                    state.hashes[path] = state.after[path] = sha256
                    if path not in touched and path in state.before:
                        state.before[path].sha256 = sha256
                case FileSent(path=path, sha256=sha256):
                    touched.add(path)
                    state.seconds[path] = (entry.seconds, entry.size)
                    if sha256 is not None:
                        state.after[path] = sha256
                case FileRenamed(path=path, target=target):
                    touched.update((path, target))
                    if path in state.after:
                        state.after[target] = state.after.pop(path)
        paths = (PurePosixPath(path).parts for path in (*state.after, *state.before))
        state.runs = sorted({each[1] for each in paths if len(each) > 2 and each[0] == "runs"})
        state.before[agent_name()] = RecordedFile(len(agent_bytes()), agent_sha256())
        return state


class ReplayedFiles(RemoteFiles):
    """What lay on the board when the session began, and what is sent now."""

    def __init__(self, link: Commands, base: str, state: RecordedState, pace: Pace) -> None:
        super().__init__(link, base)
        self._state = state
        self._pace = pace
        self._files = dict(state.before)
        self._folders = {
            str(folder) for path in self._files for folder in PurePosixPath(path).parents
        }
        self._contents: dict[str, bytes] = {}

    async def stat(self, path: str) -> RemoteFile | None:
        """See ``RemoteFiles``."""
        name, below = PurePosixPath(path).name, self._below(path)
        self._check_run(below)
        file = self._files.get(below)
        if file is not None:
            return RemoteFile(name, FileKind.FILE, file.size)
        if below in self._folders:
            return RemoteFile(name, FileKind.FOLDER, 0)
        return None

    async def folder(self, path: str) -> list[RemoteFile]:
        """See ``RemoteFiles``."""
        return []

    async def make_one_folder(self, path: str) -> None:
        """See ``RemoteFiles``."""
        self._folders.add(self._below(path))

    async def read(self, path: str, most: int) -> bytes | None:
        """See ``RemoteFiles``."""
        return self._contents.get(self._below(path))

    async def _part(self, path: str, offset: int, most: int) -> bytes:
        return self._contents.get(self._below(path), b"")[offset : offset + most]

    async def sha256(self, paths: list[str]) -> list[str | None]:
        """See ``RemoteFiles``."""
        files = [self._files.get(self._below(path)) for path in paths]
        return [None if file is None else file.sha256 for file in files]

    @contextlib.asynccontextmanager
    async def writing(self, path: str, *, resume: bool = False) -> AsyncIterator[Writer]:
        """See ``RemoteFiles``."""
        below = self._below(path)
        start = self._files[below].size if resume and below in self._files else 0
        seconds, size = self._state.seconds.get(below, (0.0, 0))
        writer = _CountingWriter(self._pace, min(seconds, _MOST_SECONDS) / size if size else 0.0)
        yield writer
        known = self._state.hashes.get(below) if start else writer.digest.hexdigest()
        self._files[below] = RecordedFile(max(start, writer.end), known)
        if writer.content is not None and _OURS.search(below):
            self._contents[below] = writer.content

    async def rename(self, path: str, target: str) -> None:
        """See ``RemoteFiles``."""
        source, below = self._below(path), self._below(target)
        file = self._files.pop(source)
        if not _OURS.search(below):
            self._check_content(below, file)
        self._files[below] = file
        if source in self._contents:
            self._contents[below] = self._contents.pop(source)

    async def remove(self, path: str) -> None:
        """See ``RemoteFiles``."""
        self._files.pop(self._below(path), None)
        self._contents.pop(self._below(path), None)

    def _below(self, path: str) -> str:
        return path.removeprefix(f"{self.base}/")

    def _check_run(self, below: str) -> None:
        parts, runs = PurePosixPath(below).parts, self._state.runs
        if len(parts) > 1 and parts[0] == "runs" and parts[1] not in runs:
            raise FinnTuiError(
                f"the recording is not of the run {parts[1]}",
                f"It is of {', '.join(runs) or 'no run'}.",
                "Replay the run that was recorded, or record this one: --to BOARD --record FILE.",
                kind="board",
            )

    def _check_content(self, below: str, file: RecordedFile) -> None:
        """Refuse another file than the one that was sent when the session was recorded."""
        recorded = self._state.after.get(below)
        if recorded is None or file.sha256 == recorded:
            if recorded is not None:
                return
            why = "The recording has no such file."
        else:
            why = f"Its SHA-256 is {str(file.sha256)[:12]}..., recorded is {recorded[:12]}..."
        what = "data set" if below.startswith("datasets/") else "package"
        raise FinnTuiError(
            f"the recording is of another {what}: {below} is not the recorded file",
            why,
            "Replay what was recorded (the same data set and --limit), or record this: --to BOARD "
            "--record FILE.",
            kind="board",
        )


class _CountingWriter:
    """Counts and hashes what is written; content that is small is kept."""

    def __init__(self, pace: Pace, seconds_per_byte: float) -> None:
        self._pace = pace
        self._seconds_per_byte = seconds_per_byte
        self.digest = hashlib.sha256()
        self.end = 0
        self.content: bytes | None = b""

    async def write(self, data: bytes, position: int) -> None:
        self.digest.update(data)
        self.end = max(self.end, position + len(data))
        if self.content is not None:
            kept = self.content + data
            self.content = kept if len(kept) <= 1 << 20 else None
        await self._pace.wait(len(data) * self._seconds_per_byte)
