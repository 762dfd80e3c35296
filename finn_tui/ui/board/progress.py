"""What a job's progress and its end do to the state of the Board screen."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from finn_tui.base.text import printable
from finn_tui.board.catalogue import marks
from finn_tui.ui.state import BOARD_JOBS, BoardState, JobState

if TYPE_CHECKING:
    from finn_tui.base.errors import FinnTuiError
    from finn_tui.base.progress import Progress


def apply_progress(board: BoardState, progress: Progress) -> None:
    """Update the state by a job's progress.

    Args:
        board: the state.
        progress: of the job.
    """
    if not board.busy:
        # A last word of work that was stopped a moment ago.
        return
    message = printable(progress.message)
    if progress.data.get("log"):
        board.log.add([message])
        return
    job = board.jobs.get(progress.stage)
    if job is None:
        board.log.add([message])
        return
    for name in BOARD_JOBS[: BOARD_JOBS.index(progress.stage)]:
        earlier = board.jobs.get(name)
        if earlier is not None and earlier.status == "running":
            earlier.end("done")
    if job.status != "running":
        job.start()
    if message != job.message:
        board.log.add([f"{progress.stage}: {message}"])
    data = progress.data
    if "simulated" in data:
        board.marks = marks(data)
    job.message = message.removeprefix(f"{board.marks}: ")
    job.fraction = progress.fraction
    if progress.stage == "validate" and "accuracy" in data and data.get("total"):
        board.accuracy = (float(data["accuracy"]), int(data["done"]), int(data["total"]))
        if "low" in data and "high" in data:
            board.interval = (float(data["low"]), float(data["high"]))
        job.seconds_left = _seconds_left(job, data)


def _seconds_left(job: JobState, data: Mapping[str, Any]) -> float | None:
    """What is left of a validation; by the pace so far where the job does not say it."""
    if "eta_s" in data:
        return float(data["eta_s"])
    done, total = int(data["done"]), int(data["total"])
    if not 0 < done < total:
        return None
    return (time.monotonic() - job.began) / done * (total - done)


def end_finished(board: BoardState, missing: Sequence[FinnTuiError]) -> None:
    """Record that the job has ended; parts that did not start were not possible.

    Args:
        board: the state.
        missing: why parts were not possible.
    """
    for job in board.jobs.values():
        if job.status == "running":
            job.end("done")
        elif job.status == "waiting":
            job.status = "missing"
    for error in missing:
        board.log.add([f"{error.what}: {error.why}"])
    board.busy, board.results_of = "", ("", 0.0)


def end_failed(board: BoardState, error: FinnTuiError) -> None:
    """Record that the job failed.

    Args:
        board: the state.
        error: why.
    """
    for job in board.jobs.values():
        if job.status == "running":
            job.end("failed")
    board.log.add([f"ERROR: {error.what}", error.why, error.fix])
    board.busy, board.error, board.results_of = "", error, ("", 0.0)


def end_stopped(board: BoardState) -> None:
    """Record that the user stopped the job."""
    for job in board.jobs.values():
        if job.status == "running":
            job.end("stopped")
    if board.busy:
        board.log.add([f"{board.busy} stopped"])
    board.busy, board.results_of = "", ("", 0.0)


def unknown_key(error: FinnTuiError) -> str:
    """Return the fingerprint if the board's host key is unknown; else an empty text."""
    from finn_tui.hosts.ssh.errors import HostKeyUnknown

    return error.fingerprint if isinstance(error, HostKeyUnknown) else ""


def encrypted_key(error: FinnTuiError) -> str:
    """Return the file of the key whose passphrase is asked for; else an empty text."""
    from finn_tui.hosts.ssh.openssh_files import KeyEncrypted

    return str(error.key) if isinstance(error, KeyEncrypted) else ""


def asks_sudo(error: FinnTuiError) -> bool:
    """Return whether sudo on the board asks for a password."""
    from finn_tui.board.agent_session import SudoRefused

    return isinstance(error, SudoRefused)


def asks_password(error: FinnTuiError) -> bool:
    """Return whether the board refused a login without a password."""
    from finn_tui.hosts.transport import LoginRefused

    return isinstance(error, LoginRefused)
