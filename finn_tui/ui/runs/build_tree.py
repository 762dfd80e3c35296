"""The tree of a build: its steps, and in each the jobs of the tools and their stages."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.base.text import clean
from finn_tui.core.finn_names import layer_of_partition
from finn_tui.ui.toolkit.listing import Cell, Column, Content, Row
from finn_tui.ui.toolkit.styled_line import (
    brief,
)

if TYPE_CHECKING:
    from finn_tui.runs.live.jobs import Job, Stage
    from finn_tui.runs.live.snapshot import RunSnapshot
    from finn_tui.runs.steps import Step

#: A sign and a colour for each state, so that none is told by colour alone.
SIGNS = {
    "queued": ("◌", "dim"),
    "waiting": ("·", "faint"),
    "running": ("▸", "accent"),
    "succeeded": ("✓", "good"),
    "finished": ("✓", "good"),
    "failed": ("✗", "bad"),
    "cancelled": ("■", "warn"),
    "stopped": ("■", "warn"),
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
            ended = any(job.state == "stopped" for job in of_kind)
            state = "finished" if done == len(of_kind) else "stopped" if ended else "running"
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
