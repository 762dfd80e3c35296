"""Text about a build: what runs, how long it still takes, timing, and why it failed."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from finn_tui.base.text import clean, size
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
    from finn_tui.runs.live.snapshot import RunSnapshot
    from finn_tui.ui.state import RunView

#: A tool that has said nothing for so long is worth a word.
_QUIET_SECONDS = 60.0
_BARS = "▁▂▃▄▅▆▇█"


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
    if run.state.state != "queued":
        lines += _quiet_line(snapshot, since)
    lines += _curve_lines(snapshot, width)
    if snapshot.findings:
        early = snapshot.findings[0]
        lines += wrap(f"! {clean(early.text)}", width - 3, "warn", " ")[:2]
    return lines[:height]


def seconds_since(moment: float) -> float:
    """Return the seconds since a moment of the monotonic clock."""
    return max(0.0, time.monotonic() - moment)
