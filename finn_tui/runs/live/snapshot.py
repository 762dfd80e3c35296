"""One live picture of a build: what each tool does now, for how long, and how it converges.

``BuildWatcher`` looks at the folders of a build, FINN's output and its working folder, ours or
not. A look reads what was added to logs since the last one, and of finished runs only their marker
files; it does the same work whether a log has a kilobyte or a gigabyte. Of a log that is large
already when it is first seen, what lies between its beginning and its end is left out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from finn_tui.engine.server.runs import runfiles
from finn_tui.runs.analysis.diagnosis import Diagnosis, Source, diagnose, timing_missed
from finn_tui.runs.documents import StepStatus
from finn_tui.runs.folder import RunFolder, parse_event
from finn_tui.runs.launch.processes import reconcile
from finn_tui.runs.live.jobs import Job, JobState, job_of, state_of, steps_of
from finn_tui.runs.live.process_usage import ProcessUsage, ToolProcess
from finn_tui.runs.live.workdirs import Work, WorkDirs
from finn_tui.runs.logs.tail import Growth, Tail, left_out
from finn_tui.runs.readers.finn import FinnData
from finn_tui.runs.readers.lines import LogReader
from finn_tui.runs.readers.parsed_file import SEVERITIES, ParsedFile, Timing
from finn_tui.runs.readers.registry import HEAD, Reader, reader_for
from finn_tui.runs.readers.vivado_data import VivadoData
from finn_tui.runs.steps import Step, StepList

#: At most so much is read in one look, so that a look stays short; the rest follows in the next.
LOOK_BYTES = 1 << 20

#: Routing a full part is the longest that a tool was seen to say nothing.
STALLED_SECONDS = 30 * 60.0


@dataclass(frozen=True)
class RunSnapshot:
    """A build at one moment.

    Attributes:
        at: when, seconds since the epoch.
        steps: of FINN's builder.
        jobs: HLS of each layer, projects, runs, implementations, in the order they came up.
        timings, overlaps, unrouted, congestion: of the newest implementation.
        messages: how many of each severity the logs hold that were read.
        findings: causes of failure that show by now.
        log: the log that grew last; silent: seconds since then, None before there is one.
        grew: when each log last grew, seconds since the epoch.
        partial: logs whose middle was left out, so that counts of messages are minima.
        waiting: the builder waits at a debugger prompt.
        behind: logs have more than was read by now.
        free_mb: free memory on the build's machine, as a tool said last.
        processes: of a run of ours on this machine, those that take most first.
    """

    at: float
    steps: tuple[Step, ...] = ()
    jobs: tuple[Job, ...] = ()
    timings: tuple[Timing, ...] = ()
    overlaps: tuple[int, ...] = ()
    unrouted: int | None = None
    congestion: int | None = None
    messages: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SEVERITIES, 0))
    findings: tuple[Diagnosis, ...] = ()
    log: Path | None = None
    silent: float | None = None
    grew: Mapping[Path, float] = field(default_factory=dict)
    partial: tuple[Path, ...] = ()
    waiting: bool = False
    behind: bool = False
    free_mb: int | None = None
    processes: tuple[ToolProcess, ...] = ()

    @property
    def stalled(self) -> tuple[Job, ...]:
        """Jobs whose tool has said nothing for longer than tools do.

        Not FINN itself: finding FIFO depths by simulation is silent for hours.
        """
        return tuple(job for job in self.jobs if (job.silent or 0.0) > STALLED_SECONDS)

    @property
    def step(self) -> Step | None:
        """The step that runs."""
        return next((step for step in self.steps if step.status is StepStatus.RUNNING), None)

    def count(self, kind: str) -> tuple[int, int]:
        """How many jobs of a kind are done, and how many there are."""
        states = [job.state for job in self.jobs if job.kind == kind]
        return sum(state in (JobState.FINISHED, JobState.FAILED) for state in states), len(states)


class _Log:
    """A log that is read as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.growth = Growth(path)
        self.reader: Reader | None = None
        self.begun = 0
        self.grew: float | None = None
        self.behind = False
        self.partial = False
        self._gap: tuple[int, int] | None = None
        self._size = -1
        self._reading: ParsedFile | None = None

    def read(self, limit: int) -> int:
        """Read what is new; returns how many bytes that were."""
        try:
            status = self.path.stat()
        except OSError:
            return 0
        self.grew = status.st_mtime
        if status.st_size == self._size == self.growth.offset:
            return 0
        if self._size < 0:
            self._gap = left_out(status.st_size)
        if self._gap is not None:
            limit = min(limit, self._gap[0] - self.growth.offset)
        data = self.growth.read(limit)
        if self.growth.begun != self.begun:
            self.begun, self.reader = self.growth.begun, None
            self.partial, self._gap = False, None
        self._size = status.st_size
        if data:
            if self.reader is None:
                self.reader = reader_for(self.path.name, data[:HEAD])
            self.reader.feed(data)
            self._reading = None
        if self._gap is not None and self.growth.offset >= self._gap[0]:
            self._leave_out(self._gap[1])
        self.behind = self.growth.offset < status.st_size
        return len(data)

    def _leave_out(self, to: int) -> None:
        self._gap = None
        if isinstance(self.reader, LogReader) and self.reader.can_skip:
            self.growth.offset = to
            self.reader.skip(None)
            self.partial, self._reading = True, None

    @property
    def reading(self) -> ParsedFile | None:
        """What it says by now."""
        if self._reading is None and self.reader is not None:
            self._reading = self.reader.reading()
        return self._reading

    @property
    def rest(self) -> str:
        """The line at its end that has not ended: a prompt, perhaps."""
        return str(getattr(self.reader, "rest", ""))


class BuildWatcher:
    """Watches one build; call ``look`` as often as wanted, off the event loop."""

    def __init__(
        self, output: Path | None, working: Path | None, *, run: RunFolder | None = None
    ) -> None:
        """Watch FINN's output folder and its working folder, either may be missing yet.

        ``run``: our own run folder, whose events tell the steps more exactly than FINN's log.
        """
        self._places = [WorkDirs(working)] if working is not None else []
        finn = [output / "build_dataflow.log"] if output is not None else []
        self._events = Tail(run.path / runfiles.EVENTS) if run is not None else None
        if run is not None:
            finn.append(run.log)
        self._finn = [_Log(path) for path in finn]
        self._run = run
        self._steps = StepList(run.clock_shift) if run is not None else StepList()
        self._logs: dict[Path, _Log] = {}
        self._findings: tuple[object, tuple[Diagnosis, ...]] = (None, ())

    @classmethod
    def of_run(cls, run: RunFolder) -> BuildWatcher:
        """Watches one of our runs."""
        return cls(run.build, run.working, run=run)

    def look(self) -> RunSnapshot:
        """The build as it is now, or as it was when it ended."""
        ended = self._ended()
        now = time.time() if ended is None else ended
        works = []
        for places in self._places:
            places.look(now)
            works += places.works
        wanted = [(work, self._log_of(work)) for work in works]
        left = LOOK_BYTES
        logs = [*self._finn, *(log for _, log in wanted if log is not None)]
        for log in logs:
            left -= log.read(max(0, left)) if left > 0 else 0
        jobs = tuple(
            job_of(
                work,
                log.reading if log else None,
                log.grew if log else None,
                now,
                stopped=ended is not None,
            )
            for work, log in wanted
        )
        readings = [(log, log.reading) for log in logs]
        known = [(log, reading) for log, reading in readings if reading is not None]
        grown = max((log for log in logs if log.grew), key=lambda log: log.grew or 0, default=None)
        newest = self._implementation(wanted)
        vivado = [r.data for _, r in known if isinstance(r.data, VivadoData)]
        return RunSnapshot(
            at=now,
            steps=self._take_steps(now),
            jobs=jobs,
            timings=newest.timings if newest else (),
            overlaps=newest.overlaps if newest else (),
            unrouted=newest.unrouted if newest else None,
            congestion=newest.congestion if newest else None,
            messages={name: sum(r.messages[name] for _, r in known) for name in SEVERITIES},
            findings=self._find(known),
            log=grown.path if grown else None,
            silent=max(0.0, now - grown.grew) if grown and grown.grew else None,
            grew={log.path: log.grew for log in logs if log.grew},
            partial=tuple(log.path for log in logs if log.partial),
            waiting=any(log.rest.startswith("(Pdb)") for log in self._finn),
            behind=left <= 0 and any(log.behind for log in logs),
            free_mb=next((d.free_mb for d in reversed(vivado) if d.free_mb is not None), None),
        )

    def _ended(self) -> float | None:
        """When our run ended, by this machine's clock; None while it works."""
        if self._run is None:
            return None
        at = self._run.state().ended_at
        return None if at is None else at - self._run.clock_shift()

    def _log_of(self, work: Work) -> _Log | None:
        """The log of a work if it has to be read: not of runs that are done well or not begun."""
        if work.log is None:
            return None
        path = work.folder.path / work.log
        if (
            work.kind == "synthesis"
            and path not in self._logs
            and state_of(work) is JobState.FINISHED
        ):
            return None
        return self._logs.setdefault(path, _Log(path))

    def _implementation(self, wanted: Iterable[tuple[Work, _Log | None]]) -> ParsedFile | None:
        logs = [log for work, log in wanted if work.kind == "implementation" and log is not None]
        logs = sorted((log for log in logs if log.reading), key=lambda log: log.grew or 0)
        if logs:
            return logs[-1].reading
        # Out-of-context synthesis may have left its output in FINN's log alone.
        finn = [log.reading for log in self._finn if log.reading and log.reading.timings]
        return finn[-1] if finn else None

    def _take_steps(self, now: float) -> tuple[Step, ...]:
        if self._events is not None:
            while lines := self._events.read():
                for line in lines:
                    event = parse_event(line)
                    if event is not None:
                        self._steps.take(event)
            if steps := self._steps.now():
                return steps
        for log in self._finn:
            reading = log.reading
            if reading is not None and isinstance(reading.data, FinnData) and reading.data.builds:
                return steps_of(reading.data, reading, log.grew or now, now)
        return ()

    def _find(self, known: list[tuple[_Log, ParsedFile]]) -> tuple[Diagnosis, ...]:
        """Causes by now; worked out anew only when there is new evidence."""
        seen: Any = tuple(len(reading.evidence) for _, reading in known)
        if seen != self._findings[0]:
            every = [Source(str(log.path), reading) for log, reading in known if reading.evidence]
            failed = [
                source if source.reading.outcome != "succeeded" else timing_missed(source)
                for source in every
            ]
            sources = [source for source in failed if source is not None]
            self._findings = (seen, tuple(diagnose(sources)))
        return self._findings[1]


async def pictures(run: RunFolder, *, poll: float = 1.0) -> AsyncIterator[RunSnapshot]:
    """Pictures of one of our runs, one every ``poll`` seconds, the last when it has ended.

    Raises:
        FinnTuiError: state.json is missing or broken.
    """
    watcher, load = BuildWatcher.of_run(run), ProcessUsage(run)
    while True:
        # The state is read first: what was written before it is seen by the look.
        state = await asyncio.to_thread(reconcile, run)
        picture = await asyncio.to_thread(watcher.look)
        processes = await asyncio.to_thread(load.look, state)
        yield replace(picture, processes=processes)
        if state.final and not picture.behind:
            return
        await asyncio.sleep(0.05 if picture.behind else poll)
