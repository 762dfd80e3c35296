"""What a reader has read of one file so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SEVERITIES = ("ERROR", "CRITICAL WARNING", "WARNING", "INFO")


@dataclass(frozen=True, slots=True)
class Phase:
    """Something a tool did, and how long it took.

    Attributes:
        name: ``place_design``, ``Global Placement``, ``Finished Linking`` without the verb.
        seconds: its own time; None where the log does not tell.
        level: 0 for a command, 1 for its phases, 2 for theirs.
        run: the run whose log is repeated here, None for this file's own.
    """

    name: str
    seconds: float | None
    level: int = 0
    run: str | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """One timing summary while a design is implemented; all in ns.

    Attributes:
        what: Estimated, Intermediate, Post Placement, Post Routing, ...
        command: the command that was running.
        final: whether the router, or physical optimization behind it, said it: what counts.
        step: the step of FINN's builder, where the log tells; line, text: where it stands.
    """

    what: str
    command: str | None
    wns: float | None
    tns: float | None = None
    whs: float | None = None
    ths: float | None = None
    final: bool = False
    step: str | None = None
    line: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A line that points at a cause.

    Attributes:
        cause: id in ``causes``.
        line: its number, from 1, or 0 where lines before it were left out uncounted.
        text: the line; before, after: the log around it.
        session: how many sessions of the tool had begun; run: the run whose log is repeated.
        step: the step of FINN's builder that ran, where the log tells.
    """

    cause: str
    line: int
    text: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    session: int = 0
    run: str | None = None
    step: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What is known of a file.

    Attributes:
        kind: what it is, see ``registry``.
        tool, version: who wrote it.
        lines: how many there are (0 where lines mean nothing).
        sessions: how many sessions of the tool it holds.
        phases: what was done and how long that took.
        wns, tns, whs: the last that was said, in ns.
        timings: all that was said, in order.
        overlaps: nodes with overlaps while routing, line by line.
        unrouted: nets not routed yet; 0 after routing.
        congestion: highest congestion level the router named.
        messages: how many of each severity; ``repeated`` the same for logs of runs that this
            file repeats, by run.
        muted: message ids that the tool stopped to print after so many, so counts are minima.
        evidence: lines that point at causes.
        outcome: succeeded, failed, cancelled, incomplete; None where the file does not tell.
        ended: when it ended, as it says, seconds since the epoch of a clock without time zone.
        data: what else the kind has, see its reader.
        note: what keeps it from being read whole.
        simulated: a stand-in of ours wrote it.
    """

    kind: str
    tool: str | None = None
    version: str | None = None
    lines: int = 0
    sessions: int = 0
    phases: tuple[Phase, ...] = ()
    wns: float | None = None
    tns: float | None = None
    whs: float | None = None
    timings: tuple[Timing, ...] = ()
    overlaps: tuple[int, ...] = ()
    unrouted: int | None = None
    congestion: int | None = None
    messages: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SEVERITIES, 0))
    repeated: dict[str, dict[str, int]] = field(default_factory=dict)
    muted: dict[str, int] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    outcome: str | None = None
    ended: float | None = None
    data: Any = None
    note: str | None = None
    simulated: bool = False

    @property
    def seconds(self) -> float:
        """How long the tool worked in all, in seconds, each second counted once.

        That is the time of the outermost phases that the log tells.
        """
        timed = [phase for phase in self.phases if phase.seconds is not None]
        outermost = min((phase.level for phase in timed), default=0)
        return sum(phase.seconds or 0.0 for phase in timed if phase.level == outermost)
