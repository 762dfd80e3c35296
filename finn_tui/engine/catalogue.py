"""Which engines there are: managed environments, and commands that the user has named."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct, to_builtins

from finn_tui.base import config, environments, files, paths
from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts.catalogue import check_container
from finn_tui.hosts.container import Container

if TYPE_CHECKING:
    import tomlkit

DEFAULT = "finn-plus"


@dataclass(frozen=True)
class EngineSpec:
    """A Python in which FINN can be imported, and how to start it.

    Attributes:
        name: as shown and used on the command line.
        command: what stands before the engine's archive: an interpreter, or a wrapper that ends
            in one; there, if it is elsewhere.
        host: the host of hosts.toml that it is on; empty for this machine.
        container: in which it is; None for none.
        folder: the managed environment, None for the user's own.
        info: what the engine said of itself when it was installed, if known.
    """

    name: str
    command: tuple[str, ...]
    folder: Path | None = None
    info: Mapping[str, Any] | None = None
    host: str = ""
    container: Container | None = None

    @property
    def is_elsewhere(self) -> bool:
        """Whether it has other files than this process."""
        return bool(self.host) or self.container is not None

    @property
    def place(self) -> str:
        """Where it is, for people."""
        container = self.container.title if self.container is not None else ""
        if not self.host:
            return container or "this machine"
        return f"{container} on {self.host}" if container else f"host {self.host}"

    @property
    def version(self) -> str:
        """Flavour and version, as far as known without starting it."""
        if self.info is None:
            return "not asked yet"
        return f"{self.info['flavour']} {self.info['version']}"


class EngineEntry(Struct, frozen=True):
    """``[NAME]`` in engines.toml.

    Attributes:
        command: what starts a Python in which FINN can be imported.
        host: the host that it is on.
        container: in which it is.
    """

    command: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description='A command that ends in a Python, such as ["/opt/finn/bin/python"].',
        ),
    ]
    host: Annotated[str, Meta(description="Host of hosts.toml that it is on.")] = ""
    container: Annotated[
        Container | None, Meta(description="Container in which the command runs.")
    ] = None


class BoardInfo(Struct, frozen=True):
    """A board type that FINN knows.

    Attributes:
        part: its FPGA part.
        resources: what the part has by resource; null where FINN has no numbers.
    """

    part: str
    resources: dict[str, int] | None = None


class ToolInfo(Struct, frozen=True):
    """One of AMD's tools, as FINN would find it.

    Attributes:
        path: the executable.
        version: such as ``2022.2``; null where its path does not tell.
    """

    path: str | None = None
    version: str | None = None


class EngineInfo(Struct, frozen=True):
    """What an engine says of itself: ``finn-tui engine info --json``.

    Attributes:
        flavour: ``finn-plus`` or ``upstream``.
        version: of FINN.
        boards: FINN's board types by name.
        limits: FINN's recommended fill of each resource, as fractions.
        python: version of its Python.
        executable: its interpreter.
        qonnx: version of that package; null where it is not installed, as the next two.
        brevitas: version of that package.
        torch: version of that package.
        tools: AMD's tools by name; null for one that is not found.
        root: the checkout that FINN is imported from; null for an installed package.
        lacks: what this FINN cannot do that others can, a sentence each.
        fifos_too_high: whether its estimates of FIFOs count block RAM for each of them.
        installed: hash of what its Python can import; another one after another FINN was installed.
    """

    flavour: str
    version: str
    boards: dict[str, BoardInfo]
    limits: dict[str, float] | None = None
    python: str | None = None
    executable: str | None = None
    qonnx: str | None = None
    brevitas: str | None = None
    torch: str | None = None
    tools: dict[str, ToolInfo | None] = {}
    root: str | None = None
    lacks: tuple[str, ...] = ()
    fifos_too_high: bool = False
    installed: str | None = None


def require_here(spec: EngineSpec) -> None:
    """Raise ``FinnTuiError`` for an engine that no run of this machine can be started with."""
    if spec.is_elsewhere:
        on_host = f"Run it there: `--on {spec.host}`, or" if spec.host else "Name"
        raise FinnTuiError(
            f"the engine {spec.name} is elsewhere ({spec.place})",
            "A run of this machine is done by a FINN of this machine; its files are here.",
            f"{on_host} an engine of this machine: `engine = ...` in finn-tui.toml; `finn-tui "
            "engine list` shows where each is.",
            kind="engine",
        )


def engine_folder(name: str) -> Path:
    """Where a managed engine lies, whether or not it is there."""
    return paths.data_dir() / "engines" / name


def engines() -> list[EngineSpec]:
    """All engines that can be read; see ``load_engines``."""
    return load_engines()[0]


def load_engines() -> tuple[list[EngineSpec], dict[str, FinnTuiError]]:
    """All engines: the one of the environment variable, managed ones, those of engines.toml.

    ``FINN_TUI_ENGINE_PYTHON`` names an interpreter that is then used before all others.
    ``engines.toml`` in the configuration folder has a table an engine: ``command = ["python3"]``.

    Returns:
        the engines, and what is wrong with others by name; where engines.toml is no TOML, by the
        file's name.
    """
    specs: list[EngineSpec] = []
    broken: dict[str, FinnTuiError] = {}
    override = os.environ.get("FINN_TUI_ENGINE_PYTHON")
    if override:
        specs.append(_with_info(EngineSpec("environment", (override,))))
    root = engine_folder("x").parent
    # The one that finn-tui comes with first: it is taken where no engine is named.
    folders = list(root.iterdir()) if root.is_dir() else []
    for folder in sorted(folders, key=lambda each: (each.name != DEFAULT, each.name)):
        marker = environments.read_marker(folder)
        if marker is not None:
            python = str(environments.python_of(folder))
            spec = EngineSpec(folder.name, (python,), folder)
            specs.append(_of_now(spec, marker.get("info"), marker.get("installed")))
        elif (problem := environments.damage(folder)) is not None:
            broken[folder.name] = FinnTuiError(
                f"the engine {folder.name} is damaged",
                problem,
                f"Remove it with `finn-tui engine remove {folder.name}`, then "
                "`finn-tui engine install`.",
                kind="engine",
            )
    path = _engines_file()
    try:
        document, content = config.load(path)
    except FinnTuiError as error:
        return specs, broken | {path.name: error}
    for name, value in document.items():
        dotted = _dotted(name, value)
        if dotted is not None:
            broken[dotted] = FinnTuiError(
                f"{path} has a table [{dotted}]",
                "TOML reads a dot in such a name as a table within a table.",
                f'Write ["{dotted}"], in quotation marks.',
                kind="engine",
            )
            continue
        try:
            entry = config.decode({name: value}, dict[str, EngineEntry], path, content)[name]
            if entry.container is not None:
                check_container(f"{path}: [{name}] container", entry.container)
        except FinnTuiError as error:
            broken[name] = error
        else:
            specs.append(_with_info(_of_entry(name, entry)))
    return specs, broken


def _of_entry(name: str, entry: EngineEntry) -> EngineSpec:
    return EngineSpec(name, entry.command, host=entry.host, container=entry.container)


def _engines_file() -> Path:
    return paths.config_dir() / "engines.toml"


def _dotted(name: str, value: Any) -> str | None:
    """Return the name that was meant where dots in it made tables within tables."""
    while isinstance(value, dict) and "command" not in value and len(value) == 1:
        child, value = next(iter(value.items()))
        name = f"{name}.{child}"
        if isinstance(value, dict) and "command" in value:
            return name
    return None


def add(spec: EngineSpec) -> None:
    """Write an engine to engines.toml, replacing one of the same name; the rest stays as it is.

    Raises:
        FinnTuiError: the file is broken or cannot be written.
    """

    def edit(document: tomlkit.TOMLDocument) -> None:
        entry = EngineEntry(spec.command, spec.host, spec.container)
        document[spec.name] = {
            key: value for key, value in to_builtins(entry).items() if value not in ("", None)
        }

    config.change(_engines_file(), dict[str, EngineEntry], edit)


def forget(name: str) -> bool:
    """Take an engine out of engines.toml; returns whether it was there.

    Raises:
        FinnTuiError: the file is broken or cannot be written.
    """
    document, _ = config.load(_engines_file())
    if name not in document:
        return False

    def edit(document: tomlkit.TOMLDocument) -> None:
        document.pop(name, None)

    config.change(_engines_file(), dict[str, Any], edit)
    return True


def _info_path(spec: EngineSpec) -> Path:
    known_by = [spec.name, *spec.command]
    if spec.is_elsewhere:
        known_by += [spec.host, json.dumps(to_builtins(spec.container))]
    digest = hashlib.sha256(json.dumps(known_by).encode()).hexdigest()[:16]
    return paths.cache_dir() / f"engine-info-{digest}.json"


def _with_info(spec: EngineSpec) -> EngineSpec:
    document = files.read_sealed(_info_path(spec))
    return spec if document is None else _of_now(spec, document["info"], document["installed"])


def _of_now(spec: EngineSpec, info: Any, installed: Any) -> EngineSpec:
    """The engine with what it once said, unless other packages are installed there now."""
    if not _is_info(info) or installed != _state(spec, info):
        return spec
    return replace(spec, info=info)


def _is_info(info: Any) -> bool:
    return not any(config.problems(info, EngineInfo, tell_unknown=False))


def _check_info(info: Any, name: str) -> None:
    """Check what an engine says of itself.

    Args:
        info: its answer.
        name: the engine's.

    Raises:
        FinnTuiError: values of a wrong type or missing keys (kind "engine").
    """
    problem = next(config.problems(info, EngineInfo, tell_unknown=False), None)
    if problem is not None:
        raise FinnTuiError(
            f"the engine {name} describes itself in an unknown form",
            f"{problem.what}. {problem.allowed}",
            "Install it again with `finn-tui engine install`, or correct engines.toml.",
            kind="engine",
        )


def installed_packages(spec: EngineSpec) -> str | None:
    """A hash of the packages and versions in an engine's environment.

    None if it is not an environment on this machine: a wrapper around a container or a host.
    """
    interpreter = Path(spec.command[-1])
    if spec.is_elsewhere or not interpreter.is_absolute():
        return None
    # Not resolved: an environment's interpreter is a link to the one that it was made with.
    specs = interpreter.parent.parent.glob("lib/python3*/site-packages/*.dist-info")
    names = sorted(path.name for path in specs)
    return hashlib.sha256("\n".join(names).encode()).hexdigest() if names else None


def _state(spec: EngineSpec, info: Mapping[str, Any]) -> str | None:
    """What changes when another FINN is installed, or checked out in the same folder."""
    packages = installed_packages(spec)
    root = info.get("root")
    if not root or spec.is_elsewhere:
        return packages
    state = [packages or ""]
    for place in (".git/HEAD", ".git/index", "src/finn", "src/finn/builder"):
        with contextlib.suppress(OSError):
            state.append(f"{place} {(Path(root) / place).stat().st_mtime_ns}")
    return hashlib.sha256("\n".join(state).encode()).hexdigest()


def still_holds(spec: EngineSpec, hello: Mapping[str, Any]) -> EngineSpec:
    """An engine without what it once said, if its greeting tells of another installation.

    Of an engine on this machine the files tell, without starting it.
    """
    if spec.info is None or not spec.is_elsewhere:
        return spec
    return (
        spec if spec.info.get("installed") == hello.get("installed") else replace(spec, info=None)
    )


def remember(spec: EngineSpec, info: Mapping[str, Any]) -> EngineSpec:
    """Keep what an engine said of itself, so that the next start need not ask; the spec with it.

    A disk that does not take it costs that convenience only.

    Raises:
        FinnTuiError: the answer has another form (kind "engine").
    """
    _check_info(info, spec.name)
    with contextlib.suppress(FinnTuiError):
        if spec.folder is not None:
            marker = environments.read_marker(spec.folder) or {}
            entry = {"info": dict(info), "installed": _state(spec, info)}
            environments.write_marker(spec.folder, {**marker, **entry})
        else:
            entry = {"info": dict(info), "installed": _state(spec, info)}
            files.write_sealed(_info_path(spec), entry)
    return replace(spec, info=info)


def find(name: str | None = None) -> EngineSpec | None:
    """The engine of that name; without one, the first there is. None if there is none.

    Raises:
        FinnTuiError: for a name that is not there, unless it is the one that can be installed.
    """
    known, broken = load_engines()
    if not name:
        if not known and _engines_file().name in broken:
            raise broken[_engines_file().name]
        return known[0] if known else None
    for spec in known:
        if spec.name == name:
            return spec
    problem = broken.get(name) or broken.get(_engines_file().name)
    if problem is not None and name != DEFAULT:  # which is installed anew
        raise problem
    if name == DEFAULT:
        return None
    raise FinnTuiError(
        f"there is no engine called {name}",
        f"Known engines: {', '.join(spec.name for spec in known) or 'none yet'}.",
        f"Name it with `finn-tui engine add {name} PATH`, or choose one of those.",
    )
