"""HLS's logs: Vivado HLS (2020.1, times since the start) and Vitis HLS (each phase its own)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from finn_tui.engine.server.failures import causes
from finn_tui.runs.readers import lines
from finn_tui.runs.readers.lines import LogReader
from finn_tui.runs.readers.parsed_file import ParsedFile, Phase
from finn_tui.runs.readers.times import clock, epoch
from finn_tui.runs.readers.vivado_scanner import MAX_PHASES

_BANNER = re.compile(
    r"(?:\*{6} )?(Vivado\(TM\) HLS|Vitis HLS)\b.*? v(\d{4}\.\d+(?:\.\d+)?)(?: \(64-bit\))?"
)
_START = re.compile(r"INFO: \[HLS 200-10\] For user '.*' on host '.*' \(.*\) on (.+)$")
_RUNNING = re.compile(r"INFO: \[HLS 200-1510\] Running: (\w+)")
_FINISHED = re.compile(
    r"INFO: \[HLS 200-111\] ?Finished (.+?)(?: Time \(s\): cpu = .*?elapsed = ([\d:.]{1,20})"
    r"|:? CPU user time: .*?Elapsed time: (\d{1,12}(?:\.\d{1,12})?) seconds)"
)
_MODULE = re.compile(r"INFO: \[HLS 200-42\] -- Implementing module '(.+?)'")
_FMAX = re.compile(r"INFO: \[HLS 200-789\] \*\*\*\* Estimated Fmax: (\d{1,12}(?:\.\d{1,12})?) MHz")
_TOTAL = re.compile(
    r"INFO: \[HLS 200-112\] .*[Tt]otal elapsed time: (\d{1,12}(?:\.\d{1,12})?) seconds"
)
_TOP = re.compile(r"INFO: \[HLS 200-10\] Synthesizing '(.+?)'")
_PROJECT = re.compile(r"HLS project: project_(\S+)$")
#: Lines without any of these tell nothing about HLS.
_MARKS = (
    "Vivado(TM) HLS",
    "Vitis HLS",
    "HLS project: project_",
    "****** Vivado v",
    *(f"[HLS 200-{n}]" for n in (10, 42, 111, 112, 789, 790, 1510)),
)
#: Commands that can be tried again within one log.
_TRIES = ("csim_design", "csynth_design", "cosim_design", "export_design")
_EXIT = re.compile(r"INFO: \[Common 17-206\] Exiting (\S+) at (.+?)\.\.\.$")


@dataclass(frozen=True, slots=True)
class HlsData:
    """What else an HLS log tells.

    Attributes:
        top: the layer; modules: those implemented so far; now: the last phase that finished.
        fmax_mhz: as HLS estimates it; loops_met: whether all loops reached their II.
        seconds: in all, as HLS says at its end; started: when, seconds since the epoch, with its
            time zone if the log tells it.
        exporting: whether the IP is being packaged.
    """

    top: str | None = None
    modules: tuple[str, ...] = ()
    now: str | None = None
    fmax_mhz: float | None = None
    loops_met: bool | None = None
    seconds: float | None = None
    started: float | None = None
    exporting: bool = False


def _started(text: str) -> float | None:
    """``Mon Mar 01 01:05:45 +0000 2021``, or without the zone."""
    try:
        return datetime.strptime(text.strip(), "%a %b %d %H:%M:%S %z %Y").timestamp()
    except ValueError:
        pass
    words = [word for word in text.split() if not word.isalpha() or len(word) == 3]
    try:
        return (
            datetime.strptime(" ".join(words[:5]), "%a %b %d %H:%M:%S %Y")
            .replace(tzinfo=UTC)
            .timestamp()
        )
    except ValueError:
        return None


class HlsReader(LogReader):
    """Reads one layer's HLS log; an error in it is a cause, whatever FINN says later."""

    can_skip = True
    marks = (*lines.MARKS, *_MARKS)

    def __init__(self) -> None:
        super().__init__(default="hls-failed")
        self._tool: str | None = None
        self._version: str | None = None
        self._sessions = 0
        self._phases: list[Phase] = []
        self._last = 0.0
        self._top: str | None = None
        self._modules: dict[str, None] = {}
        self._now: str | None = None
        self._fmax: float | None = None
        self._met: bool | None = None
        self._seconds: float | None = None
        self._started: float | None = None
        self._ended: float | None = None
        self._exporting = False
        #: How the last try of a command went: None while it runs. A session begins one, too.
        self._good: bool | None = None
        self._errors = 0
        self._tcl = 0

    def _line(self, text: str) -> None:
        message = self._messages.take(text)
        if self._messages.last_error > self._errors or self._messages.tcl_line > self._tcl:
            self._errors, self._tcl = self._messages.last_error, self._messages.tcl_line
            self._good = False
        if message is None:
            if (banner := _BANNER.match(text)) is not None:
                self._tool = "Vitis HLS" if banner.group(1) == "Vitis HLS" else "Vivado HLS"
                self._version = banner.group(2)
                self._sessions += 1
                self._messages.session = min(self._sessions, 500)
                self._last, self._seconds, self._exporting = 0.0, None, False
                self._good = None
            elif project := _PROJECT.match(text):
                self._top = self._top or project.group(1)
            elif text.startswith("****** Vivado v"):
                self._exporting = True  # HLS has Vivado package the IP
            return
        name = message[1]
        if name == "HLS 200-111" and (finished := _FINISHED.match(text[:1000])):
            self._finished(finished)
        elif name == "HLS 200-42" and (module := _MODULE.match(text)):
            if len(self._modules) < MAX_PHASES:
                self._modules[module.group(1)] = None
        elif name == "HLS 200-10":
            if start := _START.match(text):
                self._started = _started(start.group(1))
            elif top := _TOP.match(text):
                self._top = top.group(1)
        elif name == "HLS 200-789" and (fmax := _FMAX.match(text)):
            self._fmax = float(fmax.group(1))
        elif name == "HLS 200-790":
            self._met = "were satisfied" in text
        elif name == "HLS 200-112" and (total := _TOTAL.match(text)):
            self._seconds = float(total.group(1))
            self._good = self._good is not False
        elif name == "HLS 200-1510" and (running := _RUNNING.match(text)):
            self._now = running.group(1)
            self._exporting = running.group(1) == "export_design"
            if self._now in _TRIES:
                self._good = None
        elif name == "Common 17-206" and (left := _EXIT.match(text)):
            self._ended = epoch(left.group(2))

    def _finished(self, match: re.Match[str]) -> None:
        name, since_start, own = match.groups()
        self._now = name
        if name.removeprefix("Command ") in _TRIES and self._good is None:
            self._good = True
        if since_start is not None:
            now = clock(since_start)
            seconds, self._last = max(0.0, now - self._last), max(now, self._last)
        else:
            seconds = float(own)
        if len(self._phases) < MAX_PHASES:
            # HLS tells the time of all at its end; commands are parts of it, phases of them.
            level = 1 if name.startswith("Command ") else 2
            self._phases.append(Phase(name, round(seconds, 3), level))

    def skip(self, lines: int | None) -> None:
        """See ``LogReader``; what was open may long have ended."""
        super().skip(lines)
        self._now = None

    def reading(self) -> ParsedFile:
        """Return what was read so far."""
        messages = self._messages
        done = self._seconds is not None
        outcome = {True: "succeeded", False: "failed", None: "incomplete"}[self._good]
        if outcome == "incomplete":
            # It just stops, behind what nobody survives.
            session = messages.session
            shown = [e.cause for e in messages.evidence if e.session == session]
            if any(causes.BY_ID[cause].rank <= causes.DECISIVE for cause in shown):
                outcome = "cancelled" if "cancelled" in shown else "failed"
        data = HlsData(
            self._top,
            tuple(self._modules),
            self._now,
            self._fmax,
            self._met,
            self._seconds,
            self._started,
            self._exporting and not done,
        )
        phases = tuple(self._phases)
        if self._seconds is not None:
            phases += (Phase("total", self._seconds, 0),)
        return ParsedFile(
            kind="hls",
            tool=self._tool,
            version=self._version,
            lines=messages.line,
            sessions=self._sessions,
            phases=phases,
            messages=messages.own,
            muted=dict(messages.muted),
            evidence=messages.evidence,
            outcome=outcome if self._sessions or outcome != "incomplete" else None,
            ended=self._ended,
            data=data,
        )
