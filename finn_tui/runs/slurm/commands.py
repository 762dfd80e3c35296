"""Slurm's commands on a host, this machine or one over SSH: what is said to them, what they say.

Times come as seconds since the epoch, so that the cluster's time zone does not matter. Job names
are no part of the query: others choose them.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from finn_tui.base.errors import FinnTuiError
from finn_tui.base.text import one_line, readable
from finn_tui.runs.slurm.reasons import in_words

#: Between the columns of squeue; no name of Slurm's has it.
_SEPARATOR = "\x1f"
_COLUMNS = {
    "array": "%F",
    "index": "%K",
    "job": "%A",
    "state": "%T",
    "priority": "%Q",
    "partition": "%P",
    "start": "%S",
    "end": "%e",
    "node": "%N",
    "reason": "%r",
}
_ENVIRONMENT = ("env", "LC_ALL=C", "SLURM_TIME_FORMAT=%s", "SLURM_BITSTR_LEN=0")
NUMBER = re.compile(r"[0-9]{1,10}\Z")
#: Slurm's words; squeue writes them without a user, ``CANCELLED by 1000`` is sacct's.
_WAITING = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"}
_WAITING |= {"RESV_DEL_HOLD", "CONFIGURING"}
_RUNNING = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "STAGE_OUT", "SIGNALING", "RESIZING"}
_ENDED = {"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL"}
_ENDED |= {"DEADLINE", "OUT_OF_MEMORY", "REVOKED", "LAUNCH_FAILED", "RECONFIG_FAIL"}
#: Of a job that nobody knows: ours, Slurm has no such word.
UNKNOWN = "UNKNOWN"
QUERY_SECONDS = 60.0


class Runner(Protocol):
    """What runs commands on a host; every transport of ``hosts`` does."""

    async def run(
        self, *command: str, timeout: float = 30.0, stdin: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """Run a command: exit status, standard output, standard error."""


@dataclass(frozen=True)
class Job:
    """A job, or one task of an array, as Slurm has it.

    Attributes:
        key: what Slurm calls it: ``12``, ``12_3``.
        state: Slurm's word.
        reason: Slurm's word for why it waits or has ended.
        partition: where it waits.
        priority: larger comes first.
        start, end: seconds since the epoch; None where not known.
        node: where it runs.
        exit: how it ended, where that is known: ``1:0`` is code and signal.
        limit: its time limit in seconds, where that is known.
        memory: what it was given, in Slurm's words such as ``8000M``.
        ended_by: number of the user who cancelled it, unless that is the job's own.
    """

    key: str
    state: str
    reason: str = ""
    partition: str = ""
    priority: int = 0
    start: float | None = None
    end: float | None = None
    node: str = ""
    exit: str = ""
    limit: float | None = None
    memory: str = ""
    ended_by: str = ""

    @property
    def phase(self) -> str:
        """``waiting``, ``running`` or ``ended``.

        A job in a state that is not known is not given up: it ends when Slurm says so.
        """
        if self.state in _WAITING:
            return "waiting"
        return "ended" if self.state in _ENDED or self.state == UNKNOWN else "running"

    @property
    def why(self) -> str:
        """Why it waits or does not go on, in plain language; empty for one that runs."""
        if self.phase == "waiting":
            # Slurm gives a start before it gives a reason.
            planned = self.reason == "None" and self.start is not None
            return "Slurm has planned its start" if planned else in_words(self.reason)
        if self.state in ("SUSPENDED", "STOPPED"):
            return "suspended: Slurm has stopped it for another job, or somebody has"
        if self.phase == "running" and self.state not in _RUNNING:
            return f"Slurm says that it is {one_line(self.state)[:40]}"
        return ""


async def call(
    host: Runner, *command: str, stdin: bytes = b"", seconds: float = QUERY_SECONDS
) -> tuple[int, bytes, bytes]:
    """Run a command of Slurm: exit status, output, errors.

    Args:
        host: where it is.
        command: the program and its arguments.
        stdin: its input.
        seconds: that it may take.

    Raises:
        FinnTuiError: the line broke or it took too long (kind "timeout"): Slurm does not answer.
    """
    try:
        return await host.run(*_ENVIRONMENT, *command, timeout=seconds, stdin=stdin)
    except FinnTuiError as error:
        raise FinnTuiError(error.what, error.why, error.fix, kind="timeout") from error


async def query(host: Runner, keys: Sequence[str] = ()) -> dict[str, Job]:
    """Return all jobs that Slurm knows, everybody's, by its names of them; one call of squeue.

    Jobs that ended a few minutes ago are among them.

    Args:
        host: where Slurm's commands are.
        keys: jobs that must be among them if Slurm has them; a cluster may have more jobs than a
            transport takes, and these are asked for once more then.

    Raises:
        FinnTuiError: Slurm does not answer (kind "timeout").
    """
    form = _SEPARATOR.join(_COLUMNS.values())
    # Its headings say that it has understood what is asked, also where there is no job.
    command = ["squeue", "--array", "--all", "--states=all", f"--format={form}"]
    status, out, error = await call(host, *command)
    if status != 0:
        raise _silent(error, status)
    if not _is_queue(out):
        said = said_by(out or error) or "nothing"
        raise _silent(f"squeue: it printed no list of jobs: {said[:200]}".encode(), status)
    jobs = parse_queue(out.decode("utf-8", "replace"))
    if out and not out.endswith(b"\n") and any(key not in jobs for key in keys):
        numbers = ",".join(dict.fromkeys(key.partition("_")[0] for key in keys))
        command.append(f"--jobs={numbers}")
        status, out, error = await call(host, *command)
        # Slurm knows none of them: it says so with an error.
        if status == 0:
            jobs.update(parse_queue(out.decode("utf-8", "replace")))
        elif b"Invalid job id" not in error:
            raise _silent(error, status)
    return jobs


def _is_queue(out: bytes) -> bool:
    lines = out.decode("utf-8", "replace").splitlines()
    return any(line.count(_SEPARATOR) == len(_COLUMNS) - 1 for line in lines)


def parse_queue(text: str) -> dict[str, Job]:
    """Return the jobs of squeue's answer, those that wait with their places.

    Args:
        text: squeue's output in our format; lines of any other form are left out.
    """
    jobs = {}
    for line in text.splitlines():
        values = line.split(_SEPARATOR)
        if len(values) != len(_COLUMNS):
            continue
        row = dict(zip(_COLUMNS, values, strict=True))
        if not NUMBER.match(row["array"]):
            continue
        index = row["index"]
        key = f"{row['array']}_{index}" if NUMBER.match(index) else row["array"]
        jobs[key] = Job(
            key,
            row["state"],
            one_line(row["reason"])[:200],
            one_line(row["partition"])[:100],
            int(row["priority"]) if NUMBER.match(row["priority"]) else 0,
            moment(row["start"]),
            moment(row["end"]),
            one_line(row["node"])[:100],
        )
    return jobs


def positions(jobs: Iterable[Job]) -> dict[str, int]:
    """Return the places of the jobs that wait, each in the line of its partition, from 1.

    Args:
        jobs: everybody's.
    """
    waiting = [job for job in jobs if job.phase == "waiting"]
    # Slurm takes the older of two jobs with the same priority.
    waiting.sort(key=lambda job: (-job.priority, *_order(job.key)))
    places: dict[str, int] = {}
    counts: dict[str, int] = {}
    for job in waiting:
        counts[job.partition] = counts.get(job.partition, 0) + 1
        places[job.key] = counts[job.partition]
    return places


def _order(key: str) -> tuple[int, int]:
    number, _, index = key.partition("_")
    return int(number), int(index or 0)


async def controlled(host: Runner, keys: Sequence[str]) -> dict[str, Job]:
    """Return how jobs ended, from Slurm's controller, which forgets them after some minutes.

    Args:
        host: where Slurm's commands are.
        keys: what Slurm calls the jobs; one that it has forgotten is not in the answer.

    Raises:
        FinnTuiError: Slurm does not answer (kind "timeout").
    """
    jobs: dict[str, Job] = {}
    wanted = set(keys)
    # All tasks of an array come at once.
    for number in dict.fromkeys(key.partition("_")[0] for key in keys):
        command = ["scontrol", "--oneliner", "show", "job", number]
        status, out, error = await call(host, *command)
        if status != 0:
            if b"Invalid job id" in error:
                continue
            raise _silent(error, status)
        known = parse_scontrol(out.decode("utf-8", "replace"))
        jobs.update({key: job for key, job in known.items() if key in wanted})
    return jobs


_FIELD = re.compile(r"(?:^| )([A-Za-z/:_]+)=(\S*)")


def parse_scontrol(text: str) -> dict[str, Job]:
    """Return the jobs of ``scontrol --oneliner show job``.

    Args:
        text: its output, a line for each job.
    """
    jobs = {}
    for line in text.splitlines():
        values: dict[str, str] = {}
        for name, value in _FIELD.findall(line):
            # A job's name may hold anything: what Slurm writes first counts.
            values.setdefault(name, value)
        number = values.get("ArrayJobId") or values.get("JobId", "")
        index = values.get("ArrayTaskId", "")
        if not NUMBER.match(number):
            continue
        key = f"{number}_{index}" if NUMBER.match(index) else number
        jobs[key] = Job(
            key,
            values.get("JobState", ""),
            values.get("Reason", "")[:200],
            values.get("Partition", "")[:100],
            start=moment(values.get("StartTime", "")),
            end=moment(values.get("EndTime", "")),
            node=values.get("NodeList", "")[:100],
            exit=values.get("ExitCode", "")[:20],
        )
    return jobs


async def find(host: Runner, name: str, *, ended: bool = True) -> int | None:
    """Return the number of the job of a name, of an array its own; None if Slurm has none.

    Args:
        host: where Slurm's commands are.
        name: of the job.
        ended: also of one that has ended a few minutes ago.

    Raises:
        FinnTuiError: Slurm does not answer (kind "timeout").
    """
    command = ["squeue", "--noheader", "--all", f"--name={name}", "--format=%F"]
    command += ["--states=all"] if ended else []
    status, out, error = await call(host, *command)
    if status != 0:
        raise _silent(error, status)
    numbers = {word for word in out.decode("ascii", "replace").split() if NUMBER.match(word)}
    return max(int(number) for number in numbers) if numbers else None


async def cancel(host: Runner, keys: Sequence[str]) -> None:
    """End jobs, those that wait and those that run; one that has ended is left.

    Args:
        host: where Slurm's commands are.
        keys: what Slurm calls the jobs.

    Raises:
        FinnTuiError: Slurm refuses, or does not answer.
    """
    status, _, error = await call(host, "scancel", *keys)
    if status == 0 or b"Invalid job id" in error or b"already completing" in error:
        return
    if b"contact" in error:
        raise _silent(error, status)
    raise FinnTuiError(
        "Slurm does not end the job",
        said_by(error) or f"scancel ended with code {status}.",
        f"Ask who may: `squeue --jobs={keys[0]}`; it was submitted as {getpass.getuser()} or by "
        "the user of the host.",
        kind="tools",
    )


async def user_name(host: Runner, number: str) -> str:
    """Return the name of a user of a host, or ``user NUMBER`` where it has none.

    Args:
        host: which.
        number: the user's.
    """
    try:
        status, out, _ = await call(host, "id", "-nu", "--", number)
    except FinnTuiError:
        status, out = 1, b""
    name = one_line(out.decode("utf-8", "replace")).strip()[:64]
    return name if status == 0 and name else f"user {number}"


def _silent(error: bytes, status: int) -> FinnTuiError:
    return FinnTuiError(
        "Slurm does not answer",
        said_by(error) or f"squeue ended with code {status}.",
        "Its jobs go on; they are looked at again when its controller answers (`scontrol ping`).",
        kind="timeout",
    )


def said_by(error: bytes) -> str:
    """Return what a command of Slurm said on stderr, without its own name, in one line."""
    lines = [one_line(line) for line in readable(error).splitlines() if line.strip()]
    texts = [re.sub(r"^s[a-z]+: ((error|fatal): )?|^(error|fatal): ", "", line) for line in lines]
    return " ".join(texts)[:500]


def moment(text: str) -> float | None:
    """Return a time of Slurm's in seconds since the epoch; None for Unknown and its like."""
    return float(text) if NUMBER.match(text) else None
