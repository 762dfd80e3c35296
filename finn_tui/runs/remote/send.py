"""Sending a run to a host and starting it there.

The run folder goes as one file, which is written on from where a broken line left it, checked by
its hash on the host, unpacked beside the runs there and renamed; then its runner is started in a
session of its own. Each step may be done again: what was done is found and not done twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.base.text import size as size_text
from finn_tui.engine.server.runs import runfiles
from finn_tui.hosts.remote_files import RemoteFiles, Writer, together
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.placement import (
    CANCEL,
    PLACEMENT,
    Placement,
    Stage,
    change_placement,
    read_placement,
)
from finn_tui.runs.remote.control import never_sent
from finn_tui.runs.remote.link import LONG_SECONDS, Link

PACKED = ".packed.tar"
#: Bytes that are written at once, how many of them at the same time on a line that takes them
#: within so many seconds, and no more on one that does not.
_PIECE = 1 << 18
_MOST_PIECES = 8
_QUICK_SECONDS = 2.0
#: The workspace's own: not sent.
_KEPT = (PLACEMENT, runfiles.NOTES, PACKED)


async def survey(link: Link) -> dict[str, Any]:
    """What a build on a host can count on; see ``engine/server/runs/remote.py``.

    Raises:
        FinnTuiError: the host cannot be asked, or its folder cannot be written.
    """
    remote = await link.files()
    return await link.ask("survey", build=True, folder=f"{remote.base}/runs")


async def send(run: RunFolder, link: Link, on_progress: OnProgress = ignore) -> Placement:
    """Send a run to its host and start it; goes on where an attempt before this one got to.

    Raises:
        FinnTuiError: the line broke, the host's disk is full, or the runner does not start. The
            run stays as it is; sending it again goes on.
    """
    placement = await upload(run, link, on_progress)
    wanted = await asyncio.to_thread(read_placement, run.path)
    if wanted is not None and wanted.wanted == CANCEL:
        await asyncio.to_thread(never_sent, run)
        return await asyncio.to_thread(change_placement, run.path)
    on_progress(Progress(run.kind, f"starting {run.id} on {placement.host}"))
    answer = await link.start(placement.folder, placement.parallel)
    for note in answer.get("notes", ()):
        on_progress(Progress("WARNING", str(note)))
    (run.path / PACKED).unlink(missing_ok=True)
    return await asyncio.to_thread(change_placement, run.path, stage=Stage.STARTED, problem=None)


async def upload(run: RunFolder, link: Link, on_progress: OnProgress = ignore) -> Placement:
    """Bring a run's folder to its host, and start nothing there.

    Raises:
        FinnTuiError: the line broke, or the host's disk is full; doing it again goes on.
    """
    placement = await asyncio.to_thread(read_placement, run.path)
    assert placement is not None
    remote = await link.files()
    with link.transport.translated():
        if not placement.shared and await is_shared(run, placement, remote):
            placement = change_placement(run.path, shared=True)
        if not placement.shared and await is_missing(placement, remote):
            await _upload(run, placement, link, on_progress)
    return placement


async def is_shared(run: RunFolder, placement: Placement, remote: RemoteFiles) -> bool:
    """Return whether the folder on the host is ours, as with a home directory that both share.

    Args:
        run: here.
        placement: where it is there.
        remote: the host's files.
    """
    there = await remote.read(f"{placement.folder}/{PLACEMENT}", 1 << 16)
    if there is None:
        return False
    return there == await asyncio.to_thread((run.path / PLACEMENT).read_bytes)


async def is_missing(placement: Placement, remote: RemoteFiles) -> bool:
    """Return whether a run's folder has not got to its host yet.

    Args:
        placement: where it is to be.
        remote: the host's files.
    """
    return await remote.size(f"{placement.folder}/{runfiles.RUN}") is None


async def _upload(
    run: RunFolder, placement: Placement, link: Link, on_progress: OnProgress
) -> None:
    try:
        packed = await asyncio.to_thread(_pack, run)
    except OSError as error:
        raise files.not_written(run.path / PACKED, error) from error
    place = PurePosixPath(placement.folder)
    target = str(place.with_name(f".{place.name}.tar"))
    digest = await write_on(link, placement, packed, target, "the run's folder", on_progress)
    await link.ask(
        "receive", seconds=LONG_SECONDS, packed=target, sha256=digest, folder=placement.folder
    )


async def write_on(
    link: Link,
    placement: Placement,
    packed: Path,
    target: str,
    what: str,
    on_progress: OnProgress = ignore,
) -> str:
    """Bring a file to a host, from where an attempt before this one got to.

    Args:
        link: to the host.
        placement: of a run that is in the file.
        packed: the file.
        target: where it is to be there.
        what: it holds, for people.
        on_progress: told how much is there.

    Returns:
        The file's hash, which the host is still to check.

    Raises:
        FinnTuiError: the line broke, or the host's disk is full.
    """
    remote = await link.files()
    total = packed.stat().st_size
    digest = await asyncio.to_thread(files.sha256, packed)
    with link.transport.translated():
        offset = await _known_part(remote, packed, target, total)
        if offset:
            on_progress(Progress("build", f"{size_text(offset)} of {what} are there already"))

        def report(sent: int) -> None:
            text = f"{what} to {placement.host}, {size_text(sent)} of {size_text(total)}"
            on_progress(Progress("build", f"sending {text}", sent / total))

        try:
            async with remote.writing(target, resume=offset is not None) as out:
                with packed.open("rb") as source:
                    await _write_pieces(out, source, offset or 0, report)
        except Exception as error:
            raise await _explained(link, placement, total - (offset or 0), error) from error
    return digest


async def _known_part(remote: RemoteFiles, packed: Path, target: str, total: int) -> int | None:
    """How many bytes of a file are on the host already; None if it is not there at all."""
    sent = await remote.size(target)
    if sent is None:
        return None
    if sent > total:
        await remote.remove(target)
        return None
    (there,) = await remote.sha256([target])
    if there == await asyncio.to_thread(_hash_of_beginning, packed, sent):
        return sent
    # Pieces that were on the way when the line broke may have left a gap.
    return max(0, sent - _MOST_PIECES * _PIECE)


def _hash_of_beginning(path: Path, count: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while count > 0 and (piece := file.read(min(_PIECE, count))):
            digest.update(piece)
            count -= len(piece)
    return digest.hexdigest()


async def _write_pieces(
    out: Writer, source: BinaryIO, offset: int, told: Callable[[int], None]
) -> None:
    """Write a file from an offset on: several pieces at once, as long as the line takes them."""
    source.seek(offset)
    count = 1
    while True:
        began = time.monotonic()
        data = await asyncio.to_thread(source.read, count * _PIECE)
        if not data:
            return
        pieces = [(data[at : at + _PIECE], offset + at) for at in range(0, len(data), _PIECE)]
        await together(out.write(piece, position) for piece, position in pieces)
        offset += len(data)
        told(offset)
        # Each piece has its time; on a slow line they wait for each other.
        quick = time.monotonic() - began < _QUICK_SECONDS
        count = min(_MOST_PIECES, 2 * count) if quick else max(1, count // 2)


async def _explained(link: Link, placement: Placement, missing: int, error: Exception) -> Exception:
    """A full disk on the host, if that is why writing there failed; else what it was."""
    if link.transport.is_closed:
        return error
    try:
        there = await survey(link)
    except FinnTuiError:
        return error
    if there["free"] >= missing:
        return error
    return disk_full(placement.host, there["folder"], int(there["free"]), missing)


def disk_full(host: str, folder: str, free: int, need: int) -> FinnTuiError:
    """The error for a host without room."""
    return FinnTuiError(
        f"the disk of {host} is full",
        f"{size_text(free)} are free where {folder} lies; {size_text(need)} are needed.",
        "Remove old runs there (`finn-tui runs clean`), or set another `folder` for the host in "
        "hosts.toml; then do the same again: what was sent is kept.",
        kind="disk",
    )


def _pack(run: RunFolder) -> Path:
    """The run folder as one file, the same one as long as it is not there."""
    path = run.path / PACKED
    if path.is_file():
        return path
    with files.replacing(path, durable=False) as out, tarfile.open(fileobj=out, mode="w") as tar:
        for name, source in files_of(run):
            tar.addfile(member(name, source), io.BytesIO(source.read_bytes()))
    return path


def files_of(run: RunFolder) -> Iterator[tuple[str, Path]]:
    """Yield the files of a run that its host needs, by their paths in its folder.

    Args:
        run: which.
    """
    for source in sorted(run.path.rglob("*")):
        name = source.relative_to(run.path).as_posix()
        if name in _KEPT or source.name.startswith(".") or source.is_symlink():
            continue
        if source.is_file():
            yield name, source


def member(name: str, source: Path) -> tarfile.TarInfo:
    """Return what a tar file says of one of its files; the same at every attempt.

    Args:
        name: in the tar file.
        source: the file.
    """
    status = source.stat()
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = status.st_size, status.st_mode & 0o777, 0
    return member
