"""The part of a batch script that builds in a container of an image, on the job's node.

A container of docker or podman is no child of the job: the script passes Slurm's signals on, ends
the container before it ends itself, and finds it by its label, which names the run's folder. One of
apptainer is an ordinary process of the job.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from finn_tui.engine.server.runs import runfiles
from finn_tui.hosts.container import Container
from finn_tui.hosts.detached import LABEL

#: What a runner reads of its job; those that are not set are left out.
_OF_SLURM = (
    *("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_RESTART_COUNT"),
    "SLURM_CPUS_PER_TASK",
)
#: Seconds that the tools of a build get to end; Slurm's own patience (KillWait) is 30 s by default.
_STOP_SECONDS = 20
#: Says which program, ends what a node that failed has left, and passes signals on.
_DAEMON = f"""
runtime=%s
[ -n "$runtime" ] || runtime=$(command -v docker || command -v podman)
[ -n "$runtime" ] || {{ echo "neither docker nor podman on $(hostname)" >&2; exit 2; }}
containers() {{ "$runtime" ps -q --no-trunc "$@" --filter "label={LABEL}=$run"; }}
remove() {{ for id in $(containers -a); do "$runtime" rm -f "$id" >/dev/null; done; }}
stop() {{
    for id in $(containers); do "$runtime" stop -t {_STOP_SECONDS} "$id" >/dev/null & done
}}
remove
trap stop TERM INT
limits=()
[ -n "$SLURM_CPUS_PER_TASK" ] && limits+=(--cpus "$SLURM_CPUS_PER_TASK")
[ -n "$SLURM_MEM_PER_NODE" ] && limits+=(--memory "${{SLURM_MEM_PER_NODE}}m")
"$runtime" run --rm --name "finn-tui-$(basename -- "$run")" --label "{LABEL}=$run" --init \\
    "${{limits[@]}}" %s -v "$run:$run" -w "$run" %s %s &
client=$!
wait "$client"
code=$?
# A signal that was passed on ends the waiting, not the container.
while kill -0 "$client" 2>/dev/null; do wait "$client"; code=$?; done
remove
"""
_NOTIFY = f"""
export FINN_TUI_RUN="$(basename -- "$run")" FINN_TUI_FOLDER="$run"
export FINN_TUI_STATE="$(sed -n 's/^ "state": "\\([a-z]*\\)".*/\\1/p' "$run"/{runfiles.STATE})"
sh -c %s
"""


def lines(
    container: Container,
    engine: Sequence[str],
    setup: str,
    environment: Mapping[str, str],
    notify: str,
) -> list[str]:
    """Lines of a batch script that build ``$run`` in a container and end with its exit code.

    Args:
        container: the image.
        engine: command that ends in FINN's Python, in the container.
        setup: the user's shell lines before a build, in the container.
        environment: variables of the build.
        notify: the user's command at the end of a build, on the node; empty for none.
    """
    command = f'{shlex.join(engine)} "$run"/engine.pyz build "$run"'
    if setup:
        script = f'{setup}\nexec "$@"'
        command = f"bash -c {shlex.quote(script)} finn-tui {command}"
    variables = {**container.env, **environment}
    if container.runtime in ("apptainer", "singularity"):
        # It hands its own environment on, all but what it sets itself.
        prefix = container.runtime.upper() + "ENV_"
        exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        exports += [f"export {prefix}{name}={shlex.quote(variables[name])}" for name in variables]
        binds = [word for pair in container.mounts for word in ("--bind", pair)]
        start = shlex.join([container.runtime, "exec", *container.options, *binds])
        line = f'{start} --bind "$run" --pwd "$run" {shlex.quote(container.image)} {command}'
        if not notify:
            return [*exports, f"exec {line}"]
        # The shell stays for the command at the end; Slurm signals all processes of the job.
        return [*exports, "trap : TERM INT", line, "code=$?", _NOTIFY % shlex.quote(notify), _EXIT]
    options = [word for pair in container.mounts for word in ("-v", pair)]
    for name, value in variables.items():
        options += ["-e", f"{name}={value}"]
    for name in _OF_SLURM:
        options += ["-e", name]
    script = _DAEMON % (
        shlex.quote(container.runtime),
        shlex.join([*container.options, *options]),
        shlex.quote(container.image),
        command,
    )
    return [script, *([_NOTIFY % shlex.quote(notify)] if notify else []), _EXIT]


_EXIT = 'exit "$code"'
