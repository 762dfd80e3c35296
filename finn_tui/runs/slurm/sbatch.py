"""Sending one job, or one array of them, with sbatch; what its refusals mean."""

from __future__ import annotations

import re
from collections.abc import Sequence

from finn_tui.base.errors import FinnTuiError
from finn_tui.runs.slurm.commands import NUMBER, Runner, call, said_by

#: Bytes of a script that sbatch takes, by its default (max_script_size).
_MOST_SCRIPT = 4 << 20
#: Slurm's own default of MaxArraySize.
_USUAL_ARRAY = 1001

#: What Slurm says in lower case, and what helps; the first that fits counts.
_FIXES = (
    # "Job violates accounting/QOS policy (job submit limit, ...)"
    ("policy", "Send fewer foldings, or ask for less: `sacctmgr show assoc` lists the limits."),
    # "Invalid account or account/partition combination specified"
    ("account", "Name an account of `sacctmgr show associations` in hosts.toml."),
    ("partition", "Name a partition of `sinfo` in the slurm table of hosts.toml."),
    ("qos", "Name a quality of service that you may use in hosts.toml."),
    ("array", "Send fewer foldings at once."),
    ("node configuration", "Ask for less memory or fewer processors in hosts.toml."),
    ("time limit", "Ask for a time that the partition allows in hosts.toml."),
    ("--time", "Write the time in hosts.toml as minutes or H:MM:SS."),
    ("contact", "Try again when Slurm's controller answers: `scontrol ping`."),
    ("no such file", "Slurm's commands must be on the PATH of a login there."),
)  # fmt: skip


async def submit(
    host: Runner, name: str, script: str, options: Sequence[str], where: str = "Slurm"
) -> tuple[int, str]:
    """Send a job, or an array of them.

    Args:
        host: where sbatch is.
        name: of the job.
        script: see ``script.batch_script``.
        options: of sbatch.
        where: what the user calls it.

    Returns:
        The job's number, and what the cluster said of it (a plugin's words); mostly nothing.

    Raises:
        FinnTuiError: Slurm refuses it, or does not answer (kind "timeout": it may have it).
    """
    content = script.encode("utf-8", "surrogateescape")
    if len(content) > _MOST_SCRIPT:
        raise FinnTuiError(
            "the sweep is too large for one job array",
            f"Its script has {len(content):,} bytes; Slurm takes {_MOST_SCRIPT:,}.",
            "Send fewer foldings at once.",
            kind="tools",
        )
    fixed = ["--parsable", f"--job-name={name}", "--output=/dev/null", "--requeue"]
    # The script writes into each run's own log: Slurm would take % and \\ in a path for its own.
    status, out, error = await call(host, "sbatch", *fixed, *options, stdin=content)
    lines = out.decode("ascii", "replace").strip().splitlines()
    id = lines[-1].partition(";")[0] if lines else ""
    said = said_by(error)
    if status != 0 or not NUMBER.match(id):
        raise FinnTuiError(
            f"{where} does not take the job",
            said or f"sbatch ended with code {status}.",
            fix_of(said),
            kind="tools",
        )
    return int(id), said


def fix_of(said: str) -> str:
    """Return what helps against a refusal of sbatch.

    Args:
        said: its words.
    """
    lower = said.lower()
    default = "Mend the slurm table of hosts.toml; `sbatch --test-only` says what Slurm takes."
    return next((fix for word, fix in _FIXES if word in lower), default)


async def most_tasks(host: Runner) -> int:
    """Return how many jobs an array may have; at least 1.

    Args:
        host: where Slurm's commands are.

    Raises:
        FinnTuiError: Slurm does not answer (kind "timeout").
    """
    status, out, _ = await call(host, "scontrol", "show", "config")
    match = re.search(rb"(?m)^MaxArraySize\s*=\s*(\d{1,9})\s*$", out) if status == 0 else None
    # Its indices begin with 0 and are smaller than that.
    return max(1, int(match[1])) if match else _USUAL_ARRAY
