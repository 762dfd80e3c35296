"""What Vivado says, line by line: sessions, commands, nested phases, timing, routing.

Serves Vivado's own logs and the Vivado output that FINN's and HLS's logs repeat. Phase numbers are
no key: tasks nest and each numbers its phases from 1, and numbers differ by version; what nests is
told by tasks and by the depth of a number.
"""

from __future__ import annotations

import re
from dataclasses import replace

from finn_tui.runs.readers.lines import Messages
from finn_tui.runs.readers.parsed_file import Phase, Timing
from finn_tui.runs.readers.stack import TaskStack
from finn_tui.runs.readers.times import clock, epoch
from finn_tui.runs.readers.vivado_data import Session, VivadoData

#: So many lines at most stand between the error that ends a script and Vivado's last word.
_NEAR = 12
#: What is kept of each kind, so that a log of any length takes a bounded amount of memory.
MAX_PHASES, MAX_SERIES, MAX_SESSIONS, MAX_RUNS = 5000, 5000, 500, 5000

_BANNER = re.compile(r"\*{6} (Vivado|v\+\+) v(\d{4}\.\d+(?:\.\d+)?) \(64-bit\)")
#: Messages of v++: it goes away; it has done what it was asked for.
_VPP_LEFT, _VPP_DONE = ("v++ 60-1653",), ("v++ 60-791", "v++ 60-586", "v++ 60-1307")
#: Commands that always say how they ended.
_ANSWERED = frozenset(
    {
        "synth_design",
        "link_design",
        "opt_design",
        "place_design",
        "phys_opt_design",
        "route_design",
        "write_bitstream",
    }
)
_HEADER = re.compile(r"# Vivado v(\S+) \(64-bit\)")
_WITH = re.compile(r"    with args -log (\S+)\.(vds|vdi) ")
_COMMAND = re.compile(r"Command: (\w+)(?: (.*))?$")
_RESULT = re.compile(r"(\w+) (completed successfully|failed)$")
_EXIT = re.compile(r"INFO: \[Common 17-206\] Exiting (\S+) at (.+?)\.\.\.$")
_TIME = re.compile(
    r"Time \(s\): cpu = ([\d:.]{1,20}) ; elapsed = ([\d:.]{1,20}) \. Memory \(MB\): "
    r"peak = (\d{1,12}(?:\.\d{1,12})?) ; gain = -?[\d.]+(?: ; free physical = (\d{1,12}))?"
)
_TOTAL = re.compile(r"(\w+): Time \(s\): ")
_STAGE = re.compile(r"(Starting|Finished|Synthesis) (.+?) : Time \(s\): ")
_PHASE = re.compile(r"Phase (\d+(?:\.\d+)*) (.+)$")
_TASK = re.compile(r"(Starting|Ending) (.+?) Task(?: \| Checksum: [0-9a-f]+)?$")
_RUNS = re.compile(
    r"\[(\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4})\] "
    r"(?:Launched (.+?)\.\.\.|Waiting for (\S+) to finish.*|(\S+) finished)$"
)
_STAMP = re.compile(r"\[\d\d:\d\d:\d\d\] ")
_FAILED_RUNS = re.compile(r"(?:WARNING|ERROR): \[[^\]]+\] Failed runs?\(?s?\)? ?: (.+)$")
_SUMMARY = re.compile(
    r"(Estimated|Intermediate|Current|Post Routing|Post Placement|Post Physical Optimization) "
    r"Timing Summary (?:\| )?WNS=\s*(-?\d+(?:\.\d+)?|N/A|inf)"
)
_SLACK = re.compile(r"\b(TNS|WHS|THS)=\s*(-?\d+(?:\.\d+)?|N/A|inf)")
#: Slack after routing, and after what physical optimization has won back then.
_FINAL = tuple(
    f"INFO: [{name}]" for name in ("Route 35-57", "Route 35-20", "Physopt 32-603", "Physopt 32-668")
)
_OVERLAPS = re.compile(r" Number of Nodes with overlaps = (\d{1,12})")
_NETS = re.compile(r"  Number of Unrouted Nets\s*= (\d{1,12})")
_CONGESTION = re.compile(r"[Cc]ongestion.*?\blevel (\d{1,3})|\bcongestion level[^\d]*(\d{1,3})")

#: Lines without any of these tell ``VivadoScanner`` nothing.
MARKS = (
    "****** ",
    "*** Running vivado",
    "# Vivado v",
    "# Start of session",
    "    with args -log",
    "Command: ",
    " completed successfully",
    " failed",
    "Exiting ",
    "Time (s): ",
    "Phase ",
    " Task",
    "Timing Summary",
    "start_gui",
    "Launched ",
    "Waiting for ",
    " finished",
    "Failed run",
    " Number of Nodes with overlaps",
    "  Number of Unrouted Nets",
    "ongestion",
    "[v++ ",
)


def _slack(text: str) -> float | None:
    return None if text in ("N/A", "inf") else float(text)


class VivadoScanner:
    """Takes Vivado's lines one by one; ``messages`` must have seen each before."""

    def __init__(self, messages: Messages, within: bool = False) -> None:
        """``within``: the log is another tool's, whose sessions ``messages`` counts."""
        self._messages = messages
        self._within = within
        self.sessions: list[Session] = []
        self.count = 0
        self.phases: list[Phase] = []
        self.timings: list[Timing] = []
        self.overlaps: list[int] = []
        self.unrouted: int | None = None
        self.congestion: int | None = None
        self.launched: dict[str, None] = {}
        self.finished: dict[str, None] = {}
        self.failed_runs: dict[str, None] = {}
        self.waiting: str | None = None
        self.memory: float | None = None
        self.free: int | None = None
        self.bitstream = False
        self._current: Session | None = None  # the session that speaks
        self._parents: list[Session] = []
        self._fresh = False
        #: Where the phases of this log's last own session begin.
        self._first = 0
        self._stack = TaskStack(self._add)

    def take(self, text: str) -> None:
        """Take in the next line."""
        if not text:
            return
        first = text[0]
        if first == "I":
            self._info(text)
        elif first == "P" and (phase := _PHASE.match(text)):
            self._stack.phase(phase.group(1), phase.group(2))
        elif first == "T" and (spent := _TIME.match(text)):
            self._memory(spent)
            self._stack.time(clock(spent.group(2)))
            return
        elif first == "*":
            self._on_banner(text)
        elif first == "#":
            self._on_comment(text)
        elif first == "[":
            if run := _RUNS.match(text):
                self._on_runs(run)
            elif (stamp := _STAMP.match(text)) and text[stamp.end() : stamp.end() + 1] != "[":
                self.take(text[stamp.end() :])  # as v++ writes them
                return
        elif first == " ":
            self._on_indented(text)
        elif first == "C" and (command := _COMMAND.match(text)):
            self._on_command(command.group(1))
        elif first in "WE" and (failed := _FAILED_RUNS.match(text)):
            names = re.findall(r"'([^']+)'", failed.group(1))
            self._keep(self.failed_runs, *names)
            self._fail()
        elif first in "WCE" and "ongestion" in text:
            self._on_congestion(text)
        elif first in "SEF" and (task := _TASK.match(text)):
            self._stack.task(task.group(1), task.group(2))
            return
        elif first in "SF" and (stage := _STAGE.match(text)):
            if spent := _TIME.search(text):
                self._memory(spent)
                self._stack.stage(stage.group(1), stage.group(2), clock(spent.group(2)))
        elif result := _RESULT.match(text):
            self._on_result(result.group(1), result.group(2) != "failed")
        elif text.startswith("start_gui") and self._current:
            self._current.graphical = True
        if "Time (s): " in text and (total := _TOTAL.match(text)) and (spent := _TIME.search(text)):
            self._memory(spent)
            self._on_total(total.group(1), clock(spent.group(2)))
        self._stack.other()

    def pass_over(self) -> None:
        """Lines without any of ``MARKS`` are not looked at."""
        self._stack.other()

    def skip(self) -> None:
        """Lines are left out: what was open before them may long have ended."""
        self.waiting = None
        self._back()
        self._stack.enter(None)
        session = self._current
        if session is not None:
            self._fresh = False
            if session.exited:
                self._open()  # what follows is another's
            else:
                running = [name for name, how in session.commands.items() if how == "running"]
                session.commands.update(dict.fromkeys(running, "ended"))

    def _add(self, name: str, seconds: float | None, level: int) -> None:
        # What a repeated run did is part of the time that its parent waits for it.
        level += self._messages.run is not None
        if len(self.phases) < MAX_PHASES:
            self.phases.append(Phase(name, seconds, level, self._messages.run))

    def _on_total(self, name: str, seconds: float) -> None:
        """The time of a whole command; of one within another it is part of the other's."""
        inside = self._stack.command is not None and name != self._stack.command
        if name == self._stack.command:
            self._stack.enter(None)
        if name == "source":
            # The script's own time holds that of all its commands.
            self.phases[self._first :] = [
                replace(phase, level=phase.level + 1) for phase in self.phases[self._first :]
            ]
        self._add(name, seconds, int(inside))

    @staticmethod
    def _keep(names: dict[str, None], *new_names: str) -> None:
        for name in new_names:
            if len(names) < MAX_RUNS:
                names[name] = None

    def _open(self) -> Session:
        """The session that a banner or header begins, or the one that has just begun."""
        if self._current is None or not self._fresh:
            session = Session(line=self._messages.line)
            self.count += 1
            if not self._within:
                self._messages.session = min(self.count, MAX_SESSIONS)
            if len(self.sessions) < MAX_SESSIONS:
                self.sessions.append(session)
            else:
                self.sessions[-1] = session
            self._current, self._fresh = session, True
            if self.waiting is None:
                self._first = len(self.phases)
            self._stack.enter(None)
        return self._current

    def _on_banner(self, text: str) -> None:
        if text.startswith("*** Running vivado"):
            self._fresh = False
            if self.waiting is not None and self._current is not None:
                parent = self._current
                self._open().repeated = self.waiting
                self._parents = [parent]
                self._messages.run = self.waiting
            else:
                self._open()
        elif banner := _BANNER.match(text):
            session = self._open()
            session.tool, session.version = banner.group(1), banner.group(2)

    def _on_comment(self, text: str) -> None:
        if header := _HEADER.match(text):
            self._open().version = header.group(1)
        elif text.startswith("# Start of session at: ") and self._current:
            self._current.started = epoch(text[23:])

    def _on_runs(self, run: re.Match[str]) -> None:
        _, launched, waiting, finished = run.groups()
        self._fresh = False
        if launched:
            self._keep(self.launched, *launched.split(", "))
        elif waiting:
            self.waiting = waiting
        else:
            self._keep(self.finished, finished)
            if finished == self.waiting:
                self.waiting = None
                self._back()

    def _back(self) -> None:
        """A repeated log is over; its parent speaks again."""
        if self._parents:
            self._current = self._parents.pop()
            self._messages.run = None
            self._stack.enter(None)

    def _info(self, text: str) -> None:
        if "Timing Summary" in text and (match := _SUMMARY.search(text)):
            slacks = {name: _slack(value) for name, value in _SLACK.findall(text)}
            point = Timing(
                match.group(1),
                self._stack.command,
                _slack(match.group(2)),
                slacks.get("TNS"),
                slacks.get("WHS"),
                slacks.get("THS"),
                text.startswith(_FINAL),
                self._messages.step,
                self._messages.line,
                text[:300],
            )
            if len(self.timings) < MAX_SERIES:
                self.timings.append(point)
            else:
                self.timings[-1] = point
        elif text.startswith("INFO: [Common 17-206]") and (left := _EXIT.match(text)):
            self._on_exit(left.group(2))
        elif text.startswith("INFO: [v++ ") and self._current is not None:
            name = text[7 : text.find("]")]
            self._current.done = self._current.done or name in _VPP_DONE
            self._current.exited = self._current.exited or name in _VPP_LEFT
        elif text.startswith(("INFO: [Common 17-344]", "INFO: [Common 17-41]")):
            (self._current or self._open()).cancelled = True
        elif "ongestion" in text:
            self._on_congestion(text)
        self._fresh = False

    def _on_exit(self, at: str) -> None:
        session = self._current or self._open()
        session.exited, session.ended = True, epoch(at)
        # A script ends at its first error; one that was caught lies further back.
        for last in (self._messages.last_error, self._messages.tcl_line):
            if last and self._messages.line - last <= _NEAR and not session.graphical:
                session.failed = True
        self._stack.enter(None)
        if self._parents:
            self._back()

    def _on_congestion(self, text: str) -> None:
        if match := _CONGESTION.search(text[:500]):
            level = int(match.group(1) or match.group(2))
            if level < 20:
                self.congestion = max(self.congestion or 0, level)

    def _on_indented(self, text: str) -> None:
        if match := _OVERLAPS.match(text):
            if len(self.overlaps) < MAX_SERIES:
                self.overlaps.append(int(match.group(1)))
            else:
                self.overlaps[-1] = int(match.group(1))
        elif match := _NETS.match(text):
            self.unrouted = int(match.group(1))
        elif (run := _WITH.match(text)) and self._current:
            self._current.run = f"{run.group(1)}.{run.group(2)}"

    def _on_command(self, name: str) -> None:
        if self._current is None:
            self._open()  # the beginning of the log is missing
        self._fresh = False
        self._stack.enter(name)
        if self._current is not None and len(self._current.commands) < MAX_RUNS:
            commands = self._current.commands
            if commands and commands[last := next(reversed(commands))] == "running":
                commands[last] = "ended"  # one that says no result
            commands.pop(name, None)
            commands[name] = "running"

    def _on_result(self, name: str, good: bool) -> None:
        if name == "write_bitstream" and good:
            self.bitstream = True
        if name != self._stack.command:
            return
        if self._current is not None:
            self._current.commands[name] = "successful" if good else "failed"
        if not good:
            self._fail()
        self._stack.enter(None)

    def _fail(self) -> None:
        if self._current is not None and not self._current.graphical:
            self._current.failed = True

    def _memory(self, spent: re.Match[str]) -> None:
        self.memory = max(self.memory or 0.0, float(spent.group(3)))
        if spent.group(4):
            self.free = int(spent.group(4))

    @property
    def outcome(self) -> str | None:
        """How the last session of this log itself, not of runs that it repeats, ended."""
        own = [session for session in self.sessions if session.repeated is None]
        if not own:
            return "incomplete" if self.count else None
        last = own[-1]
        if last.cancelled:
            return "cancelled"
        if last.failed:
            return "failed"
        if last.tool == "v++":
            if self._messages.last_error > last.line:
                return "failed"
            return "succeeded" if last.done else "incomplete"
        if any(how == "running" and name in _ANSWERED for name, how in last.commands.items()):
            return "incomplete"
        return "succeeded" if last.exited else "incomplete"

    @property
    def graphical(self) -> bool:
        """Whether somebody drives the last session: errors are not its end."""
        return bool(self.sessions) and self.sessions[-1].graphical

    @property
    def tool(self) -> str:
        """Whose log it is."""
        return self.sessions[-1].tool if self.sessions else "Vivado"

    @property
    def ended(self) -> float | None:
        """When the last session ended, as it says."""
        ends = [session.ended for session in self.sessions if session.ended is not None]
        return ends[-1] if ends else None

    @property
    def kind(self) -> str:
        """synthesis or implementation for the log of a run, else vivado."""
        names: set[str] = set()
        for session in self.sessions:
            if session.repeated is None:
                names |= session.commands.keys()
                names.add((session.run or "").rpartition(".")[2])
        if names & {"vdi", "place_design", "route_design", "opt_design", "write_bitstream"}:
            return "implementation"
        return "synthesis" if names & {"vds", "synth_design"} else "vivado"

    def data(self) -> VivadoData:
        """What a reading's ``data`` holds."""
        last = self._current or Session()
        return VivadoData(
            tuple(self.launched),
            tuple(self.finished),
            tuple(self.failed_runs),
            self.waiting,
            self._stack.now,
            dict(last.commands),
            self.memory,
            self.free,
            last.started,
            self.bitstream,
        )

    def last(self, what: str) -> float | None:
        """The last wns, tns or whs that was said."""
        for point in reversed(self.timings):
            value: float | None = getattr(point, what)
            if value is not None:
                return value
        return None
