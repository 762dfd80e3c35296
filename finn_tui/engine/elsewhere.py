"""An engine on another machine or in a container: the archive sent, the process opened."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import shlex
from pathlib import Path

from finn_tui.base import paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.engine import protocol
from finn_tui.engine.catalogue import EngineSpec
from finn_tui.hosts import catalogue, command_end
from finn_tui.hosts.container_transport import ContainerTransport, open_container
from finn_tui.hosts.local import LocalTransport
from finn_tui.hosts.pool import HostPool
from finn_tui.hosts.transport import RemoteProcess, Transport

#: Where the archive lies in a container, and where its home folder cannot be written.
_IN_CONTAINER = '"${XDG_CACHE_HOME:-$HOME/.cache}/finn-tui" "/tmp/finn-tui-$(id -u)"'
#: Days after which an archive that nobody used is removed.
_UNUSED_DAYS = 30
_SEND_SECONDS = 300.0
_KILL_SECONDS = 10.0

#: Makes the folder and says where it is, and whether the archive ($1, SHA-256 $2) is there.
#: The folders to try follow as words of the shell.
_LOOK = f"""
cd "$HOME" 2>/dev/null
for folder in %s; do
    mkdir -p -- "$folder" 2>/dev/null && [ -w "$folder" ] && [ -O "$folder" ] || continue
    cd -- "$folder" || continue
    find . -maxdepth 1 -name 'engine-*.pyz' -mtime +{_UNUSED_DAYS} ! -name "$1" \
        -exec rm -f {{}} + 2>/dev/null
    set -- "$1" "$2" $(sha256sum -- "$1" 2>/dev/null)
    state=missing
    [ "$3" = "$2" ] && touch -- "$1" && state=there
    printf '%%s %%s\\n' "$state" "$(pwd)"
    exit 0
done
echo no folder can be written: %s >&2
exit 3
"""
#: Takes the archive from standard input to "$1"; "$2" is its SHA-256, "$3" a name of its own.
_TAKE = """
umask 077
cat > "$3" || { rm -f -- "$3"; exit 4; }
set -- "$1" "$2" "$3" $(sha256sum -- "$3")
[ "$4" = "$2" ] || { rm -f -- "$3"; exit 5; }
mv -f -- "$3" "$1"
"""


async def send_archive(archive: Path, transport: Transport, folder: str) -> str:
    """Have the archive where an engine is to run, sent only if it is not there yet.

    Args:
        archive: of this machine; its name says its content.
        transport: leads to where the engine runs.
        folder: where it goes, absolute or relative to the home folder there; empty for the
            user's cache folder in a container.

    Returns:
        Its absolute path there.

    Raises:
        FinnTuiError: no folder can be written, the disk is full, or it was damaged on its way.
    """
    content = await asyncio.to_thread(archive.read_bytes)
    digest = hashlib.sha256(content).hexdigest()
    script = _LOOK % ((shlex.quote(folder) if folder else _IN_CONTAINER,) * 2)
    status, out, err = await transport.run("sh", "-c", script, "sh", archive.name, digest)
    # Behind what an entry point prints.
    state, _, place = (out.decode("utf-8", "surrogateescape").strip().splitlines() or [""])[
        -1
    ].partition(" ")
    if status != 0 or not place.startswith("/"):
        raise _not_sent(transport, err or out)
    path = f"{place}/{archive.name}"
    if state != "there":
        partial = f"{place}/.{archive.name}.{secrets.token_hex(4)}.partial"
        status, _, err = await transport.run(
            *("sh", "-c", _TAKE, "sh", path, digest, partial),
            timeout=_SEND_SECONDS,
            stdin=content,
        )
        if status != 0:
            raise _not_sent(transport, err or b"It was damaged on its way.")
    return path


def _not_sent(transport: Transport, why: bytes) -> FinnTuiError:
    return FinnTuiError(
        f"the engine's code cannot be put on {transport.machine.name}",
        why[-500:].decode("utf-8", "replace").strip(),
        "Check free space (`df -h`) and permissions of the home folder there.",
        kind="engine",
    )


async def reach(
    spec: EngineSpec, pool: HostPool, on_progress: OnProgress = ignore
) -> tuple[Transport, str]:
    """The way to where an engine is, and the folder for its archive there; see ``send_archive``.

    Raises:
        FinnTuiError: the host or the container cannot be reached.
    """
    outer: Transport = LocalTransport()
    # A folder of its own: a container of an image may write to it.
    folder = str(paths.cache_dir() / "containers")
    if spec.host:
        host = await asyncio.to_thread(catalogue.find, spec.host)
        folder = f"{host.folder}/cache"
        if host.is_remote:
            # The connection is the pool's: it stays when the block ends.
            async with pool.use(host, on_progress=on_progress) as outer:
                pass
    if spec.container is None:
        return outer, folder
    transport = await open_container(outer, spec.container)
    return transport, folder if spec.container.image else ""


async def open_engine(
    spec: EngineSpec, archive: Path, pool: HostPool, on_progress: OnProgress = ignore
) -> StreamProcess:
    """Start an engine that is elsewhere.

    Args:
        spec: which engine.
        archive: of this machine.
        pool: connections to hosts.
        on_progress: told what is waited for.

    Raises:
        FinnTuiError: as ``reach`` and ``open_process``.
    """
    transport, folder = await reach(spec, pool, on_progress)
    with transport.translated():
        return await open_process(spec.command, archive, transport, folder)


async def open_process(
    command: tuple[str, ...], archive: Path, transport: Transport, folder: str
) -> StreamProcess:
    """Start an engine where a transport leads.

    Args:
        command: what stands before the archive.
        archive: of this machine.
        transport: leads to where the engine runs.
        folder: for the archive; see ``send_archive``.

    Raises:
        FinnTuiError: as ``send_archive``, or the line is broken.
    """
    mark = command_end.new_mark()
    if isinstance(transport, ContainerTransport) and transport.container.image:
        # A container of an image begins empty: it sees the machine's folder.
        path = await send_archive(archive, transport.outer, folder)
        line = transport.command(
            *(*command, path, "serve"), mounts=(path.rpartition("/")[0],), name=mark
        )
        process = await transport.outer.stream("exec " + shlex.join(line))
    else:
        path = await send_archive(archive, transport, folder)
        line = command_end.marked(mark, *command, path, "serve")
        process = await transport.stream("exec " + shlex.join(line))
    return StreamProcess(process, transport, mark)


class StreamProcess:
    """An engine at the other end of a transport; see ``EngineProcess``."""

    def __init__(self, process: RemoteProcess, transport: Transport, mark: str) -> None:
        """For a process with a mark, which is also its container's name; see ``command_end``."""
        self._process = process
        self._transport = transport
        self._mark = mark
        self._over = asyncio.Event()
        self._problem = ""
        self._code: int | None = None
        self._killing: asyncio.Task[None] | None = None

    @property
    def exit_code(self) -> int | None:
        """See ``EngineProcess``."""
        return self._code

    def write(self, data: bytes) -> None:
        """See ``EngineProcess``."""
        if self._over.is_set():
            raise BrokenPipeError
        try:
            self._process.write(data)
        except OSError as error:
            raise BrokenPipeError(str(error)) from error

    async def drain(self) -> None:
        """See ``EngineProcess``; a transport takes what it is given."""

    async def read_line(self) -> bytes:
        """See ``EngineProcess``."""
        line = bytearray()
        try:
            with self._transport.translated():
                while piece := await self._process.readline():
                    line += piece
                    if len(line) > protocol.MAX_LINE:
                        raise _TooLong
                    if piece.endswith(b"\n"):
                        return bytes(line)
        except _TooLong:
            raise ValueError("the line is too long") from None
        except FinnTuiError as error:
            self._problem = self._problem or f"{error.what}. {error.why}"
        self._over.set()
        return b""

    async def read_error(self) -> bytes:
        """See ``EngineProcess``."""
        try:
            with self._transport.translated():
                return await self._process.read_error()
        except FinnTuiError:
            return b""

    async def ended(self) -> int:
        """See ``EngineProcess``."""
        while not self._over.is_set() and self._process.exit_status is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await self._over.wait()
        if self._code is None:
            await self._process.wait(1.0)
            status = self._process.exit_status
            self._code = -9 if status is None else status
        return self._code

    def how_it_ended(self) -> str:
        """See ``EngineProcess``."""
        name = self._transport.machine.name
        if self.line_broke:
            return f"with the line to {name}: {self._problem or 'the connection is closed'}"
        status = self._process.exit_status
        return f"on {name} " + ("by a signal" if status is None else f"with exit code {status}")

    @property
    def line_broke(self) -> bool:
        """See ``EngineProcess``."""
        return bool(self._problem) or self._transport.is_closed

    def close_input(self) -> None:
        """See ``EngineProcess``."""
        self._process.close()

    def kill(self) -> None:
        """See ``EngineProcess``."""
        self._process.close()
        self._over.set()
        if self._killing is None:
            self._killing = asyncio.create_task(self._kill())

    async def _kill(self) -> None:
        """End it there, too: one that is stopped or stuck does not see that its input is closed."""
        transport = self._transport
        if isinstance(transport, ContainerTransport) and transport.container.image:
            with contextlib.suppress(FinnTuiError):
                await transport.remove(self._mark)
            return
        await command_end.end(self._mark, self._run, wait=_KILL_SECONDS)

    async def _run(self, command: tuple[str, ...], stdin: bytes) -> None:
        await self._transport.run(*command, stdin=stdin)

    async def end(self, patience: float) -> None:
        """See ``EngineProcess``."""
        try:
            async with asyncio.timeout(patience):
                await self.ended()
        except TimeoutError:
            self.kill()
            await self.ended()

    async def release(self) -> None:
        """See ``EngineProcess``."""
        self._process.close()
        if self._killing is not None:
            await asyncio.wait([self._killing], timeout=_KILL_SECONDS)


class _TooLong(Exception):
    """A line beyond the protocol's limit."""
