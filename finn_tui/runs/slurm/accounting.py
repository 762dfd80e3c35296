"""Slurm's accounting: how jobs ended that squeue and scontrol have forgotten.

``sacct`` asks slurmdbd, which may be down or slow for hours while the cluster works on; a cluster
may have no accounting at all. Its forms here are those of Slurm 22.05 and newer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import one_line, readable
from finn_tui.runs.slurm import commands
from finn_tui.runs.slurm.commands import Job, Runner

#: A slurmdbd that hangs keeps sacct for 45 s and longer.
SACCT_SECONDS = 20.0
#: What accounting that there is says when it cannot be asked. Anything else is a cluster without.
_SILENT = re.compile(rb"(?i)database|connection|timed out|slurmdbd|socket|unable to contact")
_FIELDS = (
    *("JobID", "State", "ExitCode", "Start", "End", "NodeList", "TimelimitRaw", "ReqMem"),
    # The name may hold the separator: it comes last.
    *("UID", "JobName"),
)
_INDICES = re.compile(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?\Z")


@dataclass(frozen=True)
class Records:
    """What the accounting has of some jobs.

    Attributes:
        jobs: those that have ended, by Slurm's names of them.
        unended: those that it does not know to have ended, or does not know at all: the controller
            tells it late of what happened while slurmdbd was down.
        silent: why the accounting gives no answer; empty if it did, or there is none.
    """

    jobs: dict[str, Job] = field(default_factory=dict)
    unended: frozenset[str] = frozenset()
    silent: str = ""


async def records(host: Runner, jobs: Mapping[str, str]) -> Records:
    """Ask the accounting about jobs.

    Args:
        host: where Slurm's commands are.
        jobs: Slurm's names of the jobs, each with the name that the job was sent under: after a
            cluster was set up anew, its numbers begin again, and mean other jobs.
    """
    numbers = ",".join(dict.fromkeys(key.partition("_")[0] for key in jobs))
    # Without --duplicates, of a job that was requeued only the last start.
    command = ["sacct", "--noheader", "--parsable2", "--allocations"]
    command += [f"--format={','.join(_FIELDS)}", f"--jobs={numbers}"]
    # Without a beginning, sacct looks at today only.
    command.append("--starttime=now-30days")
    try:
        status, out, error = await commands.call(host, *command, seconds=SACCT_SECONDS)
    except FinnTuiError as failure:
        return Records(silent=one_line(failure.why or failure.what)[:200])
    if status == 0:
        return parse_sacct(out.decode("utf-8", "replace"), jobs)
    silent = status != 127 and b"disabled" not in error and _SILENT.search(error)
    lines = [line for line in readable(error).splitlines() if line.strip()]
    return Records(silent=one_line(lines[-1])[:200] if silent and lines else "")


def parse_sacct(text: str, jobs: Mapping[str, str]) -> Records:
    """Return what sacct's answer has of some jobs.

    Args:
        text: its output in our format; lines of any other form are left out.
        jobs: see ``records``; a job without a name is taken whatever its name is.
    """
    ended: dict[str, Job] = {}
    for line in text.splitlines():
        values = line.split("|", len(_FIELDS) - 1)
        if len(values) != len(_FIELDS):
            continue
        row = dict(zip(_FIELDS, values, strict=True))
        state, _, rest = row["State"].partition(" ")
        by = rest.removeprefix("by ").strip()
        for key in _keys(row["JobID"], jobs):
            if jobs[key] not in ("", row["JobName"]):
                continue
            job = Job(
                key,
                state,
                start=commands.moment(row["Start"]),
                end=commands.moment(row["End"]),
                # "None assigned" for one that never ran.
                node="" if " " in row["NodeList"] else one_line(row["NodeList"])[:100],
                exit=one_line(row["ExitCode"])[:20],
                limit=_minutes(row["TimelimitRaw"]),
                memory=one_line(row["ReqMem"])[:20],
                # Somebody else's word: that a user ends own jobs needs none.
                ended_by=by if by.isdecimal() and by != row["UID"] else "",
            )
            if job.phase == "ended":
                ended[key] = job
    return Records(ended, frozenset(jobs.keys() - ended.keys()))


def _keys(id: str, jobs: Mapping[str, str]) -> list[str]:
    """The wanted jobs that a line is about; those of an array that never began share one line."""
    if id in jobs:
        return [id]
    number, _, indices = id.partition("_")
    # 7_[0-2,4-20%2]: all but 3, two at once.
    if not (indices.startswith("[") and indices.endswith("]")):
        return []
    members: list[range] = []
    for part in indices[1:-1].partition("%")[0].split(","):
        if match := _INDICES.match(part):
            first, last, step = match[1], match[2] or match[1], match[3] or "1"
            members.append(range(int(first), int(last) + 1, max(1, int(step))))
    keys = []
    for key in jobs:
        array, _, index = key.partition("_")
        if array == number and index and any(int(index) in one for one in members):
            keys.append(key)
    return keys


def _minutes(text: str) -> float | None:
    """Seconds of a time limit; None where there is none, or the partition's."""
    return 60.0 * int(text) if text.isdecimal() and len(text) < 9 else None
