"""What the end of a job means for its run, which could not say so itself."""

from __future__ import annotations

import contextlib

from finn_tui.base.text import time_span
from finn_tui.engine.protocol import EngineError
from finn_tui.engine.server.runs import runfiles, scheduled
from finn_tui.runs.documents import RunState
from finn_tui.runs.folder import RunFolder
from finn_tui.runs.slurm.commands import Job

#: Reasons of ours for a job in the state UNKNOWN: its accounting gives no answer now, or has
#: no end of it yet.
ACCOUNTING_SILENT = "AccountingSilent"
ACCOUNTING_BEHIND = "AccountingBehind"


def meaning(host: str, job: Job, state: RunState, run: RunFolder) -> tuple[str, EngineError | None]:
    """Return how a run has ended whose job is over, and why.

    Args:
        host: name in hosts.toml.
        job: as Slurm has it now; UNKNOWN for one that nobody knows any more.
        state: of the run, as its runner left it.
        run: its folder.
    """
    where = f"in {state.step}" if state.step else "before its first step"
    node = f" on {job.node}" if job.node else ""
    resume = f"`finn-tui runs resume {run.id}` goes on where its steps got to."
    table = f"the table [{host}.slurm] of hosts.toml"
    name = f"job {job.key} of Slurm on {host}"
    ran = ""
    if job.start is not None and job.end is not None and job.end > job.start:
        ran = f" after {time_span(job.end - job.start)}"
    if scheduled.is_cancelled(str(run.path)):
        return "cancelled", None
    if job.state == "CANCELLED":
        if not job.ended_by:
            return "cancelled", None
        return "cancelled", EngineError(
            f"{job.ended_by} has cancelled the job of the build",
            f"It was {name}{node}{ran}, {where}.",
            f"Ask {job.ended_by} why. {resume}",
            kind="cancelled",
        )
    if job.state in ("TIMEOUT", "DEADLINE"):
        limit = f", with a limit of {time_span(job.limit)}" if job.limit else ""
        return "failed", EngineError(
            "the time limit of the job was reached",
            f"Slurm ended {name}{node}{ran}{limit}, {where}.",
            f"Give it more time (time in {table}). {resume}",
            kind="tools",
        )
    if job.state == "OUT_OF_MEMORY":
        given = f", which was given {job.memory}," if job.memory else ""
        return "failed", EngineError(
            "the build used more memory than its job was given",
            f"Slurm ended {name}{given}{node}{ran}, {where}.",
            f"Give it more memory (memory in {table}). {resume}",
            kind="tools",
        )
    if job.state in ("NODE_FAIL", "BOOT_FAIL"):
        return "lost", EngineError(
            f"the node {job.node or 'of the build'} failed",
            f"It took {name} with it{ran}, {where}.",
            resume,
            kind="lost",
        )
    if job.state in ("PREEMPTED", "REVOKED"):
        return "lost", EngineError(
            "another job took the place of the build",
            f"Slurm preempted {name}{node}{ran}, {where}, and does not start it again by itself.",
            resume,
            kind="lost",
        )
    if job.state == "UNKNOWN":
        known = "is in neither its queue nor its accounting"
        if job.reason == ACCOUNTING_BEHIND:
            known = "is not in its queue, and its accounting has no end of it"
        return "lost", EngineError(
            "Slurm no longer knows the job of the build",
            f"J{name[1:]} {known}; the build was last heard of {where}. How it ended is not known.",
            resume,
            kind="lost",
        )
    tail = ""
    with contextlib.suppress(OSError):
        tail = (run.path / runfiles.LOG).read_bytes()[-2000:].decode("utf-8", "replace").strip()
    return "failed", EngineError(
        "the job ended without a result",
        f"J{name[1:]} is {job.state}{_exit_text(job.exit)}{node}{ran}; the build said nothing, "
        f"{where}.",
        f"Look at its log: `finn-tui logs {run.id}`. The engine's Python and the run folder must "
        f"be there on the nodes of the cluster, too.",
        kind="engine",
        detail=tail,
    )


def _exit_text(exit: str) -> str:
    """What ``1:0`` of Slurm says: a signal is what ended it, a code what it ended with."""
    code, _, signal = exit.partition(":")
    if signal not in ("", "0"):
        return f", ended by signal {signal}"
    return f" with exit code {code}" if code else ""
