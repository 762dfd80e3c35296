"""The foldings of a series, how far each of them is, and how the series is done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from finn_tui.base.errors import FinnTuiError
from finn_tui.core.editor import Editor
from finn_tui.core.folding.model import Folding
from finn_tui.lab.foldings.opened import Opened
from finn_tui.runs.folder import RunFolder


class SweepStatus(StrEnum):
    """Where one folding of a series stands."""

    WAITING = "waiting"
    BUILDING = "building"
    BUILT = "built"
    MEASURING = "measuring"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class SweepItem:
    """A folding of a series.

    Attributes:
        name: what it is called.
        opened: the model with it.
        status: how far it is.
        run: the run that builds it, or has built it; None before there is one.
        reused: whether that run was there already.
        error: why it has failed.
        notes: what was said of its file when it was read.
    """

    name: str
    opened: Opened
    status: SweepStatus = SweepStatus.WAITING
    run: RunFolder | None = None
    reused: bool = False
    error: FinnTuiError | None = None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The folding as ``sweep --json`` gives it."""
        estimate = self.opened.editor.estimate
        return {
            "folding": self.name,
            "ii_cycles": estimate.ii_cycles,
            "status": self.status,
            "run": self.run.id if self.run is not None else None,
            "reused": self.reused,
            "error": self.error.as_dict() if self.error is not None else None,
        }


@dataclass(frozen=True)
class SweepOptions:
    """How a series is done.

    Attributes:
        board: the machine to measure on; None only builds.
        rehearse: with stand-ins for AMD's tools; None takes the workspace's setting.
        seconds: how long the stand-ins take for each build.
        batch, limit: as of the board's ``throughput`` and ``validate``.
        allow_missed_clock: measure a bitstream that misses its clock, too.
        on: the host that builds, by its name in hosts.toml; None: where the engine is.
    """

    board: str | None = None
    rehearse: bool | None = None
    seconds: float | None = None
    batch: int | None = None
    limit: int | None = None
    allow_missed_clock: bool = False
    on: str | None = None


def with_folding(opened: Opened, folding: Folding, name: str) -> Opened:
    """Return a model opened with another folding; the first is left as it is."""
    editor = opened.editor
    other = Editor(
        editor.design,
        editor.tables,
        editor.device,
        editor.clock_ns,
        folding,
        folding,
        name,
        editor.costs,
    )
    return replace(opened, editor=other)
