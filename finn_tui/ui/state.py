"""What the app knows. Messages from workers change it, actions ask it, widgets draw it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finn_tui.lab.workspace import Workspace
from finn_tui.ui.logs.app_log import AppLog
from finn_tui.ui.logs.view import LogView

if TYPE_CHECKING:
    from finn_tui.base.errors import FinnTuiError
    from finn_tui.base.progress import Progress
    from finn_tui.lab.results_table import Experiment
    from finn_tui.runs.analysis.diagnosis import Diagnosis
    from finn_tui.runs.documents import Notes
    from finn_tui.runs.eta import Eta
    from finn_tui.runs.folder import RunFolder, RunRequest, RunState
    from finn_tui.runs.live.snapshot import Picture
    from finn_tui.ui.tune.state import TuneState

#: What `go` does, in order; each can be done alone.
BOARD_JOBS = ("deploy", "execute", "throughput", "validate")


def _no_notes() -> Notes:
    from finn_tui.runs.documents import Notes

    return Notes()


@dataclass(frozen=True)
class RunView:
    """A run as it was last seen.

    Attributes:
        changed: when its results were last written (seconds since the epoch), 0 before.
        notes: what the user says of it.
        stamp: when its documents were last written: another one means to read it again.
        clock_missed_ns: by how much its design misses its clock, None if it does not.
    """

    folder: RunFolder
    request: RunRequest
    state: RunState
    changed: float = 0.0
    notes: Notes = field(default_factory=_no_notes)
    stamp: tuple[float, ...] = field(default=(), compare=False)
    clock_missed_ns: float | None = None

    @property
    def id(self) -> str:
        """The run's name."""
        return self.folder.id

    @property
    def ended(self) -> float | None:
        """When it ended (seconds since the epoch); None while it runs."""
        ended = self.state.ended
        return datetime.fromisoformat(ended).timestamp() if ended and self.state.final else None

    @property
    def simulated(self) -> bool:
        """Whether its numbers are those of stand-ins."""
        return self.request.simulated


@dataclass
class JobState:
    """One of the board's jobs: waiting, running, done, failed or stopped."""

    status: str = "waiting"
    message: str = ""
    fraction: float | None = None
    began: float = 0.0
    seconds: float = 0.0

    def start(self) -> None:
        """It is being done from now on."""
        self.status, self.began, self.message, self.fraction = "running", time.monotonic(), "", None

    def end(self, status: str) -> None:
        """It has ended."""
        self.status, self.seconds = status, time.monotonic() - self.began


@dataclass
class BoardState:
    """The board screen: which run on which machine, and what is being done.

    Attributes:
        run: id of the run; empty for the newest that has been built.
        busy: the job asked for ("go", "deploy", ...) while it runs.
        jobs: how far each of ``BOARD_JOBS`` is.
        results: results.json of the run, read when it changes.
        sample: the sample image with its number, as uint8 of (H, W) or (H, W, 3), if read.
        accuracy: running accuracy in percent with images done and in all, while validating.
    """

    run: str = ""
    machine: str = "simulated"
    busy: str = ""
    jobs: dict[str, JobState] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    results_of: tuple[str, float] = ("", 0.0)
    sample: Any = None
    sample_of: tuple[str, int] = ("", 0)
    accuracy: tuple[float, int, int] | None = None
    error: FinnTuiError | None = None
    log: AppLog = field(default_factory=AppLog)

    def begin(self, job: str) -> None:
        """A job is asked for: `go` is all of them."""
        self.busy, self.error, self.accuracy = job, None, None
        self.jobs = {name: JobState() for name in BOARD_JOBS if job in ("go", name)}


@dataclass
class RunsState:
    """The runs screen: which run is chosen, and what is known of it.

    Attributes:
        picture: of the run, taken at ``picture_at`` by the monotonic clock.
        eta: what is still to come of it; cause: why it failed.
        unfolded: steps whose jobs are shown, or hidden for the one that runs.
        caused: the cause whose log was shown already.
        log: the log that is shown beside them, since ``log_at`` by the monotonic clock.
        log_fixed: the user has chosen it; otherwise it is the one that grows.
        log_of: the run that all this is about.
    """

    chosen: str = ""
    picture: Picture | None = None
    picture_at: float = 0.0
    eta: Eta | None = None
    cause: Diagnosis | None = None
    unfolded: set[str] = field(default_factory=set)
    caused: tuple[str, str, int | None] = ("", "", None)
    log: LogView = field(default_factory=LogView)
    log_title: str = "runner.log"
    log_at: float = 0.0
    log_fixed: bool = False
    log_of: str = ""


@dataclass
class FlowState:
    """The flow screen: which stage is chosen and the graphs read so far."""

    stage: int = -1
    graphs: dict[Path, Mapping[str, Any]] = field(default_factory=dict)
    reading: Path | None = None
    error: FinnTuiError | None = None


class AppState:
    """Everything that screens show."""

    def __init__(self, workspace: Workspace, keymap: Mapping[str, str]) -> None:
        self.workspace = workspace
        self.keymap = keymap
        self.tune: TuneState | None = None
        self.opening = ""
        self.opening_at: Progress | None = None
        #: Work whose progress the user has put aside to see something else.
        self.aside: set[str] = set()
        self.launching = False
        self.runs: tuple[RunView, ...] = ()
        self.runs_read = False
        #: Runs that had not ended when they were last looked at: their end is announced.
        self.unfinished: set[str] = set()
        self.results: tuple[Experiment, ...] = ()
        self.broken: tuple[FinnTuiError, ...] = ()
        self.runs_view = RunsState()
        self.board = BoardState(machine=workspace.settings.to)
        self.flow = FlowState()
        #: The log that is shown large, while it is.
        self.viewer: LogView | None = None

    def run(self, id: str) -> RunView | None:
        """A run by its name."""
        return next((run for run in self.runs if run.id == id), None)

    def chosen_run(self) -> RunView | None:
        """The run that the Runs screen shows: the chosen one, else the newest."""
        return self.run(self.runs_view.chosen) or (self.runs[0] if self.runs else None)

    def newest_built(self) -> RunView | None:
        """The newest run that has succeeded."""
        return next((run for run in self.runs if run.state.state == "succeeded"), None)

    def board_run(self) -> RunView | None:
        """The run that the Board screen works with."""
        chosen = self.run(self.board.run)
        if chosen is not None and chosen.state.state == "succeeded":
            return chosen
        return self.newest_built()
