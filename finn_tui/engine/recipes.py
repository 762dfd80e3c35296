"""What uv installs for each FINN: any finn-plus release, or the environment of a checkout."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from finn_tui.base import environments
from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.catalogue import DEFAULT

_HERE = Path(__file__).resolve().parent
_PYTHON = "3.11"
#: Releases that finn-tui was tried with; others are installed all the same.
TRIED = ("1.4.0", "1.5.0", "1.6.0", "1.6.1")
_VERSION = re.compile(r"\d+(\.\d+){1,3}([a-z]+\d+)?")
#: Imported by releases that do not declare it.
_UNDECLARED = {"1.4": ("onnx-passes",)}
#: Names that numpy dropped in 1.24.
_OLD_NUMPY = re.compile(rb"\b(?:np|numpy)\.(?:str|bool|int|float|object)\b")


def finn_plus(name: str = DEFAULT, version: str | None = None) -> environments.Recipe:
    """Return what uv installs for finn-plus.

    Args:
        name: of the engine.
        version: of finn-plus; None for the one that finn-tui comes with.

    Raises:
        FinnTuiError: no version.
    """
    requirements, overrides = _HERE / "requirements.txt", _HERE / "overrides.txt"
    lines = requirements.read_text(encoding="utf-8")
    pinned = re.search(r"^finn-plus==(\S+)", lines, re.M)
    assert pinned is not None
    packages: tuple[str, ...] = ("--requirements", str(requirements))
    content = requirements.read_bytes() + overrides.read_bytes()
    if version is not None and version != pinned[1]:
        if not _VERSION.fullmatch(version):
            raise FinnTuiError(
                f"{version!r} is no version of finn-plus",
                "A version is numbers with dots between them.",
                f"Use one of {', '.join(TRIED)}.",
            )
        undeclared = _UNDECLARED.get(".".join(version.split(".")[:2]), ())
        # What the release pins itself (onnx, numpy, Brevitas) is left to it.
        packages = (
            f"finn-plus=={version}",
            *(each.split("#")[0].strip() for each in lines.splitlines() if _kept(each)),
            *undeclared,
        )
        content = "\n".join(packages).encode() + overrides.read_bytes()
    arguments = (*packages, "--overrides", str(overrides))
    return environments.Recipe(
        name=f"engine {name}",
        python=_PYTHON,
        arguments=(("--torch-backend", "cpu", *arguments), arguments),
        version=hashlib.sha256(content).hexdigest()[:16],
    )


def full_version(version: str) -> str:
    """Return a version with three numbers: 1.6 is the release 1.6.0, and not another engine."""
    return f"{version}.0" if re.fullmatch(r"\d+\.\d+", version) else version


def _kept(line: str) -> bool:
    return line.startswith(("qonnx", "psutil", "scikit-learn", "torch"))


@dataclass(frozen=True)
class Checkout:
    """Sources of upstream FINN.

    Attributes:
        root: the folder with ``src/finn`` and ``finn-rtllib``; FINN's ``FINN_ROOT``.
    """

    root: Path

    @property
    def paths(self) -> tuple[Path, ...]:
        """What must be on Python's path: FINN, and the qonnx that it has fetched, if it has."""
        own_qonnx = self.root / "deps" / "qonnx" / "src"
        return (self.root / "src", *([own_qonnx] if (own_qonnx / "qonnx").is_dir() else []))

    @property
    def qonnx(self) -> str | None:
        """The qonnx that goes with it; None where the checkout has its own."""
        if len(self.paths) > 1:
            return None
        transformation = self.root / "src" / "finn" / "transformation"
        general = transformation / "general.py"
        if general.is_file() and b"class ApplyConfig" in general.read_bytes():
            return "qonnx==1.0.0"
        split = transformation / "fpgadataflow" / "specialize_layers.py"
        return "qonnx==0.4.0" if split.is_file() else "qonnx==0.1"

    @property
    def needs_old_numpy(self) -> bool:
        """Whether it uses names that numpy has dropped."""
        return any(
            _OLD_NUMPY.search(path.read_bytes())
            for path in (self.root / "src" / "finn").rglob("*.py")
        )


def checkout_at(path: Path) -> Checkout | None:
    """Return the checkout that a path is, or is in; None for any other path."""
    for folder in (path, *path.parents[:3]):
        if (folder / "src" / "finn").is_dir() and (folder / "finn-rtllib").is_dir():
            return Checkout(folder)
    return None


def upstream(name: str, checkout: Checkout) -> environments.Recipe:
    """Return what uv installs for a checkout of upstream FINN; its sources stay where they are.

    Args:
        name: of the engine.
        checkout: the sources.
    """
    requirements = _HERE / "upstream.txt"
    old = "-old-numpy" if checkout.needs_old_numpy else ""
    overrides = _HERE / f"upstream{old}-overrides.txt"
    qonnx = (checkout.qonnx,) if checkout.qonnx else ()
    digest = hashlib.sha256(requirements.read_bytes() + overrides.read_bytes())
    digest.update("\n".join([*qonnx, *map(str, checkout.paths)]).encode())
    arguments = ("--requirements", str(requirements), "--overrides", str(overrides), *qonnx)
    return environments.Recipe(
        name=f"engine {name}",
        python=_PYTHON,
        arguments=(arguments,),
        version=digest.hexdigest()[:16],
    )


def put_on_path(folder: Path, checkout: Checkout) -> None:
    """Have an environment import a checkout, whoever starts it and however.

    Args:
        folder: of the environment.
        checkout: the sources.
    """
    lines = "".join(f"{path}\n" for path in checkout.paths)
    for packages in folder.glob("lib/python3*/site-packages"):
        (packages / "finn-tui-checkout.pth").write_text(lines, encoding="utf-8")
