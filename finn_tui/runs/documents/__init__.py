"""The documents of a run folder as structs: what ``run.json`` and its siblings hold.

They are written by the runner inside FINN's Python (``engine/server``), by the board jobs and by
``runs/launch``; ``runs/folder`` reads them. ``docs/json.md`` is generated from these classes.
"""

from __future__ import annotations

from finn_tui.runs.documents.board_results import (
    AccuracyResult,
    BatchThroughput,
    ClassAccuracy,
    ComparisonResult,
    DifferentImage,
    ExecuteResult,
    ScoredClass,
    ThroughputResult,
    TimeSpread,
)
from finn_tui.runs.documents.build_results import (
    PostSynthesis,
    StepTimes,
    Timing,
    ToolVersion,
    ToolWarning,
)
from finn_tui.runs.documents.request import (
    Estimate,
    RunEngine,
    RunEstimate,
    RunRehearsal,
    RunRequest,
    RunSource,
    RunWeights,
    TrainingRequest,
)
from finn_tui.runs.documents.results import Notes, RunResults, TrainingResult
from finn_tui.runs.documents.state import RunError, RunEvent, RunState
from finn_tui.runs.documents.statuses import FINAL, RunKind, RunStatus, StepStatus, Time

__all__ = [
    "FINAL",
    "AccuracyResult",
    "BatchThroughput",
    "ClassAccuracy",
    "ComparisonResult",
    "DifferentImage",
    "Estimate",
    "ExecuteResult",
    "Notes",
    "PostSynthesis",
    "RunEngine",
    "RunError",
    "RunEstimate",
    "RunEvent",
    "RunKind",
    "RunRehearsal",
    "RunRequest",
    "RunResults",
    "RunSource",
    "RunState",
    "RunStatus",
    "RunWeights",
    "ScoredClass",
    "StepStatus",
    "StepTimes",
    "ThroughputResult",
    "Time",
    "TimeSpread",
    "Timing",
    "ToolVersion",
    "ToolWarning",
    "TrainingRequest",
    "TrainingResult",
]
