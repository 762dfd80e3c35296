"""Text of the Board screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from finn_tui.ui.state import BOARD_JOBS, BoardState, JobState
from finn_tui.ui.toolkit.styled_line import (
    StyledLine,
    bar,
    duration,
    rate,
    shorten,
    whole,
)

_SIGNS = {
    "waiting": ("·", "faint"),
    "running": ("▸", "accent"),
    "done": ("✓", "good"),
    "failed": ("✗", "bad"),
    "stopped": ("■", "warn"),
    "missing": ("!", "warn"),
}


#: Lines of all jobs with all results.
JOB_LINES = 10

# Lines


def job_lines(board: BoardState, width: int, height: int) -> list[StyledLine]:
    """Return a line for each job with its progress and results; in a low window on one line.

    Args:
        width: columns.
        height: lines that there are.
    """
    lines: list[StyledLine] = []
    for name in BOARD_JOBS:
        job = board.jobs.get(name)
        measured = _measured_lines(board, name)
        if height < JOB_LINES and measured and (job is None or job.status != "running"):
            lines.append(_short_job_line(name, job, measured[0], width))
            continue
        lines.append(_job_line(name, job, width, measured=bool(measured)))
        lines += [
            StyledLine().add("   ").add(shorten(text, width - 4), role) for text, role in measured
        ]
    return lines


def _short_job_line(
    name: str, job: JobState | None, result: tuple[str, str], width: int
) -> StyledLine:
    mark, role = _SIGNS[job.status if job is not None else "done"]
    line = StyledLine().add(f" {mark} ", role).cell(name, 11)
    text, role = result
    return line.add(shorten(text, width - line.width), role)


def _job_line(name: str, job: JobState | None, width: int, measured: bool) -> StyledLine:
    mark, role = _SIGNS[job.status if job is not None else "done" if measured else "waiting"]
    line = StyledLine().add(f" {mark} ", role)
    line.cell(name, 11, "strong" if job is not None and job.status == "running" else "")
    if job is None:
        return line.add("measured earlier" if measured else "", "dim")
    if job.status == "running":
        room = width - line.width - 1
        if job.fraction is not None and room > 30:
            filled = bar(job.fraction, 12).rstrip()
            line.add(filled, "bar").add("░" * (12 - len(filled)), "faint").add(" ")
            room -= 13
        return line.add(shorten(job.message, room), "dim")
    if job.status in ("done", "failed", "stopped"):
        return line.add(f"{job.status} after {duration(job.seconds)}", "dim")
    return line.add("not possible" if job.status == "missing" else "", "warn")


def _measured_lines(board: BoardState, name: str) -> list[tuple[str, str]]:
    """Return the results of a job from results.json, as texts with roles."""
    results = board.results
    if name == "execute" and (result := results.get("execute")):
        return [_executed(result)]
    if name == "throughput" and (result := results.get("throughput")):
        return _throughput(result)
    if name == "validate":
        job = board.jobs.get(name)
        if board.accuracy is not None and job is not None and job.status == "running":
            percent, done, total = board.accuracy
            return [(f"{percent:.2f} % so far, {done:,} of {total:,} images", "strong")]
        return _validation(results.get("accuracy") or {}, results.get("comparison") or {})
    return []


def _mark(result: Mapping[str, Any]) -> str:
    return " SIMULATED" if result.get("simulated") else ""


def _role(result: Mapping[str, Any]) -> str:
    return "sim" if result.get("simulated") else "strong"


def _executed(result: Mapping[str, Any]) -> tuple[str, str]:
    from finn_tui.board.results import executed_text

    text = executed_text(result)
    expected = result.get("expected")
    if expected is not None:
        text += " ✓" if expected == result["class"] else " ✗"
    return text + _mark(result), "bad" if result.get("differs") else _role(result)


def _throughput(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    lines = [(f"{rate(result['images_per_s'])} images/s{_mark(result)}", _role(result))]
    estimate = result.get("estimate_images_per_s")
    if estimate:
        share = result["images_per_s"] / estimate
        lines.append((f"{share:.1%} of the estimate, {rate(estimate)}", "dim"))
    lines.append((f"batch {whole(result['batch'])} at {result['clock_mhz']:g} MHz", "dim"))
    return lines


def _accuracy(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    lines = [
        (f"{result['percent']:.2f} % of {result['images']:,} images{_mark(result)}", _role(result))
    ]
    same = result.get("software_same")
    if same is not None:
        text = f"{same:,} of {result['images']:,} same as software"
        lines.append((text, "good" if same == result["images"] else "warn"))
    return lines


def _validation(accuracy: Mapping[str, Any], compared: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Accuracy, and the board beside the software; a difference comes first and is never cut."""
    lines = _accuracy(accuracy) if accuracy else []
    if not compared:
        return lines
    verdict = _comparison(compared)
    if compared.get("differs"):
        return [verdict, *lines]
    if not lines:
        return [(f"not validated{_mark(compared)}", "dim"), verdict]
    # Of a whole test set that the software knows, the accuracy says it.
    return lines if accuracy.get("software_same") is not None else [*lines, verdict]


def _comparison(result: Mapping[str, Any]) -> tuple[str, str]:
    from finn_tui.board.comparison import counts

    # The numbers first: in a narrow window the end is cut off.
    if result.get("differs"):
        return counts(result).replace(" differ,", " DIFFER,") + ", board against software", "bad"
    return f"as software: {counts(result)} ({result['samples']} samples)", "good"
