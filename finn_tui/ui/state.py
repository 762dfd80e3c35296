"""The state that features of the app share.

Messages from workers change it, actions ask it, widgets draw it. A feature keeps what only it
needs in a class of its own, see ``AppState.feature``. Whoever changes state that a screen may be
showing publishes a topic; screens subscribe to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from finn_tui.board.catalogue import REPLAY
from finn_tui.lab.boards.board_queue import BoardQueue
from finn_tui.lab.workspace import Workspace
from finn_tui.ui.app_log import AppLog

if TYPE_CHECKING:
    from finn_tui.base.errors import FinnTuiError
    from finn_tui.base.progress import Progress
    from finn_tui.board.doctor import DoctorReport
    from finn_tui.core.editor import Editor
    from finn_tui.hosts.status import HostStatus
    from finn_tui.lab.boards.board_results import BoardResults
    from finn_tui.lab.foldings.opened import Opened
    from finn_tui.lab.models.models import FailedPreparation
    from finn_tui.lab.results.results_table import Experiment
    from finn_tui.runs.analysis.diagnosis import Diagnosis
    from finn_tui.runs.documents import Notes
    from finn_tui.runs.folder import DamagedRun, RunFolder, RunRequest, RunState
    from finn_tui.runs.placement import Placement

F = TypeVar("F")

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
        placement: where it works if not here.
    """

    folder: RunFolder
    request: RunRequest
    state: RunState
    changed: float = 0.0
    notes: Notes = field(default_factory=_no_notes)
    stamp: tuple[float, ...] = field(default=(), compare=False)
    clock_missed_ns: float | None = None
    placement: Placement | None = None

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
    def built(self) -> bool:
        """Whether it is a build that has succeeded."""
        return self.state.state == "succeeded" and not self.request.is_training

    @property
    def simulated(self) -> bool:
        """Whether its numbers are those of stand-ins."""
        return self.request.simulated


@dataclass
class JobState:
    """One of the board's jobs: waiting, running, done, failed or stopped.

    Attributes:
        seconds_left: of a validation, while it runs; None where it is not known.
    """

    status: str = "waiting"
    message: str = ""
    fraction: float | None = None
    began: float = 0.0
    seconds: float = 0.0
    seconds_left: float | None = None

    def start(self) -> None:
        """It is being done from now on."""
        self.status, self.began, self.message, self.fraction = "running", time.monotonic(), "", None
        self.seconds_left = None

    def end(self, status: str) -> None:
        """It has ended."""
        self.status, self.seconds = status, time.monotonic() - self.began


@dataclass
class BoardState:
    """The board screen: which run on which machine, and what is being done.

    Attributes:
        run: id of the run; empty for the newest that has been built.
        busy: the job asked for ("go", "deploy", ...) while it runs; ``busy_on`` is its machine.
        queue: the runs that are deployed and validated one after the other.
        jobs: how far each of ``BOARD_JOBS`` is, with the run ``jobs_of``.
        results: results.json of the run, read when it changes.
        read: what is shown of them, with images; None before it was read.
        accuracy: running accuracy in percent with images done and in all, while validating.
        interval: its 95 % confidence interval in percent.
        marks: what stands beside the figures of the job: "REPLAY", "SIMULATED", both or nothing.
        recording: whether what is done on the board is recorded.
        replay_speed: of a recorded session: 1 as recorded, 0 without pauses; None for what the
            board's entry says.
        reports: the last report of the board doctor by the machine's name.
    """

    run: str = ""
    machine: str = "simulated"
    busy: str = ""
    busy_on: str = ""
    queue: BoardQueue = field(default_factory=BoardQueue)
    jobs: dict[str, JobState] = field(default_factory=dict)
    jobs_of: str = ""
    results: Mapping[str, Any] = field(default_factory=dict)
    results_of: tuple[str, float] = ("", 0.0)
    read: BoardResults | None = None
    accuracy: tuple[float, int, int] | None = None
    interval: tuple[float, float] | None = None
    marks: str = ""
    recording: bool = False
    replay_speed: float | None = None
    reports: dict[str, DoctorReport] = field(default_factory=dict)
    error: FinnTuiError | None = None
    log: AppLog = field(default_factory=AppLog)

    @property
    def replays(self) -> bool:
        """Whether a recorded session is chosen in place of a board."""
        return self.machine.startswith(REPLAY) or (self.read is not None and self.read.replay)

    def begin(self, job: str) -> None:
        """A job is asked for: `go` is all of them."""
        self.busy, self.busy_on, self.jobs_of = job, self.machine, self.run
        self.error, self.accuracy, self.interval, self.marks = None, None, None, ""
        self.jobs = {name: JobState() for name in BOARD_JOBS if job in ("go", name)}

    def jobs_with(self, run: str) -> Mapping[str, JobState]:
        """Return how far the jobs with a run are; none where the last ones were another run's."""
        return self.jobs if run == self.jobs_of else {}

    def error_with(self, run: str) -> FinnTuiError | None:
        """Return why the last job with a run failed."""
        return self.error if run == self.jobs_of else None


@dataclass
class FlowState:
    """The flow screen: which stage is chosen and the graphs read so far.

    Attributes:
        failed: stages of a preparation that failed, shown instead of the open model's.
    """

    stage: int = -1
    failed: FailedPreparation | None = None
    graphs: dict[Path, Mapping[str, Any]] = field(default_factory=dict)
    reading: Path | None = None
    error: FinnTuiError | None = None


class ModelSession(Protocol):
    """The model that is open, as every feature may use it; ``TuneState`` has more."""

    opened: Opened

    @property
    def editor(self) -> Editor:
        """The editor of its folding."""
        ...


class Topic(StrEnum):
    """A part of the state; it is published when that part has changed."""

    MODEL = "model"
    FLOW = "flow"
    RUNS = "runs"
    SNAPSHOT = "snapshot"
    BOARD = "board"
    SETTINGS = "settings"
    HOSTS = "hosts"


class AppState:
    """The state of the app.

    Attributes:
        tune: the model that is open; None before one is.
        opening, opening_at: the model that is being opened, and how far that is.
        aside: work whose progress the user has put aside to see something else.
        launching: whether a build is being started.
        runs, results, broken: the workspace's runs, newest first; their measured results; what
            could not be read. ``runs_read`` is set once they were read.
        unfinished: ids of runs that had not ended at the last look: their end is announced.
        chosen_run_id, failure: the run that the Runs screen shows (empty: the newest), and why
            it failed.
        searching: whether the large log viewer shows matches of a search.
        sweeping: what a series of foldings is doing; empty while there is none.
        hosts: how the connections to the hosts in use are, by their names.
    """

    def __init__(self, workspace: Workspace, keymap: Mapping[str, str]) -> None:
        self.workspace = workspace
        self.keymap = keymap
        self.tune: ModelSession | None = None
        self.opening = ""
        self.opening_at: Progress | None = None
        self.aside: set[str] = set()
        self.launching = False
        self.runs: tuple[RunView, ...] = ()
        self.runs_read = False
        self.unfinished: set[str] = set()
        self.results: tuple[Experiment, ...] = ()
        self.broken: tuple[DamagedRun, ...] = ()
        self.chosen_run_id = ""
        self.failure: Diagnosis | None = None
        self.board = BoardState(machine=workspace.settings.to, queue=BoardQueue(workspace.root))
        self.flow = FlowState()
        self.searching = False
        self.sweeping = ""
        self.hosts: dict[str, HostStatus] = {}
        #: Called with each topic that is published; the app tells its screens.
        self.publish: Callable[[Topic], None] = lambda topic: None
        self._features: dict[type[Any], Any] = {}

    def feature(self, kind: type[F]) -> F:
        """Return the state that a feature keeps to itself, made when it is first asked for."""
        if kind not in self._features:
            self._features[kind] = kind()
        state: F = self._features[kind]
        return state

    def find(self, kind: type[F]) -> F | None:
        """Return the state of a feature that was put in; None if there is none."""
        return self._features.get(kind)

    def put(self, state: object) -> None:
        """Keep the state of a feature, in place of an earlier one of its class."""
        self._features[type(state)] = state

    def drop(self, *kinds: type[Any]) -> None:
        """Forget the state of features."""
        for kind in kinds:
            self._features.pop(kind, None)

    def run(self, id: str) -> RunView | None:
        """Return a run by its id."""
        return next((run for run in self.runs if run.id == id), None)

    def chosen_run(self) -> RunView | None:
        """Return the run that the Runs screen shows: the chosen one, else the newest.

        None where there is none, or a damaged one is chosen, see ``damaged_run``.
        """
        if self.damaged_run() is not None:
            return None
        return self.run(self.chosen_run_id) or (self.runs[0] if self.runs else None)

    def damaged_run(self) -> DamagedRun | None:
        """Return the damaged run that is chosen on the Runs screen, or that is all there is."""
        chosen = next((run for run in self.broken if run.id == self.chosen_run_id), None)
        return chosen or (self.broken[0] if self.broken and not self.runs else None)

    def newest_built(self) -> RunView | None:
        """Return the newest run that has succeeded."""
        return next((run for run in self.runs if run.built), None)

    def board_run(self) -> RunView | None:
        """Return the run that the Board screen works with."""
        chosen = self.run(self.board.run)
        if chosen is not None and chosen.built:
            return chosen
        return self.newest_built()
