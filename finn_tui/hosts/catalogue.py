"""Which hosts there are: machines that run engines and builds, named in ``hosts.toml``.

The file holds no secrets: keys stay with the SSH agent or in files that it names, passwords are
asked for and kept in memory. User, port, key and jump hosts come from ``~/.ssh/config`` where the
entry does not say otherwise.

    [lab]
    host = "lab-server"                     # an address, or a name from ~/.ssh/config
    folder = "/data/me/finn-tui"
    engine = ["/opt/finn/venv/bin/python"]
    setup = "source /tools/Xilinx/Vivado/2022.2/settings64.sh"

    [cluster]
    host = "login.cluster"
    slurm = {partition = "fpga", time = "12:00:00", cpus = 8, memory = "32G", parallel = 4}

    [box]                                   # this machine, with FINN in a container
    container = {image = "xilinx/finn:v0.10"}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import asdict

from finn_tui.base.entries import EntryFile
from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import unprintable
from finn_tui.hosts.container import Container
from finn_tui.hosts.machine import Machine

_ADDRESS = re.compile(r"[A-Za-z0-9_.:%\[\]][A-Za-z0-9_.:%\[\]-]*\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SECRET_VARIABLES = ("PASSWORD", "PASSWD", "TOKEN", "SECRET")

#: A word of a scheduler's or a container's option: one line, no blanks at its ends.
_Word = Annotated[
    str, Meta(pattern=r"\A(\S([^\n\r\0]*\S)?)?\Z", description="One line without blanks around it.")
]
_SlurmWord = Annotated[
    str, Meta(pattern=r"\A[A-Za-z0-9_.,+-]*\Z", description="Letters, digits, _ . , + and -.")
]


class SlurmEntry(Struct, frozen=True, omit_defaults=True):
    """``[NAME.slurm]`` in hosts.toml: builds there are jobs of Slurm.

    Attributes:
        partition: where they wait; empty for the cluster's default one.
        time: limit of a build, as ``sbatch --time`` takes it; empty for the partition's.
        cpus: processors of a build; 0 for the cluster's default.
        memory: memory of a build, such as ``32G``; empty for the cluster's default.
        account: who is charged; empty for the user's default.
        qos: quality of service; empty for the default.
        parallel: builds of a sweep that run at once, 0 for no limit; licences may want one.
        extra: further options of ``sbatch``, such as ``--constraint=avx2``.
    """

    partition: _SlurmWord = ""
    time: Annotated[
        str,
        Meta(
            pattern=r"\A(|\d+|\d+:\d+(:\d+)?|\d+-\d+(:\d+){0,2})\Z",
            description="Minutes, or HH:MM:SS, or DAYS-HH:MM:SS.",
        ),
    ] = ""
    cpus: Annotated[int, Meta(ge=0, le=10_000, description="A number; 0 is the default.")] = 0
    memory: Annotated[
        str, Meta(pattern=r"\A(|\d+[KMGT]?)\Z", description="A number with K, M, G or T behind it.")
    ] = ""
    account: _SlurmWord = ""
    qos: _SlurmWord = ""
    parallel: Annotated[int, Meta(ge=0, le=10_000, description="A number; 0 is no limit.")] = 0
    extra: tuple[
        Annotated[
            str,
            Meta(pattern=r"\A--?[A-Za-z][^\n\r\0]*\Z", description="One option, as --gres=fpga:1."),
        ],
        ...,
    ] = ()


class HostEntry(Struct, frozen=True, omit_defaults=True):
    """``[NAME]`` in hosts.toml: a machine that runs engines and builds.

    Attributes:
        host: its address, or a name from ``~/.ssh/config``; empty is this machine.
        port: SSH port; 0 leaves it to the SSH configuration (usually 22).
        user: login name; empty leaves it to the SSH configuration.
        key: private key file; empty leaves it to the SSH configuration.
        folder: where finn-tui's files go, relative to the home directory or absolute: runs in
            ``runs``, what is sent once in ``cache`` below it.
        engine: what starts a Python there in which FINN can be imported.
        setup: shell lines before a build, such as ``source .../settings64.sh``.
        env: variables of builds.
        container: the container in which FINN is.
        slurm: builds are jobs of Slurm.
    """

    host: str = ""
    port: Annotated[
        int, Meta(ge=0, le=65535, description="A number between 1 and 65535; 0 is the usual one.")
    ] = 0
    user: _Word = ""
    key: str = ""
    folder: str = "finn-tui"
    engine: tuple[str, ...] = ()
    setup: str = ""
    env: dict[str, str] = {}
    container: Container | None = None
    slurm: SlurmEntry | None = None


class Host(HostEntry, frozen=True, kw_only=True):
    """A host of the catalogue.

    Attributes:
        name: what the user calls it.
    """

    name: str

    @property
    def is_remote(self) -> bool:
        """Whether it is reached by SSH; otherwise it is this machine."""
        return bool(self.host)

    @property
    def machine(self) -> Machine:
        """What a transport must know of it."""
        return Machine(self.name, "host", self.host, self.port, self.user, self.key)

    @property
    def address(self) -> str:
        """Where it is, for people."""
        return self.machine.login or "this machine"


def hosts_file() -> Path:
    """Where hosts are kept."""
    return _FILE.path


def hosts() -> dict[str, Host]:
    """All hosts that can be read, by name; see ``load_hosts``."""
    return load_hosts()[0]


def load_hosts() -> tuple[dict[str, Host], dict[str, FinnTuiError]]:
    """Read ``hosts.toml``, entry by entry.

    Returns:
        all hosts by name, and what is wrong with other entries by name; where the file is no TOML,
        by the file's name.
    """
    entries, broken = _FILE.load()
    return {name: host_of(name, entry) for name, entry in entries.items()}, broken


def host_of(name: str, entry: HostEntry) -> Host:
    """The host of an entry."""
    return Host(name=name, **asdict(entry))


def find(name: str) -> Host:
    """The host of that name. Raises ``FinnTuiError`` with the nearest names for another."""
    known = hosts()
    if name in known:
        return known[name]
    raise _FILE.missing(name, known)


def check(host: Host) -> None:
    """Check a host before it is added.

    Raises:
        FinnTuiError: its name or a value cannot be used, or a host has the name already.
    """
    _FILE.check(host.name, _entry_of(host))
    if host.name in hosts():
        # Adding looks and writes what it finds; what its user has written there would be lost.
        raise FinnTuiError(
            f"there is a host called {host.name} already",
            f"Its entry in {hosts_file()} may have been edited by hand.",
            f"Edit the entry, or remove it first: `finn-tui hosts remove {host.name}`.",
        )


def _entry_of(host: Host) -> HostEntry:
    return HostEntry(**{key: getattr(host, key) for key in HostEntry.__struct_fields__})


def add(host: Host) -> None:
    """Write a host to ``hosts.toml``, replacing one of the same name; the rest stays as it is.

    Raises:
        FinnTuiError: a name or a value that cannot be used, or a file that cannot be written.
    """
    _FILE.put(host.name, _entry_of(host))


def remove(name: str) -> None:
    """Take a host out of ``hosts.toml``. Raises ``FinnTuiError`` if it is not there."""
    find(name)
    _FILE.remove(name)


def _check(name: str, entry: HostEntry, path: Path) -> None:
    where = f"{path}: [{name}]"
    if entry.host and not _ADDRESS.match(entry.host):
        raise FinnTuiError(
            f"{where} host = {entry.host!r} is no address",
            "It is a name or an address; user and port are keys of their own.",
            'For example host = "lab-server" and user = "me".',
        )
    if not entry.host and (entry.port or entry.user or entry.key):
        raise FinnTuiError(
            f"{where} has port, user or key, but no host",
            "Without host it is this machine, which nobody logs in to.",
            'Give its address, such as host = "lab-server", or remove these keys.',
        )
    if odd := unprintable(entry.folder):
        raise FinnTuiError(
            f"{where} folder = {entry.folder!r} cannot be used",
            f"It has {odd} in it, and scripts on the host would not find it.",
            'For example folder = "finn-tui" or folder = "/data/me/finn-tui".',
        )
    if not entry.folder.strip("/") or entry.folder[0] == "~":
        raise FinnTuiError(
            f"{where} folder = {entry.folder!r} cannot be used",
            "It is absolute, or relative to the home directory there, without ~.",
            'For example folder = "finn-tui" or folder = "/data/me/finn-tui".',
        )
    _check_variables(f"{where} env", entry.env)
    if entry.container is not None:
        check_container(f"{where} container", entry.container)
    if entry.container is not None and entry.slurm is not None:
        if entry.container.name:
            raise FinnTuiError(
                f"{where} has slurm and a container that runs",
                "Slurm chooses the machine of a job; no container runs there before it.",
                "Name an image instead of a container.",
            )
        if not entry.engine:
            raise FinnTuiError(
                f"{where} does not say how FINN is started in the {entry.container.title}",
                "Jobs of Slurm start the host's `engine` in it.",
                'For example engine = ["python3"]: the Python in it that has FINN.',
            )


def _check_variables(where: str, env: Mapping[str, str]) -> None:
    for variable, value in env.items():
        if not _VARIABLE.match(variable) or "\0" in value:
            raise FinnTuiError(
                f"{where}: {variable!r} cannot be set",
                "A variable's name has letters, digits and _ and begins with no digit.",
                'For example env = {NUM_DEFAULT_WORKERS = "4"}.',
            )
        if any(word in variable.upper() for word in _SECRET_VARIABLES):
            raise FinnTuiError(
                f"{where} has a password or token in it: {variable}",
                "Secrets are not kept in files.",
                "Set it in the login's own profile there.",
            )


def check_container(where: str, entry: Container) -> None:
    """Raise ``FinnTuiError`` for a container that cannot be.

    Args:
        where: file and table of the entry, for the message.
        entry: the container.
    """
    if bool(entry.name) == bool(entry.image):
        raise FinnTuiError(
            f"{where} needs either name or image",
            "name is a container that runs, image what one is started from.",
            'For example container = {image = "xilinx/finn:v0.10"}.',
        )
    for mount in entry.mounts:
        folder, _, inside = mount.removesuffix(":ro").removesuffix(":rw").partition(":")
        if not (folder.startswith("/") and inside.startswith("/")) or ":" in inside:
            raise FinnTuiError(
                f"{where}: {mount!r} is no mount",
                "It is FOLDER:FOLDER_IN_CONTAINER, both absolute, and :ro where it is only read.",
                'For example mounts = ["/tools/Xilinx:/tools/Xilinx:ro"].',
            )
    if entry.name and entry.mounts:
        raise FinnTuiError(
            f"{where} cannot mount folders in a container that runs",
            "What it sees was decided when it was started.",
            "Remove mounts, or name an image instead of a container.",
        )
    _check_variables(f"{where}.env", entry.env)


_FILE = EntryFile("host", HostEntry, _check, example="ADDRESS")
