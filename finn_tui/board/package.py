"""What a run folder has for a board: the deployment package, sample images and the test set."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finn_tui.base import files, paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.rehearsal import bitstream

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


@dataclass(frozen=True)
class Package:
    """A run, seen from a board.

    Attributes:
        run: the run folder.
        root: the deployment package in it (``bitfile/``, ``driver/``).
        flavour: whose driver it needs, "finn-plus" or "upstream".
        bitfile: the bitstream's path below ``root``.
        clock_mhz: what the design was built for.
        fps: estimated images a second at that clock, if the run knows.
        dataset: the driver's name of the test set (mnist, cifar, cifar100), if the run knows.
        trained_on: the data set that the run brings in ``dataset/`` in that form, if it says so
            (digits28 has MNIST's form and is none).
        simulated: whether the bitstream is a rehearsal's.
    """

    run: Path
    root: Path
    flavour: str
    bitfile: str
    clock_mhz: float
    fps: float | None
    dataset: str | None
    trained_on: str | None
    simulated: bool

    @property
    def folder(self) -> str:
        """Where it lies on a board, below the board's folder."""
        return f"runs/{self.run.resolve().name}"

    def sample(self, name: str) -> Path:
        """A file of the run's sample: images, labels, software (.npy)."""
        return self.run / "sample" / f"{name}.npy"


def package(run: Path) -> Package:
    """Look at a run folder (or at a deployment package by itself).

    Raises:
        FinnTuiError: it holds no deployment package, or one without bitstream or driver.
    """
    root = next(
        (path for path in (run / "build" / "deploy", run / "deploy", run) if _is_package(path)),
        None,
    )
    if root is None:
        raise FinnTuiError(
            f"{run} holds no deployment package",
            "A board needs bitfile/*.bit and driver/; only a build that succeeded leaves them.",
            "`finn-tui runs` shows how the build ended.",
        )
    described = _json(run / "run.json")
    settings = _json(root / "driver" / "settings.json").get("driver_information", {})
    clock_ns = described.get("clock_ns")
    clock = 1000.0 / clock_ns if clock_ns else float(settings.get("fclk_mhz") or 100.0)
    name = described.get("dataset") or settings.get("validation_dataset")
    bitfile = min((root / "bitfile").glob("*.bit"))
    with bitfile.open("rb") as file:
        simulated = file.read(len(bitstream.MAGIC)) == bitstream.MAGIC
    return Package(
        run=run,
        root=root,
        flavour="upstream" if (root / "driver" / "driver.py").exists() else "finn-plus",
        bitfile=str(bitfile.relative_to(root)),
        clock_mhz=clock,
        fps=(described.get("estimate") or {}).get("fps"),
        dataset=_DATASETS.get(str(name).lower()) if name else None,
        trained_on=((described.get("source") or {}).get("weights") or {}).get("dataset"),
        simulated=simulated,
    )


def _is_package(root: Path) -> bool:
    driver = root / "driver"
    has_driver = (driver / "settings.json").exists() or (driver / "driver.py").exists()
    return has_driver and any((root / "bitfile").glob("*.bit"))


def _json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise FinnTuiError(
            f"{path} cannot be read", str(error), "Build the run again.", kind="disk"
        ) from error
    return content if isinstance(content, dict) else {}


def validation_files(package: Package) -> dict[str, Path]:
    """The files of the run's test set by their names on the board.

    They are looked for in the run's ``dataset/`` and in the user's data folder; an archive as
    CIFAR's authors offer it is unpacked where needed.

    Raises:
        FinnTuiError: says which files are missing and where to put them.
    """
    name = package.dataset
    if name is None:
        raise FinnTuiError(
            "this run names no test set",
            "Drivers know mnist, cifar10 and cifar100.",
            'Set "dataset" when you build, or classify sample images with `finn-tui execute`.',
        )
    shown = "cifar10" if name == "cifar" else name
    common = paths.data_dir() / "datasets" / shown
    places = (package.run / "dataset", common)
    found: dict[str, Path] = {}
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
        found[target] = file
    return found


def shown_name(package: Package, files: Mapping[str, Path]) -> str:
    """What to call a test set of these files: an accuracy is worth nothing under another's name."""
    own = all(path.is_relative_to(package.run / "dataset") for path in files.values())
    if own and package.trained_on:
        return package.trained_on
    return "cifar10" if package.dataset == "cifar" else str(package.dataset)


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


def dataset_folder(files: Mapping[str, Path]) -> str:
    """Where a test set lies on a board; by content, so that runs share it."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + hashlib.sha256(files[name].read_bytes()).digest())
    return f"datasets/{digest.hexdigest()[:12]}"
