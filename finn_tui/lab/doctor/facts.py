"""What a machine says of itself, checked: parts of a wrong form are None.

The document may come from another machine; every text in it is made harmless here.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from finn_tui.base.errors import ErrorKind, FinnTuiError
from finn_tui.base.text import one_line

T = TypeVar("T")

_MOST_BYTES = 4_000_000
_MOST_DEPTH = 8

_Count = Annotated[int, Meta(ge=0, le=1 << 62)]
_Seconds = Annotated[float, Meta(ge=0, le=1e12)]


class System(Struct, frozen=True):
    """Names of a machine and its user; ``container`` is the kind of container it is, if any."""

    name: str = ""
    user: str = ""
    uid: int = -1
    home: str = ""
    os: str = ""
    machine: str = ""
    container: str | None = None
    wsl: bool = False
    cpus: _Count = 0


class PythonFacts(Struct, frozen=True):
    """The interpreter that answered."""

    version: str
    executable: str = ""
    encoding: str = ""


class StartupLine(Struct, frozen=True):
    """A line of a shell's startup file that sets a variable.

    Attributes:
        name: the variable; ``settings64.sh`` for a line that sources AMD's file.
        value: without quotes.
        spaced: whether blanks beside the equals sign keep the shell from setting it.
        file, line, text: where and what it is.
    """

    name: str
    value: str
    spaced: bool
    file: str
    line: _Count
    text: str


class Installation(Struct, frozen=True):
    """One version of AMD's tools on the disk; folders of its products, None without one."""

    root: str
    version: str
    vivado: str | None = None
    vitis: str | None = None
    vitis_hls: str | None = None
    settings: tuple[str, ...] = ()
    patched: bool = False


class NamedFolder(Struct, frozen=True):
    """A folder that a variable names."""

    exists: bool
    settings: bool = False
    readable: bool = False


class FoundTool(Struct, frozen=True):
    """A program of AMD's that FINN would find."""

    path: str | None = None
    version: str | None = None


class Vivado(Struct, frozen=True):
    """What ``vivado -version`` said."""

    path: str
    status: int | None = None
    lines: tuple[str, ...] = ()
    problem: str | None = None
    seconds: _Seconds = 0.0


class LicenceFile(Struct, frozen=True):
    """A licence file or folder of them; ``variable`` is empty for those in ~/.Xilinx."""

    path: str
    exists: bool
    readable: bool
    variable: str = ""
    files: _Count = 0


class LicenceServer(Struct, frozen=True):
    """A licence server; ``problem`` where it could not be reached."""

    address: str
    variable: str = ""
    reachable: bool | None = None
    problem: str | None = None


class Licence(Struct, frozen=True):
    """Licence files and servers that AMD's tools would ask."""

    files: tuple[LicenceFile, ...] = ()
    servers: tuple[LicenceServer, ...] = ()


class Place(Struct, frozen=True):
    """A folder, or the nearest one that is there: its file system and room."""

    path: str
    real: str = ""
    exists: bool = False
    folder: bool = False
    absolute: bool = True
    nearest: str = ""
    writable: bool = False
    read_only: bool = False
    free_bytes: _Count = 0
    total_bytes: _Count = 0
    free_files: _Count | None = None
    file_system: str = ""


class BuildDir(Struct, frozen=True):
    """Where FINN's container builds without a variable."""

    default: str = ""
    default_exists: bool = False


class Memory(Struct, frozen=True):
    """Bytes of memory; ``limit_bytes`` is what a container or job allows."""

    total_bytes: _Count | None = None
    available_bytes: _Count | None = None
    swap_bytes: _Count | None = None
    limit_bytes: _Count | None = None


class Locale(Struct, frozen=True):
    """The character set that programs get, or why they get none; names that are installed."""

    charset: str | None = None
    problem: str | None = None
    installed: tuple[str, ...] = ()


class Limits(Struct, frozen=True):
    """Limits of a process; None for no limit."""

    files: _Count | None = None
    files_hard: _Count | None = None
    processes: _Count | None = None
    memory_bytes: _Count | None = None


class Clock(Struct, frozen=True):
    """The time there, in s since 1970, and whether a time server keeps it."""

    time: _Seconds
    synchronized: bool | None = None


class DockerGroup(Struct, frozen=True):
    """Whether there is a group docker, the user is listed in it, and the login knows it."""

    exists: bool = False
    listed: bool | None = None
    active: bool | None = None


class DockerSocket(Struct, frozen=True):
    """The daemon's socket."""

    exists: bool = False
    usable: bool = False


class Docker(Struct, frozen=True):
    """The client, the daemon behind it, and FINN's images."""

    path: str | None = None
    group: DockerGroup = DockerGroup()
    socket: DockerSocket = DockerSocket()
    daemon: bool = False
    version: str | None = None
    problem: str | None = None
    images: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()


class Podman(Struct, frozen=True):
    """Podman and FINN's images in it."""

    path: str | None = None
    version: str = ""
    images: tuple[str, ...] = ()


class Apptainer(Struct, frozen=True):
    """Apptainer or singularity, and the image that FINN_SINGULARITY names."""

    path: str | None = None
    image: str | None = None


class Finn(Struct, frozen=True):
    """The FINN in a Python.

    Attributes:
        dependencies: the folder of what FINN fetches to build with.
        missing: what is not there of it.
    """

    installed: bool
    flavour: str = ""
    version: str = ""
    root: str | None = None
    dependencies: str | None = None
    missing: tuple[str, ...] = ()
    board_files: tuple[str, ...] = ()
    simulator: str = ""
    problem: str | None = None


class Facts(Struct, frozen=True):
    """All parts by name; None for one that was not asked, did not answer, or has another form.

    Attributes:
        problems: why a part did not answer, by its name.
    """

    system: System | None = None
    python: PythonFacts | None = None
    environment: dict[str, str] | None = None
    startup: tuple[StartupLine, ...] | None = None
    installations: tuple[Installation, ...] | None = None
    folders: dict[str, NamedFolder] | None = None
    tools: dict[str, FoundTool | None] | None = None
    vivado: Vivado | None = None
    licence: Licence | None = None
    build_dir: BuildDir | None = None
    build_place: Place | None = None
    places: tuple[Place, ...] | None = None
    memory: Memory | None = None
    locale: Locale | None = None
    limits: Limits | None = None
    clock: Clock | None = None
    programs: dict[str, str | None] | None = None
    docker: Docker | None = None
    podman: Podman | None = None
    apptainer: Apptainer | None = None
    finn: Finn | None = None
    problems: dict[str, str] = {}

    @property
    def env(self) -> dict[str, str]:
        """Variables of the environment; empty where they are not known."""
        return self.environment or {}


def parse(output: bytes) -> Facts:
    """Read what ``engine.pyz doctor`` printed.

    Args:
        output: its stdout; lines before the document, as of a login's message, are left out.

    Raises:
        FinnTuiError: there is no such document in it.
    """
    lines = output[-_MOST_BYTES:].splitlines()
    text = next((line for line in reversed(lines) if line.lstrip().startswith(b"{")), b"")
    try:
        document = json.loads(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        last = one_line(lines[-1].decode("utf-8", "replace"))[:200] if lines else ""
        raise FinnTuiError(
            "the machine did not describe itself",
            f"Its Python printed no document of facts. Last line: {last or '(nothing)'}",
            "Check that the Python there is 3.8 or later.",
            kind=ErrorKind.ENGINE,
        ) from error
    return from_document(document)


def from_document(document: Any) -> Facts:
    """Read a parsed document; whatever it is, facts come of it."""
    if not isinstance(document, dict):
        return Facts()
    parts: dict[str, Any] = {}
    problems: dict[str, str] = {}
    build_dir = document.get("build_dir")
    if isinstance(build_dir, dict) and "path" in build_dir:
        document = {**document, "build_place": build_dir}
    for field in msgspec.structs.fields(Facts):
        value = document.get(field.name)
        if field.name == "problems" or value is None:
            continue
        value = _harmless(value)
        if isinstance(value, dict) and set(value) == {"problem"}:
            problems[field.name] = str(value["problem"])
            continue
        try:
            parts[field.name] = msgspec.convert(value, field.type)
        except (msgspec.ValidationError, RecursionError, OverflowError) as error:
            problems[field.name] = f"the answer has an unknown form: {one_line(str(error))[:200]}"
    return Facts(**parts, problems=problems)


def _harmless(value: Any, depth: int = 0) -> Any:
    """The value with clean texts of one line; None below a depth that no document has."""
    if depth > _MOST_DEPTH:
        return None
    if isinstance(value, str):
        return one_line(value[:2000])
    if isinstance(value, dict):
        return {
            one_line(str(key)[:200]): _harmless(item, depth + 1)
            for key, item in list(value.items())[:500]
        }
    if isinstance(value, list):
        return [_harmless(item, depth + 1) for item in value[:500]]
    return value
