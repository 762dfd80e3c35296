"""The batch script of builds, one or an array of them, and sbatch's options for it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from finn_tui.engine.server.runs import runfiles, scheduled
from finn_tui.hosts.catalogue import SlurmEntry
from finn_tui.hosts.container import Container
from finn_tui.runs.slurm import container_job

#: What belongs to the Python that submits, not to the one that builds.
_UNSET = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST")


@dataclass(frozen=True)
class JobPlan:
    """What a job starts.

    Attributes:
        engine: command that ends in FINN's Python.
        folders: run folders as the cluster's nodes see them; more than one makes an array.
        setup: the user's shell lines before a build.
        environment: variables of the build.
        notify: the user's command at the end of a build; empty for none.
        container: the image in which each task builds; None for none.
        indices: of the folders in the array; empty for 0, 1, 2 ...
    """

    engine: Sequence[str]
    folders: Sequence[str]
    setup: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    notify: str = ""
    container: Container | None = None
    indices: Sequence[int] = ()


def batch_script(plan: JobPlan) -> str:
    """Return the script for sbatch's standard input.

    Every path is quoted for the shell. The runner takes the shell's place, so that Slurm's
    signals reach it; one in a container of a daemon gets them from the script.
    """
    indices = plan.indices or range(len(plan.folders))
    cases = [
        f"{index}) run={shlex.quote(folder)} ;;"
        for index, folder in zip(indices, plan.folders, strict=True)
    ]
    exports = {**plan.environment, scheduled.ENVIRONMENT: "slurm"}
    if plan.container is not None:
        work = container_job.lines(plan.container, plan.engine, plan.setup, exports, plan.notify)
    else:
        if plan.notify:
            exports[runfiles.NOTIFY] = plan.notify
        work = [
            *(f"export {name}={shlex.quote(value)}" for name, value in exports.items()),
            *([plan.setup] if plan.setup else []),
            'cd -- "$run" || exit 2',
            f'exec {shlex.join(plan.engine)} "$run"/engine.pyz build "$run"',
        ]
    lines = [
        "#!/bin/bash",
        'case "${SLURM_ARRAY_TASK_ID:-0}" in',
        *cases,
        '*) echo "this job has no run of that index" >&2; exit 2 ;;',
        "esac",
        f'exec >>"$run"/{runfiles.LOG} 2>&1 </dev/null',
        f"unset {' '.join(_UNSET)}",
        *work,
    ]
    return "\n".join(lines) + "\n"


def sbatch_options(entry: SlurmEntry) -> list[str]:
    """Return the options of sbatch for one build.

    Args:
        entry: the table ``[NAME.slurm]`` of hosts.toml.
    """
    named = {
        "partition": entry.partition,
        "time": entry.time,
        "cpus-per-task": str(entry.cpus or ""),
        "mem": entry.memory,
        "account": entry.account,
        "qos": entry.qos,
    }
    return [*(f"--{name}={value}" for name, value in named.items() if value), *entry.extra]
