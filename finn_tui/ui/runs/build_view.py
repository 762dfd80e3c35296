"""Text about a build: its steps and jobs, processes, timing, and why it failed."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.base.text import clean, size
from finn_tui.core.finn_names import layer_of_partition
from finn_tui.ui.toolkit.listing import Cell, Column, Content, Row
from finn_tui.ui.toolkit.styled_line import (
    StyledLine,
    brief,
    cells,
    duration,
    fit,
    printable,
    shorten,
    whole,
    wrap,
)

if TYPE_CHECKING:
    from finn_tui.runs.analysis.diagnosis import Diagnosis
    from finn_tui.runs.eta import Eta
    from finn_tui.runs.live.jobs import Job, Stage
    from finn_tui.runs.live.snapshot import RunSnapshot
    from finn_tui.runs.steps import Step
    from finn_tui.ui.state import RunView

#: A sign and a colour for each state, so that none is told by colour alone.
SIGNS = {
    "queued": ("◌", "dim"),
    "waiting": ("·", "faint"),
    "running": ("▸", "accent"),
    "succeeded": ("✓", "good"),
    "finished": ("✓", "good"),
    "failed": ("✗", "bad"),
    "cancelled": ("■", "warn"),
    "lost": ("?", "bad"),
}
_KINDS = {
    "hls": "HLS",
    "stitch": "stitching",
    "project": "Vivado project",
    "synthesis": "synthesis",
    "implementation": "implementation",
}
#: More jobs of one kind than this are counted; only those that matter now have a row each.
_FEW = 8
#: A tool that has said nothing for so long is worth a word.
_QUIET_SECONDS = 60.0
_BARS = "▁▂▃▄▅▆▇█"


def state_sign(state: str) -> Cell:
    """Return the sign and role of a state."""
    return SIGNS.get(state, ("?", "bad"))


def step_name(step: str) -> str:
    """Return a step's name without its common prefix."""
    return step.removeprefix("step_")


def present_step(steps: Sequence[Step]) -> str | None:
    """Return the step to look at: the running one, else the failed one, else the last."""
    for status in ("running", "failed", "cancelled", "lost"):
        for step in steps:
            if step.status == status:
                return step.name
    done = [step.name for step in steps if step.status == "finished"]
    return done[-1] if done else None


def jobs_by_step(snapshot: RunSnapshot, ended: float | None = None) -> dict[str, list[Job]]:
    """Return the tools' jobs by the step that they started in.

    Steps follow one another: from their times, and from when the last one ended (``ended``, now
    for a build that runs), follows when each began.
    """
    spans: list[tuple[str, float]] = []
    end = snapshot.at if ended is None else ended
    for step in reversed(snapshot.steps):
        if step.status == "waiting" or step.seconds is None:
            continue
        end -= step.seconds
        spans.append((step.name, end))
    jobs: dict[str, list[Job]] = {}
    current = present_step(snapshot.steps)
    for job in snapshot.jobs:
        # Folders are made a moment before the tool starts, and clocks are rounded.
        name = next((n for n, began in spans if job.began and job.began >= began - 1.5), None)
        name = name if name is not None else (spans[-1][0] if spans and job.began else current)
        if name is not None:
            jobs.setdefault(name, []).append(job)
    return jobs


@dataclass(frozen=True)
class BuildTree:
    """Rows of the tree, and the log of each row that has one."""

    content: Content
    logs: dict[Hashable, Path]


def step_tree(
    snapshot: RunSnapshot | None,
    unfolded: set[str],
    since: float,
    ended: float | None,
    usual: Mapping[str, float] | None = None,
) -> BuildTree:
    """Return the steps, with the tools' jobs below those that are unfolded or running.

    Args:
        since: seconds since the snapshot was taken, that running times go on.
        ended: when the run ended (seconds since the epoch), None while it runs.
        usual: seconds that steps usually take: shown for those that are still to come, all of
            which they are until the builder has named its own.
    """
    usual = usual or {}
    columns = [Column("", 1), Column("step"), Column("time", 6, True)]
    if snapshot is None:
        return BuildTree(Content(columns, [], "reading the run ..."), {})
    rows: list[Row] = []
    logs: dict[Hashable, Path] = {}
    jobs = jobs_by_step(snapshot, ended)
    current = present_step(snapshot.steps)
    for step in snapshot.steps:
        mark, role = state_sign(step.status)
        below = jobs.get(step.name, [])
        unfold = bool(below) and (step.name in unfolded) != (step.name == current)
        seconds = step.seconds
        if step.status == "running" and seconds is not None:
            seconds += since
        name = step_name(step.name) + ("" if unfold or not below else f" +{len(below)}")
        time_text = "" if seconds is None else brief(seconds)
        if step.status == "waiting" and ended is None:
            time_text = _usual_time(usual.get(step.name))
        cells_: list[Cell] = [
            (mark, role),
            (name, "faint" if step.status == "waiting" else ""),
            (time_text, "faint" if step.status == "waiting" else "dim"),
        ]
        rows.append(Row(step.name, cells_))
        if unfold:
            rows += _job_rows(below, since, logs)
    if not snapshot.steps and ended is None:
        mark, role = state_sign("waiting")
        rows = [
            Row(
                name,
                [(mark, role), (step_name(name), "faint"), (_usual_time(seconds), "faint")],
            )
            for name, seconds in usual.items()
        ]
    return BuildTree(
        Content(columns, rows, "the steps are named once the builder has started"),
        logs,
    )


def _usual_time(seconds: float | None) -> str:
    """What a step usually takes: "~36m"; empty where that is next to nothing or unknown."""
    return f"~{brief(seconds)}" if seconds is not None and seconds >= 1 else ""


def newest_row(build_tree: BuildTree, snapshot: RunSnapshot) -> Hashable:
    """Return the row to look at: the deepest running or failed one of the present step.

    Args:
        build_tree: the rows.
        snapshot: of the run.

    Returns:
        The row's key; None if there is none.
    """
    current = present_step(snapshot.steps)
    keys = [row.key for row in build_tree.content.rows]
    if current not in keys:
        return None
    at = keys.index(current)
    best = at
    for index in range(at + 1, len(keys)):
        row = build_tree.content.rows[index]
        if isinstance(row.key, str):
            break
        # The row below what runs says where in it the tool is.
        if row.cells[0][0] in ("▸", "✗") or (best == index - 1 and not row.cells[0][0]):
            best = index
    return keys[best]


def _job_rows(jobs: Sequence[Job], since: float, logs: dict[Hashable, Path]) -> list[Row]:
    rows: list[Row] = []
    for kind, title in _KINDS.items():
        of_kind = [job for job in jobs if job.kind == kind]
        counted = len(of_kind) > _FEW
        if counted:
            done = sum(job.state == "finished" for job in of_kind)
            state = "finished" if done == len(of_kind) else "running"
            mark, role = state_sign(state)
            text = f"  {title} {done} of {len(of_kind)}"
            rows.append(Row(("kind", kind), [(mark, role), (text, ""), ("", "")]))
        for job in of_kind:
            if counted and job.state in ("finished", "queued"):
                continue
            rows += _job(job, since, logs, deeper=counted)
    return rows


def _job(job: Job, since: float, logs: dict[Hashable, Path], *, deeper: bool) -> list[Row]:
    key: Hashable = ("job", job.kind, job.name, str(job.log))
    if job.log is not None:
        logs[key] = job.log
    indent = "    " if deeper else "  "
    mark, role = state_sign(job.state)
    seconds = job.seconds
    if job.state == "running" and seconds is not None:
        seconds += since
    name = indent + _job_name(job)
    time_text = brief(seconds) if seconds is not None else ""
    rows = [
        Row(
            key,
            [(mark, role), (name, "" if job.state != "queued" else "faint"), (time_text, "dim")],
        )
    ]
    stages = [stage for stage in job.stages if stage.state != "waiting"]
    for stage in stages if job.state != "queued" else ():
        rows.append(_stage(job, stage, key, indent, since, logs))
    if job.state == "running" and job.now and job.silent is not None:
        text = f"{indent}  {clean(job.now[-1])}"
        rows.append(Row((key, "now"), [("", ""), (text, "accent"), ("", "")]))
        if job.log is not None:
            logs[(key, "now")] = job.log
    return rows


def _stage(
    job: Job, stage: Stage, key: Hashable, indent: str, since: float, logs: dict[Hashable, Path]
) -> Row:
    mark, role = state_sign(stage.state)
    seconds = stage.seconds
    if stage.state == "running" and seconds is not None:
        seconds += since
    stage_key = (key, stage.name)
    if job.log is not None:
        logs[stage_key] = job.log
    time_text = brief(seconds) if seconds is not None else ""
    return Row(stage_key, [(mark, role), (f"{indent}  {stage.name}", ""), (time_text, "dim")])


def _job_name(job: Job) -> str:
    name = layer_of_partition(job.name)
    if job.kind == "stitch":
        return f"stitching {name}".strip()
    return name if job.kind != "project" else "Zynq project"


def spark(values: Sequence[float], width: int, *, log: bool = False) -> str:
    """Return a curve of the values, the newest last, scaled to lowest and highest.

    Args:
        values: in order of time.
        width: most columns.
        log: logarithmic scale.
    """
    shown = [math.log10(1 + max(0.0, value)) if log else value for value in values]
    if len(shown) > width > 0:
        # The lowest of each stretch: what was bad for a moment is not lost.
        step = len(shown) / width
        pick = max if log else min
        shown = [
            pick(shown[int(i * step) : max(int(i * step) + 1, int((i + 1) * step))])
            for i in range(width)
        ]
    low, high = min(shown, default=0.0), max(shown, default=0.0)
    if high - low < 1e-9:
        return _BARS[3] * len(shown)
    return "".join(_BARS[round((value - low) / (high - low) * 7)] for value in shown)


def eta_text(eta: Eta) -> str:
    """Return the remaining time as text: the estimate and its range."""
    if eta.high < 5:
        return "a few seconds left"
    return (
        f"{duration(round(eta.seconds))} left ({brief(round(eta.low))} to {brief(round(eta.high))})"
    )


def _eta_lines(eta: Eta | None, width: int) -> list[StyledLine]:
    if eta is None:
        return []
    lines = [StyledLine().add(f" about {eta_text(eta)}", "strong")]
    source = StyledLine().add(f"  {eta.source}", "dim")
    if lines[0].width + source.width <= width:
        lines[0].append(source)
    else:
        lines.append(StyledLine().add(shorten(f" {eta.source}", width - 1), "dim"))
    if eta.note:
        lines += wrap(eta.note, width - 2, "warn", " ")[:2]
    return lines


def _process_line(snapshot: RunSnapshot) -> list[StyledLine]:
    line = StyledLine()
    for process in snapshot.processes[:3]:
        line.add("   " if line.width else " ")
        line.add(process.name, "strong")
        if process.cpu is not None:
            line.add(f" {process.cpu:.0%}")
        line.add(f" {size(process.memory)}", "dim")
        if process.folder is not None and process.folder.parent.name.endswith(".runs"):
            line.add(f" in {process.folder.name}", "dim")
    others = len(snapshot.processes) - 3
    if others > 0:
        line.add(f"   +{others}", "dim")
    return [line] if line.width else []


def _quiet_line(snapshot: RunSnapshot, since: float) -> list[StyledLine]:
    if snapshot.waiting:
        return [
            StyledLine().add(" ! the builder is stuck at a debugger prompt; x cancels it", "bad")
        ]
    if snapshot.stalled:
        job = snapshot.stalled[0]
        return [
            StyledLine().add(f" ! {job.name}: no output for {duration(job.silent or 0)}", "bad")
        ]
    if snapshot.silent is None or snapshot.log is None:
        return []
    silent = snapshot.silent + since
    role = "warn" if silent > _QUIET_SECONDS else "dim"
    name = snapshot.log.name
    folder = snapshot.log.parent.name
    name = f"{folder}/{name}" if name in ("runme.log", "vivado.log") else name
    return [StyledLine().add(f" no output for {duration(silent)}", role).add(f"  {name}", "dim")]


def _curve_lines(snapshot: RunSnapshot, width: int) -> list[StyledLine]:
    lines = []
    slack = [timing.wns for timing in snapshot.timings if timing.wns is not None]
    room = max(8, min(40, width - 36))
    if slack:
        role = "bad" if slack[-1] < 0 else "good"
        line = StyledLine().add(" WNS ", "dim").add(spark(slack, room), "bar")
        line.add(f" {slack[-1]:.3f} ns", role)
        lines.append(line.add(f"  lowest {min(slack):.3f}", "dim"))
    if snapshot.overlaps:
        line = (
            StyledLine()
            .add(" overlaps ", "dim")
            .add(spark(snapshot.overlaps, room - 5, log=True), "bar")
        )
        line.add(f" {whole(snapshot.overlaps[-1])}")
        if snapshot.congestion:
            line.add(f"  congestion level {snapshot.congestion}", "warn")
        lines.append(line)
    return lines


def cause_lines(cause: Diagnosis, base: Path, width: int, height: int) -> list[StyledLine]:
    """Return why a build failed: what, where, the quoted line, its meaning, what to do.

    Args:
        cause: of the failure.
        base: folder that paths are shown relative to.
        width: columns.
        height: most lines.
    """
    room = max(10, width - 3)
    title = wrap(f"✗ {clean(cause.text)}", room, "bad", " ")
    where: list[StyledLine] = []
    if cause.file is not None:
        name = cause.file.removeprefix(f"{base}/")
        at = f"{name}, line {cause.line}" if cause.line else name
        at = at if cells(at) <= room else "…" + at[-(room - 1) :]
        where.append(StyledLine().add(f" {at}", "dim"))
    if cause.quote and cause.quote.strip() not in cause.text:
        where.append(
            StyledLine().add(" > " + fit(printable(clean(cause.quote.strip())), room - 2).rstrip())
        )
    means = wrap(cause.means, room, "", " ") if cause.means else []
    advice = wrap(cause.advice, room, "accent", " ") if cause.advice else []
    # Where there is little room, what to do matters more than what it means.
    for parts in (
        (title, where, means, advice),
        (title[:3], where, means[:2], advice),
        (title[:2], where, advice),
        (title[:2], where[:1], advice),
    ):
        lines = [line for part in parts for line in part]
        if len(lines) <= height:
            return lines
    return [*title[:2], *where[:1], *advice][:height]


def error_lines(run: RunView, width: int, height: int) -> list[StyledLine]:
    """Return the runner's error.

    Args:
        run: the ended run.
        width: columns.
        height: most lines.
    """
    error = run.state.error
    if error is None:
        return []
    room = max(10, width - 3)
    lines = wrap(f"✗ {error.what}", room, "bad", " ") + wrap(error.why, room, "", " ")
    return [*lines[: max(1, height - 2)], *wrap(error.fix, room, "accent", " ")][:height]


def live_lines(
    run: RunView,
    snapshot: RunSnapshot | None,
    eta: Eta | None,
    cause: Diagnosis | None,
    since: float,
    width: int,
    height: int,
) -> list[StyledLine]:
    """What the chosen run is at, or why it ended; at most ``height`` lines."""
    if run.state.final:
        if cause is not None:
            return cause_lines(cause, run.folder.path, width, height)
        if run.state.error is not None:
            return error_lines(run, width, height)
        if snapshot is None:
            return []
        lines = _curve_lines(snapshot, width)
        counts = snapshot.messages
        worst = [(name, counts[name]) for name in ("CRITICAL WARNING", "WARNING") if counts[name]]
        if worst:
            counts_text = ", ".join(f"{whole(count)} {name.lower()}s" for name, count in worst)
            least = "at least " if snapshot.partial else ""
            lines.append(StyledLine().add(f" {least}{counts_text} in the logs", "dim"))
        return lines[:height]
    if snapshot is None:
        return []
    lines = _eta_lines(eta, width)
    lines += _process_line(snapshot)
    lines += _quiet_line(snapshot, since)
    lines += _curve_lines(snapshot, width)
    if snapshot.findings:
        early = snapshot.findings[0]
        lines += wrap(f"! {clean(early.text)}", width - 3, "warn", " ")[:2]
    return lines[:height]


def seconds_since(moment: float) -> float:
    """Return the seconds since a moment of the monotonic clock."""
    return max(0.0, time.monotonic() - moment)
