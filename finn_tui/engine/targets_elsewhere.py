"""What a user points at as an engine on a host or in a container, found out where it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.progress import OnProgress, ignore
from finn_tui.engine import run_docker
from finn_tui.engine.targets import DOCKER_SCRIPT, Target, exec_of, is_container
from finn_tui.hosts import catalogue
from finn_tui.hosts.catalogue import Host
from finn_tui.hosts.container import Container, Runtime
from finn_tui.hosts.container_transport import inspect, open_container, runtime_of
from finn_tui.hosts.examine import completed
from finn_tui.hosts.local import LocalTransport
from finn_tui.hosts.pool import HostPool
from finn_tui.hosts.transport import Transport

_MARK = "finn-tui found: "
#: FINN's entry point installs packages before the command runs.
_LOOK_SECONDS = 600.0

#: Prints a Python that can import FINN ("python"), or else one that cannot ("bare").
_PYTHONS = f"""
for python in python3 python /opt/conda/bin/python /usr/bin/python3 python3.10 python3.8; do
    command -v "$python" >/dev/null 2>&1 || continue
    if "$python" -c 'import finn' >/dev/null 2>&1; then
        printf '{_MARK}python\\t%s\\n' "$python"; exit 0
    fi
    path="$FINN_ROOT/src:$FINN_ROOT/deps/qonnx/src"
    if [ -d "$FINN_ROOT/src/finn" ] && PYTHONPATH="$path" "$python" -c 'import finn, qonnx' \
        >/dev/null 2>&1; then
        printf '{_MARK}sources\\t%s\\t%s\\n' "$python" "$path"; exit 0
    fi
    bare=$python
done
printf '{_MARK}bare\\t%s\\n' "$bare"
"""
#: Says what a path is; $1 is the path, $2 an interpreter for a checkout, or empty.
_PATH = f"""
found() {{ kind=$1; shift; printf '{_MARK}%s' "$kind"; printf '\\t%s' "$@"; printf '\\n'; exit 0; }}
path=$1
case $path in '~') path=$HOME ;; '~/'*) path=$HOME/${{path#'~/'}} ;; esac
if [ -f "$path" ] && [ "$(basename -- "$path")" = {DOCKER_SCRIPT} ]; then
    found script "$(cd -- "$(dirname -- "$path")" && pwd)/{DOCKER_SCRIPT}"
fi
if [ ! -d "$path" ]; then
    program=$(command -v -- "$path") || found nothing "$path"
    found program "$program"
fi
path=$(cd -- "$path" && pwd)
[ -x "$path/bin/python" ] && found environment "$path/bin/python"
root=$path
for step in 1 2 3 4; do
    [ -d "$root/src/finn" ] && [ -d "$root/finn-rtllib" ] && break
    root=$(dirname -- "$root")
done
if [ -d "$root/src/finn" ] && [ -d "$root/finn-rtllib" ]; then
    all="$root/src"
    [ -d "$root/deps/qonnx/src/qonnx" ] && all="$all:$root/deps/qonnx/src"
    IFS='
'
    for python in ${{2:-$root/.venv/bin/python
$root/venv/bin/python
python3.10
python3.8
python3
python}}; do
        command -v -- "$python" >/dev/null 2>&1 || continue
        if FINN_ROOT="$root" PYTHONPATH="$all" "$python" -c \
            'import numpy, onnx, qonnx.core.modelwrapper, finn' >/dev/null 2>&1; then
            found checkout "$root" "$all" "$(command -v -- "$python")"
        fi
    done
    [ -f "$root/{DOCKER_SCRIPT}" ] && found script "$root/{DOCKER_SCRIPT}"
    found lacking "$root"
fi
for name in .venv venv env; do
    [ -x "$path/$name/bin/python" ] && found environment "$path/$name/bin/python"
done
[ -f "$path/{DOCKER_SCRIPT}" ] && found script "$path/{DOCKER_SCRIPT}"
found nothing "$path"
"""


@dataclass(frozen=True)
class _Place:
    """A machine: how errors call it, how it is reached, and its entry of hosts.toml."""

    name: str
    transport: Transport
    host: Host | None


async def detect(
    words: Sequence[str],
    host: str,
    pool: HostPool,
    python: str | None = None,
    on_progress: OnProgress = ignore,
) -> Target:
    """Find out what a user's words name on a host, or in a container.

    Args:
        words: ``docker:NAME``, a path there, or a command; none takes what hosts.toml says.
        host: name in hosts.toml; empty for this machine.
        pool: connections to hosts.
        python: interpreter there for a checkout.
        on_progress: told what the login waits for.

    Raises:
        FinnTuiError: nothing of that name there, or nothing that can run Python.
    """
    place = await _reach(host, pool, on_progress)
    target = await _detect(words, place, python)
    return replace(target, host=host)


async def detect_on(words: Sequence[str], host: Host, transport: Transport) -> Target:
    """Find out what a user's words name on a host that is reached. Raises as ``detect``.

    Args:
        words: ``docker:NAME``, a run-docker.sh, a path there, or a command.
        host: it need not be in hosts.toml.
        transport: leads to it.
    """
    return await _detect(words, _Place(host.name, transport, host), None)


async def detect_script(script: str) -> Target:
    """The container of a run-docker.sh of this machine. Raises as ``detect``."""
    return await _script(script, _Place("this machine", LocalTransport(), None))


async def _reach(host: str, pool: HostPool, on_progress: OnProgress) -> _Place:
    if not host:
        return _Place("this machine", LocalTransport(), None)
    entry = await asyncio.to_thread(catalogue.find, host)
    if not entry.is_remote:
        return _Place(host, LocalTransport(), entry)
    async with pool.use(entry, on_progress=on_progress) as transport:
        return _Place(host, transport, entry)


async def _detect(words: Sequence[str], place: _Place, python: str | None) -> Target:
    if not words:
        return await _of_host(place)
    if is_container(words):
        inside = exec_of(words)
        if inside is not None:
            runtime, name, command = inside
        else:
            runtime, _, name = words[0].partition(":")
            command = ()
        return await _container(runtime, name, command, place)
    if len(words) > 1:
        return Target("command", tuple(words))
    return await _path(words[0], place, python)


async def _of_host(place: _Place) -> Target:
    """What hosts.toml says of a host, or what is found there."""
    host = place.host
    assert host is not None
    if not host.engine and host.container is None:
        host = await completed(place.transport, host)
    if host.container is not None:
        return await _in_container(host.container, host.engine, place)
    if host.engine:
        return Target("interpreter", tuple(host.engine), ("as hosts.toml says",))
    raise FinnTuiError(
        f"no FINN was found on {place.name}",
        "hosts.toml names none, and none is in the usual places.",
        f"Say where it is: `finn-tui engine add NAME --host {place.name} PATH`, or docker:NAME.",
    )


async def _container(runtime: str, name: str, command: tuple[str, ...], place: _Place) -> Target:
    program: Runtime = "podman" if runtime == "podman" else "docker"
    facts = await inspect(place.transport, program, name)
    if facts is None:
        status, _, _ = await place.transport.run(program, "image", "inspect", "--", name)
        if status == 0:
            return await _in_container(Container(runtime=program, image=name), command, place)
    target = await _in_container(Container(runtime=program, name=name), command, place)
    return (
        replace(target, notes=(*target.notes, f"of the image {facts.image}")) if facts else target
    )


async def _in_container(container: Container, command: tuple[str, ...], place: _Place) -> Target:
    """A container, with the Python in it that imports FINN."""
    if not container.runtime:
        runtime = await runtime_of(place.transport, container)
        container = structs.replace(container, runtime=runtime)
    kind = f"{container.runtime} container that runs" if container.name else "container of an image"
    transport = await open_container(place.transport, container)
    notes: tuple[str, ...] = ()
    if not command:
        status, out, err = await transport.run("sh", "-c", _PYTHONS, timeout=_LOOK_SECONDS)
        found = _found(out)
        if status != 0 or found is None or found[1] == "":
            raise FinnTuiError(
                f"the {container.title} has no Python that can be started",
                (err or out)[-500:].decode("utf-8", "replace").strip() or "It has no python3.",
                "Give the command that starts it, behind the container's name.",
                kind="engine",
            )
        command = (found[1],)
        if found[0] == "sources":
            command = ("env", f"PYTHONPATH={found[2]}", found[1])
        elif found[0] == "bare":
            notes = ("its Python does not import FINN as it is started",)
    return Target(kind, command, notes, container=container)


async def _path(path: str, place: _Place, python: str | None) -> Target:
    status, out, err = await place.transport.run(
        "sh", "-c", _PATH, "sh", path, python or "", timeout=120.0
    )
    found = _found(out)
    if status != 0 or found is None:
        raise FinnTuiError(
            f"{path} on {place.name} cannot be looked at",
            err[-500:].decode("utf-8", "replace").strip(),
            "Check the path and its permissions there.",
        )
    kind, *values = found
    if kind == "script":
        return await _script(values[0], place)
    if kind == "environment":
        return Target("virtual environment", (values[0],))
    if kind == "checkout":
        root, path_variable, interpreter = values
        command = ("env", f"FINN_ROOT={root}", f"PYTHONPATH={path_variable}", interpreter)
        return Target("FINN checkout", command, (f"with {interpreter}",))
    if kind == "program":
        name = values[0].rpartition("/")[2]
        is_python = name.startswith(("python", "pypy"))
        return Target("interpreter" if is_python else "wrapper command", (values[0],))
    if kind == "lacking":
        raise FinnTuiError(
            f"no Python on {place.name} can run the FINN in {values[0]}",
            "None of its own and none on the PATH there imports numpy, onnx and qonnx with it.",
            "Name one with --python.",
        )
    if len(parts := path.split()) > 1:
        return Target("command", tuple(parts))
    raise FinnTuiError(
        f"there is no {path} on {place.name}",
        "It is neither a FINN, a Python nor a program there.",
        "Give an interpreter, the folder of a virtual environment or of FINN's sources there, or "
        "docker:NAME.",
    )


async def _script(script: str, place: _Place) -> Target:
    runtime = await runtime_of(place.transport, Container())
    env = place.host.env if place.host is not None else {}
    container, notes = await run_docker.read(place.transport, runtime, script, env)
    target = await _in_container(container, (), place)
    mounted = ", ".join(pair.split(":")[0] for pair in container.mounts)
    notes = (f"image {container.image}, as {script} starts it", f"it sees {mounted}", *notes)
    return replace(target, notes=(*notes, *target.notes))


def _found(out: bytes) -> list[str] | None:
    """The fields of the line that a script of this module prints; other lines are a shell's."""
    for line in reversed(out.decode("utf-8", "surrogateescape").splitlines()):
        if line.startswith(_MARK):
            return line.removeprefix(_MARK).split("\t")
    return None
