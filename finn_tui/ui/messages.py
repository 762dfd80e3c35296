"""What workers tell the app. Each carries data; the app's handlers change the state with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    from finn_tui.core.solve import Solution
    from finn_tui.errors import FinnTuiError
    from finn_tui.lab.experiments import Experiment
    from finn_tui.lab.questions import Point, Question
    from finn_tui.lab.session import Opened
    from finn_tui.progress import Progress
    from finn_tui.runs.diagnosis import Diagnosis
    from finn_tui.runs.eta import Eta
    from finn_tui.runs.folder import RunFolder
    from finn_tui.runs.logs import LogFile
    from finn_tui.runs.picture import Picture
    from finn_tui.runs.preflight import Finding
    from finn_tui.runs.scan import Found
    from finn_tui.runs.scanner import Hits
    from finn_tui.ui.pareto import ParetoFront
    from finn_tui.ui.solving import Solving
    from finn_tui.ui.state import RunView


@dataclass
class Told(Message):
    """Long work is one step further; ``work`` says which ("open", "build", "board")."""

    work: str
    progress: Progress

    def can_replace(self, message: Message) -> bool:
        """A newer figure of the same stage takes the place of one that nobody has seen yet."""
        return (
            isinstance(message, Told)
            and message.work == self.work
            and message.progress.stage == self.progress.stage
            and not self.progress.data.get("log")
            and self.progress.fraction is not None
            and message.progress.fraction is not None
        )


@dataclass
class Failed(Message):
    """Work ended with an error; ``shown`` if the screen itself shows it."""

    work: str
    error: FinnTuiError


@dataclass
class ModelOpened(Message):
    """A model is ready to be folded."""

    opened: Opened
    folding_name: str


@dataclass
class Solved(Message):
    """The solver has answered a question, or said why it cannot."""

    solving: Solving
    question: Question
    solution: Solution | None
    error: FinnTuiError | None


@dataclass
class FrontFound(Message):
    """A point of a Pareto front; its end, with what went wrong, where ``point`` is None."""

    front: ParetoFront
    point: Point | None
    error: FinnTuiError | None = None
    refused: FinnTuiError | None = None


@dataclass
class FastestFound(Message):
    """The fastest folding that fits what the solve dialog has, or why there is none."""

    solving: Solving
    question: Question
    found: Solution | FinnTuiError


@dataclass
class GraphRead(Message):
    """The nodes of one stage."""

    path: Path
    graph: Mapping[str, Any] | None
    error: FinnTuiError | None = None


@dataclass
class RunsRead(Message):
    """The runs as they are now; ``results`` is None where no result has changed."""

    runs: tuple[RunView, ...]
    results: tuple[Experiment, ...] | None
    broken: tuple[FinnTuiError, ...] = ()


@dataclass
class PictureTaken(Message):
    """The run that the Runs screen shows, as it is now; ``cause`` once it has failed."""

    run: str
    picture: Picture
    eta: Eta | None = None
    cause: Diagnosis | None = None


@dataclass
class LogFound(Message):
    """A search in a log is a step further."""

    hits: Hits
    found: Found


@dataclass
class LogsListed(Message):
    """The logs that a run has, with how large each is and when it was last written to."""

    run: str
    logs: tuple[tuple[LogFile, int, float], ...]


@dataclass
class BuildBegun(Message):
    """A build runs in a process of its own now."""

    run: RunFolder


@dataclass
class BuildChecked(Message):
    """Something speaks against a build that was asked for; the user decides."""

    opened: Opened
    rehearse: bool | None
    found: tuple[Finding, ...]


@dataclass
class LookedAfter(Message):
    """A job on a run that has ended is done; ``answer`` depends on the job."""

    run: RunFolder
    job: str
    answer: Any


@dataclass
class BoardDone(Message):
    """The board has done a job; ``missing`` says what of it could not be done."""

    job: str
    missing: tuple[FinnTuiError, ...] = ()


@dataclass
class BoardRead(Message):
    """What is known of a run on a board: its results and a sample image."""

    run: str
    changed: float
    results: Mapping[str, Any]
    image: int
    sample: Any
