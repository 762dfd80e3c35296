"""Sending a run to a host and starting it there.

The run folder goes as one file, which is written on from where a broken line left it, checked by
its hash on the host, unpacked beside the runs there and renamed; then its runner is started in a
session of its own. Each step may be done again: what was done is found and not done twice.
"""

from __future__ import annotations

import asyncio
import io
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

from finn_tui.base import files
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.base.text import size as size_text
from finn_tui.engine.server import runfiles
from finn_tui.hosts.remote_files import RemoteFiles
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
#: Written at once; what is lost with a line is at most this.
_PIECE = 1 << 18
#: The workspace's own: not sent.
_KEPT = (PLACEMENT, runfiles.NOTES, PACKED)


async def survey(link: Link) -> dict[str, Any]:
    """What a build on a host can count on; see ``engine/server/remote.py``.

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
        if not placement.shared and await _is_shared(run, placement, remote):
            placement = change_placement(run.path, shared=True)
        if not placement.shared and await _is_missing(placement, remote):
            await _upload(run, placement, link, remote, on_progress)
    return placement


async def _is_shared(run: RunFolder, placement: Placement, remote: RemoteFiles) -> bool:
    """Whether the folder on the host is ours, as with a home directory that both share."""
    there = await remote.read(f"{placement.folder}/{PLACEMENT}", 1 << 16)
    if there is None:
        return False
    return there == await asyncio.to_thread((run.path / PLACEMENT).read_bytes)


async def _is_missing(placement: Placement, remote: RemoteFiles) -> bool:
    return await remote.size(f"{placement.folder}/{runfiles.RUN}") is None


async def _upload(
    run: RunFolder, placement: Placement, link: Link, remote: RemoteFiles, on_progress: OnProgress
) -> None:
    packed = await asyncio.to_thread(_pack, run)
    digest = await asyncio.to_thread(files.sha256, packed)
    total = packed.stat().st_size
    place = PurePosixPath(placement.folder)
    target = str(place.with_name(f".{place.name}.tar"))
    sent = await remote.size(target)
    if sent is not None and sent > total:
        await remote.remove(target)
        sent = None
    offset = sent or 0
    if offset:
        on_progress(
            Progress(run.kind, f"{size_text(offset)} of the run's folder are there already")
        )
    try:
        async with remote.writing(target, resume=sent is not None) as out:
            with packed.open("rb") as source:
                source.seek(offset)
                while piece := await asyncio.to_thread(source.read, _PIECE):
                    await out.write(piece, offset)
                    offset += len(piece)
                    on_progress(
                        Progress(
                            run.kind,
                            f"sending the run's folder to {placement.host}, "
                            f"{size_text(offset)} of {size_text(total)}",
                            offset / total,
                        )
                    )
    except Exception as error:
        raise await _explained(link, placement, total - offset, error) from error
    await link.ask(
        "receive", seconds=LONG_SECONDS, packed=target, sha256=digest, folder=placement.folder
    )


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
        for source in sorted(run.path.rglob("*")):
            name = source.relative_to(run.path).as_posix()
            if name in _KEPT or source.name.startswith(".") or source.is_symlink():
                continue
            if source.is_file():
                tar.addfile(_member(name, source), io.BytesIO(source.read_bytes()))
    return path


def _member(name: str, source: Path) -> tarfile.TarInfo:
    status = source.stat()
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = status.st_size, status.st_mode & 0o777, 0
    return member
