"""This machine as a transport: what works on a host works here without a connection."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from finn_tui.base import subprocesses
from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts.machine import Machine
from finn_tui.hosts.remote_files import FileKind, RemoteFile, RemoteFiles, Writer
from finn_tui.hosts.transport import MOST_OUTPUT, Console, RemoteProcess, took_too_long

#: How errors and lists call it.
THIS_MACHINE = Machine("this machine")
_CHUNK = 1 << 16
_ENDED = (ConnectionError, RuntimeError)


class LocalTransport:
    """This machine; see ``Transport``."""

    machine = THIS_MACHINE

    @property
    def is_closed(self) -> bool:
        """See ``Transport``; it never is."""
        return False

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """See ``Transport``."""
        process, mark = await _start(*command)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        done = False
        try:
            async with asyncio.timeout(timeout):
                out, err, _ = await asyncio.gather(
                    _most(process.stdout), _most(process.stderr), _give(process.stdin, stdin)
                )
                status = await subprocesses.exit_code(process)
            done = True
            return status, out, err
        except TimeoutError:
            raise took_too_long(self.machine, command[0], timeout) from None
        finally:
            await _let_go(process, "" if done else mark)

    async def stream(self, command: str) -> RemoteProcess:
        """See ``Transport``."""
        process, _ = await _start("sh", "-c", command)
        return _LocalStream(process)

    async def files(self, base: str) -> RemoteFiles:
        """See ``Transport``."""
        folder = Path.home() / base
        try:
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        except OSError as error:
            raise FinnTuiError(
                f"the folder {folder} cannot be made",
                str(error),
                "Choose another one.",
                kind="disk",
            ) from error
        return LocalFiles(self, str(folder))

    async def console(self, columns: int, rows: int) -> Console:
        """See ``Transport``; this machine's terminal is the user's own."""
        raise FinnTuiError("this machine has no console here", "You are in it.", "Use your shell.")

    def translated(self) -> AbstractContextManager[None]:
        """See ``Transport``."""
        return _translated()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FinnTuiError(
            "a file or program of this machine cannot be used",
            str(error),
            "Check permissions and free space.",
            kind="disk",
        ) from error


async def _start(*command: str) -> tuple[asyncio.subprocess.Process, str]:
    """Start a command in a session of its own; returns it and its mark, see ``subprocesses``.

    Raises:
        FinnTuiError: there is no such program.
    """
    environment = subprocesses.marked_environment()
    mark = environment[subprocesses.MARK]
    starting = asyncio.create_task(
        asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env=environment,
        )
    )
    try:
        return await asyncio.shield(starting), mark
    except asyncio.CancelledError:
        # Cancelled itself, it would wait for all that hold its pipes, as a shell's children do.
        await asyncio.wait([starting])
        if starting.exception() is None:
            await _let_go(starting.result(), mark)
        raise
    except OSError as error:
        raise FinnTuiError(
            f"{command[0]} does not start",
            str(error),
            "Install it, or check its path.",
            kind="engine",
        ) from error


async def _let_go(process: asyncio.subprocess.Process, mark: str) -> None:
    """End a command.

    Args:
        process: which; it may have ended.
        mark: of what it has started and what ends with it; empty for nothing.
    """
    if mark:
        # A shell's children would go on, and hold what they have open.
        subprocesses.kill_session(process.pid, mark)
    await subprocesses.end(process)


async def _most(reader: asyncio.StreamReader) -> bytes:
    """Read to the end and keep what is not too much."""
    kept = bytearray()
    while chunk := await reader.read(_CHUNK):
        kept += chunk[: MOST_OUTPUT - len(kept)]
    return bytes(kept)


async def _give(writer: asyncio.StreamWriter, data: bytes) -> None:
    with contextlib.suppress(*_ENDED):
        writer.write(data)
        await writer.drain()
    writer.close()


class _LocalStream:
    """A command of this machine; see ``RemoteProcess``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr

    @property
    def exit_status(self) -> int | None:
        code = self._process.returncode
        return code if code is None or code >= 0 else None

    def write(self, data: bytes) -> None:
        if self._process.returncode is not None:
            raise BrokenPipeError
        self._stdin.write(data)

    async def readline(self) -> bytes:
        try:
            return await self._stdout.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            return error.partial
        except asyncio.LimitOverrunError as error:
            return await self._stdout.read(max(error.consumed, 1))

    async def read_error(self) -> bytes:
        return await self._stderr.read(_CHUNK)

    async def wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await subprocesses.exit_code(self._process)

    def close(self) -> None:
        self._stdin.close()


class LocalFiles(RemoteFiles):
    """What lies below one folder of this machine."""

    async def stat(self, path: str) -> RemoteFile | None:
        """See ``RemoteFiles``."""
        try:
            return _entry(Path(path))
        except (FileNotFoundError, NotADirectoryError):
            return None

    async def folder(self, path: str) -> list[RemoteFile]:
        """See ``RemoteFiles``."""
        entries = []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for each in sorted(await asyncio.to_thread(os.listdir, path)):
                with contextlib.suppress(FileNotFoundError):
                    entries.append(_entry(Path(path) / each))
        return entries

    async def make_one_folder(self, path: str) -> None:
        """See ``RemoteFiles``."""
        with contextlib.suppress(FileExistsError):
            Path(path).mkdir()

    async def read(self, path: str, most: int) -> bytes | None:
        """See ``RemoteFiles``."""
        size = await self.size(path)
        if size is None or size > most:
            return None
        return await self._part(path, 0, most)

    async def _part(self, path: str, offset: int, most: int) -> bytes:
        """See ``RemoteFiles``."""

        def read() -> bytes:
            with Path(path).open("rb") as file:
                file.seek(offset)
                return file.read(most)

        try:
            return await asyncio.to_thread(read)
        except FileNotFoundError:
            return b""

    @contextlib.asynccontextmanager
    async def writing(self, path: str, *, resume: bool = False) -> AsyncIterator[Writer]:
        """See ``RemoteFiles``."""
        flags = os.O_WRONLY | os.O_NOFOLLOW | (0 if resume else os.O_CREAT | os.O_EXCL)
        descriptor = os.open(path, flags, 0o666)
        try:
            yield _LocalWriter(descriptor)
            await asyncio.to_thread(os.fsync, descriptor)
        finally:
            os.close(descriptor)

    async def rename(self, path: str, target: str) -> None:
        """See ``RemoteFiles``."""
        Path(path).replace(target)

    async def remove(self, path: str) -> None:
        """See ``RemoteFiles``."""
        with contextlib.suppress(OSError):
            Path(path).unlink()


class _LocalWriter:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def write(self, data: bytes, position: int) -> None:
        def write() -> None:
            rest, at = memoryview(data), position
            while rest:
                count = os.pwrite(self._descriptor, rest, at)
                rest, at = rest[count:], at + count

        await asyncio.to_thread(write)


def _entry(path: Path) -> RemoteFile:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        kind = FileKind.LINK
    elif stat.S_ISDIR(status.st_mode):
        kind = FileKind.FOLDER
    else:
        kind = FileKind.FILE if stat.S_ISREG(status.st_mode) else FileKind.OTHER
    return RemoteFile(path.name, kind, status.st_size)
