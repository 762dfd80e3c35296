"""What a run folder has for a board: the deployment package, sample images and the test set."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from msgspec import Meta, Struct

from finn_tui.base import documents, files, paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.board.layout import Layout, find_layout, unpacked
from finn_tui.engine.server.training import locate
from finn_tui.rehearsal import bitstream

T = TypeVar("T", bound=Struct)

# Names that people use, to the drivers' own.
_DATASETS = {"mnist": "mnist", "cifar": "cifar", "cifar10": "cifar", "cifar100": "cifar100"}
# The files of each test set: as we look for them, and what they are called on the board.
_TEST_FILES: dict[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "mnist": (
        (("t10k-images-idx3-ubyte.gz",), "t10k-images-idx3-ubyte.gz"),
        (("t10k-labels-idx1-ubyte.gz",), "t10k-labels-idx1-ubyte.gz"),
    ),
    "cifar": ((("test_batch", "cifar-10-batches-py/test_batch"), "test_batch"),),
    "cifar100": ((("test", "cifar-100-python/test"), "test"),),
}
_ARCHIVES = {
    "cifar": ("cifar-10-python.tar.gz", "cifar-10-batches-py/test_batch"),
    "cifar100": ("cifar-100-python.tar.gz", "cifar-100-python/test"),
}


_FIX = "Build the run again."


class _Weights(Struct, frozen=True):
    dataset: str | None = None


class _Source(Struct, frozen=True):
    weights: _Weights | None = None


class _Estimate(Struct, frozen=True):
    fps: float | None = None


class _Run(Struct, frozen=True):
    """What a board needs of run.json."""

    clock_ns: Annotated[float, Meta(gt=0, le=1e6, description="A period in ns.")] | None = None
    part: str | None = None
    dataset: str | None = None
    estimate: _Estimate | None = None
    source: _Source | None = None


class _Driver(Struct, frozen=True):
    """``driver_information`` of FINN's settings.json."""

    fclk_mhz: Annotated[float, Meta(gt=0, le=1e5, description="A clock in MHz.")] | None = None
    validation_dataset: str | None = None


class _DriverSettings(Struct, frozen=True):
    """What is used of FINN's settings.json."""

    driver_information: _Driver = _Driver()


class SampleDescription(Struct, frozen=True):
    """sample.json: how the run's samples relate to the accelerator, as the engine wrote it.

    Attributes:
        kind: "classes" where the output is a class or a score for each, else "values".
        topk: how many classes the accelerator names; 0 for its scores or values; None in a run of
            an older finn-tui.
        tail: the op that the host applies to the outputs (Softmax), or None.
        preprocess: "none", "divide-255", "scale" or "file": what the network has in front of it
            that the accelerator's input is given without.
        scale: of "scale": what an integer input is worth.
        dtypes: FINN data type of each input of the accelerator.
        check: ``images`` of which the dataflow graph gave the ``same`` class and ``outputs``.
    """

    kind: Literal["classes", "values"] = "classes"
    topk: Annotated[int, Meta(ge=0, le=1 << 20)] | None = None
    tail: str | None = None
    preprocess: str = "none"
    scale: Annotated[float, Meta(gt=0)] | None = None
    dtypes: tuple[str, ...] = ()
    check: dict[str, int | None] | None = None


@dataclass(frozen=True)
class Package:
    """A run, seen from a board.

    Attributes:
        run: the run folder.
        root: the deployment package in it.
        flavour: whose driver it needs, "finn-plus" or "upstream".
        driver: the driver's folder below ``root``; "." in a flat package.
        bitfile: the bitstream's path below ``root``.
        part: the FPGA that it is for, as the run or the bitstream says, or None.
        clock_mhz: what the design was built for.
        fps: estimated images a second at that clock, if the run knows.
        dataset: the driver's name of the test set (mnist, cifar, cifar100), if the run knows.
        trained_on: the data set that the run brings in ``dataset/`` in that form, if it says so
            (digits28 has MNIST's form and is none).
        simulated: whether the bitstream is a rehearsal's.
        about: how its samples relate to the accelerator.
    """

    run: Path
    root: Path
    flavour: str
    driver: str
    bitfile: str
    part: str | None
    clock_mhz: float
    fps: float | None
    dataset: str | None
    trained_on: str | None
    simulated: bool
    about: SampleDescription

    @property
    def layout(self) -> Layout:
        """Where its bitstream and driver lie."""
        return Layout(self.root, self.driver, self.bitfile, self.flavour)

    @property
    def bytes(self) -> int:
        """Size of the bitstream and the driver."""
        return sum(path.stat().st_size for path in self.layout.files())

    @property
    def folder(self) -> str:
        """Where it lies on a board, below the board's folder."""
        return f"runs/{self.run.resolve().name}"

    def sample(self, name: str) -> Path:
        """A file of the run's sample: images, labels, software, outputs (.npy)."""
        return self.run / "sample" / f"{name}.npy"

    def samples(self, name: str) -> list[Path]:
        """The files of "images" or "outputs", one for each input or output; none if one lacks."""
        paths = [self.sample(name)]
        while self.sample(f"{name}{len(paths)}").is_file():
            paths.append(self.sample(f"{name}{len(paths)}"))
        return paths if paths[0].is_file() else []


def package(run: Path) -> Package:
    """Look at a run folder (or at a deployment package by itself).

    Raises:
        FinnTuiError: it holds no deployment package, or one without bitstream or driver.
    """
    layout = _layout(run)
    if layout is None:
        raise FinnTuiError(
            f"{run} holds no deployment package",
            "A board needs a bitstream (*.bit) and a driver: driver.py and driver_base.py of "
            "FINN, or settings.json of finn-plus. Only a build that succeeded leaves them.",
            "`finn-tui runs` shows how the build ended.",
        )
    request = _document(run / "run.json", _Run)
    settings_file = layout.root / layout.driver / "settings.json"
    settings = _document(settings_file, _DriverSettings).driver_information
    clock = 1000.0 / request.clock_ns if request.clock_ns else settings.fclk_mhz or 100.0
    name = request.dataset or settings.validation_dataset
    weights = request.source.weights if request.source else None
    bitfile = layout.root / layout.bitfile
    with bitfile.open("rb") as file:
        head = file.read(_MOST_HEAD)
    return Package(
        run=run,
        root=layout.root,
        flavour=layout.flavour,
        driver=layout.driver,
        bitfile=layout.bitfile,
        part=request.part or _part_in(head),
        clock_mhz=clock,
        fps=request.estimate.fps if request.estimate else None,
        dataset=_DATASETS.get(name.lower()) if name else None,
        trained_on=weights.dataset if weights else None,
        simulated=head.startswith(bitstream.MAGIC),
        about=_document(run / "sample" / "sample.json", SampleDescription),
    )


def _layout(run: Path) -> Layout | None:
    """Where the deployment package of a run lies; in its zip file if it is there only so."""
    is_run = (run / "run.json").is_file()
    folders = [run / "build" / "deploy", run / "deploy", *([] if is_run else [run])]
    for folder in folders:
        if folder.is_dir() and (layout := find_layout(folder)) is not None:
            return layout
    for folder in (run / "build", run):
        for archive in sorted(folder.glob("deploy*.zip")):
            if (layout := find_layout(unpacked(archive))) is not None:
                return layout
    return None


_MOST_HEAD = 4096


def _part_in(head: bytes) -> str | None:
    """The part that a bitstream names in its header; None where it names none.

    Vivado's .bit files begin with fields of a letter, a length and a text; "b" is the part without
    its family's "xc".
    """
    if head.startswith(bitstream.MAGIC):
        try:
            part = json.loads(head[len(bitstream.MAGIC) :].split(b"\n")[0]).get("part")
        except (ValueError, AttributeError):
            return None
        return part if isinstance(part, str) else None
    match = re.search(rb"\x00b\x00[\x05-\x40]([0-9a-z-]{4,62})\x00", head[:1024])
    return "xc" + match.group(1).decode("ascii") if match else None


def _document(path: Path, kind: type[T]) -> T:
    """Read a document of the run; the struct's defaults where there is no file."""
    try:
        return documents.decode(documents.read(path, _FIX), kind, path, _FIX)
    except FileNotFoundError:
        return kind()


def validation_files(package: Package) -> dict[str, Path]:
    """The files of the run's test set by their published names.

    They are looked for in the run's ``dataset/`` and in the user's data folder; an archive as
    CIFAR's authors offer it is unpacked where needed.

    Raises:
        FinnTuiError: says which files are missing and where to put them.
    """
    name = package.dataset
    if name is None:
        raise FinnTuiError(
            "the run names no test set",
            "Drivers know mnist, cifar10 and cifar100.",
            "Give your own: --dataset FILE.npz with the arrays images and labels.",
        )
    shown = "cifar10" if name == "cifar" else name
    common = paths.data_dir() / "datasets" / shown
    places = (package.run / "dataset", common)
    files: dict[str, Path] = {}
    for candidates, target in _TEST_FILES[name]:
        paths_tried = [place / candidate for place in places for candidate in candidates]
        file = next((path for path in paths_tried if path.is_file()), None) or _unpacked(
            name, places
        )
        if file is None:
            raise FinnTuiError(
                f"the {shown} test set is not here",
                f"The board never downloads it; {target} is missing in {places[0]} and {common}.",
                f"Put {' or '.join(candidates)} into {common}"
                + (f" (or {_ARCHIVES[name][0]} as it is)." if name in _ARCHIVES else "."),
            )
        files[target] = file
    return files


def shown_name(package: Package, files: Mapping[str, Path]) -> str:
    """What to call a test set of these files: an accuracy is worth nothing under another's name."""
    own = all(path.is_relative_to(package.run / "dataset") for path in files.values())
    if own and package.trained_on:
        return package.trained_on
    name = "cifar10" if package.dataset == "cifar" else str(package.dataset)
    return name if locate.is_published(name, map(str, files.values())) else locate.unverified(name)


def _unpacked(name: str, places: tuple[Path, ...]) -> Path | None:
    if name not in _ARCHIVES:
        return None
    archive_name, member = _ARCHIVES[name]
    archive = next((p / archive_name for p in places if (p / archive_name).is_file()), None)
    if archive is None:
        return None
    target = paths.cache_dir() / "datasets" / member
    if not target.exists():
        try:
            with tarfile.open(archive) as tar:
                content = tar.extractfile(member)
                assert content is not None
                data = content.read()
        except (tarfile.TarError, KeyError, EOFError, OSError) as error:
            raise FinnTuiError(
                f"{archive} cannot be unpacked", str(error), "Fetch it again."
            ) from error
        files.replace(target, data, durable=False)
    return target
