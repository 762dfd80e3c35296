"""FINN's log, and any text: builds and their steps, in upstream's and finn-plus's forms.

Also what FINN prints (``runner.log``, a saved terminal, ``nohup.out``, ``slurm-*.out``), which has
no times and may have anything before FINN's first line. Text without a build of FINN is told by
what stands in it: a session of Vivado, or errors alone. Several builds can
stand in one file: upstream appends, and keeps the first file for all builds of one process. The
output of out-of-context synthesis is repeated within, in one piece when it has ended.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from finn_tui.engine.server.failures import causes
from finn_tui.runs.readers import lines, vivado_scanner
from finn_tui.runs.readers.lines import LogReader
from finn_tui.runs.readers.parsed_file import ParsedFile, Phase
from finn_tui.runs.readers.vivado_data import VivadoData
from finn_tui.runs.readers.vivado_scanner import VivadoScanner

MAX_BUILDS, MAX_STEPS = 200, 500

_PREFIX = re.compile(
    r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:[,.](\d{1,6}))?\]"
    # finn-plus has the level at once; after a space it belongs to the tool that is repeated.
    # Its verbose form has the place in FINN's code, too.
    r"(?:(DEBUG|INFO|WARNING|ERROR|CRITICAL):(?: ?\S+\.py:\d+: ?)?)? ?"
)
_STEP = re.compile(r"Running step: (\S+) \[(\d{1,6})/(\d{1,6})\]$")
_OUTPUT = re.compile(r"Final outputs will be (?:generated|written) (?:in|to) (.+)$")
_WORKING = re.compile(r"Intermediate outputs will be (?:generated|written) (?:in|to) (.+)$")
_SUBJECT = re.compile(
    r"Building dataflow accelerator from (?:intermediate checkpoint ?)?(?:build )?(.+)$"
)
#: Lines without any of these tell nothing about builds.
_MARKS = (
    "Running step: ",
    "Building dataflow accelerator from ",
    "utputs will be ",
    "Completed successfully",
    "Build failed",
    "FINN ERROR",
    "FINN INTERNAL",
    "(Pdb)",
)
_LEVELS = {
    "ERROR": "ERROR",
    "CRITICAL": "CRITICAL WARNING",
    "WARNING": "WARNING",
    "INFO": "INFO",
    "DEBUG": "INFO",
}
#: What ends a build although FINN has no word left to say it.
_ENDS = frozenset(
    {"out-of-memory", "disk-full", "time-limit", "cancelled", "crash", "docker", "debugger-prompt"}
)


@dataclass(frozen=True, slots=True)
class FinnStep:
    """A step: its name, place, when it began (seconds since the epoch by a clock without time
    zone, None if not told) and how long it took (None while it runs or if not told)."""

    name: str
    index: int
    count: int
    began: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class FinnBuild:
    """One build in a log.

    Attributes:
        model: what was built; output, working: its folders, where the log tells.
        steps: those that began.
        outcome: succeeded, failed, cancelled or incomplete.
        waiting: at a debugger prompt.
    """

    model: str | None = None
    output: str | None = None
    working: str | None = None
    steps: tuple[FinnStep, ...] = ()
    outcome: str = "incomplete"
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class FinnData:
    """The builds of a log, oldest first, and what the Vivado output within tells."""

    builds: tuple[FinnBuild, ...] = ()
    vivado: VivadoData | None = None


class _Build:
    def __init__(self) -> None:
        self.model: str | None = None
        self.output: str | None = None
        self.working: str | None = None
        self.steps: list[FinnStep] = []
        self.outcome: str | None = None
        self.waiting = False
        self.gap = False
        #: Where its last step began; whether a traceback alone ended it, which may be caught.
        self.line = 0
        self.raised = False

    def begin(self, name: str, index: int, count: int, at: float | None) -> None:
        # Behind lines that were left out, more steps than one may have ended.
        if not (self.gap and self.steps and index != self.steps[-1].index + 1):
            self._close(at)
        self.gap = False
        if len(self.steps) < MAX_STEPS:
            self.steps.append(FinnStep(name, index, count, at))

    def _close(self, at: float | None) -> None:
        if self.steps and at is not None and self.steps[-1].began is not None:
            last = self.steps[-1]
            if last.seconds is None and last.began is not None:
                seconds = round(max(0.0, at - last.began), 3)
                self.steps[-1] = FinnStep(last.name, last.index, last.count, last.began, seconds)

    def frozen(self) -> FinnBuild:
        outcome = self.outcome
        if outcome is None:
            outcome = "incomplete"
        return FinnBuild(
            self.model, self.output, self.working, tuple(self.steps), outcome, self.waiting
        )


class FinnReader(LogReader):
    """Reads one log of FINN's builder."""

    can_skip = True
    marks = (*lines.MARKS, *vivado_scanner.MARKS, *_MARKS)

    def __init__(self) -> None:
        super().__init__()
        self._vivado = VivadoScanner(self._messages, within=True)

        self._builds: list[_Build] = []
        self._count = 0
        self._at: float | None = None
        self._stamp, self._second = "", 0.0
        self._exceptions = 0

    def _line(self, text: str) -> None:
        level = None
        if text[:1] == "[" and (prefix := _PREFIX.match(text)):
            self._time(prefix.group(1), prefix.group(2))
            level = _LEVELS.get(prefix.group(3) or "")
            text = text[prefix.end() :]
        message = self._messages.take(text, level)
        self._vivado.take(text)
        if message is None:
            self._finn(text)

    def _time(self, stamp: str, fraction: str | None) -> None:
        if stamp != self._stamp:
            try:
                second = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
            except ValueError:
                return
            self._stamp, self._second = stamp, second.timestamp()
        self._at = self._second + (float(f"0.{fraction}") if fraction else 0.0)

    def _finn(self, text: str) -> None:
        first = text[:1]
        if first == "R" and (step := _STEP.match(text)):
            name, index, count = step.group(1), int(step.group(2)), int(step.group(3))
            build = self._current()
            follows = bool(build.steps) and index == build.steps[-1].index + 1
            if build.raised and follows:
                build.outcome, build.raised = None, False  # somebody caught it
            if build.outcome is not None or (build.steps and index <= build.steps[-1].index):
                build = self._begin()
            build.begin(name, index, count, self._at)
            build.line, self._messages.step = self._messages.line, name
        elif first == "B" and (subject := _SUBJECT.match(text)):
            build = self._current()
            if build.steps or build.outcome is not None:
                build = self._begin()
            build.model = subject.group(1).strip()
        elif first == "I" and (working := _WORKING.match(text)):
            self._current().working = working.group(1).strip()
        elif first == "F" and (output := _OUTPUT.match(text)):
            self._current().output = output.group(1).strip()
        elif not self._builds:
            return
        elif text == "Completed successfully":
            self._current().outcome = "succeeded"
        elif text.startswith(("Build failed", "FINN ERROR", "FINN INTERNAL")):
            self._failed()
        elif text.startswith("(Pdb)"):
            self._current().waiting = True
            self._failed()
        elif self._messages.exception_line == self._messages.line:
            stopped = self._messages.exception.startswith("KeyboardInterrupt")
            self._failed("cancelled" if stopped else "failed", raised=True)

    def skim(self, block: bytes) -> None:
        """See ``LogReader``."""
        super().skim(block)
        self._vivado.pass_over()

    def skip(self, lines: int | None) -> None:
        """See ``LogReader``; steps, even builds, may be missing."""
        super().skip(lines)
        self._vivado.skip()
        if self._builds:
            if self._builds[-1].outcome is not None:
                self._begin()  # nothing so long follows the end of a build but another
            self._builds[-1].gap = True

    def _current(self) -> _Build:
        return self._builds[-1] if self._builds else self._begin()

    def _begin(self) -> _Build:
        build = _Build()
        self._count += 1
        self._messages.session = min(self._count, MAX_BUILDS)
        if len(self._builds) < MAX_BUILDS:
            self._builds.append(build)
        else:
            self._builds[-1] = build
        return build

    def _failed(self, outcome: str = "failed", *, raised: bool = False) -> None:
        if self._builds and self._builds[-1].outcome is None:
            self._builds[-1].outcome, self._builds[-1].raised = outcome, raised

    def _ended_by(self) -> str | None:
        """How a build that just stops was ended, by what stands after its last step."""
        line = self._builds[-1].line
        shown = [e.cause for e in self._messages.evidence if e.line == 0 or e.line >= line]
        if "cancelled" in shown and "time-limit" not in shown:
            return "cancelled"
        decisive = [c for c in shown if c in _ENDS or causes.BY_ID[c].rank <= causes.DECISIVE]
        return "failed" if decisive else None

    def _of_text(self) -> str | None:
        """How it went by a text without any build: errors show that it did not go well."""
        shown = [evidence.cause for evidence in self._messages.evidence]
        shown = [cause for cause in shown if cause != "timing-missed"]
        if not shown:
            return None
        return "cancelled" if shown[-1] == "cancelled" else "failed"

    def reading(self) -> ParsedFile:
        """Return what was read so far."""
        builds = tuple(build.frozen() for build in self._builds)
        vivado, messages = self._vivado, self._messages
        last = builds[-1] if builds else None
        if last is not None and last.outcome == "incomplete":
            last = replace(last, outcome=self._ended_by() or last.outcome)
            builds = (*builds[:-1], last)
        kind, outcome = "finn", last.outcome if last else None
        if last is None:
            kind = vivado.kind if vivado.count else "text"
            outcome = vivado.outcome if vivado.count else None
            outcome = self._of_text() if outcome in (None, "incomplete") else outcome
        phases = [Phase(step.name, step.seconds) for step in last.steps] if last else []
        deeper = 1 if builds else 0
        inner = [Phase(p.name, p.seconds, p.level + deeper, p.run) for p in vivado.phases]
        versions = [session.version for session in vivado.sessions if session.version]
        return ParsedFile(
            kind=kind,
            tool="FINN" if builds else vivado.tool if vivado.count else None,
            version=_version(versions, builds),
            lines=messages.line,
            sessions=len(builds) or vivado.count,
            phases=tuple(phases + inner),
            wns=vivado.last("wns"),
            tns=vivado.last("tns"),
            whs=vivado.last("whs"),
            timings=tuple(vivado.timings),
            overlaps=tuple(vivado.overlaps),
            unrouted=vivado.unrouted,
            congestion=vivado.congestion,
            messages=messages.own,
            repeated=messages.repeated,
            muted=dict(messages.muted),
            evidence=messages.evidence,
            outcome=outcome,
            ended=self._at or (vivado.ended if not builds else None),
            data=FinnData(builds, vivado.data() if vivado.count else None)
            if builds
            else vivado.data()
            if vivado.count
            else None,
        )


def _version(versions: list[str], builds: tuple[FinnBuild, ...]) -> str | None:
    if not versions:
        return None
    return f"Vivado {versions[-1]}" if builds else versions[-1]
