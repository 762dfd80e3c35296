"""What a log of Vivado tells beside what every log does."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Session:
    """One session of Vivado.

    Attributes:
        version: of the tool; run: ``top_wrapper.vdi``, None for a session started by hand.
        repeated: the run whose log is repeated here; None in that run's own log.
        started, ended: by its own clock; commands: each with its result so far.
        graphical: somebody drove it; what fails then is not the end of it.
        failed: a command or run failed, or the script stopped at an error.
        cancelled: somebody stopped a command.
        tool: Vivado or v++; done: what says that v++ did its work.
        line: where it began.
    """

    version: str | None = None
    run: str | None = None
    repeated: str | None = None
    started: float | None = None
    ended: float | None = None
    exited: bool = False
    graphical: bool = False
    failed: bool = False
    cancelled: bool = False
    tool: str = "Vivado"
    done: bool = False
    line: int = 0
    commands: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VivadoData:
    """What else a Vivado log tells.

    Attributes:
        launched, finished, failed: names of runs that this session started, in order.
        waiting: the run it waits for now.
        now: command, task and phases in which it is; empty if none.
        commands: of the last session, each with ``running``, ``successful`` or ``failed``.
        memory_mb, free_mb: peak so far; free physical memory when it was said last.
        started: of the last session, seconds since the epoch by a clock without time zone.
        bitstream: whether one was written.
    """

    launched: tuple[str, ...] = ()
    finished: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    waiting: str | None = None
    now: tuple[str, ...] = ()
    commands: dict[str, str] = field(default_factory=dict)
    memory_mb: float | None = None
    free_mb: int | None = None
    started: float | None = None
    bitstream: bool = False
