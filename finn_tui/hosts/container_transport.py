"""Containers: a machine's docker or podman as a transport of its own."""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.hosts import command_end
from finn_tui.hosts.container import Container
from finn_tui.hosts.machine import Machine
from finn_tui.hosts.remote_files import RemoteFiles
from finn_tui.hosts.transport import Console, RemoteProcess, Transport

#: Variables of a container's main process that a command in it needs: an entry point sets them,
#: and ``exec`` goes past it. Passwords are not among them.
_TAKEN = (
    *("HOME", "PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LD_PRELOAD", "LANG"),
    *("VIVADO_PATH", "VITIS_PATH", "HLS_PATH", "XILINX_VIVADO", "XILINX_VITIS", "XILINX_HLS"),
    *("VIVADO_IP_CACHE", "PLATFORM_REPO_PATHS", "XILINX_XRT", "OHMYXILINX", "LM_LICENSE_FILE"),
    *("XILINXD_LICENSE_FILE", "PYNQ_BOARD", "NUM_DEFAULT_WORKERS", "FINN_ROOT", "FINN_BUILD_DIR"),
    *("FINN_DEPS", "FINN_XILINX_PATH", "FINN_XILINX_VERSION", "FINN_HOST_BUILD_DIR", "FINN_XSI"),
)
#: Before the names of containers that finn-tui starts.
_PREFIX = "finn-tui-"
#: Prints the environment of what the container was started for: a child of ``--init``, or 1.
_ENVIRONMENT = (
    "read -r child rest </proc/1/task/1/children; "
    'case "$(cat /proc/1/comm)" in *init*) ;; *) child=1;; esac; '
    'exec cat "/proc/${child:-1}/environ"'
)


@dataclass(frozen=True)
class Mount:
    """A folder of the machine that a container sees.

    Attributes:
        source: its path on the machine.
        target: its path in the container.
        writable: whether the container may write to it.
    """

    source: str
    target: str
    writable: bool = True


@dataclass(frozen=True)
class ContainerFacts:
    """What the runtime says of a container.

    Attributes:
        running: whether it runs.
        image: the image that it was made from.
        user: who commands in it run as; empty for root.
        mounts: what it sees of the machine.
    """

    running: bool
    image: str
    user: str
    mounts: tuple[Mount, ...]


async def runtime_of(machine: Transport, container: Container) -> str:
    """The program that runs containers there.

    Raises:
        FinnTuiError: there is none, or one that is for jobs of Slurm only (kind "engine").
    """
    if container.runtime in ("apptainer", "singularity"):
        raise FinnTuiError(
            f"{container.runtime} is used for jobs of Slurm only",
            f"The {container.title} of {machine.machine.name} is not one of a job.",
            'Give a table slurm in hosts.toml, or set runtime = "docker" or "podman".',
            kind="engine",
        )
    if container.runtime:
        return container.runtime
    for program in ("docker", "podman"):
        status, _, _ = await machine.run("sh", "-c", f"command -v {program}")
        if status == 0:
            return program
    raise FinnTuiError(
        f"{machine.machine.name} has neither docker nor podman",
        f"The {container.title} needs one of them.",
        "Install one, or give the machine's own FINN.",
        kind="engine",
    )


async def inspect(machine: Transport, runtime: str, name: str) -> ContainerFacts | None:
    """What a runtime says of a container; None if there is none of that name.

    Raises:
        FinnTuiError: the runtime cannot be used (kind "engine").
    """
    status, out, err = await machine.run(runtime, "container", "inspect", "--", name)
    if status != 0:
        text = err.decode("utf-8", "replace").strip()
        if "no such container" in text.lower():
            return None
        raise runtime_failed(machine, runtime, text)
    try:
        document = json.loads(out)[0]
        return ContainerFacts(
            bool(document["State"]["Running"]),
            str(document["Config"].get("Image") or document.get("ImageName") or ""),
            str(document["Config"].get("User") or ""),
            tuple(_mount(item) for item in document.get("Mounts") or ()),
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise runtime_failed(machine, runtime, f"its answer: {error}") from error


def _mount(item: Mapping[str, Any]) -> Mount:
    return Mount(str(item["Source"]), str(item["Destination"]), bool(item.get("RW", True)))


def runtime_failed(machine: Transport, runtime: str, why: str) -> FinnTuiError:
    """The error for docker or podman that cannot be used, with what it takes to use it."""
    fix = f"Try `{runtime} ps` on {machine.machine.name}."
    if "permission denied" in why.lower():
        fix = (
            "Add the user to the group docker there (`sudo usermod -aG docker USER`), and log in "
            "again."
        )
    elif "cannot connect" in why.lower():
        fix = "Start its daemon there (`sudo systemctl start docker`)."
    return FinnTuiError(
        f"{runtime} on {machine.machine.name} cannot be used", why[:500], fix, kind="engine"
    )


def image_options(container: Container, mounts: Sequence[str] = ()) -> tuple[str, ...]:
    """Options of ``run`` for any container of an image.

    Args:
        container: the image, its mounts, variables and options.
        mounts: folders that it sees at their own paths, beside those of ``container``.
    """
    pairs = (*container.mounts, *(f"{path}:{path}" for path in mounts))
    volumes = tuple(word for pair in dict.fromkeys(pairs) for word in ("-v", pair))
    return ("--init", *container.options, *volumes, *_variables(container.env))


def _variables(env: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(word for key, value in env.items() for word in ("-e", f"{key}={value}"))


async def run_named(
    machine: Transport, name: str, runtime: str, *line: str, timeout: float, stdin: bytes = b""
) -> tuple[int, bytes, bytes]:
    """Run a command in a container of its own, which is removed however that ends.

    Args:
        machine: where it runs.
        name: of the container; nobody else may have it.
        runtime: docker or podman there.
        line: the runtime's command line; it gives the container the name and removes it at its end.
        timeout (s): that it may take.
        stdin: what it reads.

    Raises:
        FinnTuiError: the line broke, or it took too long.
    """
    try:
        return await machine.run(runtime, *line, timeout=timeout, stdin=stdin)
    except BaseException:
        # Without its client it would go on; where the line broke, its standard input ends.
        if not machine.is_closed:
            await command_end.go_on(_remove(machine, runtime, name))
        raise


async def _remove(machine: Transport, runtime: str, name: str) -> None:
    with machine.translated():
        await machine.run(runtime, "rm", "-f", name)


class ContainerTransport:
    """A container of a machine; see ``Transport``.

    Commands of a running container run by ``exec`` with the variables of its main process. Of an
    image, each command gets a container, which is removed at its end; folders that it needs are
    mounted at their own paths.
    """

    def __init__(self, outer: Transport, container: Container, runtime: str) -> None:
        """For a container of the machine that ``outer`` reaches; see ``open_container``."""
        self.outer = outer
        self.container = container
        self.runtime = runtime
        self.machine: Machine = outer.machine
        self.mounts: tuple[Mount, ...] = ()
        self._env = dict(container.env)

    @property
    def is_closed(self) -> bool:
        """See ``Transport``."""
        return self.outer.is_closed

    async def look(self) -> None:
        """Learn what a running container sees and which variables its commands need.

        Raises:
            FinnTuiError: it is not there, or does not run (kind "engine").
        """
        name = self.container.name
        facts = await inspect(self.outer, self.runtime, name)
        if facts is None or not facts.running:
            state = "does not run" if facts is not None else "is not there"
            raise FinnTuiError(
                f"the container {name} {state}",
                f"{self.runtime} on {self.machine.name} says so.",
                f"Start it (`{self.runtime} start {name}`); `{self.runtime} ps -a` lists all.",
                kind="engine",
            )
        self.mounts = facts.mounts
        status, out, _ = await self.outer.run(
            *(self.runtime, "exec", name, "sh", "-c", _ENVIRONMENT)
        )
        pairs = out.decode("utf-8", "surrogateescape").split("\0") if status == 0 else []
        taken = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        self._env = {key: taken[key] for key in _TAKEN if key in taken} | self._env

    async def check(self) -> None:
        """Ask the runtime again whether it answers, and whether a running container still runs.

        Raises:
            FinnTuiError: it does not (kind "engine").
        """
        if self.container.name:
            await self.look()
            return
        status, _, err = await self.outer.run(self.runtime, "ps", "-q")
        if status != 0:
            why = err.decode("utf-8", "replace").strip()
            raise runtime_failed(self.outer, self.runtime, why)

    def command(
        self, *command: str, mounts: tuple[str, ...] = (), name: str = ""
    ) -> tuple[str, ...]:
        """The command line of the machine that runs a command in the container.

        Args:
            command: program and arguments.
            mounts: folders of the machine that an image gets beside its own.
            name: by which the container of an image can be removed; see ``remove``.
        """
        if self.container.name:
            env = _variables(self._env)
            return (self.runtime, "exec", "-i", *env, self.container.name, *command)
        named = ("--name", _PREFIX + name) if name else ()
        options = ("--rm", "-i", *named, *image_options(self.container, mounts))
        return (self.runtime, "run", *options, self.container.image, *command)

    async def remove(self, name: str) -> None:
        """End the container of an image that was started under a name."""
        await self.outer.run(self.runtime, "rm", "-f", _PREFIX + name)

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """See ``Transport``."""
        name = secrets.token_hex(8) if self.container.image else ""
        if name:
            line = self.command(*command, name=name)
            return await run_named(self.outer, _PREFIX + name, *line, timeout=timeout, stdin=stdin)
        mark = command_end.new_mark()
        line = self.command(*command_end.marked(mark, *command))
        try:
            return await self.outer.run(*line, timeout=timeout, stdin=stdin)
        except BaseException:
            # Its client is ended; what the daemon has started for it is not.
            if not self.is_closed:
                await command_end.end(mark, self._run_plain)
            raise

    async def _run_plain(self, command: tuple[str, ...], stdin: bytes) -> None:
        await self.outer.run(*self.command(*command), stdin=stdin)

    async def stream(self, command: str) -> RemoteProcess:
        """See ``Transport``."""
        return await self.outer.stream(shlex.join(self.command("sh", "-c", command)))

    async def files(self, base: str) -> RemoteFiles:
        """The machine's files below a folder that the container sees at the same path.

        Raises:
            FinnTuiError: it does not see it there.
        """
        files = await self.outer.files(base)
        base = files.base
        sources = [mount.target for mount in self.mounts if mount.source == mount.target]
        sources += [pair.split(":")[0] for pair in self.container.mounts if _is_same_place(pair)]
        if any(base == source or base.startswith(source.rstrip("/") + "/") for source in sources):
            return files
        raise FinnTuiError(
            f"the {self.container.title} does not see {base} of {self.machine.name}",
            f"Mounted at their own paths are: {', '.join(sources) or 'none'}.",
            f"Start it with `-v {base}:{base}`, or choose a folder that it sees.",
            kind="engine",
        )

    async def console(self, columns: int, rows: int) -> Console:
        """See ``Transport``; a container gives none."""
        raise FinnTuiError(
            f"the {self.container.title} has no terminal here",
            "finn-tui runs commands in it only.",
            f"Use `{self.runtime} exec -it` on {self.machine.name}.",
            kind="engine",
        )

    def translated(self) -> AbstractContextManager[None]:
        """See ``Transport``."""
        return self.outer.translated()


def _is_same_place(pair: str) -> bool:
    parts = pair.split(":")
    return len(parts) > 1 and parts[0] == parts[1]


async def open_container(outer: Transport, container: Container) -> ContainerTransport:
    """The container of a machine, looked at where it runs.

    Raises:
        FinnTuiError: no runtime, or no such container that runs (kind "engine").
    """
    transport = ContainerTransport(outer, container, await runtime_of(outer, container))
    if container.name:
        await transport.look()
    return transport
