"""The container that FINN's run-docker.sh starts: its image, mounts and variables.

The script is run as its user runs it, with a ``docker`` in front of the real one that writes down
what it is asked: so whatever the script, its user's variables and edits do is read as it is.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import PurePosixPath

from msgspec.structs import replace

from finn_tui.base.errors import FinnTuiError
from finn_tui.engine.targets import DOCKER_SCRIPT
from finn_tui.hosts.container import Container
from finn_tui.hosts.transport import Transport

#: What upstream FINN's images are called.
_REPOSITORY = "xilinx/finn"
_READ_SECONDS = 120.0
#: Neither wanted in a file nor needed: finn-tui talks to boards itself.
_SECRETS = ("PASSWORD", "PASSWD", "TOKEN", "SECRET")
_NOT_MOUNTED = ("/etc/shadow", "/etc/sudoers.d")
_LAST_WORD = "finn-tui-was-here"

_READ = f"""
folder=$(mktemp -d) || exit 3
trap 'rm -rf "$folder"' EXIT
cat > "$folder/docker" <<'SCRIPT'
#!/bin/sh
[ "$1" = run ] && for word; do printf '%s\\0' "$word"; done > "$FINN_TUI_WORDS"
exit 0
SCRIPT
chmod +x "$folder/docker"
cd -- "$(dirname -- "$1")" || exit 4
PATH="$folder:$PATH" FINN_TUI_WORDS="$folder/words" \
    FINN_DOCKER_PREBUILT=1 FINN_SKIP_DEP_REPOS=1 FINN_DOCKER_GPU=0 \
    bash "./$(basename -- "$1")" {_LAST_WORD} </dev/null >&2
cat "$folder/words"
"""
#: Options of ``docker run`` with a value, as the script uses them or its user may.
_VALUED = frozenset(
    (
        *("-e", "--env", "-v", "--volume", "-w", "--workdir", "--hostname", "--user", "-u"),
        *("--gpus", "--runtime", "-p", "--publish", "--name", "--network", "--net", "--shm-size"),
        *("--memory", "--cpus", "--entrypoint", "--device", "--mount", "--ipc", "--label", "-l"),
        *("--add-host", "--mac-address", "--ulimit", "--security-opt", "--cap-add", "--dns"),
        *("--group-add", "--tmpfs", "--env-file", "--platform", "--pull"),
    )
)
#: What finn-tui sets itself, or what an engine without a terminal must not have.
_OWN = frozenset(
    ("-i", "-t", "-it", "-ti", "--rm", "--init", "--interactive", "--tty", "-d", "--detach")
)
_OWN_VALUED = frozenset(("-p", "--publish", "--name", "--hostname"))


async def read(
    machine: Transport, runtime: str, script: str, env: Mapping[str, str]
) -> tuple[Container, tuple[str, ...]]:
    """The container that a run-docker.sh starts, and notes for the user.

    Args:
        machine: where the script is.
        runtime: docker or podman there.
        script: its path there.
        env: variables that it gets beside those of the login.

    Raises:
        FinnTuiError: it starts none, or its image is not there (kind "engine").
    """
    variables = [f"{key}={value}" for key, value in env.items()]
    status, out, err = await machine.run(
        "env", *variables, "sh", "-c", _READ, "sh", script, timeout=_READ_SECONDS
    )
    words = out.decode("utf-8", "surrogateescape").split("\0")[:-1]
    if status != 0 or words[:1] != ["run"] or words[-1:] != [_LAST_WORD]:
        raise FinnTuiError(
            f"{script} does not say which container it starts",
            err[-500:].decode("utf-8", "replace").strip() or "It did not come to `docker run`.",
            f"Start the container yourself and name it: `finn-tui engine add {runtime}:NAME`.",
            kind="engine",
        )
    container = parse(words, runtime)
    image, notes = await _present(machine, runtime, container.image, script)
    return replace(container, image=image), notes


def parse(words: list[str], runtime: str) -> Container:
    """The container of a ``docker run`` command line.

    Args:
        words: ``run``, options, the image and one word behind it.
        runtime: docker or podman.
    """
    mounts: list[str] = []
    env: dict[str, str] = {}
    options: list[str] = []
    rest = iter(words[1:-2])
    for word in rest:
        option, equals, value = word.partition("=")
        if option in _VALUED and not equals:
            value = next(rest, "")
        if option in ("-v", "--volume"):
            parts = value.split(":")
            if len(parts) > 1 and parts[1] not in _NOT_MOUNTED and not parts[1].endswith("/.ssh"):
                mounts.append(value)
        elif option in ("-e", "--env"):
            name, _, text = value.partition("=")
            if text and not any(secret in name.upper() for secret in _SECRETS):
                env[name] = text
        elif option not in _OWN and option not in _OWN_VALUED:
            options += [word] if equals or option not in _VALUED else [option, value]
    return Container(
        runtime="podman" if runtime == "podman" else "docker",
        image=words[-2],
        mounts=tuple(dict.fromkeys(mounts)),
        env=env,
        options=tuple(options),
    )


async def _present(
    machine: Transport, runtime: str, image: str, script: str
) -> tuple[str, tuple[str, ...]]:
    """The image that is there: the script's, or the newest of FINN, which is noted."""
    status, _, _ = await machine.run(runtime, "image", "inspect", "--", image)
    if status == 0:
        return image, ()
    listing = ("--format", "{{.Repository}}:{{.Tag}}", _REPOSITORY)
    status, out, _ = await machine.run(runtime, "images", *listing)
    images = [line for line in out.decode("utf-8", "replace").split() if "<none>" not in line]
    if status == 0 and images:
        return images[0], (f"{image} is not there; the newest image of FINN is taken",)
    folder = shlex.quote(str(PurePosixPath(script).parent))
    raise FinnTuiError(
        f"the image {image} of {script} is not on {machine.machine.name}",
        f"{runtime} has no other image of {_REPOSITORY} either.",
        f"Run `cd {folder} && ./{DOCKER_SCRIPT} true` there once: it builds the image.",
        kind="engine",
    )
