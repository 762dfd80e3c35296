"""Why a build failed: the true cause before its consequences, with what it means and what to do."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from finn_tui.engine.server.failures import causes
from finn_tui.runs.analysis.utilization import ResourceUsage
from finn_tui.runs.readers.crash import Crash
from finn_tui.runs.readers.hls import HlsData
from finn_tui.runs.readers.parsed_file import Evidence, ParsedFile
from finn_tui.runs.readers.timing import TimingSummary

#: Where in a build a file belongs: what comes first can be the cause of what comes later.
#: Blocks are named as those that use most if they hold this share of what is needed.
_EXPLAINED = 0.5
_FLOW = {"hls": 1, "synthesis": 3, "implementation": 4, "vivado": 5, "finn": 6}
_TOOLS = frozenset({"hls", "synthesis", "implementation", "vivado"})
#: Evidence that alone makes a build that just stops a failed one.
FATAL = frozenset({"out-of-memory", "disk-full", "crash", "debugger-prompt"})


@dataclass(frozen=True)
class Source:
    """A file that was read: its path as it is shown, and what it says."""

    path: str
    reading: ParsedFile


@dataclass(frozen=True)
class Diagnosis:
    """One cause.

    Attributes:
        id: in ``causes``, or ``lost``, ``cancelled`` for runs of ours.
        title: what happened, in a few words; text: the same with its figures.
        means, advice: what that means, what to do.
        file, line: where it stands; before, quote, after: the log there.
        details: figures, as ``{"resource": "BRAM", "need": 613, "have": 280}``.
    """

    id: str
    title: str
    text: str
    means: str = ""
    advice: str = ""
    file: str | None = None
    line: int | None = None
    quote: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


def diagnose(sources: Iterable[Source], usage: ResourceUsage | None = None) -> list[Diagnosis]:
    """What the files of a failed build point at, the likeliest cause first, each cause once.

    Args:
        sources: files that count: no copies, nothing that a later success has made good.
        usage: what the blocks of the design use, to name those that use most.
    """
    best: dict[str, tuple[tuple[float, ...], Source, Evidence]] = {}
    sources = list(sources)
    # FINN repeats what the tools said before it; the tools' own logs are where it stands.
    tool_texts = {e.text for s in sources if s.reading.kind in _TOOLS for e in s.reading.evidence}
    for source in sources:
        repeats = source.reading.kind not in _TOOLS
        last = max((e.session for e in source.reading.evidence), default=0)
        flow = _FLOW.get(source.reading.kind, 7)
        for evidence in source.reading.evidence:
            # Earlier sessions in the same file were followed by another try.
            if evidence.session < last or not _holds(evidence, source):
                continue
            if repeats and evidence.text in tool_texts:
                continue
            rank, worst = causes.precedence(evidence.cause, evidence.text)
            # An error tells more than the warnings before it.
            line = evidence.line or sys.maxsize
            place = (rank, flow, worst, not evidence.text.startswith("ERROR"), line)
            if evidence.cause not in best or place < best[evidence.cause][0]:
                best[evidence.cause] = (place, source, evidence)
    ordered = sorted(best.values(), key=lambda item: item[0])
    return [_explain(source, evidence, usage) for _, source, evidence in ordered]


def _holds(evidence: Evidence, source: Source) -> bool:
    """Whether a line still means what it said: slack may have been won back later."""
    if evidence.cause != "timing-missed":
        return True
    reading = source.reading
    if not _has_clock(source, evidence.step):
        return False
    return reading.wns is None or reading.wns < 0


def _has_clock(source: Source, step: str | None) -> bool:
    """Whether a clock has to be met where something stands.

    FINN asks out-of-context synthesis for the fastest clock, not for one to be met.
    """
    if source.reading.kind == "finn":
        return step is not None and "bitfile" in step
    return "synth_out_of_context" not in source.path


def timing_missed(source: Source) -> Source | None:
    """What a file tells of a design that does not meet its clock, and nothing else it tells.

    The tools go on as if all were well, so other warnings in such a file mean nothing.
    """
    reading = source.reading
    missed = tuple(e for e in reading.evidence if e.cause == "timing-missed" and _holds(e, source))
    final = [point for point in reading.timings if point.final and _has_clock(source, point.step)]
    if final and final[-1].wns is not None and final[-1].wns < 0:
        # The slack of this step, whatever others in the same log say.
        wns, tns = final[-1].wns, final[-1].tns
        last = final[-1]
        missed = missed or (Evidence("timing-missed", last.line, last.text, step=last.step),)
        reading = replace(reading, wns=wns, tns=tns)
    elif final:
        return None
    return Source(source.path, replace(reading, evidence=missed)) if missed else None


def _explain(source: Source, evidence: Evidence, usage: ResourceUsage | None) -> Diagnosis:
    cause = causes.BY_ID[evidence.cause]
    reading = source.reading
    text = f"{cause.title}: {evidence.text.strip()}"
    advice = cause.advice
    details: dict[str, Any] = {}
    if cause.id == "over-utilization":
        short = causes.shortage(evidence.text)
        text, details = _over(short, usage)
        advice = short.advice(usage.device if usage else None)
    elif cause.id == "timing-missed":
        text, details = _timing(reading)
    elif cause.id == "hls-failed" and isinstance(reading.data, HlsData) and reading.data.top:
        details = {"layer": reading.data.top}
        text = f"HLS could not synthesize {reading.data.top}: {evidence.text.strip()}"
    elif cause.id == "crash" and isinstance(reading.data, Crash):
        crash = reading.data
        text = f"{cause.title}: {crash.fault or 'a fault'} in {crash.where or 'an unknown place'}"
    elif cause.id == "debugger-prompt":
        exception_line = next(
            (line for line in reversed(evidence.before) if _is_exception(line)), ""
        )
        text = f"{cause.title} since {exception_line}" if exception_line else cause.title
        raised = causes.named_by(exception_line) if exception_line else None
        if raised is not None and raised != "exception":
            advice = f"{causes.BY_ID[raised].advice} {advice}"
    return Diagnosis(
        cause.id,
        cause.title,
        text,
        cause.means,
        advice,
        source.path,
        evidence.line or None,
        evidence.text,
        evidence.before,
        evidence.after,
        details,
    )


def _is_exception(line: str) -> bool:
    return re.match(r"(?:\*\*\* )?[A-Za-z_][\w.]*(?:Error|Exception)\b", line) is not None


def _over(short: causes.Shortage, usage: ResourceUsage | None) -> tuple[str, dict[str, Any]]:
    details: dict[str, Any] = {"resource": short.resource, "cells": short.cells}
    text = short.text
    if short.need is not None:
        details |= {"need": short.need, "have": short.have}
    if short.region is not None:
        details["region"] = short.region
    if usage is not None:
        key = {"BRAM": "BRAM_18K"}.get(short.resource, short.resource)
        users, estimated = usage.most(key)
        # Blocks that explain a tenth of what is needed say nothing.
        if short.need and sum(amount for _, amount in users) < _EXPLAINED * _in_units(short):
            users = []
        if users:
            details["users"] = [{"name": user, key: amount} for user, amount in users]
            most = ", ".join(f"{user} {amount:g}" for user, amount in users[:4])
            unit = "RAMB18" if short.resource == "BRAM" else short.resource
            text += f"; most is used by {most} ({unit}{', by estimate' if estimated else ''})"
    return text, details


def _in_units(short: causes.Shortage) -> float:
    """What is needed as the reports count it: RAMB36 as two RAMB18."""
    whole = short.resource == "BRAM" and "RAMB18" not in short.cells
    return (short.need or 0) * (2.0 if whole else 1.0)


def _timing(reading: ParsedFile) -> tuple[str, dict[str, Any]]:
    details: dict[str, Any] = {"wns": reading.wns, "tns": reading.tns}
    if reading.wns is None:
        return "the clock is missed", details
    text = f"clock missed by {-reading.wns:.3f} ns (WNS {reading.wns:.3f} ns)"
    period = reading.data.period if isinstance(reading.data, TimingSummary) else None
    if period is not None and period - reading.wns > 0:
        needed = period - reading.wns
        details |= {"period_ns": period, "fmax_mhz": round(1000 / needed, 1)}
        text += f" with a period of {period:g} ns; it would meet {1000 / needed:.1f} MHz"
        if isinstance(reading.data, TimingSummary) and reading.data.worst_clock:
            details["clock"] = reading.data.worst_clock
    return text, details
