"""Bringing a run to a board: only what changed, whole files only, and taken up where it broke off.

A manifest on the board holds the SHA-256 of every file that arrived. A file travels under a name of
its own (``.NAME.HASH.part``), is checked there with ``sha256sum`` and renamed at the end, so that
a broken line leaves no half file under a final name; the next deploy continues the part.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import shlex
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import asyncssh

from finn_tui.board.link import Link, translated
from finn_tui.board.package import Package, dataset_folder, package, validation_files
from finn_tui.errors import FinnTuiError
from finn_tui.progress import OnProgress, Progress, ignore

MANIFEST = ".finn-tui.json"
# Written in one go of parallel requests; the last one of a part may have holes, see _start.
_CHUNK = 512 * 1024
_SAMPLES = ("images", "labels", "software")


@dataclass(frozen=True)
class Deployed:
    """What a deploy did.

    Attributes:
        board: its name.
        folder: where the run lies on the board, below the board's folder.
        files: how many the run has there.
        sent: paths of those that travelled, below the board's folder.
        bytes_sent: how much travelled.
        bytes_resumed: how much of it was already there from a deploy that broke off.
        seconds: how long it took.
        dataset: where the test set lies below the board's folder, or None without one.
    """

    board: str
    folder: str
    files: int
    sent: tuple[str, ...]
    bytes_sent: int
    bytes_resumed: int
    seconds: float
    dataset: str | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {**self.__dict__, "sent": list(self.sent)}


@dataclass(frozen=True)
class _File:
    source: Path
    size: int
    sha256: str


async def deploy(link: Link, run: Path, on_progress: OnProgress = ignore) -> Deployed:
    """Make the board hold what the run folder holds for it.

    Sends the deployment package, the sample images, and the test set if it is here (its absence is
    for ``validate`` to complain about). Progress carries ``bytes`` and ``total_bytes``.

    Raises:
        FinnTuiError: no package in the run, a bitstream of the wrong kind, or a broken line.
    """
    began = time.monotonic()
    what = await asyncio.to_thread(package, run)
    check_kind(link, what)
    on_progress(Progress("deploy", "looking for what changed"))
    files, dataset = await asyncio.to_thread(_collect, what)
    base = link.board.folder
    with translated(link.board):
        sftp = await link.sftp()
        upload = _Upload(link, sftp, on_progress)
        if await upload.differs(base, files):
            await sftp.makedirs(base, exist_ok=True)
            async with _alone(link, on_progress):
                for folder, wanted in files.items():
                    await upload.folder(f"{base}/{folder}", wanted)
        sent = tuple(str(PurePosixPath(path).relative_to(base)) for path in upload.sent)
    done = Deployed(
        board=link.board.name,
        folder=what.folder,
        files=sum(len(wanted) for wanted in files.values()),
        sent=sent,
        bytes_sent=upload.bytes_sent,
        bytes_resumed=upload.bytes_resumed,
        seconds=time.monotonic() - began,
        dataset=dataset,
    )
    news = f"{len(sent)} of {done.files} files sent" if sent else "nothing had changed"
    on_progress(Progress("deploy", news, 1.0, {"bytes": done.bytes_sent}))
    return done


def check_kind(link: Link, what: Package) -> None:
    """Raise ``FinnTuiError`` for a rehearsal's bitstream on a real board, or the other way."""
    if what.simulated and not link.board.simulated:
        raise FinnTuiError(
            f"{what.run.name} is a rehearsal: its bitstream is SIMULATED",
            f"{link.board.name} is a real board, and there is nothing in it for an FPGA.",
            "Deploy it to the board `simulated`, or build it with AMD's tools.",
        )
    if link.board.simulated and not what.simulated:
        raise FinnTuiError(
            f"{what.run.name} holds a real bitstream",
            "The simulated board has no FPGA to load it into.",
            "Deploy it to a real board; `finn-tui boards` lists yours.",
        )


def _collect(what: Package) -> tuple[dict[str, dict[str, _File]], str | None]:
    """The files that belong on the board, by folder there and path below it."""
    mine: dict[str, _File] = {}
    for path in sorted(what.root.rglob("*")):
        relative = path.relative_to(what.root)
        in_package = relative.parts[0] in ("bitfile", "driver")
        if in_package and path.is_file() and "__pycache__" not in relative.parts:
            mine[relative.as_posix()] = _file(path)
    for name in _SAMPLES:
        if what.sample(name).is_file():
            mine[f"sample/{name}.npy"] = _file(what.sample(name))
    files = {what.folder: mine}
    try:
        test = validation_files(what)
    except FinnTuiError:
        return files, None
    dataset = dataset_folder(test)
    files[dataset] = {name: _file(path) for name, path in test.items()}
    return files, dataset


def _file(path: Path) -> _File:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return _File(path, path.stat().st_size, digest)


class _Upload:
    """Brings folders of the board into line and counts what that took."""

    def __init__(self, link: Link, sftp: asyncssh.SFTPClient, on_progress: OnProgress) -> None:
        self._link = link
        self._sftp = sftp
        self._on_progress = on_progress
        self.sent: list[str] = []
        self.bytes_sent = 0
        self.bytes_resumed = 0

    async def differs(self, base: str, files: Mapping[str, Mapping[str, _File]]) -> bool:
        """Whether anything is to be done in any of the folders."""
        plans = [await self._plan(f"{base}/{folder}", wanted) for folder, wanted in files.items()]
        return any(changed or gone for changed, gone in plans)

    async def _plan(
        self, folder: str, wanted: Mapping[str, _File]
    ) -> tuple[dict[str, _File], list[str]]:
        """What differs from the folder's manifest, and what the run no longer has."""
        manifest = await self._manifest(folder)
        sizes = await asyncio.gather(*(self._size(f"{folder}/{name}") for name in wanted))
        changed = {
            name: file
            for (name, file), size in zip(wanted.items(), sizes, strict=True)
            if size != file.size or manifest.get(name) != file.sha256
        }
        return changed, [name for name in manifest if name not in wanted]

    async def folder(self, folder: str, wanted: Mapping[str, _File]) -> None:
        """Bring one folder into line."""
        changed, gone = await self._plan(folder, wanted)
        if not changed and not gone:
            return
        for parent in {f"{folder}/{PurePosixPath(name).parent}" for name in (*changed, MANIFEST)}:
            await self._sftp.makedirs(parent, exist_ok=True)
        total = sum(file.size for file in changed.values())
        done = 0
        parts: dict[str, str] = {}
        for name, file in changed.items():
            parts[name] = await self._part(folder, name, file, done, total)
            done += file.size
        await self._check(parts, changed)
        for name, part in parts.items():
            await self._sftp.posix_rename(part, f"{folder}/{name}")
        for name in gone:
            with contextlib.suppress(asyncssh.SFTPError):
                await self._sftp.remove(f"{folder}/{name}")
        text = json.dumps({"files": {name: file.sha256 for name, file in wanted.items()}})
        async with self._sftp.open(f"{folder}/{MANIFEST}.part", "wb") as out:
            await out.write(text.encode())
        await self._sftp.posix_rename(f"{folder}/{MANIFEST}.part", f"{folder}/{MANIFEST}")
        self.sent += [f"{folder}/{name}" for name in changed]

    async def _manifest(self, folder: str) -> dict[str, str]:
        with contextlib.suppress(asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            async with self._sftp.open(f"{folder}/{MANIFEST}", "rb") as file:
                with contextlib.suppress(ValueError, KeyError, AttributeError):
                    return dict(json.loads(await file.read())["files"])
        return {}

    async def _size(self, path: str) -> int | None:
        with contextlib.suppress(asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            return (await self._sftp.stat(path)).size
        return None

    async def _part(self, folder: str, name: str, file: _File, before: int, total: int) -> str:
        """Send one file under its temporary name, from where an earlier try broke off."""
        path = PurePosixPath(folder) / name
        part = str(path.with_name(f".{path.name}.{file.sha256[:12]}.part"))
        start = _start(await self._size(part), file.size)
        self.bytes_resumed += start
        flags = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | (0 if start else asyncssh.FXF_TRUNC)
        source = await asyncio.to_thread(file.source.open, "rb")
        try:
            async with self._sftp.open(part, flags, encoding=None) as out:
                position = start
                while position < file.size:
                    data = await asyncio.to_thread(_read, source, position)
                    if not data:
                        break
                    await out.write(data, position)
                    position += len(data)
                    self.bytes_sent += len(data)
                    sent = before + position
                    self._on_progress(
                        Progress(
                            "deploy",
                            f"sending {path.name}",
                            sent / total if total else None,
                            {"bytes": sent, "total_bytes": total, "file": name},
                        )
                    )
        finally:
            source.close()
        return part

    async def _check(self, parts: Mapping[str, str], files: Mapping[str, _File]) -> None:
        """Compare what arrived with what was sent."""
        if not parts:
            return
        self._on_progress(Progress("deploy", "checking what arrived"))
        code, out, err = await self._link.run("sha256sum", "--", *parts.values(), timeout=300)
        if code != 0:
            raise FinnTuiError(
                f"what arrived on {self._link.board.name} could not be checked",
                err.decode("utf-8", "replace").strip(),
                "Deploy again.",
                kind="board",
            )
        found = [line.lstrip("\\").split(" ", 1)[0] for line in out.decode().splitlines()]
        wrong = [
            name
            for (name, digest) in zip(parts, found, strict=True)
            if digest != files[name].sha256
        ]
        for name in wrong:
            with contextlib.suppress(asyncssh.SFTPError):
                await self._sftp.remove(parts[name])
        if wrong:
            raise FinnTuiError(
                f"{', '.join(wrong)} did not arrive as sent",
                "The file changed meanwhile, or the board's SD card is failing.",
                "Deploy again; if it stays so, check the card.",
                kind="board",
            )


@contextlib.asynccontextmanager
async def _alone(link: Link, on_progress: OnProgress) -> AsyncIterator[None]:
    """Hold the board's folder against other deploys; a board without ``flock`` has to do without.

    The lock ends with its process, and that with our end of its standard input.
    """
    lock = shlex.quote(f"{link.board.folder}/.deploy.lock")
    holder = await link.connection.create_process(
        f"exec flock {lock} -c 'echo held; cat >/dev/null'", encoding=None
    )
    try:
        waiting = asyncio.create_task(holder.stdout.readline())
        done, _ = await asyncio.wait((waiting,), timeout=0.5)
        if not done:
            on_progress(Progress("deploy", "another finn-tui deploys to this board; waiting"))
        await waiting
        yield
    finally:
        waiting.cancel()
        with contextlib.suppress(OSError, asyncssh.Error):
            holder.stdin.write_eof()
        holder.close()


def _read(source: Any, position: int) -> bytes:
    source.seek(position)
    data: bytes = source.read(_CHUNK)
    return data


def _start(there: int | None, size: int) -> int:
    """Where to continue a part: its last chunk's requests may have arrived in any order."""
    if not there or there > size:
        return 0
    return (there - 1) // _CHUNK * _CHUNK
