"""What workers tell the app. Each carries data; the app's handlers change the state with it.

The app looks every message up in one table by its kind of work, see ``FinnTuiApp.work_table``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from textual.message import Message

if TYPE_CHECKING:
    from finn_tui.base.errors import FinnTuiError
    from finn_tui.base.progress import Progress
    from finn_tui.core.design import Knob, Layer
    from finn_tui.core.device import Device
    from finn_tui.core.optimize.solve import Solution
    from finn_tui.lab.results_table import Experiment
    from finn_tui.lab.solver.requests import ParetoPoint, SolveRequest
    from finn_tui.lab.workbench import Opened
    from finn_tui.lab.working_folding import WorkingFolding
    from finn_tui.runs.analysis.diagnosis import Diagnosis
    from finn_tui.runs.eta import Eta
    from finn_tui.runs.folder import RunFolder
    from finn_tui.runs.launch.preflight import Finding
    from finn_tui.runs.live.snapshot import Picture
    from finn_tui.runs.logs.search import Found
    from finn_tui.runs.logs.search_worker import Hits
    from finn_tui.runs.logs.tail import LogFile
    from finn_tui.ui.advice.state import Advice as AdviceFound
    from finn_tui.ui.advice.state import AdviceState
    from finn_tui.ui.pareto.state import ParetoFront
    from finn_tui.ui.solve.state import SolveState
    from finn_tui.ui.state import RunView
    from finn_tui.ui.toolkit.listing import Cell, Content, Row
    from finn_tui.ui.tune.state import TuneState


class WorkKind(StrEnum):
    """Everything that the app does in the background.

    Work of a kind ends when other work of it is started, except where ``CONCURRENT`` names it.
    """

    OPEN = "open"
    GRAPH = "graph"
    TARGETS = "targets"
    FOLDINGS = "foldings"
    VALUES = "values"
    PRICES = "prices"
    ADVICE = "advice"
    FASTEST = "fastest"
    SOLVE = "solve"
    FRONT = "front"
    OUTLOOK = "outlook"
    BUILD = "build"
    REBUILD = "rebuild"
    UPKEEP = "upkeep"
    CANCEL = "cancel"
    RUNS = "runs"
    FOLLOW = "follow"
    LOGS = "logs"
    LOG_ERRORS = "log-errors"
    LOG_SEARCH = "log-search"
    LOG_ONLY = "log-only"
    PAGER = "pager"
    BOARD = "board"
    SAMPLE = "sample"
    KEEP = "keep"
    QUIT = "quit"


#: Work that may be done for several runs at once.
CONCURRENT = frozenset({WorkKind.UPKEEP, WorkKind.CANCEL})


class WorkResult(Message):
    """What work of a kind has found out, at its end or on its way."""

    kind: ClassVar[WorkKind]


@dataclass
class ProgressUpdated(Message):
    """Work is one step further."""

    kind: WorkKind
    progress: Progress

    def can_replace(self, message: Message) -> bool:
        """A newer figure of the same stage takes the place of one that nobody has seen yet."""
        return (
            isinstance(message, ProgressUpdated)
            and message.kind == self.kind
            and message.progress.stage == self.progress.stage
            and not self.progress.data.get("log")
            and self.progress.fraction is not None
            and message.progress.fraction is not None
        )


@dataclass
class WorkFailed(Message):
    """Work ended with an error; a defect of finn-tui comes as one that names its log."""

    kind: WorkKind
    error: FinnTuiError


@dataclass
class WorkCancelled(Message):
    """Work was cancelled, and no other of its kind took its place."""

    kind: WorkKind


@dataclass
class ModelOpened(WorkResult):
    """A model is ready to be folded.

    Attributes:
        working: the folding of an earlier session that it was opened with.
        problem: why that of an earlier session could not be restored.
    """

    kind = WorkKind.OPEN
    opened: Opened
    folding_name: str
    working: WorkingFolding | None = None
    problem: FinnTuiError | None = None


@dataclass
class SolveFinished(WorkResult):
    """The solver has answered a question, or said why it cannot."""

    kind = WorkKind.SOLVE
    solving: SolveState
    question: SolveRequest
    solution: Solution | None
    error: FinnTuiError | None


@dataclass
class FrontAdvanced(WorkResult):
    """A point of a Pareto front; its end, with what went wrong, where ``point`` is None."""

    kind = WorkKind.FRONT
    front: ParetoFront
    point: ParetoPoint | None
    error: FinnTuiError | None = None
    refused: FinnTuiError | None = None


@dataclass
class FastestFound(WorkResult):
    """The fastest folding that fits what the solve dialog has, or why there is none."""

    kind = WorkKind.FASTEST
    solving: SolveState
    question: SolveRequest
    found: Solution | FinnTuiError


@dataclass
class GraphRead(WorkResult):
    """The nodes of one stage."""

    kind = WorkKind.GRAPH
    path: Path
    graph: Mapping[str, Any]


@dataclass
class TargetsListed(WorkResult):
    """The boards that a model can be folded for, by name."""

    kind = WorkKind.TARGETS
    tune: TuneState
    devices: Mapping[str, Device]


@dataclass
class FoldingsListed(WorkResult):
    """The foldings that can be named for a model, with what each gives; what they are for."""

    kind = WorkKind.FOLDINGS
    tune: TuneState
    rows: Sequence[Row]
    purpose: Literal["load", "compare"]


@dataclass
class ValuesListed(WorkResult):
    """The values that a knob or setting of a layer can have, with what each gives."""

    kind = WorkKind.VALUES
    tune: TuneState
    layer: Layer
    name: str
    content: Content


@dataclass
class SharedValuesListed(WorkResult):
    """The values that a knob can have on the marked layers, as (value, cells)."""

    kind = WorkKind.VALUES
    tune: TuneState
    knob: Knob
    options: Sequence[tuple[str, list[Cell]]]


@dataclass
class FifosPriced(WorkResult):
    """FINN has priced the FIFOs of the present folding."""

    kind = WorkKind.PRICES
    tune: TuneState


@dataclass
class AdviceReady(WorkResult):
    """What the layers could give back; ``advice`` is the dialog's state that asked."""

    kind = WorkKind.ADVICE
    advice: AdviceState
    answer: AdviceFound


@dataclass
class RunsRead(WorkResult):
    """The runs as they are now; ``results`` is None where no result has changed."""

    kind = WorkKind.RUNS
    runs: tuple[RunView, ...]
    results: tuple[Experiment, ...] | None
    broken: tuple[FinnTuiError, ...] = ()


@dataclass
class SnapshotTaken(WorkResult):
    """The run that the Runs screen shows, as it is now; ``cause`` once it has failed."""

    kind = WorkKind.FOLLOW
    run: str
    picture: Picture
    eta: Eta | None = None
    cause: Diagnosis | None = None


@dataclass
class SearchAdvanced(WorkResult):
    """A search in a log is a step further."""

    kind = WorkKind.LOG_SEARCH
    hits: Hits
    found: Found


@dataclass
class LogsListed(WorkResult):
    """The logs that a run has, with how large each is and when it was last written to."""

    kind = WorkKind.LOGS
    run: str
    logs: tuple[tuple[LogFile, int, float], ...]


@dataclass
class OutlookReady(WorkResult):
    """More about what is to be confirmed, as texts with their roles."""

    kind = WorkKind.OUTLOOK
    facts: Sequence[tuple[str, str]]


@dataclass
class BuildStarted(WorkResult):
    """A build runs in a process of its own now."""

    kind = WorkKind.BUILD
    run: RunFolder


@dataclass
class BuildChecked(WorkResult):
    """Something speaks against a build that was asked for; the user decides."""

    kind = WorkKind.BUILD
    opened: Opened
    rehearse: bool | None
    found: tuple[Finding, ...]


@dataclass
class UpkeepDone(WorkResult):
    """A job on a run that has ended is done; ``answer`` depends on the job."""

    kind = WorkKind.UPKEEP
    run: RunFolder
    job: str
    answer: Any


@dataclass
class BoardJobDone(WorkResult):
    """The board has done a job; ``missing`` says what of it could not be done."""

    kind = WorkKind.BOARD
    job: str
    missing: tuple[FinnTuiError, ...] = ()


@dataclass
class BoardResultsRead(WorkResult):
    """What is known of a run on a board: its results and a sample image."""

    kind = WorkKind.SAMPLE
    run: str
    changed: float
    results: Mapping[str, Any]
    image: int
    sample: Any
