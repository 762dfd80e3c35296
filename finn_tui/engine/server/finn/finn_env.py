"""Setting FINN up outside its own command line, and asking what the installed one is.

Two flavours exist: ``finn-plus`` (a package with settings of its own) and upstream ``finn`` (a
source checkout or a container). What differs in their code is handled in ``finn_api``.
"""

import atexit
import contextlib
import hashlib
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from importlib import metadata as _metadata
from typing import Any, Dict, Iterator, Optional, Tuple

from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.finn import finn_api, installed, stand_ins
from finn_tui.engine.server.tools import tools

RESOURCES = ("LUT", "FF", "BRAM_18K", "URAM", "DSP")

#: What brings a module of another name.
_PACKAGES = {"pkg_resources": "setuptools<81", "dataclasses_json": "dataclasses-json"}

_state: Dict[str, Any] = {"ready": False}


def setup(build_dir: Optional[str] = None, simulator: bool = False) -> None:
    """Make FINN importable in this process; later calls do nothing.

    ``build_dir`` is where FINN writes its generated code (default: ``FINN_BUILD_DIR`` from the
    environment, else one that goes with the process). With ``simulator`` the real RTL
    simulator is left in place; without it, FINN's steps import where Vivado is absent.
    Raises ``EngineError`` of kind "engine" if this Python has no FINN.
    """
    if _state["ready"]:
        return
    if build_dir is None:
        build_dir = os.environ.get("FINN_BUILD_DIR")
    if build_dir is None:
        build_dir = os.path.join(scratch(), "build")
    os.makedirs(build_dir, exist_ok=True)
    os.environ["FINN_BUILD_DIR"] = build_dir
    os.environ.setdefault("MPLBACKEND", "Agg")
    try:
        finn = importlib.import_module("finn")
    except ImportError as error:
        raise EngineError(
            "This Python has no FINN",
            "%s: %s" % (sys.executable, error),
            "Choose another engine, or install one with: finn-tui engine install",
            kind="engine",
        ) from error
    root = _source_root(finn)
    if root is not None:
        os.environ.setdefault("FINN_ROOT", root)
    stand_ins.register(simulator)
    try:
        settings = importlib.import_module("finn.util.settings")
    except ImportError:
        settings = None  # upstream FINN has none and reads the environment
    if settings is not None:
        settings.initialize_dummy_settings()
        # finn-plus sets its own idea of the build folder while it initialises.
        os.environ["FINN_BUILD_DIR"] = build_dir
    _state["ready"] = True


def scratch() -> str:
    """A folder of this process for temporary files; gone when the process is."""
    if "scratch" not in _state:
        _state["scratch"] = tempfile.mkdtemp(prefix="finn-tui-engine-")
        atexit.register(cleanup)
    return str(_state["scratch"])


def cleanup() -> None:
    """Remove the scratch folder."""
    folder = _state.pop("scratch", None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def torch_ready() -> Any:
    """Import torch, mended where the installed Brevitas needs it. Raises ``EngineError``."""
    stand_ins.remove("torch")
    try:
        torch = importlib.import_module("torch")
        importlib.import_module("brevitas")
    except ImportError as error:
        raise EngineError(
            "This engine cannot make a Brevitas network",
            "%s" % error,
            "Write it as a QONNX file with an engine that has brevitas and torch (finn-tui export, "
            'with engine = "finn-plus" in finn-tui.toml), and prepare that file here',
            kind="engine",
        ) from error
    if not hasattr(torch.Tensor, "rename"):
        # torch 2.13 dropped named tensors; Brevitas 0.13 still calls rename(None) on every layer
        # input, where it only removes names that can no longer exist.
        torch.Tensor.rename = lambda self, *names, **more: self
    return torch


def version_of(package: str) -> Optional[str]:
    """The installed version of a distribution, or None."""
    try:
        version: str = _metadata.version(package)
        return version
    except _metadata.PackageNotFoundError:
        return None


def flavour() -> Dict[str, str]:
    """``{"flavour": "finn-plus" | "finn", "version": ...}`` of the installed FINN."""
    if "flavour" not in _state:
        plus = version_of("finn-plus")
        if plus is not None:
            _state["flavour"] = {"flavour": "finn-plus", "version": plus}
        else:
            root = _source_root(importlib.import_module("finn"))
            version = _git_version(root) or version_of("finn") or _likeness(root)
            _state["flavour"] = {"flavour": "finn", "version": version}
    return dict(_state["flavour"])


def source_root() -> Optional[str]:
    """The checkout that FINN is imported from, or None for an installed package."""
    return _source_root(importlib.import_module("finn"))


def _source_root(finn: Any) -> Optional[str]:
    """The checkout that upstream's ``src/finn`` lies in, or None for an installed package."""
    for folder in getattr(finn, "__path__", []):
        root: str = os.path.dirname(os.path.dirname(os.path.abspath(folder)))
        if os.path.isdir(os.path.join(root, "finn-rtllib")):
            return root
    return None


def _git_version(root: Optional[str]) -> Optional[str]:
    if root is None:
        return None
    command = ["git", "-C", root, "describe", "--tags", "--always"]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace").strip().lstrip("v") or None


def _likeness(root: Optional[str]) -> str:
    """A version for sources without git: what they are like, and a hash that tells them apart."""
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(os.path.join(root or "", "src", "finn")):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".py"):
                with open(os.path.join(folder, name), "rb") as file:
                    digest.update(name.encode() + b"\0" + file.read())
    return "like %s (sources %s)" % (finn_api.generation(), digest.hexdigest()[:8])


def steps() -> Tuple[Any, Any]:
    """FINN's ``build_dataflow_steps`` and ``build_dataflow_config`` modules; 12 s at first."""
    setup()
    with _dependencies():
        return (
            importlib.import_module("finn.builder.build_dataflow_steps"),
            importlib.import_module("finn.builder.build_dataflow_config"),
        )


def load_ops() -> None:
    """Import FINN's hardware layers (4 to 5 s at first), so that graphs of them can be read."""
    setup()
    for module in ("", ".hls", ".rtl"):
        name = finn_api.HARDWARE + module
        # Upstream up to 0.9 keeps all of them in one package.
        if not module or finn_api.has_module(name):
            with _dependencies():
                importlib.import_module(name)


@contextlib.contextmanager
def _dependencies() -> Iterator[None]:
    """Say which package this Python lacks where FINN's own imports fail."""
    try:
        yield
    except ImportError as error:
        raise _not_importable(error) from error


def _not_importable(error: ImportError) -> EngineError:
    """What a failed import of FINN's means: a package is absent, or does not go with it."""
    place = _place_of(importlib.import_module("finn"))
    name = error.name or ""
    package = name.partition(".")[0]
    why = "%s has FINN from %s, and not all that it needs." % (sys.executable, place)
    absent = isinstance(error, ModuleNotFoundError)
    if package == "finn":
        what = "its own %s is not there" % name if absent else str(error)
        why = "FINN from %s is incomplete, or one that finn-tui does not know." % place
        fix = "Check its files (`git status`); finn-tui works with FINN 0.8.1 to dev and finn-plus"
    elif not absent or (package != name and package in sys.modules):
        what = str(error)
        if package:
            why = "The %s of %s does not go with the FINN from %s." % (
                package,
                sys.executable,
                place,
            )
        fix = "Let finn-tui make an environment with `finn-tui engine install%s`" % (
            " --finn-root FOLDER" if _source_root(importlib.import_module("finn")) else ""
        )
    else:
        what = "it needs the package %s" % name
        fix = (
            "Install it with `%s -m pip install '%s'`, or let finn-tui make an environment with "
            "`finn-tui engine install`" % (sys.executable, _PACKAGES.get(name, name))
        )
    return EngineError(
        "FINN cannot be imported: %s" % what,
        why,
        fix,
        kind="engine",
        detail="".join(traceback.format_exception(type(error), error, error.__traceback__)),
    )


def _place_of(finn: Any) -> str:
    return next(iter(getattr(finn, "__path__", [])), "?")


def boards() -> Dict[str, Dict[str, Any]]:
    """Every board that the installed FINN knows, with its part and its resources.

    Resources are summed over the device's regions (SLRs) from ``finn.util.platforms``; a board
    that FINN has no numbers for takes them from another with the same part, or has None.
    """
    setup()
    with _dependencies():
        basic = importlib.import_module("finn.util.basic")
    parts = dict(getattr(basic, "part_map", None) or {})
    for name in ("pynq_part_map", "alveo_part_map"):
        parts.update(getattr(basic, name, {}))
    known: Dict[str, Dict[str, int]] = {}
    for board, platform in importlib.import_module("finn.util.platforms").platforms.items():
        rows = platform().compute_resources
        known[board] = {name: int(sum(row[i] for row in rows)) for i, name in enumerate(RESOURCES)}
    by_part = {parts[board]: known[board] for board in known if board in parts}
    return {
        board: {"part": part, "resources": known.get(board, by_part.get(part))}
        for board, part in sorted(parts.items())
    }


def limits() -> Dict[str, float]:
    """FINN's recommended fill of each resource, as fractions."""
    setup()
    platforms = importlib.import_module("finn.util.platforms")
    return {n: float(v) for n, v in zip(RESOURCES, platforms.DEFAULT_RES_LIMITS)}


def part_of(board: str) -> str:
    """The part on a board. Raises ``EngineError`` if FINN does not know the board."""
    known = boards()
    if board not in known:
        raise EngineError(
            "FINN does not know the board %r" % board,
            "It knows %s" % ", ".join(known),
            "Choose one of these boards",
        )
    return str(known[board]["part"])


def has_uram(part: str) -> bool:
    """Whether a part has UltraRAM; unknown parts count as having none, so nothing is promised."""
    for board in boards().values():
        if board["part"] == part and board["resources"] is not None:
            return bool(board["resources"]["URAM"])
    return False


def info() -> Dict[str, Any]:
    """The answer to ``info``: flavour, versions, tools, boards, limits."""
    setup()
    answer: Dict[str, Any] = dict(flavour())
    answer["python"] = "%d.%d.%d" % sys.version_info[:3]
    answer["executable"] = sys.executable
    for package in ("qonnx", "brevitas", "torch"):
        answer[package] = version_of(package)
        if answer[package] is None and finn_api.has_module(package):
            answer[package] = "unknown"  # from PYTHONPATH, without a distribution
    answer["root"] = root = source_root()
    answer["lacks"] = finn_api.lacks(root)
    answer["fifos_too_high"] = finn_api.fifos_are_too_high()
    answer["tools"] = tools()
    answer["boards"] = boards()
    answer["limits"] = limits()
    answer["installed"] = installed.state()
    return answer
