"""Where bitstream and driver lie in a deployment package, whichever FINN wrote it.

finn-plus and FINN's builder write ``bitfile/finn-accel.bit`` and ``driver/``; copied twice, the
driver lies in ``driver/driver/``. FINN 0.8's DeployToPYNQ puts ``resizer.bit``, ``driver.py`` and
its Python packages into one folder. Users zip any of these.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from finn_tui.base import paths
from finn_tui.base.errors import FinnTuiError

FINN_PLUS, UPSTREAM = "finn-plus", "upstream"
#: The names that FINN gives to bitstreams, the ones to take first.
_KNOWN_BITFILES = ("finn-accel.bit", "resizer.bit")
_DEPTH = 3
#: What a package's archive may hold; a Pynq-Z2's is 5 MB.
_MOST_FILES, _MOST_BYTES = 5_000, 1 << 30
# Of the driver: what FINN and Python leave in folders that is no part of it.
_SKIPPED = frozenset({"__pycache__", ".ipynb_checkpoints", ".git"})


@dataclass(frozen=True)
class Layout:
    """Where things lie in a deployment package.

    Attributes:
        root: the package's folder.
        driver: the driver's folder below ``root``; "." in a flat package.
        bitfile: the bitstream below ``root``.
        flavour: whose driver it is, "finn-plus" or "upstream".
    """

    root: Path
    driver: str
    bitfile: str
    flavour: str

    def files(self) -> Iterator[Path]:
        """Everything that the board needs: the folders of the bitstream and of the driver."""
        folders = {PurePosixPath(self.driver), PurePosixPath(self.bitfile).parent}
        listed: set[Path] = set()
        for folder in folders:
            listed.update(self.root.joinpath(folder).rglob("*"))
        for path in sorted(listed):
            parts = path.relative_to(self.root).parts
            if not _SKIPPED.intersection(parts) and path.is_file():
                yield path


def find_layout(folder: Path) -> Layout | None:
    """The deployment package in a folder; None without bitstream or driver.

    Args:
        folder: of a package; below it, folders are looked through three levels deep.
    """
    folders = list(_folders(folder, _DEPTH))
    drivers = [(path, flavour) for path in folders if (flavour := _flavour(path)) is not None]
    bitfiles = [path for each in folders for path in sorted(each.glob("*.bit")) if path.is_file()]
    if not drivers or not bitfiles:
        return None
    driver, flavour = drivers[0]

    def rank(path: Path) -> tuple[int, int, str]:
        known = _KNOWN_BITFILES.index(path.name) if path.name in _KNOWN_BITFILES else 9
        return (0 if path.with_suffix(".hwh").is_file() else 1, known, path.as_posix())

    bitfile = min(bitfiles, key=rank)
    # A package in a folder of the given one, as an archive holds it.
    root = folder
    while (inner := _only_child(root, driver, bitfile)) is not None:
        root = inner
    return Layout(
        root=root,
        driver=driver.relative_to(root).as_posix(),
        bitfile=bitfile.relative_to(root).as_posix(),
        flavour=flavour,
    )


def _only_child(root: Path, driver: Path, bitfile: Path) -> Path | None:
    """The folder in ``root`` that holds both, if one does."""
    if driver == root or bitfile.parent == root:
        return None
    child = root / driver.relative_to(root).parts[0]
    return child if bitfile.is_relative_to(child) and child != driver else None


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    """A folder and those in it, level by level, by name."""
    level = [folder]
    for _ in range(depth + 1):
        yield from level
        level = [
            child
            for parent in level
            if parent.is_dir()
            for child in sorted(parent.iterdir())
            if child.is_dir() and not child.is_symlink() and child.name not in _SKIPPED
        ]


def _flavour(folder: Path) -> str | None:
    program, named = (folder / "driver.py").is_file(), folder.name == "driver"
    if program and (folder / "driver_base.py").is_file():
        return UPSTREAM
    # finn-plus 1.4 writes a program beside the settings that its driver reads since.
    settings = folder / "settings.json"
    if settings.is_file():
        # Editors call theirs so, too; one in a driver's folder is the driver's, even if damaged.
        with settings.open("rb") as file:
            if named or b'"driver_information"' in file.read(1 << 20):
                return FINN_PLUS
    # "driver.py" alone may be anybody's, unless its folder says what it is.
    return UPSTREAM if program and named else None


def unpacked(archive: Path, target: Path | None = None) -> Path:
    """The content of a package's zip file, in a folder.

    Args:
        archive: the zip file.
        target: where to; by default a folder of the cache that is named after the content.

    Raises:
        FinnTuiError: it is damaged, too large, or has names that lead elsewhere.
    """
    try:
        with archive.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        folder = target or paths.cache_dir() / "packages" / f"{archive.stem}-{digest[:12]}"
        if folder.is_dir():
            return folder
        part = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        with zipfile.ZipFile(archive) as content:
            _check_members(archive, content)
            content.extractall(part)
        part.rename(folder)
    except (OSError, zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError) as error:
        raise FinnTuiError(
            f"{archive} cannot be unpacked",
            str(error),
            "Zip the deployment folder again, or give the folder itself.",
            kind="input",
        ) from error
    return folder


def _check_members(archive: Path, content: zipfile.ZipFile) -> None:
    """Refuse an archive that would write elsewhere or fill the disk."""
    members = content.infolist()
    total = sum(member.file_size for member in members)
    if len(members) > _MOST_FILES or total > _MOST_BYTES:
        raise FinnTuiError(
            f"{archive} is no deployment package",
            f"It holds {len(members):,} files of {total / 1e6:,.0f} MB; at most {_MOST_FILES:,} "
            f"and {_MOST_BYTES / 1e6:,.0f} MB are unpacked.",
            "Zip the folder with bitfile and driver only.",
            kind="input",
        )
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or ":" in name.parts[:1]:
            raise FinnTuiError(
                f"{archive} is no deployment package",
                f"It has a member called {member.filename!r}, which leads out of its folder.",
                "Zip the folder with bitfile and driver only.",
                kind="input",
            )
