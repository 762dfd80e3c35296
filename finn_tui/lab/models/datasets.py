"""Data sets on this machine: found where they usually lie, or downloaded and checked."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tarfile
import threading
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from finn_tui.base import paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, Progress, ignore
from finn_tui.base.text import size
from finn_tui.engine.server.training import locate
from finn_tui.engine.server.training.published import DIGITS28, PUBLISHED, Published

#: How long to wait for the first answer of a server: a name's resolution takes no timeout.
REACH_SECONDS = 3.0
#: A server that sends nothing for so long has gone.
_STALL_SECONDS = 20.0
#: Names that people give to the published sets.
_ALIASES = {
    "fashion": "fashion-mnist",
    "fashionmnist": "fashion-mnist",
    "fashion_mnist": "fashion-mnist",
    "cifar": "cifar10",
    "cifar-10": "cifar10",
    "cifar-100": "cifar100",
}


@dataclass(frozen=True)
class DatasetPlace:
    """A data set that is there.

    Attributes:
        folder: of its files; ``digits28`` for what the engine brings.
        name: its true name: that of a published set only where every file is the published one.
        family: of its files: ``idx``, ``cifar10``, ``cifar100``.
    """

    folder: str
    name: str
    family: str


def user_folder() -> Path:
    """Return where downloaded data sets are kept."""
    return paths.data_dir() / "datasets"


def places(workspace: Path) -> tuple[Path, ...]:
    """Return the folders in which data sets are looked for, first the workspace's own."""
    return workspace / "data", user_folder()


def canonical(name: str) -> str:
    """Return the name of a published set as it is known here."""
    lower = name.lower()
    return _ALIASES.get(lower, lower)


def find(workspace: Path, wanted: str) -> DatasetPlace | None:
    """Look for a data set.

    Args:
        workspace: its folder.
        wanted: a folder, or a name: mnist, fashion-mnist, cifar10, cifar100, digits28.

    Returns:
        The data set; None if it is a known name that is not there.

    Raises:
        FinnTuiError: the folder holds no data set or several, or the name is unknown.
    """
    if wanted == DIGITS28:
        return DatasetPlace(DIGITS28, DIGITS28, "idx")
    folder = Path(wanted).expanduser()
    if folder.is_dir():
        return _in_folder(folder)
    name = canonical(wanted)
    if name not in PUBLISHED:
        raise FinnTuiError(
            f"there is no data set {wanted}",
            f"It is no folder, and none of {', '.join([*PUBLISHED, DIGITS28])}.",
            "Name the folder that holds its files: --dataset DIR.",
        )
    for place in places(workspace):
        files = locate.find(str(place), name)
        if files:
            return _described(files[0])
    return None


def _in_folder(folder: Path) -> DatasetPlace:
    files = locate.files_in(str(folder))
    if files is None:
        below = {found.folder: found for found in locate.find(str(folder))}
        if len(below) > 1:
            raise FinnTuiError(
                f"{folder} holds several data sets",
                ", ".join(sorted(below)),
                "Name the folder of one of them.",
            )
        if not below:
            raise FinnTuiError(
                f"{folder} holds no data set",
                "It has none of the files of MNIST (train-images-idx3-ubyte.gz ...), CIFAR-10 "
                "(data_batch_1 ... or .bin) or CIFAR-100 (train, test).",
                "Name the folder that holds the files themselves.",
            )
        files = next(iter(below.values()))
    return _described(files)


def _described(files: locate.Files) -> DatasetPlace:
    return DatasetPlace(str(Path(files.folder).resolve()), locate.true_name(files), files.family)


async def obtain(
    workspace: Path, wanted: str, *, download: bool = True, on_progress: OnProgress = ignore
) -> DatasetPlace:
    """Find a data set, or download it to the user's folder.

    Args:
        workspace: its folder.
        wanted: as ``find`` takes it.
        download: whether the network may be asked.
        on_progress: told of the download.

    Raises:
        FinnTuiError: as ``find``; or it is neither there nor can be downloaded.
    """
    place = await asyncio.to_thread(find, workspace, wanted)
    if place is not None:
        return place
    entry = PUBLISHED[canonical(wanted)]
    why = "Downloading is switched off."
    if download:
        problem = await fetch(entry, user_folder() / entry.folders[0], on_progress)
        if problem is None:
            place = await asyncio.to_thread(find, workspace, wanted)
            if place is not None:
                return place
        why = problem or "What arrived was not found again."
    looked = ", ".join(str(folder) for folder in places(workspace))
    digits = f", or train on --dataset {DIGITS28}" if entry.name == "mnist" else ""
    raise FinnTuiError(
        f"{entry.title} is not on this machine",
        f"It was looked for in {looked}. {why}",
        f"Copy its files there ({', '.join(list(entry.md5)[:2])} ...), or name their folder: "
        f"--dataset DIR{digits}.",
    )


@dataclass
class _Download:
    """What the thread that reads from the network has got so far."""

    bytes: int = 0
    begun: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    problem: str | None = None


async def fetch(entry: Published, folder: Path, on_progress: OnProgress = ignore) -> str | None:
    """Download a published data set and check its files.

    Args:
        entry: the data set.
        folder: for its files.
        on_progress: told how far it is.

    Returns:
        None once it is there, else why it is not.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    total = 0
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for url, digest in entry.urls:
            target = partial / url.rsplit("/", 1)[-1]
            problem = await _fetch_file(url, target, entry, total, on_progress)
            if problem is not None:
                return problem
            total += target.stat().st_size
            if await asyncio.to_thread(locate.md5, str(target)) != digest:
                return f"What arrived from {url} is not the published file: its MD5 differs."
            if target.name.endswith(".tar.gz"):
                on_progress(Progress("data", f"unpacking {target.name}"))
                await asyncio.to_thread(_unpack, target, partial, entry)
                target.unlink()
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    except (OSError, tarfile.TarError) as error:
        return str(error)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return None


async def _fetch_file(
    url: str, target: Path, entry: Published, before: int, on_progress: OnProgress
) -> str | None:
    host = urllib.parse.urlsplit(url).netloc
    state = _Download()
    threading.Thread(target=_read, args=(url, target, state), daemon=True).start()
    waited, last, stalled = 0.0, 0, 0.0
    try:
        while not state.done.is_set():
            await asyncio.sleep(0.1)
            waited += 0.1
            if not state.begun.is_set() and waited > REACH_SECONDS:
                return f"{host} does not answer within {REACH_SECONDS:.0f} s."
            stalled = 0.0 if state.bytes != last else stalled + 0.1
            last = state.bytes
            if state.begun.is_set() and stalled > _STALL_SECONDS:
                return f"{host} sent nothing for {_STALL_SECONDS:.0f} s."
            got = before + state.bytes
            text = f"{entry.title} from {host}: {size(got)} of {size(entry.bytes)}"
            on_progress(Progress("data", text, min(1.0, got / entry.bytes)))
    finally:
        state.stop.set()
    return state.problem


def _read(url: str, target: Path, state: _Download) -> None:
    try:
        with (
            urllib.request.urlopen(url, timeout=_STALL_SECONDS) as answer,
            target.open("wb") as out,
        ):
            state.begun.set()
            while not state.stop.is_set() and (chunk := answer.read(1 << 16)):
                out.write(chunk)
                state.bytes += len(chunk)
    except (OSError, ValueError) as error:
        state.problem = f"{url}: {error}"
    finally:
        state.done.set()


def _unpack(archive: Path, folder: Path, entry: Published) -> None:
    """Take the data set's own files out of its archive, under their own names only."""
    wanted = {*entry.md5, "batches.meta", "meta"}
    with tarfile.open(archive, "r:gz") as packed:
        for member in packed:
            name = member.name.rsplit("/", 1)[-1]
            source = packed.extractfile(member) if member.isfile() and name in wanted else None
            if source is not None:
                with contextlib.closing(source), (folder / name).open("wb") as out:
                    shutil.copyfileobj(source, out)
