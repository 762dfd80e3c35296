"""The run folders of a series of builds as one file: what is the same in several is sent once.

The file is written on from where a broken line left it, checked by its hash on the host, and
unpacked there to all folders or to none; see ``engine/server/runs/arrival.py``.
"""

from __future__ import annotations

import asyncio
import io
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from finn_tui.base import files
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.runs import scheduled
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.placement import Placement, change_placement, read_placement
from finn_tui.runs.remote import send
from finn_tui.runs.remote.link import LONG_SECONDS, Link

#: Smaller files are not worth a look whether another run has the same.
_LEAST_SHARED = 4096


async def upload(runs: Sequence[RunFolder], link: Link, on_progress: OnProgress = ignore) -> None:
    """Bring the folders of a series to their host, and start nothing there.

    Args:
        runs: all those of one job, see ``Placement.job_name``.
        link: to the host.
        on_progress: told how much is there.

    Raises:
        FinnTuiError: the line broke, or the host's disk is full; doing it again goes on.
    """
    placements = await asyncio.to_thread(_placements, runs)
    first = placements[0]
    remote = await link.files()
    with link.transport.translated():
        shared = first.shared or await send.is_shared(runs[0], first, remote)
        # They get their names in this order.
        there = shared or not await send.is_missing(placements[-1], remote)
    if shared:
        now = time.time()
        for run in runs:
            # From here on nobody sends them further: they are those of a cluster with our disk.
            await asyncio.to_thread(change_placement, run.path, shared=True, submitted=now)
    packed = scheduled.packed_of(runs[0].path.parent, first.job_name)
    if not there:
        try:
            await asyncio.to_thread(pack, runs, packed)
        except OSError as error:
            raise files.not_written(packed, error) from error
        target = str(PurePosixPath(first.folder).parent / f".{first.job_name}.tar")
        what = f"{len(runs)} run folders" if len(runs) > 1 else "the run's folder"
        digest = await send.write_on(link, first, packed, target, what, on_progress)
        folders = [placement.folder for placement in placements]
        await link.ask(
            "receive_many", seconds=LONG_SECONDS, packed=target, sha256=digest, folders=folders
        )
    await asyncio.to_thread(packed.unlink, missing_ok=True)


def _placements(runs: Sequence[RunFolder]) -> list[Placement]:
    placements = [read_placement(run.path) for run in runs]
    return [placement for placement in placements if placement is not None]


def pack(runs: Sequence[RunFolder], path: Path) -> None:
    """Write run folders into one file, the same one as long as it is not there.

    Args:
        runs: whose folders.
        path: of the file; one that is there is left as it is.

    Raises:
        OSError: it cannot be written.
    """
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    known: dict[str, str] = {}
    with files.replacing(path, durable=False) as out, tarfile.open(fileobj=out, mode="w") as tar:
        for run in runs:
            for name, source in send.files_of(run):
                member = send.member(f"{run.id}/{name}", source)
                if member.size >= _LEAST_SHARED:
                    digest = f"{files.sha256(source)} {member.mode}"
                    if digest in known:
                        member.type, member.linkname, member.size = (
                            tarfile.LNKTYPE,
                            known[digest],
                            0,
                        )
                        tar.addfile(member)
                        continue
                    known[digest] = member.name
                tar.addfile(member, io.BytesIO(source.read_bytes()))
