"""The Runs screen's own state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from finn_tui.ui.logs.view import LogView

if TYPE_CHECKING:
    from finn_tui.runs.eta import Eta
    from finn_tui.runs.live.snapshot import RunSnapshot
    from finn_tui.runs.live.training import TrainingSnapshot


@dataclass
class RunsState:
    """State of the chosen run on the Runs screen.

    Attributes:
        snapshot: of the run, taken at ``snapshot_at`` by the monotonic clock.
        eta: what is still to come of it.
        training: of a training in place of a snapshot; ``training_result`` what it has reached.
        usual: seconds that its steps usually take, in their order.
        unfolded: steps whose jobs are shown, or hidden for the one that runs.
        caused: the cause whose log was shown already.
        log: the log that is shown beside them, since ``log_at`` by the monotonic clock.
        log_fixed: the user has chosen it; otherwise it is the one that grows.
        log_of: the run that all this is about.
        marked: ids of marked runs, in the order in which they were marked.
    """

    snapshot: RunSnapshot | None = None
    snapshot_at: float = 0.0
    eta: Eta | None = None
    training: TrainingSnapshot | None = None
    training_result: Mapping[str, Any] = field(default_factory=dict)
    usual: Mapping[str, float] = field(default_factory=dict)
    unfolded: set[str] = field(default_factory=set)
    caused: tuple[str, str, int | None] = ("", "", None)
    log: LogView = field(default_factory=LogView)
    log_title: str = "runner.log"
    log_at: float = 0.0
    log_fixed: bool = False
    log_of: str = ""
    marked: list[str] = field(default_factory=list)
