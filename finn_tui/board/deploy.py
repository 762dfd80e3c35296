"""Bringing a run to a board: only what changed, whole files only, and taken up where it broke off.

``sha256sum`` on the board says which files are there. One that is not travels under a name of its
own (``.NAME.HASH.part``), is checked there and renamed at the end, so that a broken line leaves no
half file under a final name; the next deploy continues the part. A manifest holds the names of what
was sent, so that a file that the run no longer has goes from the board, too.
"""

from __future__ import annotations

import asyncio
import getpass
import hashlib
import json
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.base.text import size, unprintable
from finn_tui.board.catalogue import check_board_kind
from finn_tui.board.deploy_lock import deploy_lock
from finn_tui.board.deployments import keep_newest
from finn_tui.board.package import Package, package
from finn_tui.board.transport import Transport
from finn_tui.hosts.arrivals import Arrivals
from finn_tui.hosts.remote_files import RemoteFiles, together

MANIFEST = ".finn-tui.json"
# Written in one go of parallel requests; the last one of a part may have holes, see _start.
_CHUNK = 512 * 1024
_SMALL = 64 * 1024
_AT_ONCE = 16
_MOST_MANIFEST = 4 << 20
#: Bytes that a deploy leaves free on the board's disk.
_MARGIN = 4 << 20
_SAMPLES = ("labels", "software")


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
        dataset: always None; ``validate`` sends its images itself.
        simulated: whether the board has no FPGA.
        replay: whether it is a recorded session's and nothing was sent.
    """

    board: str
    folder: str
    files: int
    sent: tuple[str, ...]
    bytes_sent: int
    bytes_resumed: int
    seconds: float
    dataset: str | None = None
    simulated: bool = False
    replay: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {**self.__dict__, "sent": list(self.sent)}


@dataclass(frozen=True)
class _File:
    source: Path
    size: int
    sha256: str


async def deploy(link: Transport, run: Path, on_progress: OnProgress = ignore) -> Deployed:
    """Make the board hold what the run folder holds for it.

    Sends the deployment package and the sample images; a data set is sent by ``validate``.
    Progress carries ``bytes`` and ``total_bytes``.

    Raises:
        FinnTuiError: no package in the run, a bitstream of the wrong kind, or a broken line.
    """
    began = time.monotonic()
    what = await asyncio.to_thread(package, run)
    check_kind(link, what)
    on_progress(Progress("deploy", "looking for what changed"))
    with link.translated():
        files, upload = await _bring(link, lambda: _collect(what), on_progress)
        base = link.board.folder
        sent = tuple(str(PurePosixPath(path).relative_to(base)) for path in upload.sent)
        await keep_newest(link, what.folder, on_progress)
    done = Deployed(
        board=link.board.name,
        folder=what.folder,
        files=sum(len(wanted) for wanted in files.values()),
        sent=sent,
        bytes_sent=upload.bytes_sent,
        bytes_resumed=upload.bytes_resumed,
        seconds=time.monotonic() - began,
        simulated=link.board.simulated,
        replay=link.board.replay,
    )
    news = f"{len(sent)} of {done.files} files sent" if sent else "nothing had changed"
    on_progress(Progress("deploy", news, 1.0, {"bytes": done.bytes_sent}))
    return done


async def send_files(
    link: Transport, folder: str, paths: Mapping[str, Path], on_progress: OnProgress = ignore
) -> None:
    """Make a folder of the board hold these files and nothing else that was sent.

    Args:
        folder: below the board's folder.
        paths: the files by their names there.

    Raises:
        FinnTuiError: the line broke, or what arrived is something else.
    """

    def collect() -> dict[str, dict[str, _File]]:
        return {folder: {name: _file(path) for name, path in paths.items()}}

    with link.translated():
        await _bring(link, collect, on_progress)


async def _bring(
    link: Transport, collect: Callable[[], dict[str, dict[str, _File]]], on_progress: OnProgress
) -> tuple[dict[str, dict[str, _File]], _Upload]:
    """Bring folders of the board into line; what they shall hold, and what that took.

    Args:
        link: to the board.
        collect: gives the files by folder and name; it reads them all.
        on_progress: told what is done.
    """
    base = link.board.folder
    async with deploy_lock(link, on_progress) as lock:
        reading = asyncio.to_thread(collect)
        files, there = await asyncio.gather(reading, link.files(base))
        upload = _Upload(link, there, on_progress)
        if await upload.differs(base, files):
            hashed = Arrivals(await lock.held())
            for folder, wanted in files.items():
                await upload.folder(f"{base}/{folder}", wanted, hashed)
    return files, upload


def who() -> str:
    """The user and the machine here, for others on the board to see."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "somebody"
    return f"{user}@{socket.gethostname()}"


def check_kind(link: Transport, what: Package) -> None:
    """Raise ``FinnTuiError`` for a rehearsal's bitstream on a real board, or the other way."""
    check_board_kind(link.board, what.run.name, simulated=what.simulated)


def _collect(what: Package) -> dict[str, dict[str, _File]]:
    """The files that belong on the board, by folder there and path below it."""
    files_by_path: dict[str, _File] = {}
    home = what.run if what.root.is_relative_to(what.run) else what.root
    for path in what.layout.files():
        files_by_path[path.relative_to(what.root).as_posix()] = _file(path, home)
    for path in (*what.samples("images"), *map(what.sample, _SAMPLES)):
        if path.is_file():
            files_by_path[f"sample/{path.name}"] = _file(path, what.run)
    return {what.folder: files_by_path}


def _file(path: Path, folder: Path | None = None) -> _File:
    """A file to be sent; one of a folder must lie in it, and not only a link to it."""
    if folder is not None and not path.resolve().is_relative_to(folder.resolve()):
        raise FinnTuiError(
            f"{path} is a symbolic link to a file outside the run",
            f"It leads to {path.resolve()}, and a deploy would send that to the board.",
            "Put the file itself there if it belongs to the run.",
        )
    if odd := unprintable(path.name):
        raise FinnTuiError(
            f"the file name {path.name!r} cannot be sent to a board",
            f"It is in {path.parent} and has {odd} in it.",
            "Rename the file.",
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return _File(path, path.stat().st_size, digest)


def inside(name: object) -> bool:
    """Whether a name in a manifest is a plain path below the folder of the manifest."""
    if not isinstance(name, str) or not name.isprintable() or len(name) > 1000:
        return False
    parts = name.split("/")
    return all(part not in ("", ".", "..") for part in parts) and name != MANIFEST


class _Manifest(msgspec.Struct):
    """Hashes of the files in a folder; ``switching`` while they are replaced."""

    files: dict[str, str] = {}
    switching: bool = False


@dataclass(frozen=True)
class _Plan:
    """What is to be done in a folder: files to send, names to remove, a manifest to write."""

    folder: str
    changed: dict[str, _File]
    gone: list[str]
    whole: bool

    @property
    def differs(self) -> bool:
        """Whether that is anything."""
        return bool(self.changed or self.gone) or not self.whole


def _part_path(plan: _Plan, name: str) -> str:
    """The temporary name of a file while it travels; another content has another one."""
    path = PurePosixPath(plan.folder, name)
    return str(path.with_name(f".{path.name}.{plan.changed[name].sha256[:12]}.part"))


class _Upload:
    """Brings folders of the board into line and counts what that took."""

    def __init__(self, link: Transport, files: RemoteFiles, on_progress: OnProgress) -> None:
        self._link = link
        self._files = files
        self._on_progress = on_progress
        self.sent: list[str] = []
        self.bytes_sent = 0
        self.bytes_resumed = 0
        self._arrived = 0

    async def differs(self, base: str, files: Mapping[str, Mapping[str, _File]]) -> bool:
        """Whether anything is to be done in any of the folders."""
        folders = files.items()
        plans = await together(self._plan(f"{base}/{folder}", wanted) for folder, wanted in folders)
        if not any(plan.differs for plan in plans):
            return False
        await self._check_room(plans)
        return True

    async def _check_room(self, plans: list[_Plan]) -> None:
        """Refuse files that do not fit on the board's disk; what cannot be read is no obstacle."""
        needed = sum(file.size for plan in plans for file in plan.changed.values())
        for plan in plans:
            for name, file in plan.changed.items():
                needed -= min(file.size, await self._files.size(_part_path(plan, name)) or 0)
        free = await self._files.free()
        if free is not None and needed + _MARGIN > free:
            name = self._link.board.name
            raise FinnTuiError(
                f"{name} has not enough room: {size(needed + _MARGIN)} needed, {size(free)} free",
                f"{size(needed)} are to be sent; the files that they replace stay until then.",
                f"Remove old runs from it: finn-tui boards clean {name}",
                kind="board",
            )

    async def _plan(self, folder: str, wanted: Mapping[str, _File]) -> _Plan:
        """What differs from what lies in the folder, and what the run no longer has."""
        manifest = await self._manifest(folder)
        paths = {name: f"{folder}/{name}" for name in wanted}
        sizes = await together(self._files.size(path) for path in paths.values())
        insides = await together(self._files.is_inside(folder, name) for name in wanted)
        alike = [
            name
            for (name, file), there, is_inside in zip(wanted.items(), sizes, insides, strict=True)
            if there == file.size and is_inside
        ]
        # A manifest says what was sent once; what is there now, only its content says.
        hashes = await self._files.sha256([paths[name] for name in alike])
        same = {
            name
            for name, digest in zip(alike, hashes, strict=True)
            if digest == wanted[name].sha256
        }
        changed = {name: file for name, file in wanted.items() if name not in same}
        gone = [name for name in manifest.files if name not in wanted]
        described = {name: file.sha256 for name, file in wanted.items()}
        whole = not manifest.switching and manifest.files == described
        return _Plan(folder, changed, gone, whole)

    async def folder(self, folder: str, wanted: Mapping[str, _File], hashed: Arrivals) -> None:
        """Bring one folder into line.

        From the first file that is replaced to the last the manifest says so, and the agent does
        not load what lies there: a run is never half old and half new.
        """
        plan = await self._plan(folder, wanted)
        if not plan.differs:
            return
        changed = plan.changed
        for name in (*changed, MANIFEST):
            await self._files.make_folder(str(PurePosixPath(folder, name).parent))
        total = sum(file.size for file in changed.values())
        self._arrived = 0
        parts: dict[str, str] = {}

        async def send(names: list[str], watch: Arrivals | None = None) -> None:
            sent = (
                self._part(_part_path(plan, name), name, changed[name], total, watch)
                for name in names
            )
            parts.update(zip(names, await together(sent), strict=True))

        for name, file in changed.items():
            if file.size > _SMALL:
                await send([name], hashed)
        # A small file is nothing but waiting for answers, which can be done for several at once.
        small = [name for name in changed if name not in parts]
        for start in range(0, len(small), _AT_ONCE):
            await send(small[start : start + _AT_ONCE])
        for name in small:
            hashed.begin(parts[name])
            hashed.end(changed[name].size)
        await self._check(parts, changed, await hashed.digests())
        described = {name: file.sha256 for name, file in wanted.items()}
        await self._write_manifest(folder, described | dict.fromkeys(plan.gone, ""), True)
        for name, part in parts.items():
            await self._files.rename(part, f"{folder}/{name}")
        for name in plan.gone:
            if await self._files.is_inside(folder, name):
                await self._files.remove(f"{folder}/{name}")
        await self._write_manifest(folder, described, False)
        self.sent += [f"{folder}/{name}" for name in changed]

    async def _write_manifest(self, folder: str, files: dict[str, str], switching: bool) -> None:
        content = {"files": files, "switching": switching, "time": time.time(), "who": who()}
        part = f"{folder}/{MANIFEST}.{secrets.token_hex(4)}.part"
        await self._files.write(part, json.dumps(content).encode())
        await self._files.rename(part, f"{folder}/{MANIFEST}")

    async def _manifest(self, folder: str) -> _Manifest:
        """What an earlier deploy brought; nothing where the manifest is missing or damaged."""
        content = await self._files.read(f"{folder}/{MANIFEST}", _MOST_MANIFEST)
        try:
            manifest = msgspec.json.decode(content or b"{}", type=_Manifest)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return _Manifest()
        manifest.files = {name: each for name, each in manifest.files.items() if inside(name)}
        return manifest

    async def _part(
        self, part: str, name: str, file: _File, total: int, watch: Arrivals | None
    ) -> str:
        """Send one file under its temporary name, from where an earlier try broke off."""
        there = await self._files.size(part)
        start = _start(there, file.size)
        self.bytes_resumed += start
        self._arrived += start
        if not start:
            # Whatever bears this name, a link perhaps, is not written through.
            await self._files.remove(part)
        source = await asyncio.to_thread(file.source.open, "rb")
        try:
            async with self._files.writing(part, resume=start > 0) as out:
                position = start
                if watch is not None:
                    watch.begin(part)
                while position < file.size:
                    data = await asyncio.to_thread(_read, source, position)
                    if not data:
                        break
                    await out.write(data, position)
                    position += len(data)
                    if watch is not None:
                        watch.reached(position)
                    self.bytes_sent += len(data)
                    self._arrived += len(data)
                    self._on_progress(
                        Progress(
                            "deploy",
                            f"sending {PurePosixPath(name).name}",
                            self._arrived / total if total else None,
                            {"bytes": self._arrived, "total_bytes": total, "file": name},
                        )
                    )
            if watch is not None:
                watch.end(file.size)
        finally:
            source.close()
        return part

    async def _check(
        self, parts: Mapping[str, str], files: Mapping[str, _File], known: Mapping[str, str]
    ) -> None:
        """Compare what arrived with what was sent; ``known`` has hashes from the other end."""
        if not parts:
            return
        self._on_progress(Progress("deploy", "checking what arrived"))
        unknown = [part for part in parts.values() if part not in known]
        hashes = {**known, **dict(zip(unknown, await self._files.sha256(unknown), strict=True))}
        wrong = [name for name, part in parts.items() if hashes[part] != files[name].sha256]
        for name in wrong:
            await self._files.remove(parts[name])
        if wrong:
            raise FinnTuiError(
                f"{', '.join(wrong)} did not arrive as sent",
                "The file changed meanwhile, or the board's SD card is failing.",
                "Deploy again; if it stays so, check the card.",
                kind="board",
            )


def _read(source: Any, position: int) -> bytes:
    source.seek(position)
    data: bytes = source.read(_CHUNK)
    return data


def _start(there: int | None, size: int) -> int:
    """Where to continue a part: its last chunk's requests may have arrived in any order."""
    if not there or there > size:
        return 0
    return (there - 1) // _CHUNK * _CHUNK
