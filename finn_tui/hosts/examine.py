"""What a host is and has: asked of its shell, so that nothing need be installed there."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, replace
from typing import Any

from msgspec.structs import replace as replace_in

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import clean
from finn_tui.hosts.catalogue import Host, SlurmEntry
from finn_tui.hosts.container import Container
from finn_tui.hosts.container_transport import ContainerTransport, open_container
from finn_tui.hosts.transport import Transport

#: What the engine's code is written for.
OLDEST_PYTHON = (3, 8)
#: A home directory on a slow network disk takes its time.
_SECONDS = 60.0
_CONTAINER_SECONDS = 600.0
_MOST_VALUE = 500
_FACTS = r"""
say() { printf '%s\t%s\n' "$1" "$2"; }
say system "$(uname -sm)"
say hostname "$(uname -n)"
say python "$(python3 -c 'import sys; print(sys.version.split()[0])' 2>/dev/null)"
case $folder in /*) ;; *) folder=$HOME/$folder ;; esac
say folder "$folder"
at=$folder
while [ ! -e "$at" ] && [ "$at" != / ]; do at=$(dirname "$at"); done
probe=$at/.finn-tui-$$
if why=$( { printf x > "$probe"; } 2>&1 ) && [ -s "$probe" ]; then say writable yes
else say folder_problem "${why:-the disk is full}"; fi
rm -f "$probe" 2>/dev/null
say free "$(df -Pk "$at" 2>/dev/null | awk 'END { print $4 }')"
for program in docker podman sbatch systemd-run vivado vitis_hls; do
  place=$(command -v "$program" 2>/dev/null) && say "$program" "$place"
done
if command -v sinfo >/dev/null 2>&1; then
  if answer=$(sinfo -h -o %P 2>&1); then
    say partitions "$(printf '%s\n' "$answer" | head -n 20 | tr '\n' ' ')"
  else say slurm_problem "$(printf '%s\n' "$answer" | tail -n 1)"; fi
fi
say linger "$(loginctl show-user "$(id -un)" -p Linger --value 2>/dev/null)"
"""
#: Prints version of Python and FINN, as far as they are there, without importing FINN.
_FINN = (
    "import importlib.util as u, json, sys\n"
    "try:\n import importlib.metadata as m\nexcept ImportError:\n m = None\n"
    "name = version = None\n"
    "for each in ('finn-plus', 'finn'):\n"
    " try:\n  version = m.version(each); name = each; break\n except Exception: pass\n"
    "spec = u.find_spec('finn')\n"
    "place = list(spec.submodule_search_locations or [''])[0] if spec else None\n"
    "print(json.dumps({'python': sys.version.split()[0], 'name': name, 'version': version,"
    " 'place': place}))\n"
)
#: Where Pythons with FINN usually are; those that exist are tried.
_USUAL_PYTHONS = r"""
for python in "$VIRTUAL_ENV/bin/python" "$(command -v python3)" \
    "$HOME"/.local/share/finn-tui/engines/finn-plus/bin/python \
    "$HOME"/.local/share/finn-tui/engines/*/bin/python "$HOME"/.venv/bin/python \
    "$HOME"/[Ff][Ii][Nn][Nn]*/bin/python "$HOME"/[Ff][Ii][Nn][Nn]*/.venv/bin/python \
    "$HOME"/[Ff][Ii][Nn][Nn]*/venv/bin/python "$HOME"/*conda3/envs/*/bin/python \
    "$HOME"/miniforge3/envs/*/bin/python /opt/[Ff][Ii][Nn][Nn]*/bin/python \
    /opt/[Ff][Ii][Nn][Nn]*/*venv/bin/python; do
  [ -x "$python" ] || continue
  if "$python" -c 'import importlib.util as u, sys; sys.exit(u.find_spec("finn") is None)' \
      >/dev/null 2>&1; then printf 'python\t%s\n' "$python"; break; fi
done
for settings in /tools/Xilinx /opt/Xilinx /tools/xilinx /opt/xilinx; do
  ls -d "$settings"/Vivado/*/settings64.sh "$settings"/*/Vivado/settings64.sh 2>/dev/null
done | sort -V | tail -n 1 | while read -r file; do printf 'settings\t%s\n' "$file"; done
docker ps --format '{{.Names}}\t{{.Image}}' 2>/dev/null | while read -r name image; do
  case $image in *[Ff][Ii][Nn][Nn]*) printf 'container\t%s\n' "$name" ;; esac
done
"""


@dataclass(frozen=True)
class HostFacts:
    """What a host is.

    Attributes:
        system: kernel and processor, such as ``Linux x86_64``.
        hostname: what it calls itself.
        python: version of its ``python3``; None without one.
        folder: where finn-tui's files go, absolute.
        writable: whether they can be written there.
        folder_problem: what the host says where they cannot.
        free_bytes: free on that disk; None where it cannot be read.
        programs: paths of those that were found: docker, podman, sbatch, systemd-run, vivado,
            vitis_hls.
        partitions: of a Slurm that answers, the default one with ``*``; empty without one.
        slurm_problem: what Slurm says where it does not answer.
        lingers: whether the user's processes may outlive the login by systemd; None without it.
        engine_python: version of the engine's Python; None where no engine is set or it fails.
        finn: its FINN, name and version or place; None without one.
        engine_problem: what the engine's command said when it failed; empty if it did not.
    """

    system: str
    hostname: str
    python: str | None
    folder: str
    writable: bool
    free_bytes: int | None
    programs: dict[str, str]
    lingers: bool | None
    folder_problem: str = ""
    partitions: tuple[str, ...] = ()
    slurm_problem: str = ""
    engine_python: str | None = None
    finn: str | None = None
    engine_problem: str = ""


async def examine(link: Transport, host: Host) -> HostFacts:
    """Ask a host what it is.

    Args:
        link: the connection to it.
        host: its entry; the engine in it is started, but FINN is not imported.

    Raises:
        FinnTuiError: the line broke.
    """
    values = await _ask(link, f"folder={shlex.quote(host.folder)}\n{_FACTS}")
    programs = ("docker", "podman", "sbatch", "systemd-run", "vivado", "vitis_hls")
    free, linger = values.get("free", ""), values.get("linger", "")
    facts = HostFacts(
        system=values.get("system", ""),
        hostname=values.get("hostname", ""),
        python=values.get("python") or None,
        folder=values.get("folder", host.folder),
        writable="writable" in values,
        folder_problem=values.get("folder_problem", ""),
        free_bytes=int(free) * 1024 if re.fullmatch(r"\d{1,18}", free) else None,
        programs={name: values[name] for name in programs if values.get(name)},
        partitions=tuple(values.get("partitions", "").split()),
        slurm_problem=values.get("slurm_problem", ""),
        lingers=linger == "yes" if linger in ("yes", "no") else None,
    )
    return await _with_engine(link, host, facts) if host.engine else facts


async def _with_engine(link: Transport, host: Host, facts: HostFacts) -> HostFacts:
    command = f"{shlex.join(host.engine)} -c {shlex.quote(_FINN)}"
    seconds = _SECONDS
    try:
        if host.container is not None and host.slurm is None:
            # FINN's entry point installs packages first.
            link, seconds = await open_container(link, host.container), _CONTAINER_SECONDS
        status, out, err = await link.run("sh", "-s", timeout=seconds, stdin=command.encode())
    except FinnTuiError as error:
        if link.is_closed:
            raise
        return replace(facts, engine_problem=_problem(error))
    answer: Any = None
    if status == 0 and out.strip():
        try:
            answer = json.loads(out.decode("utf-8", "replace").strip().splitlines()[-1])
        except (ValueError, RecursionError):
            answer = None
    if not isinstance(answer, dict):
        text = clean((err or out)[-2000:].decode("utf-8", "replace")).strip()
        if text:
            problem = text.splitlines()[-1][:_MOST_VALUE]
        else:
            problem = await _why_silent(link) or f"exit status {status}"
        return replace(facts, engine_problem=problem)
    texts = {
        key: clean(value)[:_MOST_VALUE]
        for key in ("python", "name", "version", "place")
        if isinstance(value := answer.get(key), str)
    }
    finn = None
    if "place" in texts:
        name, version = texts.get("name", "FINN"), texts.get("version")
        finn = f"{name} {version}" if version else f"{name} in {texts['place']}"
    number = tuple(int(digits) for digits in re.findall(r"\d{1,4}", texts.get("python", ""))[:2])
    old = bool(number) and number < OLDEST_PYTHON
    problem = f"Python {texts['python']} is too old: it needs 3.8 or later" if old else ""
    return replace(facts, engine_python=texts.get("python"), finn=finn, engine_problem=problem)


async def _why_silent(link: Transport) -> str:
    """Why a command has ended without a word, as its container's runtime has it; "" if unknown."""
    if not isinstance(link, ContainerTransport):
        return ""
    try:
        await link.check()
    except FinnTuiError as error:
        if link.is_closed:
            raise
        return _problem(error)
    return ""


def _problem(error: FinnTuiError) -> str:
    return clean(f"{error.what}. {error.why}")[:_MOST_VALUE]


async def completed(link: Transport, host: Host) -> Host:
    """A host with what can be found out there of what its entry leaves open.

    A Python with FINN in one of the usual places, else a running container of an image that is
    called finn; Vivado's newest settings where Vivado is not on the PATH; Slurm, where it answers
    and FINN is not in a container that runs: jobs would not find it on their machines.

    Raises:
        FinnTuiError: the line broke.
    """
    facts = await examine(link, host)
    values = await _ask(link, _USUAL_PYTHONS)
    if not host.engine and (python := values.get("python", "")).startswith("/"):
        host = replace_in(host, engine=(python,))
    container = values.get("container", "")
    if not host.engine and host.container is None and container:
        host = replace_in(host, container=Container(name=container))
    settings = values.get("settings", "")
    # A container's own entry point knows where its Vivado is.
    if (
        not host.setup
        and host.container is None
        and "vivado" not in facts.programs
        and settings.startswith("/")
    ):
        host = replace_in(host, setup=f"source {shlex.quote(settings)}")
    runs = host.container is not None and bool(host.container.name)
    if host.slurm is None and not runs and "sbatch" in facts.programs and facts.partitions:
        host = replace_in(host, slurm=SlurmEntry())
    return host


async def _ask(link: Transport, script: str) -> dict[str, str]:
    """Run a script of the shell; what it says, by name. It goes by its input, free of quoting."""
    _, out, _ = await link.run("sh", "-s", timeout=_SECONDS, stdin=script.encode())
    values: dict[str, str] = {}
    for line in out.decode("utf-8", "replace").splitlines():
        name, tab, value = line.partition("\t")
        if tab:
            values.setdefault(name, clean(value)[:_MOST_VALUE])
    return values
