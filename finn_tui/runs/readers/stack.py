"""Which task and phases of an implementation are open, and how long each took.

Times in the log are those since the task began; a phase's own time is what was added while it was
open. Tasks nest within phases and have clocks of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

_CHECKSUM = re.compile(r" \| Checksum: [0-9a-f]+$")
_DEEPEST = 50


@dataclass(slots=True)
class _Frame:
    """A task, or synth_design: phases within it tell the time since it began."""

    name: str
    level: int
    last: float = 0.0
    # Open phases: depth of the number, name, the task's time when it began.
    phases: list[tuple[int, str, float]] = field(default_factory=list)


class TaskStack:
    """Follows tasks and phases; gives each finished one to ``done(name, seconds, level)``."""

    def __init__(self, done: Callable[[str, float | None, int], None]) -> None:
        self._done = done
        self.command: str | None = None
        self._frames: list[_Frame] = []
        # The phase or task whose time is due with the next bare time line.
        self._due: tuple[_Frame, str, float] | None = None
        self._begun: _Frame | None = None

    def enter(self, command: str | None) -> None:
        """A command begins, or none is running any more."""
        self.command, self._frames, self._due, self._begun = command, [], None, None
        if command == "synth_design":
            self._frames = [_Frame(command, 0)]

    def other(self) -> None:
        """A line that is neither task nor time: a task that has just begun is a real one."""
        self._begun = None

    def task(self, verb: str, name: str) -> None:
        """A task starts or ends; ``verb`` is Starting or Ending."""
        self._due = None
        if verb == "Starting":
            level = 1 + sum(1 + len(frame.phases) for frame in self._frames)
            frame = _Frame(name, level)
            if len(self._frames) < _DEEPEST:
                self._frames.append(frame)
            # A task that at once tells its time has no end line.
            self._begun = frame
            return
        self._begun = None
        for at in range(len(self._frames) - 1, -1, -1):
            if self._frames[at].name == name:
                frame = self._frames[at]
                del self._frames[at:]
                self._due = (frame, name, 0.0)
                return

    def phase(self, number: str, name: str) -> None:
        """A phase begins, or ends if a checksum follows its name."""
        self._due = None
        depth = number.count(".") + 1
        ended = _CHECKSUM.search(name)
        if not self._frames:
            # A log that was cut: what the phases belong to was said before.
            self._frames.append(_Frame(self.command or "", 0))
        frame = self._frames[-1]
        if ended is None:
            while frame.phases and frame.phases[-1][0] >= depth:
                frame.phases.pop()
            frame.phases.append((depth, name, frame.last))
            return
        name = name[: ended.start()]
        # Tasks without an end line still stand above the phase that ends.
        for at in range(len(self._frames) - 1, -1, -1):
            opened = self._frames[at].phases
            for place in range(len(opened) - 1, -1, -1):
                if opened[place][:2] == (depth, name):
                    began = opened[place][2]
                    del opened[place:]
                    del self._frames[at + 1 :]
                    self._due = (self._frames[at], name, began)
                    return
        self._due = (frame, name, frame.last)

    def time(self, now: float) -> None:
        """A bare time line: it belongs to what has just ended."""
        if self._begun is not None:
            frame, self._begun = self._begun, None
            if self._frames and self._frames[-1] is frame:
                self._frames.pop()
            self._done(frame.name, now, max(1, frame.level))
        elif self._due is not None:
            frame, name, began = self._due
            self._due = None
            if name == frame.name and frame not in self._frames:
                self._done(name, now, max(1, frame.level))
                return
            frame.last = max(frame.last, now)
            self._done(name, max(0.0, now - began), frame.level + 1 + len(frame.phases))

    def stage(self, verb: str, name: str, now: float) -> None:
        """A stage of synth_design, with the seconds since that began."""
        if not self._frames:
            self._frames.append(_Frame("synth_design", 0))
        frame = self._frames[0]
        if verb == "Finished":
            self._done(name, max(0.0, now - frame.last), 1)
            frame.phases.clear()
        frame.last = max(frame.last, now)
        if verb == "Starting":
            frame.phases = [(1, name, now)]

    @property
    def now(self) -> tuple[str, ...]:
        """Command, task and phases that are open, outermost first."""
        names = [self.command] if self.command else []
        for frame in self._frames:
            if frame.name and frame.name not in names:
                names.append(frame.name)
            names += [name for _, name, _ in frame.phases]
        return tuple(names)
